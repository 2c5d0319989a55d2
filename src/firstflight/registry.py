"""MLflow as tracker and registry: register a release, find and load it, and its tags for people.

What serves is no business of MLflow: `firstflight.deployments` says it. Nothing here makes a
registry where one is missing, but the first registration in a new workspace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import RunStatus
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from firstflight import clock, database, locks, release, workspace
from firstflight.errors import RegistryError
from firstflight.records import Mode
from firstflight.release import Release
from firstflight.train import Fitted


def client() -> MlflowClient:
    """Return a client of the workspace's tracking store and registry.

    Raises
    ------
    RegistryError
        If the database is gone or is not MLflow's; none is made in its place.
    """
    database.require()
    uri = workspace.current().tracking_uri
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def create() -> None:
    """Make MLflow's database in a new workspace, whole or not at all; leave one that is there.

    Raises
    ------
    RegistryError
        If there was one before: its records or its model files are there.
    """
    path = database.file()
    with locks.writing("create the registry"):
        if path.exists():
            return
        if not database.new():
            database.require()  # says that it is gone
        with _scratch() as folder:
            uri = f"sqlite:///{folder / 'mlflow.db'}"
            MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
            (folder / "mlflow.db").replace(path)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder for temporary files, MLflow's too, that the next command sweeps after a kill.

    Python's own temporary folder is moved there for the whole process: hold the lock.
    """
    ws = workspace.current()
    ws.temporary.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=ws.temporary, prefix=f"{os.getpid()}-"))
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def experiment(name: str) -> str:
    """Return the id of an experiment, made with its files inside the workspace if it is new."""
    found = client().get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = (workspace.current().artifacts / name.replace("/", "-")).as_uri()
    return str(client().create_experiment(name, artifact_location=location))


# --- register -----------------------------------------------------------------------------------


def registered(
    usecase: str, *, snapshot: str, recipe: str, feature_version: int, code_digest: str
) -> str | None:
    """Return the version that was made of exactly this, or None.

    Parameters
    ----------
    snapshot : str
        Digest of the training snapshot.
    recipe : str
    feature_version : int
    code_digest : str
        Digest of the feature code.
    """
    wanted = {
        "snapshot": snapshot,
        "recipe": recipe,
        "feature_version": str(feature_version),
        "code_digest": code_digest,
    }
    for version in versions(usecase):
        found = tags(usecase, version)
        if wanted.items() <= found.items():
            return version
    return None


def register(fitted: Fitted, *, metrics: Mapping[str, float] | None = None) -> str:
    """Log a fitted model as a release, with its lineage, and register it.

    The same snapshot, recipe and feature code are one version: registering them again returns it.
    A kill leaves no version, or a whole one; `tidy` ends the run.

    Parameters
    ----------
    fitted : Fitted
    metrics : mapping of str to float, optional
        Logged with the run.

    Returns
    -------
    str
        The version.

    Raises
    ------
    RegistryError
        If the registry is gone.
    BusyError
        If another command holds the workspace for too long.
    """
    case, snapshot = fitted.usecase, fitted.snapshot
    feature_set = case.features[snapshot.manifest["feature_version"]]
    with locks.writing("register"):
        create()
        tidy()
        there = registered(
            case.name,
            snapshot=snapshot.digest,
            recipe=fitted.recipe,
            feature_version=feature_set.version,
            code_digest=feature_set.code_digest,
        )
        if there is not None:
            return there
        mlflow.set_tracking_uri(workspace.current().tracking_uri)
        name = f"{case.name} {fitted.recipe} {snapshot.start}..{snapshot.end}"
        # The run ends after the version is there, so a run that is still open is one to look at.
        with (
            _scratch(),
            mlflow.start_run(
                experiment_id=experiment(case.name),
                run_name=name,
                tags={database.MINE: str(os.getpid())},
            ) as run,
        ):
            try:
                return _register(fitted, run.info.run_id, metrics or {})
            except Exception:
                _discard(run.info.run_id)
                raise


