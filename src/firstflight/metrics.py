"""Losses, and how sure we are of them when the rows of one day are alike.

A mean loss over the 6,000 rows of one week looks precise, and is not: what the rows of one day
share was drawn only 7 times, and a day is like the one before. All intervals here are of a series
of days, never of rows; `firstflight.intervals` says how they are made.

References
----------
.. [1] H. R. Künsch, "The jackknife and the bootstrap for general stationary observations",
   Annals of Statistics 17(3), 1989: resample blocks to keep the dependence inside them.
.. [2] C. A. Field and A. H. Welsh, "Bootstrapping clustered data", Journal of the Royal
   Statistical Society B 69(3), 2007: whole clusters drawn with replacement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_auc_score

from firstflight import intervals
from firstflight.errors import FirstFlightError

CLIP = 1e-6
"""Probabilities are clipped to [CLIP, 1 - CLIP]: one certain and wrong answer costs 13.8."""


class MetricError(FirstFlightError):
    """A loss or an interval cannot be computed from what was given."""


class Interval(BaseModel):
    """A mean and its interval, ``mean`` plus and minus ``critical`` standard errors.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the loss.
    n_rows, n_days : int
        Rows and days that it is made of.
    confidence : float
        Chance, from 0 to 1, that the interval holds the true mean.
    standard_error : float
        Of the mean, in the unit of the loss.
    critical : float
        How many standard errors the interval reaches either way.
    block_days : int
        Days in a block of the bootstrap that gave the standard error.
    autocorrelation : float
        Lag-1 autocorrelation of days that was assumed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    low: float
    high: float
    n_rows: int
    n_days: int
    confidence: float
    standard_error: float
    critical: float
    block_days: int
    autocorrelation: float

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"

    def p_above(self, value: float = 0.0) -> float:
        """Return the one-sided p-value of "the true mean is above `value`".

        Parameters
        ----------
        value : float, default=0.0
            In the unit of the loss.

        Returns
        -------
        float
            From 0 to 1; a small one shows that the true mean is above `value`. Without any spread
            of the days it is 0 or 1.
        """
        gap = self.mean - value
        if self.standard_error == 0:
            return 0.0 if gap > 0 else 1.0
        return intervals.p_above(
            gap / self.standard_error,
            self.n_days,
            block_days=self.block_days,
            autocorrelation=self.autocorrelation,
        )


def whole_days(dates: ArrayLike) -> pd.DatetimeIndex:
    """Return the day of each date or timestamp: rows of one day count together, whatever the hour.

    Parameters
    ----------
    dates : array_like of shape (n,)
        Dates, timestamps without a time zone, or text such as ``"2013-07-14"``.

    Returns
    -------
    DatetimeIndex of shape (n,)
        Midnights; missing where the date is.

    Examples
    --------
    >>> whole_days(["2013-07-14 06:00", "2013-07-14 18:00"]).nunique()
    1
    """
    return pd.DatetimeIndex(pd.to_datetime(np.asarray(dates))).normalize()


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
        If the metric is unknown, there are no rows, the lengths differ, or a value is missing or
        infinite; for log loss also if a label is not 0 or 1, or a probability is outside [0, 1].

    Examples
    --------
    >>> row_loss("mae", [10, 20], [12, 19]).tolist()
    [2.0, 1.0]
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
    block_days: int = intervals.BLOCK_DAYS,
    autocorrelation: float = intervals.AUTOCORRELATION,
    critical: float | None = None,
) -> Interval:
    """Return the mean loss with an interval for dependent days [1]_ [2]_.

    The mean is over rows: a busy day weighs more. The standard error is that of the ratio of the
    days' sums to their rows under a block bootstrap over days, and the critical value is calibrated
    for so few and so dependent days: see `firstflight.intervals`.

    Parameters
    ----------
    loss : array_like of shape (n_rows,)
        Loss of each row, or the difference of two losses.
    dates : array_like of shape (n_rows,)
        The day of each row.
    n : int, default=1000
        Number of resamples.
    confidence : float, default=0.95
        Chance that the interval holds the true mean.
    seed : int, default=0
        The same rows and seed give the same interval.
    block_days : int
        Days in a block; at most half of the days is used, and the result says what was. By default
        what the committed ``process.toml`` decides for a gate.
    autocorrelation : float
        Lag-1 autocorrelation of the daily means that the critical value allows for; 0 for days that
        are independent. By default as in the committed ``process.toml``.
    critical : float, optional
        A critical value from elsewhere, such as `firstflight.intervals.boundary`; `confidence` is
        then only noted.

    Returns
    -------
    Interval
        In the unit of the loss.

    Raises
    ------
    MetricError
        If there are no rows or fewer than 2 days, a loss is missing or infinite, a date is missing,
        or the lengths differ.
    """
    _, (sums, rows) = _by_day(dates, np.asarray(loss, dtype=float))
    return _of_days(sums, rows, n, confidence, seed, block_days, autocorrelation, critical)


