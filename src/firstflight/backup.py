"""The whole workspace in one file, and back: at another place, on another disk, after an accident.

A backup is a gzipped tar archive: the workspace's files below ``workspace/`` and, as the last
entry, ``manifest.json`` with the size and sha256 of each. Databases are copied by SQLite's own
backup, so that one that is in use is whole in the archive. A restored workspace answers what the
original answered; its addresses are written anew when it is opened (see `firstflight.moves`).
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from firstflight import files, locks, moves
from firstflight.errors import BackupError, StorageError
from firstflight.workspace import Workspace, current

FORMAT = 1
MANIFEST = "manifest.json"
INSIDE = "workspace"
SQLITE = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, the first 16 bytes
BESIDE = ("-wal", "-shm", "-journal")  # of a database; what they hold is in its copy
BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, TypeError, KeyError)


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Attributes
    ----------
    file : Path
        The archive.
    root : Path
        The workspace that it was made from, or restored to.
    files : int
        How many files of the workspace it holds; the manifest is not counted.
    size : int
        Their size together in bytes, unpacked.
    """

    file: Path
    root: Path
    files: int
    size: int


def backup(file: Path) -> Backup:
    """Write the workspace in use into one new file, in one step.

    Nobody changes the workspace meanwhile; the service goes on answering and logging.

    Parameters
    ----------
    file : Path
        The archive to make; outside the workspace.

    Returns
    -------
    Backup
        The archive that was made, and how much is in it.

    Raises
    ------
    BackupError
        If there is nothing to back up, the file is there already or lies in the workspace, a
        database cannot be copied, or a folder is a link, which is not followed. No file is made
        then.
    StorageError
        If the disk does not take it, or a file of the workspace cannot be read. No file is made
        then.
    BusyError
        If another command keeps changing the workspace.
    """
    ws, file = current(), file.expanduser().resolve()
    if not ws.root.is_dir() or not any(ws.root.iterdir()):
        raise BackupError(f"There is no workspace in {ws.root}: nothing was backed up.")
    if file.is_relative_to(ws.root):
        raise BackupError(
            f"{file} lies in the workspace that it would hold: give a file somewhere else."
        )
    _sweep(file.parent, f".{file.name}-")
    if file.exists():
        raise BackupError(f"{file} is there already and was left as it is: give another name.")
    with locks.writing("backup"), _removed_after(file.parent, file, f".{file.name}-") as scratch:
        part = scratch / "archive"
        kept: dict[str, dict[str, Any]] = {}
        with part.open("wb") as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=4) as archive:
                for path in _content(ws):
                    name = path.relative_to(ws.root).as_posix()
                    source = _database_copy(path, scratch) if _is_database(path) else path
                    with contextlib.suppress(FileNotFoundError):  # a log that was just rotated
                        kept[name] = _add(archive, source, f"{INSIDE}/{name}")
                manifest = {
                    "format": FORMAT,
                    "root": str(ws.root),
                    "files": kept,
                }
                (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
                _add(archive, scratch / MANIFEST, MANIFEST)
            raw.flush()
            os.fsync(raw.fileno())
        try:
            os.link(part, file)  # and not a rename, which would replace a file made meanwhile
        except FileExistsError:
            raise BackupError(
                f"{file} was made by somebody else meanwhile: give another name."
            ) from None
    return Backup(file, ws.root, len(kept), sum(entry["bytes"] for entry in kept.values()))


def restore(file: Path, to: Path | None = None) -> Backup:
    """Unpack a backup into an empty or absent folder, in one step, after every byte was verified.

    Parameters
    ----------
    file : Path
        What `backup` made.
    to : Path, optional
        The folder; that of the workspace in use if not given.

    Returns
    -------
    Backup
        The archive, the folder that it was restored to, and how much was in it.

    Raises
    ------
    BackupError
        If the folder holds something, or the file is missing, truncated, altered or no backup.
        Nothing is restored then.
    StorageError
        If the disk does not take it; nothing is left then. Or if the workspace is restored and the
        addresses in its databases cannot be written anew: that is done again when it is opened.
    BusyError
        If another command keeps changing the restored workspace before its addresses are written.
    """
    file = file.expanduser().resolve()
    root = (to.expanduser() if to is not None else current().root).resolve()
    _sweep(root.parent, f".{root.name}-")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BackupError(
            f"{root} is not empty, and a backup replaces nothing: move it away, or give --to an "
            "empty or a new folder."
        )
    if not file.is_file():
        raise BackupError(f"There is no file {file}: give the archive that was backed up to.")
    with _removed_after(root.parent, root, f".{root.name}-") as scratch:
        manifest = _unpack(file, scratch)
        inside = scratch / INSIDE
        inside.mkdir(exist_ok=True)
        try:
            inside.replace(root)  # takes the place of an empty folder, and of no other
        except OSError as error:
            raise files.not_written(root, error) from None
    moves.settle(Workspace(root))
    sizes = [entry["bytes"] for entry in manifest["files"].values()]
    return Backup(file, root, len(sizes), sum(sizes))


def _unpack(file: Path, scratch: Path) -> dict[str, Any]:
    """Unpack an archive into a folder, verify it, and return its manifest."""
    manifest: dict[str, Any] | None = None
    try:
        with gzip.open(file) as packed, tarfile.open(fileobj=packed, mode="r:") as archive:
            for entry in archive:
                if manifest is not None or not entry.isreg():
                    raise _refused(file, f"{entry.name!r} does not belong in one")
                if entry.name == MANIFEST:
                    content = archive.extractfile(entry)
                    assert content is not None
                    manifest = json.loads(content.read())
                elif not entry.name.startswith(f"{INSIDE}/") or (scratch / entry.name).exists():
                    raise _refused(file, f"{entry.name!r} does not belong in one")
                else:
                    # The filter refuses names that lead out of the folder.
                    archive.extract(entry, scratch, filter="data")
            packed.read()  # to its end, where the checksum of the packing stands
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise _refused(file, f"it does not end with a {MANIFEST} of format {FORMAT}")
        found = {p.relative_to(scratch / INSIDE).as_posix(): p for p in _files(scratch / INSIDE)}
        for name in sorted({*found, *manifest["files"]}):
            listed = manifest["files"].get(name)
            if listed is None or name not in found or files.sha256(found[name]) != listed["sha256"]:
                raise _refused(file, f"{name} is not what was backed up")
    except BackupError:
        raise
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno in files.FULL:
            raise files.not_written(scratch, error) from None
        raise _refused(file, f"it cannot be read to its end ({type(error).__name__})") from None
    return manifest


def _refused(file: Path, why: str) -> BackupError:
    return BackupError(
        f"{file.name} is not a whole backup of a workspace: {why}; nothing was restored, use "
        "another copy of it."
    )


@contextlib.contextmanager
def _removed_after(folder: Path, target: Path, prefix: str) -> Iterator[Path]:
    """Give a folder on the disk of the target; it goes at the end."""
    part: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(".unfinished", f"{prefix}{os.getpid()}-", folder))
        yield part
    except OSError as error:
        raise files.not_written(target, error) from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _sweep(folder: Path, prefix: str) -> None:
    """Remove what a killed one of the same target left."""
    for left in folder.glob(f"{_plain(prefix)}*.unfinished"):
        pid = left.name.removeprefix(prefix).partition("-")[0]
        if pid.isdigit() and not files.alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _plain(name: str) -> str:
    """Return a name for `glob` that matches itself alone."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _content(ws: Workspace) -> Iterator[Path]:
    """Return the files to keep: all but locks and what is being written."""
    lock = ws.lock_file
    out = {lock, lock.with_suffix(".json")}
    for path in _files(ws.root):
        database = next((path.name[: -len(e)] for e in BESIDE if path.name.endswith(e)), None)
        if database is not None and _is_database(path.with_name(database)):
            continue
        if path not in out and not path.is_relative_to(ws.temporary):
            yield path


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_refuse_unread):
        folders.sort()
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise BackupError(
                    f"{Path(folder) / name} is a link to a folder, which no backup follows: put "
                    "the folder itself there."
                )
        for name in sorted(names):
            path = Path(folder) / name
            with _reading(path):
                kept = path.is_file()  # no sockets; a link to a file counts as the file
            if kept:
                yield path


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Let an error of reading a file name that file, and not the archive."""
    try:
        yield
    except FileNotFoundError:  # gone meanwhile, and left out
        raise
    except OSError as error:
        raise _unread(path, error) from None


