"""What was decided, kept for ever: one numbered file an entry, written once.

An entry appears whole or not at all, and none is changed or removed afterwards. The newest entry of
kind ``deployments`` is what serves; verdicts, rollout decisions and proofs are the evidence.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from firstflight import locks, workspace
from firstflight.errors import RecordError

Mode = Literal["off", "shadow", "canary"]
"""Who predicts beside live: nobody, a shadow that is logged only, or a canary that answers too."""
KINDS = ("deployments", "verdicts", "decisions")
"""The kinds that MLflow's aliases and tags follow."""
DIGITS = 6  # so that file names sort as their numbers do; a larger number has more
_NAME = re.compile(rf"(\d{{{DIGITS},}})\.json")


class Record(BaseModel):
    """Base of every entry.

    Attributes
    ----------
    n : int
        Counts the entries of a use case and kind from 1, without a gap; 0 before it is written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = 0


R = TypeVar("R", bound=Record)


def folder(usecase: str, kind: str) -> Path:
    """Return where the entries of a use case and kind are kept."""
    return workspace.current().records / usecase / kind


def usecases() -> list[str]:
    """Return the use cases that have any record, in alphabetical order."""
    root = workspace.current().records
    return sorted(path.name for path in root.iterdir()) if root.is_dir() else []


def append(usecase: str, kind: str, body: Record) -> int:
    """Write the next entry, on the disk when this returns.

    Parameters
    ----------
    usecase, kind : str
        Which history: ``"flights"``, ``"deployments"``.
    body : Record
        The entry; its `n` is given here.

    Returns
    -------
    int
        The number it got.

    Raises
    ------
    BusyError
        If another command holds the workspace for too long.
    RecordError
        If it holds text that cannot be written, or its file system cannot link files.
    """
    with locks.writing(f"a record of {kind}"):
        n = count(usecase, kind) + 1
        try:
            text = body.model_copy(update={"n": n}).model_dump_json(indent=1) + "\n"
        except ValueError as error:  # half a character, from a terminal with another encoding
            raise RecordError(
                f"An entry of {kind} of {usecase} holds text that is not Unicode: write its reason "
                "again."
            ) from error
        path = folder(usecase, kind) / f"{n:0{DIGITS}d}.json"
        try:
            _write_once(path, text)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EEXIST):
                raise
            raise RecordError(
                f"Entry {n} of {kind} of {usecase} could not be written to {path} "
                f"({error.strerror}): nothing was changed; keep the workspace on a disk that can "
                "link files, and let one command at a time write there."
            ) from error
        return n


def count(usecase: str, kind: str) -> int:
    """Return the number of the newest entry; 0 if there is none."""
    return max(_numbers(usecase, kind), default=0)


def counts(usecase: str) -> tuple[int, ...]:
    """Return the number of the newest entry of each of `KINDS`."""
    return tuple(count(usecase, kind) for kind in KINDS)


def newest(usecase: str, kind: str, model: type[R]) -> R | None:
    """Return the newest entry, or None if there is none.

    Raises
    ------
    RecordError
        If it is damaged. Damage to an older one is not looked for here.
    """
    n = count(usecase, kind)
    return _read(usecase, kind, n, model) if n else None


def one(usecase: str, kind: str, n: int, model: type[R]) -> R:
    """Return the entry of this number.

    Raises
    ------
    RecordError
        If there is none, or it is damaged.
    """
    return _read(usecase, kind, n, model)


def read(usecase: str, kind: str, model: type[R], *, after: int = 0) -> list[R]:
    """Return every entry after a number, oldest first.

    Raises
    ------
    RecordError
        If one is missing or damaged.
    """
    return [_read(usecase, kind, n, model) for n in range(after + 1, count(usecase, kind) + 1)]


def _write_once(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = workspace.current().temporary
    temporary.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=temporary, prefix=f"{os.getpid()}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        # A second name for the whole file: unlike a rename it never takes the place of another.
        os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    entries = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)


def _numbers(usecase: str, kind: str) -> list[int]:
    try:
        names = os.listdir(folder(usecase, kind))
    except FileNotFoundError:
        return []
    return [int(found[1]) for found in map(_NAME.fullmatch, names) if found]


def _read(usecase: str, kind: str, n: int, model: type[R]) -> R:
    path = folder(usecase, kind) / f"{n:0{DIGITS}d}.json"
    where = f"Entry {n} of {kind} of {usecase} ({path})"
    try:
        entry = model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise RecordError(f"{where} is missing: restore it from a backup.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise RecordError(
            f"{where} is damaged ({at + ': ' if at else ''}{first['msg']}): restore it from a "
            "backup."
        ) from error
    if entry.n != n:
        raise RecordError(f"{where} says that it is entry {entry.n}: restore it from a backup.")
    return entry
