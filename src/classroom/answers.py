"""Watch the cells of a notebook: which one is an answer, how it ended, what else it changed."""

from __future__ import annotations

import builtins
import json
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from classroom import cells, exercises
from classroom.cells import Names
from classroom.errors import CheckError
from classroom.exercises import ACT, Exercise, copied, is_data, put_back, unchanged

MARK = "your answer"  # in the first line of an answer's cell, behind its id


def first_line(id: str) -> str:
    """Return the comment that begins the cell of an answer."""
    return f"# {id}: {MARK}"


@dataclass
class Attempt:
    """The last run of the cell that holds an answer.

    Attributes
    ----------
    source : str
        Its text.
    error : str
        How it failed, as a sentence; empty if it ended well.
    changed : str
        What it changed that the lesson still needs, as a sentence; or empty.
    count : int
        How often the cell has been run, from 1.
    """

    source: str
    error: str = ""
    changed: str = ""
    count: int = 1


@dataclass
class _Before:
    """What the notebook held before a cell ran."""

    info: Any
    answered: list[Exercise]
    names: Names
    inputs: set[str] = field(default_factory=set)
    held: dict[str, Any] = field(default_factory=dict)
    copies: dict[str, Any] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)


class Watch:
    """Watches one notebook's kernel.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The kernel's shell.
    lesson : str
        The two digits of the lesson whose exercises it looks for.
    """

    def __init__(self, shell: Any, lesson: str) -> None:
        self.shell, self.lesson = shell, lesson
        self.attempts: dict[str, Attempt] = {}
        # What learners' answers have added to the notebook beside what was asked for.
        self.added: set[str] = set()
        self._fallen_back: dict[str, tuple[int, dict[str, Any]]] = {}
        self._built_on: set[str] = set()  # exercises whose reference answer a later cell took up
        self._found: dict[str, Any] = {}  # what lay under an answer's names before the first one
        self._running: list[_Before] = []
        self._given: dict[str, str] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self.stop()
        self.shell.events.register("pre_run_cell", self.before)
        self.shell.events.register("post_run_cell", self.after)

    def stop(self) -> None:
        """End it."""
        for event, call in (("pre_run_cell", self.before), ("post_run_cell", self.after)):
            if call in self.shell.events.callbacks[event]:
                self.shell.events.unregister(event, call)

    def before(self, info: Any) -> None:
        """Note what a cell finds, and that it is an answer."""
        text = info.raw_cell or ""
        names = cells.names(text)
        known = exercises.of_lesson(self.lesson)
        answered, marked = self._answered_by(text, getattr(info, "cell_id", None), known, names)
        before = _Before(info, answered, names)
        for one in list(answered):
            if not marked and self._goes_on_from(one, names):
                if self._is_fallen_back(one.id):
                    answered.remove(one)  # it plays on with the reference answer
                    continue
                source = f"{self.attempts[one.id].source}\n{text}"
            else:
                self.clear(one)
                source = text
            last = self.attempts.get(one.id)
            # Noted at its start: the check may be called in the answer's own cell.
            self.attempts[one.id] = Attempt(source, count=last.count + 1 if last else 1)
        if answered:
            self._note(before)
        self._running.append(before)

    def after(self, result: Any) -> None:
        """Note how the answer ended, and put back what it changed beside its own names."""
        if not self._running:
            return  # the cell that began to watch
        info = getattr(result, "info", None)
        before = self._running.pop()
        while before.info is not info and any(one.info is info for one in self._running):
            before = self._running.pop()  # a cell inside this one, of whose end nobody heard
        if not before.answered:
            self._note_others(before)
            return
        changed = self._put_back(before)
        error = None
        if result is None:
            error = KeyboardInterrupt()
        elif not result.success:
            error = result.error_before_exec or result.error_in_exec
        for one in before.answered:
            attempt = self.attempts[one.id]
            attempt.error, attempt.changed = _how_it_failed(error), changed

    def clear(self, one: Exercise) -> None:
        """Take away an earlier answer, so that what lies there is what the cell gives now."""
        ns = self.shell.user_ns
        for name in one.names:
            if name not in self._found:
                there = ns.get(name, ...) is not ...
                self._found[name] = copied(ns[name]) if there else _NOTHING
            if self._found[name] is _NOTHING:
                ns.pop(name, None)
            elif one.id in self.attempts or one.id in self._fallen_back:
                ns[name] = copied(self._found[name])

    @contextmanager
    def nothing_noted(self) -> Iterator[None]:
        """Forget afterwards what was tried inside."""
        attempts, added, found = dict(self.attempts), set(self.added), dict(self._found)
        fallen_back, built_on = dict(self._fallen_back), set(self._built_on)
        try:
            yield
        finally:
            self.attempts, self.added, self._found = attempts, added, found
            self._fallen_back, self._built_on = fallen_back, built_on

    def falls_back(self, one: Exercise) -> None:
        """Note what lies under an answer's names before the reference answer does."""
        self.clear(one)

    def fell_back(self, one: Exercise) -> None:
        """Note that the reference answer now lies under the learner's names."""
        ns = self.shell.user_ns
        self._fallen_back[one.id] = (self._count(one.id), {name: ns[name] for name in one.names})
        self._built_on.discard(one.id)

    def has_fallen_back(self, one: Exercise) -> bool:
        """Tell whether the reference answer was run for an exercise since the lesson began."""
        return one.id in self._fallen_back

    def still_fallen_back(self, one: Exercise) -> bool:
        """Tell whether what lies there still is the reference answer of an earlier check."""
        if not self._is_fallen_back(one.id):
            return False
        reference, ns = self._fallen_back[one.id][1], self.shell.user_ns
        return one.id in self._built_on or all(ns.get(k) is v for k, v in reference.items())

    def _is_fallen_back(self, id: str) -> bool:
        return id in self._fallen_back and self._fallen_back[id][0] == self._count(id)

    def _count(self, id: str) -> int:
        return self.attempts[id].count if id in self.attempts else 0

    def _answered_by(
        self, text: str, cell_id: str | None, known: dict[str, Exercise], names: Names
    ) -> tuple[list[Exercise], bool]:
        """Return what a cell answers, and whether its id or a comment in it says so."""
        if cell_id in known:
            return [known[cell_id]], True
        lines = [line for line in text.splitlines() if line.startswith("#") and MARK in line]
        found = [known[m[0]] for line in lines for m in ACT.finditer(line) if m[0] in known]
        if found:
            return list(dict.fromkeys(found)), True
        if self._given is None:
            self._given = _given(self.lesson)
        if text.strip() in self._given.values():
            return [], False
        bound = names.bound  # less what a changed cell of the lesson binds anyway
        if cell_id is not None and cell_id in self._given:
            bound = bound - cells.names(self._given[cell_id]).bound
        return [one for one in known.values() if bound & set(one.names)], False

    def _goes_on_from(self, one: Exercise, names: Names) -> bool:
        """Tell whether a cell works on with an answer that was given elsewhere."""
        given = one.id in self.attempts or self._is_fallen_back(one.id)
        own = set(one.names)
        return given and bool(own & names.inputs or own - names.bound)

    def _note(self, before: _Before) -> None:
        names, ns = before.names, self.shell.user_ns
        reference = [cells.names(_reference(one.id)) for one in before.answered]
        before.own = {name for one in before.answered for name in one.names}
        before.own |= {name for found in reference for name in found.bound} | self.added
        before.inputs = names.inputs.union(*(found.inputs for found in reference))
        before.there = set(ns)
        before.held = {
            name: ns.get(name, _NOTHING)
            for name in names.bound - before.own
            if (name in ns or hasattr(builtins, name)) and name[0] != "_"
        }
        spared = before.own.union(*(found.stores for found in reference))
        before.copies = {
            name: copied(ns[name])
            for name in cells.read_by_functions(names.reads, ns) - spared
            if is_data(ns[name])
        }

    def _put_back(self, before: _Before) -> str:
        """Put back what an answer changed; return a sentence where that is a mistake."""
        ns = self.shell.user_ns
        changed = ""
        self.added |= before.names.bound - before.there - before.held.keys() - before.own
        used = cells.read_by_functions((n for one in before.answered for n in one.names), ns)
        for name, value in before.held.items():
            if ns.get(name, _NOTHING) is value:
                continue
            if value is _NOTHING:
                if name in used:  # a function of the answer will miss it
                    changed = changed or _OF_PYTHON.format(name=name)
                ns.pop(name, None)
                continue
            if name in before.inputs:
                changed = changed or _INPUT.format(name=name)
            ns[name] = value
        for name, value in before.copies.items():
            if name in ns and not unchanged(value, ns[name]):
                changed = _INPUT.format(name=name)
                put_back(ns, name, value)
        return changed

    def _note_others(self, before: _Before) -> None:
        """Note what a cell that is no answer binds: that is the lesson's from now on."""
        ns = self.shell.user_ns
        self.added -= before.names.bound
        for one in exercises.of_lesson(self.lesson).values():
            for name in before.names.bound & set(one.names):
                if self._is_fallen_back(one.id):
                    self._built_on.add(one.id)
                if self._found.get(name, _NOTHING) is not _NOTHING and name in ns:
                    self._found[name] = copied(ns[name])


