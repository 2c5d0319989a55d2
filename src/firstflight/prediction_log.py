"""The prediction log: one JSON object per line, appended by the service, read by everybody else.

``predictions/<usecase>/predictions/data/data.1.log`` below the workspace; when a file is full the
next is begun (``data.2.log``). One thread writes, many lines at a time. A disk that is full or
slow stops no answer: what could not be written is counted.
A line that cannot be read stops no reader: it is skipped, counted and reported.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import queue
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError, create_model
from pydantic_core import to_json

from firstflight import workspace
from firstflight.usecase import UseCase, field_types

FOLDER = "predictions"
ROLES = Literal["live", "candidate", "shadow", "replay"]
MAX_WAITING = 100_000  # lines in memory: a disk that hangs must not fill it
_DAY = re.compile(rb'"date":\s*"(\d{4}-\d\d-\d\d)"')

logger = logging.getLogger("bentoml.firstflight.log")  # below BentoML's own: the server's log


def files(usecase: str) -> list[Path]:
    """Return the files of a use case's prediction log, oldest first.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    list of Path
        In the order of their last changes; empty if there is none.
    """
    folder = workspace.current().predictions / usecase
    return sorted(folder.glob("*/data/data.*.log*"), key=lambda path: path.stat().st_mtime_ns)


# --- writing --------------------------------------------------------------------------------------


class PredictionLog:
    """Appends predictions to the log of one use case.

    Parameters
    ----------
    usecase : str
        Its name.
    max_mb : float, default 64
        A file of this size, in megabytes (1,000,000 bytes), is full.

    Attributes
    ----------
    written, failed : int
        How many lines were written, and how many could not be, since this log was opened.
    path : Path
        The file that is appended to.
    """

    def __init__(self, usecase: str, max_mb: float = 64.0) -> None:
        folder = workspace.current().predictions / usecase / FOLDER / "data"
        numbers = (re.fullmatch(r"data\.(\d+)\.log", path.name) for path in folder.glob("data.*"))
        newest = max((int(found[1]) for found in numbers if found), default=1)
        self.path = folder / f"data.{newest}.log"
        self.max_bytes = int(max_mb * 1e6)
        self.written = self.failed = 0
        self._in_memory = 0
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[Sequence[Mapping], Future[bool]] | None]
        self._waiting = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="prediction-log")
        self._thread.start()

    def add(self, records: Sequence[Mapping[str, Any]]) -> Future[bool]:
        """Hand over predictions to be written, in this order; return at once.

        Parameters
        ----------
        records : sequence of mapping
            Each becomes one line. Its values are of types that JSON has, or dates.

        Returns
        -------
        Future of bool
            Whether they were written; it is set when the operating system has them. False at once
            if so many lines wait that more than `MAX_WAITING` would be in memory.
        """
        done: Future[bool] = Future()
        with self._lock:
            room = self._in_memory + len(records) <= MAX_WAITING
            self._in_memory += len(records) if room else 0
        if room:
            self._waiting.put((records, done))
        else:
            self._fail("The prediction log's disk does not keep up; answering goes on.")
            self.failed += len(records)
            done.set_result(False)
        return done

    def close(self, timeout: float = 10.0) -> None:
        """Write what is waiting, and end the writer. Nothing may be added afterwards.

        Parameters
        ----------
        timeout : float, default 10
            Seconds to wait for the writer. After that this returns, and what is not written when
            the process ends is lost.
        """
        self._waiting.put(None)
        self._thread.join(timeout)

    def _write_all(self) -> None:
        last = False
        while not last:
            taken = [self._waiting.get()]
            while not self._waiting.empty():
                taken.append(self._waiting.get())
            last = taken[-1] is None
            parts = [part for part in taken if part is not None]
            content = [_as_lines(records) for records, _ in parts]
            try:
                if _append(self.path, b"".join(filter(None, content))) >= self.max_bytes:
                    number = int(self.path.name.split(".")[1])
                    self.path = self.path.with_name(f"data.{number + 1}.log")
            except OSError as error:
                content = [None] * len(parts)
                self._fail("Predictions could not be written down; answering goes on.", error)
            with self._lock:
                self._in_memory -= sum(len(records) for records, _ in parts)
            for (records, done), text in zip(parts, content, strict=True):
                if text is None:
                    self.failed += len(records)
                else:
                    self.written += len(records)
                done.set_result(text is not None)

    def _fail(self, sentence: str, error: OSError | None = None) -> None:
        if self.failed == 0:  # once is enough for people; the status counts them all
            logger.error(sentence, exc_info=error)


def _as_lines(records: Sequence[Mapping[str, Any]]) -> bytes | None:
    try:
        return b"".join([to_json(record) + b"\n" for record in records])
    except ValueError:  # a value that is not JSON; the lines beside it are written
        logger.exception("Predictions could not be written as JSON; answering goes on.")
        return None


def _append(path: Path, lines: bytes) -> int:
    """Append whole lines and return the size; a half line of a killed process is ended first.

    The file is opened anew each time: it may have been moved away, or replaced, in between.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        while lines:
            lines = lines[os.write(handle, lines) :]
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


