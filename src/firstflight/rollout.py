"""The decision of a rollout: promote, continue or abort, from what happened online.

A pure function from predictions and the labels that have come to a decision. What serves is
changed elsewhere; nothing here has a side effect.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight.errors import RolloutError
from firstflight.metrics import Interval, MetricError, difference, difference_arms, row_loss
from firstflight.process import Metric, RolloutRules, StageRules

Mode = Literal["shadow", "canary"]


class Decision(BaseModel):
    """What to do with the candidate, and why.

    Attributes
    ----------
    decision : {"promote", "continue", "abort"}
        ``promote``: on to the next stage (shadow, canary, all traffic). ``continue``: stay in this
        stage and wait. ``abort``: take the candidate out.
    reason : str
        One sentence.
    interval : Interval or None
        Mean loss of the candidate minus that of live; None where there is not enough to tell.
    n_labels : int
        Compared pairs (shadow), or labelled rows of the smaller arm (canary).
    n_days : int
        Days with such rows in both releases.
    coverage : float
        Share of the due predictions that can be compared, from 0 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Literal["promote", "continue", "abort"]
    reason: str
    mode: Mode
    interval: Interval | None
    n_labels: int
    n_days: int
    coverage: float


def decide(
    joined: pd.DataFrame,
    mode: Mode,
    rules: RolloutRules,
    metric: Metric,
    *,
    live: str,
    candidate: str,
    key: Sequence[str] = ("date", "key"),
    due: dt.date | None = None,
) -> Decision:
    """Decide one stage of a rollout.

    In the shadow both releases predict each request, so their losses are paired by `key`. In the
    canary each request has one answer, and the two arms are compared day by day
    (`firstflight.metrics.difference_arms`).

    First there must be enough: labels, days and coverage, else the decision is ``continue``. Then
    the interval of candidate minus live decides: wholly below ``promote_below`` promotes, wholly
    above ``abort_above`` aborts, and a stage that has proven nothing after ``max_days`` aborts. An
    interval that allows both (``promote_below`` above ``abort_above``) aborts: harm that is shown
    is harm, however small.

    To look every day and stop at the first "promote" is to test often; ``min_days`` bounds how
    early, and a decision a week, on whole weeks, is the better habit.

    Parameters
    ----------
    joined : DataFrame
        Predictions with the labels that have come: ``date``, the columns of `key`, ``version``,
        ``prediction`` and ``label`` (missing while not arrived, and for ever where a flight was
        cancelled). Rows of other versions are ignored. In the canary only answers that were
        returned, no shadow predictions.
    mode : {"shadow", "canary"}
        The stage.
    rules : RolloutRules
        ``process.usecase(name).rollout``.
    metric : {"log_loss", "mae"}
        The use case's metric.
    live, candidate : str
        The two versions.
    key : sequence of str
        Columns that name a request.
    due : date, optional
        The last day whose labels should have come. Later rows do not count, nor against coverage.

    Raises
    ------
    RolloutError
        The rows are not what is described above, or a version has none.
    """
    if mode not in get_args(Mode):
        raise RolloutError(f'The rollout mode "{mode}" is unknown; use "shadow" or "canary".')
    stage: StageRules = getattr(rules, mode)
    live_arm, candidate_arm = _arms(joined, live, candidate, key, due)
    if mode == "shadow":
        compared, coverage = _pairs(live_arm, candidate_arm, key)
        first = second = compared
        columns = ("prediction_candidate", "prediction_live")
    else:
        _require_one_answer_each(live_arm, candidate_arm, key)
        first, second = (arm[arm["label"].notna()] for arm in (candidate_arm, live_arm))
        coverage = min(len(first) / len(candidate_arm), len(second) / len(live_arm))
        columns = ("prediction", "prediction")
    n_labels = min(len(first), len(second))
    n_days = len(set(first["date"]) & set(second["date"]))
    gap: Interval | None = None
    if n_days >= 2:
        gap = _difference(first, second, columns, mode, rules, metric)

    def decided(what: Literal["promote", "continue", "abort"], why: str) -> Decision:
        return Decision(
            decision=what,
            reason=why,
            mode=mode,
            interval=gap,
            n_labels=n_labels,
            n_days=n_days,
            coverage=coverage,
        )

    if gap is None or n_days < stage.min_days:
        return decided("continue", f"{n_days} of at least {stage.min_days} days have labels.")
    if n_labels < stage.min_labels:
        return decided("continue", f"{n_labels} of at least {stage.min_labels} labels have come.")
    if coverage < stage.min_coverage:
        return decided(
            "continue",
            f"Only {coverage:.1%} of the due predictions can be compared and "
            f"{stage.min_coverage:.0%} are asked for; find the missing labels or predictions.",
        )
    if gap.low > stage.abort_above:
        return decided(
            "abort", f"Candidate minus live is {gap}, wholly above {stage.abort_above:g}: worse."
        )
    if gap.high < stage.promote_below:
        return decided(
            "promote", f"Candidate minus live is {gap}, wholly below {stage.promote_below:g}."
        )
    if n_days >= stage.max_days:
        return decided(
            "abort", f"Candidate minus live is {gap}: nothing is proven after {n_days} days."
        )
    return decided("continue", f"Candidate minus live is {gap}: not proven yet.")


