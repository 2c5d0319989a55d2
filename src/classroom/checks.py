"""Check a learner's own answer: pass, or a hint. Never a crash, never a false pass.

What is asked and how it is judged stands in ``classroom.exercises``. The reference answer is the
cell with the exercise's id in ``solutions/``: there is no second copy. While an answer is open or
wrong the check runs the reference answer, so that the rest of the notebook has what it needs. It
never judges the reference answer in the learner's place.
"""

from __future__ import annotations

import contextlib
import html
import inspect
import io
import json
import linecache
import math
import numbers
import os
import re
import sys
import types
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classroom import answers, exercises, journal, team
from classroom.equality import is_bool, mistake, same
from classroom.errors import CheckError
from classroom.exercises import ChangedInput, Exercise, Given, on_copies
from classroom.workspaces import headless
from firstflight.workspace import PROJECT

OPEN = "not solved yet."
WRONG = "not right yet."
GOES_ON = "The notebook goes on with the reference answer."


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes
    ----------
    what : str
        ``"passed."``, or how it did not.
    hint : str
        What helps; empty for a pass.
    show : tuple of str
        The names whose values the learner should see again.
    lines : tuple of str
        Those values, as they were when the check looked at them.
    """

    what: str
    hint: str = ""
    show: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.what == PASSED


PASSED = "passed."


def check(
    id: str,
    *names: str,
    test: Any = None,
    hint: str = "",
    namespace: dict[str, Any] | None = None,
    solutions: Path | None = None,
) -> None:
    """Check the answer to one exercise and show what came out.

    Parameters
    ----------
    id : str
        The exercise's id, such as ``"05-ex1"``.
    namespace : dict, optional
        Where the answer lives; the notebook's variables by default.
    solutions : Path, optional
        The folder with the reference answers; the project's by default.

    Raises
    ------
    CheckError
        When there is no such exercise; or when the course itself is under test (headless) and its
        own answer does not pass.
    """
    one = _exercise(id) if not names else Exercise(id, names, test, hint)
    ns = _notebook_variables() if namespace is None else namespace
    folder = solutions or _solutions()
    watch = answers.watching()
    if watch is not None and watch.still_fallen_back(id, ns):
        verdict = _last.get(id, Verdict(OPEN, one.hint))
        _show(id, verdict, GOES_ON)
        return
    verdict = judged(one, ns, folder)
    journal.checked(id, verdict.passed)
    if verdict.passed:
        _decide(one, ns)
        _show(id, verdict, "")
        return
    _last[id] = _with_values(verdict, ns)
    problem = _use_reference(one, ns, folder)
    if problem is None:
        _decide(one, ns)
        if watch is not None:
            watch.fell_back(id, ns, one.names)
        _show(id, _last[id], GOES_ON)
    elif headless():
        raise CheckError(f"The reference answer of {id} does not pass: {problem}.")
    else:
        again = "restart the kernel and run the notebook from the top"
        _show(id, _last[id], f"The reference answer does not work here ({problem}): {again}.")


def _decide(one: Exercise, ns: Mapping[str, Any]) -> None:
    """Write a decision into the team's file: the learner's, or the reference while it is open."""
    if one.key is not None:
        value = ns[one.names[0]]
        team.decide(one.id, one.key, value.item() if hasattr(value, "item") else value)


_last: dict[str, Verdict] = {}  # what a check said before the reference answer took its place


def judged(one: Exercise, ns: dict[str, Any], solutions: Path | None = None) -> Verdict:
    """Judge what lies in the notebook now, and change nothing.

    Parameters
    ----------
    one : Exercise
        What was asked.
    ns : dict
        The notebook's variables.
    solutions : Path, optional
        The folder with the reference answers; the project's by default.

    Returns
    -------
    Verdict
        A pass, or why not.
    """
    folder = solutions or _solutions()
    watch = answers.watching()
    attempt = watch.attempts.get(one.id) if watch is not None else None
    if attempt is not None and attempt.error:
        return Verdict(WRONG, f"Your answer's cell raised {attempt.error}", ())
    if any(ns.get(name, ...) is ... for name in one.names):
        return Verdict(OPEN, one.hint)
    empty = tuple(name for name in one.names if is_empty(ns[name]))
    if empty:
        return Verdict(WRONG, f"{empty[0]} holds no value.", empty)
    if attempt is not None and attempt.changed:
        return Verdict(
            WRONG,
            f"Your cell changes {attempt.changed}, which the lesson still needs (it is put back): "
            "work on a copy, or give what you make a name of its own.",
        )
    open_function = any(_returns_ellipsis(ns[name]) for name in one.names)
    source = attempt.source if attempt is not None else ""
    nothing_typed = not one.names and not _code(source)
    try:
        result = _result(one, ns, source, folder)
    except CheckError:
        raise
    except ChangedInput as name:
        return Verdict(
            WRONG, f"Your function changes its input {name} in place: work on a copy of it.", ()
        )
    except (Exception, SystemExit) as error:
        if open_function or nothing_typed:
            return Verdict(OPEN, one.hint)
        return Verdict(WRONG, f"Checking it raised {_sentence(error)}", one.names)
    if result is True or (is_bool(result) and bool(result)):
        return Verdict(PASSED)
    if open_function or nothing_typed:
        return Verdict(OPEN, one.hint)
    return Verdict(WRONG, result if isinstance(result, str) and result else one.hint, one.names)


def _result(one: Exercise, ns: dict[str, Any], source: str, folder: Path) -> bool | str:
    given = Given(ns, source)
    if one.judge is None:
        result = _equals_reference(one, ns, folder)
    else:
        values = [on_copies(ns[name]) for name in one.names]
        takes_given = "given" in inspect.signature(one.judge).parameters
        result = one.judge(*values, **({"given": given} if takes_given else {}))
    if result is True and one.vary is not None and source:
        return _varied(one, ns, source, folder)
    return result


def _equals_reference(one: Exercise, ns: dict[str, Any], folder: Path) -> bool | str:
    """Compare the answer with the reference answer, run beside it on copies."""
    beside = _ran(reference_answer(one.id, folder), {k: exercises.copied(v) for k, v in ns.items()})
    for name in one.names:
        if not same(ns[name], beside[name]):
            return mistake(ns[name], beside[name])
    return True


def _varied(one: Exercise, ns: dict[str, Any], source: str, folder: Path) -> bool | str:
    """Run the learner's cell and the reference answer on other inputs, and compare."""
    assert one.vary is not None
    other = dict(one.vary(Given(ns)))
    wanted = _ran(reference_answer(one.id, folder), ns | exercises.copied(other))
    try:
        got = _ran(source, ns | exercises.copied(other))
    except Exception as error:
        return f"On other inputs ({', '.join(sorted(other))}) your cell raises {_sentence(error)}"
    for name in one.names:
        if not same(got.get(name), wanted[name]):
            what = ", ".join(sorted(other))
            if same(got.get(name), ns[name]):
                return (
                    f"With another {what} your {name} stays as it is: is a value typed in, or "
                    f"taken from elsewhere? Compute it from {what}."
                )
            return f"It is right here, and with another {what} it is not."
    return True