# --- reading --------------------------------------------------------------------------------------


@dataclass
class Damage:
    """Lines that could not be read.

    Attributes
    ----------
    reasons : Counter of str
        How many lines per reason.
    first : str
        File and line number of the first one.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    first: str = ""

    @property
    def n(self) -> int:
        """Their number."""
        return sum(self.reasons.values())

    def __str__(self) -> str:
        listed = ", ".join(f"{n} {why}" for why, n in sorted(self.reasons.items()))
        lines, were = ("line", "was") if self.n == 1 else ("lines", "were")
        return (
            f"{self.n} {lines} of the prediction log cannot be read and {were} left out "
            f"({listed}; the first: {self.first}): look at them, and mend or delete them."
        )


def line_model(usecase: UseCase) -> type[BaseModel]:
    """Return what a line must hold: the request's key and types, and who answered what.

    It asks for types only. The contract's bounds held when the request was answered, and may be
    others today.

    Parameters
    ----------
    usecase : UseCase

    Returns
    -------
    type of BaseModel
        Made anew on each call. Fields of the request that are not in its key may be missing.
    """
    kinds = {"datetime64[D]": dt.date, "int64": int, "float64": float, "object": str}
    fields: dict[str, Any] = {}
    for name, kind in field_types(usecase.request).items():
        needed = name in usecase.key
        fields[name] = (kinds[kind], ...) if needed else (kinds[kind] | None, None)
    return create_model(
        "Line",
        __config__=ConfigDict(strict=True, extra="ignore"),
        **fields,
        role=(ROLES, ...),
        release=(str, ...),
        feature_version=(int, ...),
        prediction=(FiniteFloat, ...),
        state_age_days=(float | None, ...),
        timestamp=(str | None, None),
    )


def lines(usecase: UseCase, start: dt.date, end: dt.date, damage: Damage) -> Iterator[dict]:
    """Yield the logged predictions for requests of these days, file by file; see `in_order`.

    Parameters
    ----------
    usecase : UseCase
    start, end : date
        The days that the requests are for, both included.
    damage : Damage
        The lines that are not what `line_model` asks for are counted in it. A line that shows a day
        outside `start` to `end` is passed over without a closer look.

    Yields
    ------
    dict
        The fields of one line, as `line_model` names them.
    """
    validate = line_model(usecase).__pydantic_validator__.validate_json
    first, last = start.isoformat().encode(), end.isoformat().encode()
    for path in files(usecase.name):
        with path.open("rb") as file:
            for n, line in enumerate(file, start=1):
                day = _DAY.search(line)
                if day is not None and not first <= day[1] <= last:
                    continue
                try:
                    record = validate(line).__dict__
                except ValidationError as error:
                    if line.strip():
                        damage.reasons[_reason(error)] += 1
                        damage.first = damage.first or f"{path.name}, line {n}"
                    continue
                if start <= record["date"] <= end:
                    yield record


def in_order(records: Iterable[dict]) -> list[dict]:
    """Return records by the time written in them; those of one moment keep their order.

    The files' own times would give another order after a backup, a move or a save in an editor.

    Parameters
    ----------
    records : iterable of dict
        As `lines` yields them. A ``timestamp`` without a time zone is local time.

    Returns
    -------
    list of dict
        The oldest first; before them those without a ``timestamp`` that can be read.

    Examples
    --------
    >>> late = {"timestamp": "2013-07-14T11:00:00+00:00", "prediction": 0.3}
    >>> early = {"timestamp": "2013-07-14T10:00:00+00:00", "prediction": 0.2}
    >>> [record["prediction"] for record in in_order([late, early])]
    [0.2, 0.3]
    """
    return sorted(records, key=_moment)


def _moment(record: dict) -> float:
    try:
        # Without a zone it is local time, as earlier versions wrote it.
        return dt.datetime.fromisoformat(record["timestamp"]).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return 0.0  # no time was written, or it cannot be read as one: before all others


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "not JSON"
    if not first["loc"]:
        return "not an object"
    kind = "without" if first["type"] == "missing" else "with a wrong"
    return f"{kind} {first['loc'][0]}"
