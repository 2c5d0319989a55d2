"""MLflow as tracker and registry: runs, versions, their tags, and the releases behind them.

What serves is not decided here: `firstflight.history` says it. MLflow's aliases follow that record
for people, and nothing reads them. What is only read comes from `firstflight.database`, without
MLflow: a service that answers, and a command that tells, need not import it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from firstflight import clock, database, files, history, locks, release, workspace
from firstflight.database import MIRRORED, WRITER, Version, require
from firstflight.errors import RegistryError
from firstflight.release import Release
from firstflight.train import Fitted
from firstflight.usecase import UseCase

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.data.pandas_dataset import PandasDataset

__all__ = ["MIRRORED", "require"]  # of `database`, and asked for here
LINEAGE = ("recipe", "feature_version", "snapshot", "trained_from", "trained_to", "release_digest")
"""Tags of every version that `register` made, without which nobody knows what it is."""

logger = logging.getLogger(__name__)


def client() -> MlflowClient:
    """Return a client of the workspace's tracking store and registry."""
    from mlflow import MlflowClient  # a second; see the module's docstring

    uri = workspace.current().tracking_uri
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment(name: str) -> str:
    """Return the id of an MLflow experiment, and make it if there is none of this name.

    Parameters
    ----------
    name : str
        Such as the name of a use case. The files of a new experiment lie inside the workspace.

    Returns
    -------
    str
        Its id.
    """
    found = client().get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = (workspace.current().artifacts / name.replace("/", "-")).as_uri()
    return str(client().create_experiment(name, artifact_location=location))


def create() -> None:
    """Make MLflow's database in a new workspace, whole or not at all; leave one that is there.

    Raises
    ------
    RegistryError
        If there is one that is damaged, or there was one and it is gone: this workspace has records
        or model files.
    """
    path = workspace.current().database
    with locks.writing("make the registry"):
        if path.exists() or not database.new():
            require()
            return
        from mlflow import MlflowClient

        with files.scratch(path) as folder:
            uri = workspace.Workspace(folder).tracking_uri
            MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
            files.move(workspace.Workspace(folder).database, path)


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
        create()
        end_dead_runs()
        same = find(
            fitted.usecase,
            snapshot=fitted.snapshot.digest,
            recipe=fitted.recipe,
            feature_version=fitted.snapshot.manifest["feature_version"],
        )
        return same if same is not None else _register(fitted, metrics)


def find(usecase: UseCase, *, snapshot: str, recipe: str, feature_version: int) -> str | None:
    """Return the oldest version made of this snapshot by this recipe and today's feature code.

    Parameters
    ----------
    usecase : UseCase
    snapshot : str
        Digest of the snapshot: 16 hex digits.
    recipe : str
        Name of the recipe.
    feature_version : int
        Its code must be the code that the version was made with.

    Returns
    -------
    str or None
        The version; None if there is none.

    Raises
    ------
    FirstFlightError
        If the use case has no such feature version.
    RegistryError
        If there is a registry and it is damaged.
    """
    wanted = {
        "snapshot": snapshot,
        "recipe": recipe,
        "feature_version": str(feature_version),
        "code_digest": usecase.feature_set(feature_version).code_digest,
    }
    for version in versions(usecase.name):
        if wanted.items() <= tags(usecase.name, version).items():
            return version
    return None


def _register(fitted: Fitted, metrics: Mapping[str, float] | None) -> str:
    import mlflow

    case, snapshot = fitted.usecase, fitted.snapshot
    mlflow.set_tracking_uri(workspace.current().tracking_uri)
    name = f"{case.name} {fitted.recipe} {snapshot.start}..{snapshot.end}"
    mine = {WRITER: str(os.getpid())}
    # The run is open until its version is there, so an open run is what a kill can leave.
    with (
        _temporary_files_inside(),
        mlflow.start_run(experiment_id=experiment(case.name), run_name=name, tags=mine) as run,
    ):
        try:
            return _log(fitted, metrics, run.info.run_id)
        except Exception:
            _discard(run.info.run_id)
            raise


def _log(fitted: Fitted, metrics: Mapping[str, float] | None, run_id: str) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

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
    mlflow.log_input(_training_data(fitted), context="training")
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
        case.name, source=uri, run_id=run_id, tags=tags, model_id=uri.split("/")[-1]
    )
    return str(version.version)


