"""Losses, and how sure we are of them when the flights of one day share their weather.

A mean loss over 6,000 flights of one week looks precise, and is not: the week has 7 days of
weather. All intervals here draw *days* with replacement, never rows.

References
----------
.. [1] H. R. Künsch, "The jackknife and the bootstrap for general stationary observations",
   Annals of Statistics 17(3), 1989: resample blocks to keep the dependence inside them.
.. [2] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, Chapman & Hall, 1993:
   chapter 8 (data that are not independent rows, blocks), chapter 13 (percentile intervals).
.. [3] C. A. Field and A. H. Welsh, "Bootstrapping clustered data", Journal of the Royal
   Statistical Society B 69(3), 2007: whole clusters drawn with replacement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_auc_score

from firstflight.errors import FirstFlightError

CLIP = 1e-6
"""Probabilities are clipped to [CLIP, 1 - CLIP]: one certain and wrong answer costs 13.8."""


class MetricError(FirstFlightError):
    """A loss or an interval cannot be computed from what was given."""


class Interval(BaseModel):
    """A mean and its percentile interval.

    ``mean``, ``low`` and ``high`` are in the unit of the loss; ``confidence`` is the share of
    resamples between ``low`` and ``high``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    low: float
    high: float
    n_rows: int
    n_days: int
    confidence: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def row_loss(metric: str, label: ArrayLike, prediction: ArrayLike) -> NDArray[np.float64]:
    """Return the loss of each row.

    Parameters
    ----------
    metric : {"log_loss", "mae"}
        ``"log_loss"`` for labels 0 and 1 and probabilities, ``"mae"`` for numbers.
    label, prediction : array_like of shape (n,)
        What happened and what was said.

    Returns
    -------
    ndarray of shape (n,)
        Log loss in nats, or the absolute error in the unit of the label.

    Raises
    ------
    MetricError
        The metric is unknown, there are no rows, the lengths differ, a value is missing or
        infinite, a label is not 0 or 1, or a probability is outside [0, 1].
    """
    truth, said = _pair(label, prediction)
    if metric == "mae":
        return np.abs(truth - said)
    if metric != "log_loss":
        raise MetricError(f'The metric "{metric}" is unknown; use "log_loss" or "mae".')
    _require_classes(truth)
    _require_probabilities(said)
    clipped = np.clip(said, CLIP, 1 - CLIP)
    return -(truth * np.log(clipped) + (1 - truth) * np.log1p(-clipped))


