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
import json
import os
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classroom.errors import CheckError
from firstflight.workspace import PROJECT, Workspace, current

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
    changes : bool
        Whether a command that is typed changes what the judge looks at: once the reference answer
        has changed it, a line is judged by its words too. So it is wherever there are no `names`.
    """

    id: str
    names: tuple[str, ...]
    judge: Judge | None
    hint: str
    vary: Callable[[Given], Mapping[str, Any]] | None = None
    key: str | None = None
    changes: bool = False

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
    changes: bool = False,
) -> Callable[[Judge], Judge]:
    """Register a judge; see `Exercise` for the parameters.

    Returns
    -------
    callable
        The decorator, which returns the judge as it is.
    """

    def register(judge: Judge) -> Judge:
        _add(Exercise(id, names, judge, hint, vary, key, changes or not names))
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
    return of_lesson(id[:2]).get(id) if ACT.fullmatch(id) else None


def copied(value: Any) -> Any:
    """Return a copy of data; what cannot be copied (a server, a module) is returned as it is.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    object
        Of a table a copy that shares its cells until one of the two is changed.
    """
    if isinstance(value, (types.ModuleType, types.FunctionType, type)):
        return value
    try:
        if type(value) in (list, set) and all(type(one) in _CANNOT_CHANGE for one in value):
            return value.copy()
        if type(value).__module__.startswith("pandas") and hasattr(value, "attrs"):
            return value.copy(deep=False)  # pandas 3 copies when one of the two is written to
        return copy.deepcopy(value)
    except Exception:  # locks, sockets, clients: nothing that an answer could spoil
        return value


_CANNOT_CHANGE = {str, bytes, int, float, complex, bool, type(None)}


def on_copies(value: Any) -> Any:
    """Return a learner's function such that it works on copies and may not change them.

    Any other value is returned as a copy.

    Parameters
    ----------
    value : object
        What the learner made.

    Returns
    -------
    object
        A function that raises `ChangedInput` where it changes an argument.
    """
    kinds = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
    if not isinstance(value, kinds):
        return copied(value)

    def called(*args: Any, **kwargs: Any) -> Any:
        given, named = [copied(a) for a in args], {k: copied(v) for k, v in kwargs.items()}
        result = value(*given, **named)
        labels = _labels(value, args, kwargs)
        pairs = [*zip(args, given, strict=True), *((kwargs[k], named[k]) for k in kwargs)]
        for name, (before, after) in zip(labels, pairs, strict=True):
            if not unchanged(before, after):
                raise ChangedInput(name)
        return result

    return functools.update_wrapper(called, value)


def _labels(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """Return the name of each argument of a call."""
    try:
        known = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        known = []
    known = (known + ["what it is given"] * len(args))[: len(args)]
    return [*known, *kwargs]


def what_it_is(found: object) -> str:
    """Return what kind of value an answer is, for a sentence: ``"nothing"``, ``"an int"``."""
    name = type(found).__name__
    return "nothing" if found is None else f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def not_texts(found: object, keys: tuple[str, ...]) -> str:
    """Return why an answer is no dict with a text under each of these keys, or "".

    Parameters
    ----------
    found : object
        The answer.
    keys : tuple of str
        The keys, no more and no fewer.

    Returns
    -------
    str
        One sentence.
    """
    wanted = ", ".join(keys)
    if not isinstance(found, dict):
        return f"It is {what_it_is(found)}: a dict is wanted, with the keys {wanted}."
    missing = [key for key in keys if key not in found]
    if missing:
        return f"{missing[0]!r} is missing."
    more = [key for key in found if key not in keys]
    if more:
        return f"{more[0]!r} is too much: the keys are {wanted}."
    other = next((key for key in keys if not isinstance(found[key], str)), "")
    return f"{other!r} holds {what_it_is(found[other])}: write a text." if other else ""


def is_data(value: Any) -> bool:
    """Tell whether a value is data that a cell can change in place.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for lists, dictionaries, sets, tables, arrays, and objects that are made of fields.
    """
    if isinstance(value, (list, dict, set, bytearray)):
        return True
    if type(value).__module__.partition(".")[0] in {"numpy", "pandas"}:
        return hasattr(value, "shape")
    return _has_fields(value)


def _has_fields(value: Any) -> bool:
    kind = type(value)
    fields = isinstance(value, types.SimpleNamespace) or (
        hasattr(kind, "__dataclass_fields__") or hasattr(kind, "model_fields")
    )
    return fields and hasattr(value, "__dict__")


def unchanged(before: Any, after: Any) -> bool:
    """Tell whether data still is what it was; what cannot be compared counts as unchanged.

    Parameters
    ----------
    before, after : object
        A copy that was made before, and what is there now.

    Returns
    -------
    bool
        False where they surely differ.
    """
    if before is after:
        return True
    if type(before) is not type(after):
        return False
    try:
        if hasattr(before, "equals"):
            return bool(before.equals(after)) and _same_labels(before, after)
        if type(before).__module__ == "numpy" and hasattr(before, "dtype"):
            return _same_array(before, after)
        if isinstance(before, (list, tuple)):
            return len(before) == len(after) and all(
                unchanged(a, b) for a, b in zip(before, after, strict=True)
            )
        if isinstance(before, dict):
            return list(before) == list(after) and all(
                unchanged(before[k], after[k]) for k in before
            )
        if isinstance(before, (str, bytes, bytearray, int, float, complex, set, frozenset)):
            return bool(before == after) or before != before
        if _has_fields(before):
            return unchanged(vars(before), vars(after))
    except Exception:
        return True
    return True


def _same_labels(before: Any, after: Any) -> bool:
    parts = [before, *(getattr(before, "axes", None) or ())]
    others = [after, *(getattr(after, "axes", None) or ())]
    return all(
        getattr(a, "names", getattr(a, "name", None))
        == getattr(b, "names", getattr(b, "name", None))
        for a, b in zip(parts, others, strict=True)
        if not hasattr(a, "columns")
    )


def _same_array(before: Any, after: Any) -> bool:
    import numpy as np

    if before.shape != after.shape or before.dtype != after.dtype:
        return False
    if before.dtype.kind == "O":
        return unchanged(before.ravel().tolist(), after.ravel().tolist())
    return bool(np.array_equal(before, after, equal_nan=before.dtype.kind in "fcmM"))


def put_back(variables: dict[str, Any], name: str, good: Any) -> None:
    """Give changed data its old content again: in place, so that its other names have it too.

    Parameters
    ----------
    variables : dict
        The notebook's variables.
    name : str
        One of them.
    good : object
        A copy of what it was.
    """
    held = variables[name]
    try:
        if isinstance(held, (list, bytearray)):
            held[:] = good
        elif isinstance(held, (dict, set)):
            held.clear()
            held.update(good)
        elif type(held).__module__ == "numpy":
            held[...] = good
        elif hasattr(held, "_update_inplace"):
            held._update_inplace(copied(good))  # as pandas' own methods with inplace=True do
        elif _has_fields(held):
            vars(held).clear()
            vars(held).update(vars(good))
    except Exception:  # a frozen one, another shape: the names must do
        pass
    if not unchanged(good, held):
        for other in [key for key, value in variables.items() if value is held]:
            variables[other] = good


def solutions() -> Path:
    """Return the folder of the reference answers; a run of another checkout names its own."""
    return Path(os.environ.get("FIRSTFLIGHT_SOLUTIONS") or PROJECT / "solutions")


def reference_answer(id: str, folder: Path | None = None) -> str:
    """Return the source of the reference answer.

    Parameters
    ----------
    id : str
        The exercise.
    folder : Path, optional
        The folder with the solved notebooks; the project's by default.

    Returns
    -------
    str
        The text of the cell.

    Raises
    ------
    CheckError
        If no notebook of the folder holds the cell.
    """
    folder = folder or solutions()
    for path in sorted(folder.glob(f"{id.split('-')[0]}_*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell.get("id") == id and cell["cell_type"] == "code":
                return "".join(cell["source"])
    raise CheckError(
        f"No notebook in {folder.name}/ has the reference answer {id}: run `course build`."
    )
