"""The team's own ``process.toml``: decisions of the learner go in, with the comments kept."""

from __future__ import annotations

from typing import Any

import tomlkit

from classroom import journal
from classroom.errors import CourseError
from firstflight import files, process
from firstflight.errors import ProcessError
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
        If the team has no file yet, or the file no such key.
    """
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
    text = tomlkit.parse(ws.process_file.read_text())
    for key, value in decisions.items():
        *tables, last = key.split(".")
        table: Any = text
        for name in tables:
            table = table.get(name, {})
        if last not in table:
            raise CourseError(f"process.toml has no key {key}: name one that stands in it.")
        table[last] = value
    draft = ws.root / "draft.toml"
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
        The keys that had another value.
    """
    if not ws.process_file.exists():
        return []
    made = journal.read(ws)["decisions"]
    wanted = {d["key"]: d["value"] for id, d in sorted(made.items()) if id[:2] < lesson}
    held: Any = tomlkit.parse(ws.process_file.read_text()).unwrap()
    other = {}
    for key, value in wanted.items():
        found = held
        for name in key.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found != value:
            other[key] = value
    if other:
        write(ws, other)
    return sorted(other)
