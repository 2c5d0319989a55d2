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


# Lesson 08


# Lesson 09


# Lesson 10


# Lesson 11


# Lesson 12
