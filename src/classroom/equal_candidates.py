"""How often a candidate that equals live fails for one of many slices, by chance alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from firstflight import intervals
from firstflight.process import GateRules


def failing(
    rows: pd.DataFrame, gap: ArrayLike, rules: GateRules, *, draws: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Make equal candidates of a real one, and count how many fail for at least one slice.

    On each day, or spell of days, the candidate and live are exchanged or left, with the same
    chance, for all rows of the day. So neither is better in any slice, by construction; the days
    keep their size and the slices stay as alike as they are.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        ``date`` and the slice columns of the rules.
    gap : array_like of shape (n_rows,)
        Loss of the candidate minus that of live.
    rules : GateRules
        ``process.usecase(name).gate``.
    draws : int, default=2000
        How many equal candidates to make.
    seed : int, default=0
        The same rows and seed give the same shares.

    Returns
    -------
    dict of str to float
        ``slices``, how many are judged; ``alone``, the share of equal candidates with at least one
        slice that is shown to be worse when each is held against 1 - ``confidence`` for itself;
        ``holm``, the same when all are one family.

    Examples
    --------
    >>> from firstflight import process
    >>> rules = process.load(process.DEFAULT).usecase("flights").gate
    >>> days = pd.date_range("2013-03-18", periods=14).repeat(300)
    >>> rows = pd.DataFrame({"date": days, "origin": "JFK", "carrier": "EV"})
    >>> failing(rows, np.zeros(len(rows)), rules, draws=10)
    {'slices': 2, 'alone': 0.0, 'holm': 0.0}
    """
    day, loss = rows["date"].to_numpy(), np.asarray(gap, dtype=float)
    days = np.sort(rows["date"].unique())
    rng = np.random.default_rng(seed)
    begins = rng.random((draws, len(days))) < 1 - rules.autocorrelation
    begins[:, 0] = True
    coin = rng.choice([-1.0, 1.0], size=(draws, len(days) + 1))
    sign = np.take_along_axis(coin, begins.cumsum(axis=1), axis=1)
    p_values = []
    for column in rules.slice_columns:
        for index in rows.groupby(column, observed=True).indices.values():
            daily = pd.Series(loss[index]).groupby(day[index]).mean()
            if len(index) < rules.slice_min_rows or len(daily) < 2:
                continue
            mine = sign[:, np.isin(days, daily.index)] * daily.to_numpy()
            sizes = intervals.studentised(mine, rules.block_days)
            p_values.append(
                [
                    intervals.p_above(
                        size,
                        len(daily),
                        block_days=rules.block_days,
                        autocorrelation=rules.autocorrelation,
                    )
                    for size in sizes
                ]
            )
    by_candidate, level = np.array(p_values).T, 1 - rules.confidence
    family = [intervals.holm(values, level).any() for values in by_candidate]
    return {
        "slices": len(p_values),
        "alone": float((by_candidate <= level).any(axis=1).mean()),
        "holm": float(np.mean(family)),
    }