def interval(
    loss: ArrayLike,
    dates: ArrayLike,
    *,
    n: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean loss with an interval from drawing days with replacement [1]_ [2]_ [3]_.

    The days of the sample are the blocks. Each resample draws as many days as there are and
    divides the sum of their losses by the sum of their rows, so that a busy day weighs more, as
    it does in the mean. The interval is the percentile one. With few days it is too narrow (with
    14 days a nominal 95% covers about 90%), and weather that lasts for days makes it narrower
    still: take it as the least doubt you must have.

    Parameters
    ----------
    loss : array_like of shape (n_rows,)
        Loss of each row, or the difference of two losses.
    dates : array_like of shape (n_rows,)
        The day of each row.
    n : int, default=1000
        Number of resamples.
    confidence : float, default=0.95
        Share of resamples inside the interval.
    seed : int, default=0
        The same rows and seed give the same interval.

    Raises
    ------
    MetricError
        Fewer than 2 days, no rows, a missing value, or lengths that differ.
    """
    days, (sums, rows) = _by_day(dates, np.asarray(loss, dtype=float))
    draws = _draw(len(days), n, seed)
    resampled = sums[draws].sum(axis=1) / rows[draws].sum(axis=1)
    return _summary(sums.sum() / rows.sum(), resampled, int(rows.sum()), len(days), confidence)


def difference(
    loss_a: ArrayLike,
    loss_b: ArrayLike,
    dates: ArrayLike,
    *,
    n: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``loss_a - loss_b`` on the same rows, with its interval.

    Below 0 means that *a* is better. Pairing removes what the two share, the weather of the day,
    and is why a shadow is decided sooner than a canary. Parameters and errors as in `interval`.
    """
    first, second = np.asarray(loss_a, dtype=float), np.asarray(loss_b, dtype=float)
    if first.shape != second.shape:
        raise MetricError(
            f"A paired difference needs the same rows on both sides, and got {first.size} and "
            f"{second.size} losses."
        )
    return interval(first - second, dates, n=n, confidence=confidence, seed=seed)


def difference_arms(
    loss_a: ArrayLike,
    dates_a: ArrayLike,
    loss_b: ArrayLike,
    dates_b: ArrayLike,
    *,
    n: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean loss of arm *a* minus that of arm *b*, with its interval.

    The arms are different rows of the same days, as in a canary. Each day contributes the
    difference of its two arm means, weighted by its rows in both arms: the arms are compared
    within a day only, so a share that is raised on a calm day does not flatter the candidate. Both
    arms are resampled on the same drawn days. Days on which one arm has no row say nothing and
    are left out, of ``n_rows`` and ``n_days`` too. Parameters and errors as in `interval`.
    """
    days_a, (sums_a, rows_a) = _by_day(dates_a, np.asarray(loss_a, dtype=float), least=1)
    days_b, (sums_b, rows_b) = _by_day(dates_b, np.asarray(loss_b, dtype=float), least=1)
    days, in_a, in_b = np.intersect1d(days_a, days_b, return_indices=True)
    _require_days(len(days), 2, "with rows in both arms")
    sums_a, rows_a, sums_b, rows_b = sums_a[in_a], rows_a[in_a], sums_b[in_b], rows_b[in_b]
    weight = rows_a + rows_b
    weighted = weight * (sums_a / rows_a - sums_b / rows_b)
    draws = _draw(len(days), n, seed)
    resampled = weighted[draws].sum(axis=1) / weight[draws].sum(axis=1)
    mean = weighted.sum() / weight.sum()
    return _summary(mean, resampled, int(weight.sum()), len(days), confidence)


def calibration(label: ArrayLike, prediction: ArrayLike) -> float:
    """Return the bias: mean prediction minus mean label, in the unit of the label."""
    truth, said = _pair(label, prediction)
    return float(said.mean() - truth.mean())


def ece(label: ArrayLike, prediction: ArrayLike, bins: int = 10) -> float:
    """Return the expected calibration error with equally wide bins.

    The mean over rows of |share of label 1 - mean prediction| of the row's bin; 0 is perfect.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities
       using Bayesian binning", AAAI 2015.
    """
    truth, said = _pair(label, prediction)
    _require_classes(truth)
    _require_probabilities(said)
    index = np.minimum((said * bins).astype(int), bins - 1)
    gap = np.bincount(index, weights=said - truth, minlength=bins)
    return float(np.abs(gap).sum() / truth.size)


def auc(label: ArrayLike, prediction: ArrayLike) -> float:
    """Return the area under the ROC curve: the share of (late, punctual) pairs ranked right."""
    truth, said = _pair(label, prediction)
    _require_classes(truth)
    if truth.min() == truth.max():
        raise MetricError("AUC needs labels of both classes, and all labels here are the same.")
    return float(roc_auc_score(truth, said))


def _pair(label: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both sides as floats of one length, complete and not empty."""
    truth, said = np.asarray(label, dtype=float), np.asarray(prediction, dtype=float)
    if truth.shape != said.shape or truth.ndim != 1:
        raise MetricError(
            f"Labels and predictions must be two columns of one length, and have shapes "
            f"{truth.shape} and {said.shape}."
        )
    if not truth.size:
        raise MetricError("There are no rows to score; check the window and whether labels came.")
    for name, values in (("label", truth), ("prediction", said)):
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise MetricError(
                f"{bad} of {values.size} values of {name} are missing or infinite; drop the rows "
                "without a label and find out why a prediction is missing."
            )
    return truth, said


def _require_classes(truth: NDArray[Any]) -> None:
    if not np.isin(truth, (0.0, 1.0)).all():
        raise MetricError('Labels for "log_loss" must be 0 or 1; use "mae" for other numbers.')


def _require_probabilities(said: NDArray[Any]) -> None:
    if said.min() < 0 or said.max() > 1:
        raise MetricError(
            f"Predictions must be probabilities from 0 to 1, and reach from {said.min():.3g} to "
            f"{said.max():.3g}."
        )


def _require_days(found: int, least: int, which: str = "") -> None:
    if found < least:
        which = f" {which}" if which else ""
        raise MetricError(
            f"An interval needs at least {least} days{which}, and there are {found}: wait for "
            "more days, since rows of one day are not independent."
        )


def _by_day(
    dates: ArrayLike, loss: NDArray[Any], least: int = 2
) -> tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]]]:
    """Return the sorted days, and per day the sum of the loss and the number of rows."""
    day = pd.to_datetime(np.asarray(dates)).normalize()
    if loss.ndim != 1 or len(day) != loss.size:
        raise MetricError(
            f"Each loss needs its date, and there are {loss.size} losses and {len(day)} dates."
        )
    bad = int((~np.isfinite(loss)).sum() + day.isna().sum())
    if bad:
        raise MetricError(
            f"{bad} of {loss.size} rows have a missing loss or date; drop them first."
        )
    days, index = np.unique(day.to_numpy(), return_inverse=True)
    _require_days(len(days), least)
    return days, (np.bincount(index, weights=loss), np.bincount(index).astype(float))


def _draw(n_days: int, n: int, seed: int) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, n_days, size=(n, n_days))


def _summary(
    mean: float, resampled: NDArray[Any], n_rows: int, n_days: int, confidence: float
) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(
        mean=float(mean),
        low=float(low),
        high=float(high),
        n_rows=n_rows,
        n_days=n_days,
        confidence=confidence,
    )
