"""What the runbook's commands do, one function per command.

The decisions are pure functions elsewhere (`gate`, `rollout`, `monitor`). Here they get their
evidence, and what they decide is written down and done. Not here are the commands that are one call
of a module of their own: `drops.land`, `state.publish`, `clock.set_today`, `deployments.history`
and `rollback.rollback`.

Each command that changes something holds the workspace's lock from its first check to its last
write, and first finishes what a kill cut off. If that was the very change that is asked for, it is
returned and not made twice.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from firstflight import (
    clock,
    deployments,
    evidence,
    gate,
    locks,
    monitor,
    predictions,
    process,
    registry,
    rollback,
    rollout,
    workspace,
)
from firstflight.deployments import Deployment
from firstflight.drops import Drops
from firstflight.errors import BusyError, FirstFlightError, GateError, RolloutError
from firstflight.release import Release
from firstflight.snapshot import Snapshot
from firstflight.state import States, Store
from firstflight.train import fit
from firstflight.usecase import UseCase

ONE_ROW_CALLS = 30


def landed(usecase: UseCase, today: dt.date | None = None) -> Drops:
    """Return the workspace's landed drops as the clock's today (or the given day) knows them."""
    return Drops(workspace.current().drops, usecase.sources, today or clock.today())


# --- train --------------------------------------------------------------------------------------


def train(usecase: UseCase, taken: Snapshot, recipe: str) -> tuple[str, bool]:
    """Fit a recipe on a snapshot and register it, once.

    Parameters
    ----------
    usecase : UseCase
    taken : Snapshot
    recipe : str
        A key of ``usecase.recipes``.

    Returns
    -------
    version : str
    new : bool
        False if this snapshot, recipe and feature code were registered before.

    Raises
    ------
    ReleaseError
        If there is no such recipe, or the snapshot is of another use case.
    RegistryError, BusyError
        If it cannot be registered.
    """
    registry.tidy()
    features = usecase.features[taken.manifest["feature_version"]]
    version = registry.registered(
        usecase.name,
        snapshot=taken.digest,
        recipe=recipe,
        feature_version=features.version,
        code_digest=features.code_digest,
    )
    if version is not None:
        return version, False
    before = registry.versions(usecase.name)
    version = registry.register(fit(usecase, taken, recipe))  # asks again, under the lock
    return version, version not in before


# --- gate ---------------------------------------------------------------------------------------


def gate_window(usecase: UseCase, version: str) -> tuple[dt.date, dt.date]:
    """Return the first and last day of a version's gate window: right after its training days."""
    trained_to = dt.date.fromisoformat(registry.tags(usecase.name, version)["trained_to"])
    days = process.load().usecase(usecase.name).gate.window_days
    return trained_to + dt.timedelta(days=1), trained_to + dt.timedelta(days=days)


def window_rows(
    usecase: UseCase, drops: Drops, start: dt.date, end: dt.date, live: Release | None
) -> pd.DataFrame:
    """Return the labelled requests of a gate window, ready for a ``candidate`` column.

    Returns
    -------
    DataFrame
        The request's fields, ``label``, ``naive`` and, if a release is given, ``live``: its
        predictions, with its own feature version and state computed from the drops.
    """
    requests = usecase.requests(drops, start, end)
    rows = requests.assign(naive=usecase.naive(drops, requests))
    if live is not None:
        rows["live"] = predictions.replay(live, drops, start, end)["prediction"].to_numpy()
    return rows.merge(usecase.labels(drops, start, end), on=list(usecase.key), how="inner")


