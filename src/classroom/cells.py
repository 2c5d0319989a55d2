"""Read the text of a notebook's cell: what it binds, what it needs, what it may change."""

from __future__ import annotations

import ast
import re
import shlex
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Magics that run Python in the notebook itself; the cell is what stands behind them.
_RUNS_THE_CELL = re.compile(r"\A((?:[ \t]*(?:#.*)?\n)*)%%(?:time|timeit|capture|prun)\b.*(\n|\Z)")
_RUNS_THE_LINE = re.compile(r"^([ \t]*)%time[ \t]+", re.M)


@dataclass
class Names:
    """The names of the notebook that a cell deals with.

    Attributes
    ----------
    bound : set of str
        What the cell binds or deletes in the notebook itself, not inside its functions.
    inputs : set of str
        What it reads before it binds it.
    reads : set of str
        All that it reads, and what its functions read when they are called.
    stores : set of str
        What it stores into: ``rows`` of ``rows["x"] = 1``.
    """

    bound: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)


def plain(text: str) -> str:
    r"""Return a cell's text without a magic such as ``%%time``, which only runs what follows it.

    Parameters
    ----------
    text : str
        The cell.

    Returns
    -------
    str
        The same Python code.

    Examples
    --------
    >>> plain("%%time\nx = 1")
    'x = 1'
    """
    return _RUNS_THE_LINE.sub(r"\1", _RUNS_THE_CELL.sub(r"\1", text))


