"""Kill a command before each of its writes, one after the other, and look what the next one finds.

A write is an opened file, a rename, a removal, a new folder, or a commit that changes the database.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from drills.shop import BY, COMMANDS, DONE, NAME, SENTENCE, Row, Shop, child, faults, open_shop
from firstflight import deployments, drops, history, judgements, records, workspace
from firstflight.cli import app

TRAINS = ("train", "flow retrain")  # after these every release is loaded
CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "REPLACE")
EVENTS = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}


def die_at(number: int, root: Path) -> None:
    """Let this process be killed before its `number`-th write in a folder, from 1."""
    left = [number]

    def write() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, arguments: tuple) -> None:
        if name in EVENTS:
            write()
        elif name == "open" and isinstance(arguments[0], str | bytes):
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            path = os.fsdecode(arguments[0])
            if flags & (os.O_WRONLY | os.O_RDWR) and path.startswith(str(root)):
                write()

    def changes(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(CHANGES):
            connection.info["changed"] = True

    def commit(connection: Any) -> None:
        # To be killed before a commit of what was only read is to be killed before the next write.
        if connection.info.pop("changed", False):
            write()

    sys.addaudithook(audit)
    event.listen(Engine, "before_cursor_execute", changes)
    event.listen(Engine, "commit", commit)


def effects(shop: Shop) -> dict[str, int]:
    """Count what has been recorded, registered, landed and published."""
    counts = {
        kind: len(records.numbers(NAME, kind))
        for kind in (history.KIND, judgements.VERDICTS, judgements.DECISIONS)
    }
    with closing(sqlite3.connect(f"file:{shop.ws.database}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT count(*) FROM model_versions WHERE name = ?", (NAME,))
        counts["versions"] = int(rows.fetchone()[0])
    counts["landed"] = len(drops.read_sums(shop.ws.drops))
    counts["states"] = len(list((shop.ws.state / NAME).rglob("*.json")))
    counts["snapshots"] = len(list(shop.ws.snapshots.glob("*/manifest.json")))
    return counts


def other() -> None:
    """Change something else: what any next command finds and finishes."""
    deployments.change(
        NAME,
        "alias",
        after={},
        mode=history.serving(NAME).mode,
        share=history.serving(NAME).share,
        **BY,
    )


def status() -> None:
    """Look at the status screen: a command that changes nothing finishes what was cut off too."""
    app(["status"], standalone_mode=False)


def drill(
    shop: Shop,
    command: str,
    numbers: Iterable[int] | None = None,
    limit: int = 400,
    then: Iterable[str] = ("again", "another", "status"),
) -> list[Row]:
    """Kill one command before each of its writes; go on with the same, another, or the status.

    Parameters
    ----------
    shop : Shop
    command : str
        A key of `COMMANDS`.
    numbers : iterable of int, optional
        Which writes; all, one after the other, if not given.
    limit : int, default 400
        Writes at most.
    then : iterable of str
        What comes after the kill.
    """
    start, work = COMMANDS[command]
    rows = []
    # What the command does when nobody kills it.
    shop.reset(start)
    before = effects(shop)
    shop.run(in_workspace(shop, work))
    wanted = {kind: n - before[kind] for kind, n in effects(shop).items()}
    followers = {"again": work, "another": other, "status": status}
    for name in then:
        row = Row(f"kill {command}, then {name}")
        for number in numbers or range(1, limit + 1):
            shop.reset(start)
            ended = child(in_workspace(shop, work, number), shop.log)
            if ended == DONE:  # it has fewer writes than that
                break
            row.tried += 1
            where = f"write {number}"
            if ended != -signal.SIGKILL:
                row.note("wrong", f"{where}: exit {ended}: {shop.log.read_text()[-300:]}")
                continue
            cut_off = effects(shop)
            code = child(in_workspace(shop, followers[name]), shop.log)
            if code == SENTENCE:
                row.refused += 1
            elif code != DONE:
                row.note("wrong", f"{where}: exit {code}: {shop.log.read_text()[-300:]}")
                continue
            # What lies beside the workspace is found by who writes there again, and by nobody else.
            beside = name == "again"
            for kind, text in faults(shop, load=command in TRAINS, beside=beside):
                row.note(kind, f"{where}: {text}")
            found = effects(shop)
            for kind, n in before.items():
                made = found[kind] - n
                if found[kind] < cut_off[kind] and command != "clean":
                    row.note("lost", f"{where}: {kind} {found[kind]} after {cut_off[kind]}")
                if name == "again":
                    # Judging and deciding again is a record of its own.
                    most = 2 if kind in (judgements.VERDICTS, judgements.DECISIONS) else 1
                    if made < wanted[kind]:
                        row.note("lost", f"{where}: {kind}: {made} of {wanted[kind]}")
                    elif made > most * wanted[kind]:
                        row.note("wrong", f"{where}: {kind}: {made}, not {wanted[kind]}")
        rows.append(row)
    return rows


def in_workspace(
    shop: Shop, work: Callable[[], object], number: int | None = None
) -> Callable[[], None]:
    """Return a job for a child: configure, arm the kill if there is one, and work."""

    def job() -> None:
        workspace.configure(shop.ws)
        if number is not None:
            die_at(number, shop.ws.root.parent)
        work()

    return job


def run(upstream: Path, commands: Iterable[str] = tuple(COMMANDS)) -> list[Row]:
    """Run the drill for all commands."""
    with open_shop(upstream) as shop:
        return [row for command in commands for row in drill(shop, command)]
