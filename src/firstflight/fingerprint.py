"""What a function means, as text: the same for two that differ only in how they are written.

A release must be served with the feature code that it was trained with. Comparing source text, or
Python's own dump of the syntax tree, refuses a release for a reworded docstring or for another
Python version; this text does not.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

# Fields that say nothing about what is computed, or that only some Python versions have.
_IGNORED = {"ctx", "kind", "type_comment", "type_params", "annotation", "returns", "type_ignores"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# The text fields that name a variable; every other text (an attribute, a keyword) stays.
_NAMES = {
    ("Name", "id"),
    ("arg", "arg"),
    ("FunctionDef", "name"),
    ("AsyncFunctionDef", "name"),
    ("ClassDef", "name"),
    ("ExceptHandler", "name"),
    ("alias", "asname"),
    ("MatchAs", "name"),
    ("MatchStar", "name"),
    ("MatchMapping", "rest"),
}
Names = Mapping[str, str]


def meaning(function: Callable[..., Any]) -> str:
    """Return a text that changes when what a function does may change.

    The text stays the same after these edits:

    - comments, blank lines, line breaks, and brackets and quotes that Python does not need;
    - docstrings, and annotations of parameters, results and variables;
    - another name for a parameter or a local variable, used everywhere in its place. Local is what
      the function assigns, or binds by ``for``, ``with``, ``except``, ``import ... as``, ``match``,
      a comprehension or an inner ``def``.

    It changes after every other edit: a constant, an operator, the order of statements, a name
    from outside the function, an attribute, the name of a keyword in a call, a default, a
    decorator, the function's own name.

    It is the same on Python 3.11 and 3.12: nodes are written by class name and filled fields in
    sorted order, so a field that a newer Python adds and leaves empty does not show.

    Parameters
    ----------
    function : callable
        A Python function whose source can be read; a wrapper is looked through.

    Returns
    -------
    str
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    return "".join(_text(tree.body, {}, 0))


def _text(node: Any, names: Names, depth: int) -> Iterator[str]:
    """Write a node. `names` says what each local name of the functions around it is called."""
    if isinstance(node, list):
        yield "["
        for item in node:
            if not (
                isinstance(item, ast.AnnAssign) and item.value is None
            ):  # `x: int` does nothing
                yield from _text(item, names, depth)
                yield ","
        yield "]"
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield from _text(ast.Assign(targets=[node.target], value=node.value), names, depth)
    elif isinstance(node, ast.Nonlocal):
        yield f"Nonlocal({[names.get(name, name) for name in node.names]})"
    elif isinstance(node, _FUNCTIONS):
        inner = {**names, **_numbered(_bound_in_function(node), depth)}
        yield f"{type(node).__name__}({names.get(_name(node), _name(node))!r};"
        # Computed where the function is made, with the names of that place.
        around = [*getattr(node, "decorator_list", []), *node.args.defaults, *node.args.kw_defaults]
        yield from _text(around, names, depth)
        yield from _fields(node.args, inner, depth + 1, skip={"defaults", "kw_defaults"})
        yield from _text(_without_docstring(node.body), inner, depth + 1)
        yield ")"
    elif isinstance(node, _LOOPS):
        # The first thing that is gone through is computed outside.
        inner = {**names, **_numbered(_bound_in_loop(node), depth)}
        yield f"{type(node).__name__}("
        yield from _text(node.generators[0].iter, names, depth)
        for n, generator in enumerate(node.generators):
            yield from _fields(generator, inner, depth + 1, skip=set() if n else {"iter"})
        yield from _fields(node, inner, depth + 1, skip={"generators"})
        yield ")"
    elif isinstance(node, ast.ClassDef):
        # A class may mean its annotations (a dataclass does), so they stay.
        body = [
            ast.Expr(
                ast.Tuple([part.target, part.annotation, *([part.value] if part.value else [])])
            )
            if isinstance(part, ast.AnnAssign)
            else part
            for part in _without_docstring(node.body)
        ]
        yield f"ClassDef({names.get(node.name, node.name)!r};"
        yield from _fields(node, names, depth, skip={"name", "body"})
        yield from _text(body, names, depth)
        yield ")"
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        yield from _fields(node, names, depth)
        yield ")"
    else:
        yield f"{type(node).__name__}:{node!r}"


def _fields(node: ast.AST, names: Names, depth: int, skip: Collection[str] = ()) -> Iterator[str]:
    for field in sorted(set(node._fields) - _IGNORED - set(skip)):
        value = getattr(node, field, None)
        if value is None or value == []:
            continue
        yield f"{field}="
        if (type(node).__name__, field) in _NAMES:
            yield repr(names.get(value, value))
        else:
            yield from _text(value, names, depth)
        yield ";"


def _name(function: Any) -> str:
    return str(getattr(function, "name", "lambda"))


def _numbered(found: Iterable[str], depth: int) -> dict[str, str]:
    """Return names by order of first appearance; no variable can be called ``local 0.1``."""
    return {name: f"local {depth}.{n}" for n, name in enumerate(dict.fromkeys(found))}


def _bound_in_function(function: Any) -> list[str]:
    """Return the parameters and local variables of a function, by first appearance."""
    a = function.args
    parameters = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
    found = [parameter.arg for parameter in parameters if parameter is not None]
    elsewhere: set[str] = set()
    body = function.body if isinstance(function.body, list) else [function.body]
    for node in _inside(body):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            elsewhere.update(node.names)
        elif isinstance(node, ast.Name):
            found += [node.id] if isinstance(node.ctx, (ast.Store, ast.Del)) else []
        else:
            fields = [field for kind, field in _NAMES if kind == type(node).__name__]
            bound = (getattr(node, field) for field in fields if field != "arg")
            found += [name for name in bound if name is not None]
    return [name for name in found if name not in elsewhere]


def _bound_in_loop(loop: Any) -> list[str]:
    targets = [generator.target for generator in loop.generators]
    return [
        node.id
        for node in _inside(targets)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _inside(nodes: Iterable[ast.AST], *, in_loop: bool = False) -> Iterator[ast.AST]:
    """Go through the statements of one function in order, and not into functions inside it.

    Of a comprehension, which has names of its own, only what ``:=`` binds belongs to the function.
    """
    for node in nodes:
        if isinstance(node, ast.NamedExpr):
            yield node.target
            yield from _inside([node.value], in_loop=in_loop)
            continue
        if not in_loop:
            yield node
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            children = ast.iter_child_nodes(node)
            yield from _inside(children, in_loop=in_loop or isinstance(node, _LOOPS))


def _without_docstring(body: Any) -> Any:
    first = body[0] if isinstance(body, list) else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body