def _refuse_unread(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise _unread(error.filename, error)


def _unread(path: Path | str, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be read ({error.strerror or error}), so nothing was backed up: make it "
        "readable, or take it away first."
    )


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _database_copy(path: Path, scratch: Path) -> Path:
    """Copy a database that may be in use; what is in its write-ahead log comes with it."""
    copy = scratch / "database"
    copy.unlink(missing_ok=True)
    try:
        with (
            # Not "ro": SQLite undoes first what a killed commit left, and that is writing.
            contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as old,
            contextlib.closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupError(
            f"{path} cannot be copied ({error}): nothing was backed up; mend the database or take "
            "it away first."
        ) from None
    return copy


class _Hashed:
    """A file that makes the sha256 of what is read of it."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.file, self.path, self.digest = file, path, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        with _reading(self.path):
            block = self.file.read(size)
        self.digest.update(block)
        return block


def _add(archive: tarfile.TarFile, path: Path, name: str) -> dict[str, Any]:
    """Add a file as long as it is now (a log may grow meanwhile); return its manifest entry."""
    with _reading(path):
        opened = path.open("rb")
    with opened as file:
        entry = archive.gettarinfo(arcname=name, fileobj=file)
        if not entry.isreg():  # the second of two hard links: as a file of its own
            entry.type, entry.linkname = tarfile.REGTYPE, ""
            entry.size = os.fstat(file.fileno()).st_size
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        read = _Hashed(file, path)
        archive.addfile(entry, read)
    return {"sha256": read.digest.hexdigest(), "bytes": entry.size}
