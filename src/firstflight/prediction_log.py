"""The prediction log of one use case: written, repaired and read here, and nowhere else.

One JSON object per line: the request's fields, then `Said`. A line is written before the answer
goes out, unless the disk takes longer than `PATIENCE`; then the answer goes first, and is counted.
What cannot be written is counted and said in the service's status, and stops no answer.

Files are called ``2026-11-25.0001.jsonl``, after the day on which they were begun (UTC). A new one
is begun each day, and when one is full. Files of earlier versions (``*/data/data.*.log*``, made by
``bentoml.monitor``) are read as well. The order of lines is that of the time written in them.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import to_json

from firstflight import workspace
from firstflight.usecase import UseCase

Role = Literal["live", "candidate", "shadow", "replay"]
SAID = ("role", "release", "feature_version", "prediction", "state_age_days", "timestamp")

PATIENCE = 0.25  # seconds that an answer waits for its line to be written
WAITING_MAX = 100_000  # records in memory; a disk that hangs must not fill it
ENDING = 10.0  # seconds that the end of the process waits for the last lines

# A look at the day before a line is parsed: a week is read out of months in a moment.
_DAY = re.compile(rb'"date": ?"(\d{4}-\d\d-\d\d)"')

logger = logging.getLogger("bentoml.firstflight.log")


class Said(BaseModel):
    """What was said to a request, as a line of the log holds it beside the request's fields.

    Attributes
    ----------
    role : {"live", "candidate", "shadow", "replay"}
        As what the release predicted; a replay is a rehearsal, and counts for nothing.
    release : str
        Version in the registry.
    feature_version : int
    prediction : float
        In the use case's unit.
    state_age_days : float or None
        Age of the feature state that was used; None if there was none.
    timestamp : datetime
        When it was written; without a zone it is local time, as earlier versions wrote it.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    role: Role
    release: str
    feature_version: int
    prediction: float = Field(allow_inf_nan=False)
    state_age_days: float | None
    timestamp: dt.datetime


class Reading(NamedTuple):
    """What was read.

    Attributes
    ----------
    rows : DataFrame
        One row per line: the request's fields, then those of `Said`; oldest first.
    bad_lines : int
        Lines that could not be read: half written, empty, not UTF-8, no JSON object, without a
        day, or with a value of the wrong type.
    """

    rows: pd.DataFrame
    bad_lines: int


@dataclass(frozen=True)
class Condition:
    """How the writer does.

    Attributes
    ----------
    written, lost : int
        Records that are in the file, and that could not be written.
    late : int
        Batches whose answers went out before their lines were written.
    problem : str or None
        The last thing that went wrong.
    """

    written: int = 0
    lost: int = 0
    late: int = 0
    problem: str | None = None