def _register(fitted: Fitted, run_id: str, metrics: Mapping[str, float]) -> str:
    case, snapshot = fitted.usecase, fitted.snapshot
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
    with contextlib.suppress(MlflowException):  # it is there, or the next line says what is wrong
        client().create_registered_model(case.name, description=case.unit)
    version = client().create_model_version(
        case.name, source=uri, run_id=run_id, tags=tags, model_id=uri.split("/")[-1]
    )
    return str(version.version)


def tidy(patience: float = locks.PATIENCE) -> list[str]:
    """End the runs of registrations that were killed, and remove what they left; return their ids.

    Whoever registers holds the writer's lock, so under that lock nobody is alive in such a run.
    """
    if not database.open_runs():
        return []
    with locks.writing("end a run", patience):
        ended = database.open_runs()
        for run_id in ended:
            made = client().search_model_versions(f"run_id = '{run_id}'")
            if not made:
                _discard(run_id)
            status = RunStatus.FINISHED if made else RunStatus.KILLED
            client().set_terminated(run_id, RunStatus.to_string(status))
    return ended


def _discard(run_id: str) -> None:
    """Remove the model files of a run that became no version."""
    c, artifacts = client(), workspace.current().artifacts
    owner = [c.get_run(run_id).info.experiment_id]
    for model in c.search_logged_models(owner, filter_string=f"source_run_id = '{run_id}'"):
        if c.search_model_versions(f"run_id = '{run_id}'"):
            return
        folder = Path(model.artifact_location.removeprefix("file://"))
        if folder.is_relative_to(artifacts):
            shutil.rmtree(folder, ignore_errors=True)
        c.delete_logged_model(model.model_id)


# --- read ---------------------------------------------------------------------------------------


def aliases(usecase: str) -> dict[str, str]:
    """Return the version of each alias that is set; empty if nothing is deployed.

    A short way to ``deployments.serving(usecase).releases``.
    """
    from firstflight import deployments  # it writes what is read here, and needs this module

    return dict(sorted(deployments.serving(usecase).releases.items()))


def rollout(usecase: str) -> tuple[Mode, float]:
    """Return the mode of the rollout in progress and the candidate's share of the answers.

    A short way to ``deployments.serving(usecase)``.
    """
    from firstflight import deployments

    now = deployments.serving(usecase)
    return now.mode, now.share


def model(usecase: str) -> RegisteredModel:
    """Return MLflow's registered model of a use case.

    Raises
    ------
    RegistryError
        If there is none.
    """
    try:
        return client().get_registered_model(usecase)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise RegistryError(
            f"The registry has no model {usecase!r}, and the history has: {database.file()} does "
            "not belong to this workspace; restore it from a backup."
        ) from error


def resolve(usecase: str, name: str) -> str:
    """Return the version that an alias or a version number names, as the registry writes it.

    Raises
    ------
    RegistryError
        If there is none.
    """
    return str(_version(usecase, aliases(usecase).get(name, name)).version)


def tags(usecase: str, version: str) -> dict[str, str]:
    """Return the tags of a version: its lineage, verdict, waiver and decision.

    Raises
    ------
    RegistryError
        If there is none.
    """
    return dict(_version(usecase, version).tags)


def _version(usecase: str, version: str) -> ModelVersion:
    asked = client()
    try:
        return asked.get_model_version(usecase, version)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise RegistryError(
            f"{usecase} has no version or alias {version!r}: `firstflight status` lists what "
            "there is."
        ) from error


def run_of(usecase: str, version: str) -> str:
    """Return the id of the MLflow run that made a version."""
    run_id = _version(usecase, version).run_id
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
    """Return the registered versions, oldest first; none in a new workspace."""
    if database.new():
        return []
    found = client().search_model_versions(f"name = '{usecase}'")
    return sorted((str(v.version) for v in found), key=int)


def load(usecase: str, name: str) -> Release:
    """Load and verify the release that a version number or an alias names."""
    version = resolve(usecase, name)
    digest = tags(usecase, version)["release_digest"]
    return release.load(f"models:/{usecase}/{version}", digest=digest, version=version)
