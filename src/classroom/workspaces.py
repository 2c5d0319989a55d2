"""Make, recognise and remove the course's workspace folder, and what lessons note in it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from classroom.errors import WorkspaceError
from firstflight import files, locks, moves
from firstflight.workspace import PROJECT, Workspace, make

MARKER = ".first-flight"
LOCK = "course.lock"
HOLDER = "course.json"
BEING_MADE = 1.0  # seconds from a workspace's first folder to its last
HELD = "FIRSTFLIGHT_COURSE_HELD"  # set for the kernels of a run: the workspace it holds


def ledger_file(ws: Workspace) -> Path:
    """Return where it is kept what each tool cost and prevented, one JSON line a row."""
    return ws.root / "ledger.jsonl"


def executed(ws: Workspace) -> Path:
    """Return the folder of the notebooks as the runner executed them."""
    return ws.root / "executed"


def headless() -> bool:
    """Tell whether the runner or a test executes the lesson, with nobody at a browser."""
    return os.environ.get("FIRSTFLIGHT_HEADLESS") == "1"


def is_ours(root: Path) -> bool:
    """Tell whether a folder is a marked workspace; only such a folder is ever deleted."""
    return (root / MARKER).is_file()


def can_become_ours(root: Path) -> bool:
    """Tell whether a folder may be marked: it is empty, or the command `firstflight` made it."""
    inside = {path.name for path in root.iterdir()}
    made_first = {Workspace(root).artifacts.name, "bentoml", "prefect"}
    made = Workspace(root).home_file.name in inside or made_first <= inside
    return inside <= _of_the_locks(root) or (made and inside <= _known(root))


def _known(root: Path) -> set[str]:
    """Return the names that the path and the course give to what they keep in a workspace."""
    ws = Workspace(root)
    places = (getattr(ws, k) for k, kind in vars(Workspace).items() if isinstance(kind, property))
    names = {place.name for place in places if isinstance(place, Path) and place.parent == root}
    databases = {ws.database.name + end for end in ("", "-wal", "-shm", "-journal")}
    return names | databases | _of_the_locks(root)


def _of_the_locks(root: Path) -> set[str]:
    ws = Workspace(root)
    writer = {ws.lock_file.name, ws.lock_file.with_suffix(".json").name}
    return writer | {LOCK, HOLDER, ws.home_file.name}


def made_and_unused(root: Path) -> bool:
    """Tell whether a folder holds nothing but the empty folders that a tool's set-up makes."""
    files_inside = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return can_become_ours(root) and files_inside <= _of_the_locks(root)


def usable(root: Path) -> bool:
    """Tell whether a folder is a workspace or can become one."""
    return not root.exists() or (root.is_dir() and (is_ours(root) or can_become_ours(root)))


def prepare_folder(ws: Workspace) -> None:
    """Make the workspace's folder and note where it lies.

    Raises
    ------
    WorkspaceError
        If the folder holds something else. Nothing is written then.
    """
    _refuse_foreign(ws)
    make(ws)
    moves.note(ws)


def _refuse_foreign(ws: Workspace) -> None:
    deadline = time.monotonic() + BEING_MADE
    while not usable(ws.root) and ws.root.is_dir() and time.monotonic() < deadline:
        if not {path.name for path in ws.root.iterdir()} <= _known(ws.root):
            break
        time.sleep(0.05)  # it may be one that another process is making at this moment
    if not usable(ws.root):
        raise WorkspaceError(
            f"{ws.root} holds other files: point FIRSTFLIGHT_HOME to a new or an empty folder."
        )


def prepare(ws: Workspace) -> None:
    """Make the workspace folder with its marker.

    Raises
    ------
    WorkspaceError
        If the folder holds something else. Nothing is written then.
    """
    prepare_folder(ws)
    marker = ws.root / MARKER
    if not marker.exists():
        text = "A workspace of First Flight: `course reset` deletes this folder.\n"
        files.write(marker, text, ws=ws)
    if not headless():
        note(ws, "hands_on.json", {"hands_on": True})


