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


def log_loss_week_by_week(walked: Any) -> None:
    """Show the log loss of each model, week by week, as the cut is walked through the table.

    Parameters
    ----------
    walked : DataFrame of shape (n_weeks, n_models)
        Log losses; the index names the Monday of each week, the columns name the models.
    """
    figure, axes = _plot().subplots()
    for name, colour in zip(walked.columns, (BLUE, RED), strict=True):
        axes.plot(walked.index, walked[name], "o-", color=colour, label=name)
    axes.set_ylim(bottom=0)
    axes.set_title("The week moves the score more than the model does")
    axes.set_xlabel("first day of the week that was asked about (2013)")
    axes.set_ylabel("log loss (lower is better)")
    axes.legend(loc="lower left")
    weeks = ((walked.max() - walked.min()).mean(), (walked.iloc[:, 0] - walked.iloc[:, 1]).abs())
    show(
        figure,
        f"Log loss of the {walked.columns[0]} and the {walked.columns[1]} model in "
        f"{len(walked)} weeks. Both lines rise and fall together: a model's weeks are "
        f"{weeks[0]:.2f} apart, the two models {weeks[1].mean():.3f} on average.",
    )


def daily_calibration(daily: Any, constant: float) -> None:
    """Show day by day what was said and what came.

    Parameters
    ----------
    daily : DataFrame of shape (n_days, 2)
        Columns ``said`` (mean prediction) and ``came`` (share late), by day.
    constant : float
        The share late that was known when the first of these days began.
    """
    figure, axes = _plot().subplots()
    axes.plot(daily.index.day, daily["came"], "o-", color=RED, label="share that was late")
    axes.plot(daily.index.day, daily["said"], "o-", color=BLUE, label="mean prediction")
    axes.axhline(constant, color=GREY, linestyle="--", label="constant")
    far = int(((daily["said"] - daily["came"]).abs() > 0.05).sum())
    axes.set_ylim(bottom=0)
    axes.set_title(f"Right on average, off by more than 0.05 on {far} of {len(daily)} days")
    axes.set_xlabel("day of March 2013")
    axes.set_ylabel("share of flights")
    axes.legend()
    show(
        figure,
        f"Share of late flights and mean prediction on {len(daily)} days. The share that was late "
        f"lies between {daily['came'].min():.2f} and {daily['came'].max():.2f}, the prediction "
        f"between {daily['said'].min():.2f} and {daily['said'].max():.2f}.",
    )


# Lesson 02


def one_model_four_feature_codes(loss: Any, constant: float) -> None:
    """Show what one model's log loss becomes when another code makes its features.

    Parameters
    ----------
    loss : Series of float
        By feature code; the first is the one of training.
    constant : float
        The log loss of a constant, for comparison.
    """
    figure, axes = _plot().subplots(figsize=(8, 2.6))
    colours = [RED] * (len(loss) - 1) + [BLUE]
    axes.barh(loss.index[::-1], loss[::-1], color=colours)
    axes.axvline(constant, color="#333333", linestyle="--", label=f"a constant ({constant:.3f})")
    axes.set_title("One model, one fortnight: the second feature code decides")
    axes.set_xlabel("log loss on 18 to 31 March (lower is better)")
    axes.set_ylabel("features as served")
    axes.grid(axis="y", visible=False)
    axes.legend()
    bars = ", ".join(f"{name} {value:.2f}" for name, value in loss.items())
    show(
        figure,
        f"Log loss of one model with {len(loss)} feature codes: {bars}; a constant {constant:.2f}.",
    )


# Lesson 03


