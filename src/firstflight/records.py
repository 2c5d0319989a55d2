"""Numbered records that are written once: what was decided, when, by whom, and on what.

An entry is one file, ``records/<use case>/<kind>/000012.json``. It appears in one step and is never
changed or deleted, so a reader needs no lock, and a process that is killed has written an entry or
has not. The newest entry of ``deployments`` is what serves.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from firstflight import files, locks, workspace
from firstflight.errors import RecordError

Record = TypeVar("Record", bound=BaseModel)
DIGITS = 6


def folder(usecase: str, kind: str) -> Path:
    """Return where the records of one kind are kept; it need not exist.

    Parameters
    ----------
    usecase : str
        Its name.
    kind : str
        Which records: ``"deployments"``, ``"verdicts"``, ``"decisions"``, ``"frozen"`` or
        ``"proofs"``.

    Returns
    -------
    Path
        A folder of the workspace.
    """
    return workspace.current().records / usecase / kind


def usecases() -> list[str]:
    """Return the names of the use cases that have any record, in the order of the alphabet."""
    root = workspace.current().records
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def numbers(usecase: str, kind: str) -> list[int]:
    """Return the numbers of the entries, oldest first.

    Parameters
    ----------
    usecase, kind : str
        Whose records, and which (see `folder`).

    Returns
    -------
    list of int
        Those of the files that are there: a number is absent if its file was lost.
    """
    try:
        names = os.listdir(folder(usecase, kind))
    except FileNotFoundError:
        return []
    return sorted(
        int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit()
    )


def following(usecase: str, kind: str) -> int:
    """Return the number that the next entry will get; hold the workspace's lock until it has.

    Parameters
    ----------
    usecase, kind : str
        Whose records, and which (see `folder`).

    Returns
    -------
    int
        One more than the newest number; 1 if there is no entry.
    """
    return (numbers(usecase, kind) or [0])[-1] + 1


def append(usecase: str, kind: str, entry: BaseModel) -> int:
    """Write the next entry and return its number, from 1.

    Parameters
    ----------
    usecase, kind : str
        Whose records, and which (see `folder`).
    entry : BaseModel
        Its JSON is what is kept.

    Returns
    -------
    int
        The number of the new entry.

    Raises
    ------
    RecordError
        If the number is taken, because somebody wrote without the workspace's lock; or if the entry
        holds text that is not Unicode, such as half a letter. Nothing is written then.
    StorageError
        If the disk does not take it. Nothing is written then.
    BusyError
        If another command keeps changing the workspace.
    """
    with locks.writing(f"write {kind}"):
        number = following(usecase, kind)
        path = folder(usecase, kind) / f"{number:0{DIGITS}d}.json"
        try:
            text = entry.model_dump_json(indent=1) + "\n"
        except ValueError as error:  # half a letter, from a terminal with another encoding
            raise RecordError(
                f"A record of {usecase}/{kind} holds text that is not Unicode, so nothing was "
                "written: write the reason again."
            ) from error
        try:
            _write_once(path, text)
        except FileExistsError:
            raise RecordError(
                f"Record {number} of {usecase}/{kind} was written by another command in this "
                "moment: nothing was written; try again."
            ) from None
        except OSError as error:
            raise files.not_written(path, error) from None
    return number


def _write_once(path: Path, text: str) -> None:
    """Write a new file whole and have it on the disk; one that is there stays."""
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
        # A second name for the same file: unlike a rename it never takes the place of another.
        os.link(name, path)
    finally:
        with contextlib.suppress(OSError):  # else the next command sweeps it
            Path(name).unlink(missing_ok=True)
    files.sync_folder(path.parent)


def read(usecase: str, kind: str, number: int, model: type[Record]) -> Record:
    """Return one entry.

    Parameters
    ----------
    usecase, kind : str
        Whose records, and which (see `folder`).
    number : int
        Of the entry, from 1.
    model : type of BaseModel
        What the entry is read as.

    Returns
    -------
    BaseModel
        An object of `model`.

    Raises
    ------
    RecordError
        If it is not there, cannot be read, is not what `model` asks for, or says that it has
        another number.
    """
    path = folder(usecase, kind) / f"{number:0{DIGITS}d}.json"
    try:
        found = model.model_validate(json.loads(path.read_bytes()), strict=False)
        if getattr(found, "n", number) != number:
            raise ValueError(f"it says that it is number {found.n}")  # type: ignore[attr-defined]
        return found
    except FileNotFoundError:
        raise RecordError(
            f"There is no record {number} of {usecase}/{kind}; `firstflight history` lists the "
            "deployments."
        ) from None
    except (OSError, ValueError, ValidationError) as error:
        raise RecordError(
            f"{path.name} of records/{usecase}/{kind} cannot be read ({type(error).__name__}): "
            "restore the file from a backup; the entries before it are whole."
        ) from error


def all_of(usecase: str, kind: str, model: type[Record]) -> list[Record]:
    """Return every entry, oldest first.

    Parameters
    ----------
    usecase, kind : str
        Whose records, and which (see `folder`).
    model : type of BaseModel
        What the entries are read as.

    Returns
    -------
    list of BaseModel
        Objects of `model`.

    Raises
    ------
    RecordError
        If one cannot be read, or a number is missing: a history with a hole is none.
    """
    found = numbers(usecase, kind)
    for position, number in enumerate(found, 1):
        if position != number:
            raise RecordError(
                f"Record {position} of {usecase}/{kind} is missing: restore the file from a backup."
            )
    return [read(usecase, kind, number, model) for number in found]


def newest(usecase: str, kind: str, model: type[Record]) -> Record | None:
    """Return the last entry, or None if there is none.

    Parameters
    ----------
    usecase, kind : str
        Whose records, and which (see `folder`).
    model : type of BaseModel
        What the entry is read as.

    Returns
    -------
    BaseModel or None
        An object of `model`.

    Raises
    ------
    RecordError
        As in `read`. The entries before the last one are not looked at.
    """
    found = numbers(usecase, kind)
    return read(usecase, kind, found[-1], model) if found else None
