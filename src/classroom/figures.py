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


# Lesson 04


# Lesson 05


# Lesson 06


# Lesson 07


# Lesson 08


# Lesson 09


# Lesson 10


# Lesson 11


# Lesson 12
