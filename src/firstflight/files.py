"""Write a file in one step: readers see the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from firstflight import workspace


def write(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Write a file in one step, and leave nothing behind if that fails.

    The bytes go to a temporary file first, named after this process; one that a killed process
    left is removed by `sweep`.

    Parameters
    ----------
    path : Path
        The file; its folder is made if absent.
    content : bytes or str
        Text is written as UTF-8.
    durable : bool, default False
        Whether the bytes must be on the disk when this returns (a record must, a report need not).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=_folder(path), prefix=f"{os.getpid()}-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def sweep() -> None:
    """Remove the temporary files of processes that are gone."""
    with contextlib.suppress(FileNotFoundError):
        for part in workspace.current().temporary.iterdir():
            pid, _, _ = part.name.partition("-")
            if not (pid.isdigit() and alive(int(pid))):
                part.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Tell whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, and belongs to somebody else
        return True
    return True


def _folder(path: Path) -> Path:
    """Return a folder on the same disk as the file: the workspace's own where that is possible."""
    ws = workspace.current()
    if not path.is_relative_to(ws.root):
        return path.parent
    ws.temporary.mkdir(parents=True, exist_ok=True)
    return ws.temporary


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