class PredictionLog:
    """The log of one use case.

    Parameters
    ----------
    usecase : UseCase
    folder : Path, optional
        Where its files lie; by default in the workspace.
    max_mb : float, default 64
        A file that has reached this size is full.
    """

    def __init__(
        self, usecase: UseCase, folder: Path | None = None, *, max_mb: float = 64.0
    ) -> None:
        self.usecase = usecase
        self.folder = folder or workspace.current().predictions / usecase.name
        self.max_bytes = int(max_mb * 1e6)
        self.condition = Condition()
        self._line = _line_model(usecase.request)
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._waiting = 0
        self._torn = False
        self._path: Path | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    # --- write ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Repair what a killed process left, and start the one thread that writes."""
        self.repair()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def write(
        self, records: Sequence[Mapping[str, Any]], done: Callable[[], None] | None = None
    ) -> None:
        """Hand records to the writer, and return at once.

        Parameters
        ----------
        records : sequence of mapping
            The request's fields and those of `Said`, without ``timestamp``.
        done : callable, optional
            Called by the writer's thread when they are written, or cannot be.
        """
        with self._lock:
            if self._thread is None or self._waiting + len(records) > WAITING_MAX:
                self._note(lost=len(records), problem="too many lines wait for the disk")
                accepted = False
            else:
                self._waiting += len(records)
                self._queue.put(_Batch(records, done))
                accepted = True
        if not accepted and done is not None:
            done()

    def write_and_wait(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Hand records to the writer, and wait until they are written, at most `PATIENCE`."""
        written = threading.Event()
        self.write(records, written.set)
        if not written.wait(PATIENCE):
            self.note_late()

    def note_late(self) -> None:
        """Count a batch whose answers went out before its lines were written."""
        with self._lock:
            self._note(late=1)

    def close(self, patience: float = ENDING) -> None:
        """Write what waits, and stop the writer; what the disk does not take in time is lost."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(patience)
            if thread.is_alive():
                logger.error("The prediction log did not take its last lines in time.")

    def repair(self) -> None:
        """End a line that was left half-written, so that the next one is not lost with it."""
        for path in self.files()[-1:] if self.folder.is_dir() else []:
            try:
                with path.open("rb+") as file:
                    if file.seek(0, os.SEEK_END) > 0:
                        file.seek(-1, os.SEEK_END)
                        if file.read(1) != b"\n":
                            file.write(b"\n")
            except OSError as error:
                self._note(problem=f"{path.name} cannot be repaired ({error.strerror})")

    def _run(self) -> None:
        ended = False
        while not ended:
            batches = [self._queue.get()]
            while not self._queue.empty():
                batches.append(self._queue.get())
            ended = None in batches
            held = [batch for batch in batches if batch is not None]
            records = [record for batch in held for record in batch.records]
            try:
                if records:
                    self._append(records)
            except Exception as error:  # whatever it is, it must not end the only writer
                self._failed(len(records), error)
            finally:
                with self._lock:
                    self._waiting -= len(records)
                for batch in held:
                    if batch.done is not None:
                        batch.done()

    def _append(self, records: Sequence[Mapping[str, Any]]) -> None:
        now = dt.datetime.now(dt.UTC)
        lines = [to_json({**record, "timestamp": now}) + b"\n" for record in records]
        data = b"".join(lines)
        if self._torn:
            data = b"\n" + data
        if self._path is None or not self._path.name.startswith(now.date().isoformat()):
            self._path = self._file(now)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        done = 0
        try:
            while done < len(data):
                done += os.write(handle, data[done:])
            full = os.fstat(handle).st_size >= self.max_bytes
        except OSError:
            self._torn = self._torn or done > 0
            raise
        finally:
            os.close(handle)
        with self._lock:
            self._torn = False
            self._note(written=len(records))
        if full:
            self._path = None

    def _file(self, now: dt.datetime) -> Path:
        """Return the file to append to: today's newest, or the next if that one is full."""
        self.folder.mkdir(parents=True, exist_ok=True)
        day = now.date().isoformat()
        n = max((int(p.name.split(".")[1]) for p in self._own(f"{day}.*.jsonl")), default=1)
        path = self.folder / f"{day}.{n:04d}.jsonl"
        if path.exists() and path.stat().st_size >= self.max_bytes:
            path = self.folder / f"{day}.{n + 1:04d}.jsonl"
        return path

    def _failed(self, n: int, error: Exception) -> None:
        what = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        with self._lock:
            first = self.condition.lost == 0
            self._note(lost=n, problem=f"{self.folder.name}: {what}")
        if first:  # one is enough for people; the status counts them all
            logger.error("Predictions cannot be written down (%s); the answers go on.", what)

    def _note(self, *, written: int = 0, lost: int = 0, late: int = 0, problem: str = "") -> None:
        now = self.condition
        self.condition = Condition(
            now.written + written, now.lost + lost, now.late + late, problem or now.problem
        )

    # --- read -----------------------------------------------------------------------------------

    def files(self) -> list[Path]:
        """Return the files of the log: those of earlier versions, then ours, oldest first."""
        return [*sorted(self.folder.glob("*/data/data.*.log*")), *self._own("*.jsonl")]

    def _own(self, pattern: str) -> list[Path]:
        name = re.compile(r"\d{4}-\d\d-\d\d\.\d{4,}\.jsonl")
        found = (path for path in self.folder.glob(pattern) if name.fullmatch(path.name))
        return sorted(found, key=lambda path: (path.name[:10], int(path.name.split(".")[1])))

    def read(self, start: dt.date, end: dt.date) -> Reading:
        """Return every record whose request is of these days, and how many lines are bad.

        A bad line whose day cannot be told is counted whatever the days; one of another day is
        not looked at.

        Parameters
        ----------
        start, end : date
            First and last day of the requests.

        Returns
        -------
        Reading
        """
        first, last = start.isoformat().encode(), end.isoformat().encode()
        good, bad = [], 0
        for line in self._lines():
            day = _DAY.search(line)
            if day is not None and not first <= day[1] <= last:
                continue
            try:
                record = self._line.model_validate_json(line)
            except ValidationError:
                bad += 1
                continue
            if start <= record.date <= end:  # type: ignore[attr-defined]
                good.append(record.__dict__)
        # The sort keeps the order of lines of one moment.
        good.sort(key=lambda record: _moment(record["timestamp"]))
        return Reading(pd.DataFrame(good, columns=[*self.usecase.request.model_fields, *SAID]), bad)

    def _lines(self) -> Iterator[bytes]:
        for path in self.files():
            try:
                with path.open("rb") as lines:
                    for line in lines:
                        yield line.rstrip(b"\n")
            except FileNotFoundError:  # removed by `firstflight clean` in this moment
                continue


def _moment(written: dt.datetime) -> float:
    try:
        return written.timestamp()
    except (OverflowError, OSError, ValueError):  # a year that no clock of this machine has had
        return 0.0


class _Batch(NamedTuple):
    records: Sequence[Mapping[str, Any]]
    done: Callable[[], None] | None


def _line_model(contract: type[BaseModel]) -> type[BaseModel]:
    """Return what a line must be: the contract's types without its limits, then `Said`.

    Without the limits: a limit that is tightened later must not make old answers unreadable.
    """
    fields: dict[str, Any] = {}
    for name, spec in contract.model_fields.items():
        kinds = get_args(spec.annotation)
        plain = str if kinds and all(isinstance(kind, str) for kind in kinds) else spec.annotation
        fields[name] = (plain, ...)
    return create_model("Line", __base__=Said, **fields)
