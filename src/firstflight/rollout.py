"""The decision of a rollout: promote, continue or abort, from what happened online.

A pure function from predictions and the labels that have come to a decision. What serves is
changed elsewhere; nothing here has a side effect.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight.errors import RolloutError
from firstflight.intervals import boundary
from firstflight.metrics import Interval, MetricError, difference, difference_arms, row_loss
from firstflight.process import Metric, RolloutRules, StageRules

Mode = Literal["shadow", "canary"]
Outcome = Literal["better", "worse", "undecided", "waiting"]


class Decision(BaseModel):
    """What to do with the candidate, and why.

    Attributes
    ----------
    decision : {"promote", "continue", "abort"}
        ``promote``: on to the next stage (shadow, canary, all traffic). ``continue``: stay in this
        stage and wait. ``abort``: take the candidate out.
    outcome : {"better", "worse", "undecided", "waiting"}
        What was shown. ``better``: below ``promote_below``, which in a canary is the margin up to
        which the candidate does no harm. ``worse``: above ``abort_above``. ``undecided``: neither,
        and the stage has had all its days. ``waiting``: neither yet.
    reason : str
        One sentence.
    mode : {"shadow", "canary"}
        The stage that was judged.
    interval : Interval or None
        Mean loss of the candidate minus that of live; None where there is not enough to tell. From
        ``min_days`` on it may be read on every day (a repeated confidence interval).
    look_day : int or None
        The day of the stage that was judged, counted in days with labels; None before ``min_days``.
    boundary : float or None
        How many standard errors from the limit decide on that day; None before ``min_days``.
    n_labels : int
        Compared pairs (shadow), or labelled rows of the smaller arm (canary).
    n_days : int
        Days with such rows in both releases.
    coverage : float
        Share of the due predictions that can be compared, from 0 to 1: in the shadow of live's, in
        the canary of those of the release that has the smaller share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Literal["promote", "continue", "abort"]
    outcome: Outcome
    reason: str
    mode: Mode
    interval: Interval | None
    look_day: int | None = None
    boundary: float | None = None
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
    above ``abort_above`` aborts. An interval that allows both (``promote_below`` above
    ``abort_above``) aborts: harm that is shown is harm, however small. A stage that has shown
    neither after ``max_days`` does what ``undecided`` says.

    Look as often as you like: the interval of each day is as wide as daily looks from ``min_days``
    to ``max_days`` need (`firstflight.intervals.boundary`), so that over the whole stage a
    candidate at ``promote_below`` is promoted, and one at ``abort_above`` aborted, with a chance of
    at most ``error_max``. Nothing is remembered between looks. Only the first ``max_days`` days
    count: an undecided candidate does not get better by waiting on.

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
        The last day whose labels should have come. Later rows do not count, and do not lower the
        coverage. Without it every row is due.

    Returns
    -------
    Decision
        What to do, what was shown, and on how much.

    Raises
    ------
    RolloutError
        The rows are not what is described above, a version has none, the two versions are the same,
        the mode is unknown, or a loss cannot be computed.
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
    days = sorted(set(first["date"]) & set(second["date"]))
    if len(days) > stage.max_days:
        days = days[: stage.max_days]
        first, second = (arm[arm["date"] <= days[-1]] for arm in (first, second))
    n_labels, n_days = min(len(first), len(second)), len(days)
    gap: Interval | None = None
    limit: float | None = None
    if n_days >= stage.min_days:
        limits = boundary(
            stage.min_days,
            stage.max_days,
            rules.error_max,
            block_days=stage.block_days,
            autocorrelation=stage.autocorrelation,
        )
        limit = limits[n_days - stage.min_days]
    if n_days >= 2:
        gap = _difference(first, second, columns, mode, rules, metric, limit)

    def decided(
        what: Literal["promote", "continue", "abort"], why: str, outcome: Outcome = "waiting"
    ) -> Decision:
        return Decision(
            decision=what,
            outcome=outcome,
            reason=why,
            mode=mode,
            interval=gap,
            look_day=None if limit is None else n_days,
            boundary=limit,
            n_labels=n_labels,
            n_days=n_days,
            coverage=coverage,
        )

    if gap is None or limit is None:
        return decided("continue", f"{n_days} of at least {stage.min_days} days have labels.")
    if n_labels < stage.min_labels:
        return decided("continue", f"{n_labels} of at least {stage.min_labels} labels have come.")
    if coverage < stage.min_coverage:
        return decided(
            "continue",
            f"Only {coverage:.1%} of the due predictions can be compared and "
            f"{stage.min_coverage:.0%} are asked for; find the missing labels or predictions.",
        )
    found = f"Candidate minus live is {gap} on day {n_days} of {stage.max_days}"
    if gap.low > stage.abort_above:
        return decided("abort", f"{found}, wholly above {stage.abort_above:g}: worse.", "worse")
    if gap.high < stage.promote_below:
        return decided("promote", f"{found}, wholly below {stage.promote_below:g}.", "better")
    if n_days >= stage.max_days:
        return decided(
            stage.undecided,
            f"{found}: nothing is proven, and these were all its days.",
            "undecided",
        )
    return decided("continue", f"{found}: not proven yet.")


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
    limit: float | None,
) -> Interval:
    """Return the loss of the candidate (first) minus that of live (second).

    Each side may err by ``error_max``, hence the confidence; before the first look of the stage
    (`limit` is None) it is the interval of one look.
    """
    stage: StageRules = getattr(rules, mode)
    how: dict[str, Any] = {
        "n": rules.bootstrap,
        "confidence": 1 - 2 * rules.error_max,
        "seed": rules.seed,
        "block_days": stage.block_days,
        "autocorrelation": stage.autocorrelation,
        "critical": limit,
    }
    try:
        ours = row_loss(metric, first["label"], first[columns[0]])
        theirs = row_loss(metric, second["label"], second[columns[1]])
        if mode == "shadow":
            return difference(ours, theirs, first["date"], **how)
        return difference_arms(ours, first["date"], theirs, second["date"], **how)
    except MetricError as error:
        raise RolloutError(f"The rollout cannot be scored: {error}") from error
