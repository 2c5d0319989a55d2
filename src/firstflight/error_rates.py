"""How often the intervals, the rollout and the gate are wrong: measured, not promised.

Two kinds of days are used. Simulated ones, whose truth is known, follow a Gaussian AR(1) with a
chosen autocorrelation, or one whose shocks are drawn from a real daily gap (with its bad days).
Real ones are made equal: one release against itself with its rows split in two, against a twin that
was trained on other rows, or with candidate and live swapped on spells of days, so that neither is
better by construction. `measure` runs it all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from firstflight import gate, intervals
from firstflight.errors import GateError
from firstflight.metrics import row_loss
from firstflight.process import Dependence, GateRules, Metric, RolloutRules, UseCaseRules

LENGTHS = (7, 10, 14, 28)
"""Days of a sample whose coverage is measured."""
SLOW_DAYS = 29
"""A mean over this many days is the slow change of a gap, that no rollout can wait for."""
BETTER_BY = (0.02, 0.05, 0.10)
"""Loss by which a candidate is better in the table of power, in the unit of the metric."""


def daily_gap(
    rows: pd.DataFrame,
    metric: Metric,
    candidate: str,
    live: str,
    *,
    share: float | None = None,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return per day what a comparison is made of.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        ``date``, ``label`` and a column of predictions for each release.
    metric : {"log_loss", "mae"}
        The loss of a row; see `firstflight.metrics.row_loss`.
    candidate, live : str
        Names of the columns; the same one twice for a release against itself.
    share : float, optional
        Give the candidate this share (0 to 1) of the rows, and live the others, at random, as in a
        canary. Without it each row is a pair, as in a shadow.
    rng : numpy.random.Generator, optional
        Needed with `share`.

    Returns
    -------
    DataFrame of shape (n_days, 2)
        One row a day, in order: ``total`` (weight times the mean loss of the candidate minus that
        of live, in the unit of the loss) and ``weight`` (rows of the day). With `share`, days on
        which one side got no row are left out.

    Raises
    ------
    ValueError
        If `share` is given without `rng`.
    MetricError
        If the labels and a column of predictions cannot be scored.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {
    ...         "date": ["2013-01-01", "2013-01-01", "2013-01-02"],
    ...         "label": [10.0, 20.0, 30.0],
    ...         "new": [11.0, 20.0, 30.0],
    ...         "old": [10.0, 23.0, 32.0],
    ...     }
    ... )
    >>> days = daily_gap(rows, "mae", "new", "old")
    >>> days["total"].tolist(), days["weight"].tolist()
    ([-2.0, -2.0], [2.0, 1.0])
    """
    day = pd.to_datetime(rows["date"]).dt.normalize()
    first = pd.Series(row_loss(metric, rows["label"], rows[candidate]), index=rows.index)
    second = pd.Series(row_loss(metric, rows["label"], rows[live]), index=rows.index)
    if share is None:
        by_day = (first - second).groupby(day)
        return pd.DataFrame({"total": by_day.sum(), "weight": by_day.size().astype(float)})
    if rng is None:
        raise ValueError("A split of the rows needs a generator.")
    mine = rng.random(len(rows)) < share
    gap = first[mine].groupby(day[mine]).mean() - second[~mine].groupby(day[~mine]).mean()
    weight = day.groupby(day).size().astype(float).loc[gap.dropna().index]
    return pd.DataFrame({"total": gap.dropna() * weight, "weight": weight})


