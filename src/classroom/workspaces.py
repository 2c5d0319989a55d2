"""Make, recognise and remove the course's workspace folder, and what lessons note in it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from classroom.errors import WorkspaceError
from firstflight.workspace import PROJECT, Workspace

MARKER = ".first-flight"


def headless() -> bool:
    """Tell whether the runner or a test executes the lesson, with nobody at a browser."""
    return os.environ.get("FIRSTFLIGHT_HEADLESS") == "1"


def is_ours(root: Path) -> bool:
    """Tell whether a folder is a marked workspace; only such a folder is ever deleted."""
    return (root / MARKER).is_file()


def can_become_ours(root: Path) -> bool:
    """Tell whether a folder may be marked: it is empty, or the command `firstflight` made it."""
    ws = Workspace(root)
    inside = {path.name for path in root.iterdir()}
    made_first = {ws.artifacts.name, ws.bento_home.name, ws.prefect_home.name}
    places = (getattr(ws, k) for k, kind in vars(Workspace).items() if isinstance(kind, property))
    known = {place.name for place in places if isinstance(place, Path)} | {"mlflow.db"}
    return not inside or made_first <= inside <= known


def made_and_unused(root: Path) -> bool:
    """Tell whether a folder holds nothing but the empty folders that a tool's set-up makes."""
    return can_become_ours(root) and not any(path.is_file() for path in root.rglob("*"))


def usable(root: Path) -> bool:
    """Tell whether a folder is a workspace or can become one."""
    return not root.exists() or (root.is_dir() and (is_ours(root) or can_become_ours(root)))


def prepare(ws: Workspace) -> None:
    """Make the workspace folder with its marker.

    Raises
    ------
    WorkspaceError
        If the folder holds something else. Nothing is written then.
    """
    if not usable(ws.root):
        raise WorkspaceError(
            f"{ws.root} holds other files: point FIRSTFLIGHT_HOME to a new or an empty folder."
        )
    ws.root.mkdir(parents=True, exist_ok=True)
    marker = ws.root / MARKER
    if not marker.exists():
        marker.write_text("A workspace of First Flight: `course reset` deletes this folder.\n")
    if not headless():
        note(ws, "hands_on.json", {"hands_on": True})


def holds_own_work(ws: Workspace) -> bool:
    """Tell whether somebody ran lessons here by hand, which no automatic run may delete."""
    return (ws.root / "hands_on.json").exists()


def remove(ws: Workspace) -> None:
    """Delete a workspace.

    Raises
    ------
    WorkspaceError
        If the folder is not one of ours, or contains the project. Nothing is deleted then.
    """
    if not ws.root.exists():
        return
    if (
        PROJECT.is_relative_to(ws.root)
        or not ws.root.is_dir()
        or not (is_ours(ws.root) or made_and_unused(ws.root))
    ):
        raise WorkspaceError(
            f"{ws.root} is not a workspace of the course and was not deleted: "
            "give the folder that FIRSTFLIGHT_HOME names, or delete it yourself."
        )
    shutil.rmtree(ws.root)


def note(ws: Workspace, name: str, content: Any) -> None:
    """Write a small JSON file of the workspace in one step, so that a reader never sees half."""
    path = ws.root / name
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    part.replace(path)


def noted(ws: Workspace, name: str, default: Any) -> Any:
    """Read what `note` wrote, or the default."""
    path = ws.root / name
    return json.loads(path.read_text()) if path.exists() else default


def done(ws: Workspace) -> list[str]:
    """Return the numbers of the lessons whose state is in the workspace, sorted."""
    return sorted(noted(ws, "done.json", []))