def attempts_of_a_run(states: Mapping[str, Any]) -> None:
    """Show when each task of a run worked, failed, waited and ended.

    Parameters
    ----------
    states : mapping of str to list of State
        The states that each task run went through, oldest first, by the run's name.
    """
    zero = min(through[0].timestamp for through in states.values())
    figure, axes = _plot().subplots(figsize=(8, 2.8))
    for row, through in enumerate(states.values()):
        seconds = [(state.timestamp - zero).total_seconds() for state in through]
        for state, start, stop in zip(through, seconds, seconds[1:], strict=False):
            if state.name == "AwaitingRetry":
                axes.barh(row, stop - start, left=start, height=0.3, color="#f2c48d")
                axes.plot(start, row, "x", color=RED, markersize=9, markeredgewidth=2)
            elif state.name in ("Running", "Retrying"):
                axes.barh(row, max(stop - start, 0.02), left=start, height=0.55, color=BLUE)
        axes.plot(seconds[-1], row, "o", color=GREEN, markersize=8)
    axes.set_yticks(range(len(states)), list(states))
    axes.invert_yaxis()
    axes.set(xlabel="seconds since the run began (x: failed, light: waiting, dot: done)")
    axes.set_ylabel("task")
    axes.set_title("Three attempts fail, the fourth lands March, and only then it goes on")
    show(
        figure,
        "Timeline of the four tasks of one run. January and February land at once. March fails "
        "three times, marked by crosses, and waits after each; the fourth attempt lands it. The "
        "snapshot starts only after that.",
    )


# Lesson 04


def answers_of_three_files(answers: Mapping[str, Any], by: str) -> None:
    """Show what three models say about the same flights, in the order of one of them.

    Parameters
    ----------
    answers : mapping of str to array of float
        What each model said.
    by : str
        The model whose answers give the order.
    """
    import pandas as pd

    table = pd.DataFrame(answers).sort_values(by, ignore_index=True)
    figure, axes = _plot().subplots()
    for name, colour in zip(table, (RED, BLUE, GOLD), strict=True):
        axes.plot(table.index / 1000, table[name].rolling(100).mean(), label=name, color=colour)
    axes.set_xlabel(f"flights of 18-31 March, sorted by the answer of {by} (thousands)")
    axes.set_ylabel("probability of being late\n(mean of 100 flights)")
    axes.legend()
    axes.set_title("Three files that look alike give three answers")
    show(
        figure,
        f"Probability of being late for {len(table):,} flights from three model files. The curves "
        "have one shape and differ in height nearly everywhere.",
    )


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


def two_services_against_the_notebook(notebook: Any, services: Mapping[str, Any]) -> None:
    """Show what two services said of each flight against what the notebook said.

    Parameters
    ----------
    notebook : Series of float
        The notebook's probabilities.
    services : mapping of str to array of float
        What each service said of the same flights.
    """
    figure, sides = _plot().subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
    figure.suptitle(
        "One model, two services: only one says what the notebook says", y=1.03, weight="bold"
    )
    for axes, (name, said), colour in zip(sides, services.items(), (RED, BLUE), strict=True):
        axes.plot([0, 0.7], [0, 0.7], color=GREY, linewidth=1)
        axes.scatter(notebook, said, s=6, color=colour)
        axes.set_xlabel("the notebook's probability of late")
        axes.set_title(name, weight="normal")
    sides[0].set_ylabel("the service's probability of late")
    show(
        figure,
        "Two panels, the service's probability against the notebook's for 970 flights. On the left "
        "the points lie off the diagonal, mostly below it; on the right all points lie on it.",
    )


# Lesson 07


def said_and_came_by_week(known: Any) -> None:
    """Show by week what version 1 said, what the naive guess said, and what was late.

    Parameters
    ----------
    known : DataFrame
        ``date``, ``prediction``, ``naive`` and ``label`` of flights whose label is in.
    """
    import matplotlib.dates as mdates

    weekly = known.groupby(known["date"].dt.to_period("W-SUN").dt.start_time)
    weekly = 100 * weekly[["prediction", "label", "naive"]].mean()
    figure, axes = _plot().subplots()
    axes.plot(weekly["label"], color=RED, marker="o", label="were late")
    axes.plot(weekly["naive"], color=GREY, linestyle="--", label="naive guess")
    axes.plot(weekly["prediction"], color=BLUE, marker="s", label="version 1 said")
    axes.xaxis.set(major_locator=mdates.MonthLocator(), major_formatter=mdates.DateFormatter("%b"))
    axes.set(xlabel="week of 2013", ylabel="late flights, %", ylim=(0, 57))
    axes.set_title("As summer comes, version 1 says less and more is late")
    axes.legend(frameon=False, loc="upper center", ncols=3)
    show(
        figure,
        "Share of late flights by week, April to mid July. What was late swings between 14 and 46 "
        "percent, the naive guess follows it slowly, and what version 1 said sinks from 17 to 9.",
    )


