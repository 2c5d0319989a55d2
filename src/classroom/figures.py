"""The pictures of the lessons: one function each, named after what it shows.

A lesson computes, and a function here draws. Each takes the lesson's own tables, shows the picture
once, and gives it a title that states the finding, units on both axes, and words for those who do
not see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classroom.pictures import show

BLUE, RED, GREEN, GOLD, GREY = "#1f5f8b", "#c0392b", "#2e7d4f", "#c9a227", "#777777"


def _plot() -> Any:
    import matplotlib.pyplot as plt

    return plt


# Lesson 00


def calibration_of_two_models(label: Any, predictions: Mapping[str, Any]) -> None:
    """Show for two models what was said against what came, in tenths of the flights.

    Parameters
    ----------
    label : Series of int
        What came, 0 or 1.
    predictions : mapping of str to array of float
        What each model said; the first is the calibrated one.
    """
    import pandas as pd

    figure, axes = _plot().subplots(figsize=(5.4, 4.2))
    for (name, said), colour in zip(predictions.items(), (BLUE, RED), strict=True):
        tenth = pd.qcut(said, 10, labels=False)
        mean, came = pd.Series(said).groupby(tenth).mean(), label.groupby(tenth).mean()
        axes.plot(mean, came, "o-", color=colour, label=name)
    axes.plot([0, 0.8], [0, 0.8], color="#999999", linestyle="--", label="what is said happens")
    axes.set_title("The balanced model says twice what happens")
    axes.set_xlabel("predicted share late (each point: a tenth of March)")
    axes.set_ylabel("share that was late")
    axes.legend()
    show(
        figure,
        "Calibration of two models on March. The plain model lies on the diagonal; the balanced "
        "model lies far right of it, at about twice the share of flights that was late.",
    )


# Lesson 01


# Lesson 02


# Lesson 03


# Lesson 04


# Lesson 05


def two_intervals_of_one_gap(daily: Any, intervals: Mapping[str, Any]) -> None:
    """Show a gap day by day, and beside it intervals of its mean.

    Parameters
    ----------
    daily : Series of float
        Loss of the candidate minus that of live, by day.
    intervals : mapping of str to (float, float)
        Low and high end, by how it was made.
    """
    figure, (left, right) = _plot().subplots(
        1, 2, figsize=(9, 3.6), width_ratios=(3, 1.6), sharey=True
    )
    days = [f"{day:%d}" for day in daily.index]
    left.bar(days, daily, color=[GREEN if value < 0 else RED for value in daily])
    left.set(xlabel="day of March 2013", ylabel="log loss, trees minus version 1")
    for x, (low, high) in enumerate(intervals.values()):
        middle = (low + high) / 2
        right.errorbar(x, middle, (high - low) / 2, fmt="o", capsize=6, color="#333333")
    right.set_xlim(-0.6, len(intervals) - 0.4)
    right.set_xticks(range(len(intervals)), list(intervals))
    right.set_xlabel("how the 90% interval is made")
    for axes in (left, right):
        axes.axhline(0, color=GREY, linewidth=1)
    left.set_title("By flight the trees are proven better, by day they are not")
    show(
        figure,
        "Left: the daily difference in log loss between trees and version 1, below zero on most "
        "days and far above on the first. Right: three intervals of the mean. Resampled by flight "
        "it is short and below zero; by days it is longer and contains zero, and by the team's "
        "rules it is longer still.",
    )


def two_days_carry_a_gap(daily: Any, heavy: Any) -> None:
    """Show the gap of one airline by day, with the days that carry it.

    Parameters
    ----------
    daily : Series of float
        Loss of the candidate minus that of live on the airline's flights, by day.
    heavy : sequence of Timestamp
        The days to point out.
    """
    figure, axes = _plot().subplots(figsize=(8, 3.4))
    days = [f"{day:%d}" for day in daily.index]
    axes.bar(days, daily, color=[RED if day in heavy else BLUE for day in daily.index])
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(xlabel="day of March 2013", ylabel="log loss on EV's flights,\nno EV minus version 1")
    axes.set_title("Two days carry what the candidate loses on EV")
    show(
        figure,
        "The daily difference in log loss on the flights of EV. The first two days, 18 and 19 "
        "March, stand out above all others; the other twelve lie on both sides of zero.",
    )


# Lesson 06


# Lesson 07


# Lesson 08


# Lesson 09


def worse_than_what(against: Mapping[str, Any]) -> None:
    """Show a release's loss against two others on the same days, with more and more of them.

    Parameters
    ----------
    against : mapping of str to DataFrame
        By what it is compared with, two of them; each table has a row per look, with the columns
        ``mean``, ``low`` and ``high``, and the last day that is known (a Timestamp) as its index.
    """
    figure, axes = _plot().subplots()
    styles = (("#b35900", "o", -0.5), (BLUE, "s", 0.5))
    for (other, found), (colour, marker, shift) in zip(against.items(), styles, strict=True):
        where = [day.day + shift for day in found.index]
        axes.vlines(where, found["low"], found["high"], color=colour, linewidth=2)
        axes.plot(where, found["mean"], marker, color=colour, label=f"version 3 minus {other}")
    axes.axhline(0, color="black", linewidth=1)
    days = next(iter(against.values())).index
    axes.set_xticks([day.day for day in days], [f"1 to {day.day}" for day in days])
    axes.set(xlabel="days of October 2013", ylabel="difference in log loss")
    axes.set_title("Two weeks prove it worse than v2; four do not against a guess")
    axes.legend(frameon=False)
    show(
        figure,
        "Intervals of four looks, each on all days of October so far. Version 3 minus version 2 "
        "narrows, and is wholly above zero from the second look on. Version 3 minus the naive "
        "guess contains zero in all four.",
    )


# Lesson 10


# Lesson 11


def against_the_mean_of_a_week(verdicts: Any) -> None:
    """Show seven fortnights of two models against the mean of seven days.

    Parameters
    ----------
    verdicts : DataFrame
        As `classroom.second_model.fortnights` returns it.
    """
    figure, axes = _plot().subplots()
    styles = {
        "left alone": ("left alone since March", -0.1, "#b35900"),
        "each quarter": ("trained again each quarter", 0.1, BLUE),
    }
    for column, (label, shift, colour) in styles.items():
        gaps = [verdict.check("beats_naive").interval for verdict in verdicts[column]]
        axes.errorbar(
            [month + shift for month in verdicts.index],
            [gap.mean for gap in gaps],
            yerr=[[g.mean - g.low for g in gaps], [g.high - g.mean for g in gaps]],
            fmt="o",
            capsize=3,
            color=colour,
            label=label,
        )
    axes.axhline(0, color="black", linewidth=1)
    axes.set_xticks(list(verdicts.index), ["Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct"])
    axes.set(xlabel="first fortnight of the month, 2013", ylabel="error minus the mean's, minutes")
    axes.set_title("The stale model loses to a mean of seven days, the fresh one ties")
    axes.legend(frameon=False)
    show(
        figure,
        "Difference to the seven-day mean with intervals, April to October. Left alone: around "
        "zero in April, then 2.5 to 5 minutes worse. Each quarter: the same to June, then close to "
        "zero, and below it in July.",
    )


# Lesson 12


def ledger_in_four_currencies(measured: Any) -> None:
    """Show what four tools cost, a panel per currency.

    Parameters
    ----------
    measured : DataFrame
        A row per tool; columns ``install_mb``, ``start_s``, ``resident_mb`` and ``glue_lines``.
    """
    words = {
        "install_mb": "on disk, MB",
        "start_s": "to start, s",
        "resident_mb": "in memory, MB",
        "glue_lines": "our lines of code",
    }
    figure, panels = _plot().subplots(1, 4, figsize=(9, 2.4), sharey=True)
    for axes, (column, label) in zip(panels, words.items(), strict=True):
        axes.barh(measured.index, measured[column].astype(float), color=BLUE)
        axes.set_xlabel(label)
    panels[0].invert_yaxis()
    panels[0].set_ylabel("tool")
    dearest = measured[list(words)].astype(float).fillna(0).idxmax().nunique()
    title = "No tool is the dearest in every currency" if dearest > 1 else "Four currencies"
    figure.suptitle(title, x=0.5, y=1.05, weight="bold")
    show(
        figure,
        "Four panels of bars, one per currency: megabytes on disk, seconds to start, megabytes in "
        "memory, lines of our own code, for Prefect, MLflow, BentoML and Evidently.",
    )


def live_releases(spans: Mapping[str, Any]) -> None:
    """Show which release was live when, coloured by what its gate had said.

    Parameters
    ----------
    spans : mapping of str to DataFrame
        Per use case the table of `classroom.timeline.spans`.
    """
    import matplotlib.dates as mdates

    figure, axes = _plot().subplots(figsize=(8, 2.2))
    colours = {"pass": BLUE, "hold": "#b35900"}
    for row, table in enumerate(spans.values()):
        for span in table.itertuples():
            colour = colours[span.gate]
            axes.barh(row, span.days, left=span.start, color=colour, edgecolor="white")
            wide = span.days > 9
            axes.text(
                span.start,
                row,
                f" v{span.version} ",
                color="white" if wide else "black",
                ha="left" if wide else "right",
                va="center",
            )
    axes.set_yticks(range(len(spans)), list(spans))
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(mdates.MonthLocator())
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%b"))
    axes.set(xlabel="month of 2013", ylabel="live release")
    axes.set_title("Both releases that shipped on a hold (orange) were taken back")
    show(
        figure,
        "Timeline of live releases by gate verdict. flights: version 1, then 2, both passed; "
        "version 3, held, in October; version 2 again. air_time: version 1, held, for one week in "
        "November.",
    )


def build_or_buy(costs: Any, years: int) -> None:
    """Show what building and buying cost with more and more models.

    Parameters
    ----------
    costs : DataFrame
        Columns ``build`` and ``buy``, in the currency of the day rate; the index counts models.
    years : int
        How long.
    """
    wins = int((costs["build"] < costs["buy"]).sum())
    figure, axes = _plot().subplots()
    for name, colour in (("build", BLUE), ("buy", "#b35900")):
        axes.plot(costs.index, costs[name] / 1000, color=colour, label=name)
    axes.set(xlabel="models in production", ylabel=f"cost over {years} years, thousands")
    axes.set_title(f"With these numbers, building is cheaper in {wins} of {len(costs)} cases")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    show(
        figure,
        f"Cost of build and of buy over 1 to {len(costs)} models: building is cheaper in {wins} "
        f"of {len(costs)} cases.",
    )
