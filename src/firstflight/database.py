"""MLflow's database file, looked at without MLflow: whether it is whole, and what was cut off.

MLflow takes seconds to import and makes an empty database where one is missing. A look from here
costs a millisecond and never creates anything.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from firstflight import records, workspace
from firstflight.errors import BusyError, RegistryError

TABLES = {"experiments", "runs", "registered_models", "model_versions", "alembic_version"}
MINE = "firstflight.register"  # tag of a run that `registry.register` began
FOLLOWED = "firstflight.records"  # tag of a model: the records that its aliases and tags follow


def file() -> Path:
    """Return the path of the database."""
    return workspace.current().root / "mlflow.db"


def new() -> bool:
    """Tell whether this workspace never had a registry: no database, no record, no model file."""
    ws = workspace.current()
    used = any(ws.records.glob("*/*/*.json")) or any(ws.artifacts.glob("*/*"))
    return not file().exists() and not used


def require() -> None:
    """Refuse a database that is gone, empty, cut short or garbage.

    Raises
    ------
    RegistryError
        One sentence with its path.
    """
    path = file()
    try:
        found = path.stat()
    except FileNotFoundError as error:
        if new():
            raise RegistryError(
                f"There is no registry in {path.parent} yet: train a release first."
            ) from error
        raise RegistryError(
            f"The registry is gone ({path} is missing): restore it from a backup."
        ) from error
    _whole(path, found.st_ino, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _whole(path: Path, inode: int, size: int, mtime_ns: int) -> None:
    with reading() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        # Pages that are missing at the end would be noticed only when somebody reads them.
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        bytes_of_page = connection.execute("PRAGMA page_size").fetchone()[0]
    problem = ""
    if not size:
        problem = "it is empty"
    elif pages * bytes_of_page > size:
        problem = "it is cut short"
    elif not tables >= TABLES:
        problem = f"it lacks MLflow's tables ({', '.join(sorted(TABLES - tables))})"
    if problem:
        raise _unreadable(path, problem)


def _unreadable(path: Path, problem: str) -> RegistryError:
    return RegistryError(
        f"The registry cannot be read ({path}: {problem}): restore it from a backup."
    )


@contextlib.contextmanager
def reading() -> Iterator[sqlite3.Connection]:
    """Give a connection for a look.

    Raises
    ------
    RegistryError
        If the file cannot be read.
    """
    path = file()
    try:
        # Not read-only: after a kill SQLite must first take back what was half written. "rw" never
        # creates a file.
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as found:
            yield found
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise BusyError(
                f"The registry ({path}) is held by another program: close it, or try again."
            ) from error
        raise _unreadable(path, str(error)) from error


def followed(usecase: str) -> tuple[int, ...]:
    """Return, per kind of `records.KINDS`, the newest record that MLflow's tags follow."""
    require()
    with reading() as connection:
        row = connection.execute(
            "SELECT value FROM registered_model_tags WHERE name = ? AND key = ?",
            (usecase, FOLLOWED),
        ).fetchone()
    said = str(row[0]).split() if row else []
    whole = len(said) == len(records.KINDS) and all(number.isdigit() for number in said)
    return tuple(int(number) for number in said) if whole else (0,) * len(records.KINDS)


def behind(usecase: str) -> bool:
    """Tell whether MLflow does not follow the newest records yet: a kill cut that off."""
    now = records.counts(usecase)
    return any(now) and followed(usecase) != now


def open_runs() -> list[str]:
    """Return the ids of runs that `registry.register` began and did not end."""
    if not file().exists():
        return []
    require()
    with reading() as connection:
        rows = connection.execute(
            "SELECT runs.run_uuid FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
            "WHERE runs.status = 'RUNNING' AND tags.key = ?",
            (MINE,),
        )
        return [run_id for (run_id,) in rows]


def cut_off() -> bool:
    """Tell whether a command of this workspace was killed with something left to finish."""
    return bool(open_runs()) or any(behind(usecase) for usecase in records.usecases())