def one_drift_two_models(weeks: Any) -> None:
    """Show the loss of two models against the drifted inputs, and against the temperature.

    Parameters
    ----------
    weeks : DataFrame
        From `classroom.watching.weeks_in_service`.
    """
    figure, sides = _plot().subplots(1, 2, figsize=(8, 3.8), sharey=True)
    figure.suptitle("The same drift, two models: one breaks", x=0.5, weight="bold")
    for axes, column in zip(sides, ("drifted inputs", "temperature"), strict=True):
        axes.axhline(0, color="black", linewidth=1)
        apart = 0.08 if column == "drifted inputs" else 0  # or the squares would hide the circles
        for name, sign, colour, marker in (("v1", -1, RED, "o"), ("trees", 1, BLUE, "s")):
            label = "version 1" if name == "v1" else "trees"
            where = weeks[column] + sign * apart
            axes.scatter(where, weeks[f"{name} loses by"], color=colour, marker=marker, label=label)
    sides[0].set(
        xlabel="drifted inputs, of 12 numbers",
        xticks=[7, 8, 9],
        ylabel="log loss, model minus naive guess",
    )
    sides[1].set_xlabel("distance of the temperature, standard deviations")
    sides[1].legend(frameon=False, loc="upper center")
    show(
        figure,
        "Two panels, 15 weeks, log loss of a model minus that of the naive guess. Against the "
        "number of drifted inputs (7, 8 or 9) both models scatter without a trend. Against the "
        "distance of the temperature the trees stay near zero, while version 1 loses by up to 0.36 "
        "at the far right, in the last weeks.",
    )


def moves_and_an_accident(moves: Any, moved: float) -> None:
    """Show how far the temperature moved in clean weeks, and how far an accident moves it.

    Parameters
    ----------
    moves : Series of float
        From `classroom.watching.moves_between_weeks`.
    moved : float
        In the week of the accident, in the same unit.
    """
    figure, axes = _plot().subplots()
    axes.hist(moves, bins=30, color=BLUE, label="weeks without an accident")
    axes.axvline(moved, color=RED, linewidth=2, label="the week with your accident")
    axes.set_title("In most weeks the temperature moves by less than one")
    axes.set_xlabel("move of the median temperature since the week before, standard deviations")
    axes.set_ylabel("weeks (one ends on each day)")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, loc="upper center")
    show(
        figure,
        "Histogram of how far the median temperature moved from week to week, January to July: "
        "most weeks below 1, a few up to 2.5; and a line for the week with the accident.",
    )


# Lesson 08


