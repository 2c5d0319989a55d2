"""How sure a mean over days is, when days are not independent and one looks more than once.

Rows of one day share their weather, and a day shares some of it with the next. So every comparison
is reduced to one number a day, and what is said about it has three parts: the mean, its standard
error, and a critical value. The standard error comes from a block bootstrap over days [1]_ [2]_:
whole blocks of following days are drawn, so the dependence inside a block is kept. That alone is
too small with a fortnight of days, and blocks miss what reaches beyond them. The critical value
repairs both: it is a quantile of the same studentised mean on simulated series of as many days
with a decided autocorrelation, which is to calibrate a bootstrap interval [3]_ [4]_. It plays the
part that the critical values of "fixed-b" asymptotics play for other standard errors [5]_.

Looking every day and stopping at the first proof is many tests. `boundary` gives the critical value
of each day such that all looks together have the decided error: an alpha-spending function [6]_,
here the power family [7]_, worked out on the same simulated series. The interval of such a day is a
repeated confidence interval [8]_: it may be read on every day. Whoever looks more rarely errs more
rarely.

References
----------
.. [1] D. N. Politis and J. P. Romano, "A circular block-resampling procedure for stationary data",
   in Exploring the Limits of Bootstrap, Wiley, 1992 (`arch.bootstrap.CircularBlockBootstrap`).
.. [2] D. N. Politis and H. White, "Automatic block-length selection for the dependent bootstrap",
   Econometric Reviews 23(1), 2004 (`arch.bootstrap.optimal_block_length`).
.. [3] W.-Y. Loh, "Calibrating confidence coefficients", Journal of the American Statistical
   Association 82(397), 1987.
.. [4] R. Beran, "Prepivoting to reduce level error of confidence sets", Biometrika 74(3), 1987.
.. [5] N. M. Kiefer and T. J. Vogelsang, "A new asymptotic theory for
   heteroskedasticity-autocorrelation robust tests", Econometric Theory 21(6), 2005.
.. [6] K. K. G. Lan and D. L. DeMets, "Discrete sequential boundaries for clinical trials",
   Biometrika 70(3), 1983.
.. [7] K. Kim and D. L. DeMets, "Design and analysis of group sequential tests based on the type I
   error spending rate function", Biometrika 74(1), 1987.
.. [8] C. Jennison and B. W. Turnbull, "Interim analyses: the repeated confidence interval
   approach", Journal of the Royal Statistical Society B 51(3), 1989.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BLOCK_DAYS = 2
"""Block length where no decision is given: that of the gate in the committed ``process.toml``."""
AUTOCORRELATION = 0.35
"""Lag-1 autocorrelation where no decision is given, from the same place."""

PATHS = 20_000
"""Simulated series: the 97.5% point is then known to about 2%."""
MANY_DAYS = 120
"""With more days than this the critical value hardly moves, and that of this many is taken."""
SEED = 19870301
"""Of the simulation, fixed: a critical value is a table, not a draw."""
SPENDING = 1.5
"""Exponent of the spending function; see `boundary`."""


def block_length(n_days: int, block_days: int) -> int:
    """Return the block length to use: at most half of the days, and at least 1.

    Parameters
    ----------
    n_days : int
        Days of the sample.
    block_days : int
        The length that was decided, in days.

    Returns
    -------
    int
        In days.

    Examples
    --------
    >>> block_length(28, 3), block_length(5, 3)
    (3, 2)
    """
    return max(1, min(block_days, n_days // 2))


def standard_error(
    total: ArrayLike, weight: ArrayLike, *, block_days: int, n: int = 1000, seed: int = 0
) -> float:
    """Return the standard error of ``sum(total) / sum(weight)`` over dependent days.

    Parameters
    ----------
    total, weight : array_like of shape (n_days,)
        Per day, in the order of the days: sum of the losses and number of rows. The weights must
        not all be 0.
    block_days : int
        Days in a block, see `block_length`.
    n : int, default=1000
        Number of resamples.
    seed : int, default=0
        The same days and seed give the same number.

    Returns
    -------
    float
        In the unit of the loss.
    """
    # Imported here: it takes a second or more, and only who makes an interval needs it.
    from arch.bootstrap import CircularBlockBootstrap

    sums, rows = np.asarray(total, dtype=float), np.asarray(weight, dtype=float)
    # Centred, days of equal means give exactly 0 and not what is left of rounding.
    gap = sums - rows * (sums.sum() / rows.sum())
    resampling = CircularBlockBootstrap(block_length(len(sums), block_days), gap, rows, seed=seed)
    means = resampling.apply(lambda gaps, many: gaps.sum() / many.sum(), reps=n)
    return float(np.sqrt(np.mean(means**2)))


def circular_variance(series: NDArray[Any], block_days: int) -> NDArray[Any]:
    """Return the circular block bootstrap's variance of a mean without drawing.

    A resample is made of ``n_days // block`` whole blocks and one cut short, drawn independently,
    so its variance is the sum of theirs, and that of one block is the mean square of all windows.

    Parameters
    ----------
    series : ndarray of shape (n_series, n_days)
        One number a day, each day weighing the same.
    block_days : int
        Days in a block, see `block_length`.

    Returns
    -------
    ndarray of shape (n_series,)
        In the unit of the series, squared.
    """
    n_days = series.shape[1]
    block = block_length(n_days, block_days)
    centred = series - series.mean(axis=1, keepdims=True)
    whole, rest = divmod(n_days, block)
    variance = whole * _mean_square(centred, block)
    if rest:
        variance = variance + _mean_square(centred, rest)
    return variance / n_days**2


def _mean_square(centred: NDArray[Any], length: int) -> NDArray[Any]:
    """Return the mean square of the sums of all windows of this length on the circle."""
    window = centred.copy()
    for step in range(1, length):
        window += np.roll(centred, -step, axis=1)
    return np.asarray((window**2).mean(axis=1))


def autoregression(
    n_series: int, n_days: int, autocorrelation: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return Gaussian AR(1) series of mean 0 and variance 1.

    Parameters
    ----------
    n_series : int
        How many series to make.
    n_days : int
        Length of each.
    autocorrelation : float
        Of a day with the day before, from -1 to 1; 0 makes independent days.
    rng : numpy.random.Generator
        Draws the numbers.

    Returns
    -------
    ndarray of shape (n_series, n_days)
        One number a day; mean and variance are those of the process, not of each series.
    """
    series = rng.normal(size=(n_series, n_days))
    fresh = np.sqrt(1 - autocorrelation**2)
    for day in range(1, n_days):
        series[:, day] = autocorrelation * series[:, day - 1] + fresh * series[:, day]
    return series


