"""Check a learner's own answer: pass, or a hint. Never a crash, never a false pass.

What is asked and how it is judged stands in ``classroom.exercises``. The reference answer is the
cell with the exercise's id in ``solutions/``: there is no second copy. While an answer is open or
wrong the check runs the reference answer, so that the rest of the notebook has what it needs. It
never judges the reference answer in the learner's place.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import html
import inspect
import io
import linecache
import math
import numbers
import re
import sys
import types
import zlib
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classroom import answers, cells, exercises, journal, team
from classroom.equality import is_bool, mistake, plain, same
from classroom.errors import CheckError
from classroom.exercises import ChangedInput, Exercise, Given, on_copies
from classroom.workspaces import headless

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
    *,
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
    one = _exercise(id)
    ns = _notebook_variables() if namespace is None else namespace
    folder = solutions or exercises.solutions()
    watch = _watch_of(ns)
    if _judging:
        return  # called by an answer that is being judged
    if watch is not None and watch.still_fallen_back(one):
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
    if watch is not None:
        watch.falls_back(one)
    problem = _use_reference(one, ns, folder)
    if problem is None:
        _decide(one, ns)
        if watch is not None:
            watch.fell_back(one)
        _show(id, _last[id], GOES_ON)
    elif headless():
        raise CheckError(f"The reference answer of {id} does not pass: {problem}.")
    else:
        again = "restart the kernel and run the notebook from the top"
        _show(id, _last[id], f"The reference answer does not work here ({problem}): {again}.")


def _decide(one: Exercise, ns: Mapping[str, Any]) -> None:
    """Write a decision into the team's file: the learner's, or the reference while it is open."""
    if one.key is not None:
        team.decide(one.id, one.key, plain(ns[one.names[0]]))


_last: dict[str, Verdict] = {}  # what a check said before the reference answer took its place
_judging: list[str] = []  # the exercises whose answers are being run at this moment


def _watch_of(ns: Mapping[str, Any]) -> answers.Watch | None:
    """Return what watches these variables, or None."""
    watch = answers.watching()
    return watch if watch is not None and watch.shell.user_ns is ns else None


def judged(
    one: Exercise, ns: dict[str, Any], solutions: Path | None = None, *, first_try: bool = False
) -> Verdict:
    """Judge what lies in the notebook now, and change nothing.

    Parameters
    ----------
    one : Exercise
        What was asked.
    ns : dict
        The notebook's variables.
    solutions : Path, optional
        The folder with the reference answers; the project's by default.
    first_try : bool, default False
        Judge as if the reference answer had never been run.

    Returns
    -------
    Verdict
        A pass, or why not.
    """
    folder = solutions or exercises.solutions()
    watch = _watch_of(ns)
    attempt = watch.attempts.get(one.id) if watch is not None else None
    if attempt is not None and attempt.error:
        if " raised " not in attempt.error:  # it was stopped
            return Verdict(WRONG, attempt.error)
        shell = _for_the_shell(one, attempt)
        return Verdict(WRONG, attempt.error + shell if shell else _with_hint(attempt.error, one))
    if any(ns.get(name, ...) is ... for name in one.names):
        return Verdict(OPEN, one.hint)
    empty = tuple(name for name in one.names if is_empty(ns[name]))
    if empty:
        return Verdict(WRONG, f"{empty[0]} holds no value.", empty)
    once = [name for name in one.names if isinstance(ns[name], Iterator)]
    if once:
        return Verdict(WRONG, f"{once[0]} gives its values only once: make a list of it.")
    if attempt is not None and attempt.changed:
        return Verdict(WRONG, attempt.changed)
    open_function = any(cells.is_open_stub(ns[name]) for name in one.names)
    source = attempt.source if attempt is not None else ""
    nothing_typed = not one.names and not _code(source)
    result: object
    try:
        with _quiet(one.id):
            result = _result(one, ns, source, folder)
    except CheckError:
        raise
    except ChangedInput as name:
        return Verdict(WRONG, f"Your function changes {name} in place: work on a copy of it.")
    except (Exception, SystemExit) as error:
        if open_function or nothing_typed:
            return Verdict(OPEN, one.hint)
        said = f"Checking it raised {cells.sentence(error)}"
        return Verdict(WRONG, _with_hint(said, one), one.names)
    if is_bool(result) and bool(result):
        lack = "" if first_try else _lacks(one, source, watch, folder)
        if not lack:
            return Verdict(PASSED)
        result = (
            "After an earlier try the reference answer has brought about what was asked, so what "
            f"you type in this cell is judged by its words: it lacks {lack}."
        )
    if open_function or nothing_typed:
        return Verdict(OPEN, one.hint)
    return Verdict(WRONG, result if isinstance(result, str) and result else one.hint, one.names)


def _lacks(one: Exercise, source: str, watch: answers.Watch | None, folder: Path) -> str:
    """Return what a typed line lacks where the workspace cannot tell any more, or ""."""
    if watch is None or one.kind != "type" or not one.changes or not watch.has_fallen_back(one):
        return ""
    return cells.lacking(source, exercises.reference_answer(one.id, folder))


def _for_the_shell(one: Exercise, attempt: answers.Attempt) -> str:
    """Return the advice for a command that Python was given, or ""."""
    if one.names or "SyntaxError" not in attempt.error or "!" in attempt.source:
        return ""
    return ". Put an exclamation mark before a command: the line is for the shell."


def _with_hint(error: str, one: Exercise) -> str:
    """Return what was raised, and what the exercise asks for: an error alone helps few."""
    stop = "" if error.endswith(".") or not one.hint else "."
    return f"{error}{stop} {one.hint}".strip()


def _result(one: Exercise, ns: dict[str, Any], source: str, folder: Path) -> object:
    with _changing_nothing(one, ns):
        if one.judge is None:
            result: object = _equals_reference(one, ns, folder)
        else:
            values = [on_copies(ns[name]) for name in one.names]
            takes_given = "given" in inspect.signature(one.judge).parameters
            given = Given(ns, source)
            result = one.judge(*values, **({"given": given} if takes_given else {}))
        if is_bool(result) and bool(result) and one.vary is not None and source:
            return _varied(one, ns, source, folder)
    return result


@contextlib.contextmanager
def _changing_nothing(one: Exercise, ns: dict[str, Any]) -> Iterator[None]:
    """Put back what the learner's functions change in the notebook while they are called."""
    watch = _watch_of(ns)
    spared = set(one.names) | (watch.added if watch is not None else set())
    read = cells.read_by_functions(one.names, ns) - spared
    before = {name: exercises.copied(ns[name]) for name in read if exercises.is_data(ns[name])}
    try:
        yield
    finally:
        changed = [n for n, good in before.items() if not exercises.unchanged(good, ns.get(n))]
        for name in changed:
            exercises.put_back(ns, name, before[name])
    if changed:
        raise ChangedInput(min(changed))


