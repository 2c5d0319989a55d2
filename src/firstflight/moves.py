"""A workspace can be moved, copied and restored: its databases then learn where they lie.

MLflow keeps absolute addresses of the files it stores, and Prefect some. The workspace notes the
folder that its addresses name. If it is opened in another one, every address inside it is written
anew first: a copy never reads or writes the workspace that it was copied from.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from firstflight import files
from firstflight.errors import StorageError
from firstflight.workspace import Workspace

# Where MLflow puts addresses: the folder that they name tells where an older workspace, which has
# no note, was made.
ADDRESSES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}


def settle(ws: Workspace) -> None:
    """Write the addresses of a workspace anew if it lies elsewhere than they say.

    Parameters
    ----------
    ws : Workspace
        The workspace, where it lies now.

    Raises
    ------
    StorageError
        If a database cannot be read or written; this one is as it was then.
    BusyError
        If another command keeps changing the workspace.
    """
    if not moved(ws):
        return
    from firstflight import locks  # it calls `settle_locked`

    with locks.writing("the workspace's move", root=ws.root):
        pass


def moved(ws: Workspace) -> bool:
    """Tell whether the workspace's databases name another folder than the one it lies in.

    Parameters
    ----------
    ws : Workspace
        The workspace, where it lies now.

    Returns
    -------
    bool
        By the note of the workspace; without one, by the addresses in MLflow's database. False if
        there is neither.
    """
    noted = _noted(ws)
    if noted is not None:
        return noted != ws.root
    try:
        return any(root != ws.root for root in _named(ws.database))
    except sqlite3.Error:
        return False  # no database that could name anything: whoever needs it says so


def note(ws: Workspace) -> None:
    """Note where a new workspace lies.

    Parameters
    ----------
    ws : Workspace
        The workspace. One that has a note or a database is not new, and is left alone.

    Raises
    ------
    StorageError
        If the disk does not take the note.
    """
    if not ws.home_file.exists() and not ws.database.exists():
        _note(ws)


def settle_locked(ws: Workspace) -> None:
    """Do what `settle` does, for a caller that holds the workspace's lock.

    Parameters
    ----------
    ws : Workspace
        The workspace, where it lies now.

    Raises
    ------
    StorageError
        If a database cannot be read or written; this one is as it was then.
    """
    noted = _noted(ws)
    if noted == ws.root:
        return
    try:
        old = [noted] if noted is not None else _named(ws.database)
        table = _forms(old, ws.root)
        for database in (ws.database, ws.prefect_database):
            if table and database.exists():
                rewrite(database, table)
    except sqlite3.Error as error:
        raise StorageError(
            f"The workspace lies in {ws.root} and its database names another folder, but cannot "
            f"be changed ({error}): make it writable, or restore it from a backup."
        ) from None
    # The note is last: a kill before it has the addresses looked through again.
    _note(ws)


def rewrite(database: Path, new_by_old: Mapping[str, str]) -> int:
    """Replace the beginning of every text in a SQLite database that is an address below a folder.

    All tables in one transaction: after a kill all of it is done or nothing. Texts that are JSON
    are looked through as well.

    Parameters
    ----------
    database : Path
        The file.
    new_by_old : mapping of str to str
        For each old beginning, such as ``"file:///old"``, the new one.

    Returns
    -------
    int
        How many texts were changed.

    Raises
    ------
    sqlite3.Error
        If the database cannot be read or written; it is as it was then.
    """
    needles = {*new_by_old, *(json.dumps(old)[1:-1] for old in new_by_old)}
    changed = 0
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as link:
        link.execute("BEGIN IMMEDIATE")
        try:
            for table, column in _columns(link):
                found = " OR ".join(f'instr("{column}", ?) > 0' for _ in needles)
                rows = link.execute(
                    f'SELECT rowid, "{column}" FROM "{table}" '
                    f"WHERE typeof(\"{column}\") = 'text' AND ({found})",
                    tuple(needles),
                ).fetchall()
                for row, text in rows:
                    new = _moved_text(text, new_by_old)
                    if new != text:
                        change = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'
                        link.execute(change, (new, row))
                        changed += 1
            link.execute("COMMIT")
        except BaseException:
            link.execute("ROLLBACK")
            raise
    return changed


def _note(ws: Workspace) -> None:
    files.write(ws.home_file, json.dumps({"root": str(ws.root)}) + "\n", durable=True, ws=ws)


def _noted(ws: Workspace) -> Path | None:
    """Return the folder that the workspace's addresses name; None if there is no note."""
    try:
        return Path(json.loads(ws.home_file.read_text(encoding="utf-8"))["root"])
    except (OSError, ValueError, TypeError, KeyError):
        return None  # damaged or absent: the database tells


def _named(database: Path) -> list[Path]:
    """Return the workspace folders that MLflow's addresses name."""
    roots = set()
    if database.exists():
        # Not "ro": SQLite undoes first what a killed commit left, and that is writing.
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as link:
            known = set(_columns(link))
            for table, column in ADDRESSES.items():
                if (table, column) in known:
                    for (text,) in link.execute(f'SELECT DISTINCT "{column}" FROM "{table}"'):
                        roots.add(_root_of(text))
    return sorted(root for root in roots if root is not None)


def _root_of(address: str | None) -> Path | None:
    path = address or ""
    if path.startswith("file:"):
        path = unquote(urlsplit(path).path)
    found = re.match(r"(/.*?)/mlartifacts(/|$)", path)
    return Path(found[1]) if found else None


def _forms(old: Iterable[Path], new: Path) -> dict[str, str]:
    """Return old beginning -> new beginning, for each way in which a folder is written."""
    # MLflow reads "%" in a plain path as a quote, so a path with one needs the quoted form.
    plain = str(new) if set("%?#").isdisjoint(str(new)) else new.as_uri()
    table: dict[str, str] = {}
    for folder in old:
        if folder != new:
            table |= {str(folder): plain, folder.as_uri(): new.as_uri()}
    return table


def _columns(link: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return every (table, column) that an address may stand in."""
    tables = link.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND sql NOT LIKE 'CREATE VIRTUAL%'"
    ).fetchall()
    return [
        (table, name)
        for (table,) in tables
        # The last value is 0 for a column that is stored and not computed.
        for (_, name, _, _, _, _, hidden) in link.execute(f'PRAGMA table_xinfo("{table}")')
        if hidden == 0
    ]


def _moved_text(text: str, new_by_old: Mapping[str, str]) -> str:
    for old, new in new_by_old.items():
        if text == old or text.startswith(old + "/"):
            return new + text[len(old) :]
    if text[:1] in {"{", "["}:
        try:
            content = json.loads(text)
        except ValueError:
            return text
        moved_content = _moved_json(content, new_by_old)
        if moved_content != content:
            return json.dumps(moved_content)
    return text


def _moved_json(content: Any, new_by_old: Mapping[str, str]) -> Any:
    if isinstance(content, str):
        return _moved_text(content, new_by_old)
    if isinstance(content, list):
        return [_moved_json(part, new_by_old) for part in content]
    if isinstance(content, dict):
        return {key: _moved_json(part, new_by_old) for key, part in content.items()}
    return content
