"""The disk at its worst: full, gone, garbage. Each command ends in a sentence, and the rest works.

A full disk is a limit on the size of a file (``RLIMIT_FSIZE``): the system refuses to write on, as
it does without space, at another place of each command for each limit.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from drills.shop import Row, Shop, child, faults, open_shop
from firstflight import workspace
from firstflight.cli import app
from firstflight.workspace import Workspace

BY = ("--by", "model_owner", "--reason", "a drill of the path")
READS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "status --json": ("status", "--json"),
    "history": ("history",),
    "history --at": ("history", "--at", "2013-04-01"),
    "today": ("today",),
    "rollback --check": ("rollback", "--check", "--reason", "a drill"),
    "clean --dry-run": ("clean", "--dry-run"),
}
"""Commands that change nothing, and so make nothing."""
WRITES: dict[str, tuple[str, ...]] = {
    "today DAY": ("today", "2013-04-02"),
    "land": ("land", "2013-05"),
    "state": ("state", "--feature-version", "2"),
    "train": (
        *("train", "logistic_regression"),
        *("--start", "2013-02-01", "--end", "2013-03-20"),
    ),
    "gate": ("gate", "2"),
    "promote": ("promote", "2", *BY),
    "rollback": ("rollback", *BY),
    "abort": ("abort", *BY),
    "withdraw": ("withdraw", *BY),
    "monitor": ("monitor",),
    "decide": ("decide",),
    "clean": ("clean",),
}
"""Commands that change something."""
LIMITS = (0, 64, 1_000, 20_000, 200_000)
"""Bytes that a file may have on the full disk."""


def _cut(path: Path, to: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:to])


def _newest(folder: Path, pattern: str) -> Path:
    return max(folder.rglob(pattern))


def _file_in_place_of(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("a file where a folder should be\n")


READ_ONLY = "read-only"
EARLIER = '{"today": "2013-03-01"}\n'
BREAK: dict[str, Callable[[Workspace], object]] = {
    "no workspace": lambda ws: shutil.rmtree(ws.root),
    "registry gone": lambda ws: ws.database.unlink(),
    "registry empty": lambda ws: ws.database.write_bytes(b""),
    "registry truncated": lambda ws: _cut(ws.database, 40_000),
    "registry garbage": lambda ws: ws.database.write_bytes(b"garbage" * 1_000),
    "registry of another program": lambda ws: shutil.copyfile(
        Path(os.environ["FIRSTFLIGHT_DRILL_OTHER"]), ws.database
    ),
    "model files gone": lambda ws: shutil.rmtree(ws.artifacts),
    "newest record garbage": lambda ws: _newest(ws.records, "*.json").write_text("{"),
    "clock garbage": lambda ws: ws.clock_file.write_text("noon"),
    "clock a list": lambda ws: ws.clock_file.write_text("[]"),
    "clock set back": lambda ws: ws.clock_file.write_text(EARLIER),
    "address note garbage": lambda ws: ws.home_file.write_bytes(b"\xff\x00"),
    "process.toml garbage": lambda ws: ws.process_file.write_bytes(b"\xff[["),
    "state garbage": lambda ws: _newest(ws.state, "*.json").write_bytes(b"\x00"),
    "snapshot half gone": lambda ws: _newest(ws.snapshots, "labels.parquet").unlink(),
    "manifest garbage": lambda ws: _newest(ws.snapshots, "manifest.json").write_text("[]"),
    "drop garbage": lambda ws: _newest(ws.drops, "2013-03.parquet").write_bytes(b"PAR1" * 99),
    "checksums garbage": lambda ws: (ws.drops / "SHA256SUMS").write_bytes(b"\xff\xfe\n"),
    "log garbage": lambda ws: _garbage_log(ws),
    "state is a file": lambda ws: _file_in_place_of(ws.state),
    "snapshots is a file": lambda ws: _file_in_place_of(ws.snapshots),
    "records is a file": lambda ws: _file_in_place_of(ws.records),
    "tmp is a file": lambda ws: _file_in_place_of(ws.temporary),
    "predictions is a file": lambda ws: _file_in_place_of(ws.predictions),
    READ_ONLY: lambda ws: _lock_up(ws),
}
"""What may happen to the files of a workspace."""


def _lock_up(ws: Workspace) -> None:
    """Take the right to write from everything, as on a disk that is mounted so."""
    for path in (*ws.root.rglob("*"), ws.root):
        path.chmod(path.stat().st_mode & ~0o222)


def _obey_permissions() -> None:
    """Give up what lets root write where nobody may; others have it not."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the call, this process
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capabilities could not be given up")


