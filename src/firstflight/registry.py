"""MLflow as tracker and registry: versions, aliases, and a history of what was live when.

MLflow overwrites an alias without a trace, so every change is a run of its own: first the intent,
then the aliases move, then the run is marked done. A crash between any two of these leaves aliases
that serve, and `repair`, which every change begins with, finishes what was begun.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Literal

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from pydantic import BaseModel, ConfigDict, Field

from firstflight import clock, release, workspace
from firstflight.errors import RegistryError
from firstflight.release import Release
from firstflight.train import Fitted

ALIASES = ("live", "candidate", "previous")
Mode = Literal["off", "shadow", "canary"]


class Deployment(BaseModel):
    """One change of what serves: what was meant, and whether it was done.

    Attributes
    ----------
    n : int
        Counts the changes of a use case from 1.
    date : date
        The clock's today.
    action : str
        ``promote``, ``shadow``, ``canary``, ``abort``, ``rollback``, ``waive`` or ``alias``.
    before, after : dict of str to str
        Version per alias.
    mode, share
        The rollout after it: who else predicts, and for which share of the traffic it answers.
    reason, by : str
        Why, and which role.
    details : dict
        Evidence: a verdict, a decision, a preflight.
    phase : {"intent", "done"}
    """

    model_config = ConfigDict(frozen=True)

    n: int
    date: dt.date
    action: str
    before: dict[str, str]
    after: dict[str, str]
    mode: Mode = "off"
    share: float = 0.0
    reason: str
    by: str
    details: dict[str, Any] = Field(default_factory=dict)
    phase: Literal["intent", "done"] = "intent"
    run_id: str = ""


def client() -> MlflowClient:
    """Return a client of the workspace's tracking store and registry."""
    uri = workspace.current().tracking_uri
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment(name: str) -> str:
    """Return the id of an experiment, made with its files inside the workspace if it is new."""
    found = client().get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = (workspace.current().artifacts / name.replace("/", "-")).as_uri()
    return str(client().create_experiment(name, artifact_location=location))


def register(fitted: Fitted, *, metrics: Mapping[str, float] | None = None) -> str:
    """Log a fitted model as a release, with its lineage, and register it.

    Returns
    -------
    str
        The version it got.
    """
    case, snapshot = fitted.usecase, fitted.snapshot
    mlflow.set_tracking_uri(workspace.current().tracking_uri)
    name = f"{case.name} {fitted.recipe} {snapshot.start}..{snapshot.end}"
    with mlflow.start_run(experiment_id=experiment(case.name), run_name=name) as run:
        mlflow.log_params(
            {
                "recipe": fitted.recipe,
                "feature_version": snapshot.manifest["feature_version"],
                "trained_from": snapshot.manifest["start"],
                "trained_to": snapshot.manifest["end"],
                "n_rows": len(fitted.label),
            }
        )
        data = mlflow.data.from_pandas(  # type: ignore[attr-defined]
            fitted.features.assign(label=fitted.label.to_numpy()),
            name=f"{case.name}-training",
            targets="label",
            digest=snapshot.digest,
        )
        mlflow.log_input(data, context="training")
        if metrics:
            mlflow.log_metrics(dict(metrics))
        uri, digest = release.log(fitted)
    tags = {
        "recipe": fitted.recipe,
        "feature_version": str(snapshot.manifest["feature_version"]),
        "code_digest": case.features[snapshot.manifest["feature_version"]].code_digest,
        "snapshot": snapshot.digest,
        "trained_from": snapshot.manifest["start"],
        "trained_to": snapshot.manifest["end"],
        "registered_on": clock.today().isoformat(),
        "release_digest": digest,
    }
    try:
        client().create_registered_model(case.name, description=case.unit)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client().create_model_version(
        case.name, source=uri, run_id=run.info.run_id, tags=tags, model_id=uri.split("/")[-1]
    )
    return str(version.version)


def aliases(usecase: str) -> dict[str, str]:
    """Return the version of each alias that is set; empty if nothing is registered."""
    try:
        found = client().get_registered_model(usecase).aliases
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise
    return {name: str(version) for name, version in sorted(found.items()) if name in ALIASES}


def rollout(usecase: str) -> tuple[Mode, float]:
    """Return the mode of the rollout in progress and the candidate's share of the answers."""
    try:
        tags = client().get_registered_model(usecase).tags
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return "off", 0.0
        raise
    return tags.get("rollout_mode", "off"), float(tags.get("rollout_share", 0.0))


def resolve(usecase: str, name: str) -> str:
    """Return the version that an alias or a version number names.

    Raises
    ------
    RegistryError
        If there is none.
    """
    version = aliases(usecase).get(name, name)
    tags(usecase, version)
    return version


def tags(usecase: str, version: str) -> dict[str, str]:
    """Return the tags of a version: its lineage, verdict, waiver and decision."""
    try:
        return dict(client().get_model_version(usecase, version).tags)
    except MlflowException as error:
        raise RegistryError(
            f"{usecase} has no version or alias {version!r}: `firstflight status` lists what "
            "there is."
        ) from error


def run_of(usecase: str, version: str) -> str:
    """Return the id of the MLflow run that made a version."""
    run_id = client().get_model_version(usecase, version).run_id
    if not run_id:
        raise RegistryError(
            f"{usecase} version {version} has no run: it was not made by this path."
        )
    return str(run_id)