def budgets(candidate: Release) -> dict[str, float]:
    """Measure what a release costs to hold and to ask: megabytes, and milliseconds for one row."""
    name, version = candidate.usecase.name, candidate.version
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}"))
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

    Judging again makes a new record; the newest one counts.

    Parameters
    ----------
    usecase : UseCase
    name : str
        Version or alias.
    drops : Drops
        Upstream as known today.

    Raises
    ------
    GateError
        If the labels of its window have not all come by the drops' today.
    RegistryError
        If there is no such version.
    """
    version = registry.resolve(usecase.name, name)
    start, end = gate_window(usecase, version)
    if end >= drops.today:
        raise GateError(
            f"The gate window of {usecase.name} version {version} ends on {end} and today is "
            f"{drops.today}: its labels are known on {end + dt.timedelta(days=1)}, so wait."
        )
    candidate = registry.load(usecase.name, version)
    live_version = registry.aliases(usecase.name).get("live")
    against = "" if live_version in (None, version) else str(live_version)
    live = registry.load(usecase.name, against) if against else None
    rows = window_rows(usecase, drops, start, end, live)
    scored = predictions.replay(candidate, drops, start, end)
    rows = rows.merge(
        scored[[*usecase.key, "prediction"]].rename(columns={"prediction": "candidate"}),
        on=list(usecase.key),
    )
    rules = process.load().usecase(usecase.name)
    verdict = gate.judge(rows, rules.metric, rules.gate, budgets(candidate))
    with locks.writing("gate"):
        deployments.catch_up(usecase.name)
        evidence.keep_verdict(usecase.name, version, verdict, against)
        deployments.follow(usecase.name)
    return verdict


def verdicts(usecase: str, version: str) -> list[evidence.VerdictRecord]:
    """Return every verdict on a version, oldest first."""
    return evidence.verdicts(usecase, version)


def verdict_of(usecase: str, version: str) -> gate.Verdict:
    """Return the newest verdict on a version: the one that counts.

    Raises
    ------
    GateError
        If it was never judged.
    """
    return evidence.newest_verdict(usecase, version).verdict


def waive(usecase: UseCase, name: str, *, by: str, reason: str) -> Deployment:
    """Let a version ship although it is not proven: by name, with a reason, in the history.

    A waiver is of one verdict, the newest. When the version is judged again it counts no more.

    Raises
    ------
    NotAllowed
        If the role may not waive.
    GateError
        If the version was not judged, passed, or has a verdict that may not be waived, or the
        reason has fewer than 10 characters.
    RolloutError
        If this verdict is waived already.
    """
    with locks.writing("waive"):
        version = registry.resolve(usecase.name, name)
        made = _cut_off(usecase, "waive", by, version)
        if made is not None:
            return made
        judged = evidence.newest_verdict(usecase.name, version)
        verdict, waiver = judged.verdict, gate.Waiver(by=by, reason=reason)
        what = f"{usecase.name} version {version}"
        if verdict.verdict == "pass":
            raise GateError(f"{what} passed (verdict {judged.n}) and needs no waiver.")
        rules = process.load()
        if not gate.may_ship(verdict, waiver, rules):
            may = ", ".join(rules.waiver.may_waive) or "no verdict"
            raise GateError(
                f"{what} got {verdict.verdict!r} ({verdict.decided_by}), which may not be waived: "
                f"only {may} may."
            )
        before = deployments.waiver_of(usecase.name, judged.n)
        if before is not None:
            raise RolloutError(
                f"Verdict {judged.n} on {what} is waived already (change {before.n}, by "
                f"{before.by}): nothing was changed."
            )
        now = deployments.serving(usecase.name)
        return deployments.change(
            usecase.name,
            "waive",
            after={},
            mode=now.mode,
            share=now.share,
            reason=f"version {version}: {verdict.verdict} ({verdict.decided_by}) waived: "
            f"{waiver.reason}",
            by=by,
            details={"version": version, "verdict": judged.n, "reason": waiver.reason},
        )


def _cut_off(usecase: UseCase, action: str, by: str, version: str | None) -> Deployment | None:
    """Finish what a kill cut off, and return it if it is the change that is asked for again."""
    deployments.allow(usecase.name, action, by)
    entry = deployments.catch_up(usecase.name)
    if entry is None or entry.action != action:
        return None
    return entry if version in (None, entry.details.get("version")) else None


# --- rollout ------------------------------------------------------------------------------------


def _shippable(usecase: str, version: str) -> dict[str, int | None]:
    """Return what a version may be shipped on: its newest verdict, and the waiver of that one."""
    judged = evidence.verdicts(usecase, version)
    waiver = deployments.waiver_of(usecase, judged[-1].n) if judged else None
    # The process of today decides what a waiver may cover, not that of the day it was given.
    if waiver and judged[-1].verdict.verdict not in process.load().waiver.may_waive:
        waiver = None
    if not judged or (judged[-1].verdict.verdict != "pass" and waiver is None):
        verdict = judged[-1].verdict.verdict if judged else "no verdict"
        raise RolloutError(
            f"{usecase} version {version} has {verdict} at the gate: let it pass, or record a "
            "waiver."
        )
    return {"verdict": judged[-1].n, "waiver": waiver.n if waiver else None}


def _decided(usecase: str, mode: str, version: str) -> tuple[str, int | None]:
    """Return the newest decision of the rollout in progress, if it is this one's, and its number.

    A decision of another rollout, of the same version even, says nothing about this one.
    """
    now = deployments.serving(usecase)
    if now.mode != mode or now.releases.get("candidate") != version:
        return "none", None
    found = evidence.decisions(usecase, now.rollout)
    return (found[-1].decision.decision, found[-1].n) if found else ("none", None)


def start_shadow(usecase: UseCase, name: str, *, by: str, reason: str) -> Deployment:
    """Let a version predict beside live, logged and not returned.

    Raises
    ------
    NotAllowed
        If the role may not.
    RolloutError
        If the gate did not pass it and nobody waived, nothing is live, it is the live one, or it is
        in the shadow already.
    """
    with locks.writing("shadow"):
        version = registry.resolve(usecase.name, name)
        made = _cut_off(usecase, "shadow", by, version)
        if made is not None:
            return made
        stands_on = _shippable(usecase.name, version)
        now = deployments.serving(usecase.name)
        if "live" not in now.releases:
            raise RolloutError(
                f"{usecase.name} has nothing live to shadow: promote its first version instead."
            )
        if now.releases["live"] == version:
            raise RolloutError(
                f"{usecase.name} version {version} is live, and cannot be its own candidate: "
                "nothing was changed."
            )
        if now.mode == "shadow" and now.releases.get("candidate") == version:
            raise RolloutError(
                f"{usecase.name} version {version} is in the shadow already (change "
                f"{now.rollout}): nothing was changed."
            )
        return deployments.change(
            usecase.name,
            "shadow",
            after={"candidate": version},
            mode="shadow",
            by=by,
            reason=reason,
            details={"version": version, **stands_on},
        )


def decide(usecase: UseCase, drops: Drops, *, since: dt.date | None = None) -> rollout.Decision:
    """Decide the rollout in progress by online metrics, and write the decision down.

    Only days whose labels have arrived count, and only those since the rollout entered its mode.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        Upstream as known today.
    since : date, optional
        First day that counts; the day on which the rollout entered its mode if not given.

    Raises
    ------
    RolloutError
        If there is none, its rows cannot be compared, or it changed while it was decided.
    """
    now = deployments.serving(usecase.name)
    mode = now.mode
    if mode == "off":
        raise RolloutError(f"{usecase.name} has no rollout in progress: start a shadow first.")
    due = drops.today - dt.timedelta(days=1)
    entered = deployments.entry(usecase.name, now.rollout).date
    rows = predictions.joined(usecase, drops, since or entered, due)
    roles = ("live", "shadow") if mode == "shadow" else ("live", "candidate")
    rules = process.load().usecase(usecase.name)
    live, candidate = now.releases["live"], now.releases["candidate"]
    decision = rollout.decide(
        rows[rows["role"].isin(roles)],
        mode,
        rules.rollout,
        rules.metric,
        live=live,
        candidate=candidate,
        key=usecase.key,
        due=due,
    )
    with locks.writing("decide"):
        deployments.catch_up(usecase.name)
        if deployments.serving(usecase.name).rollout != now.rollout:
            raise RolloutError(
                f"The {mode} of {usecase.name} ended while it was decided: nothing was written; "
                "ask for the status."
            )
        evidence.keep_decision(usecase.name, now.rollout, candidate, live, decision)
        deployments.follow(usecase.name)
    return decision


def start_canary(usecase: UseCase, *, by: str, reason: str) -> Deployment:
    """Let the candidate answer its share of the requests.

    Raises
    ------
    NotAllowed
        If the role may not.
    RolloutError
        If there is no candidate, it answers already, or the newest decision of its shadow is not
        ``promote`` and its newest verdict is not waived.
    """
    with locks.writing("canary"):
        made = _cut_off(usecase, "canary", by, None)
        if made is not None:
            return made
        version = _candidate(usecase)
        now = deployments.serving(usecase.name)
        if now.mode == "canary":
            raise RolloutError(
                f"{usecase.name} version {version} answers {now.share:.0%} of the requests already "
                f"(change {now.rollout}): nothing was changed."
            )
        stands_on = _shippable(usecase.name, version)
        decided, decision = _decided(usecase.name, "shadow", version)
        if decided != "promote" and stands_on["waiver"] is None:
            raise RolloutError(
                f"{usecase.name} version {version} has no shadow decision 'promote' (it has "
                f"{decided!r}): decide the shadow first."
            )
        return deployments.change(
            usecase.name,
            "canary",
            after={},
            mode="canary",
            share=process.load().usecase(usecase.name).rollout.canary_share,
            by=by,
            reason=reason,
            details={"version": version, **stands_on, "decision": decision},
        )


def _candidate(usecase: UseCase) -> str:
    releases = deployments.serving(usecase.name).releases
    if "candidate" not in releases:
        raise RolloutError(f"{usecase.name} has no candidate: start a shadow first.")
    return releases["candidate"]


def promote(usecase: UseCase, name: str, *, by: str, reason: str) -> Deployment:
    """Make a version live; the one before it becomes ``previous``.

    It needs a verdict that passed and, if something is live, the decision ``promote`` of its canary
    in progress. A waiver of its newest verdict stands for both: a role that may waive takes the
    whole risk by name.

    Raises
    ------
    NotAllowed
        If the role may not.
    RolloutError
        If it lacks what is said above, or is live already.
    """
    with locks.writing("promote"):
        version = registry.resolve(usecase.name, name)
        made = _cut_off(usecase, "promote", by, version)
        if made is not None:
            return made
        live = deployments.serving(usecase.name).releases.get("live")
        if live == version:
            raise RolloutError(
                f"{usecase.name} version {version} is live already: nothing was changed."
            )
        stands_on = _shippable(usecase.name, version)
        decided, decision = _decided(usecase.name, "canary", version)
        if live is not None and decided != "promote" and stands_on["waiver"] is None:
            raise RolloutError(
                f"{usecase.name} version {version} has no canary decision 'promote' (it has "
                f"{decided!r}): roll it out by shadow and canary, or record a waiver."
            )
        return deployments.change(
            usecase.name,
            "promote",
            after={"live": version, "previous": live, "candidate": None},
            by=by,
            reason=reason,
            details={"version": version, **stands_on, "decision": decision},
        )


def abort(usecase: UseCase, *, by: str, reason: str) -> Deployment:
    """Take the candidate out; live answers everything again.

    Raises
    ------
    NotAllowed
        If the role may not.
    RolloutError
        If there is no candidate.
    """
    with locks.writing("abort"):
        made = _cut_off(usecase, "abort", by, None)
        if made is not None:
            return made
        version = _candidate(usecase)
        return deployments.change(
            usecase.name,
            "abort",
            after={"candidate": None},
            by=by,
            reason=reason,
            details={"version": version},
        )


def withdraw(usecase: UseCase, *, by: str, reason: str) -> Deployment:
    """Take every release out of service: the service has nothing live then, and answers 503.

    For a release that is worse than no answer and has none before it to go back to.

    Raises
    ------
    NotAllowed
        If the role may not.
    RolloutError
        If nothing serves.
    """
    with locks.writing("withdraw"):
        made = _cut_off(usecase, "withdraw", by, None)
        if made is not None:
            return made
        releases = deployments.serving(usecase.name).releases
        if not releases:
            raise RolloutError(f"{usecase.name} has nothing to withdraw: nothing was changed.")
        return deployments.change(
            usecase.name,
            "withdraw",
            after=dict.fromkeys(releases),
            by=by,
            reason=reason,
            details={"version": releases.get("live")},
        )


def feature_versions(usecase: UseCase) -> list[int]:
    """Return the feature versions of every release that may serve: live, candidate, previous."""
    versions = set(registry.aliases(usecase.name).values())
    return sorted({int(registry.tags(usecase.name, v)["feature_version"]) for v in versions})


def check(usecase: UseCase) -> dict[str, str]:
    """Ask whether this code can load every release that may serve.

    A service that is started on code that cannot has nothing to answer with: ask before a merge.

    Returns
    -------
    dict of str to str
        Per alias that is set, why its release cannot be loaded; empty text if it can.
    """
    found = {}
    for alias, version in registry.aliases(usecase.name).items():
        try:
            registry.load(usecase.name, version)
            found[alias] = ""
        except FirstFlightError as error:
            found[alias] = str(error)
    return found


# --- watching -----------------------------------------------------------------------------------


def monitor_week(usecase: UseCase, drops: Drops, last_day: dt.date) -> monitor.MonitorResult:
    """Check the live release's week that ends on `last_day`: contract, drift, performance.

    The inputs are those of the prediction log: what the service was really asked.
    """
    live = registry.load(usecase.name, "live")
    week = dt.timedelta(days=6)
    rules = process.load()
    weeks = rules.usecase(usecase.name).alerts.performance_weeks
    joined = predictions.joined(
        usecase, drops, last_day - dt.timedelta(days=7 * max(weeks, 2) - 1), last_day
    )
    joined = joined[joined["role"].isin(("live", "candidate"))]
    answered = joined[joined["version"] == live.version].reset_index(drop=True)
    inputs = _inputs(live, answered)
    day = inputs["date"].dt.date
    current = inputs[day >= last_day - week]
    previous = inputs[(day < last_day - week) & (day >= last_day - dt.timedelta(days=13))]
    return monitor.weekly(
        current,
        None if previous.empty else previous,
        live.reference,
        usecase=usecase,
        feature_version=live.feature_version,
        rules=rules.usecase(usecase.name),
        max_age_days=rules.state.max_age_days,
        joined=answered,
        naive=usecase.naive(drops, answered) if len(answered) else None,
    )


def _inputs(live: Release, answered: pd.DataFrame) -> pd.DataFrame:
    store = Store(live.usecase.name, live.feature_version, process.load().state.max_age_days)
    requests = answered[list(live.usecase.request.model_fields)]
    features = live.features(requests, store)
    return monitor.inputs(requests, features).assign(
        prediction=answered["prediction"].astype(float),
        state_age_days=answered["state_age_days"].astype(float),
    )


def last_alerts(usecase: str) -> list[dict]:
    """Return the alerts of the newest monitor report, or nothing if there is none."""
    found = sorted(workspace.current().reports.glob(f"{usecase}-????-??-??.json"))
    return [] if not found else list(json.loads(found[-1].read_text())["alerts"])


def online_loss(usecase: UseCase, version: str, drops: Drops, days: int = 28) -> dict | None:
    """Return a release's mean online loss over the last days with labels, or None."""
    end = drops.today - dt.timedelta(days=1)
    rows = predictions.joined(usecase, drops, end - dt.timedelta(days=days - 1), end)
    rows = rows[(rows["version"] == version) & rows["role"].isin(("live", "candidate"))]
    rules = process.load().usecase(usecase.name)
    found = predictions.online(rows.assign(role="live"), rules.metric, rules.gate)
    if not found or found[0].loss is None:
        return None
    return {"metric": rules.metric, "value": found[0].loss.mean, "days": found[0].loss.n_days}


