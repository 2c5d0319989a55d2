"""What the runbook's commands do about releases, one function per command.

The decisions are pure functions elsewhere (`gate`, `rollout`, `monitor`). Here they get their
evidence, and what they decide is written down and done. `land` is in `drops`, `state` in `state`,
`rollback` in `rollback`: those are modules of their own.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from firstflight import (
    clock,
    contract,
    deployments,
    drift,
    error_rates,
    files,
    gate,
    history,
    judgements,
    locks,
    metrics,
    monitor,
    predictions,
    process,
    registry,
    rollback,
    rollout,
    snapshot,
    train,
    workspace,
)
from firstflight.drops import Drops
from firstflight.errors import FirstFlightError, GateError, RegistryError, RolloutError
from firstflight.release import Release
from firstflight.state import States, Store
from firstflight.usecase import UseCase

ONE_ROW_CALLS = 30


def landed(usecase: UseCase, today: dt.date | None = None) -> Drops:
    """Return the workspace's landed drops as they are known on a day.

    Parameters
    ----------
    usecase : UseCase
        Its sources are read.
    today : date, optional
        The day; the clock's today if not given.

    Returns
    -------
    Drops
        Nothing is read yet: a month that has not landed is noticed when its rows are asked for.

    Raises
    ------
    ClockError
        If no day is given and the clock cannot be read.
    """
    return Drops(workspace.current().drops, usecase.sources, today or clock.today())


# --- gate ---------------------------------------------------------------------------------------


def gate_window(usecase: UseCase, version: str) -> tuple[dt.date, dt.date]:
    """Return the first and last day of a version's gate window: right after its training days.

    Parameters
    ----------
    usecase : UseCase
    version : str
        A version number, not an alias.

    Returns
    -------
    start, end : date
        Both included; the window has ``gate.window_days`` days.

    Raises
    ------
    RegistryError
        If there is no such version, no registry, or the version was not registered by this path.
    """
    trained_to = dt.date.fromisoformat(registry.lineage(usecase.name, version)["trained_to"])
    days = process.load().usecase(usecase.name).gate.window_days
    return trained_to + dt.timedelta(days=1), trained_to + dt.timedelta(days=days)


def window_rows(
    usecase: UseCase, drops: Drops, start: dt.date, end: dt.date, live: Release | None
) -> pd.DataFrame:
    """Return the labelled requests of a gate window, ready for a ``candidate`` column.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        What is known today.
    start, end : date
        First and last day of the window, both included.
    live : Release or None
        The release to compare with, if there is one.

    Returns
    -------
    DataFrame of shape (n_labelled, n_columns)
        One row per request that has a label: the request's fields, ``label``, ``naive`` (the guess
        without a model) and, if a release is given, ``live``: its predictions, with its own feature
        version and state computed from the drops.

    Raises
    ------
    ClockError
        If `end` is after the drops' today, or before `start`.
    DropError
        If a month has not landed or is not what was promised.
    """
    requests = usecase.requests(drops, start, end)
    rows = requests.assign(naive=usecase.naive(drops, requests))
    if live is not None:
        rows["live"] = predictions.replay(live, drops, start, end)["prediction"].to_numpy()
    return rows.merge(usecase.labels(drops, start, end), on=list(usecase.key), how="inner")


def budgets(candidate: Release) -> dict[str, float]:
    """Measure what a release costs to hold and to ask: megabytes, and milliseconds for one row.

    Parameters
    ----------
    candidate : Release
        A registered one: its files are looked up by its version.

    Returns
    -------
    dict of str to float
        ``artifact_mb``: the size of all its files, in megabytes (1,000,000 bytes).
        ``one_row_ms``: the time for one prediction, in milliseconds: the median of 30 calls with
        its first frozen request, through the estimator's own pipeline.
    """
    name, version = candidate.usecase.name, candidate.version
    folder = registry.files_of(name, str(version))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    rows = pd.DataFrame(candidate.golden["requests"]).head(1)
    rows["date"] = pd.to_datetime(rows["date"]).astype("datetime64[s]")
    frozen = candidate.golden["state"]
    states = States({dt.date.fromisoformat(frozen["date"]): frozen["values"]})
    seconds = []
    for _ in range(ONE_ROW_CALLS):
        begun = time.perf_counter()
        candidate.predict(rows, states)
        seconds.append(time.perf_counter() - begun)
    return {"artifact_mb": size / 1e6, "one_row_ms": 1000 * float(np.median(seconds))}


def run_gate(usecase: UseCase, name: str, drops: Drops) -> gate.Verdict:
    """Judge a registered version against the live one, and write the verdict down.

    Parameters
    ----------
    usecase : UseCase
    name : str
        A version or an alias.
    drops : Drops
        What is known today.

    Returns
    -------
    gate.Verdict
        If nothing is live, or the version is live itself, it is compared with the naive guess only.

    Raises
    ------
    GateError
        If the labels of its window have not all come by the drops' today, or the rows of the window
        cannot be judged.
    RegistryError
        If there is no such version, or no registry.
    ReleaseError
        If the version, or the live one, cannot be loaded as it was saved.
    """
    version = registry.resolve(usecase.name, name)
    start, end = gate_window(usecase, version)
    if end >= drops.today:
        raise GateError(
            f"The gate window of {usecase.name} version {version} ends on {end} and today is "
            f"{drops.today}: its labels are known on {end + dt.timedelta(days=1)}, so wait."
        )
    candidate = registry.load(usecase.name, version)
    live_version = history.serving(usecase.name).releases.get("live")
    against = "" if live_version in (None, version) else str(live_version)
    live = registry.load(usecase.name, against) if against else None
    rows = window_rows(usecase, drops, start, end, live)
    scored = predictions.replay(candidate, drops, start, end)
    rows = rows.merge(
        scored[[*usecase.key, "prediction"]].rename(columns={"prediction": "candidate"}),
        on=list(usecase.key),
    )
    rules = process.load().usecase(usecase.name)
    verdict = gate.judge(rows, rules.metric, rules.gate, budgets(candidate), today=drops.today)
    _settle(usecase.name)
    judgements.record_verdict(usecase.name, version, against, verdict)
    return verdict


def verdict_of(usecase: str, version: str) -> gate.Verdict:
    """Return the newest verdict about a version; `judgements.judged` returns all of them.

    Parameters
    ----------
    usecase : str
        Its name.
    version : str
        A version number, not an alias.

    Returns
    -------
    gate.Verdict

    Raises
    ------
    GateError
        If it was never judged.
    """
    return judgements.judgement_of(usecase, version).verdict


def waive(usecase: UseCase, name: str, *, by: str, reason: str) -> history.Deployment:
    """Let a version ship on one verdict although it is not proven: by name, with a reason.

    The waiver counts for the verdict that is the version's newest one now, and for no later one.

    Parameters
    ----------
    usecase : UseCase
    name : str
        A version or an alias.
    by : str
        The role that decides.
    reason : str
        Why, in at least 10 characters.

    Returns
    -------
    history.Deployment
        The entry of the history that holds the waiver. If an earlier command wrote the same waiver
        and was cut off, its entry is returned and no second one is written.

    Raises
    ------
    GateError
        If the version was never judged, or its newest verdict is a pass, is waived already or may
        not be waived by the team's process. Also if the role may not waive, or the reason is too
        short.
    RegistryError
        If there is no such version, or the reason has over 2,000 characters.
    ClockError
        If today is before the day of the last change.
    """
    with locks.writing("waive"):
        version = registry.resolve(usecase.name, name)
        begun = _settle(usecase.name)
        found = judgements.judgement_of(usecase.name, version)
        if begun and (begun.action, begun.by, begun.details.get("verdict")) == (
            "waive",
            by,
            found.n,
        ):
            return begun
        verdict, waiver = found.verdict, gate.Waiver(by=by, reason=reason)
        if verdict.verdict == "pass":
            raise GateError(
                f"{usecase.name} version {version} passed the gate: it needs no waiver, and none "
                "was written."
            )
        rules = process.load()
        if not gate.may_ship(verdict, waiver, rules):
            raise GateError(
                f"{usecase.name} version {version} got {verdict.verdict!r} "
                f"({verdict.decided_by}), which may not be waived: only "
                f"{', '.join(rules.waiver.may_waive) or 'nothing'} may."
            )
        if judgements.waiver_of(usecase.name, found) is not None:
            raise GateError(
                f"Verdict {found.n} of {usecase.name} version {version} is waived already: "
                "nothing was written."
            )
        now = history.serving(usecase.name)
        said = f"{verdict.verdict} ({verdict.decided_by})"
        return deployments.change(
            usecase.name,
            "waive",
            after={},
            mode=now.mode,
            share=now.share,
            reason=f"version {version}: {said} waived: {waiver.reason}",
            by=by,
            details={"version": version, "verdict": found.n, "reason": waiver.reason},
        )


def train_release(
    usecase: UseCase,
    drops: Drops,
    recipe: str,
    start: dt.date,
    end: dt.date,
    feature_version: int = 1,
) -> str:
    """Take a snapshot, train on it and register the release; doing it again finds it.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        What is known today.
    recipe : str
        Name of one of the use case's recipes.
    start, end : date
        First and last training day, both included.
    feature_version : int, default 1
        The version of the features to train on.

    Returns
    -------
    str
        The version that it has in the registry.

    Raises
    ------
    SnapshotError
        If `end` is not before the drops' today: its labels are not known yet.
    DropError
        If a month of these days has not landed.
    ReleaseError
        If the use case has no such recipe.
    FirstFlightError
        If the use case has no such feature version.
    RegistryError
        If the registry was there and is gone or damaged.
    """
    train.require_recipe(usecase, recipe)  # before the snapshot is taken for nothing
    taken = snapshot.take(usecase, drops, start, end, feature_version)
    return register_snapshot(usecase, taken.digest, recipe)


def register_snapshot(usecase: UseCase, digest: str, recipe: str) -> str:
    """Fit a recipe on a snapshot that was taken, and register it, unless that was done already.

    Parameters
    ----------
    usecase : UseCase
        The one that the snapshot is of.
    digest : str
        Of the snapshot: 16 hex digits.
    recipe : str
        Name of one of the use case's recipes.

    Returns
    -------
    str
        The version that it has in the registry.

    Raises
    ------
    SnapshotError
        If the snapshot is missing or was altered.
    ReleaseError
        If the use case has no such recipe, or the snapshot is of another use case.
    FirstFlightError
        If the use case has the snapshot's feature version no more.
    RegistryError
        If the registry was there and is gone or damaged.
    """
    taken = snapshot.load(digest)
    registry.end_dead_runs()  # a version may be there whose training was killed before its end
    done = registry.find(
        usecase,
        snapshot=digest,
        recipe=recipe,
        feature_version=taken.manifest["feature_version"],
    )
    return done if done is not None else registry.register(train.fit(usecase, taken, recipe))


# --- rollout ------------------------------------------------------------------------------------


def _settle(usecase: str) -> history.Deployment | None:
    """Finish what a command that was cut off left undone; return the change that it had made."""
    with locks.writing("settle"):
        begun = deployments.settle(usecase)
        judgements.settle(usecase)
        return begun


def _same(begun: history.Deployment | None, action: str, by: str, **after: str | None) -> bool:
    """Tell whether the change of a command that was cut off is the one asked for."""
    return (
        begun is not None
        and (begun.action, begun.by) == (action, by)
        and all(begun.after.get(alias) == version for alias, version in after.items())
    )


def start_shadow(usecase: UseCase, name: str, *, by: str, reason: str) -> history.Deployment:
    """Let a version predict beside live; its predictions are logged and not returned.

    Parameters
    ----------
    usecase : UseCase
    name : str
        A version or an alias.
    by, reason : str
        The role that decides, and why.

    Returns
    -------
    history.Deployment
        The entry of the history that says so. If an earlier command wrote the same change and was
        cut off, its entry is returned and no second one is written.

    Raises
    ------
    RolloutError
        If nothing is live, the version is live itself or is the candidate of a rollout already, or
        its newest verdict at the gate is neither a pass nor waived.
    RegistryError
        If there is no such version, no reason or no role, or the reason has over 2,000 characters.
    ClockError
        If today is before the day of the last change.
    PermissionRefused
        If the role may not.
    """
    with locks.writing("shadow"):
        version = registry.resolve(usecase.name, name)
        if _same(begun := _settle(usecase.name), "shadow", by, candidate=version):
            assert begun is not None
            return begun
        now = history.serving(usecase.name)
        if "live" not in now.releases:
            raise RolloutError(
                f"{usecase.name} has nothing live to shadow: promote its first version instead."
            )
        if now.releases["live"] == version:
            raise RolloutError(
                f"{usecase.name} version {version} is live: a release cannot shadow itself."
            )
        if now.mode != "off" and now.releases.get("candidate") == version:
            raise RolloutError(
                f"{usecase.name} version {version} is the candidate already, in the {now.mode}: "
                "nothing was changed; abort it first to begin again."
            )
        verdict, waiver = judgements.standing(usecase.name, version)
        return deployments.change(
            usecase.name,
            "shadow",
            after={"candidate": version},
            mode="shadow",
            by=by,
            reason=reason,
            details={"verdict": verdict.n, "waiver": waiver and waiver.n},
        )


def decide(usecase: UseCase, drops: Drops, *, since: dt.date | None = None) -> rollout.Decision:
    """Decide the rollout in progress by online metrics, and write the decision down.

    Only days whose labels have arrived count, and only those since the rollout entered its mode.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        What is known today.
    since : date, optional
        First day to count; that on which the stage began if not given.

    Returns
    -------
    rollout.Decision
        What is to be done, and why. Nothing of it is done here.

    Raises
    ------
    RolloutError
        If there is no rollout in progress, one of its releases has no predictions on these days, or
        another command changed the rollout in the meantime.
    DropError
        If a month of these days has not landed.
    """
    entry = judgements.stage_entry(usecase.name)
    releases, mode = entry.after, entry.mode
    due = drops.today - dt.timedelta(days=1)
    rows = predictions.joined(usecase, drops, since or entry.date, due)
    roles = ("live", "shadow") if mode == "shadow" else ("live", "candidate")
    rules = process.load().usecase(usecase.name)
    decision = rollout.decide(
        rows[rows["role"].isin(roles)],
        mode,  # type: ignore[arg-type]  # a stage entry is of a stage
        rules.rollout,
        rules.metric,
        live=releases["live"],
        candidate=releases["candidate"],
        key=usecase.key,
        due=due,
    )
    with locks.writing("decide"):
        _settle(usecase.name)
        if judgements.stage_entry(usecase.name).n != entry.n:
            raise RolloutError(
                f"The rollout of {usecase.name} was changed by another command while this one "
                "counted: nothing was written; decide again."
            )
        judgements.record_decision(usecase.name, releases["candidate"], decision)
    return decision


def start_canary(usecase: UseCase, *, by: str, reason: str) -> history.Deployment:
    """Let the candidate answer its share of the requests.

    The share is ``rollout.canary_share`` of the use case.

    Parameters
    ----------
    usecase : UseCase
    by, reason : str
        The role that decides, and why.

    Returns
    -------
    history.Deployment
        The entry of the history that says so. If an earlier command wrote the same change and was
        cut off, its entry is returned and no second one is written.

    Raises
    ------
    RolloutError
        If there is no candidate in the shadow, its newest verdict at the gate is neither a pass nor
        waived, or the newest decision about this shadow is not ``promote`` and that verdict has no
        waiver.
    RegistryError
        If there is no reason or no role, or the reason has over 2,000 characters.
    ClockError
        If today is before the day of the last change.
    PermissionRefused
        If the role may not.
    """
    with locks.writing("canary"):
        begun = _settle(usecase.name)
        version = _candidate(usecase)
        if _same(begun, "canary", by, candidate=version):
            assert begun is not None
            return begun
        now = history.serving(usecase.name)
        if now.mode != "shadow":
            raise RolloutError(
                f"{usecase.name} version {version} is in mode {now.mode!r}: a canary begins from "
                "the shadow, so start one first."
            )
        verdict, waiver = judgements.standing(usecase.name, version)
        decided = judgements.decision_of(usecase.name, version, "shadow")
        said = decided.decision.decision if decided else "none"
        if said != "promote" and waiver is None:
            raise RolloutError(
                f"{usecase.name} version {version} has no shadow decision 'promote' (it has "
                f"{said!r}): decide the shadow first."
            )
        share = process.load().usecase(usecase.name).rollout.canary_share
        return deployments.change(
            usecase.name,
            "canary",
            after={},
            mode="canary",
            share=share,
            by=by,
            reason=reason,
            details={
                "verdict": verdict.n,
                "waiver": waiver and waiver.n,
                "decision": decided and decided.n,
            },
        )


def _candidate(usecase: UseCase) -> str:
    releases = history.serving(usecase.name).releases
    if "candidate" not in releases:
        raise RolloutError(f"{usecase.name} has no candidate: start a shadow first.")
    return releases["candidate"]


def promote(usecase: UseCase, name: str, *, by: str, reason: str) -> history.Deployment:
    """Make a version live; the one before it becomes ``previous``.

    Parameters
    ----------
    usecase : UseCase
    name : str
        A version or an alias.
    by, reason : str
        The role that decides, and why.

    Returns
    -------
    history.Deployment
        The entry of the history that says so. If an earlier command wrote the same change and was
        cut off, its entry is returned and no second one is written.

    Raises
    ------
    RolloutError
        If the version is live already, or its newest verdict at the gate is neither a pass nor
        waived. Also if another version is live, the newest decision about this version's canary is
        not ``promote``, and the verdict has no waiver: where nothing is live, the gate is enough.
    RegistryError
        If there is no such version, no reason or no role, or the reason has over 2,000 characters.
    ClockError
        If today is before the day of the last change.
    PermissionRefused
        If the role may not.
    """
    with locks.writing("promote"):
        version = registry.resolve(usecase.name, name)
        begun = _settle(usecase.name)
        live = history.serving(usecase.name).releases.get("live")
        if live == version:
            if _same(begun, "promote", by, live=version):
                assert begun is not None
                return begun
            raise RolloutError(
                f"{usecase.name} version {version} is live already: nothing was changed."
            )
        verdict, waiver = judgements.standing(usecase.name, version)
        decided = judgements.decision_of(usecase.name, version, "canary")
        said = decided.decision.decision if decided else "none"
        if live is not None and said != "promote" and waiver is None:
            raise RolloutError(
                f"{usecase.name} version {version} has no canary decision 'promote' (it has "
                f"{said!r}): roll it out by shadow and canary, or record a waiver."
            )
        return deployments.change(
            usecase.name,
            "promote",
            after={"live": version, "previous": live, "candidate": None},
            by=by,
            reason=reason,
            details={
                "verdict": verdict.n,
                "waiver": waiver and waiver.n,
                "decision": decided and decided.n,
            },
        )


def abort(usecase: UseCase, *, by: str, reason: str) -> history.Deployment:
    """Take the candidate out; live answers everything again.

    Parameters
    ----------
    usecase : UseCase
    by, reason : str
        The role that decides, and why.

    Returns
    -------
    history.Deployment
        The entry of the history that says so. If an earlier command wrote the same change and was
        cut off, its entry is returned and no second one is written.

    Raises
    ------
    RolloutError
        If there is no candidate.
    RegistryError
        If there is no reason or no role, or the reason has over 2,000 characters.
    ClockError
        If today is before the day of the last change.
    PermissionRefused
        If the role may not.
    """
    with locks.writing("abort"):
        if _same(begun := _settle(usecase.name), "abort", by, candidate=None):
            assert begun is not None
            return begun
        version = _candidate(usecase)
        return deployments.change(
            usecase.name,
            "abort",
            after={"candidate": None},
            by=by,
            reason=reason,
            details={"version": version},
        )


def withdraw(usecase: UseCase, *, by: str, reason: str) -> history.Deployment:
    """Take every release out; the service answers 503 until another one is promoted.

    Parameters
    ----------
    usecase : UseCase
    by, reason : str
        The role that decides, and why.

    Returns
    -------
    history.Deployment
        The entry of the history that says so. If an earlier command wrote the same change and was
        cut off, its entry is returned and no second one is written.

    Raises
    ------
    RolloutError
        If nothing is live.
    RegistryError
        If there is no reason or no role, or the reason has over 2,000 characters.
    ClockError
        If today is before the day of the last change.
    PermissionRefused
        If the role may not.
    """
    with locks.writing("withdraw"):
        if _same(begun := _settle(usecase.name), "withdraw", by, live=None):
            assert begun is not None
            return begun
        live = history.serving(usecase.name).releases.get("live")
        if live is None:
            raise RolloutError(f"{usecase.name} has nothing live, so nothing was withdrawn.")
        return deployments.change(
            usecase.name,
            "withdraw",
            after=dict.fromkeys(history.ALIASES),
            by=by,
            reason=reason,
            details={"version": live},
        )


def feature_versions(usecase: UseCase) -> list[int]:
    """Return the feature versions of every release that may serve: live, candidate, previous.

    Parameters
    ----------
    usecase : UseCase

    Returns
    -------
    list of int
        Each once, the lowest first; empty if no release may serve.

    Raises
    ------
    RegistryError
        If there are such releases and the registry cannot be read, or one of them was not
        registered by this path.
    """
    versions = set(history.serving(usecase.name).releases.values())
    return sorted({int(registry.lineage(usecase.name, v)["feature_version"]) for v in versions})


def check_releases(usecase: UseCase) -> dict[str, str]:
    """Return which of the releases that may serve cannot be loaded by this code, and why.

    This is what CI asks of a branch: a release that cannot be loaded is an outage on the next
    restart of the service.

    Parameters
    ----------
    usecase : UseCase

    Returns
    -------
    dict of str to str
        For each such release, for instance ``"live (version 3)"``, one sentence; empty if all of
        them can be loaded.

    Raises
    ------
    RegistryError
        If some release may serve and the registry is missing or damaged.
    """
    if history.serving(usecase.name).releases:
        registry.require()
    return {
        f"{alias} (version {version})": problem
        for alias, version in history.serving(usecase.name).releases.items()
        if (problem := _problem(usecase, version))
    }


def _problem(usecase: UseCase, version: str) -> str:
    try:
        registry.load(usecase.name, version)
    except FirstFlightError as error:
        return str(error)
    return ""


# --- watching -----------------------------------------------------------------------------------


def monitor_week(usecase: UseCase, drops: Drops, last_day: dt.date) -> monitor.MonitorResult:
    """Check the live release's week that ends on `last_day`: contract, drift, performance.

    The inputs are those of the prediction log: what the service was really asked. Writes
    ``<use case>-<last_day>.json`` (the result) and Evidently's pages beside it to the workspace's
    reports; a result of the same week is replaced.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        The upstream as it is known today: labels that have not arrived are not judged.
    last_day : date
        The last of the seven days.

    Returns
    -------
    monitor.MonitorResult
        As it was written.

    Raises
    ------
    MonitorError
        If the live release answered nothing in that week.
    RegistryError
        If nothing is live, or the registry cannot be read.
    ReleaseError
        If the live release cannot be loaded as it was saved.
    DropError
        If a month that the labels or outcomes need has not landed.
    """
    live = registry.load(usecase.name, "live")
    week = dt.timedelta(days=6)
    rules = process.load()
    alerts = rules.usecase(usecase.name).alerts
    weeks = max(alerts.performance_weeks, 2)
    joined = predictions.joined(
        usecase, drops, last_day - dt.timedelta(days=7 * weeks - 1), last_day
    )
    joined = joined[joined["role"].isin(("live", "candidate"))]
    answered = joined[joined["version"] == live.version].reset_index(drop=True)
    inputs = _inputs(live, answered)
    day = inputs["date"].dt.date
    current = inputs[day >= last_day - week]
    previous = inputs[(day < last_day - week) & (day >= last_day - dt.timedelta(days=13))]
    watched = monitor.weekly(
        current,
        None if previous.empty else previous,
        live.reference,
        usecase=usecase,
        feature_version=live.feature_version,
        rules=rules.usecase(usecase.name),
        max_age_days=rules.state.max_age_days,
        joined=answered,
        naive=usecase.naive(drops, answered) if len(answered) else None,
        found=[
            # All that was asked, whichever release answered: a canary takes requests from live.
            *contract.traffic_checks(
                joined.drop_duplicates(list(usecase.key))["date"], last_day, alerts
            ),
            *contract.outcome_checks(usecase, drops, alerts, last_day=last_day),
        ],
    )
    stem = workspace.current().reports / f"{usecase.name}-{last_day}"
    for name, run in watched.runs.items():
        files.write(stem.with_name(f"{stem.name}-{name}.html"), drift.page(run))
    # Last: who finds the result finds the pages too.
    text = watched.result.model_dump_json(indent=1) + "\n"
    files.write(stem.with_name(f"{stem.name}.json"), text)
    return watched.result


def _inputs(live: Release, answered: pd.DataFrame) -> pd.DataFrame:
    store = Store(live.usecase.name, live.feature_version, process.load().state.max_age_days)
    requests = answered[list(live.usecase.request.model_fields)]
    features = live.features(requests, store)
    return contract.inputs(requests, features).assign(
        prediction=answered["prediction"].astype(float),
        state_age_days=answered["state_age_days"].astype(float),
    )


def measured_rules(
    usecase: UseCase, drops: Drops, *, every: int = 4, decisions: bool = True
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Measure what every alert rule costs and finds, and how often gate and rollout are wrong.

    Nothing is written. Without releases the rules about answers and the decisions are left out.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        The days to measure on; their today is the first that is not looked at.
    every : int, default=4
        Accidents are replayed in one week of this many.
    decisions : bool, default=True
        Whether to measure gate and rollout too, which takes minutes more.

    Returns
    -------
    tables : dict of str to DataFrame
        Those of `firstflight.alarm_rates.Rates` by name. If `decisions` is true, and at least two
        releases were trained on days more than 35 days before the drops' today, also those of
        `firstflight.error_rates.measure` as ``decisions: ...``.
    left_out : list of str
        One sentence for each release that could not be loaded.

    Raises
    ------
    MonitorError
        If `every` is below 1, fewer than 16 weeks have landed, or no two quiet weeks follow one
        another.
    GateError
        If `decisions` is true and too few days have answers of two releases to measure the gate on.
    RegistryError
        If there is a registry and it is damaged.
    """
    releases, left_out = [], []
    for version in registry.versions(usecase.name):
        try:
            releases.append(registry.load(usecase.name, version))
        except FirstFlightError as error:
            left_out.append(str(error))
    learned = {r.version: dt.date.fromisoformat(r.about["trained_to"]) for r in releases}
    # A release is judged on whole weeks after its training days.
    judged = [r for r in releases if (drops.today - learned[r.version]).days > 5 * 7]
    from firstflight import alarm_rates

    rates = alarm_rates.measure(usecase, drops, process.load(), judged, every=every)
    tables = rates.tables()
    if decisions and len(judged) > 1:
        rules = process.load().usecase(usecase.name)
        rows = _scored(usecase, drops, judged)
        # Gains worth finding, as shares of the naive guess's loss: they fit any metric.
        naive = metrics.row_loss(rules.metric, rows["label"], rows["naive"]).mean()
        found = error_rates.measure(
            rows,
            rules.metric,
            rules,
            pairs={
                f"{new.version} - {old.version}": (f"v{new.version}", f"v{old.version}")
                for old, new in pairwise(judged)
            },
            better_by=[float(f"{share * naive:.2g}") for share in (0.04, 0.1, 0.2)],
        )
        for name, table in found.items():
            whole = name in ("rollout", "power")
            tables[f"decisions: {name}"] = table if whole else table.reset_index(names="")
    return tables, left_out