@contextlib.contextmanager
def _aside(
    one: Exercise,
    ns: dict[str, Any],
    text: str,
    other: Mapping[str, Any],
    given: Set[str] = frozenset(),
) -> Iterator[dict[str, Any]]:
    """Run a cell's text in the notebook on copies and on other inputs, and undo all of it.

    In the notebook's own variables: the functions of its other cells must see the other inputs.
    Those of them that are `given` in the cell itself are set after each statement that binds them.
    """
    before, watch = dict(ns), _watch_of(ns)
    try:
        if watch is not None and one.id in watch.attempts:
            watch.clear(one)
        read = cells.read_by_functions(cells.names(text).reads, ns)
        ns.update(
            {name: exercises.copied(ns[name]) for name in read if exercises.is_data(ns[name])}
        )
        ns.update(exercises.copied(dict(other)))
        yield _ran(text, ns, {name: other[name] for name in given})
    finally:
        for name in ns.keys() - before.keys():
            del ns[name]
        ns.update(before)


def _equals_reference(one: Exercise, ns: dict[str, Any], folder: Path) -> bool | str:
    """Compare the answer with the reference answer, run beside it on copies."""
    mine = {name: ns[name] for name in one.names}
    with _aside(one, ns, exercises.reference_answer(one.id, folder), {}) as beside:
        wanted = {name: beside[name] for name in one.names}
    for name in one.names:
        if not same(mine[name], wanted[name]):
            return mistake(mine[name], wanted[name])
    return True


