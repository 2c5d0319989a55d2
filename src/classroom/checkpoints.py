"""Keep the state that each lesson ends in, and put the workspace back to it.

A checkpoint is a tree of files beside the state. A file that another checkpoint has already is
linked to that one's copy, so all of them together cost little more than the last. Nothing is linked
to the state itself: whatever a lesson or a learner writes there, no checkpoint changes. Databases
go through SQLite's own backup.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from classroom import journal, workspaces
from classroom.errors import WorkspaceError
from firstflight import files, locks, moves
from firstflight.workspace import Workspace

FOLDER = "checkpoints"
UNDONE = "restoring.json"  # there while a checkpoint is being put back
MADE = "checkpoint.json"  # in a checkpoint that is whole

# Not a lesson's state: what is the learner's, the runner's, or made anew at any time.
NOT_STATE = {
    *(FOLDER, UNDONE, journal.NAME, "done.json", "begun.json", "hands_on.json", "run.json"),
    *("left_behind.json", "servers.json", "ledger.jsonl", "home.json", workspaces.MARKER),
    *("executed", "jupyter", "matplotlib", "logs", "tmp", "bench.jsonl"),
    *(workspaces.LOCK, workspaces.HOLDER, "writer.lock", "writer.json"),
}
TEXTS, LONG, PACKED = {".log", ".html", ".jsonl", ".csv"}, 100_000, ".packed"  # bytes, suffix
SQLITE = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, the first 16 bytes
PATIENCE = 20.0  # seconds in which a command, or whoever has a database open, may end a change
BESIDE = ("-wal", "-shm", "-journal")  # of a database; what they hold is in its copy
# In its header: versions of the file format, change counter, and for which one the size holds.
COUNTERS = ((18, 20), (24, 28), (40, 44), (92, 100))


def place(ws: Workspace, number: str) -> Path:
    """Return the folder of a lesson's checkpoint."""
    return ws.root / FOLDER / number


def kept(ws: Workspace) -> list[str]:
    """Return the lessons whose end is kept, sorted.

    Parameters
    ----------
    ws : Workspace
        The workspace.

    Returns
    -------
    list of str
        Two digits each.
    """
    found = (ws.root / FOLDER).glob(f"[0-9][0-9]/{MADE}")
    return sorted(path.parent.name for path in found)


def save(ws: Workspace, number: str) -> None:
    """Keep the workspace's state as the end of a lesson; an older one of it is replaced.

    Parameters
    ----------
    ws : Workspace
        The workspace.
    number : str
        The lesson's two digits.

    Raises
    ------
    StorageError
        If the disk does not take it; an older checkpoint of the lesson is as it was then.
    BusyError
        If a command keeps changing the workspace.
    """
    target = place(ws, number)
    others = [place(ws, n) for n in kept(ws)]
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        locks.writing(f"checkpoint of lesson {number}", PATIENCE, ws.root),
        files.scratch(target) as new,
    ):
        for path in _state(ws.root):
            with contextlib.suppress(FileNotFoundError):  # a server's, gone since it was listed
                _keep(path, path.relative_to(ws.root), new, others)
        (new / MADE).write_text(json.dumps({"lesson": number, "root": str(ws.root)}) + "\n")
        if target.exists():
            target.replace(new.with_name("older"))  # goes with the scratch folder
        new.replace(target)


def _keep(path: Path, name: Path, new: Path, others: list[Path]) -> None:
    """Put one file of the workspace into a new checkpoint."""
    (new / name).parent.mkdir(parents=True, exist_ok=True)
    if _is_database(path):
        _copy_database(path, new / name)
        with closing(sqlite3.connect(new / name)) as database:
            database.execute("PRAGMA journal_mode=DELETE")  # one file, and none beside it
        return
    stored = _stored(path, name)
    same = next((o / stored for o in others if _alike(path, o / stored)), None)
    if same is None:
        _store(path, new / stored)
    else:
        _link(same, new / stored)