def _scored(usecase: UseCase, drops: Drops, releases: Sequence[Release]) -> pd.DataFrame:
    """Return labelled rows with a column of answers per release, on days it did not learn from."""
    learned = [dt.date.fromisoformat(release.about["trained_to"]) for release in releases]
    first, last = min(learned) + dt.timedelta(days=1), drops.today - dt.timedelta(days=1)
    rows = usecase.requests(drops, first, last)
    rows["naive"] = usecase.naive(drops, rows)
    rows = rows.merge(usecase.labels(drops, first, last), on=list(usecase.key))
    for release, end in zip(releases, learned, strict=True):
        said = predictions.replay(release, drops, end + dt.timedelta(days=1), last)
        said = said.rename(columns={"prediction": f"v{release.version}"})
        rows = rows.merge(
            said[[*usecase.key, f"v{release.version}"]], on=list(usecase.key), how="left"
        )
    return rows.dropna(subset="naive").reset_index(drop=True)


def last_alerts(usecase: str) -> list[dict]:
    """Return the alerts of the newest monitor report.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    list of dict
        The fields of each `firstflight.monitor.Alert`, pages first; empty if the report has no
        alert or there is no report.
    """
    found = sorted(workspace.current().reports.glob(f"{usecase}-????-??-??.json"))
    return [] if not found else list(json.loads(found[-1].read_text())["alerts"])