def difference(
    loss_a: ArrayLike,
    loss_b: ArrayLike,
    dates: ArrayLike,
    *,
    n: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    block_days: int = intervals.BLOCK_DAYS,
    autocorrelation: float = intervals.AUTOCORRELATION,
    critical: float | None = None,
) -> Interval:
    """Return the mean of ``loss_a - loss_b`` on the same rows, with its interval.

    Below 0 means that *a* is better. Pairing removes what the two share, the weather of the day,
    and is why a shadow is decided sooner than a canary.

    Parameters
    ----------
    loss_a, loss_b : array_like of shape (n_rows,)
        Loss of each row by the one and by the other.
    dates : array_like of shape (n_rows,)
        The day of each row.
    n : int, default=1000
        Number of resamples.
    confidence : float, default=0.95
        Chance that the interval holds the true mean.
    seed : int, default=0
        The same rows and seed give the same interval.
    block_days : int
        Days in a block, as in `interval`.
    autocorrelation : float
        Lag-1 autocorrelation of the daily differences, as in `interval`.
    critical : float, optional
        A critical value from elsewhere, as in `interval`.

    Returns
    -------
    Interval
        In the unit of the loss.

    Raises
    ------
    MetricError
        If the lengths differ, there are no rows or fewer than 2 days, a loss is missing or
        infinite, or a date is missing.
    """
    first, second = np.asarray(loss_a, dtype=float), np.asarray(loss_b, dtype=float)
    if first.shape != second.shape:
        raise MetricError(
            f"A paired difference needs the same rows on both sides, and got {first.size} and "
            f"{second.size} losses."
        )
    return interval(
        first - second,
        dates,
        n=n,
        confidence=confidence,
        seed=seed,
        block_days=block_days,
        autocorrelation=autocorrelation,
        critical=critical,
    )


def difference_arms(
    loss_a: ArrayLike,
    dates_a: ArrayLike,
    loss_b: ArrayLike,
    dates_b: ArrayLike,
    *,
    n: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    block_days: int = intervals.BLOCK_DAYS,
    autocorrelation: float = intervals.AUTOCORRELATION,
    critical: float | None = None,
) -> Interval:
    """Return the mean loss of arm *a* minus that of arm *b*, with its interval.

    The arms are different rows of the same days, as in a canary. Each day contributes the
    difference of its two arm means, weighted by its rows in both arms: the arms are compared
    within a day only, so a share that is raised on a calm day does not flatter the candidate. Days
    on which one arm has no row say nothing and are left out, of ``n_rows`` and ``n_days`` too.

    Parameters
    ----------
    loss_a : array_like of shape (n_rows_a,)
        Loss of each row of arm *a*.
    dates_a : array_like of shape (n_rows_a,)
        The day of each of them.
    loss_b : array_like of shape (n_rows_b,)
        Loss of each row of arm *b*.
    dates_b : array_like of shape (n_rows_b,)
        The day of each of them.
    n : int, default=1000
        Number of resamples.
    confidence : float, default=0.95
        Chance that the interval holds the true mean.
    seed : int, default=0
        The same rows and seed give the same interval.
    block_days : int
        Days in a block, as in `interval`.
    autocorrelation : float
        Lag-1 autocorrelation of the daily differences, as in `interval`.
    critical : float, optional
        A critical value from elsewhere, as in `interval`.

    Returns
    -------
    Interval
        In the unit of the loss.

    Raises
    ------
    MetricError
        If fewer than 2 days have rows in both arms, an arm has no rows, a loss is missing or
        infinite, a date is missing, or the lengths within an arm differ.
    """
    days_a, (sums_a, rows_a) = _by_day(dates_a, np.asarray(loss_a, dtype=float), least=1)
    days_b, (sums_b, rows_b) = _by_day(dates_b, np.asarray(loss_b, dtype=float), least=1)
    days, in_a, in_b = np.intersect1d(days_a, days_b, return_indices=True)
    _require_days(len(days), 2, "with rows in both arms")
    sums_a, rows_a, sums_b, rows_b = sums_a[in_a], rows_a[in_a], sums_b[in_b], rows_b[in_b]
    weight = rows_a + rows_b
    weighted = weight * (sums_a / rows_a - sums_b / rows_b)
    return _of_days(weighted, weight, n, confidence, seed, block_days, autocorrelation, critical)


def calibration(label: ArrayLike, prediction: ArrayLike) -> float:
    """Return the bias: mean prediction minus mean label, in the unit of the label.

    Parameters
    ----------
    label, prediction : array_like of shape (n,)
        What happened and what was said.

    Returns
    -------
    float
        Above 0 if the predictions are too high on average.

    Raises
    ------
    MetricError
        If there are no rows, the lengths differ, or a value is missing or infinite.

    Examples
    --------
    >>> calibration([10, 20], [12, 19])
    0.5
    """
    truth, said = _pair(label, prediction)
    return float(said.mean() - truth.mean())


def auc(label: ArrayLike, prediction: ArrayLike) -> float:
    """Return the area under the ROC curve: the share of pairs of a 1 and a 0 ranked right.

    Parameters
    ----------
    label : array_like of shape (n,)
        What happened, 0 or 1; both must occur.
    prediction : array_like of shape (n,)
        What was said; only the order counts.

    Returns
    -------
    float
        From 0 to 1; 0.5 for predictions that tell nothing. A pair of equal predictions counts half.

    Raises
    ------
    MetricError
        If there are no rows, the lengths differ, a value is missing or infinite, a label is not 0
        or 1, or all labels are the same.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
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
    day = whole_days(dates)
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


def _of_days(
    sums: NDArray[Any],
    rows: NDArray[Any],
    n: int,
    confidence: float,
    seed: int,
    block_days: int,
    autocorrelation: float,
    critical: float | None,
) -> Interval:
    n_days = len(sums)
    error = intervals.standard_error(sums, rows, block_days=block_days, n=n, seed=seed)
    if critical is None:
        critical = intervals.critical_value(
            n_days, confidence, block_days=block_days, autocorrelation=autocorrelation
        )
    mean = float(sums.sum() / rows.sum())
    half = critical * error if error else 0.0
    return Interval(
        mean=mean,
        low=mean - half,
        high=mean + half,
        n_rows=int(rows.sum()),
        n_days=n_days,
        confidence=confidence,
        standard_error=error,
        critical=critical,
        block_days=intervals.block_length(n_days, block_days),
        autocorrelation=autocorrelation,
    )
