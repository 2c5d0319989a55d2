"""What each lesson asks of the learner, and how an answer is judged: one module a lesson.

A judge gets copies: of the learner's values, and of whatever it takes from the notebook. It
returns True, or the sentence that helps with *this* mistake.
"""

from __future__ import annotations

import copy
import functools
import importlib
import importlib.util
import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from classroom.errors import CheckError
from firstflight.workspace import Workspace, current

Judge = Callable[..., "bool | str"]

# What an act is, by the letters of its id: what the box says, and what it is in the tables.
KINDS = {
    "ex": "Write",
    "look": "Look",
    "type": "Type",
    "guess": "Guess",
    "decide": "Decide",
    "further": "Further",
}
ACT = re.compile(rf"(\d\d)-({'|'.join(KINDS)})(\d*)")

_known: dict[str, Exercise] = {}


@dataclass(frozen=True)
class Exercise:
    """One thing that a learner is asked for, and the judge of the answer.

    Attributes
    ----------
    id : str
        Of the cell with the answer, such as ``"05-ex1"``; its letters name the kind (`KINDS`).
    names : tuple of str
        The variables or functions that the answer defines. None for a command that is typed.
    judge : callable or None
        Gets the values in the order of `names`, and `given` if it asks for it; returns True or a
        hint. None: each value must equal the reference answer's.
    hint : str
        Shown while the exercise is open, and where the judge has no better one.
    vary : callable or None
        Gets `given` and returns other values for some of the notebook's variables. The learner's
        cell is run on them beside the reference answer, so that a number typed in is found.
    key : str or None
        For a decision: the key of ``process.toml`` that takes the value.
    """

    id: str
    names: tuple[str, ...]
    judge: Judge | None
    hint: str
    vary: Callable[[Given], Mapping[str, Any]] | None = None
    key: str | None = None

    @property
    def kind(self) -> str:
        """The letters of the id, such as ``"ex"``."""
        return kind_of(self.id)


class Given:
    """Copies of the notebook's variables, so that no judge and no answer changes them.

    Parameters
    ----------
    variables : mapping
        The notebook's variables.
    source : str
        The text of the learner's cell as it was last run; empty if it never was.
    """

    def __init__(self, variables: Mapping[str, Any], source: str = "") -> None:
        self._variables, self.source = variables, source

    def __getattr__(self, name: str) -> Any:
        try:
            return copied(self._variables[name])
        except KeyError:
            raise CheckError(
                f"The notebook has no {name}: run the cells above this exercise, from the top."
            ) from None

    @property
    def ws(self) -> Workspace:
        """The workspace."""
        return current()


class ChangedInput(Exception):
    """A learner's function changed what it was given."""


def exercise(
    id: str,
    *names: str,
    hint: str,
    vary: Callable[[Given], Mapping[str, Any]] | None = None,
    key: str | None = None,
) -> Callable[[Judge], Judge]:
    """Register a judge; see `Exercise` for the parameters.

    Returns
    -------
    callable
        The decorator, which returns the judge as it is.
    """

    def register(judge: Judge) -> Judge:
        _add(Exercise(id, names, judge, hint, vary, key))
        return judge

    return register


def _add(new: Exercise) -> None:
    if not ACT.fullmatch(new.id):
        raise CheckError(f"{new.id!r} is no id of an exercise: name it like 05-ex1 or 05-look1.")
    _known[new.id] = new


def equal_to_reference(
    id: str, *names: str, hint: str, vary: Callable[[Given], Mapping[str, Any]] | None = None
) -> None:
    """Register an exercise whose values must equal the reference answer's; see `Exercise`."""
    _add(Exercise(id, names, None, hint, vary))


def kind_of(id: str) -> str:
    """Return the letters of an act's id: ``"ex"`` of ``"05-ex1"``; "" where it is no act."""
    found = ACT.fullmatch(id)
    return found[2] if found else ""


def of_lesson(number: str) -> dict[str, Exercise]:
    """Return the exercises of a lesson by id, in the order of their module.

    Parameters
    ----------
    number : str
        The lesson's two digits.

    Returns
    -------
    dict
        Empty where the lesson has none.
    """
    name = f"{__name__}.lesson_{number}"
    if importlib.util.find_spec(name) is not None:
        importlib.import_module(name)
    return {id: one for id, one in _known.items() if id.startswith(f"{number}-")}


def find(id: str) -> Exercise | None:
    """Return an exercise by its id, or None."""
    return of_lesson(id.partition("-")[0]).get(id)


def copied(value: Any) -> Any:
    """Return a copy of data; what cannot be copied (a server, a module) is returned as it is."""
    if isinstance(value, (types.ModuleType, types.FunctionType, type)):
        return value
    if type(value).__module__.startswith("pandas") and hasattr(value, "copy"):
        return value.copy(deep=True)
    try:
        return copy.deepcopy(value)
    except Exception:  # locks, sockets, clients: nothing that an answer could spoil
        return value


def on_copies(value: Any) -> Any:
    """Return a learner's function such that it works on copies and may not change them.

    Any other value is returned as a copy.
    """
    if not isinstance(value, types.FunctionType):
        return copied(value)

    @functools.wraps(value)
    def called(*args: Any, **kwargs: Any) -> Any:
        given, named = [copied(a) for a in args], {k: copied(v) for k, v in kwargs.items()}
        result = value(*given, **named)
        try:
            bound = inspect.signature(value).bind(*given, **named).arguments
            before = inspect.signature(value).bind(*args, **kwargs).arguments
        except TypeError:
            return result
        for name in bound:
            if not unchanged(before[name], bound[name]):
                raise ChangedInput(name)
        return result

    return called


def unchanged(before: Any, after: Any) -> bool:
    """Tell whether data still is what it was; what cannot be compared counts as unchanged."""
    if before is after:
        return True
    try:
        if hasattr(before, "equals"):
            return bool(before.equals(after))
        if type(before).__module__ == "numpy":
            import numpy as np

            if getattr(before, "dtype", None) is not None and before.dtype.kind in "fc":
                return bool(np.array_equal(before, after, equal_nan=True))
            return bool(np.array_equal(before, after))
        if isinstance(before, (list, tuple)):
            return len(before) == len(after) and all(
                unchanged(a, b) for a, b in zip(before, after, strict=True)
            )
        if isinstance(before, dict):
            return list(before) == list(after) and all(
                unchanged(before[k], after[k]) for k in before
            )
        if isinstance(before, (str, bytes, int, float, complex, bool, set, frozenset)):
            return bool(before == after) or before != before
    except Exception:
        return True
    return True
