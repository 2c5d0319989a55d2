"""Write a file or a folder in one step: readers see the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from firstflight import workspace
from firstflight.errors import StorageError
from firstflight.workspace import Workspace

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

logger = logging.getLogger(__name__)


def write(
    path: Path, content: bytes | str, *, durable: bool = False, ws: Workspace | None = None
) -> None:
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
        Whether the bytes must be on the disk when this returns (a record must, a report need not);
        see `sync_folder`.
    ws : Workspace, optional
        The workspace that the file belongs to; the one in use if not given.

    Raises
    ------
    StorageError
        If the disk does not take it; the file is as it was then.
    """
    data = content.encode() if isinstance(content, str) else content
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=_folder(path, ws), prefix=f"{os.getpid()}-")
        part = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
        part = None
    except OSError as error:
        raise not_written(path, error) from None
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


@contextlib.contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, on the disk of `path` and with its name.

    What the block does not move away is removed at its end, or by `sweep` after a kill.

    Parameters
    ----------
    path : Path
        Where the content will be moved to; nothing is written there.

    Yields
    ------
    Path
        The folder. It exists, is empty, and has the name of `path`.

    Raises
    ------
    StorageError
        If the folder cannot be made, or the block ends with an OSError: the disk does not take
        what it writes.
    """
    part: Path | None = None
    try:
        part = Path(tempfile.mkdtemp(dir=_folder(path, None), prefix=f"{os.getpid()}-"))
        inside = part / path.name
        inside.mkdir()
        yield inside
    except OSError as error:
        raise not_written(path, error) from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def move(source: Path, target: Path) -> None:
    """Move a file or folder to its place in one step.

    Parameters
    ----------
    source : Path
        What is moved; on the disk of `target`.
    target : Path
        Its place; the folder above it is made if absent. A file takes the place of a file that is
        there, a folder that of an empty folder.

    Raises
    ------
    StorageError
        If the system does not let it be moved; both are as they were then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    except OSError as error:
        raise not_written(target, error) from None


def discard(path: Path) -> None:
    """Remove a file or folder of the workspace so that no reader sees half of it.

    Parameters
    ----------
    path : Path
        What is removed; it must exist.

    Raises
    ------
    OSError
        If the system does not let it be moved aside; it is as it was then.
    """
    aside = Path(tempfile.mkdtemp(dir=_folder(path, None), prefix=f"{os.getpid()}-"))
    try:
        path.replace(aside / path.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def not_written(path: Path, error: OSError) -> StorageError:
    """Return the one sentence for a file that the system did not let us write.

    Parameters
    ----------
    path : Path
        The file or folder.
    error : OSError
        What the system said; a full disk gets another advice than the rest.

    Returns
    -------
    StorageError
        To be raised by the caller.
    """
    what = (
        "free some space"
        if error.errno in FULL
        else "see that its folder is one that can be written"
    )
    return StorageError(
        f"{path} could not be written ({error.strerror or error}) and was left as it was: {what}, "
        "then run the command again."
    )


def sha256(path: Path) -> str:
    """Return the sha256 of a file, 64 hex digits.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        In small letters, as in a ``SHA256SUMS``.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(ws: Workspace | None = None) -> None:
    """Remove the temporary files and folders of processes that are gone.

    Their names begin with the number of the process that made them. One without such a number is
    removed as well.

    Parameters
    ----------
    ws : Workspace, optional
        The workspace to clean; the one in use if not given.
    """
    with contextlib.suppress(FileNotFoundError):
        for part in (ws or workspace.current()).temporary.iterdir():
            pid, _, _ = part.name.partition("-")
            if pid.isdigit() and alive(int(pid)):
                continue
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Tell whether a process of this number runs on this machine.

    Parameters
    ----------
    pid : int
        Number of the process.

    Returns
    -------
    bool
        True also for a process of another user.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, and belongs to somebody else
        return True
    return True


def _folder(path: Path, ws: Workspace | None) -> Path:
    """Return a folder on the same disk as the file: the workspace's own where that is possible."""
    ws = ws or workspace.current()
    if not path.is_relative_to(ws.root):
        return path.parent
    ws.temporary.mkdir(parents=True, exist_ok=True)
    return ws.temporary


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, after a file has got its name there.

    An error is logged and not raised: all readers see the file, so it is written, and who tried
    again would write it twice. Only a power cut could still take it away.

    Parameters
    ----------
    folder : Path
        The folder.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        logger.warning(
            "What was written to %s is there, and the disk does not say that it would outlast a "
            "power cut (%s): look at the disk.",
            folder,
            error.strerror or error,
        )