def residuals(days: pd.DataFrame) -> pd.Series:
    """Return the daily mean gap without its slow change; see `SLOW_DAYS`.

    Parameters
    ----------
    days : DataFrame of shape (n_days, 2)
        As from `daily_gap`.

    Returns
    -------
    Series of shape (n_days,)
        For each day its mean gap minus the mean of the `SLOW_DAYS` days around it, in the unit of
        the loss. Missing where fewer than ``SLOW_DAYS // 2`` of them exist.
    """
    gap = days["total"] / days["weight"]
    return gap - gap.rolling(SLOW_DAYS, center=True, min_periods=SLOW_DAYS // 2).mean()


def dependence(days: pd.DataFrame) -> dict[str, float]:
    """Return how alike following days are.

    Parameters
    ----------
    days : DataFrame of shape (n_days, 2)
        As from `daily_gap`.

    Returns
    -------
    dict of str to float
        ``days``, their number; ``sd`` of the daily gap (unit of the loss) and ``lag 1``, its
        autocorrelation; ``sd, slow out`` and ``lag 1, slow out`` of its `residuals`; ``block``, the
        optimal length of a circular block for these, in days
        (`arch.bootstrap.optimal_block_length`).
    """
    from arch.bootstrap import optimal_block_length  # statsmodels takes a second to import

    gap, rest = days["total"] / days["weight"], residuals(days)
    return {
        "days": len(gap),
        "sd": float(gap.std()),
        "lag 1": float(gap.autocorr(1)),
        "sd, slow out": float(rest.std()),
        "lag 1, slow out": float(rest.autocorr(1)),
        "block": float(optimal_block_length(rest.to_numpy())["circular"].iloc[0]),
    }


def like_the_real(
    rest: pd.Series, n_series: int, n_days: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return AR(1) series with the autocorrelation, size and shocks of a real one.

    Parameters
    ----------
    rest : Series of shape (n_real_days,)
        As from `residuals`: the real series, without missing values.
    n_series : int
        How many series to make.
    n_days : int
        Length of each.
    rng : numpy.random.Generator
        Draws the shocks, with replacement, from those of the real series.

    Returns
    -------
    ndarray of shape (n_series, n_days)
        In the unit of the loss, with a true mean of 0. An autocorrelation below 0 is taken as 0,
        one above 0.9 as 0.9.
    """
    values = rest.to_numpy() - rest.mean()
    memory = float(np.clip(rest.autocorr(1), 0, 0.9))
    shocks = values[1:] - memory * values[:-1]
    shocks = shocks - shocks.mean()
    warm = 30  # days until the start is forgotten
    drawn = rng.choice(shocks, size=(n_series, n_days + warm))
    for day in range(1, drawn.shape[1]):
        drawn[:, day] += memory * drawn[:, day - 1]
    return drawn[:, warm:]


def simulated_coverage(
    series: NDArray[Any], n_days: int, confidence: float, rules: Dependence
) -> float:
    """Return the share of series of true mean 0 whose interval of the first days contains 0.

    Parameters
    ----------
    series : ndarray of shape (n_series, at least n_days)
        One number a day, simulated with a true mean of 0.
    n_days : int
        How many of the first days the interval is made of; 2 or more.
    confidence : float
        Of the interval: the share that is promised.
    rules : Dependence
        ``block_days`` and ``autocorrelation`` of the interval, such as those of the gate.

    Returns
    -------
    float
        From 0 to 1.
    """
    critical = intervals.critical_value(
        n_days,
        confidence,
        block_days=rules.block_days,
        autocorrelation=rules.autocorrelation,
    )
    found = intervals.studentised(series[:, :n_days], rules.block_days)
    return float(np.mean(np.abs(found) <= critical))


def real_coverage(days: pd.DataFrame, n_days: int, truth: float, rules: GateRules) -> float:
    """Return the share of all windows of `n_days` real days whose interval contains `truth`.

    Parameters
    ----------
    days : DataFrame
        As from `daily_gap`; at least `n_days` rows.
    n_days : int
        Rows of a window; one begins at each day, so they overlap.
    truth : float
        The true mean gap, in the unit of the loss: 0 for a release against itself.
    rules : GateRules
        ``confidence``, ``block_days``, ``autocorrelation`` and ``seed`` of the interval. Its
        standard error is drawn 200 times only, because there are many windows.

    Returns
    -------
    float
        From 0 to 1.
    """
    critical = intervals.critical_value(
        n_days,
        rules.confidence,
        block_days=rules.block_days,
        autocorrelation=rules.autocorrelation,
    )
    total, weight = days["total"].to_numpy(), days["weight"].to_numpy()
    inside = []
    for start in range(len(days) - n_days + 1):
        part = slice(start, start + n_days)
        error = intervals.standard_error(
            total[part], weight[part], block_days=rules.block_days, n=200, seed=rules.seed
        )
        mean = total[part].sum() / weight[part].sum()
        inside.append(abs(mean - truth) <= critical * error)
    return float(np.mean(inside))


def decision_days(
    series: NDArray[Any], rules: RolloutRules, mode: str, *, every: int = 1
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return on which day each simulated rollout is promoted and aborted; 0 for never.

    Parameters
    ----------
    series : ndarray of shape (n_series, at least max_days)
        Candidate minus live of each day, in the unit of the rules' limits; each day weighs the
        same.
    rules : RolloutRules
        ``process.usecase(name).rollout``: the days, the limits and the error of the stage.
    mode : {"shadow", "canary"}
        The stage.
    every : int, default=1
        Look at ``min_days`` and every so many days later; 7 for weekly.

    Returns
    -------
    promoted, aborted : ndarray of int, shape (n_series,)
        For each series the day of its decision, counted from 1; at most one of the two is above 0.
    """
    stage = getattr(rules, mode)
    limits = intervals.boundary(
        stage.min_days,
        stage.max_days,
        rules.error_max,
        block_days=stage.block_days,
        autocorrelation=stage.autocorrelation,
    )
    promoted = np.zeros(len(series), dtype=int)
    aborted = np.zeros(len(series), dtype=int)
    for day in range(stage.min_days, stage.max_days + 1, every):
        seen, limit = series[:, :day], limits[day - stage.min_days]
        undecided = (promoted == 0) & (aborted == 0)
        worse = intervals.studentised(seen - stage.abort_above, stage.block_days) > limit
        better = intervals.studentised(seen - stage.promote_below, stage.block_days) < -limit
        aborted[undecided & worse] = day
        promoted[undecided & better & ~worse] = day
    return promoted, aborted


def swapped(
    rows: pd.DataFrame, candidate: str, live: str, spell_days: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return rows with ``candidate`` and ``live`` exchanged on random spells of days.

    On each day the two are exchanged for all rows or for none, with the same chance. So neither is
    better in any slice, by construction. Rows of one day stay as alike as they were, and so do the
    days of one spell.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        ``date`` and a column of predictions for each release.
    candidate, live : str
        Names of these columns.
    spell_days : float
        Mean length of a spell, in days of the rows; 1 or more.
    rng : numpy.random.Generator
        Draws where a spell begins, and which spells are exchanged.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns + 2)
        The rows, with the predictions in new columns ``candidate`` and ``live``. If there were
        columns of these names, they are replaced.
    """
    day = pd.to_datetime(rows["date"]).dt.normalize()
    days = np.sort(day.unique())
    fresh = rng.random(len(days)) < 1 / spell_days
    fresh[0] = True
    flips = rng.random(int(fresh.sum())) < 0.5
    flip = day.map(dict(zip(days, flips[np.cumsum(fresh) - 1], strict=True))).to_numpy(dtype=bool)
    first, second = rows[candidate].to_numpy(), rows[live].to_numpy()
    return rows.assign(candidate=np.where(flip, second, first), live=np.where(flip, first, second))


def _independent_days(
    gap: NDArray[Any], dates: pd.Series, rules: GateRules
) -> tuple[float, float, float]:
    """Return mean, low and high as the gate did before: days drawn singly, plain percentiles."""
    by_day = pd.Series(gap).groupby(dates.to_numpy())
    sums, rows = by_day.sum().to_numpy(), by_day.size().to_numpy()
    draws = np.random.default_rng(rules.seed).integers(0, len(sums), (rules.bootstrap, len(sums)))
    means = sums[draws].sum(axis=1) / rows[draws].sum(axis=1)
    tail = (1 - rules.confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(gap.mean()), float(low), float(high)


def _gate_before(rows: pd.DataFrame, metric: Metric, rules: GateRules) -> tuple[str, bool]:
    """Return what the gate would have said before: better than live, and whether slices fail."""
    gap = row_loss(metric, rows["label"], rows["candidate"]) - row_loss(
        metric, rows["label"], rows["live"]
    )
    _, low, high = _independent_days(gap, rows["date"], rules)
    bad = False
    for column in rules.slice_columns:
        for index in rows.groupby(column, observed=True).indices.values():
            dates = rows["date"].iloc[index]
            if len(index) >= rules.slice_min_rows and dates.nunique() > 1:
                mean, least, _ = _independent_days(gap[index], dates, rules)
                bad |= mean > rules.slice_max_regression and least > 0
    return "pass" if high < 0 else "fail" if low > 0 else "hold", bad


def gate_rates(
    rows: pd.DataFrame,
    metric: Metric,
    rules: GateRules,
    candidate: str,
    live: str,
    *,
    windows: int,
    spell_days: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return how often the gate judges equal models better, worse or neither, and by which rule.

    Parameters
    ----------
    rows : DataFrame
        As for `firstflight.gate.judge`, over more than ``window_days`` days, with a column of
        predictions for each release in place of ``candidate`` and ``live``.
    metric : {"log_loss", "mae"}
        The use case's metric.
    rules : GateRules
        ``process.usecase(name).gate``. A standard error is drawn 200 times only, because there are
        many windows.
    candidate, live : str
        Names of the two columns of predictions.
    windows : int
        Random windows of ``window_days`` that are judged, each with new swaps; see `swapped`.
        Those without enough data are left out.
    spell_days : float
        Mean length of a swapped spell, in days.
    rng : numpy.random.Generator
        Draws the windows and the swaps.

    Returns
    -------
    DataFrame of shape (2, 6)
        Two rows, ``before`` (days drawn singly, each slice for itself) and ``now``. Shares of the
        windows: ``better``, ``neither``, ``worse`` by the rule better_than_live, ``slices fail``,
        and ``any fail`` (worse, or slices fail). ``windows`` is how many were judged.

    Raises
    ------
    GateError
        If the rows are of ``window_days`` days or fewer, or no window has enough data; or if
        `firstflight.gate.judge` cannot judge the rows of a window.
    """
    quick = rules.model_copy(update={"bootstrap": 200})
    day = pd.to_datetime(rows["date"]).dt.normalize()
    rows, days = rows.assign(date=day), np.sort(day.unique())
    starts = days[: -rules.window_days]
    if not len(starts):
        raise GateError(
            f"The gate is measured on windows of {rules.window_days} days, and the rows are of "
            f"{len(days)} days: give it the rows of more days."
        )
    free = dict.fromkeys(gate.BUDGETS, 0.0)
    said: dict[str, list[tuple[str, bool]]] = {"before": [], "now": []}
    for start in rng.choice(starts, windows):
        inside = (day >= start) & (day < start + np.timedelta64(rules.window_days, "D"))
        part = swapped(rows[inside].reset_index(drop=True), candidate, live, spell_days, rng)
        verdict = gate.judge(part, metric, quick, free)
        if verdict.check("enough_data").outcome != "pass":
            continue
        slices = verdict.check("slices").outcome == "fail"
        said["now"].append((verdict.check("better_than_live").outcome, slices))
        said["before"].append(_gate_before(part, metric, quick))
    if not said["now"]:
        raise GateError(
            f"None of {windows} windows has the {rules.min_rows} rows on {rules.min_days} days "
            "that the gate asks for, so it cannot be measured: give it more rows."
        )
    table = {}
    for name, found in said.items():
        outcomes, bad = [o for o, _ in found], np.array([b for _, b in found])
        shares = {
            label: float(np.mean([o == outcome for o in outcomes]))
            for label, outcome in (("better", "pass"), ("neither", "hold"), ("worse", "fail"))
        }
        either = bad | np.array([o == "fail" for o in outcomes])
        table[name] = shares | {"slices fail": bad.mean(), "any fail": either.mean()}
    return pd.DataFrame(table).T.assign(windows=len(said["now"]))


def _by_day(days: NDArray[np.int_], share: float) -> int | None:
    """Return the day by which this share of the rollouts is decided, or None."""
    reached = np.sort(days[days > 0])
    needed = int(np.ceil(share * len(days)))
    return int(reached[needed - 1]) if len(reached) >= needed else None


def measure(
    rows: pd.DataFrame,
    metric: Metric,
    rules: UseCaseRules,
    *,
    pairs: Mapping[str, tuple[str, str]],
    twins: Sequence[str] = (),
    better_by: Sequence[float] = BETTER_BY,
    paths: int = 4000,
    windows: int = 200,
    splits: int = 5,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Measure the error rates of the rules on simulated days and on real ones.

    Parameters
    ----------
    rows : DataFrame
        Labelled rows of many months: ``date``, ``label``, ``naive``, the slice columns of the gate
        and a column of predictions for each release, on days that it did not learn from.
        Rows where a release of a pair has no prediction are left out for that pair.
    metric : {"log_loss", "mae"}
        The use case's metric.
    rules : UseCaseRules
        ``process.usecase(name)``.
    pairs : mapping of str to (str, str)
        Name of a comparison -> columns of the candidate and of live; at least one. From the first
        comes the autocorrelation that is simulated beside 0 and 0.4. Its live release is the one
        that is compared with itself, and the gate is measured on it.
    twins : sequence of str
        Names of the pairs that compare releases which differ by their training rows only: their
        truth is taken to be the mean of all their days.
    better_by : sequence of float
        Differences for the table of power, in the unit of the metric.
    paths : int
        Simulated series for each number.
    windows : int
        Real windows that the gate judges.
    splits : int
        Random splits of the rows of a release that is compared with itself.
    seed : int
        The same rows and seed give the same tables.

    Returns
    -------
    dict of str to DataFrame
        ``dependence``: see the function `dependence`; in a canary the two arms are different rows.
        ``coverage``: share of the gate's intervals that hold the truth, a column for each of
        `LENGTHS`; ``coverage, 95%``: of intervals that say 95%, if the gate's say another number.
        ``rollout``: over a whole stage, the share of candidates exactly at ``promote_below`` that
        are promoted, and of those exactly at ``abort_above`` that are aborted.
        ``power``: for each of `better_by`, and for 0, the share promoted, the share aborted, and
        the day by which half and nine tenths of all are promoted.
        ``gate``: see `gate_rates`.

    Raises
    ------
    MetricError
        If the labels and a column of predictions cannot be scored.
    GateError
        If there are too few days or rows to measure the gate on, see `gate_rates`.
    """
    rng = np.random.default_rng(seed)
    known = {name: rows.dropna(subset=[*set(pair)]) for name, pair in pairs.items()}
    share = rules.rollout.canary_share
    shadows = {n: daily_gap(known[n], metric, *pair) for n, pair in pairs.items()}
    canaries = {
        n: daily_gap(known[n], metric, *pair, share=share, rng=rng) for n, pair in pairs.items()
    }
    depend = {n: dependence(days) for n, days in shadows.items()}
    depend |= {f"{n}, canary": dependence(days) for n, days in canaries.items()}
    first = next(iter(pairs))
    measured = round(float(np.clip(depend[first]["lag 1, slow out"], 0, 0.9)), 2)
    memories = sorted({0.0, measured, 0.4})

    at_95 = rules.gate.model_copy(update={"confidence": 0.95})
    stated = {"coverage": rules.gate}
    if rules.gate.confidence != at_95.confidence:
        stated["coverage, 95%"] = at_95
    coverage: dict[str, dict[str, dict[int, float]]] = {table: {} for table in stated}
    simulated = {
        f"AR(1), {memory:g}": intervals.autoregression(paths, max(LENGTHS), memory, rng)
        for memory in memories
    }
    for name, days in shadows.items():
        simulated[f"shocks of {name}"] = like_the_real(residuals(days), paths, max(LENGTHS), rng)
    live = pairs[first][1]
    halves = [
        daily_gap(known[first], metric, live, live, share=0.5, rng=rng) for _ in range(splits)
    ]
    for table, gate_rules in stated.items():
        for name, series in simulated.items():
            coverage[table][name] = {
                n: simulated_coverage(series, n, gate_rules.confidence, gate_rules) for n in LENGTHS
            }
        coverage[table][f"{live} against itself, rows split"] = {
            n: float(np.mean([real_coverage(days, n, 0.0, gate_rules) for days in halves]))
            for n in LENGTHS
        }
        for name in twins:
            days = shadows[name]
            truth = days["total"].sum() / days["weight"].sum()
            coverage[table][f"{name}, real days"] = {
                n: real_coverage(days, n, truth, gate_rules) for n in LENGTHS
            }

    false, power = [], []
    for mode, gaps in (("shadow", shadows), ("canary", canaries)):
        stage = getattr(rules.rollout, mode)
        for memory in memories:
            series = intervals.autoregression(paths, stage.max_days, memory, rng)
            for look, every in (("daily", 1), ("weekly", 7)):
                # Exactly at each limit: the worst candidate that must not be decided on wrongly.
                promoted, _ = decision_days(series + stage.promote_below, rules.rollout, mode,
                                            every=every)  # fmt: skip
                _, aborted = decision_days(series + stage.abort_above, rules.rollout, mode,
                                           every=every)  # fmt: skip
                false.append(
                    {
                        "stage": mode,
                        "autocorrelation": memory,
                        "looks": look,
                        "false promote": float((promoted > 0).mean()),
                        "false abort": float((aborted > 0).mean()),
                    }
                )
        for name, days in gaps.items():
            series = like_the_real(residuals(days), paths, stage.max_days, rng)
            for gain in (0.0, *better_by):
                promoted, aborted = decision_days(series - gain, rules.rollout, mode)
                power.append(
                    {
                        "stage": mode,
                        "gap like that of": name,
                        "better by": gain,
                        "promoted": float((promoted > 0).mean()),
                        "aborted as worse": float((aborted > 0).mean()),
                        "median days": _by_day(promoted, 0.5),
                        "90% by day": _by_day(promoted, 0.9),
                    }
                )
    gates = gate_rates(
        known[first],
        metric,
        rules.gate,
        *pairs[first],
        windows=windows,
        spell_days=1 / (1 - min(measured, 0.9)),
        rng=rng,
    )
    return {
        "dependence": pd.DataFrame(depend).T,
        **{table: pd.DataFrame(found).T for table, found in coverage.items()},
        "rollout": pd.DataFrame(false),
        "power": pd.DataFrame(power),
        "gate": gates,
    }