def equal_models_looked_at_daily(series: Any, rules: Any) -> None:
    """Show for simulated equal models how far the evidence wanders, and two lines to cross.

    Parameters
    ----------
    series : array of float, shape (n_rollouts, at least max_days)
        Candidate minus live per day, with a true mean of 0; the first 60 are drawn.
    rules : RolloutRules
        Its shadow says which days are looked at.
    """
    import numpy as np

    from firstflight import intervals

    stage = rules.shadow
    how = {"block_days": stage.block_days, "autocorrelation": stage.autocorrelation}
    days = np.arange(stage.min_days, stage.max_days + 1)
    paths = np.stack([intervals.studentised(series[:60, :n], stage.block_days) for n in days])
    single = [intervals.critical_value(n, 1 - 2 * rules.error_max, **how) for n in days]
    all_looks = intervals.boundary(stage.min_days, stage.max_days, rules.error_max, **how)
    crossed = (paths < -np.array(single)[:, None]).any(axis=0)
    figure, axes = _plot().subplots(figsize=(8, 4))
    axes.plot(days, paths[:, ~crossed], color=GREY, linewidth=0.7, alpha=0.5)
    axes.plot(days, paths[:, crossed], color=RED, linewidth=1)
    axes.plot(days, -np.array(single), color=GOLD, linewidth=2.5, label="limit of one look")
    axes.plot(days, -np.array(all_looks), color=BLUE, linewidth=2.5, label="limit of daily looks")
    axes.set_ylim(-7, 7)
    axes.set_title(f"{crossed.sum()} of 60 equal models cross the limit of one look")
    axes.set_xlabel("day of the stage")
    axes.set_ylabel("candidate minus live, in standard errors")
    axes.legend(loc="upper right")
    show(
        figure,
        "Sixty simulated rollouts of equal models, day 7 to 28. Some of them, in red, go below the "
        "limit of one look on some day and come back. The limit of daily looks lies far lower on "
        "day 7 and comes near the other one by day 28.",
    )


def rollout_day_by_day(looks: Any) -> None:
    """Show the interval of each day of the shadow and of the canary, and what was decided.

    Parameters
    ----------
    looks : DataFrame
        ``labels up to``, ``mode``, ``decision``, ``mean``, ``low`` and ``high``, a row a look.
    """
    import matplotlib.dates as mdates
    import pandas as pd

    figure, axes = _plot().subplots()
    for (mode, said), rows in looks.groupby(["mode", "decision"]):
        colour, sign = (BLUE, "o") if mode == "shadow" else (RED, "s")
        axes.errorbar(
            pd.to_datetime(rows["labels up to"]),
            rows["mean"],
            yerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
            fmt=sign,
            capsize=3,
            color=colour,
            mfc=None if said == "promote" else "white",
            label=f"{mode}: {said}",
        )
    axes.axhline(0, color="black", linewidth=1)
    axes.xaxis.set_major_locator(mdates.DayLocator(interval=3))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
    axes.set_xlabel("labels up to this day of 2013")
    axes.set_ylabel("log loss, version 2 minus version 1")
    axes.set_title("The mean is good early; the proofs take 14 and 17 days")
    axes.legend(frameon=False, ncols=2, fontsize=8)
    show(
        figure,
        "Interval of version 2 minus version 1 by day. Shadow: very wide around zero on 16 July, "
        "narrowing to wholly below zero on 28 July. Canary: it is not decided before it is wholly "
        "below the margin of 0.01, on 14 August.",
    )


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


def version_against_live_by_day(gaps: Any, interval: Any) -> None:
    """Show how much a version's log loss differs from the live one's on each day of a fortnight.

    Parameters
    ----------
    gaps : DataFrame
        As `classroom.review_pages.daily_gaps` returns it, for days of one month.
    interval : Interval
        Of the mean difference, as the gate found it.
    """
    by_day, better = gaps["mean"], int((gaps["mean"] < 0).sum())
    figure, axes = _plot().subplots()
    words = f"mean of all flights, {interval.confidence:.0%} interval"
    axes.axhspan(interval.low, interval.high, color="#dddddd", label=words, zorder=0)
    axes.bar(by_day.index.day, by_day, color=[BLUE if gap < 0 else "#b35900" for gap in by_day])
    axes.axhline(0, color="black", linewidth=1)
    axes.set_xticks(list(by_day.index.day))
    axes.set(xlabel="day of November 2013", ylabel="log loss, version 4 minus version 2")
    axes.set_title(f"Better on {better} days of {len(gaps)}, and most of it comes from one")
    axes.legend(frameon=False)
    show(
        figure,
        f"Bars of the daily difference, below zero on {better} of {len(gaps)} days, the lowest at "
        f"{by_day.min():.3f} on day {by_day.idxmin().day}; a band shows the interval of the mean, "
        f"from {interval.low:.3f} to {interval.high:+.3f}.",
    )


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
    colours = {"pass": BLUE, "hold": "#b35900", "fail": RED}
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
