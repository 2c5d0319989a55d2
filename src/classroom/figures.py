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


# Lesson 05


# Lesson 06


# Lesson 07


# Lesson 08


# Lesson 09


# Lesson 10


# Lesson 11


# Lesson 12