def _shipped_on(history: list[Deployment], alias: str, version: str, usecase: str) -> dict:
    """Return the verdict that a release serves on, and who waived it if somebody did.

    The candidate's newest counts. What is or was live shipped on one that stays what it was,
    whatever a later judgement says.
    """
    judged = {record.n: record for record in evidence.verdicts(usecase, version)}
    n = max(judged, default=0)
    for entry in history if alias != "candidate" else []:
        if entry.action == "promote" and entry.after.get("live") == version:
            n = entry.details.get("verdict", n)
    if n not in judged:
        return {"gate": "not judged", "gate_window": "", "verdict": None, "waived_by": ""}
    waivers = [e for e in history if e.action == "waive" and e.details.get("verdict") == n]
    return {
        "gate": judged[n].verdict.verdict,
        "gate_window": f"{judged[n].first_day}/{judged[n].last_day}",
        "verdict": n,
        "waived_by": waivers[-1].by if waivers else "",
    }


def unfinished(usecase: str) -> list[str]:
    """Finish what a kill cut off, and say in one sentence each what is left to do."""
    left = []
    try:
        registry.tidy(patience=1)
        deployments.catch_up(usecase, patience=1)
    except BusyError as error:
        left.append(str(error))
    except (
        Exception
    ) as error:  # a registry that cannot be written: what serves is known all the same
        left.append(f"MLflow's aliases do not follow the history yet: {error}")
    moved = deployments.moved_by_hand(usecase)
    if moved is not None:
        said = ", ".join(f"{alias} {version}" for alias, version in moved.items()) or "none"
        left.append(
            f"Somebody moved MLflow's aliases by hand ({said}): the history serves, and the next "
            "change puts them right."
        )
    entry = rollback.unproven(usecase)
    if entry is not None:
        left.append(
            f"The rollback to version {entry.after['live']} (change {entry.n}) was not proven: "
            "`firstflight rollback --prove --url ...` does it."
        )
    return left


def status(usecase: UseCase, drops: Drops) -> dict:
    """Return where each release is right now, for one screen."""
    name = usecase.name
    left = unfinished(name) if deployments.newest(name) else []
    history = deployments.history(name)
    now = deployments.serving(name)
    releases = {}
    for alias, version in sorted(now.releases.items()):
        tags = registry.tags(name, version)
        since = None
        for entry in reversed(history):
            if entry.after.get(alias) != version:
                break
            since = entry.date.isoformat()
        releases[alias] = {
            "version": version,
            "recipe": tags["recipe"],
            "feature_version": int(tags["feature_version"]),
            "trained_on": f"{tags['trained_from']}..{tags['trained_to']}",
            "snapshot": tags["snapshot"],
            **_shipped_on(history, alias, version, name),
            "since": since,
            "online": online_loss(usecase, version, drops),
        }
    return {
        "usecase": name,
        "today": drops.today.isoformat(),
        "releases": releases,
        "rollout": {"mode": now.mode, "share": now.share},
        "last_change": history[-1].reason if history else None,
        "unfinished": left,
        "alerts": last_alerts(name),
    }