def studentised(series: NDArray[Any], block_days: int) -> NDArray[Any]:
    """Return mean / standard error of each series; 0 where both are 0.

    Parameters
    ----------
    series : ndarray of shape (n_series, n_days)
        One number a day, each day weighing the same.
    block_days : int
        Days in a block of the standard error, see `block_length`.

    Returns
    -------
    ndarray of shape (n_series,)
        Infinite where only the standard error is 0.
    """
    mean, error = series.mean(axis=1), np.sqrt(circular_variance(series, block_days))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(mean / error, nan=0.0, posinf=np.inf, neginf=-np.inf)


@lru_cache(maxsize=128)
def _null(n_days: int, block_days: int, autocorrelation: float) -> NDArray[np.float64]:
    """Return sorted sizes of the studentised mean where the true mean is 0."""
    rng = np.random.default_rng(SEED)
    series = autoregression(PATHS, n_days, autocorrelation, rng)
    sizes = np.sort(np.abs(studentised(series, block_days)))
    sizes.flags.writeable = False
    return sizes


def critical_value(
    n_days: int,
    confidence: float = 0.95,
    *,
    block_days: int = BLOCK_DAYS,
    autocorrelation: float = AUTOCORRELATION,
) -> float:
    """Return how many standard errors the interval reaches either way.

    Parameters
    ----------
    n_days : int
        Days of the sample, 2 or more; more than `MANY_DAYS` are taken for so many.
    confidence : float, default=0.95
        Chance that the interval holds the true mean.
    block_days : int
        Days in a block.
    autocorrelation : float
        Lag-1 autocorrelation of the daily numbers, from 0 to 0.9.

    Returns
    -------
    float
        In standard errors.
    """
    sizes = _null(min(n_days, MANY_DAYS), block_days, autocorrelation)
    return float(np.quantile(sizes, confidence))


