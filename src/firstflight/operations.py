"""What the runbook's commands do, one function a command.

The decisions are pure functions elsewhere (`gate`, `rollout`, `monitor`). Here they get their
evidence, and what they decide is written down and done.
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
    contract,
    drift,
    files,
    gate,
    monitor,
    predictions,
    process,
    registry,
    rollout,
    workspace,
)
from firstflight.drops import Drops
from firstflight.errors import GateError, RolloutError
from firstflight.release import Release
from firstflight.state import States, Store
from firstflight.usecase import UseCase

ONE_ROW_CALLS = 30


def landed(usecase: UseCase, today: dt.date | None = None) -> Drops:
    """Return the workspace's landed drops as the clock's today (or the given day) knows them."""
    return Drops(workspace.current().drops, usecase.sources, today or clock.today())


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
    """Judge a registered version against the live one, and write the verdict on it.

    Raises
    ------
    GateError
        If the labels of its window have not all come by the drops' today.
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
    registry.set_tags(usecase.name, version, {**verdict.tags(), "gate.against": against})
    registry.client().log_text(
        registry.run_of(usecase.name, version),
        verdict.model_dump_json(indent=1),
        "gate/verdict.json",
    )
    return verdict


def verdict_of(usecase: str, version: str) -> gate.Verdict:
    """Return the verdict that was written on a version.

    Raises
    ------
    GateError
        If it was never judged.
    """
    if "gate.verdict" not in registry.tags(usecase, version):
        raise GateError(
            f"{usecase} version {version} was not judged yet: run `firstflight gate {version}`."
        )
    run_id = registry.run_of(usecase, version)
    return gate.Verdict.model_validate_json(
        mlflow.artifacts.load_text(f"runs:/{run_id}/gate/verdict.json")
    )


def waive(usecase: UseCase, name: str, *, by: str, reason: str) -> registry.Deployment:
    """Let a version ship although it is not proven: by name, with a reason, in the history.

    Raises
    ------
    GateError
        If the process does not let this role waive, or this verdict be waived.
    """
    version = registry.resolve(usecase.name, name)
    verdict, waiver = verdict_of(usecase.name, version), gate.Waiver(by=by, reason=reason)
    rules = process.load().waiver
    if not gate.may_ship(verdict, waiver, rules):
        raise GateError(
            f"{usecase.name} version {version} got {verdict.verdict!r} ({verdict.decided_by}), "
            "which "
            f"may not be waived: only {', '.join(rules.may_waive)} may."
        )
    registry.set_tags(usecase.name, version, {"waiver.by": waiver.by, "waiver.reason": reason})
    mode, share = registry.rollout(usecase.name)
    return registry.change(
        usecase.name,
        "waive",
        after={},
        mode=mode,
        share=share,
        reason=f"version {version}: {verdict.verdict} ({verdict.decided_by}) waived: {reason}",
        by=by,
        details={"verdict": registry.as_details(verdict)},
    )


# --- rollout ------------------------------------------------------------------------------------


def _shippable(usecase: str, version: str) -> dict[str, str]:
    tags = registry.tags(usecase, version)
    if tags.get("gate.verdict") != "pass" and "waiver.by" not in tags:
        verdict = tags.get("gate.verdict", "no verdict")
        raise RolloutError(
            f"{usecase} version {version} has {verdict} at the gate: let it pass, or record a "
            "waiver."
        )
    return tags


def start_shadow(usecase: UseCase, name: str, *, by: str, reason: str) -> registry.Deployment:
    """Let a version predict beside live, logged and not returned."""
    version = registry.resolve(usecase.name, name)
    _shippable(usecase.name, version)
    if "live" not in registry.aliases(usecase.name):
        raise RolloutError(
            f"{usecase.name} has nothing live to shadow: promote its first version instead."
        )
    return registry.change(
        usecase.name, "shadow", after={"candidate": version}, mode="shadow", by=by, reason=reason
    )


def decide(usecase: UseCase, drops: Drops, *, since: dt.date | None = None) -> rollout.Decision:
    """Decide the rollout in progress by online metrics, and write the decision on the candidate.

    Only days whose labels have arrived count, and only those since the rollout entered its mode.
    """
    mode, _ = registry.rollout(usecase.name)
    aliases = registry.aliases(usecase.name)
    if mode == "off":
        raise RolloutError(f"{usecase.name} has no rollout in progress: start a shadow first.")
    entered = [e for e in registry.history(usecase.name) if e.action == mode][-1].date
    due = drops.today - dt.timedelta(days=1)
    rows = predictions.joined(usecase, drops, since or entered, due)
    roles = ("live", "shadow") if mode == "shadow" else ("live", "candidate")
    rules = process.load().usecase(usecase.name)
    decision = rollout.decide(
        rows[rows["role"].isin(roles)],
        mode,
        rules.rollout,
        rules.metric,
        live=aliases["live"],
        candidate=aliases["candidate"],
        key=usecase.key,
        due=due,
    )
    registry.set_tags(
        usecase.name,
        aliases["candidate"],
        {f"rollout.{mode}": decision.decision, f"rollout.{mode}.reason": decision.reason},
    )
    return decision


