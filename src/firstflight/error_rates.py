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
    rows : DataFrame
        ``date``, ``label`` and a column of predictions for each release.
    metric : {"log_loss", "mae"}
    candidate, live : str
        Names of the columns; the same one twice for a release against itself.
    share : float, optional
        Give the candidate this share of the rows, and live the others, at random, as in a canary.
        Without it each row is a pair, as in a shadow.
    rng : numpy.random.Generator, optional
        Needed with `share`.

    Returns
    -------
    DataFrame
        One row a day, in order: ``total`` (weighted gap, candidate minus live) and ``weight``.
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
    """Return the daily mean gap without its slow change; see `SLOW_DAYS`."""
    gap = days["total"] / days["weight"]
    return gap - gap.rolling(SLOW_DAYS, center=True, min_periods=SLOW_DAYS // 2).mean()


def dependence(days: pd.DataFrame) -> dict[str, float]:
    """Return how alike following days are.

    Returns
    -------
    dict
        ``days``; ``sd`` of the daily gap (unit of the loss) and ``lag 1``, its autocorrelation;
        ``sd, slow out`` and ``lag 1, slow out`` of its `residuals`; ``block``, the optimal length
        of a circular block for these (`arch.bootstrap.optimal_block_length`).
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
    rest : Series
        As from `residuals`.

    Returns
    -------
    ndarray of shape (n_series, n_days)
        In the unit of the loss, with a true mean of 0.
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
    """Return the share of series of true mean 0 whose interval of the first days contains 0."""
    critical = intervals.critical_value(
        n_days,
        confidence,
        block_days=rules.block_days,
        autocorrelation=rules.autocorrelation,
    )
    found = intervals.studentised(series[:, :n_days], rules.block_days)
    return float(np.mean(np.abs(found) <= critical))


def real_coverage(days: pd.DataFrame, n_days: int, truth: float, rules: GateRules) -> float:
    """Return the share of all windows of `n_days` real days whose interval contains `truth`."""
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
        Candidate minus live of each day.
    rules : RolloutRules
    mode : {"shadow", "canary"}
    every : int, default=1
        Look at ``min_days`` and every so many days later; 7 for weekly.
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

    On each day either has the same chance to be either, for all rows of the day, so the two are
    equal in every slice by construction, and keep the dependence of rows and, within a spell of
    `spell_days` on average, of days.
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
        As for `firstflight.gate.judge`, over many windows, with the columns of both releases.
    windows : int
        Random windows of ``window_days`` that are judged, each with new swaps; see `swapped`.
    spell_days : float
        Mean length of a swapped spell.

    Returns
    -------
    DataFrame
        Two rows, ``before`` (days drawn singly, each slice for itself) and ``now``; shares of the
        windows: ``better``, ``neither``, ``worse`` by the rule better_than_live, ``slices fail``,
        ``any fail`` of the two.
    """
    quick = rules.model_copy(update={"bootstrap": 200})
    day = pd.to_datetime(rows["date"]).dt.normalize()
    starts = np.sort(day.unique())[: -rules.window_days]
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
    rules : UseCaseRules
        ``process.usecase(name)``.
    pairs : mapping of str to (str, str)
        Name of a comparison -> columns of the candidate and of live. The autocorrelation of the
        first is "the measured one", and the gate is measured on it.
    twins : sequence of str
        The pairs that compare releases which differ by their training rows only: their truth is
        taken to be the mean of all their days.
    better_by : sequence of float
        Differences for the table of power, in the unit of the metric.
    paths : int
        Simulated series for each number.
    windows : int
        Real windows that the gate judges.
    splits : int
        Random splits of the rows of a release that is compared with itself.
    seed : int

    Returns
    -------
    dict of str to DataFrame
        ``dependence`` (see `dependence`; canary: arms of other rows), ``coverage`` (share of
        intervals that hold the truth, by days of the sample), ``rollout`` (shares of equal
        candidates that are promoted and aborted over a whole stage), ``power`` (share promoted,
        and days until half and nine tenths are) and ``gate`` (see `gate_rates`).
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

    coverage = {}
    for memory in memories:
        series = intervals.autoregression(paths, max(LENGTHS), memory, rng)
        coverage[f"AR(1), {memory:g}"] = {
            n: simulated_coverage(series, n, rules.gate.confidence, rules.gate) for n in LENGTHS
        }
    for name, days in shadows.items():
        series = like_the_real(residuals(days), paths, max(LENGTHS), rng)
        coverage[f"shocks of {name}"] = {
            n: simulated_coverage(series, n, rules.gate.confidence, rules.gate) for n in LENGTHS
        }
    live = pairs[first][1]
    halves = [
        daily_gap(known[first], metric, live, live, share=0.5, rng=rng) for _ in range(splits)
    ]
    coverage[f"{live} against itself, rows split"] = {
        n: float(np.mean([real_coverage(days, n, 0.0, rules.gate) for days in halves]))
        for n in LENGTHS
    }
    for name in twins:
        days = shadows[name]
        truth = days["total"].sum() / days["weight"].sum()
        coverage[f"{name}, real days"] = {
            n: real_coverage(days, n, truth, rules.gate) for n in LENGTHS
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
        "coverage": pd.DataFrame(coverage).T,
        "rollout": pd.DataFrame(false),
        "power": pd.DataFrame(power),
        "gate": gates,
    }