def python(text: str) -> str:
    """Return a cell's text as Python: its magics and commands as calls.

    Parameters
    ----------
    text : str
        The cell.

    Returns
    -------
    str
        What the notebook compiles.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(plain(text))


def names(text: str) -> Names:
    r"""Return the names that a cell deals with.

    Parameters
    ----------
    text : str
        The cell.

    Returns
    -------
    Names
        Of a cell that is no Python, only the names that it seems to bind.

    Examples
    --------
    >>> names("x = 1\ny = x + z").inputs
    {'z'}
    """
    try:
        tree = ast.parse(python(text))
    except (SyntaxError, ValueError, RecursionError):
        return Names(bound=set(re.findall(r"^(?:def |class )?(\w+)\s*[=(:](?!=)", text, re.M)))
    reader = _Reader()
    reader.visit(tree)
    return reader.found


def read_by_functions(start: Iterable[str], variables: Mapping[str, Any]) -> set[str]:
    """Return names together with all that functions under these names read in the notebook.

    Parameters
    ----------
    start : iterable of str
        The names to begin from.
    variables : mapping
        The notebook's variables.

    Returns
    -------
    set of str
        Names of the notebook.
    """
    found, todo = set(), list(start)
    while todo:
        name = todo.pop()
        if name in found or name not in variables:
            continue
        found.add(name)
        function = getattr(variables[name], "func", variables[name])  # of a partial
        function = getattr(function, "__wrapped__", function)
        if isinstance(function, types.FunctionType) and function.__globals__ is variables:
            todo += _global_names(function.__code__)
    return found


def _global_names(code: types.CodeType) -> list[str]:
    inside = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return [*code.co_names, *(name for c in inside for name in _global_names(c))]


def is_open_stub(function: Any) -> bool:
    """Tell whether a function still ends in the stub's ``return ...``.

    Parameters
    ----------
    function : object
        A function, or a task or flow of Prefect's.

    Returns
    -------
    bool
        True if one of its statements returns ``...``.
    """
    import dis

    function = getattr(function, "fn", function)
    if not isinstance(function, types.FunctionType):
        return False
    last: Any = None
    for step in dis.get_instructions(function.__code__):
        if step.opname == "RETURN_CONST":
            last = step.argval
        if step.opname in ("RETURN_CONST", "RETURN_VALUE") and last is ...:
            return True
        last = step.argval if step.opname == "LOAD_CONST" else None
    return False


def sentence(error: BaseException) -> str:
    """Return an error as a short text that is the same on every run.

    Parameters
    ----------
    error : BaseException
        The error.

    Returns
    -------
    str
        Its type and its message, without addresses in memory and names of temporary files.
    """
    text = str(error)
    if isinstance(error, SyntaxError):
        text = f"{error.msg} (line {error.lineno})" if error.lineno else str(error.msg)
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))
    text = text if len(text) <= 160 else f"{text[:160].rpartition(' ')[0]} ..."
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}."


class _Reader(ast.NodeVisitor):
    """Walks a cell in the order in which it runs; branches count as run."""

    def __init__(self) -> None:
        self.found = Names()
        self.local: list[set[str]] = []  # of comprehensions and class bodies

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node.id)
        else:
            self._bind(node.id)

    def _read(self, name: str) -> None:
        if any(name in names for names in self.local):
            return
        self.found.reads.add(name)
        if name not in self.found.bound:
            self.found.inputs.add(name)

    def _bind(self, name: str | None) -> None:
        if name is None:
            return
        if self.local:
            self.local[-1].add(name)
        else:
            self.found.bound.add(name)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        local, self.local = self.local, []  # binds outside of the comprehension
        self._bind(node.target.id)
        self.local = local

    def _visit_for(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        for statement in [*node.body, *node.orelse]:
            self.visit(statement)

    visit_For = visit_AsyncFor = _visit_for

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._stores_into(node)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._stores_into(node)
        self.generic_visit(node)

    def _stores_into(self, node: ast.Subscript | ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            return
        base: ast.AST = node
        while isinstance(base, (ast.Subscript, ast.Attribute)):
            base = base.value
        if isinstance(base, ast.Name):
            self.found.stores.add(base.id)

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        self.local.append(set())
        for part in node.generators:
            self.visit(part.iter)
            self.visit(part.target)
            for condition in part.ifs:
                self.visit(condition)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for value in parts:
            self.visit(value)
        self.local.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        given = node.args
        for default in [*given.defaults, *(d for d in given.kw_defaults if d is not None)]:
            self.visit(default)
        own = {a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]}
        own |= {a.arg for a in (given.vararg, given.kwarg) if a is not None}
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        if not isinstance(node, ast.Lambda):
            for decorator in node.decorator_list:
                self.visit(decorator)
            self._bind(node.name)
        inside = _Reader()
        for part in body:
            inside.visit(part)
        shared = {
            name for part in body for n in ast.walk(part) if isinstance(n, ast.Global)
            for name in n.names
        }  # fmt: skip
        own |= inside.found.bound - shared
        self.found.reads |= inside.found.reads - own

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        self.local.append(set())
        for statement in node.body:
            self.visit(statement)
        self.local.pop()
        self._bind(node.name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        self._bind(node.name)
        for statement in node.body:
            self.visit(statement)

    def visit_alias(self, node: ast.alias) -> None:
        if node.name != "*":
            self._bind((node.asname or node.name).partition(".")[0])

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.pattern is not None:
            self.visit(node.pattern)
        self._bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        for part in [*node.keys, *node.patterns]:
            self.visit(part)
        self._bind(node.rest)


@dataclass
class Command:
    """A command of a cell, as far as its words tell.

    Attributes
    ----------
    name : str
        The program; with what it is asked to do, if it is one of ours or git: ``"git commit"``.
    words : list of str
        The other words that are no options.
    options : dict of str to str
        The word behind each option; "" where none is.
    """

    name: str
    words: list[str]
    options: dict[str, str]


# A line for the shell, or a cell for it.
_TYPED = re.compile(
    r"^[ \t]*(?:\w[\w, \t]*=[ \t]*)?!!?(.+)$|\A\s*%%(?:bash|sh)\b.*\n([\s\S]*)", re.M
)
_HAVE_COMMANDS = {"firstflight", "course", "git"}
_SHORT = {"-u": "--usecase"}


def commands(text: str) -> list[Command]:
    """Return the commands that a cell gives to the shell, in order.

    Parameters
    ----------
    text : str
        The cell, with lines such as ``!firstflight gate 1 && firstflight status``.

    Returns
    -------
    list of Command
        Without ``cd`` and without the variables that are set for a command.

    Examples
    --------
    >>> commands("seen = !firstflight gate 1 -u air_time")
    [Command(name='firstflight gate', words=['1'], options={'--usecase': 'air_time'})]
    >>> [one.name for one in commands("!cd x && A=1 git -C y commit --all; firstflight check")]
    ['git commit', 'firstflight check']
    """
    found = []
    for match in _TYPED.finditer(text):
        for line in (match[1] or match[2]).splitlines():
            part: list[str] = []
            for word in [*_shell_words(line), ";"]:
                if not set(word) <= set(";&|"):
                    part.append(word)
                elif part:
                    found.append(_command(part))
                    part = []
    return [one for one in found if one.name and one.name.split()[0] != "cd"]


def _shell_words(line: str) -> list[str]:
    shell = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    shell.whitespace_split, shell.commenters = True, ""
    try:
        return list(shell)
    except ValueError:  # a quote that is not closed: the shell says so
        return line.split()


def _command(part: list[str]) -> Command:
    while part and re.match(r"\w+=", part[0]):
        part = part[1:]
    program = Path(part[0]).name if part else ""
    words, options, rest = [], {}, part[1:]
    if program == "git" and rest[:1] == ["-C"]:
        rest = rest[2:]
    while rest:
        word, *rest = rest
        if not word.startswith("-"):
            words.append(word)
            continue
        option, given, value = word.partition("=")
        if not given and rest and not rest[0].startswith("-"):
            value, *rest = rest
        options[_SHORT.get(option, option)] = value
    asked = words[:1] if program in _HAVE_COMMANDS else []
    return Command(" ".join([program, *asked]), words[len(asked) :], options)


def lacking(typed: str, wanted: str) -> str:
    """Return what a cell's commands lack beside those of another cell, or "".

    Commands of the path are compared with their options; of other programs only what they are
    asked to do. A reason may be any, and so may what comes from a variable.

    Parameters
    ----------
    typed, wanted : str
        The cells.

    Returns
    -------
    str
        Such as ``"`firstflight gate`"`` or ``"the --start of `firstflight train`"``.
    """
    mine = commands(typed)
    for one in commands(wanted):
        same = [other for other in mine if other.name == one.name]
        if not same:
            return f"`{one.name}`"
        if not one.name.startswith("firstflight "):
            continue
        problems = [_differs(other, one) for other in same]
        if all(problems):
            return f"{problems[-1]} of `{one.name}`"
    return ""


def _differs(one: Command, wanted: Command) -> str:
    said = [*one.words, *one.options.values()]
    for word in wanted.words:
        if word not in said and "{" not in word:
            return f"the {word}"
    for option, value in wanted.options.items():
        if option not in one.options:
            return f"the {option}"
        other = one.options[option]
        if option != "--reason" and other != value and "{" not in other + value:
            return f"the right {option}"
    return ""