def p_above(
    statistic: float,
    n_days: int,
    *,
    block_days: int = BLOCK_DAYS,
    autocorrelation: float = AUTOCORRELATION,
) -> float:
    """Return the one-sided p-value of "the true mean is above 0" by the same simulated series.

    Parameters
    ----------
    statistic : float
        Mean / standard error.
    n_days : int
        As in `critical_value`.
    block_days : int
        As in `critical_value`.
    autocorrelation : float
        As in `critical_value`.

    Returns
    -------
    float
        Above 0 and below 1: the chance of so large a statistic, or a larger one, if the true mean
        is 0. A small one shows that it is above 0.
    """
    sizes = _null(min(n_days, MANY_DAYS), block_days, autocorrelation)
    beyond = len(sizes) - np.searchsorted(sizes, abs(statistic), side="left")
    one_side = float((beyond + 1) / (2 * (len(sizes) + 1)))
    return one_side if statistic > 0 else 1 - one_side


def holm(p_values: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Return which of a family are shown, with a chance of any false one of at most `level`.

    Holm's procedure [1]_: the smallest p-value is held against `level` divided by the number of
    tests, the next one against `level` divided by one test fewer, and so on up to the first that is
    larger. It needs no assumption about how the tests depend on each other.

    Parameters
    ----------
    p_values : array_like of shape (n_tests,)
        One for each test of the family, in any order.
    level : float
        Chance from 0 to 1 of one false result or more in the whole family.

    Returns
    -------
    ndarray of bool, shape (n_tests,)
        Whether each test's claim is shown, in the order of `p_values`.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
       of Statistics 6(2), 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005], 0.05).tolist()
    [True, False, False, True]
    """
    values = np.asarray(p_values, dtype=float)
    shown = np.zeros(len(values), dtype=bool)
    for rank, index in enumerate(np.argsort(values, kind="stable")):
        if values[index] > level / (len(values) - rank):
            break
        shown[index] = True
    return shown


@lru_cache(maxsize=32)
def boundary(
    min_days: int,
    max_days: int,
    error: float,
    *,
    block_days: int = BLOCK_DAYS,
    autocorrelation: float = AUTOCORRELATION,
) -> tuple[float, ...]:
    """Return the critical value of each day from `min_days` to `max_days`, for daily looks.

    By day k, ``error * (k / max_days) ** SPENDING`` of the error has been spent. The first look
    spends what has come together until then. The value of a day is the least that lets no more than
    its part of the simulated series cross on that day which have not crossed before, so that
    crossing on any day at all happens to a share `error` of the series whose true mean is 0.

    Parameters
    ----------
    min_days, max_days : int
        First and last day of a look, 2 or more; `min_days` is not above `max_days`.
    error : float
        Chance of crossing on one side on any of these days, if the true mean is 0.
    block_days : int
        Days in a block.
    autocorrelation : float
        Lag-1 autocorrelation of the daily numbers.

    Returns
    -------
    tuple of float
        One value a day, in standard errors.
    """
    rng = np.random.default_rng(SEED + 1)
    # Both sides of each symmetric series are used: the early crossings are rare.
    series = autoregression(PATHS, max_days, autocorrelation, rng)
    inside = np.ones((2, len(series)), dtype=bool)
    crossed = 0
    values = []
    for day in range(min_days, max_days + 1):
        found = studentised(series[:, :day], block_days)
        sides = np.stack([found, -found])
        allowed = int(error * (day / max_days) ** SPENDING * sides.size) - crossed
        left = np.sort(sides[inside])[::-1]
        value = float(left[allowed]) if 0 <= allowed < len(left) else float("inf")
        values.append(value)
        now = inside & (sides > value)
        crossed += int(now.sum())
        inside &= ~now
    return tuple(values)
