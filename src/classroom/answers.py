"""Watch the cells of a notebook: which one is an answer, how it ended, what else it changed."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from classroom import exercises
from classroom.exercises import ACT, Exercise, copied, unchanged

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
        What it raised, as a sentence; empty if it ended well.
    changed : str
        A variable of the notebook that it changed, which the lesson still needs; or empty.
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

    attempts: list[Exercise]
    copies: dict[str, Any] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)


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
        self.fallen_back: dict[str, tuple[int, dict[str, Any]]] = {}
        self._before: _Before | None = None

    def start(self) -> None:
        """Begin to watch."""
        self.shell.events.register("pre_run_cell", self.before)
        self.shell.events.register("post_run_cell", self.after)

    def stop(self) -> None:
        """End it."""
        for event, call in (("pre_run_cell", self.before), ("post_run_cell", self.after)):
            if call in self.shell.events.callbacks[event]:
                self.shell.events.unregister(event, call)

    def answered_by(self, text: str, cell_id: str | None) -> list[Exercise]:
        """Return the exercises that a cell answers: by its id, its first line, or its names."""
        known = exercises.of_lesson(self.lesson)
        if cell_id in known:
            return [known[cell_id]]
        first = text.lstrip().partition("\n")[0]
        marked = [known[m[0]] for m in ACT.finditer(first) if m[0] in known and MARK in first]
        if marked:
            return marked
        names = _bound_names(_parsed(self.shell, text))
        return [one for one in known.values() if names & set(one.names)]

    def before(self, info: Any) -> None:
        """Note what a cell finds, if it is an answer."""
        text = info.raw_cell or ""
        answered = self.answered_by(text, getattr(info, "cell_id", None))
        self._before = before = _Before(answered)
        if not answered:
            return
        ns = self.shell.user_ns
        for one in answered:
            _, reference = self.fallen_back.get(one.id, (0, {}))
            for name, value in reference.items():
                if ns.get(name, None) is value:
                    del ns[name]  # or a cell that raises would leave the reference answer there
        tree = _parsed(self.shell, text)
        own = {name for one in answered for name in one.names}
        before.read = _read_names(tree) - own
        before.bound = {
            name: ns[name] for name in _bound_names(tree) - own if name in ns and name[0] != "_"
        }
        before.copies = {
            name: copied(ns[name]) for name in before.read & ns.keys() if _is_data(ns[name])
        }

    def after(self, result: Any) -> None:
        """Note how the answer ended, and put back what it changed beside its own names."""
        before, self._before = self._before, None
        if before is None or not before.attempts:
            return
        ns = self.shell.user_ns
        changed = ""
        for name, value in before.bound.items():
            if ns.get(name) is not value:
                changed = changed or (name if name in before.read else "")
                ns[name] = value
        for name, value in before.copies.items():
            if name in ns and not unchanged(value, ns[name]):
                changed, ns[name] = name, value
        error = result.error_before_exec or result.error_in_exec
        text = result.info.raw_cell or ""
        for one in before.attempts:
            last = self.attempts.get(one.id)
            self.attempts[one.id] = Attempt(
                text, _sentence(error) if error else "", changed, last.count + 1 if last else 1
            )

    def fell_back(self, id: str, ns: dict[str, Any], names: tuple[str, ...]) -> None:
        """Note that the reference answer now lies under the learner's names."""
        self.fallen_back[id] = (self._count(id), {name: ns[name] for name in names})

    def still_fallen_back(self, id: str, ns: dict[str, Any]) -> bool:
        """Tell whether what lies there still is the reference answer of an earlier check."""
        if id not in self.fallen_back:
            return False
        count, reference = self.fallen_back[id]
        return self._count(id) == count and all(
            ns.get(name) is value for name, value in reference.items()
        )

    def _count(self, id: str) -> int:
        return self.attempts[id].count if id in self.attempts else 0


_watch: Watch | None = None


def watch(lesson: str) -> Watch | None:
    """Watch this notebook for a lesson's answers; in a plain script nothing is watched."""
    global _watch
    from IPython import get_ipython

    if _watch is not None:
        _watch.stop()
        _watch = None
    shell = get_ipython()
    if shell is not None:
        _watch = Watch(shell, lesson)
        _watch.start()
    return _watch


def watching() -> Watch | None:
    """Return what watches this notebook, or None."""
    return _watch


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}."


def _parsed(shell: Any, text: str) -> ast.Module:
    try:
        return ast.parse(shell.transform_cell(text))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _bound_names(tree: ast.Module) -> set[str]:
    """Return the names that a cell binds in the notebook itself, not inside its functions."""
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            return
        if isinstance(
            node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        ):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names.add(node.id)
        if isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in tree.body:
        visit(statement)
    return names


def _read_names(tree: ast.Module) -> set[str]:
    """Return the names that a cell's own statements read or change in place."""
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            return  # it has not run yet; a judge calls it on copies
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            names.add(node.id)
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in tree.body:
        visit(statement)
    return names


def _is_data(value: Any) -> bool:
    if isinstance(value, (list, dict, set, bytearray)):
        return True
    return type(value).__module__.partition(".")[0] in {"numpy", "pandas"} and hasattr(
        value, "shape"
    )
