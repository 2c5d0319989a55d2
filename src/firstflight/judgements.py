"""What was decided about a release: verdicts of the gate, decisions of a rollout; written once.

Judging again makes a new record with its day, its window, the rules and what it was compared with.
A waiver is for one verdict and a decision for one rollout, and neither outlives it.
"""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, ConfigDict

from firstflight import clock, database, gate, history, locks, process, records, registry, rollout
from firstflight.errors import GateError, RolloutError

VERDICTS, DECISIONS = "verdicts", "decisions"
OF_VERDICT = ("gate.", "waiver.")  # tags of a version


class Judgement(BaseModel):
    """One verdict of the gate about one version.

    Attributes
    ----------
    n : int
        Counts the verdicts of a use case from 1.
    date : date
        The clock's today when it was judged.
    version : str
        Which was judged.
    against : str
        The live version that it was compared with; empty if nothing was live.
    verdict : gate.Verdict
        With its window, its checks and the digest of the rules.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    date: dt.date
    version: str
    against: str
    verdict: gate.Verdict


class RolloutDecision(BaseModel):
    """One decision about one stage of a rollout.

    Attributes
    ----------
    n : int
        Counts the decisions of a use case from 1.
    entry : int
        Number of the deployment entry that began the stage.
    date : date
        The clock's today when it was decided.
    version : str
        The candidate.
    decision : rollout.Decision
        With its outcome, its interval and the reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    entry: int
    date: dt.date
    version: str
    decision: rollout.Decision


def judged(usecase: str, version: str | None = None) -> list[Judgement]:
    """Return the verdicts of a use case, or of one of its versions, oldest first.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str, optional
        Only verdicts about this version; all if not given.

    Returns
    -------
    list of Judgement
        Empty if nothing was judged.

    Raises
    ------
    RecordError
        If a record cannot be read, or a number is missing.
    """
    found = records.all_of(usecase, VERDICTS, Judgement)
    return [one for one in found if version in (None, one.version)]


def judgement_of(usecase: str, version: str) -> Judgement:
    """Return the newest verdict about a version.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str
        The version.

    Returns
    -------
    Judgement
        The one with the highest number.

    Raises
    ------
    GateError
        If it was never judged.
    """
    found = judged(usecase, version)
    if not found:
        raise GateError(
            f"{usecase} version {version} was not judged yet: run `firstflight gate {version}`."
        )
    return found[-1]


def record_verdict(usecase: str, version: str, against: str, verdict: gate.Verdict) -> Judgement:
    """Write a verdict down, and let the version's tags in MLflow say the same for people.

    What goes wrong in MLflow does not undo the record: it is logged, and `settle` does it later.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str
        Which was judged.
    against : str
        The live version that it was compared with; empty if nothing was live.
    verdict : gate.Verdict
        As from `firstflight.gate.judge`.

    Returns
    -------
    Judgement
        The record, with its number and the clock's today.

    Raises
    ------
    StorageError
        If the disk does not take it; nothing is written then.
    BusyError
        If another command holds the workspace for too long.
    """
    with locks.writing("gate"):
        found = Judgement(
            n=records.following(usecase, VERDICTS),
            date=clock.today(),
            version=version,
            against=against,
            verdict=verdict,
        )
        records.append(usecase, VERDICTS, found)
        with registry.following(usecase):
            _mirror_verdict(usecase, found)
        return found


def record_decision(usecase: str, version: str, decision: rollout.Decision) -> RolloutDecision:
    """Write a decision about the rollout in progress down.

    What goes wrong in MLflow does not undo the record: it is logged, and `settle` does it later.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str
        The candidate.
    decision : rollout.Decision
        As from `firstflight.rollout.decide`.

    Returns
    -------
    RolloutDecision
        The record, with its number, the stage that it is about and the clock's today.

    Raises
    ------
    RolloutError
        If there is no rollout in progress.
    StorageError
        If the disk does not take it; nothing is written then.
    BusyError
        If another command holds the workspace for too long.
    """
    with locks.writing("decide"):
        found = RolloutDecision(
            n=records.following(usecase, DECISIONS),
            entry=stage_entry(usecase).n,
            date=clock.today(),
            version=version,
            decision=decision,
        )
        records.append(usecase, DECISIONS, found)
        with registry.following(usecase):
            _mirror_decision(usecase, found)
        return found