def _show(id: str, verdict: Verdict, after: str) -> None:
    """Show a verdict: with a colour in a browser, as plain text beside it."""
    lines = [f"{id}: {verdict.what}", *verdict.lines]
    if verdict.hint and not verdict.passed:
        lines.append(f"Hint: {verdict.hint}")
    if after:
        lines.append(after)
    present(
        "\n  ".join(lines), "good" if verdict.passed else "open" if verdict.what == OPEN else "bad"
    )


COLOURS = {"good": "#2e7d4f", "bad": "#c0392b", "open": "#b07d12", "note": "#3b6ea5"}
SIGNS = {"good": "✓", "bad": "✗", "open": "○", "note": "·"}


def present(text: str, mood: str) -> None:
    """Show lines of text as a coloured box, and as plain text where there is no browser.

    Parameters
    ----------
    text : str
        The lines; the first is the heading.
    mood : str
        ``"good"``, ``"bad"``, ``"open"`` or ``"note"``.
    """
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(text)
        return
    first, *rest = (html.escape(line.strip()) for line in text.split("\n"))
    colour = COLOURS[mood]
    body = "".join(f'<div style="margin-top:.25em">{line}</div>' for line in rest)
    box = (
        f'<div style="border-left:5px solid {colour};padding:.45em .9em;'
        f'background:{colour}22;max-width:62em">'
        f'<b><span style="color:{colour}">{SIGNS[mood]}</span> {first}</b>{body}</div>'
    )
    display({"text/plain": _Plain(text), "text/html": box}, raw=True)


