"""Every public function says each parameter, what it returns and which errors it raises."""

from __future__ import annotations

import ast
from pathlib import Path

import docstring_parser
import pytest

import firstflight

ROOT = Path(firstflight.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
# A command's parameters are described where typer prints them, a validator's are pydantic's.
NOT_CALLED_BY_PEOPLE = {"command", "callback", "field_validator", "model_validator"}


def public_functions(body, prefix=""):
    """Yield name and node of every function and method that people may call."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{node.name}.")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(d).split("(")[0].split(".")[-1] for d in node.decorator_list}
            if not node.name.startswith("_") and not decorators & NOT_CALLED_BY_PEOPLE:
                yield prefix + node.name, node, decorators


def raised(function):
    """Return the errors of ours that a function raises by itself (not in a function inside it)."""
    found, todo = set(), list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Try):  # what is raised in a try may be caught there
            todo += [*node.handlers, *node.orelse, *node.finalbody]
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found.add(ast.unparse(node.exc.func).split(".")[-1])
        todo += ast.iter_child_nodes(node)
    return {name for name in found if name[0].isupper()}  # not what a function returned


def missing(function, decorators):
    """Return what the docstring of a function leaves out, as sentences."""
    said = docstring_parser.parse(
        ast.get_docstring(function) or "", docstring_parser.DocstringStyle.NUMPYDOC
    )
    names = {
        name.strip().lstrip("*")
        for p in said.params
        if p.args[0] in ("param", "other_param")
        for name in p.arg_name.split(",")
    }
    given = function.args
    wanted = [a.arg for a in given.posonlyargs + given.args + given.kwonlyargs]
    wanted += [a.arg for a in (given.vararg, given.kwarg) if a]
    wanted = [name for name in wanted if name not in ("self", "cls") and name[0] != "_"]
    out = [f"parameter {name}" for name in wanted if name not in names]
    out += [f"no such parameter: {name}" for name in sorted(names - set(wanted))]
    gives = ast.unparse(function.returns) if function.returns else "None"
    # A property's first line says what it is; a function without parameters may do the same.
    if wanted and gives not in ("None", "NoReturn") and not said.returns:
        out += ["what it returns"]
    errors = {r.type_name for r in said.raises}
    return out + [f"raises {name}" for name in sorted(raised(function) - errors)]


def test_the_check_sees_what_is_missing():
    text = '''
def mean(rows, metric) -> float:
    """Return a mean.

    Parameters
    ----------
    rows : list of float
        Losses.
    other : str
        Nothing.
    """
    if not rows:
        raise ValueError("none")
    return 0.0
'''
    ((name, function, decorators),) = public_functions(ast.parse(text).body)
    assert name == "mean"
    assert missing(function, decorators) == [
        "parameter metric",
        "no such parameter: other",
        "what it returns",
        "raises ValueError",
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_public_function_says_parameters_results_and_errors(path):
    left_out = {
        name: gaps
        for name, function, decorators in public_functions(ast.parse(path.read_text()).body)
        if (gaps := missing(function, decorators))
    }
    assert not left_out, "\n".join(f"{name}: {gaps}" for name, gaps in left_out.items())


def test_the_module_map_has_every_module_with_its_first_line():
    """CONTRIBUTING says one sentence per module: the one that the module says itself."""
    page = (ROOT.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in ROOT.glob("*.py"):
        if path.name != "__init__.py":
            says = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
            assert f"| `{path.name}` | {says} |" in page, path.name
