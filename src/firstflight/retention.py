"""Carry out ``[retention]`` of ``process.toml``: what is older goes, what may serve keeps its own.

A release that is live, candidate or previous keeps its snapshot, and for the proof of a rollback
its answers of the last `rollback.FROZEN_DAYS` days and the state that they were made with, whatever
the file says. Landed drops, records, registered models and everything else are never touched.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firstflight import clock, files, history, locks, predictions, process, registry, rollback
from firstflight import usecase as usecases
from firstflight.errors import RegistryError, SnapshotError, StorageError
from firstflight.workspace import current

Kind = Literal["predictions", "reports", "snapshots", "state"]
CLOSED_AFTER = 60.0  # seconds without a line, after which nobody writes to a log that was put aside
LOGGED = re.compile(rb'"date":\s*"(\d{4}-\d\d-\d\d)"')
DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Expired:
    """Something that the process says need not be kept.

    Attributes
    ----------
    kind : str
        Which rule of ``[retention]``.
    path : Path
        The file or folder.
    size : int
        Bytes that go.
    lines : int
        Lines that go from a prediction log; 0 where the whole file or folder goes.
    """

    kind: Kind
    path: Path
    size: int
    lines: int = 0


@dataclass(frozen=True)
class _Needs:
    """What the releases that may serve need of a use case."""

    versions: frozenset[str]
    snapshots: frozenset[str]
    feature_versions: frozenset[str]


def expired(names: Iterable[str] = usecases.USECASES) -> list[Expired]:
    """Return what is kept longer than the process says, and change nothing.

    Ages are counted from today or, if that is earlier, from the newest day that the workspace holds
    of a kind: a clock that is far ahead, or a pipeline that stood still, makes nothing old.

    Parameters
    ----------
    names : iterable of str, default `firstflight.usecase.USECASES`
        The use cases.

    Returns
    -------
    list of Expired
        Of a prediction log, only files that nobody writes to any more.

    Raises
    ------
    RegistryError, RecordError, ClockError, SnapshotError
        If it cannot be told what may serve, what day it is, or what a snapshot is.
    """
    today = clock.today()
    found: list[Expired] = []
    for name in names:
        needs = _needs(name)
        found += _predictions(name, needs, today)
        found += _reports(name, today)
        found += _snapshots(name, needs)
        found += _state(name, needs, today)
    return found


def clean(names: Iterable[str] = usecases.USECASES) -> list[Expired]:
    """Remove what `expired` names, and return it. A kill leaves each of them whole or gone.

    A file of a prediction log that may still be written to is only put aside if it has old lines;
    it loses them the next time, when nobody has it open.

    Parameters
    ----------
    names : iterable of str, default `firstflight.usecase.USECASES`
        The use cases.

    Returns
    -------
    list of Expired
        What was removed.

    Raises
    ------
    RegistryError, RecordError, ClockError, SnapshotError
        As `expired` raises them; nothing was removed then.
    StorageError
        If something cannot be removed; the rest may be gone.
    BusyError
        If another command keeps changing the workspace.
    """
    names = list(names)
    with locks.writing("clean"):
        gone = expired(names)
        try:
            for one in gone:
                if one.kind != "predictions":
                    files.discard(one.path)
            for name in names:
                logs = predictions.log_files(name)
                may_go = _old_lines(logs, _needs(name), clock.today())
                for one in gone:
                    if one.kind == "predictions" and one.path in logs:
                        _shorten(one.path, may_go)
                _put_aside(predictions.log_files(name), may_go)
        except OSError as error:
            raise StorageError(
                f"{error.filename} could not be removed ({error.strerror}): make it writable and "
                "run the command again."
            ) from None
    return gone


def _needs(name: str) -> _Needs:
    serving = set(history.serving(name).releases.values())
    if not serving:  # nothing was deployed by this path yet, so anything registered may be
        try:
            serving = set(registry.versions(name))
        except RegistryError:
            if current().database.exists():
                raise
            serving = set()
    tags = [registry.tags(name, version) for version in sorted(serving)]
    return _Needs(
        frozenset(serving),
        frozenset(tag["snapshot"] for tag in tags if "snapshot" in tag),
        frozenset(f"v{tag['feature_version']}" for tag in tags if "feature_version" in tag),
    )


def _limit(today: dt.date, days: Iterable[dt.date], kept: int) -> dt.date:
    """Return the first day to keep."""
    return min(today, max(days, default=today)) - dt.timedelta(days=kept)


# --- one rule a function --------------------------------------------------------------------------


def _state(name: str, needs: _Needs, today: dt.date) -> Iterator[Expired]:
    rules = process.load()
    days = {
        path: dt.date.fromisoformat(path.stem)
        for path in sorted((current().state / name).glob("v*/*.json"))
        if _is_day(path.stem)
    }
    first = _limit(today, days.values(), rules.retention.state_days)
    proof = rollback.FROZEN_DAYS + rules.state.max_age_days
    needed = _limit(today, days.values(), proof)
    for path, day in days.items():
        if day < first and not (path.parent.name in needs.feature_versions and day >= needed):
            yield Expired("state", path, path.stat().st_size)


def _reports(name: str, today: dt.date) -> Iterator[Expired]:
    """Only those with their day in the name; the newest result stays, since the status shows it."""
    days: dict[Path, dt.date] = {}
    for path in sorted(current().reports.glob(f"{name}-*")):
        match = DAY.match(path.name.removeprefix(f"{name}-"))
        if match and _is_day(match[0]):
            days[path] = dt.date.fromisoformat(match[0])
    first = _limit(today, days.values(), process.load().retention.reports_days)
    for path, day in days.items():
        if day < first:
            yield Expired("reports", path, _size(path))


def _snapshots(name: str, needs: _Needs) -> Iterator[Expired]:
    taken: list[tuple[str, int, Path]] = []
    for path in current().snapshots.glob("*/manifest.json"):
        try:
            manifest = json.loads(path.read_bytes())
            if manifest["usecase"] == name:
                taken.append((str(manifest["end"]), path.stat().st_mtime_ns, path.parent))
        except (OSError, ValueError, TypeError, KeyError):
            raise SnapshotError(
                f"Snapshot {path.parent.name}: {path.name} cannot be read, so nothing was removed; "
                "restore the folder from a backup, or delete it."
            ) from None
    kept = process.load().retention.snapshots_kept
    for _, _, folder in sorted(taken)[:-kept]:
        if folder.name not in needs.snapshots:
            yield Expired("snapshots", folder, _size(folder))


def _predictions(name: str, needs: _Needs, today: dt.date) -> Iterator[Expired]:
    logs = predictions.log_files(name)
    may_go = _old_lines(logs, needs, today)
    for path in logs:
        if _is_closed(path, logs):
            sizes = [len(line) for line in _lines(path) if may_go(line)]
            if sizes:
                yield Expired("predictions", path, sum(sizes), len(sizes))


def _old_lines(logs: list[Path], needs: _Needs, today: dt.date) -> Callable[[bytes], bool]:
    """Return what tells whether a line of the log may go."""
    days = {match[1] for log in logs for line in _lines(log) if (match := LOGGED.search(line))}
    known = [dt.date.fromisoformat(text) for text in map(bytes.decode, days) if _is_day(text)]
    first = _limit(today, known, process.load().retention.predictions_days)
    needed = _limit(today, known, rollback.FROZEN_DAYS)

    def may_go(line: bytes) -> bool:
        try:
            content = json.loads(line)
            day = dt.date.fromisoformat(content["date"])
            return day < first and not (str(content["release"]) in needs.versions and day >= needed)
        except (ValueError, TypeError, KeyError):
            return False  # who knows what it was

    return may_go


def _is_closed(path: Path, logs: Iterable[Path]) -> bool:
    """Tell whether nobody writes to a log: it is quiet, and a newer one has been begun since."""
    last = path.stat().st_mtime
    newer = any(other.stat().st_mtime > last for other in logs if other.parent == path.parent)
    return newer and time.time() - last > CLOSED_AFTER


def _shorten(path: Path, may_go: Callable[[bytes], bool]) -> None:
    """Write a closed log anew without its old lines; it keeps its time, by which logs are read."""
    kept = b"".join(line for line in _lines(path) if not may_go(line))
    if not kept:
        path.unlink()
        return
    stat = path.stat()
    files.write(path, kept)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _put_aside(logs: list[Path], may_go: Callable[[bytes], bool]) -> None:
    """Give a log with old lines another name; the service begins a new one with its next answer."""
    number = max([0, *(int(path.suffix[1:]) for path in logs if path.suffix[1:].isdigit())])
    for path in logs:
        if path.suffix == ".log" and any(map(may_go, _lines(path))):
            number += 1
            path.rename(path.with_name(f"{path.name}.{number}"))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _size(path: Path) -> int:
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in inside if one.is_file())
