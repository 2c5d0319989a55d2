"""The digest of feature code: which edits count, on every Python (faults 1 and 38)."""

import ast
import dataclasses
import dis
import inspect
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from firstflight import fingerprint
from firstflight import usecase as usecases

BASE = '''
def rate(rows, lag=1, *, least=5):
    """Return a rate."""
    flown = rows[rows["delay"] > 15]  # late
    days = {day: len(part) for day, part in flown.groupby("date")}
    try:
        return sum(days.values()) / max(least, len(rows)) + lag
    except ZeroDivisionError as error:
        raise ValueError("no rows") from error
'''

SAME = {
    "docstring": BASE.replace("Return a rate.", "Return the share of late flights."),
    "no docstring": BASE.replace('    """Return a rate."""\n', ""),
    "comment": BASE.replace("# late", "# 15 minutes or more"),
    "layout": BASE.replace('rows["delay"] > 15', "(\n    rows[\n  'delay'\n] > 15)"),
    "annotations": BASE.replace("rows, lag=1, *", "rows: list, lag: int = 1, *"),
    "result annotated": BASE.replace("least=5):", "least: int = 5) -> float:"),
    "annotated variable": BASE.replace("flown = ", "flown: object = "),
    "local renamed": BASE.replace("flown", "late_ones"),
    "parameter renamed": BASE.replace("rows", "table").replace("no table", "no rows"),
    "loop variable renamed": BASE.replace("day:", "d:").replace("for day,", "for d,"),
    "error renamed": BASE.replace("as error", "as e").replace("from error", "from e"),
}  # fmt: skip
OTHER = {
    "constant": BASE.replace("15", "16"),
    "operator": BASE.replace("> 15", ">= 15"),
    "column": BASE.replace('"delay"', '"arr_delay"'),
    "text": BASE.replace("no rows", "none"),
    "default": BASE.replace("lag=1", "lag=2"),
    "keyword-only default": BASE.replace("least=5", "least=6"),
    "keyword-only name": BASE.replace("least", "fewest"),
    "called function": BASE.replace("max(", "min("),
    "method": BASE.replace(".values()", ".keys()"),
    "other variable": BASE.replace("len(rows)", "len(flown)"),
    "swapped": BASE.replace("day, part", "part, day"),
    "name": BASE.replace("def rate", "def share"),
    "decorator": "@cached" + BASE,
    "int for float": BASE.replace("15", "15.0"),
    "global": BASE.replace("max(least", "max(LEAST"),
    "order": BASE.replace("rows, lag=1", "lag, rows=1"),
    "statement more": BASE.replace("    try:", "    days.clear()\n    try:"),
}


@pytest.mark.parametrize("edit", SAME)
def test_an_edit_that_changes_no_feature_does_not_count(edit):
    assert SAME[edit] != BASE
    assert fingerprint.of_source(SAME[edit]) == fingerprint.of_source(BASE)


@pytest.mark.parametrize("edit", OTHER)
def test_an_edit_that_can_change_a_feature_counts(edit):
    assert OTHER[edit] != BASE
    assert fingerprint.of_source(OTHER[edit]) != fingerprint.of_source(BASE)


def test_a_name_that_is_also_a_keyword_argument_may_be_renamed():
    before = "def f(a):\n    late = a > 1\n    early = a < 1\n    return g(early=early, late=late)"
    after = before.replace("late = a", "x = a").replace("late=late", "late=x")
    assert fingerprint.of_source(before) == fingerprint.of_source(after)


def test_a_rename_that_catches_a_global_counts():
    before = "def f(a):\n    return a + b"
    assert fingerprint.of_source(before) == fingerprint.of_source("def f(c):\n    return c + b")
    assert fingerprint.of_source(before) != fingerprint.of_source("def f(b):\n    return b + b")