def holds_own_work(ws: Workspace) -> bool:
    """Tell whether somebody ran lessons here by hand, which no automatic run may delete."""
    return (ws.root / "hands_on.json").exists()


@contextmanager
def alone(ws: Workspace, what: str) -> Iterator[None]:
    """Hold the workspace for one run of the course; a second one is told, and changes nothing.

    The lock ends with the process that holds it, however that ends, and stays in the folder when
    `empty` takes everything else.

    Parameters
    ----------
    what : str
        The command, for whoever comes second: ``"course run"``.

    Raises
    ------
    WorkspaceError
        If another run holds it, or the folder is not one of ours.
    """
    _refuse_foreign(ws)
    make(ws)
    lock = FileLock(ws.root / LOCK, timeout=0, preserve_lock_file=True, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise WorkspaceError(
            f"{holder(ws)} is at work in {ws.root}, so {what} changed nothing: wait until it is "
            "done, or give --workspace another folder."
        ) from None
    try:
        moves.note(ws)
        files.write(ws.root / HOLDER, json.dumps({"pid": os.getpid(), "what": what}) + "\n", ws=ws)
        yield
    finally:
        lock.release()


def holder(ws: Workspace) -> str:
    """Return which run or notebook holds the workspace, for a sentence."""
    held = noted(ws, HOLDER, {})
    return f"{held.get('what', 'another run')} (process {held.get('pid', 'unknown')})"


def _may_be_deleted(ws: Workspace) -> None:
    if (
        PROJECT.is_relative_to(ws.root)
        or not ws.root.is_dir()
        or not (is_ours(ws.root) or made_and_unused(ws.root))
    ):
        raise WorkspaceError(
            f"{ws.root} is not a workspace of the course and was not deleted: "
            "give the folder that FIRSTFLIGHT_HOME names, or delete it yourself."
        )


def empty(ws: Workspace) -> None:
    """Delete what is in a workspace, for whoever holds it with `alone`; the locks stay.

    Raises
    ------
    WorkspaceError
        If the folder is not one of ours, or contains the project. Nothing is deleted then.
    BusyError
        If a command of `firstflight` is changing the workspace.
    """
    _may_be_deleted(ws)
    with locks.writing("course", root=ws.root):
        # The marker last, so that a run that is killed here can be run again.
        stays = _of_the_locks(ws.root) - {ws.home_file.name}
        for path in sorted(ws.root.iterdir(), key=lambda path: path.name == MARKER):
            if path.name in stays:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def remove(ws: Workspace) -> None:
    """Delete a workspace, its folder and its locks with it.

    Raises
    ------
    WorkspaceError
        If the folder is not one of ours, or contains the project, or a run is at work in it.
        Nothing is deleted then.
    """
    if not ws.root.exists():
        return
    _may_be_deleted(ws)
    with alone(ws, "course reset"):
        empty(ws)
        shutil.rmtree(ws.root)


def note(ws: Workspace, name: str, content: Any) -> None:
    """Write a small JSON file of the workspace in one step, so that a reader never sees half."""
    files.write(ws.root / name, json.dumps(content, indent=1, sort_keys=True) + "\n", ws=ws)


def noted(ws: Workspace, name: str, default: Any) -> Any:
    """Read what `note` wrote, or the default."""
    path = ws.root / name
    return json.loads(path.read_text()) if path.exists() else default


def begun(ws: Workspace) -> list[str]:
    """Return the numbers of the lessons that were begun and not ended, sorted."""
    return sorted(set(noted(ws, "begun.json", [])) - set(done(ws)))


def done(ws: Workspace) -> list[str]:
    """Return the numbers of the lessons whose state is in the workspace, sorted."""
    return sorted(noted(ws, "done.json", []))
