"""What a function does, written down so that only edits which can change it change the text.

``ast.dump`` is no such text: it holds docstrings and annotations, and its form differs from one
version of Python to the next. Here the tree is walked by rules of our own: fields that are empty,
or say nothing about what is computed, are left out, and a local name is written as the number of
its first use.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

# Annotations and comments on types change no result; ctx, kind and type_params follow from the
# rest of the tree, and some exist on newer versions of Python only.
SILENT = {"annotation", "returns", "type_comment", "type_params", "type_ignores", "ctx", "kind"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def of(function: Callable[..., Any]) -> str:
    """Return the canonical text of a function's source.

    Parameters
    ----------
    function : callable
        Written in Python, with its source at hand.

    Returns
    -------
    str
        Another text after every edit that can change what the function does; `of_source` says
        which edits do not count.

    Raises
    ------
    OSError
        If the source cannot be found, as of a function that was typed at Python's prompt.
    TypeError
        If it is not written in Python.
    """
    return of_source(inspect.getsource(function))


def of_source(source: str) -> str:
    """Return the canonical text of a piece of Python.

    It does not change with comments, layout, docstrings, annotations, or a new name for a local
    variable or for a parameter that is not keyword-only.

    Parameters
    ----------
    source : str
        Python code; it may be indented as a whole.

    Returns
    -------
    str
        The text, on one line.

    Raises
    ------
    SyntaxError
        If it is not Python.

    Examples
    --------
    >>> of_source("lambda row: row + 1") == of_source("lambda day: day + 1  # tomorrow")
    True
    >>> of_source("lambda row: row + 1") == of_source("lambda row: row + 2")
    False
    """
    return _text(ast.parse(textwrap.dedent(source)), [])


def _text(value: Any, scopes: list[dict[str, str]]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_text(part, scopes) for part in value)}]"
    if not isinstance(value, ast.AST):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, ast.Name):
        return f"Name {_written(value.id, scopes)}"
    if isinstance(value, ast.arg):  # its annotation is left out
        return f"arg {_written(value.arg, scopes)}"
    if isinstance(value, ast.ExceptHandler) and value.name:
        body = _text(_body(value.body), scopes)
        kind = _text(value.type, scopes)
        return f"ExceptHandler({kind}, {_written(value.name, scopes)}, {body})"
    if isinstance(value, ast.AnnAssign):  # with a value it is an assignment; without, it is nothing
        if value.value is None:
            return "Pass"
        target, what = _text([value.target], scopes), _text(value.value, scopes)
        return f"Assign(targets={target}, value={what})"
    if isinstance(value, FUNCTIONS):
        return _function(value, scopes)
    if isinstance(value, COMPREHENSIONS):
        targets = (n for g in value.generators for n in ast.walk(g.target))
        inner = {n.id for n in targets if isinstance(n, ast.Name)}
        return _fields(value, [*scopes, _numbered(_by_first_use(inner, value), len(scopes))])
    return _fields(value, scopes)


def _function(node: Any, scopes: list[dict[str, str]]) -> str:
    """Return a function's text: its defaults and decorators outside, the rest in its own scope."""
    outside = {
        "decorators": _text(getattr(node, "decorator_list", []), scopes),
        "defaults": _text(node.args.defaults, scopes),
        "kw_defaults": _text(node.args.kw_defaults, scopes),
    }
    inner = [*scopes, _numbered(_by_first_use(_locals(node), node), len(scopes))]
    arguments = node.args
    # A keyword-only parameter is called by its name, so that name is part of what it does.
    shape = {
        "posonly": _text(arguments.posonlyargs, inner),
        "args": _text(arguments.args, inner),
        "vararg": _text(arguments.vararg, inner),
        "kwonly": str([argument.arg for argument in arguments.kwonlyargs]),
        "kwarg": _text(arguments.kwarg, inner),
    }
    body = node.body if isinstance(node, ast.Lambda) else _body(node.body)
    name = _written(node.name, scopes) if hasattr(node, "name") else ""
    parts = {**outside, **shape, "body": _text(body, inner)}
    return f"{type(node).__name__} {name}({', '.join(f'{k}={v}' for k, v in parts.items())})"


def _body(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements without those that are only a text: docstrings."""
    kept = [
        s
        for s in statements
        if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        and not isinstance(s, ast.Pass)
        and not (isinstance(s, ast.AnnAssign) and s.value is None)
    ]
    return kept


def _fields(node: ast.AST, scopes: list[dict[str, str]]) -> str:
    parts = []
    for name, value in ast.iter_fields(node):
        if name in SILENT or value is None or value == []:
            continue
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            value = _body(value)
        parts.append(f"{name}={_text(value, scopes)}")
    return f"{type(node).__name__}({', '.join(parts)})"


def _locals(function: Any) -> set[str]:
    """Return the names that belong to a function: parameters, and what it binds itself."""
    arguments = function.args
    found = {a.arg for a in (*arguments.posonlyargs, *arguments.args)}
    found |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    elsewhere: set[str] = {a.arg for a in arguments.kwonlyargs}

    def look(node: ast.AST) -> None:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            elsewhere.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
            return
        if isinstance(node, (ast.ClassDef, ast.Lambda, *COMPREHENSIONS)):
            for inner in ast.walk(node):  # only := reaches out of these
                if isinstance(inner, ast.NamedExpr) and isinstance(inner.target, ast.Name):
                    found.add(inner.target.id)
            return
        for child in ast.iter_child_nodes(node):
            look(child)

    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    for statement in body:
        look(statement)
    return found - elsewhere


def _by_first_use(names: set[str], node: ast.AST) -> list[str]:
    """Return the names in the order in which they first appear in a tree."""
    order: dict[str, None] = {}
    for part in _in_order(node):
        # Not the name of a keyword argument: it belongs to the function that is called.
        if isinstance(part, ast.Name):
            name = part.id
        elif isinstance(part, ast.arg):
            name = part.arg
        elif isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ExceptHandler)):
            name = part.name or ""
        else:
            continue
        if name in names:
            order.setdefault(name)
    return list(order)


def _in_order(node: ast.AST) -> Any:
    yield node
    for name, value in ast.iter_fields(node):
        if name in SILENT:
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from _in_order(part)


def _numbered(names: list[str], depth: int) -> dict[str, str]:
    return {name: f"<{depth}.{i}>" for i, name in enumerate(names)}


def _written(name: str, scopes: list[dict[str, str]]) -> str:
    for scope in reversed(scopes):
        if name in scope:
            return scope[name]
    return f"builtin {name}" if hasattr(builtins, name) else name