_NOTHING: Any = object()
_INPUT = (
    "Your cell changes {name}, one of its inputs, which the lesson still needs (it is put back): "
    "work on a copy, or give what you make a name of its own."
)
_OF_PYTHON = (
    "Your cell takes the name {name} from Python, whose own {name} the lesson still needs (it is "
    "put back): give yours another name."
)


def _how_it_failed(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, (KeyboardInterrupt, CancelledError)):
        return "Your answer's cell was stopped before its end: run it again."
    return f"Your answer's cell raised {cells.sentence(error)}"


def _reference(id: str) -> str:
    try:
        return exercises.reference_answer(id)
    except CheckError:
        return ""


def _given(lesson: str) -> dict[str, str]:
    """Return the texts of a lesson's cells that are not answers, by the ids of the cells."""
    found = {}
    folder = exercises.solutions()
    for place in (folder, folder.with_name("notebooks")):
        for path in place.glob(f"{lesson}_*.ipynb"):
            for cell in json.loads(path.read_text())["cells"]:
                if not ACT.fullmatch(cell.get("id", "")):
                    found[cell.get("id", "")] = "".join(cell["source"]).strip()
    return found


_watch: Watch | None = None


def watch(lesson: str) -> Watch | None:
    """Watch this notebook for a lesson's answers; in a plain script nothing is watched.

    Parameters
    ----------
    lesson : str
        The lesson's two digits. A lesson that begins again in its notebook goes on with what was
        noted: the answers still lie there.

    Returns
    -------
    Watch or None
        What watches.
    """
    global _watch
    from IPython import get_ipython

    shell = get_ipython()
    if _watch is not None and (_watch.shell, _watch.lesson) == (shell, lesson):
        _watch.start()
        return _watch
    if _watch is not None:
        _watch.stop()
        _watch = None
    if shell is not None:
        _watch = Watch(shell, lesson)
        _watch.start()
    return _watch


def watching() -> Watch | None:
    """Return what watches this notebook, or None."""
    return _watch