def _training_data(fitted: Fitted) -> PandasDataset:
    """Return what a model was fitted on, as MLflow describes it."""
    import mlflow

    rows = fitted.features.assign(label=fitted.label.to_numpy())
    about = {
        "name": f"{fitted.usecase.name}-training",
        "targets": "label",
        "digest": fitted.snapshot.digest,
    }
    data = mlflow.data.from_pandas(rows, **about)  # type: ignore[attr-defined]
    # For its schema MLflow asks each cell for its type: seconds. The same comes of the first rows,
    # with the first one that lacks a value, of each column where one does.
    some = {*range(min(len(rows), 100)), *(rows.isna().to_numpy().argmax(axis=0).tolist())}
    few = mlflow.data.from_pandas(rows.iloc[sorted(some)], **about)  # type: ignore[attr-defined]
    vars(data)["schema"] = few.schema  # where its cached property keeps it
    return data


@contextlib.contextmanager
def _temporary_files_inside() -> Iterator[None]:
    """Let temporary files, MLflow's too, lie where the next command sweeps them after a kill.

    Python's own temporary folder is moved for the whole process: hold the lock.
    """
    with files.scratch(workspace.current().root / "register") as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


def end_dead_runs() -> None:
    """End the runs that a killed registration left open, and remove what became no version.

    A process registers only while it holds the workspace's lock. So whoever holds the lock knows
    that a registration's open run belongs to a process that is gone.
    """
    if not exists() or not database.open_runs():
        return
    from mlflow.entities import RunStatus

    with locks.writing("settle"):
        for run_id in database.open_runs():
            made = client().search_model_versions(f"run_id = '{run_id}'")
            if not made:
                _discard(run_id)
            status = RunStatus.FINISHED if made else RunStatus.KILLED
            client().set_terminated(run_id, RunStatus.to_string(status))


def _discard(run_id: str) -> None:
    """Remove the model files of a run that became no version."""
    c, artifacts = client(), workspace.current().artifacts
    if c.search_model_versions(f"run_id = '{run_id}'"):
        return
    where = [c.get_run(run_id).info.experiment_id]
    for model in c.search_logged_models(where, filter_string=f"source_run_id = '{run_id}'"):
        folder = Path(model.artifact_location.removeprefix("file://"))
        if folder.is_relative_to(artifacts):
            shutil.rmtree(folder, ignore_errors=True)
        c.delete_logged_model(model.model_id)


def aliases(usecase: str) -> dict[str, str]:
    """Return the aliases that MLflow shows; they follow the history and decide nothing.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    dict of str to str
        Version per alias; empty if no version is registered.

    Raises
    ------
    RegistryError
        If there is no registry, or it is damaged.
    """
    return database.aliases(usecase)


def mirrored(usecase: str) -> int:
    """Return the number of the entry of the history that MLflow's aliases follow; 0 for none.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    int
        From 1; 0 if they follow none.

    Raises
    ------
    RegistryError
        If there is no registry, or it is damaged.
    """
    return database.followed(usecase, history.KIND)


@contextlib.contextmanager
def following(usecase: str) -> Iterator[None]:
    """Let MLflow follow what is written: an error here does not undo it, and is logged.

    Parameters
    ----------
    usecase : str
        Its name, for the warning.

    Yields
    ------
    None
        The block brings MLflow up to date. An error in it ends the block, is logged as a warning
        and goes no further.
    """
    try:
        yield
    except Exception as error:
        logger.warning(
            "What was asked of %s is written and counts. MLflow's aliases and tags could not follow"
            " (%s: %s); the next command tries again.",
            usecase,
            type(error).__name__,
            (str(error).splitlines() or [""])[0],
        )


def mirror(usecase: str, releases: Mapping[str, str], *, mode: str, share: float, n: int) -> None:
    """Let MLflow's aliases and tags follow an entry of the history; its number is written last.

    Parameters
    ----------
    usecase : str
        Its name.
    releases : mapping of str to str
        Version per alias, as the entry says. The history's aliases that it lacks are removed.
    mode : {"off", "shadow", "canary"}
        The rollout after the entry.
    share : float
        Share of the traffic, from 0 to 1, that the candidate answers.
    n : int
        Number of the entry.

    Raises
    ------
    RegistryError
        If there is no registry, or it is damaged.
    """
    c, now = client(), aliases(usecase)
    for name in sorted({*now, *history.ALIASES}):
        wanted = releases.get(name)
        if wanted is None and name in now and name in history.ALIASES:
            c.delete_registered_model_alias(usecase, name)
        elif wanted is not None and now.get(name) != wanted:
            c.set_registered_model_alias(usecase, name, wanted)
    for key, value in (("rollout_mode", mode), ("rollout_share", str(share)), (MIRRORED, str(n))):
        c.set_registered_model_tag(usecase, key, value)