class _Plain(str):
    """A text whose repr is itself, as a notebook shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _with_values(verdict: Verdict, ns: Mapping[str, Any]) -> Verdict:
    """Put the learner's values into the verdict, before the reference answer takes their place."""
    if verdict.what == OPEN:
        return verdict
    lines = tuple(
        f"You have {name} = {shown(ns[name])}"
        for name in verdict.show
        if not isinstance(ns.get(name), types.FunctionType)
    )
    return Verdict(verdict.what, verdict.hint, verdict.show, lines)


def _exercise(id: str) -> Exercise:
    one = exercises.find(id)
    if one is None:
        raise CheckError(
            f"There is no exercise {id}: give the id that stands in the box above the answer."
        )
    return one


def _code(source: str) -> str:
    """Return what is left of a cell without comments and blank lines."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#") and line != "...")


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
    function = getattr(value, "fn", value)  # of a Prefect task or flow
    return isinstance(function, types.FunctionType) and ... in function.__code__.co_consts


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


def reference_answer(id: str, solutions: Path | None = None) -> str:
    """Return the source of the reference answer.

    Raises
    ------
    CheckError
        If no notebook of `solutions` holds the cell.
    """
    folder = solutions or _solutions()
    for path in sorted(folder.glob(f"{id.split('-')[0]}_*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell.get("id") == id and cell["cell_type"] == "code":
                return "".join(cell["source"])
    raise CheckError(
        f"No notebook in {folder.name}/ has the reference answer {id}: run `course build`."
    )


def _ran(source: str, ns: dict[str, Any]) -> dict[str, Any]:
    """Run a cell's text, commands and all, in these variables, and return them."""
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(source)
    # Python finds the source of the answer's functions here, as it does for a cell.
    name = f"<an answer {zlib.crc32(code.encode()):08x}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    with contextlib.redirect_stdout(io.StringIO()), _nothing_displayed():
        exec(compile(code, name, "exec"), ns)
    return ns


@contextlib.contextmanager
def _nothing_displayed() -> Any:
    """Keep what an answer would show out of the check's own output."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        yield
        return
    before = shell.display_pub.publish
    shell.display_pub.publish = lambda *args, **kwargs: None
    try:
        yield
    finally:
        shell.display_pub.publish = before


def _use_reference(one: Exercise, ns: dict[str, Any], folder: Path) -> str | None:
    """Run the reference answer in the notebook; return what is wrong with it, or None."""
    try:
        _ran(reference_answer(one.id, folder), ns)
    except CheckError:
        raise
    except (Exception, SystemExit) as error:
        return _sentence(error)
    missing = [name for name in one.names if ns.get(name, ...) is ...]
    if missing:
        return f"it does not define {missing[0]}"
    if one.judge is None or not one.names:
        return None
    try:
        result = _result(one, ns, "", folder)
    except ChangedInput as name:
        return f"it changes its input {name}"
    except (Exception, SystemExit) as error:
        return _sentence(error)
    return None if result is True else str(result)
