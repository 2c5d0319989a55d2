"""Tell whether two states of a workspace are the same, whatever the hour they were made in."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from firstflight.workspace import Workspace

# What names the moment or the run in which a record was made, and not what was decided.
OF_THE_MOMENT = {"made_at", "time", "run_id", "at", "written_at", "release_digest", "pid"}


def state(ws: Workspace) -> dict[str, str]:
    """Return a digest for each part of the state that later lessons build on.

    Parameters
    ----------
    ws : Workspace
        The workspace.

    Returns
    -------
    dict of str to str
        ``aliases``, ``versions``, ``history``, ``drops``, ``snapshots``, ``feature state``,
        ``process.toml`` and ``clock``.
    """
    return {
        "aliases": _digest(_rows(ws, "SELECT name, alias, version FROM registered_model_aliases")),
        "versions": _digest(_rows(ws, "SELECT name, version FROM model_versions")),
        "history": _digest(_history(ws)),
        "drops": _digest(_names(ws.drops)),
        "snapshots": _digest(sorted(p.name for p in ws.snapshots.glob("*") if p.is_dir())),
        "feature state": _digest(_names(ws.state)),
        "process.toml": _digest(_text(ws.process_file)),
        "clock": _digest(_text(ws.clock_file)),
    }


def _rows(ws: Workspace, query: str) -> list[tuple[Any, ...]]:
    if not ws.database.exists():
        return []
    with closing(sqlite3.connect(f"{ws.database.as_uri()}?mode=ro", uri=True)) as link:
        return sorted(link.execute(query).fetchall())


def _history(ws: Workspace) -> list[Any]:
    """Return the entries of the deployment history: what, when in the story, by whom, why."""
    found = []
    for path in sorted(ws.records.glob("*/deployments/*.json")):
        entry = json.loads(path.read_text())
        kept = {k: v for k, v in entry.items() if k not in OF_THE_MOMENT}
        found.append([str(path.relative_to(ws.records)), kept])
    return found


def _names(folder: Path) -> list[tuple[str, int]]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted((str(path.relative_to(folder)), path.stat().st_size) for path in paths)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