def _varied(one: Exercise, ns: dict[str, Any], source: str, folder: Path) -> bool | str:
    """Run the learner's cell and the reference answer on other inputs, and compare."""
    assert one.vary is not None
    other = dict(one.vary(Given(ns)))
    what = ", ".join(sorted(other))
    mine = {name: ns[name] for name in one.names}
    reference = exercises.reference_answer(one.id, folder)
    given = cells.names(reference).bound & other.keys()
    with _aside(one, ns, reference, {}) as beside:
        asked = {name: beside[name] for name in given}
    for name in sorted(given):
        if not same(ns.get(name), asked[name]):
            return f"{name} is one of the inputs, and is not what the lesson gave: set it back."
    with _aside(one, ns, reference, other, given) as beside:
        wanted = {name: beside[name] for name in one.names}
    try:
        with _aside(one, ns, source, other, given) as beside:
            got = {name: beside.get(name, ...) for name in one.names}
    except (Exception, SystemExit) as error:
        return f"On other inputs ({what}) your cell raises {cells.sentence(error)}"
    for name in one.names:
        if not same(got[name], wanted[name]):
            if same(got[name], mine[name]):
                return (
                    f"With another {what} your {name} stays as it is: is a value typed in, or "
                    f"taken from elsewhere? Compute it from its inputs."
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
    """Tell whether a value stands for "nothing": ``...``, None, NaN, NaT, or only those.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        False too where it cannot be told.
    """
    try:
        return _is_empty(value)
    except Exception:  # an object that cannot be asked
        return False


def _is_empty(value: Any) -> bool:
    if value is ... or value is None:
        return True
    if isinstance(value, type):
        return False
    if isinstance(value, numbers.Number) and not isinstance(value, (bool, int)):
        return math.isnan(value)  # type: ignore[arg-type]
    if type(value).__name__ in {"NaTType", "NAType"}:
        return True
    if hasattr(value, "isna") and hasattr(value, "to_numpy"):
        blank = value.isna().to_numpy()
        return bool(blank.size and blank.all())
    if type(value).__module__ == "numpy" and getattr(value, "dtype", None) is not None:
        import numpy as np

        array = np.asarray(value)
        return bool(array.dtype.kind in "fcmM" and array.size and np.isnan(array).all())
    if isinstance(value, (list, tuple)):
        return bool(value) and all(is_empty(item) for item in value)
    if isinstance(value, dict):
        return bool(value) and all(is_empty(item) for item in value.values())
    return False


def shown(value: object, width: int = 100) -> str:
    """Return a short form of a value that is the same on every run.

    Parameters
    ----------
    value : object
        Anything.
    width : int, default 100
        The most letters.

    Returns
    -------
    str
        One line.
    """
    kind = type(value).__name__
    if isinstance(value, types.FunctionType):
        return f"the function {value.__name__}"
    try:
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple) and len(shape) == 2:
            return f"a {kind} of {shape[0]} rows and {shape[1]} columns"
        if isinstance(shape, tuple) and len(shape) == 1:
            return f"a {kind} of {shape[0]} values"
        text = repr(value)
    except Exception as error:
        return f"a {kind} whose repr raises {type(error).__name__}"
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))
    return text if len(text) <= width else text[: width - 4] + " ..."


def _notebook_variables() -> dict[str, Any]:
    """Return the notebook's variables; in a plain script, those of the calling module."""
    from IPython import get_ipython

    ip = get_ipython()
    return ip.user_ns if ip is not None else sys._getframe(2).f_globals


def _ran(text: str, ns: dict[str, Any], held: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run a cell's text, commands and all, in these variables, and return them.

    What is `held` has its value again after each statement that binds it.
    """
    python = cells.python(text)
    # Python finds the source of the answer's functions here, as it does for a cell.
    name = f"<an answer {zlib.crc32(python.encode()):08x}>"
    linecache.cache[name] = (len(python), None, python.splitlines(keepends=True), name)
    tree = ast.parse(python)
    parts = [[statement] for statement in tree.body] if held else [tree.body]
    for part in parts:
        code = compile(ast.Module(part, []), name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waits = eval(code, ns)  # a cell may `await`
        if waits is not None:
            with ThreadPoolExecutor(1) as beside:  # the kernel's own loop is running
                beside.submit(asyncio.run, waits).result()
        ns.update(exercises.copied(dict(held or {})))
    return ns


@contextlib.contextmanager
def _quiet(id: str) -> Iterator[None]:
    """Keep what an answer or a judge would show out of the check's own output."""
    from IPython import get_ipython

    publisher: Any = getattr(get_ipython(), "display_pub", None)
    hidden = publisher is not None and "publish" not in vars(publisher)
    figures = _open_figures()
    _judging.append(id)
    try:
        if hidden:
            publisher.publish = lambda *args, **kwargs: None
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        _judging.pop()
        if hidden:
            del publisher.publish
        for number in _open_figures() - figures:
            sys.modules["matplotlib.pyplot"].close(number)


def _open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot is not None else set()


def _use_reference(one: Exercise, ns: dict[str, Any], folder: Path) -> str | None:
    """Run the reference answer in the notebook; return what is wrong with it, or None."""
    try:
        with _quiet(one.id):
            _ran(exercises.reference_answer(one.id, folder), ns)
            missing = [name for name in one.names if ns.get(name, ...) is ...]
            if missing:
                return f"it does not define {missing[0]}"
            if one.judge is None or not one.names:
                return None
            result = _result(one, ns, "", folder)
    except CheckError:
        raise
    except ChangedInput as name:
        return f"it changes {name} in place"
    except (Exception, SystemExit) as error:
        return cells.sentence(error)
    return None if is_bool(result) and bool(result) else str(result)
