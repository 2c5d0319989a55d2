"""Exercise checks: pass, or a hint; never a crash, never a false pass."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from classroom import checks
from classroom.checks import check, is_empty, same, shown
from classroom.errors import CheckError

ANSWER = "late = 15\n"


@pytest.fixture
def solutions(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRSTFLIGHT_HEADLESS", raising=False)

    def put(source):
        cells = [{"id": "05-ex1", "cell_type": "code", "source": source.splitlines(True)}]
        (tmp_path / "05_gate.ipynb").write_text(json.dumps({"cells": cells}))
        return tmp_path

    put(ANSWER)
    put.folder = tmp_path
    return put


@pytest.fixture
def run(solutions, capsys):
    """Check a value of `late` and return what was printed and what `late` is afterwards."""

    def go(value, test, hint="", names=("late",)):
        ns = {"late": value}
        check("05-ex1", *names, test=test, hint=hint, namespace=ns, solutions=solutions.folder)
        return capsys.readouterr().out, ns.get("late")

    return go


def right(value):
    return value == 15


def test_a_right_answer_passes_and_stays(run):
    assert run(15, right) == ("05-ex1: passed.\n", 15)
    out, kept = run(15.0, right)
    assert out == "05-ex1: passed.\n" and type(kept) is float


def test_an_open_answer_gets_the_hint_and_the_reference(run):
    out, after = run(..., right, hint="The DOT counts from 15 minutes.")
    assert out == (
        "05-ex1: not solved yet.\n"
        "  Hint: The DOT counts from 15 minutes.\n"
        "  The notebook goes on with the reference answer.\n"
    )
    assert after == 15


def test_a_missing_name_is_an_open_answer(solutions, capsys):
    ns = {}
    check("05-ex1", "late", test=right, namespace=ns, solutions=solutions.folder)
    assert "not solved yet" in capsys.readouterr().out
    assert ns["late"] == 15


def test_a_wrong_answer_is_shown_and_replaced(run):
    out, after = run(10, lambda v: v == 15 or "Later than that.", hint="another")
    assert out == (
        "05-ex1: not right yet.\n"
        "  You have late = 10\n"
        "  Hint: Later than that.\n"
        "  The notebook goes on with the reference answer.\n"
    )
    assert after == 15


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        np.nan,
        np.float64("nan"),
        pd.NA,
        pd.NaT,
        [None, ...],
        {"rule": ...},
        np.array([np.nan, np.nan]),
        pd.Series([np.nan, None]),
        pd.DataFrame({"a": [np.nan]}),
    ],
    ids=repr,
)
def test_nothing_is_never_a_pass(run, value):
    out, after = run(value, lambda v: True)
    assert "passed" not in out and "holds no value" in out
    assert after == 15


@pytest.mark.parametrize(
    "value",
    [0, False, "", [], {}, np.array([1.0]), pd.Series([0]), 1.5, np.False_, pd.DataFrame()],
    ids=repr,
)
def test_zero_and_false_and_empty_are_values(run, value):
    assert run(value, lambda v: True)[0] == "05-ex1: passed.\n"


@pytest.mark.parametrize(
    "result",
    [None, 1, "text", "", np.array([True, True]), [True], ..., float("nan"), pd.NA, False],
    ids=repr,
)
def test_only_true_is_a_pass(run, result):
    out, _ = run(3, lambda v: True if v == 15 else result)
    assert "passed" not in out and "not right yet" in out


def test_numpys_true_is_a_pass(run):
    assert run(np.int64(15), lambda v: np.int64(v) == 15)[0] == "05-ex1: passed.\n"


@pytest.mark.parametrize("error", [ZeroDivisionError, TypeError, SystemExit, RecursionError])
def test_an_error_in_the_test_is_no_pass_and_no_crash(run, error):
    def test(value):
        if value != 15:
            raise error("boom at 0x7f00aa")
        return True

    out, after = run("a text", test)
    assert f"checking it raised {error.__name__}: boom" in out and "0x7f" not in out
    assert "You have late = 'a text'" in out
    assert after == 15


def test_a_value_that_cannot_be_shown(run):
    class Odd:
        def __repr__(self):
            raise ValueError

        def __eq__(self, other):
            raise ValueError("no comparing")

    out, after = run(Odd(), right)
    assert "whose repr raises ValueError" in out and after == 15


def test_an_open_function_is_open_and_a_wrong_one_is_wrong(solutions, capsys):
    solutions("def late(minutes):\n    return minutes >= 15\n")
    test = lambda f: f(15) and not f(14)  # noqa: E731

    def said(function):
        ns = {"late": function}
        check("05-ex1", "late", test=test, namespace=ns, solutions=solutions.folder)
        assert ns["late"](15) is True
        return capsys.readouterr().out

    def stub(minutes):
        return ...

    assert "not solved yet" in said(stub)
    assert "You have late = the function <lambda>" in said(lambda minutes: minutes > 15)
    assert said(lambda minutes: minutes > 14) == "05-ex1: passed.\n"


def test_without_a_test_the_answer_must_equal_the_reference(run, solutions):
    assert run(15, None)[0] == "05-ex1: passed.\n"
    out, after = run(16, None)
    assert "late has another value than it should have" in out and after == 15
    solutions("import pandas as pd\nlate = pd.Series([0.1 + 0.2, 1.0])\n")
    assert run(pd.Series([0.3, 1.0]), None)[0] == "05-ex1: passed.\n"
    assert "not right yet" in run(pd.Series([0.31, 1.0]), None)[0]
    assert "not right yet" in run([0.3, 1.0], None)[0]


def test_the_reference_runs_beside_and_leaves_the_notebook_alone(solutions, capsys):
    solutions("late = 15\nother = 'changed'\nprint('secret')\n")
    ns = {"late": 15, "other": "mine"}
    check("05-ex1", "late", namespace=ns, solutions=solutions.folder)
    assert ns["other"] == "mine"
    assert capsys.readouterr().out == "05-ex1: passed.\n"


def test_a_reference_that_fails_does_not_crash_a_learner(run, solutions):
    solutions("late = gone + 1\n")
    out, _ = run(..., right)
    assert "does not work here either (NameError" in out and "from the top" in out


@pytest.mark.parametrize("source", ["late = gone + 1\n", "late = 14\n", "other = 1\n"])
def test_a_reference_that_fails_stops_a_run_of_the_course(run, solutions, monkeypatch, source):
    solutions(source)
    monkeypatch.setenv("FIRSTFLIGHT_HEADLESS", "1")
    with pytest.raises(CheckError, match="05-ex1 does not pass"):
        run(..., right)


def test_an_exercise_without_answer_is_the_courses_fault(run, solutions):
    (solutions.folder / "05_gate.ipynb").unlink()
    with pytest.raises(CheckError, match="run `course build`"):
        run(..., right)
    with pytest.raises(CheckError, match="names no variable"):
        run(15, right, names=())


def test_several_names(solutions, capsys):
    solutions("late, early = 15, 14\n")
    ns = {"late": 15, "early": ...}
    check(
        "05-ex1", "late", "early", test=lambda a, b: a > b, namespace=ns, solutions=solutions.folder
    )
    assert "not solved yet" in capsys.readouterr().out
    assert ns["early"] == 14


def test_what_is_shown_is_the_same_on_every_run():
    assert shown(object()) == "<object object>"
    assert shown(pd.DataFrame({"a": [1, 2]})) == "a DataFrame of 2 rows and 1 columns"
    assert shown(np.zeros(3)) == "a ndarray of 3 values"
    assert shown(checks.shown) == "the function shown"
    assert len(shown("x" * 500)) == 100


@pytest.mark.parametrize(
    ("left", "right_", "equal"),
    [
        (1, 1.0000000001, True),
        (1, 1.1, False),
        (True, 1, False),
        (np.True_, True, True),
        ("a", "a", True),
        ([1, 2.0], [1, 2], True),
        ([1], [1, 2], False),
        ((1,), [1], False),
        ({"a": 0.3}, {"a": 0.1 + 0.2}, True),
        ({"a": 1}, {"b": 1}, False),
        (np.array([0.3]), np.array([0.1 + 0.2]), True),
        (np.array([1, 2]), np.array([1, 2, 3]), False),
        (float("nan"), float("nan"), False),
    ],
)
def test_same(left, right_, equal):
    assert same(left, right_) is equal


def test_is_empty_has_both_controls():
    assert is_empty(...) and is_empty([None]) and is_empty(pd.Series([None, np.nan]))
    assert not is_empty(0) and not is_empty(pd.Series([np.nan, 1.0])) and not is_empty("")


def test_the_source_of_an_answers_function_can_be_read():
    import inspect

    from classroom.checks import _ran

    source = "def late(minutes):\n    return minutes >= 15\n"
    assert inspect.getsource(_ran(source, {})["late"]) == source