def resolve(usecase: str, name: str) -> str:
    """Return the version that an alias or a version number names.

    Parameters
    ----------
    usecase : str
        Its name.
    name : str
        An alias of the history (``"live"``, ``"candidate"``, ``"previous"``) or a version number.

    Returns
    -------
    str
        The version number.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry.
    """
    return _version(usecase, history.serving(usecase).releases.get(name, name)).version


def tags(usecase: str, version: str) -> dict[str, str]:
    """Return the tags of a version: its lineage and, for people, its newest verdict and waiver.

    Parameters
    ----------
    usecase : str
        Its name.
    version : str
        A version number, not an alias.

    Returns
    -------
    dict of str to str
        Value per tag.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry.
    """
    return _version(usecase, version).tags


def lineage(usecase: str, version: str) -> dict[str, str]:
    """Return the tags of a version that was registered by this path: what it was made of.

    Parameters
    ----------
    usecase : str
        Its name.
    version : str
        A version number, not an alias.

    Returns
    -------
    dict of str to str
        Value per tag, all of `LINEAGE` among them.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry; or if the version lacks one of these tags,
        because somebody registered it by hand.
    """
    found = tags(usecase, version)
    lacking = [name for name in LINEAGE if name not in found]
    if lacking:
        raise RegistryError(
            f"{usecase} version {version} was not registered by this path (it has no tag "
            f"{', '.join(lacking)}): make the release with `firstflight train`."
        )
    return found


def _version(usecase: str, version: str) -> Version:
    for one in database.versions(usecase):
        if one.version == version:
            return one
    raise RegistryError(
        f"{usecase} has no version or alias {version!r}: `firstflight status` lists what there is."
    )


def run_of(usecase: str, version: str) -> str:
    """Return the id of the MLflow run that made a version.

    Parameters
    ----------
    usecase : str
        Its name.
    version : str
        A version number, not an alias.

    Returns
    -------
    str
        The id.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry; or if the version has no run, because it was
        not registered by this library.
    """
    run_id = _version(usecase, version).run_id
    if not run_id:
        raise RegistryError(
            f"{usecase} version {version} has no run: it was not made by this path."
        )
    return run_id


def set_tags(usecase: str, version: str, new: Mapping[str, str | None]) -> None:
    """Write tags on a version; None removes one.

    Parameters
    ----------
    usecase : str
        Its name.
    version : str
        A version number, not an alias.
    new : mapping of str to str or None
        Value per tag. Tags that it does not name stay as they are.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry.
    """
    found = tags(usecase, version)
    for key, value in sorted(new.items()):
        if value is None and key in found:
            client().delete_model_version_tag(usecase, version, key)
        elif value is not None and found.get(key) != value:
            client().set_model_version_tag(usecase, version, key, value)


def versions(usecase: str) -> list[str]:
    """Return the registered versions, oldest first; none where there is no registry yet.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    list of str
        Version numbers.

    Raises
    ------
    RegistryError
        If there is a registry and it is damaged.
    """
    if not workspace.current().database.exists():
        return []
    return [one.version for one in database.versions(usecase)]


def load(usecase: str, name: str) -> Release:
    """Load and verify the release that a version number or an alias names.

    Parameters
    ----------
    usecase : str
        Its name.
    name : str
        As for `resolve`.

    Returns
    -------
    Release
        With its version.

    Raises
    ------
    RegistryError
        If there is no such version, no registry, or the version was not registered by this path.
    ReleaseError
        If it is not exactly what was saved, or this code cannot serve it (see
        `firstflight.release.load`).
    """
    version = resolve(usecase, name)
    return release.load(
        f"models:/{usecase}/{version}",
        digest=lineage(usecase, version)["release_digest"],
        version=version,
        folder=_version(usecase, version).folder,
    )


def files_of(usecase: str, version: str) -> Path:
    """Return the folder with the files of a version.

    Parameters
    ----------
    usecase : str
        Its name.
    version : str
        A version number, not an alias.

    Returns
    -------
    Path
        Of the release as it was saved; see `firstflight.release.log`.

    Raises
    ------
    RegistryError
        If there is no such version, or no registry.
    """
    folder = _version(usecase, version).folder
    return folder or release.download(f"models:/{usecase}/{version}")