def set_tags(usecase: str, version: str, new: Mapping[str, str]) -> None:
    """Write tags on a version."""
    for key, value in sorted(new.items()):
        client().set_model_version_tag(usecase, version, key, value)


def versions(usecase: str) -> list[str]:
    """Return the registered versions, oldest first."""
    found = client().search_model_versions(f"name = '{usecase}'")
    return sorted((str(v.version) for v in found), key=int)


def load(usecase: str, name: str) -> Release:
    """Load and verify the release that a version number or an alias names."""
    version = resolve(usecase, name)
    digest = tags(usecase, version)["release_digest"]
    return release.load(f"models:/{usecase}/{version}", digest=digest, version=version)


def change(
    usecase: str,
    action: str,
    *,
    after: Mapping[str, str | None],
    reason: str,
    by: str,
    mode: Mode = "off",
    share: float = 0.0,
    details: Mapping[str, Any] | None = None,
) -> Deployment:
    """Move aliases and set the rollout, with an entry in the deployment history.

    Parameters
    ----------
    after : mapping of str to str or None
        The aliases to change; None removes one, an absent one stays.
    reason, by : str
        Why, and which role; neither may be empty.

    Returns
    -------
    Deployment
        The entry, done.
    """
    if not reason.strip() or not by.strip():
        raise RegistryError(
            f"A change of {usecase} ({action}) needs a reason and a role: say why, and who decided."
        )
    repair(usecase)
    before = aliases(usecase)
    for version in after.values():
        if version is not None:
            tags(usecase, version)
    merged = {name: v for name, v in {**before, **after}.items() if v is not None}
    entry = Deployment(
        n=len(history(usecase)) + 1,
        date=clock.today(),
        action=action,
        before=before,
        after=merged,
        mode=mode,
        share=share,
        reason=reason.strip(),
        by=by.strip(),
        details=dict(details or {}),
    )
    entry = _write_intent(usecase, entry)
    return _finish(usecase, entry)


def _write_intent(usecase: str, entry: Deployment) -> Deployment:
    run = client().create_run(
        experiment(f"deployments/{usecase}"),
        run_name=f"{entry.n:03d} {entry.date} {entry.action}",
        tags={
            "n": str(entry.n),
            "date": entry.date.isoformat(),
            "action": entry.action,
            "by": entry.by,
            "phase": "intent",
            "mlflow.note.content": entry.reason,
            "entry": entry.model_dump_json(exclude={"run_id", "phase"}),
        },
    )
    return entry.model_copy(update={"run_id": run.info.run_id})


def _finish(usecase: str, entry: Deployment) -> Deployment:
    """Do what an intent says; doing it twice is the same as once."""
    c = client()
    # The rollout is switched off first: a candidate that is being replaced must not answer.
    c.set_registered_model_tag(usecase, "rollout_mode", "off")
    now = aliases(usecase)
    for name in ALIASES:
        wanted = entry.after.get(name)
        if wanted is None and name in now:
            c.delete_registered_model_alias(usecase, name)
        elif wanted is not None and now.get(name) != wanted:
            c.set_registered_model_alias(usecase, name, wanted)
    c.set_registered_model_tag(usecase, "rollout_share", str(entry.share))
    c.set_registered_model_tag(usecase, "rollout_mode", entry.mode)
    c.set_tag(entry.run_id, "phase", "done")
    c.set_terminated(entry.run_id)
    return entry.model_copy(update={"phase": "done"})


def history(usecase: str) -> list[Deployment]:
    """Return every change of what serves, oldest first."""
    runs = client().search_runs(
        [experiment(f"deployments/{usecase}")], order_by=["attributes.start_time ASC"]
    )
    entries = [
        Deployment.model_validate_json(run.data.tags["entry"]).model_copy(
            update={"phase": run.data.tags["phase"], "run_id": run.info.run_id}
        )
        for run in runs
        if "entry" in run.data.tags
    ]
    return sorted(entries, key=lambda entry: entry.n)


def repair(usecase: str) -> list[Deployment]:
    """Finish every change that was begun and not done; return them."""
    return [_finish(usecase, e) for e in history(usecase) if e.phase == "intent"]


def at(usecase: str, day: dt.date) -> Deployment | None:
    """Return the last change up to this day: what was live, and why; None before the first."""
    done = [e for e in history(usecase) if e.date <= day and e.phase == "done"]
    return done[-1] if done else None


def history_table(usecase: str) -> pd.DataFrame:
    """Return the deployment history as a table for people, one change a row."""
    rows = [
        {
            "date": entry.date.isoformat(),
            "action": entry.action,
            **{name: entry.after.get(name, "") for name in ALIASES},
            "rollout": entry.mode if entry.mode != "canary" else f"canary {entry.share:.0%}",
            "by": entry.by,
            "reason": entry.reason,
        }
        for entry in history(usecase)
    ]
    columns = ["date", "action", *ALIASES, "rollout", "by", "reason"]
    return pd.DataFrame(rows, columns=columns)


def as_details(record: BaseModel) -> dict[str, Any]:
    """Return a verdict, decision or preflight as plain data for the history."""
    return dict(json.loads(record.model_dump_json()))
