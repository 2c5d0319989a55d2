"""The offline gate: is this candidate proven good enough, by the rules of ``process.toml``.

A pure function from scored rows to a verdict. ``pass`` is proven, ``fail`` is shown to be bad, and
``hold`` is neither: the data cannot tell yet. A team may ship a ``hold`` under a waiver, by name
and with a reason; the waiver is recorded beside the verdict and never changes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from firstflight.errors import GateError
from firstflight.intervals import holm
from firstflight.metrics import (
    Interval,
    MetricError,
    auc,
    calibration,
    difference,
    row_loss,
    whole_days,
)
from firstflight.process import GateRules, Metric, Process, digest

Outcome = Literal["pass", "hold", "fail"]
BUDGETS = {"artifact_mb": "artifact_mb_max", "one_row_ms": "one_row_ms_max"}
"""What the caller measures, and the rule that limits it: megabytes and milliseconds."""


class Check(BaseModel):
    """What one rule said.

    Attributes
    ----------
    rule : str
        Name of the rule.
    outcome : {"pass", "hold", "fail"}
        What the rule says of the candidate.
    value : float or None
        What was measured, in the unit of the rule; None where there was nothing to measure.
    interval : Interval or None
        Of a difference: candidate minus the other, below 0 is better.
    threshold : float or None
        The limit from ``process.toml``.
    sentence : str
        The same for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    outcome: Outcome
    value: float | None = None
    interval: Interval | None = None
    threshold: float | None = None
    sentence: str


class Verdict(BaseModel):
    """The gate's answer, with every check that led to it.

    Attributes
    ----------
    verdict : {"pass", "hold", "fail"}
        The worst outcome of the checks.
    decided_by : str
        The first rule with that outcome, or "all rules" when all pass.
    metric : {"log_loss", "mae"}
        The loss that was compared.
    n_rows, n_days : int
        Labelled rows, and the days that they are of.
    first_day, last_day : date
        The window that was judged.
    checks : tuple of Check
        What each rule said, in the order in which they were asked.
    rules_digest : str
        Names the rules that judged; see `firstflight.process.digest`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Outcome
    decided_by: str
    metric: Metric
    n_rows: int
    n_days: int
    first_day: dt.date
    last_day: dt.date
    checks: tuple[Check, ...]
    rules_digest: str

    def check(self, rule: str) -> Check:
        """Return the check of one rule.

        Parameters
        ----------
        rule : str
            Name of the rule, such as ``"better_than_live"``.

        Returns
        -------
        Check
            What it said.

        Raises
        ------
        GateError
            If the verdict has no such rule: it was not asked, or there is none of this name.
        """
        for check in self.checks:
            if check.rule == rule:
                return check
        raise GateError(
            f'The verdict has no rule "{rule}"; it has {", ".join(c.rule for c in self.checks)}.'
        )

    @property
    def reason(self) -> str:
        """The sentence of the rule that decided, and the names of the others that agree."""
        if self.verdict == "pass":
            return f"All {len(self.checks)} rules passed."
        others = [c.rule for c in self.checks if c.outcome == self.verdict][1:]
        also = f" Also {self.verdict}: {', '.join(others)}." if others else ""
        return self.check(self.decided_by).sentence + also

    def tags(self) -> dict[str, str]:
        """Return the verdict as text by name, to be written on a model version."""
        tags = {
            "gate.verdict": self.verdict,
            "gate.decided_by": self.decided_by,
            "gate.reason": self.reason,
            "gate.window": f"{self.first_day}/{self.last_day}",
            "gate.rows": str(self.n_rows),
            "gate.rules_digest": self.rules_digest,
        }
        for check in self.checks:
            found = check.interval or ("" if check.value is None else f"{check.value:.4f}")
            tags[f"gate.check.{check.rule}"] = f"{check.outcome} {found}".strip()
        return tags


class Waiver(BaseModel):
    """A person's decision to ship what is not proven.

    Parameters
    ----------
    by : str
        The role that decides, one of ``permissions.waive`` in ``process.toml``; `may_ship` asks.
    reason : str
        Why, in at least 10 characters: somebody will read it on a bad night.

    Raises
    ------
    GateError
        If one of them is missing, or the reason is too short.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str = Field(default="", validate_default=True)
    reason: str = Field(default="", validate_default=True)

    @field_validator("by")
    @classmethod
    def _somebody(cls, by: str) -> str:
        if not by.strip():
            raise GateError("A waiver needs the role that decides: give it with `by`.")
        return by.strip()

    @field_validator("reason")
    @classmethod
    def _a_reason(cls, reason: str) -> str:
        if len(reason.strip()) < 10:
            raise GateError(
                f'A waiver needs a reason of at least 10 characters, and "{reason.strip()}" is '
                "shorter: say why the risk is taken."
            )
        return reason.strip()

    def tags(self) -> dict[str, str]:
        """Return the waiver as text by name, to be written beside the verdict."""
        return {"waiver.by": self.by, "waiver.reason": self.reason}