def online_loss(usecase: UseCase, version: str, drops: Drops, days: int = 28) -> dict | None:
    """Return a release's mean online loss over the last days with labels, or None.

    Only answers that were returned count, as live or in a canary; those of a shadow do not.

    Parameters
    ----------
    usecase : UseCase
    version : str
        A version number, not an alias.
    drops : Drops
        What is known today.
    days : int, default 28
        How many days to look at; the last one is the day before the drops' today.

    Returns
    -------
    dict or None
        ``metric``; ``value``, the mean loss in nats (log loss) or in the unit of the label (mean
        absolute error); ``days``, how many days have labels. None if fewer than two have.

    Raises
    ------
    DropError
        If a month has not landed or is not what was promised.
    """
    end = drops.today - dt.timedelta(days=1)
    rows = predictions.joined(usecase, drops, end - dt.timedelta(days=days - 1), end)
    rows = rows[(rows["version"] == version) & rows["role"].isin(("live", "candidate"))]
    rules = process.load().usecase(usecase.name)
    found = predictions.online(rows.assign(role="live"), rules.metric, rules.gate)
    if not found or found[0].loss is None:
        return None
    return {"metric": rules.metric, "value": found[0].loss.mean, "days": found[0].loss.n_days}


def status(usecase: UseCase, drops: Drops) -> dict:
    """Return where each release is right now, for one screen.

    A registry that cannot be read is said in the result and is no error: what serves is known
    without it.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        What is known today.

    Returns
    -------
    dict
        ``usecase`` and ``today``. ``releases``: per alias its version, since which day it has that
        alias, its verdict and waiver, its loss (see `online_loss`) and, if the registry can be
        read, what it was made of or, as ``problem``, why nobody knows. ``rollout``: mode and share
        of the traffic. ``last_change``: its reason, or None. ``unfinished_changes``: numbers of
        changes that MLflow has not followed yet. ``unproven_rollback``: the number of the last
        change of what serves, if it is a rollback without a proof, else None.
        ``registry_problem``: a sentence, or empty. ``aliases_moved_by_hand``: the aliases of MLflow
        that show another version than the one that serves. ``alerts``: see `last_alerts`.

    Raises
    ------
    RecordError
        If an entry of the history is missing or damaged.
    DropError
        If a month that the losses need has not landed.
    """
    name = usecase.name
    entries = history.entries(name)
    now = history.serving(name)
    registry_problem = ""
    try:
        registry.require()
    except RegistryError as error:
        registry_problem = str(error)
    releases: dict[str, dict] = {}
    for alias, version in now.releases.items():
        since = None
        for entry in reversed(entries):
            if entry.after.get(alias) != version:
                break
            since = entry.date.isoformat()
        releases[alias] = {
            "version": version,
            "since": since,
            **_gate_of(name, alias, version, entries),
            "online": online_loss(usecase, version, drops),
        }
        if not registry_problem:
            releases[alias] |= _made_of(name, version)
    unfinished = [] if registry_problem else deployments.unfinished(name)
    by_hand = {}
    if not registry_problem and not unfinished:
        shown = registry.aliases(name)
        by_hand = {a: shown.get(a) for a in history.ALIASES if shown.get(a) != now.releases.get(a)}
    return {
        "usecase": name,
        "today": drops.today.isoformat(),
        "releases": releases,
        "rollout": {"mode": now.mode, "share": now.share},
        "last_change": entries[-1].reason if entries else None,
        "unfinished_changes": unfinished,
        "unproven_rollback": begun.n if (begun := rollback.unproven(name)) else None,
        "registry_problem": registry_problem,
        "aliases_moved_by_hand": by_hand,
        "alerts": last_alerts(name),
    }


