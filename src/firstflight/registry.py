"""MLflow as tracker and registry: runs, versions, their tags, and the releases behind them.

What serves is not decided here: `firstflight.history` says it. MLflow's aliases follow that record
for people, and nothing reads them.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from urllib.parse import quote

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from firstflight import clock, history, locks, release, workspace
from firstflight.errors import RegistryError
from firstflight.release import Release
from firstflight.train import Fitted
from firstflight.usecase import UseCase

WRITER = "firstflight.process"  # a run's tag: the process that makes it
MIRRORED = "deployment"  # a model's tag: the entry of the history that its aliases follow


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


def require() -> None:
    """Refuse to go on without a registry; look at it without making or changing anything.

    Raises
    ------
    RegistryError
        If MLflow's database is not there, is not a database, or is not MLflow's.
    """
    path = workspace.current().database
    where = f"{path.name} in {path.parent.name}/"
    if not path.is_file():
        raise RegistryError(
            f"The registry, {where}, is not there: nothing is registered in this workspace, or "
            "the file was moved; restore it from a backup, or train a first version."
        )
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)
        ) as database:
            database.execute("SELECT name FROM registered_models LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise RegistryError(
            f"The registry, {where}, cannot be read ({error}): restore it from a backup."
        ) from error


def exists() -> bool:
    """Tell whether this workspace has a registry that can be read."""
    try:
        require()
    except RegistryError:
        return False
    return True


def register(fitted: Fitted, *, metrics: Mapping[str, float] | None = None) -> str:
    """Log a fitted model as a release, with its lineage, and register it.

    A version that was made of the same snapshot by the same recipe and feature code is that model
    already: it is returned, and nothing is written.

    Parameters
    ----------
    fitted : Fitted
        What `firstflight.train.fit` returned.
    metrics : mapping of str to float, optional
        Figures to log on its run.

    Returns
    -------
    str
        The version it has.

    Raises
    ------
    RegistryError
        If the registry was there and is gone or damaged.
    """
    with locks.writing("register"):
        if history.newest(fitted.usecase.name) is not None or workspace.current().database.exists():
            require()  # only a new workspace gets a new registry
        end_dead_runs(fitted.usecase.name)
        same = find(
            fitted.usecase,
            snapshot=fitted.snapshot.digest,
            recipe=fitted.recipe,
            feature_version=fitted.snapshot.manifest["feature_version"],
        )
        return same if same is not None else _register(fitted, metrics)


def find(usecase: UseCase, *, snapshot: str, recipe: str, feature_version: int) -> str | None:
    """Return the oldest version made of this snapshot by this recipe and today's feature code."""
    wanted = {
        "snapshot": snapshot,
        "recipe": recipe,
        "feature_version": str(feature_version),
        "code_digest": usecase.features[feature_version].code_digest,
    }
    for version in versions(usecase.name):
        if wanted.items() <= tags(usecase.name, version).items():
            return version
    return None


def _register(fitted: Fitted, metrics: Mapping[str, float] | None) -> str:
    case, snapshot = fitted.usecase, fitted.snapshot
    mlflow.set_tracking_uri(workspace.current().tracking_uri)
    name = f"{case.name} {fitted.recipe} {snapshot.start}..{snapshot.end}"
    mine = {WRITER: str(os.getpid())}
    with mlflow.start_run(experiment_id=experiment(case.name), run_name=name, tags=mine) as run:
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


def end_dead_runs(usecase: str) -> None:
    """End the runs that a killed training left open.

    Only whoever holds the workspace's lock registers, so an open run of this path has nobody.
    """
    if not exists():
        return
    with locks.writing("settle"):
        found = client().get_experiment_by_name(usecase)
        if found is None:
            return
        open_runs = client().search_runs(
            [found.experiment_id],
            filter_string=f"attributes.status = 'RUNNING' AND tags.`{WRITER}` LIKE '%'",
        )
        for run in open_runs:
            client().set_terminated(run.info.run_id, status="KILLED")


def aliases(usecase: str) -> dict[str, str]:
    """Return the aliases that MLflow shows; they follow the history and decide nothing."""
    model = _model(usecase)
    found = model.aliases if model is not None else {}
    return {name: str(version) for name, version in sorted(found.items())}


def mirrored(usecase: str) -> int:
    """Return the number of the entry of the history that MLflow's aliases follow; 0 for none."""
    model = _model(usecase)
    number = model.tags.get(MIRRORED, "0") if model is not None else "0"
    return int(number) if number.isdigit() else 0


def mirror(usecase: str, releases: Mapping[str, str], *, mode: str, share: float, n: int) -> None:
    """Let MLflow's aliases and tags follow an entry of the history; its number is written last."""
    c, now = client(), aliases(usecase)
    for name in sorted({*now, *history.ALIASES}):
        wanted = releases.get(name)
        if wanted is None and name in now and name in history.ALIASES:
            c.delete_registered_model_alias(usecase, name)
        elif wanted is not None and now.get(name) != wanted:
            c.set_registered_model_alias(usecase, name, wanted)
    for key, value in (("rollout_mode", mode), ("rollout_share", str(share)), (MIRRORED, str(n))):
        c.set_registered_model_tag(usecase, key, value)


def _model(usecase: str) -> RegisteredModel | None:
    require()
    try:
        return client().get_registered_model(usecase)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def resolve(usecase: str, name: str) -> str:
    """Return the version that an alias or a version number names.

    Raises
    ------
    RegistryError
        If there is none.
    """
    version = history.serving(usecase).releases.get(name, name)
    tags(usecase, version)
    return version


def tags(usecase: str, version: str) -> dict[str, str]:
    """Return the tags of a version: its lineage and, for people, its newest verdict and waiver.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry.
    """
    require()
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
    """Return the registered versions, oldest first; none where there is no registry yet."""
    if not workspace.current().database.exists():
        return []
    require()
    found: list[ModelVersion] = []
    page = None
    while page != "":
        part = client().search_model_versions(f"name = '{usecase}'", page_token=page)
        found += part
        page = part.token or ""
    return sorted((str(v.version) for v in found), key=int)


def load(usecase: str, name: str) -> Release:
    """Load and verify the release that a version number or an alias names."""
    version = resolve(usecase, name)
    digest = tags(usecase, version)["release_digest"]
    return release.load(f"models:/{usecase}/{version}", digest=digest, version=version)