def may_ship(verdict: Verdict, waiver: Waiver | None, rules: Process) -> bool:
    """Return whether a verdict, with the waiver if there is one, allows a deployment.

    Parameters
    ----------
    verdict : Verdict
        As from `judge`.
    waiver : Waiver or None
        A person's decision to ship it all the same; None if there is none.
    rules : Process
        Says which roles may waive, and which verdicts may be waived.

    Returns
    -------
    bool
        True for a pass, and for a waived verdict that may be waived.

    Raises
    ------
    GateError
        If the waiver is by a role that the process does not let waive, whatever the verdict is.
    """
    if waiver is not None and waiver.by not in rules.permissions.waive:
        raise GateError(
            f'A waiver by "{waiver.by}" does not count; process.toml lets '
            f"{' or '.join(rules.permissions.waive)} "
            "waive, so ask there."
        )
    if verdict.verdict == "pass":
        return True
    return waiver is not None and verdict.verdict in rules.waiver.may_waive


def judge(
    rows: pd.DataFrame,
    metric: Metric,
    rules: GateRules,
    budgets: Mapping[str, float],
    *,
    today: dt.date | None = None,
) -> Verdict:
    """Judge a candidate on the rows of the gate's window.

    The rules, in order: ``enough_data``, ``window_age``, ``suspicious`` (too good to be true),
    ``beats_naive``, ``calibration``, ``better_than_live``, ``slices``, ``budgets``. A comparison
    passes when its whole interval (see `firstflight.intervals`) is below 0, fails when it is above
    0, and holds when it contains 0. Where something is live, that must be beaten with proof, and of
    the naive guess it is enough not to be shown worse: both proofs from one fortnight come together
    more rarely than either, and meanwhile the worse release serves. Without enough data the five
    rules from ``suspicious`` to ``slices`` are not asked: what they would say is noise, and a noisy
    "fail" is as wrong as a noisy "pass".

    The slices are one family: a slice fails when it is worse than live by more than
    ``slice_max_regression`` and shown to be worse (its true mean is above 0) by Holm's procedure at
    the level 1 - ``confidence``, one-sided. So a candidate that equals live in every slice fails
    for any of them with at most that chance, however many slices there are.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        One labelled row per request of the window: ``date``, ``label``, ``candidate`` (its
        prediction), ``naive`` (what one would have said without a model, as known at the time),
        the slice columns of the rules, and ``live`` (the live release's prediction) unless nothing
        is live yet.
    metric : {"log_loss", "mae"}
        The use case's metric.
    rules : GateRules
        ``process.usecase(name).gate``.
    budgets : mapping of str to float
        What was measured: ``artifact_mb`` (megabytes) and ``one_row_ms`` (milliseconds).
    today : date, optional
        The day of the judgement. Without it the age of the window is not asked.

    Returns
    -------
    Verdict
        The worst outcome of the rules, with what each of them said.

    Raises
    ------
    GateError
        If rows or budgets are not what is described above, or the rows reach over more days than
        the window or end after `today`.
    """
    require_rows(rows, metric, rules)
    bad = [b for b in BUDGETS if not 0 <= budgets.get(b, -1) < float("inf")]
    if bad:
        raise GateError(
            f"The gate's budgets lack {', '.join(bad)}; measure, and give numbers, 0 or more."
        )
    loss = row_losses(rows, metric, rules)
    checks = [_enough_data(rows, rules)]
    enough = checks[0].outcome == "pass"
    if today is not None:
        checks.append(_window_age(rows, rules, today))
    if enough:
        checks += [
            _suspicious(rows, loss, metric, rules),
            _against(
                rules.must_beat,
                f"beats_{rules.must_beat}",
                rows,
                loss,
                rules,
                proof="live" not in loss,
            ),
            _calibration(rows, rules),
            _against("live", "better_than_live", rows, loss, rules),
            _slices(rows, loss, rules),
        ]
    checks.append(_budgets(rules, budgets))
    return verdict_of(checks, rows, metric, rules)


