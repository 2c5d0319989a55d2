"""What a change may stand on: verdicts of the gate and decisions of rollouts, each written once.

Judging again makes a new record; the old one stays, for it is why something shipped. The newest one
counts.
"""

from __future__ import annotations

import datetime as dt

from firstflight import clock, gate, records
from firstflight.errors import GateError
from firstflight.records import Record
from firstflight.rollout import Decision, Mode

VERDICTS = "verdicts"
DECISIONS = "decisions"


class VerdictRecord(Record):
    """One judgement of the gate.

    Attributes
    ----------
    version : str
    date : date
        The clock's today when it was judged.
    first_day, last_day : date
        The window.
    rules_digest : str
        Names the rules that judged; see `firstflight.process.digest`.
    against : str
        The version that was live then; empty if none was.
    verdict : gate.Verdict
    """

    version: str
    date: dt.date
    first_day: dt.date
    last_day: dt.date
    rules_digest: str
    against: str
    verdict: gate.Verdict


class DecisionRecord(Record):
    """One decision about a rollout.

    Attributes
    ----------
    rollout : int
        The entry of the deployment history that started this shadow or canary.
    version, against : str
        The candidate, and the live release.
    date : date
        The clock's today when it was decided.
    mode : {"shadow", "canary"}
    decision : Decision
    """

    rollout: int
    version: str
    against: str
    date: dt.date
    mode: Mode
    decision: Decision


def keep_verdict(usecase: str, version: str, verdict: gate.Verdict, against: str) -> VerdictRecord:
    """Write a verdict down, and return the record."""
    record = VerdictRecord(
        version=version,
        date=clock.today(),
        first_day=verdict.first_day,
        last_day=verdict.last_day,
        rules_digest=verdict.rules_digest,
        against=against,
        verdict=verdict,
    )
    return record.model_copy(update={"n": records.append(usecase, VERDICTS, record)})


def verdicts(usecase: str, version: str | None = None) -> list[VerdictRecord]:
    """Return every verdict on a version (or on all), oldest first."""
    found = records.read(usecase, VERDICTS, VerdictRecord)
    return [record for record in found if version in (None, record.version)]


def newest_verdict(usecase: str, version: str) -> VerdictRecord:
    """Return the verdict on a version that counts.

    Raises
    ------
    GateError
        If it was never judged.
    """
    found = verdicts(usecase, version)
    if not found:
        raise GateError(
            f"{usecase} version {version} was not judged yet: run `firstflight gate {version}`."
        )
    return found[-1]


def keep_decision(
    usecase: str, started: int, version: str, against: str, decision: Decision
) -> DecisionRecord:
    """Write a decision down, and return the record.

    Parameters
    ----------
    started : int
        The entry of the deployment history that started the rollout.
    version, against : str
        The candidate, and the live release.
    """
    record = DecisionRecord(
        rollout=started,
        version=version,
        against=against,
        date=clock.today(),
        mode=decision.mode,
        decision=decision,
    )
    return record.model_copy(update={"n": records.append(usecase, DECISIONS, record)})


def decisions(usecase: str, started: int | None = None) -> list[DecisionRecord]:
    """Return every decision about a rollout (or about all), oldest first."""
    found = records.read(usecase, DECISIONS, DecisionRecord)
    return [record for record in found if started in (None, record.rollout)]


def tags(usecase: str, version: str) -> dict[str, str]:
    """Return what the newest records say of a version, as text by name for people in MLflow."""
    found: dict[str, str] = {}
    judged = verdicts(usecase, version)
    if judged:
        last = judged[-1]
        found = {**last.verdict.tags(), "gate.against": last.against, "gate.record": str(last.n)}
    for record in decisions(usecase):
        if record.version == version:
            found[f"rollout.{record.mode}"] = record.decision.decision
            found[f"rollout.{record.mode}.reason"] = record.decision.reason
    return found
