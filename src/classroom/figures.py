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


# Lesson 06


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


# Lesson 09


# Lesson 10


# Lesson 11


# Lesson 12