def _arms(
    joined: pd.DataFrame, live: str, candidate: str, key: Sequence[str], due: dt.date | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the due rows of live and of the candidate, checked."""
    wanted = [*dict.fromkeys(["date", *key, "version", "prediction", "label"])]
    missing = [column for column in wanted if column not in joined]
    if missing:
        raise RolloutError(
            f"The joined predictions lack {', '.join(missing)}; give the columns "
            f"{', '.join(wanted)}."
        )
    if live == candidate:
        raise RolloutError(
            f"Live and candidate are both version {live}; a rollout compares two releases."
        )
    rows = joined[wanted].assign(date=pd.to_datetime(joined["date"]).dt.normalize())
    if due is not None:
        rows = rows[rows["date"] <= pd.Timestamp(due)]
    arms = []
    for name, version in (("live", live), ("candidate", candidate)):
        arm = rows[rows["version"].astype(str) == str(version)]
        if arm.empty:
            raise RolloutError(
                f"There is no due prediction of version {version} ({name}); check that it serves "
                "and that its predictions are logged."
            )
        twice = int(arm.duplicated(list(key)).sum())
        if twice:
            raise RolloutError(
                f"{twice} predictions of version {version} are for a request that it has already "
                f"answered; keep one for each {', '.join(key)}."
            )
        arms.append(arm)
    return arms[0], arms[1]


def _pairs(
    live: pd.DataFrame, candidate: pd.DataFrame, key: Sequence[str]
) -> tuple[pd.DataFrame, float]:
    """Return labelled requests that both predicted, and their share of live's requests."""
    columns = [*dict.fromkeys(["date", *key])]
    pairs = live.merge(
        candidate[[*columns, "prediction"]], on=columns, suffixes=("_live", "_candidate")
    )
    pairs = pairs[pairs["label"].notna()]
    return pairs, len(pairs) / len(live)


def _require_one_answer_each(
    live: pd.DataFrame, candidate: pd.DataFrame, key: Sequence[str]
) -> None:
    both = len(live[[*key]].merge(candidate[[*key]], on=[*key]))
    if both:
        raise RolloutError(
            f"{both} requests of the canary have an answer of both releases; give only the answers "
            "that were returned."
        )


def _difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    columns: tuple[str, str],
    mode: Mode,
    rules: RolloutRules,
    metric: Metric,
) -> Interval:
    """Return the loss of the candidate (first) minus that of live (second)."""
    try:
        ours = row_loss(metric, first["label"], first[columns[0]])
        theirs = row_loss(metric, second["label"], second[columns[1]])
        if mode == "shadow":
            return difference(
                ours,
                theirs,
                first["date"],
                n=rules.bootstrap,
                confidence=rules.confidence,
                seed=rules.seed,
            )
        return difference_arms(
            ours,
            first["date"],
            theirs,
            second["date"],
            n=rules.bootstrap,
            confidence=rules.confidence,
            seed=rules.seed,
        )
    except MetricError as error:
        raise RolloutError(f"The rollout cannot be scored: {error}") from error