def _made_of(usecase: str, version: str) -> dict[str, str | int]:
    """Return what a release was made of, or the sentence that says why that is not known."""
    try:
        made = registry.lineage(usecase, version)
    except RegistryError as error:
        return {"problem": str(error)}
    return {
        "recipe": made["recipe"],
        "feature_version": int(made["feature_version"]),
        "trained_on": f"{made['trained_from']}..{made['trained_to']}",
        "snapshot": made["snapshot"],
    }


def _gate_of(
    usecase: str, alias: str, version: str, entries: list[history.Deployment]
) -> dict[str, str]:
    """Return the verdict that a release shipped on; of a candidate, its newest one."""
    found = judgements.judged(usecase, version)
    if alias != "candidate":
        shipped = [
            e.details["verdict"]
            for e in entries
            if e.action == "promote" and e.after["live"] == version and e.details.get("verdict")
        ]
        found = [one for one in found if one.n in shipped[-1:]] or found
    if not found:
        return {"gate": "not judged", "gate_window": "", "waived_by": ""}
    verdict = found[-1].verdict
    waiver = judgements.waiver_of(usecase, found[-1])
    return {
        "gate": verdict.verdict,
        "gate_window": f"{verdict.first_day}/{verdict.last_day}",
        "waived_by": waiver.by if waiver else "",
    }
