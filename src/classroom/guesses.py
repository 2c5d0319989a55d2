"""Guess first: what the learner expects, beside what came."""

from __future__ import annotations

import math
import numbers
from typing import Any

from classroom import journal
from classroom.checks import is_empty, present
from classroom.equality import is_bool, plain, same
from classroom.errors import CheckError
from classroom.exercises import kind_of
from firstflight.workspace import Workspace


def guess(id: str, about: str, value: Any = ...) -> None:
    """Record what you expect before a surprising cell. Left open, it is no error.

    Parameters
    ----------
    id : str
        Of the guess, such as ``"07-guess1"``.
    about : str
        What you guess, in a few words.
    value : object
        A number, a text, True or False, or a list of them; ``...`` leaves it open.

    Raises
    ------
    CheckError
        If the id is not one of a guess.
    """
    _require_guess(id)
    if value is ... or is_empty(value):
        before = journal.guesses(id[:2]).get(id, {}).get("guess")
        journal.guessed(id, about, before)  # a notebook that is copied anew has its guesses open
        if before is not None:
            present(f"{id}: left open; before, you expected {said(before)} ({about}).", "note")
            return
        present(f"{id}: left open. It is more fun with a guess: {about}?", "note")
    else:
        journal.guessed(id, about, plain(value))
        present(f"{id}: you expect {said(plain(value))} ({about}).", "note")


def came(id: str, value: Any) -> None:
    """Set what came beside the guess.

    Parameters
    ----------
    id : str
        Of the guess.
    value : object
        What came.

    Raises
    ------
    CheckError
        If the id is not one of a guess.
    """
    _require_guess(id)
    value = plain(value)
    journal.came(id, value)
    entry = journal.guesses(id[:2]).get(id, {"guess": None, "about": ""})
    if entry["guess"] is None:
        present(f"{id}: {said(value)} came; no guess was made.", "note")
    else:
        mood = "good" if near(entry["guess"], value) else "open"
        present(f"{id}: you said {said(entry['guess'])}; {said(value)} came.", mood)


def table(lesson: str, ws: Workspace | None = None) -> list[dict[str, str]]:
    """Return the guesses of a lesson, each beside what came.

    Parameters
    ----------
    lesson : str
        The lesson's two digits.
    ws : Workspace, optional
        The workspace; the one in use by default.

    Returns
    -------
    list of dict
        ``id``, ``about``, ``you said``, ``it came``, as texts.
    """
    return [
        {
            "id": id,
            "about": entry["about"],
            "you said": "-" if entry["guess"] is None else said(entry["guess"]),
            "it came": said(entry["came"]) if "came" in entry else "-",
        }
        for id, entry in journal.guesses(lesson, ws).items()
    ]


def near(expected: Any, value: Any) -> bool:
    """Tell whether a guess was good: equal, in small or capital letters, or within a tenth."""
    if same(expected, value):
        return True
    if isinstance(expected, str) and isinstance(value, str):
        return expected.strip().casefold() == value.casefold()
    both = isinstance(expected, numbers.Real) and isinstance(value, numbers.Real)
    if not both or is_bool(expected) or is_bool(value):
        return False
    return math.isclose(float(expected), float(value), rel_tol=0.1)


def said(value: Any) -> str:
    """Return a guess or a result as a text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list):
        return ", ".join(said(one) for one in value)
    return str(value)


def _require_guess(id: str) -> None:
    if kind_of(id) != "guess":
        raise CheckError(f"{id!r} is no id of a guess: give one such as 07-guess1.")