def settle(usecase: str) -> None:
    """Bring MLflow's tags up to the newest verdicts and decisions, if a command was cut off.

    Parameters
    ----------
    usecase : str
        Name of the use case.

    Raises
    ------
    RegistryError
        If there are records, and MLflow's database is missing or cannot be read.
    BusyError
        If another command holds the workspace for too long, or another program MLflow's database.
    """
    if not database.behind(usecase):
        return
    with locks.writing("settle"), registry.following(usecase):
        done = database.followed(usecase, VERDICTS)
        for n in records.numbers(usecase, VERDICTS)[done:]:
            _mirror_verdict(usecase, records.read(usecase, VERDICTS, n, Judgement))
        done = database.followed(usecase, DECISIONS)
        for n in records.numbers(usecase, DECISIONS)[done:]:
            _mirror_decision(usecase, records.read(usecase, DECISIONS, n, RolloutDecision))


def _mirror_verdict(usecase: str, found: Judgement) -> None:
    tags = {**found.verdict.tags(), "gate.against": found.against, "gate.date": str(found.date)}
    # What was said of an older verdict does not hold for this one; its number stays to the end.
    old = [key for key in registry.tags(usecase, found.version) if key.startswith(OF_VERDICT)]
    gone = dict.fromkeys({*old} - {*tags, "gate.record"})
    registry.set_tags(usecase, found.version, {**tags, **gone})
    registry.set_tags(usecase, found.version, {"gate.record": str(found.n)})


def _mirror_decision(usecase: str, found: RolloutDecision) -> None:
    said = found.decision
    tags = {f"rollout.{said.mode}": said.decision, f"rollout.{said.mode}.reason": said.reason}
    registry.set_tags(usecase, found.version, tags)
    registry.set_tags(usecase, found.version, {"rollout.record": str(found.n)})


def waiver_of(usecase: str, judgement: Judgement) -> history.Deployment | None:
    """Return the entry that waives this verdict, or None; another verdict's waiver is none.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    judgement : Judgement
        The verdict.

    Returns
    -------
    history.Deployment or None
        The newest one with action ``waive`` and the number of this verdict.

    Raises
    ------
    RecordError
        If an entry of the history cannot be read, or a number is missing.
    """
    for entry in reversed(history.entries(usecase)):
        if entry.action == "waive" and entry.details.get("verdict") == judgement.n:
            return entry
    return None


def standing(usecase: str, version: str) -> tuple[Judgement, history.Deployment | None]:
    """Return the verdict that a version may ship on, and its waiver if it needs one.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str
        The version.

    Returns
    -------
    verdict : Judgement
        Its newest one.
    waiver : history.Deployment or None
        The entry that waives it; None if it is a pass.

    Raises
    ------
    RolloutError
        If it was never judged, or its newest verdict is not a pass and is not waived, by the rules
        of today.
    """
    found = judged(usecase, version)
    if found:
        newest = found[-1]
        if newest.verdict.verdict == "pass":
            return newest, None
        waiver = waiver_of(usecase, newest)
        if waiver is not None and newest.verdict.verdict in process.load().waiver.may_waive:
            return newest, waiver
    said = found[-1].verdict.verdict if found else "no verdict"
    waived = any(waiver_of(usecase, judgement) is not None for judgement in found[:-1])
    older = " (an older verdict's waiver does not count)" if waived else ""
    raise RolloutError(
        f"{usecase} version {version} has {said} at the gate{older}: let it pass, or record a "
        "waiver."
    )


def stage_entry(usecase: str) -> history.Deployment:
    """Return the entry that began the stage of the rollout in progress.

    Parameters
    ----------
    usecase : str
        Name of the use case.

    Returns
    -------
    history.Deployment
        The newest entry whose action is the present mode, ``shadow`` or ``canary``.

    Raises
    ------
    RolloutError
        If there is no rollout in progress.
    """
    now = history.serving(usecase)
    begun = [e for e in history.entries(usecase) if e.action == now.mode]
    if now.mode == "off" or not begun:
        raise RolloutError(f"{usecase} has no rollout in progress: start a shadow first.")
    return begun[-1]


def decision_of(usecase: str, version: str, mode: str) -> RolloutDecision | None:
    """Return the newest decision about a version in the present stage, or None.

    A decision about an earlier rollout, of this version or another, is none.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str
        The version.
    mode : {"shadow", "canary"}
        The stage that is asked about.

    Returns
    -------
    RolloutDecision or None
        None too if the use case is not in this stage, or with another candidate.

    Raises
    ------
    RecordError
        If a record cannot be read, or a number is missing.
    """
    now = history.serving(usecase)
    if now.mode != mode or now.releases.get("candidate") != version:
        return None
    entry = stage_entry(usecase)
    found = records.all_of(usecase, DECISIONS, RolloutDecision)
    mine = [one for one in found if (one.entry, one.version) == (entry.n, version)]
    return mine[-1] if mine else None