def _garbage_log(ws: Workspace) -> None:
    path = ws.predictions / "flights" / "predictions" / "data" / "data.1.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'[]\n7\n\xff\n{"date": null}\n{"date": "2013-04-01"}\n{"da')


def tell(
    shop: Shop, arguments: tuple[str, ...], limit: int | None = None, *, plain: bool = False
) -> tuple[int, str]:
    """Run a command in a forked process; return its exit code and what it said.

    With `plain` it has no more rights than any user.
    """
    read, write = os.pipe()  # a pipe, since the limit holds for a log as well
    pid = os.fork()
    if pid == 0:
        code = 70
        os.close(read)
        os.dup2(write, 1)
        os.dup2(write, 2)
        # Whatever a test put in their place.
        sys.stdout, sys.stderr = (os.fdopen(fd, "w", buffering=1) for fd in (1, 2))
        try:
            signal.alarm(120)
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            if plain:
                _obey_permissions()
            app(args=list(arguments), prog_name="firstflight")
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 70
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said


def _judge(row: Row, what: str, code: int, said: str) -> None:
    row.tried += 1
    lines = [line for line in said.splitlines() if line.startswith("firstflight: ")]
    if code == 1 and len(lines) == 1 and "Traceback" not in said:
        row.refused += 1
    elif code not in (0, 3) or "Traceback" in said:
        row.note("wrong", f"{what}: exit {code}: {said[-400:]}")


def _listing(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def broken(shop: Shop, what: str, commands: Iterable[str]) -> Row:
    """Break one thing, and run the commands, each on a workspace that is broken anew."""
    row = Row(f"disk: {what}")
    for name in commands:
        shop.reset("promoted")
        BREAK[what](shop.ws)
        before = _listing(shop.ws.root)
        code, said = tell(shop, READS.get(name) or WRITES[name], plain=what == READ_ONLY)
        _judge(row, name, code, said)
        if name in READS or what == READ_ONLY:
            made = sorted(_listing(shop.ws.root) - before)
            if made:
                row.note("left_behind", f"{name} made {made[:5]}")
    return row


def full(shop: Shop, limit: int, commands: Iterable[str]) -> Row:
    """Run commands on a full disk, make room, and look whether everything is whole."""
    row = Row(f"disk: full, {limit} bytes a file")
    for name in commands:
        start = "canary decided" if name in ("promote", "abort") else "promoted"
        shop.reset(start)
        records = _listing(shop.ws.records)
        code, said = tell(shop, READS.get(name) or WRITES[name], limit)
        _judge(row, name, code, said)
        if not records <= _listing(shop.ws.records):
            row.note("lost", f"{name}: a record is gone")
        # There is room again: the next command finishes or sweeps what was left.
        if child(lambda: _next(shop), shop.log):
            row.note("wrong", f"{name}, then the next command: {shop.log.read_text()[-300:]}")
        for kind, text in faults(shop, load=name == "train"):
            row.note(kind, f"{name}: {text}")
    return row


def _next(shop: Shop) -> None:
    from drills.kills import other

    workspace.configure(shop.ws)
    other()


def run(
    upstream: Path,
    *,
    what: Iterable[str] = tuple(BREAK),
    limits: Iterable[int] = LIMITS,
    commands: Iterable[str] = (*READS, *WRITES),
) -> list[Row]:
    """Run the commands on each kind of broken or full disk.

    Parameters
    ----------
    upstream : Path
        The real drops.
    what : iterable of str
        Keys of `BREAK`.
    limits : iterable of int
        Bytes that a file may have.
    commands : iterable of str
        Keys of `READS` and `WRITES`.
    """
    commands = tuple(commands)
    with open_shop(upstream) as shop:
        other = shop.kept / "other.db"
        child(lambda: _other_database(other))
        os.environ["FIRSTFLIGHT_DRILL_OTHER"] = str(other)
        rows = [broken(shop, name, commands) for name in what]
        return rows + [full(shop, limit, commands) for limit in limits]


def _other_database(path: Path) -> None:
    import sqlite3

    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE songs (name TEXT)")
