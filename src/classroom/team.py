"""The team's own ``process.toml``: decisions of the learner go in, with the comments kept."""

from __future__ import annotations

from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from classroom import journal
from classroom.errors import CourseError
from firstflight import files, process
from firstflight.errors import FirstFlightError, ProcessError
from firstflight.workspace import Workspace, current


def decide(id: str, key: str, value: Any) -> None:
    """Write a decision into the team's file, and note that it was made.

    Parameters
    ----------
    id : str
        The exercise in which it was decided.
    key : str
        The key's path, such as ``"usecases.flights.rollout.canary_share"``.
    value : object
        A number, a text, a truth value, or a list of them.

    Raises
    ------
    ProcessError
        If the file would not be valid with it. Nothing is changed then.
    CourseError
        If the team has no file yet, or the file no such key, or no lesson is open in this notebook.
    """
    from classroom import lesson  # which imports this module

    lesson.require_open("the team's process.toml stays")
    write(current(), {key: value})
    journal.decided(id, key, value)


def write(ws: Workspace, decisions: dict[str, Any]) -> None:
    """Write keys into the team's file, in one step, if it is valid with them.

    Parameters
    ----------
    ws : Workspace
        The workspace with the file.
    decisions : dict of str to object
        By the key's path.

    Raises
    ------
    ProcessError
        If the file would not be valid with them. Nothing is changed then.
    CourseError
        If the team has no file yet, or the file no such key.
    """
    if not ws.process_file.exists():
        raise CourseError(
            "The team has no process.toml of its own yet (lesson 00 makes it): `course start 01`."
        )
    text = _parsed(ws)
    for key, value in decisions.items():
        *tables, last = key.split(".")
        table: Any = text
        for name in tables:
            table = table.get(name, {}) if isinstance(table, dict) else {}
        if not isinstance(table, dict) or last not in table:
            raise CourseError(f"process.toml has no key {key}: name one that stands in it.")
        if isinstance(table[last], dict):
            raise CourseError(f"{key} is a whole table of process.toml: name one key in it.")
        try:
            table[last] = value
        except (ValueError, TypeError, TOMLKitError):
            raise ProcessError(
                f"{key} cannot be a {type(value).__name__} in process.toml: give a number, a text, "
                "True or False, or a list of them."
            ) from None
    draft = ws.temporary / "draft.toml"
    files.write(draft, tomlkit.dumps(text), ws=ws)
    try:
        process.load(draft)
    except ProcessError as error:
        why = str(error).partition("draft.toml: ")[2] or str(error)
        raise ProcessError(why) from None
    else:
        files.write(ws.process_file, draft.read_text(), ws=ws)
    finally:
        draft.unlink(missing_ok=True)


def again(ws: Workspace, lesson: str) -> list[str]:
    """Put the decisions of the lessons before this one into the file that it begins with.

    Whoever decides anew in an early lesson finds that in a later one, although the later one
    begins from a checkpoint that was made before.

    Parameters
    ----------
    ws : Workspace
        The workspace.
    lesson : str
        The two digits of the lesson that begins.

    Returns
    -------
    list of str
        The keys that had another value. A decision that the file does not take any more is left
        out.
    """
    if not ws.process_file.exists():
        return []
    made = journal.read(ws)["decisions"]
    wanted = {d["key"]: d["value"] for id, d in sorted(made.items()) if id[:2] < lesson}
    held: Any = _parsed(ws).unwrap()
    other = {}
    for key, value in wanted.items():
        found = held
        for name in key.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found != value:
            other[key] = value
    for key in sorted(other):
        try:
            write(ws, {key: other[key]})
        except FirstFlightError:  # the course's file has other keys or limits by now
            del other[key]
    return sorted(other)


def _parsed(ws: Workspace) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(ws.process_file.read_text())
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ProcessError(
            f"{ws.process_file} is no TOML ({error}): mend that line, or begin the lesson again."
        ) from None