@pytest.mark.parametrize("name", usecases.USECASES)
def test_every_single_edit_of_the_real_code_counts(name):
    """Each constant and operator of the feature code is changed, one at a time."""
    case, n = usecases.get(name), 0
    for features in case.features.values():
        for function in features.code:
            source = textwrap.dedent(inspect.getsource(function))
            before = fingerprint.of_source(source)
            nodes = [x for x in ast.walk(ast.parse(source)) if isinstance(x, ast.Constant)]
            for i, node in enumerate(nodes):
                tree = ast.parse(source)
                again = [x for x in ast.walk(tree) if isinstance(x, ast.Constant)][i]
                docstring = isinstance(node.value, str) and "\n" in node.value
                if docstring or not isinstance(node.value, (str, int)):
                    continue
                again.value = node.value * 2 if node.value else 1
                edited = ast.unparse(tree)
                if ast.get_docstring(tree.body[0]) != ast.get_docstring(ast.parse(source).body[0]):
                    assert fingerprint.of_source(edited) == before
                    continue
                assert fingerprint.of_source(edited) != before, ast.dump(node)
                n += 1
    assert n > 20


def used(function):
    """Yield name and value of what a function takes from outside itself."""
    free = inspect.getclosurevars(function).nonlocals
    todo = [function.__code__]
    while todo:
        code = todo.pop()
        todo += [part for part in code.co_consts if inspect.iscode(part)]
        steps = list(dis.get_instructions(code))
        for step, after in pairwise(steps):
            if step.opname == "LOAD_DEREF" and step.argval in free:
                yield step.argval, free[step.argval]
            elif step.opname == "LOAD_GLOBAL" and step.argval in function.__globals__:
                value = function.__globals__[step.argval]
                if inspect.ismodule(value) and value.__name__.startswith(OURS):
                    yield after.argval, getattr(value, after.argval)
                else:
                    yield step.argval, value


OURS = "firstflight.usecase"  # and the modules of `firstflight.usecases`


def not_covered(case, features):
    """Return what the digest would not see: functions and constants that a feature is made by."""
    todo, left_out = [case.requests, features.compute_state, features.build], set()
    for function in todo:  # grows
        if function not in features.code:
            left_out.add(function.__name__)
        for name, value in used(function):
            if inspect.isfunction(value) and value.__module__.startswith(OURS):
                todo += [value] if value not in todo else []
                continue
            constant = isinstance(value, (int, float, str, tuple, Mapping))
            if constant and features.settings.get(name.lower()) != value:
                left_out.add(name)
    return left_out


@pytest.mark.parametrize("name", usecases.USECASES)
def test_the_digest_sees_all_that_a_feature_is_made_by(name):
    case = usecases.get(name)
    for features in case.features.values():
        assert not_covered(case, features) == set()
        # The control: what is taken out of the lists is found.
        few = dataclasses.replace(features, code=features.code[:-1])
        assert not_covered(case, few) == {features.code[-1].__name__}
        for setting in features.settings:
            rest = {k: v for k, v in features.settings.items() if k != setting}
            found = not_covered(case, dataclasses.replace(features, settings=rest))
            assert {one.lower() for one in found} == {setting}


def test_the_digest_sees_how_the_day_of_the_week_is_made(monkeypatch):
    features = usecases.get("flights").features[1]
    before = features.code_digest
    monkeypatch.setitem(features.settings, "thursday", 4)
    assert features.code_digest != before
    monkeypatch.undo()
    assert features.code_digest == before
    assert usecases.days in features.code


def other_pythons():
    """Return the other Python that this project allows, if it is installed."""
    other = "3.12" if sys.version_info[:2] == (3, 11) else "3.11"
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    found = [*map(str, pyenv.glob(f"{other}.*/bin/python")), shutil.which(f"python{other}")]
    works = [
        path
        for path in found
        if path and subprocess.run([path, "-V"], capture_output=True).returncode == 0
    ]
    return works[:1]


def test_the_text_is_the_same_on_another_python():
    """The module needs the standard library only, so another Python can run it by itself."""
    others = list(other_pythons())
    if not others:
        pytest.skip("only one version of Python is installed here")
    folder = Path(usecases.__file__).parent / "usecases"
    code = (
        "import runpy, sys\n"
        f"of = runpy.run_path({str(fingerprint.__file__)!r})['of_source']\n"
        "print([of(open(name).read()) for name in sys.argv[1:]])"
    )
    names = [str(path) for path in sorted(folder.glob("*.py"))]
    here = str([fingerprint.of_source(Path(name).read_text()) for name in names])
    for python in others:
        run = subprocess.run([python, "-c", code, *names], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == here