def verdict_of(
    checks: list[Check], rows: pd.DataFrame, metric: Metric, rules: GateRules
) -> Verdict:
    """Return the verdict that checks add up to: the worst outcome, and the first rule with it.

    Parameters
    ----------
    checks : list of Check
        What each rule said, in order; at least one.
    rows : DataFrame
        The rows that were judged; their number and days are noted.
    metric : {"log_loss", "mae"}
        The loss that was compared.
    rules : GateRules
        The rules that judged; their digest is noted.

    Returns
    -------
    Verdict
        ``fail`` if any check fails, else ``hold`` if any holds, else ``pass``.
    """
    worst: Outcome = max((c.outcome for c in checks), key=("pass", "hold", "fail").index)
    first = next(c.rule for c in checks if c.outcome == worst)
    days = whole_days(rows["date"])
    return Verdict(
        verdict=worst,
        decided_by="all rules" if worst == "pass" else first,
        metric=metric,
        n_rows=len(rows),
        n_days=days.nunique(),
        first_day=days.min().date(),
        last_day=days.max().date(),
        checks=tuple(checks),
        rules_digest=digest(rules),
    )


def require_rows(rows: pd.DataFrame, metric: str, rules: GateRules) -> None:
    """Refuse rows that cannot be judged, with a sentence.

    Parameters
    ----------
    rows : DataFrame
        As for `judge`.
    metric : {"log_loss", "mae"}
        The use case's metric.
    rules : GateRules
        ``process.usecase(name).gate``.

    Raises
    ------
    GateError
        If a column is missing, there are no rows, a row has no date, the rows reach over more days
        than ``window_days``, or the rules lack ``suspicious_auc`` (log loss) or ``suspicious_mae``
        (mae).
    """
    wanted = ["date", "label", "candidate", rules.must_beat, *rules.slice_columns]
    missing = [column for column in wanted if column not in rows]
    if missing:
        raise GateError(
            f"The gate's rows lack {', '.join(missing)}; give it the columns {', '.join(wanted)}."
        )
    if rows.empty:
        raise GateError(
            "The gate has no rows to judge; choose a window that has passed and whose labels came."
        )
    days = pd.to_datetime(rows["date"], errors="coerce").dt.normalize()
    if days.isna().any():
        raise GateError(
            f"{int(days.isna().sum())} of the gate's {len(rows)} rows have no date; a row counts "
            "with the others of its day, so give each its date."
        )
    span = (days.max() - days.min()).days + 1
    if span > rules.window_days:
        raise GateError(
            f"The gate's rows reach over {span} days and process.toml decided on a window of "
            f"{rules.window_days}; give it the rows of the window only."
        )
    if metric == "log_loss" and rules.suspicious_auc is None:
        raise GateError("The gate's rules have no suspicious_auc, and log loss needs it; add it.")
    if metric == "mae" and rules.suspicious_mae is None:
        raise GateError("The gate's rules have no suspicious_mae, and mae needs it; add it.")


