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


# Lesson 10


# Lesson 11


# Lesson 12
