"""What the learner did in this workspace: answers, guesses, decisions. No checkpoint puts it back.

>>> journal.guesses("07")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import Any

from classroom import workspaces
from firstflight.workspace import Workspace, current

NAME = "journal.json"
PARTS = ("exercises", "guesses", "decisions", "lessons")


def read(ws: Workspace | None = None) -> dict[str, dict[str, Any]]:
    """Return the journal: ``exercises``, ``guesses``, ``decisions``, ``lessons``, each by id.

    Parameters
    ----------
    ws : Workspace, optional
        The workspace; the one in use by default.

    Returns
    -------
    dict
        Empty parts where nothing was done yet.
    """
    kept = workspaces.noted(ws or current(), NAME, {})
    return {part: kept.get(part, {}) for part in PARTS}


def _write(part: str, id: str, entry: Any) -> None:
    ws = current()
    if not workspaces.is_ours(ws.root):
        return  # a check outside of any lesson
    journal = read(ws)
    journal[part][id] = entry
    workspaces.note(ws, NAME, journal)


def checked(id: str, passed: bool) -> None:
    """Note that an answer was checked. What has passed once stays passed.

    Parameters
    ----------
    id : str
        The exercise.
    passed : bool
        Whether it passed.
    """
    before = read()["exercises"].get(id, {"passed": False, "checks": 0})
    entry = {"passed": before["passed"] or passed, "checks": before["checks"] + 1}
    _write("exercises", id, entry)


def guessed(id: str, about: str, value: Any) -> None:
    """Note what the learner expects, and forget what came when the guess was made before.

    Parameters
    ----------
    id : str
        The guess.
    about : str
        What it is about, in a few words.
    value : object
        A number, a text, a list of them; None for a guess that was left open.
    """
    before = read()["guesses"].get(id, {})
    entry = {"about": about, "guess": value}
    if "came" in before and before.get("guess") == value:
        entry["came"] = before["came"]
    _write("guesses", id, entry)


def came(id: str, value: Any) -> None:
    """Note what came where something was guessed.

    Parameters
    ----------
    id : str
        The guess.
    value : object
        What came.
    """
    before = read()["guesses"].get(id, {"about": "", "guess": None})
    _write("guesses", id, before | {"came": value})


def decided(id: str, key: str, value: Any) -> None:
    """Note a decision of the learner.

    Parameters
    ----------
    id : str
        The exercise in which it was made.
    key : str
        The key of ``process.toml`` that it sets.
    value : object
        What was decided.
    """
    _write("decisions", id, {"key": key, "value": value})


def opened(lesson: str, now: float) -> None:
    """Note when a lesson was begun.

    Parameters
    ----------
    lesson : str
        The lesson's two digits.
    now : float
        Seconds since 1970.
    """
    _write("lessons", lesson, {**read()["lessons"].get(lesson, {}), "begun": now})


def closed(lesson: str, now: float) -> None:
    """Note how long a lesson was open, from its first cell to its last.

    Parameters
    ----------
    lesson : str
        The lesson's two digits.
    now : float
        Seconds since 1970.
    """
    entry = read()["lessons"].get(lesson, {})
    if "begun" in entry:
        _write("lessons", lesson, {**entry, "minutes": (now - entry["begun"]) / 60})


def minutes(ws: Workspace | None = None) -> dict[str, float]:
    """Return how many minutes each lesson was open when it was last done, sorted.

    Parameters
    ----------
    ws : Workspace, optional
        The workspace; the one in use by default.

    Returns
    -------
    dict of str to float
        By the lesson's two digits; those that were never ended are left out.
    """
    found = read(ws)["lessons"]
    return {n: found[n]["minutes"] for n in sorted(found) if "minutes" in found[n]}


def guesses(lesson: str, ws: Workspace | None = None) -> dict[str, dict[str, Any]]:
    """Return the guesses of a lesson by id, sorted.

    Parameters
    ----------
    lesson : str
        The lesson's two digits.
    ws : Workspace, optional
        The workspace; the one in use by default.

    Returns
    -------
    dict
        ``about``, ``guess`` and, once it is there, ``came``.
    """
    found = read(ws)["guesses"]
    return {id: found[id] for id in sorted(found) if id.startswith(f"{lesson}-")}