def row_losses(rows: pd.DataFrame, metric: Metric, rules: GateRules) -> dict[str, np.ndarray]:
    """Return the row losses of the candidate, of what it must beat and, if there is one, live.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        As for `judge`.
    metric : {"log_loss", "mae"}
        The loss of a row.
    rules : GateRules
        Names what must be beaten.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        ``candidate``, ``naive`` and, if there is such a column, ``live``: losses in nats, or in the
        unit of the label.

    Raises
    ------
    GateError
        If the labels and a column of predictions cannot be scored: a value is missing or infinite,
        a label is not 0 or 1, a probability is outside 0 to 1, or the metric is unknown.
    """
    losses = {}
    for column in ("candidate", rules.must_beat, "live"):
        if column in rows:
            try:
                losses[column] = row_loss(metric, rows["label"], rows[column])
            except MetricError as error:
                raise GateError(f"The gate cannot score {column}: {error}") from error
    return losses


def _enough_data(rows: pd.DataFrame, rules: GateRules) -> Check:
    n_days = whole_days(rows["date"]).nunique()
    enough = len(rows) >= rules.min_rows and n_days >= rules.min_days
    return Check(
        rule="enough_data",
        outcome="pass" if enough else "hold",
        value=float(len(rows)),
        threshold=float(rules.min_rows),
        sentence=f"{len(rows)} labelled rows on {n_days} days; at least {rules.min_rows} on "
        f"{rules.min_days} are asked for" + ("." if enough else ", so no score was judged."),
    )


def _window_age(rows: pd.DataFrame, rules: GateRules, today: dt.date) -> Check:
    """Hold what was judged on days that are long past: the world may be another one now."""
    last = pd.to_datetime(rows["date"]).max().date()
    age = (today - last).days
    if age < 0:
        raise GateError(
            f"The gate's rows reach to {last} and today is {today}; judge when these days are over."
        )
    fresh = age <= rules.window_age_max_days
    return Check(
        rule="window_age",
        outcome="pass" if fresh else "hold",
        value=float(age),
        threshold=float(rules.window_age_max_days),
        sentence=f"The window ended {'1 day' if age == 1 else f'{age} days'} ago; "
        f"up to {rules.window_age_max_days} are allowed"
        + ("." if fresh else ", so nothing is proven about today: judge a fresher window."),
    )


def _suspicious(
    rows: pd.DataFrame, loss: Mapping[str, np.ndarray], metric: Metric, rules: GateRules
) -> Check:
    """Fail what is too good to be true: a feature that knows the future is the usual cause."""
    if metric == "mae":
        name, value, limit = "mean absolute error", float(loss["candidate"].mean()), 0.0
        limit = rules.suspicious_mae or limit
        good = value < limit
    elif rows["label"].nunique() < 2:
        return Check(
            rule="suspicious",
            outcome="hold",
            threshold=rules.suspicious_auc,
            sentence="All labels of the window are the same, so AUC says nothing.",
        )
    else:
        name, value = "AUC", auc(rows["label"], rows["candidate"])
        limit = rules.suspicious_auc or 1.0
        good = value > limit
    return Check(
        rule="suspicious",
        outcome="fail" if good else "pass",
        value=value,
        threshold=limit,
        sentence=f"The candidate's {name} is {value:.3f}; beyond {limit:g} it is too good to be "
        "true" + (", so look for the future among the features." if good else "."),
    )


