"""Check a learner's own answer: pass, or a hint. Never a crash, never a false pass.

An exercise is one cell with an id, such as ``05-ex1``. Its reference answer is the cell with the
same id in ``solutions/``: there is no second copy. While the answer is open or wrong, the check
runs the reference answer, so that the rest of the notebook has what it needs.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import numbers
import os
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from classroom.errors import CheckError
from classroom.workspaces import headless
from firstflight.workspace import PROJECT

Test = Callable[..., "bool | str"]


def check(
    exercise: str,
    *names: str,
    test: Test | None = None,
    hint: str = "",
    namespace: dict[str, Any] | None = None,
    solutions: Path | None = None,
) -> None:
    """Check the answer to one exercise and print what came out.

    Parameters
    ----------
    exercise : str
        The id of the exercise's cell, such as ``"05-ex1"``.
    *names : str
        The variables or functions that the answer must define, in the order `test` takes them.
    test : callable, optional
        Gets the learner's values; returns True, or a hint (str), or False for `hint`. Without it
        each value must equal the reference answer's (numbers to 1e-6).
    hint : str
        Shown while the exercise is open, and when `test` has no better one.
    namespace : dict, optional
        Where the answer lives; the notebook's variables by default.
    solutions : Path, optional
        The folder with the reference answers; the project's by default.

    Raises
    ------
    CheckError
        When the course itself is under test (headless) and its own answer does not pass.
    """
    ns = _notebook_variables() if namespace is None else namespace
    verdict = _judge(exercise, names, test, ns, solutions or _solutions())
    if verdict is None:
        print(f"{exercise}: passed.")
        return
    lines = [f"{exercise}: {verdict.what}"]
    lines += [f"  You have {name} = {shown(ns[name])}" for name in names if name in verdict.show]
    if verdict.hint or hint:
        lines.append(f"  Hint: {verdict.hint or hint}")
    problem = _use_reference(exercise, names, test, ns, solutions or _solutions())
    if problem is None:
        lines.append("  The notebook goes on with the reference answer.")
    elif headless():
        raise CheckError(f"The reference answer of {exercise} does not pass: {problem}.")
    else:
        lines.append(
            f"  The reference answer does not work here either ({problem}): "
            "restart the kernel and run the notebook from the top."
        )
    print("\n".join(lines))


class _Verdict:
    """Why an answer did not pass, with a hint and the names whose values to show."""

    def __init__(self, what: str, hint: str = "", show: tuple[str, ...] = ()) -> None:
        self.what, self.hint, self.show = what, hint, show


OPEN = "not solved yet."
WRONG = "not right yet."


def _judge(
    exercise: str, names: tuple[str, ...], test: Test | None, ns: dict[str, Any], solutions: Path
) -> _Verdict | None:
    """Return None for a pass, else the verdict."""
    if not names:
        raise CheckError(f"{exercise} names no variable to check: give at least one name.")
    unset = [name for name in names if ns.get(name, ...) is ...]
    if unset:
        return _Verdict(OPEN)
    empty = tuple(name for name in names if is_empty(ns[name]))
    if empty:
        return _Verdict(WRONG, f"{empty[0]} holds no value.", empty)
    values = [ns[name] for name in names]
    open_function = any(_returns_ellipsis(value) for value in values)
    try:
        if test is None:
            result: object = _equals_reference(exercise, names, ns, solutions)
        else:
            result = test(*values)
    except CheckError:
        raise
    except (Exception, SystemExit) as error:
        if open_function:
            return _Verdict(OPEN)
        return _Verdict(WRONG, f"checking it raised {_sentence(error)}", names)
    if _is_true(result):
        return None
    if open_function:
        return _Verdict(OPEN)
    return _Verdict(WRONG, result if isinstance(result, str) else "", names)


def _is_true(result: object) -> bool:
    """Accept True alone: an array, a number or a non-empty text is no pass."""
    return _is_bool(result) and bool(result)


def _is_bool(value: object) -> bool:
    """Tell whether a value is Python's or numpy's truth value."""
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def is_empty(value: object) -> bool:
    """Tell whether a value stands for "nothing": ``...``, None, NaN, NaT, or only those."""
    if value is ... or value is None:
        return True
    if isinstance(value, numbers.Number) and not isinstance(value, (bool, int)):
        try:
            return math.isnan(value)  # type: ignore[arg-type]
        except TypeError:
            return False
    if type(value).__name__ in {"NaTType", "NAType"}:
        return True
    if hasattr(value, "isna") and hasattr(value, "to_numpy"):
        blank = value.isna().to_numpy()
        return bool(blank.size and blank.all())
    if type(value).__module__ == "numpy" and getattr(value, "dtype", None) is not None:
        import numpy as np

        array = np.asarray(value)
        return bool(array.dtype.kind == "f" and array.size and np.isnan(array).all())
    if isinstance(value, (list, tuple)):
        return bool(value) and all(is_empty(item) for item in value)
    if isinstance(value, dict):
        return bool(value) and all(is_empty(item) for item in value.values())
    return False


def _returns_ellipsis(value: object) -> bool:
    """Tell whether a function still has the stub's ``...`` in it."""
    return isinstance(value, types.FunctionType) and ... in value.__code__.co_consts


