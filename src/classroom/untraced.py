"""Models that nobody can trace, changes that somebody wrote down, and a file that was swapped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from firstflight import clock, deployments, files, history
from firstflight.workspace import current

# The last training day of each file, which nothing in the file says.
LAST_DAY = {
    "model": "2013-01-31",
    "model_final": "2013-03-17",
    "model_final_v2_really": "2013-02-10",
}

# What happened to `rehearsal`: day, action, versions after it, reason, role.
CHANGES: tuple[tuple[str, str, dict[str, str | None], str, str], ...] = (
    ("2013-03-18", "promote", {"live": "1"}, "the first release", "model_owner"),
    (
        "2013-03-25",
        "promote",
        {"live": "2", "previous": "1"},
        "trees, on the newest weeks",
        "model_owner",
    ),
    (
        "2013-03-27",
        "rollback",
        {"live": "1", "previous": None},
        "far too high in the evening",
        "on_call",
    ),
)


def three_files(folder: Path, fit: Callable[[str, str, str], Any]) -> list[Path]:
    """Save three models, each fitted up to another day, under names as people give them.

    Parameters
    ----------
    folder : Path
        Where the files go; it is made if it is not there.
    fit : callable
        Called with a recipe, the first and the last day; returns the fitted model.

    Returns
    -------
    list of Path
        The three files, by name.
    """
    import skops.io

    folder.mkdir(parents=True, exist_ok=True)
    for name, last_day in LAST_DAY.items():
        skops.io.dump(fit("logistic_regression", "2013-01-01", last_day), folder / f"{name}.skops")
    return sorted(folder / f"{name}.skops" for name in LAST_DAY)


def beside(*models: Any) -> str:
    """Return the page of MLflow that sets the runs of logged models side by side.

    Parameters
    ----------
    *models : mlflow.models.model.ModelInfo
        What ``log_model`` returned for each.

    Returns
    -------
    str
        What to open, behind the server's address and its slash; without its last part MLflow
        opens the view for language models.
    """
    import mlflow

    runs = [model.run_id for model in models]
    found = sorted({mlflow.get_run(run).info.experiment_id for run in runs})
    return (
        f"#/compare-runs?runs={quote(json.dumps(runs))}&experiments={quote(json.dumps(found))}"
        "&workflowType=machine_learning"
    )


def rehearse(*models: Any, name: str = "rehearsal") -> None:
    """Register models under one name, and let three changes of what serves happen to them.

    The clock is as it was afterwards. Called again it changes nothing.

    Parameters
    ----------
    *models : mlflow.models.model.ModelInfo
        Two of them; their versions are 1 and 2.
    name : str
        Of the registered model.
    """
    from mlflow import MlflowClient

    if history.entries(name):
        return
    client = MlflowClient()
    client.create_registered_model(name)
    for model in models:
        client.create_model_version(name, source=model.model_uri, run_id=model.run_id)
    with _days():
        for day, action, after, reason, by in CHANGES:
            clock.set_today(day)
            deployments.change(name, action, after=after, reason=reason, by=by)


@contextlib.contextmanager
def _days() -> Iterator[None]:
    """Let the block move the clock, and put it back."""
    before, pinned = clock.today(), os.environ.get(clock.PINNED)
    try:
        yield
    finally:
        clock.set_today(before)
        if pinned is not None:
            os.environ[clock.PINNED] = pinned


@contextlib.contextmanager
def swapped(file: Path, other: Path) -> Iterator[None]:
    """Put another file in the place of one for the block, and the right one back after it.

    Parameters
    ----------
    file : Path
        The file that is replaced.
    other : Path
        What lies there instead.
    """
    with files.scratch(current().root / "swapped") as folder:
        kept = folder / file.name
        shutil.copy2(file, kept)
        try:
            shutil.copy(other, file)
            yield
        finally:
            shutil.copy2(kept, file)


@contextlib.contextmanager
def other_versions() -> Iterator[tuple[str, dict[str, str]]]:
    """Give a registered model with versions made of data that nobody knows, for the block.

    Yields
    ------
    name : str
        Of the registered model.
    digests : dict of str to str
        For each version the digest of what made it: in a tag, as `firstflight.registry` writes
        it, and as the data set of its run.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag

    client, name = MlflowClient(), f"asked-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    digests: dict[str, str] = {}
    runs = []
    try:
        for n in ("1", "2", "3"):
            digests[n] = digest = uuid.uuid4().hex[:16]
            run = client.create_run("0").info.run_id
            runs.append(run)
            data = Dataset(name=name, digest=digest, source_type="local", source="{}")
            context = InputTag("mlflow.data.context", "training")
            client.log_inputs(run, [DatasetInput(data, [context])])
            tags = {"snapshot": digest, "release_digest": uuid.uuid4().hex[:16]}
            tags |= {"recipe": "logistic_regression", "trained_to": f"2013-03-1{n}"}
            source = (current().artifacts / name).as_uri()
            client.create_model_version(name, source=source, run_id=run, tags=tags)
        yield name, digests
    finally:
        client.delete_registered_model(name)
        for run in runs:
            client.delete_run(run)


def keep_only(name: str, lineage: Mapping[str, str]) -> bool:
    """Take back the versions of a model that are not what the lesson asks for.

    MLflow gives no number twice, and a later lesson goes by the numbers. So the registered model
    is made anew, with the one version that was made as `lineage` says, if there is one. A model
    whose versions serve, or served, stays as it is.

    Parameters
    ----------
    name : str
        Of the registered model.
    lineage : mapping of str to str
        Tags that the version must have.

    Returns
    -------
    bool
        Whether something was taken back.
    """
    from mlflow import MlflowClient

    if history.entries(name):
        return False
    client = MlflowClient()
    found = client.search_model_versions(f"name = '{name}'")
    right = [one for one in found if lineage.items() <= one.tags.items()]
    right.sort(key=lambda one: int(one.version))
    if not found or (len(found) == 1 and right and str(right[0].version) == "1"):
        return False
    description = client.get_registered_model(name).description
    client.delete_registered_model(name)
    for one in found:
        if one not in right[:1] and one.run_id:
            client.delete_run(one.run_id)
    if right:
        one, source = right[0], str(right[0].source)
        client.create_registered_model(name, description=description)
        made = source.rpartition("/")[2] if source.startswith("models:/m-") else None
        client.create_model_version(
            name, source=source, run_id=one.run_id, tags=one.tags, model_id=made
        )
    return True


def alias_rows(name: str) -> Any:
    """Return the rows in which MLflow's database keeps the aliases of a model.

    Parameters
    ----------
    name : str
        Of the registered model.

    Returns
    -------
    DataFrame
        Every column of the table.
    """
    import sqlite3

    import pandas as pd

    with contextlib.closing(sqlite3.connect(current().database)) as connection:
        return pd.read_sql(
            "SELECT * FROM registered_model_aliases WHERE name = ?", connection, params=(name,)
        )
