"""One writer at a time: a lock on the workspace that a dead process cannot keep.

The lock is the operating system's (``flock``), so it ends with the process that holds it, however
that ends. Readers need none: what they read is replaced in one step.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from firstflight import files, moves, workspace
from firstflight.errors import BusyError, StorageError

PATIENCE = 60.0  # seconds; a rollback's preflight holds the lock for some
_held = threading.local()


@contextmanager
def writing(what: str, patience: float = PATIENCE, root: Path | None = None) -> Iterator[None]:
    """Hold the workspace for a change; inside a change of the same thread it is held already.

    Before the change begins, temporary files of processes that are gone are removed, and the
    addresses of a workspace that was moved are written anew.

    Parameters
    ----------
    what : str
        The command, such as ``"promote"``: whoever has to wait is told it.
    patience : float, default=60.0
        Seconds to wait for another writer.
    root : Path, optional
        The workspace's folder; that of the workspace in use if not given.

    Yields
    ------
    None
        The lock is held as long as the block runs.

    Raises
    ------
    BusyError
        If another command still holds it after that time.
    StorageError
        If the workspace cannot be written, or was moved and its addresses cannot be written anew.
    """
    ws = workspace.current() if root is None else workspace.Workspace(root)
    depths: dict[str, int] = _held.__dict__.setdefault("depths", {})
    key = str(ws.root)
    if depths.get(key):
        yield
        return
    workspace.make(ws)
    # Not the soft kind, a file whose presence is the lock: that one survives its owner.
    lock = FileLock(ws.lock_file, timeout=patience, preserve_lock_file=True, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"{what} waited {patience:.0f} s for {holder(ws)}, which is changing this workspace: "
            "nothing was changed; try again when it is done."
        ) from None
    except OSError as error:
        raise StorageError(
            f"{ws.lock_file} cannot be opened for writing ({error.strerror}), so nothing was "
            "changed: make the workspace writable, or point FIRSTFLIGHT_HOME to one that is."
        ) from None
    depths[key] = 1
    try:
        files.sweep(ws)
        moves.settle_locked(ws)
        note = {"pid": os.getpid(), "what": what}
        files.write(ws.lock_file.with_suffix(".json"), json.dumps(note) + "\n", ws=ws)
        yield
    finally:
        depths.pop(key)
        lock.release()


def holder(ws: workspace.Workspace | None = None) -> str:
    """Return who holds the workspace, for a sentence.

    Parameters
    ----------
    ws : Workspace, optional
        The workspace; the one in use if not given.

    Returns
    -------
    str
        The command and its process, ``"'promote' (process 4711)"``, as the last writer noted them:
        it may be done by now. ``"another command"`` if there is no such note.
    """
    ws = ws or workspace.current()
    try:
        note = json.loads(ws.lock_file.with_suffix(".json").read_text())
        return f"{note['what']!r} (process {note['pid']})"
    except (OSError, ValueError, TypeError, KeyError):
        return "another command"