def shown(value: object, width: int = 100) -> str:
    """Return a short form of a value that is the same on every run."""
    if isinstance(value, types.FunctionType):
        return f"the function {value.__name__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and len(shape) == 2:
        return f"a {type(value).__name__} of {shape[0]} rows and {shape[1]} columns"
    if isinstance(shape, tuple) and len(shape) == 1:
        return f"a {type(value).__name__} of {shape[0]} values"
    try:
        text = repr(value)
    except Exception as error:
        return f"a {type(value).__name__} whose repr raises {type(error).__name__}"
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))
    return text if len(text) <= width else text[: width - 4] + " ..."


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    text = re.sub(r" at 0x[0-9a-f]+", "", text)[:160]
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}."


def _notebook_variables() -> dict[str, Any]:
    """Return the notebook's variables; in a plain script, those of the calling module."""
    from IPython import get_ipython

    ip = get_ipython()
    return ip.user_ns if ip is not None else sys._getframe(2).f_globals


def _solutions() -> Path:
    """Return the folder of the reference answers; a run of another checkout names its own."""
    return Path(os.environ.get("FIRSTFLIGHT_SOLUTIONS") or PROJECT / "solutions")


def reference_answer(exercise: str, solutions: Path | None = None) -> str:
    """Return the source of the reference answer.

    Raises
    ------
    CheckError
        If no notebook of `solutions` holds the cell.
    """
    folder = solutions or _solutions()
    for path in sorted(folder.glob(f"{exercise.split('-')[0]}_*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell.get("id") == exercise and cell["cell_type"] == "code":
                return "".join(cell["source"])
    raise CheckError(
        f"No notebook in {folder.name}/ has the reference answer {exercise}: run `course build`."
    )


def _run_reference(exercise: str, ns: dict[str, Any], solutions: Path) -> None:
    source = reference_answer(exercise, solutions)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, f"<reference answer of {exercise}>", "exec"), ns)


def _use_reference(
    exercise: str, names: tuple[str, ...], test: Test | None, ns: dict[str, Any], solutions: Path
) -> str | None:
    """Run the reference answer in the notebook; return what is wrong with it, or None."""
    try:
        _run_reference(exercise, ns, solutions)
    except CheckError:
        raise
    except (Exception, SystemExit) as error:
        return _sentence(error)
    missing = [name for name in names if ns.get(name, ...) is ...]
    if missing:
        return f"it does not define {missing[0]}"
    verdict = None if test is None else _judge(exercise, names, test, ns, solutions)
    return None if verdict is None else (verdict.hint or verdict.what)


def _equals_reference(
    exercise: str, names: tuple[str, ...], ns: dict[str, Any], solutions: Path
) -> bool | str:
    """Compare the answer with the reference answer, run beside it on a copy of the names."""
    beside = dict(ns)
    _run_reference(exercise, beside, solutions)
    wrong = [name for name in names if not same(ns[name], beside[name])]
    return True if not wrong else f"{wrong[0]} has another value than it should have."


def same(left: Any, right: Any) -> bool:
    """Tell whether two answers are equal: numbers to 1e-6, tables and arrays value by value."""
    if _is_bool(left) or _is_bool(right):
        return _is_bool(left) and _is_bool(right) and bool(left) == bool(right)
    if isinstance(left, numbers.Number) and isinstance(right, numbers.Number):
        return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9)  # type: ignore[arg-type]
    if type(left) is not type(right):
        return False
    if hasattr(left, "equals"):
        return bool(left.equals(right)) or _close(left, right)
    if type(left).__module__ == "numpy":
        return _close(left, right)
    if isinstance(left, (list, tuple)):
        pairs = zip(left, right, strict=True) if len(left) == len(right) else None
        return pairs is not None and all(same(a, b) for a, b in pairs)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return bool(left == right)


def _close(left: Any, right: Any) -> bool:
    import numpy as np
    import pandas as pd

    try:
        if isinstance(left, pd.DataFrame):
            pd.testing.assert_frame_equal(left, right, rtol=1e-6)
        elif isinstance(left, (pd.Series, pd.Index)):
            pd.testing.assert_series_equal(pd.Series(left), pd.Series(right), rtol=1e-6)
        else:
            np.testing.assert_allclose(left, right, rtol=1e-6)
    except (AssertionError, TypeError, ValueError):
        return False
    return True