def restore(ws: Workspace, number: str | None) -> list[str]:
    """Put the workspace's state back to the end of a lesson.

    A restoration that is killed is done again by the next call: until then the workspace says so.

    Parameters
    ----------
    ws : Workspace
        The workspace.
    number : str or None
        The lesson's two digits; None for the state before the first lesson, which is empty.

    Returns
    -------
    list of str
        The files that were put back or taken away, by their names in the workspace, sorted; empty
        where the state was that already.

    Raises
    ------
    WorkspaceError
        If no such checkpoint is kept. Nothing is changed then.
    BusyError
        If a command keeps changing the workspace.
    StorageError
        If the disk does not take it. The workspace is a half then, and the next call begins anew.
    """
    source = None if number is None else place(ws, number)
    if source is not None and not (source / MADE).exists():
        raise WorkspaceError(
            f"The end of lesson {number} is not kept in {ws.root}: run `course start "
            f"{int(number or 0) + 1:02}` in a terminal."
        )
    with locks.writing("putting a lesson's state back", PATIENCE, ws.root):
        workspaces.note(ws, UNDONE, {"lesson": number})
        wanted = {_name(p, source): p for p in _state(source)} if source is not None else {}
        try:
            changed = _make_it(ws.root, wanted)
        except OSError as error:
            raise files.not_written(Path(error.filename or ws.root), error) from None
        _settle(ws, source)
        (ws.root / UNDONE).unlink()
    return sorted(changed)


def _make_it(root: Path, wanted: dict[Path, Path]) -> list[str]:
    """Give the workspace exactly these files, by their names; return the names that changed."""
    changed = []
    for path in _state(root):
        name = path.relative_to(root)
        if name not in wanted:
            _remove(path)
            changed.append(name.as_posix())
    _remove_empty_folders(root)
    for name, path in wanted.items():
        if _put_back(path, root / name):
            changed.append(name.as_posix())
    return changed


def _settle(ws: Workspace, source: Path | None) -> None:
    """Let databases of a checkpoint that was made in another folder name this one."""
    made = None if source is None else json.loads((source / MADE).read_text()).get("root")
    if made is not None and made != str(ws.root):
        files.write(ws.home_file, json.dumps({"root": made}) + "\n", ws=ws)
        moves.settle_locked(ws)


def unfinished(ws: Workspace) -> bool:
    """Tell whether a restoration was killed, so that the state is a half."""
    return (ws.root / UNDONE).exists()


def holds_records(ws: Workspace) -> bool:
    """Tell whether a workspace holds work: more than its clock and the tools' databases."""
    plain = {ws.clock_file, ws.database, ws.prefect_database}
    return any(path not in plain for path in _state(ws.root))


def forget(ws: Workspace) -> None:
    """Delete all checkpoints."""
    shutil.rmtree(ws.root / FOLDER, ignore_errors=True)


def size_mb(ws: Workspace) -> float:
    """Return the MB that all checkpoints take on the disk.

    Parameters
    ----------
    ws : Workspace
        The workspace.

    Returns
    -------
    float
        MB; a file that several of them have is counted once.
    """
    seen: set[tuple[int, int]] = set()
    total = 0
    for path in (ws.root / FOLDER).rglob("*"):
        status = path.stat()
        if path.is_file() and (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total / 1024**2


def _state(root: Path) -> list[Path]:
    """Return the files below a folder that are a lesson's state, sorted."""
    found: list[Path] = []
    for top in sorted(root.iterdir()):
        if top.name in NOT_STATE or top.name == MADE or (top.is_symlink() and top.is_dir()):
            continue  # what a link leads to is somebody else's
        below = [top] if not top.is_dir() else top.rglob("*")
        # Files only: no sockets or pipes, and no links to what is gone.
        found += [p for p in below if p.is_file() and not p.name.endswith(BESIDE)]
    return sorted(found)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def _copy_database(source: Path, target: Path) -> None:
    deadline = time.monotonic() + PATIENCE

    def give_up(*_: int) -> None:
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("somebody is in the middle of a change")

    try:
        with (
            closing(sqlite3.connect(source, timeout=1)) as old,
            closing(sqlite3.connect(target, timeout=1)) as new,
        ):
            old.backup(new, progress=give_up)
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"The database {source} could not be copied to {target} ({error}): close what has it "
            "open, then run this cell again."
        ) from None