def _against(
    other: str,
    rule: str,
    rows: pd.DataFrame,
    loss: Mapping[str, np.ndarray],
    rules: GateRules,
    proof: bool = True,
) -> Check:
    """Compare with another prediction of the same rows; without `proof`, no worse is enough."""
    if other not in loss:
        return Check(rule=rule, outcome="pass", sentence=f"There is no {other} to compare with.")
    gap = _difference(loss["candidate"], loss[other], rows["date"], rules)
    outcome: Outcome = "hold"
    said = "not proven: the interval contains 0"
    if gap.high < 0:
        outcome, said = "pass", "better"
    elif gap.low > 0:
        outcome, said = "fail", "worse"
    elif not proof:
        outcome, said = "pass", "not shown to be worse, and live is what must be beaten"
    return Check(
        rule=rule,
        outcome=outcome,
        value=gap.mean,
        interval=gap,
        threshold=0.0,
        sentence=f"The candidate's loss minus that of {other} is {gap}: {said} ({gap.n_days} days, "
        f"blocks of {gap.block_days}, autocorrelation {gap.autocorrelation:g}).",
    )


def _calibration(rows: pd.DataFrame, rules: GateRules) -> Check:
    bias = calibration(rows["label"], rows["candidate"])
    return Check(
        rule="calibration",
        outcome="fail" if abs(bias) > rules.calibration_max else "pass",
        value=bias,
        threshold=rules.calibration_max,
        sentence=f"The mean prediction is {bias:+.4f} away from what happened; up to "
        f"{rules.calibration_max:g} either way is allowed.",
    )


def _slices(rows: pd.DataFrame, loss: Mapping[str, np.ndarray], rules: GateRules) -> Check:
    """Fail when a slice is worse than live by more than the limit, and that is no accident."""
    if "live" not in loss:
        return Check(rule="slices", outcome="pass", sentence="There is no live to compare with.")
    found: list[tuple[str, Interval]] = []
    small = 0
    for column in rules.slice_columns:
        for value, index in rows.groupby(column, observed=True, dropna=False).indices.items():
            dates = rows["date"].iloc[index]
            if len(index) < rules.slice_min_rows or whole_days(dates).nunique() < 2:
                small += 1
                continue
            gap = _difference(loss["candidate"][index], loss["live"][index], dates, rules)
            found.append((f"{column} {value}", gap))
    level = 1 - rules.confidence
    worse = holm([gap.p_above(0) for _, gap in found], level)
    bad = [
        (name, gap)
        for (name, gap), shown in zip(found, worse, strict=True)
        if shown and gap.mean > rules.slice_max_regression
    ]
    shown = max(bad or found, key=lambda item: item[1].mean, default=None)
    if shown is None:
        said = f"No slice has {rules.slice_min_rows} rows"
    elif bad:
        said = f"Worse than live in {', '.join(name for name, _ in bad)}; most in {shown[0]}, by "
        said += str(shown[1])
    else:
        said = f"None of {len(found)} slices is shown to be worse than live by more than "
        said += f"{rules.slice_max_regression:g}; the least good is {shown[0]}, {shown[1]}"
    if shown is not None:
        said += f" (one-sided p {shown[1].p_above(0):.2g}; Holm over {len(found)} at {level:.2g})"
    return Check(
        rule="slices",
        outcome="fail" if bad else "pass",
        value=shown[1].mean if shown else None,
        interval=shown[1] if shown else None,
        threshold=rules.slice_max_regression,
        sentence=f"{said}; too small to judge: {small}.",
    )


def _budgets(rules: GateRules, budgets: Mapping[str, float]) -> Check:
    used = {name: budgets[name] / getattr(rules, limit) for name, limit in BUDGETS.items()}
    name = max(used, key=lambda n: used[n])
    return Check(
        rule="budgets",
        outcome="fail" if used[name] > 1 else "pass",
        value=float(budgets[name]),
        threshold=getattr(rules, BUDGETS[name]),
        sentence="; ".join(
            f"{n} is {budgets[n]:.3g} of {getattr(rules, limit):g}" for n, limit in BUDGETS.items()
        )
        + ".",
    )


def _difference(
    first: np.ndarray, second: np.ndarray, dates: pd.Series, rules: GateRules
) -> Interval:
    return difference(first, second, dates, **rules.how)