def start_canary(usecase: UseCase, *, by: str, reason: str) -> registry.Deployment:
    """Let the candidate answer its share of the requests.

    Raises
    ------
    RolloutError
        If the shadow was not decided ``promote`` and there is no waiver.
    """
    version = _candidate(usecase)
    tags = _shippable(usecase.name, version)
    if tags.get("rollout.shadow") != "promote" and "waiver.by" not in tags:
        raise RolloutError(
            f"{usecase.name} version {version} has no shadow decision 'promote' (it has "
            f"{tags.get('rollout.shadow', 'none')!r}): decide the shadow first."
        )
    share = process.load().usecase(usecase.name).rollout.canary_share
    return registry.change(
        usecase.name, "canary", after={}, mode="canary", share=share, by=by, reason=reason
    )


def _candidate(usecase: UseCase) -> str:
    aliases = registry.aliases(usecase.name)
    if "candidate" not in aliases:
        raise RolloutError(f"{usecase.name} has no candidate: start a shadow first.")
    return aliases["candidate"]


def promote(usecase: UseCase, name: str, *, by: str, reason: str) -> registry.Deployment:
    """Make a version live; the one before it becomes ``previous``.

    Raises
    ------
    RolloutError
        If the gate did not pass it, or the canary was not decided ``promote``, and nobody
        waived. The first version of a use case needs the gate alone.
    """
    version = registry.resolve(usecase.name, name)
    tags = _shippable(usecase.name, version)
    live = registry.aliases(usecase.name).get("live")
    if live == version:
        raise RolloutError(
            f"{usecase.name} version {version} is live already: nothing was changed."
        )
    decided = tags.get("rollout.canary")
    if live is not None and decided != "promote" and "waiver.by" not in tags:
        raise RolloutError(
            f"{usecase.name} version {version} has no canary decision 'promote' (it has "
            f"{decided or 'none'!r}): roll it out by shadow and canary, or record a waiver."
        )
    return registry.change(
        usecase.name,
        "promote",
        after={"live": version, "previous": live, "candidate": None},
        by=by,
        reason=reason,
    )


def abort(usecase: UseCase, *, by: str, reason: str) -> registry.Deployment:
    """Take the candidate out; live answers everything again."""
    version = _candidate(usecase)
    return registry.change(
        usecase.name,
        "abort",
        after={"candidate": None},
        by=by,
        reason=reason,
        details={"version": version},
    )


def feature_versions(usecase: UseCase) -> list[int]:
    """Return the feature versions of every release that may serve: live, candidate, previous."""
    versions = set(registry.aliases(usecase.name).values())
    return sorted({int(registry.tags(usecase.name, v)["feature_version"]) for v in versions})


# --- watching -----------------------------------------------------------------------------------


def monitor_week(usecase: UseCase, drops: Drops, last_day: dt.date) -> monitor.MonitorResult:
    """Check the live release's week that ends on `last_day`: contract, drift, performance.

    The inputs are those of the prediction log: what the service was really asked. Writes
    ``<use case>-<last day>.json`` (the result) and Evidently's pages beside it to the workspace's
    reports.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        The upstream as it is known today: labels that have not arrived are not judged.
    last_day : date
        The last of the seven days.

    Raises
    ------
    MonitorError
        If the service was not used in that week.
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
    )
    stem = workspace.current().reports / f"{usecase.name}-{watched.result.last_day}"
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


def status(usecase: UseCase, drops: Drops) -> dict:
    """Return where each release is right now, for one screen."""
    name = usecase.name
    history = registry.history(name)
    mode, share = registry.rollout(name)
    releases = {}
    for alias, version in registry.aliases(name).items():
        tags = registry.tags(name, version)
        since = None
        for entry in reversed(history):
            if entry.after.get(alias) != version or entry.phase != "done":
                break
            since = entry.date.isoformat()
        releases[alias] = {
            "version": version,
            "recipe": tags["recipe"],
            "feature_version": int(tags["feature_version"]),
            "trained_on": f"{tags['trained_from']}..{tags['trained_to']}",
            "snapshot": tags["snapshot"],
            "gate": tags.get("gate.verdict", "not judged"),
            "gate_window": tags.get("gate.window", ""),
            "waived_by": tags.get("waiver.by", ""),
            "since": since,
            "online": online_loss(usecase, version, drops),
        }
    return {
        "usecase": name,
        "today": drops.today.isoformat(),
        "releases": releases,
        "rollout": {"mode": mode, "share": share},
        "last_change": history[-1].reason if history else None,
        "unfinished_changes": [e.n for e in history if e.phase != "done"],
        "alerts": last_alerts(name),
    }