def _same_database(one: Path, other: Path) -> bool:
    """Tell whether two databases hold the same, page by page."""
    with (
        closing(sqlite3.connect(":memory:")) as mine,
        closing(sqlite3.connect(":memory:")) as theirs,
    ):
        try:
            for path, copy in ((one, mine), (other, theirs)):
                with closing(sqlite3.connect(path, timeout=1)) as database:
                    database.backup(copy)
        except sqlite3.Error:
            return False
        return _pages(mine) == _pages(theirs)


def _pages(database: sqlite3.Connection) -> bytes:
    """Return a database's content without the counters of its header."""
    content = bytearray(database.serialize())
    for begin, end in COUNTERS:
        content[begin:end] = bytes(end - begin)
    return bytes(content)


def _remove(path: Path) -> None:
    """Remove a file; with a database goes what is beside it, or a new one would take that up."""
    path.unlink()
    for end in BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without links, or another disk
        shutil.copy2(source, target)


def _stored(path: Path, name: Path) -> Path:
    """Return the name of a file in a checkpoint: a long text is compressed there."""
    long_text = path.suffix in TEXTS and path.stat().st_size > LONG
    return name.with_name(name.name + PACKED) if long_text else name


def _name(stored: Path, checkpoint: Path) -> Path:
    """Return the name in the workspace of what a checkpoint keeps."""
    name = stored.relative_to(checkpoint)
    return name.with_name(name.name.removesuffix(PACKED))


def _store(path: Path, target: Path) -> None:
    if target.name.endswith(PACKED):
        with path.open("rb") as plain, gzip.open(target, "wb", compresslevel=1) as packed:
            shutil.copyfileobj(plain, packed)
        shutil.copystat(path, target)
    else:
        shutil.copy2(path, target)


def _unpack(stored: Path, target: Path) -> None:
    if stored.name.endswith(PACKED):
        with gzip.open(stored, "rb") as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
        shutil.copystat(stored, target)
    else:
        shutil.copy2(stored, target)


def _alike(file: Path, stored: Path) -> bool:
    """Tell whether a file of the workspace is what a checkpoint keeps, by its size and time."""
    try:
        here, there = file.stat(), stored.stat()
    except FileNotFoundError:
        return False
    size = there.st_size
    if stored.name.endswith(PACKED):
        with stored.open("rb") as packed:
            packed.seek(-4, os.SEEK_END)  # the size before packing, see RFC 1952, section 2.3.1
            size = int.from_bytes(packed.read(4), "little")
    return (here.st_size, here.st_mtime_ns) == (size, there.st_mtime_ns)


def _put_back(source: Path, target: Path) -> bool:
    """Make `target` what `source` is; return whether it was another file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if _is_database(source):
        if target.exists() and not _is_database(target):
            _remove(target)
        elif target.exists() and _same_database(source, target):
            return False
        elif not target.exists():
            for end in BESIDE:
                target.with_name(target.name + end).unlink(missing_ok=True)
        # Into the file, not in its place: whoever has it open goes on with the old content else.
        _copy_database(source, target)
        return True
    if _alike(target, source):
        return False
    target.unlink(missing_ok=True)
    _unpack(source, target)
    return True


def _remove_empty_folders(root: Path) -> None:
    for top in sorted(root.iterdir()):
        if top.name in NOT_STATE or not top.is_dir():
            continue
        for folder in sorted((p for p in top.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        if not any(top.iterdir()):
            top.rmdir()
