"""MLflow's database file, looked at without MLflow: whether it is whole, and what was cut off.

MLflow takes seconds to import and makes an empty database where one is missing. A look from here
costs a millisecond and never makes one.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from firstflight import records, workspace
from firstflight.errors import BusyError, RegistryError

TABLES = {"experiments", "runs", "registered_models", "model_versions", "alembic_version"}
WRITER = "firstflight.process"  # a run's tag: the process that registers with it
MIRRORED = "deployment"  # a model's tag: the entry of the history that its aliases follow
SECONDS = 10.0  # to wait for another program's commit
THERE = "current_stage != 'Deleted_Internal'"  # how MLflow marks a version that was deleted
FOLLOWED = {
    "deployments": "SELECT value FROM registered_model_tags WHERE name = ? AND key = 'deployment'",
    "verdicts": "SELECT max(CAST(value AS INTEGER)) FROM model_version_tags "
    "WHERE name = ? AND key = 'gate.record'",
    "decisions": "SELECT max(CAST(value AS INTEGER)) FROM model_version_tags "
    "WHERE name = ? AND key = 'rollout.record'",
}
"""Per kind of record, where MLflow keeps the newest one that its aliases or tags follow."""


def new() -> bool:
    """Tell whether this workspace never had a registry: no database, no record, no model file.

    Returns
    -------
    bool
        True in a workspace that nobody trained in yet.
    """
    ws = workspace.current()
    used = any(ws.records.glob("*/*/*.json")) or any(ws.artifacts.glob("*/*"))
    return not ws.database.exists() and not used


def require() -> None:
    """Refuse a registry that is not there or not whole; nothing is made in its place.

    Raises
    ------
    RegistryError
        If MLflow's database is missing, is empty, cut short or damaged, or is another program's.
    BusyError
        If another program holds it for 10 seconds.
    """
    path = workspace.current().database
    where = f"{path.name} in {path.parent.name}/"
    if not path.is_file():
        raise RegistryError(
            f"The registry, {where}, is not there: nothing is registered in this workspace, or "
            "the file was moved; restore it from a backup, or train a first version."
        )
    found = path.stat()
    _whole(path, found.st_ino, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _whole(path: Path, inode: int, size: int, mtime_ns: int) -> None:
    with reading() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        # Pages that are missing at the end would be noticed only when somebody reads them.
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        bytes_of_page = connection.execute("PRAGMA page_size").fetchone()[0]
    if pages * bytes_of_page > path.stat().st_size:
        raise _unreadable(path, "it is cut short")
    if not tables >= TABLES:
        lacking = ", ".join(sorted(TABLES - tables))
        raise _unreadable(path, f"no such table: {lacking}" if size else "it is empty")


def _unreadable(path: Path, problem: str) -> RegistryError:
    return RegistryError(
        f"The registry, {path.name} in {path.parent.name}/, cannot be read ({problem}): restore it "
        "from a backup."
    )


@contextlib.contextmanager
def reading() -> Iterator[sqlite3.Connection]:
    """Give a connection for a look; it is closed at the end of the block.

    Yields
    ------
    sqlite3.Connection
        To MLflow's database.

    Raises
    ------
    RegistryError
        If the file cannot be read.
    BusyError
        If another program holds it for 10 seconds.
    """
    path = workspace.current().database
    try:
        # Not "ro": after a kill in the middle of a commit SQLite must first take back the half of
        # it. "rw" makes no file either, and is "ro" where the file may not be written.
        connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=SECONDS)
        with contextlib.closing(connection):
            yield connection
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise BusyError(
                f"The registry, {path.name} in {path.parent.name}/, is held by another program: "
                "close it, or try again."
            ) from error
        raise _unreadable(path, str(error)) from error


def followed(usecase: str, kind: str) -> int:
    """Return the number of the newest record of a kind that MLflow follows; 0 for none.

    Parameters
    ----------
    usecase : str
        Its name.
    kind : str
        A key of `FOLLOWED`: which records.

    Returns
    -------
    int
        From 1; 0 if MLflow follows none, or does not know the use case.

    Raises
    ------
    RegistryError
        If the registry is not there or not whole.
    BusyError
        If another program holds it for 10 seconds.
    """
    require()
    with reading() as connection:
        row = connection.execute(FOLLOWED[kind], (usecase,)).fetchone()
    said = str(row[0]) if row and row[0] is not None else ""
    return int(said) if said.isdigit() else 0


def behind(usecase: str) -> bool:
    """Tell whether MLflow does not follow the newest records yet: a kill or an error cut that off.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    bool
        False also if there is no record to follow; the registry is not asked for then.

    Raises
    ------
    RegistryError
        If there are records, and the registry is not there or not whole.
    BusyError
        If another program holds the registry for 10 seconds.
    """
    newest = {kind: records.numbers(usecase, kind)[-1:] for kind in FOLLOWED}
    return any(n and followed(usecase, kind) != n[0] for kind, n in newest.items())


class Version(NamedTuple):
    """What MLflow holds of a registered version.

    Attributes
    ----------
    version : str
        Its number.
    run_id : str
        MLflow's id of the run that made it; empty if it has none.
    folder : Path or None
        Where its files lie; None if MLflow keeps them elsewhere than in a folder of this machine.
    tags : dict of str to str
        Value per tag.
    """

    version: str
    run_id: str
    folder: Path | None
    tags: dict[str, str]


def versions(usecase: str) -> list[Version]:
    """Return the registered versions of a use case, oldest first.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    list of Version
        Empty if MLflow does not know the use case.

    Raises
    ------
    RegistryError
        If the registry is not there or not whole.
    BusyError
        If another program holds it for 10 seconds.
    """
    require()
    with reading() as connection:
        rows = connection.execute(
            "SELECT version, run_id, storage_location FROM model_versions "
            f"WHERE name = ? AND {THERE} ORDER BY version",
            (usecase,),
        ).fetchall()
        tags: dict[int, dict[str, str]] = {version: {} for version, _, _ in rows}
        for version, key, value in connection.execute(
            "SELECT version, key, value FROM model_version_tags WHERE name = ? ORDER BY key",
            (usecase,),
        ):
            tags.get(version, {})[key] = value
    return [
        Version(str(version), run_id or "", _folder(where), tags[version])
        for version, run_id, where in rows
    ]


def _folder(address: str | None) -> Path | None:
    parts = urlsplit(address or "")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    return None


def aliases(usecase: str) -> dict[str, str]:
    """Return the aliases that MLflow shows: version per alias, sorted by alias.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    dict of str to str
        Empty if there is none. The errors are those of `versions`.
    """
    require()
    with reading() as connection:
        rows = connection.execute(
            "SELECT alias, version FROM registered_model_aliases WHERE name = ? ORDER BY alias",
            (usecase,),
        )
        return {alias: str(version) for alias, version in rows}


def open_runs() -> list[str]:
    """Return the ids of the runs that a registration began and did not end.

    Returns
    -------
    list of str
        MLflow's ids; empty if there is no database.

    Raises
    ------
    RegistryError
        If the database is not whole.
    BusyError
        If another program holds it for 10 seconds.
    """
    if not workspace.current().database.exists():
        return []
    require()
    with reading() as connection:
        rows = connection.execute(
            "SELECT runs.run_uuid FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
            "WHERE runs.status = 'RUNNING' AND tags.key = ?",
            (WRITER,),
        )
        return [run_id for (run_id,) in rows]


def cut_off() -> list[str]:
    """Return the use cases in which a kill or an error left MLflow behind the records.

    Returns
    -------
    list of str
        Their names. The errors are those of `behind`.
    """
    return [name for name in records.usecases() if behind(name)]
