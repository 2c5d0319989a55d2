"""Exercise checks: pass, or a hint; never a crash, never a false pass."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from classroom import cells, checks, exercises, journal, workspaces
from classroom.checks import check, is_empty, shown
from classroom.errors import CheckError
from classroom.exercises import equal_to_reference, exercise

ANSWER = "late = 15\n"
PASSED = "99-ex1: passed."


@pytest.fixture
def solutions(tmp_path, no_exercises):
    def put(source):
        cells = [{"id": "99-ex1", "cell_type": "code", "source": source.splitlines(True)}]
        (tmp_path / "99_gate.ipynb").write_text(json.dumps({"cells": cells}))

    put(ANSWER)
    put.folder = tmp_path
    return put


@pytest.fixture
def run(solutions, capsys):
    """Check a value of `late` in a plain script; return what was printed and what `late` is."""

    def go(value, judge, hint="the hint"):
        if judge is None:
            equal_to_reference("99-ex1", "late", hint=hint)
        else:
            exercise("99-ex1", "late", hint=hint)(judge)
        ns = {} if value is ... else {"late": value}
        check("99-ex1", namespace=ns, solutions=solutions.folder)
        return capsys.readouterr().out, ns.get("late")

    return go


def right(late):
    return late == 15


def test_a_right_answer_passes_and_stays(run):
    assert run(15, right) == ("99-ex1: passed.\n", 15)
    out, kept = run(15.0, right)
    assert out == "99-ex1: passed.\n" and type(kept) is float


def test_an_open_answer_gets_the_hint_and_the_reference(run):
    out, after = run(..., right, hint="The DOT counts from 15 minutes.")
    assert out == (
        "99-ex1: not solved yet.\n"
        "  Hint: The DOT counts from 15 minutes.\n"
        "  The notebook goes on with the reference answer.\n"
    )
    assert after == 15


def test_a_wrong_answer_is_shown_and_replaced(run):
    out, after = run(10, lambda v: v == 15 or "Later than that.", hint="another")
    assert out == (
        "99-ex1: not right yet.\n"
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
        np.float64("nan"),
        pd.NA,
        pd.NaT,
        [None, ...],
        {"rule": ...},
        np.array([np.nan, np.nan]),
        np.array(["NaT"], dtype="datetime64[D]"),
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
    assert run(value, lambda v: True)[0] == "99-ex1: passed.\n"


@pytest.mark.parametrize(
    "value",
    [pd.DataFrame, pd.MultiIndex.from_tuples([(1, 2)]), int, json, open, "x".join],
    ids=["class", "labels", "int", "module", "function", "method"],
)
def test_odd_things_are_values_too(run, value):
    assert run(value, lambda v: True)[0] == "99-ex1: passed.\n"


@pytest.mark.parametrize(
    "result",
    [None, 1, "text", "", np.array([True, True]), [True], ..., float("nan"), pd.NA, False],
    ids=repr,
)
def test_only_true_is_a_pass(run, result):
    out, _ = run(3, lambda v: True if v == 15 else result)
    assert "passed" not in out and "not right yet" in out
    assert f"Hint: {'text' if repr(result) == repr('text') else 'the hint'}" in out


def test_numpys_true_is_a_pass(run):
    assert run(np.int64(15), lambda v: np.int64(v) == 15)[0] == "99-ex1: passed.\n"
    assert "goes on" in run(..., lambda v: np.bool_(v == 15))[0]  # of the reference too


@pytest.mark.parametrize("error", [ZeroDivisionError, TypeError, SystemExit, RecursionError])
def test_an_error_in_the_judge_is_no_pass_and_no_crash(run, error):
    def judge(value):
        if value != 15:
            raise error("boom at 0x7f00aa")
        return True

    out, after = run("a text", judge)
    assert f"Checking it raised {error.__name__}: boom. the hint" in out
    assert "You have late = 'a text'" in out
    assert after == 15


def test_a_value_that_cannot_be_shown(run):
    class Odd:
        def __repr__(self):
            raise ValueError

        def __eq__(self, other):
            raise ValueError("no comparing")

        @property
        def shape(self):
            raise KeyError("no shape")

    out, after = run(Odd(), right)
    assert "whose repr raises" in out and after == 15
    assert "not right yet" in run(Odd(), None)[0]


def test_an_open_function_is_open_and_a_wrong_one_is_wrong(run, solutions):
    solutions("def late(minutes):\n    return minutes >= 15\n")

    def said(function):
        out, after = run(function, lambda f: bool(f(15)) and not f(14))
        assert after(15) is True
        return out

    def stub(minutes):
        return ...

    def with_dots_of_its_own(minutes):
        return np.array([minutes])[..., 0] > 15

    assert "not solved yet" in said(stub)
    assert "not right yet" in said(with_dots_of_its_own)
    out = said(lambda minutes: minutes > 15)
    assert "not right yet" in out and "You have" not in out
    assert said(lambda minutes: minutes > 14) == "99-ex1: passed.\n"


def test_without_a_judge_the_answer_must_equal_the_reference(run, solutions):
    assert run(15, None)[0] == "99-ex1: passed.\n"
    out, after = run(16, None)
    assert "Hint: It is off by one." in out and after == 15
    assert "Hint: the hint" in run(99, None)[0]
    solutions("import pandas as pd\nlate = pd.Series([0.1 + 0.2, 1.0])\n")
    assert run(pd.Series([0.3, 1.0]), None)[0] == "99-ex1: passed.\n"
    assert run([0.3, 1.0], None)[0] == "99-ex1: passed.\n"  # another type, the same values
    assert "not right yet" in run(pd.Series([0.31, 1.0]), None)[0]


def test_the_reference_runs_beside_and_leaves_the_notebook_alone(solutions, capsys):
    solutions("late = len(rows) + 12\nrows.append(0)\nother = new = 'changed'\nprint('secret')\n")
    equal_to_reference("99-ex1", "late", hint="")
    ns = {"late": 15, "other": "mine", "rows": [1, 2, 3]}
    check("99-ex1", namespace=ns, solutions=solutions.folder)
    assert capsys.readouterr().out == "99-ex1: passed.\n"
    assert ns["other"] == "mine" and ns["rows"] == [1, 2, 3] and "new" not in ns


def test_a_reference_that_fails_does_not_crash_a_learner(run, solutions):
    solutions("late = gone + 1\n")
    out, _ = run(..., right)
    assert "does not work here (NameError" in out and "from the top" in out


@pytest.mark.parametrize("source", ["late = gone + 1\n", "late = 14\n", "other = 1\n"])
def test_a_reference_that_fails_stops_a_run_of_the_course(run, solutions, monkeypatch, source):
    solutions(source)
    monkeypatch.setenv("FIRSTFLIGHT_HEADLESS", "1")
    with pytest.raises(CheckError, match="99-ex1 does not pass"):
        run(..., right)


def test_an_exercise_without_answer_is_the_courses_fault(run, solutions):
    (solutions.folder / "99_gate.ipynb").unlink()
    with pytest.raises(CheckError, match="run `course build`"):
        run(..., right)


@pytest.mark.parametrize("id", ["99-ex2", "nonsense", "a.b-ex1", "99-", ""])
def test_an_exercise_that_nobody_asks_is_a_sentence(no_exercises, id):
    with pytest.raises(CheckError, match=r"There is no exercise .*the box above"):
        check(id, namespace={})


def test_several_names(solutions, capsys):
    solutions("late, early = 15, 14\n")
    exercise("99-ex1", "late", "early", hint="h")(lambda late, early: late > early)
    ns = {"late": 15, "early": ...}
    check("99-ex1", namespace=ns, solutions=solutions.folder)
    assert "not solved yet" in capsys.readouterr().out
    assert ns["early"] == 14


def test_what_is_shown_is_the_same_on_every_run():
    assert shown(object()) == "<object object>"
    assert shown(pd.DataFrame({"a": [1, 2]})) == "a DataFrame of 2 rows and 1 columns"
    assert shown(np.zeros(3)) == "a ndarray of 3 values"
    assert shown(checks.shown) == "the function shown"
    assert len(shown("x" * 500)) == 100


def test_is_empty_has_both_controls():
    assert is_empty(...) and is_empty([None]) and is_empty(pd.Series([None, np.nan]))
    assert not is_empty(0) and not is_empty(pd.Series([np.nan, 1.0])) and not is_empty("")


# In a notebook: answers as learners write them.


@pytest.fixture
def share(notebook):
    """Ask for a share that must be computed from two lists."""
    exercise("99-ex1", "share", hint="h", vary=lambda given: {"late": [1, 1], "all_": [1, 1, 1]})(
        lambda share, given: share == len(given.late) / len(given.all_)
    )
    notebook.solve("99-ex1", "share = len(late) / len(all_)")
    notebook.run("late, all_ = [1], [1, 2, 3, 4]")
    return notebook


@pytest.mark.parametrize(
    "cell",
    [
        "share = len(late) / len(all_)",
        "%time share = len(late) / len(all_)",
        "n = len(all_)\ndef of(x):\n    return len(x) / n\nshare = of(late)",
        "from functools import partial\nshare = partial(lambda a, b: len(a) / len(b), late)(all_)",
        "share = sum(1 for _ in late) / len(all_)\nprint(share)",
        "share = len(late) / len(all_)\ncheck('99-ex1')",
    ],
)
def test_computed_answers_pass_on_other_inputs_too(share, cell):
    assert share.tried(cell) == PASSED
    assert share.ns["late"] == [1] and share.ns["share"] == 0.25


def test_a_magic_above_the_first_line(share):
    text = "%%time\n# 99-ex1: your answer\nshare = {}"
    share.run(text.format("len(late) / len(all_)"))
    assert share.check() == PASSED
    share.run(text.format("0.25"))
    assert "typed in" in share.check()


def test_a_helper_in_another_cell_sees_the_other_inputs(share):
    share.run("def of(x):\n    return len(x) / len(all_)")
    assert share.tried("share = of(late)") == PASSED


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("share = 0.25", "is a value typed in"),
        ("share = 1 / len(all_)", "with another all_, late it is not"),
        ("share = {1: 0.25}[len(late)]", "On other inputs (all_, late) your cell raises KeyError"),
        ("share = 0.25 if len(all_) == 4 else exit", "it is not"),
        ("late = [1]\nshare = len(late) / len(all_)", "changes late, one of its inputs"),
        ("n = 0.25\nshare = n", "is a value typed in"),
    ],
)
def test_a_typed_in_answer_is_found(share, cell, said):
    assert said in share.tried(cell)
    assert share.ns["late"] == [1]


def test_inputs_that_stand_in_the_answers_own_cell_are_varied_too(notebook):
    exercise("99-ex1", "p", hint="h", vary=lambda given: {"a": 2, "b": 16})(
        lambda p, given: p == given.a / given.b
    )
    notebook.solve("99-ex1", "a, b = 1, 5\np = a / b")
    assert notebook.tried("a, b = 1, 5\np = a / b") == PASSED
    assert "typed in" in notebook.tried("a, b = 1, 5\np = 0.2")
    assert "b is one of the inputs" in notebook.tried("a, b = 1, 10\np = a / b")
    assert notebook.tried("a, b = 1, 5\np = a / b") == PASSED


@pytest.fixture
def worse(notebook):
    """Ask for a function of a column."""

    @exercise("99-ex1", "worse", hint="h")
    def judge(worse, given):
        print("a judge that talks")
        found = worse(given.label, 2)
        return list(found) == [False, True] or f"It gives {list(found)}."

    notebook.solve("99-ex1", "def worse(x, limit):\n    return x > limit")
    notebook.ns.update(label=pd.Series([1, 3]), pd=pd, calls=[])
    return notebook


@pytest.mark.parametrize(
    "cell",
    [
        "def worse(x, limit):\n    return x > limit",
        "worse = lambda x, limit: x > limit",
        "from functools import partial\nworse = partial(lambda x, limit: x > limit)",
        "from operator import gt as worse",
        "import functools\n@functools.cache\ndef two(): return 2\n"
        "def worse(x, limit): return x > two()",
        "class Worse:\n    def __call__(self, x, limit): return x > limit\nworse = Worse()",
        "class W:\n    def go(self, x, limit): return x > limit\nworse = W().go",
        "def worse(x, limit):\n    for one in x: yield one > limit",
        "def worse(x, limit):\n    x = x - limit\n    return x > 0",
        "def worse(x, limit):\n    print('hm', x)\n    return x > limit",
        "def worse(x, limit):\n    import matplotlib.pyplot as plt\n    plt.figure()\n"
        "    return x > limit",
        "memo = []\ndef worse(x, limit):\n    memo.append(1)\n    return x > limit",
    ],
)
def test_every_way_to_write_a_function_passes_without_a_word(worse, cell):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    assert worse.tried(cell) == PASSED
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    "cell",
    [
        "def worse(x, limit):\n    x -= limit\n    return x > 0",
        "worse = lambda x, limit: x.sort_index(ascending=False, inplace=True) or x[::-1] > limit",
        "from functools import partial\ndef w(x, limit):\n    x -= limit\n    return x > 0\n"
        "worse = partial(w)",
        "class W:\n    def go(self, x, limit):\n        x -= limit\n        return x > 0\n"
        "worse = W().go",
        "def worse(x, limit):\n    calls.append(x)\n    return x > limit",
        "def note():\n    calls.append(1)\ndef worse(x, limit):\n    note()\n    return x > limit",
        "def worse(x, limit):\n    global label\n    label = None\n    return x > limit",
    ],
)
def test_a_function_that_changes_what_is_not_its_own_is_named(worse, cell):
    assert "in place: work on a copy" in worse.tried(cell)
    assert list(worse.ns["label"]) == [1, 3] and worse.ns["calls"] == []


def test_a_wrong_function_gets_the_judges_sentence_and_no_output(worse):
    assert "It gives [True, True]." in worse.tried("def worse(x, limit):\n    return x > 0")
    assert "raised TypeError" in worse.tried("def worse(x):\n    return x > 0")
    assert "talks" not in worse.check()


def test_values_that_can_be_looked_at_once_only(notebook):
    equal_to_reference("99-ex1", "late", hint="h")
    notebook.solve("99-ex1", "late = [1, 2]")
    assert "gives its values only once" in notebook.tried("late = (n for n in [1, 2])")
    assert "gives its values only once" in notebook.tried("late = map(int, '12')")
    assert notebook.tried("late = range(1, 3)") == PASSED


def test_what_is_typed(notebook):
    exercise("99-type1", hint="!firstflight status")(
        lambda given: "status" in given.source or "The word is status."
    )
    notebook.solve("99-type1", "!echo status")
    assert "not solved yet" in notebook.tried("", "99-type1")
    said = notebook.tried("'state'", "99-type1")
    assert "The word is status" in said and notebook.check("99-type1") == said
    assert notebook.tried("!echo status", "99-type1") == "99-type1: passed."


def test_after_the_reference_a_line_is_judged_by_its_words(notebook, tmp_path):
    """The reference answer has made the state: a second wrong command would find it made."""
    made = tmp_path / "made"
    exercise("99-type1", hint="!touch")(lambda given: made.exists() or "Nothing is made.")
    notebook.ns["made"] = made
    notebook.solve("99-type1", "!touch {made}")
    assert "Nothing is made" in notebook.tried("!echo {made}", "99-type1") and made.exists()
    said = notebook.tried("!ls {made}", "99-type1")
    assert "passed" not in said and "it lacks `touch`" in said
    assert notebook.check("99-type1") == said
    assert notebook.tried("!touch  {made}", "99-type1") == "99-type1: passed."


@pytest.mark.parametrize(
    ("typed", "wanted", "lack"),
    [
        ("!firstflight gate 1", "!firstflight gate 1 -u air_time", "the --usecase of `firstflight"),
        ("!firstflight gate 2 -u a", "!firstflight gate 1 -u a", "the 1 of `firstflight gate`"),
        ("!firstflight gate --json 1 --usecase=a", "!firstflight gate 1 -u a", ""),
        ("!firstflight decide", "!firstflight gate 1", "`firstflight gate`"),
        ("!firstflight promote 1 --by x", "!firstflight promote 1 --by y", "the right --by of"),
        (
            '!firstflight abort --by x --reason "no use; it is late"',
            "!firstflight abort --by x --reason worse",
            "",
        ),
        ("!git add .", "!git -C {clone} commit --all", "`git commit`"),
        ("%%bash\ncd x\ngit commit -am 'y'\n", "!git -C {clone} commit --all", ""),
        ("said = !curl -s {a}/b -d @c", "answer = !curl {other.url}/b", ""),
        ("", "!firstflight status", "`firstflight status`"),
        ("!firstflight status 'open", "!firstflight status", ""),
    ],
)
def test_what_a_line_lacks(typed, wanted, lack):
    said = cells.lacking(typed, wanted)
    assert said.startswith(lack) and bool(said) == bool(lack)


def test_a_name_that_the_notebook_lacks_is_a_sentence(notebook):
    exercise("99-ex1", "n", hint="h")(lambda n, given: n == given.gone)
    notebook.solve("99-ex1", "n = 5")
    notebook.answer("n = 5")
    with pytest.raises(CheckError, match="has no gone: run the cells above"):
        check("99-ex1", namespace=notebook.ns)


def test_the_journal_keeps_what_has_passed(notebook, ws):
    workspaces.prepare(ws)
    exercise("99-ex1", "n", hint="h")(lambda n: n == 5)
    notebook.solve("99-ex1", "n = 5")
    notebook.tried("n = 4")
    notebook.check()
    assert journal.read()["exercises"] == {"99-ex1": {"passed": False, "checks": 1}}
    notebook.tried("n = 5")
    notebook.tried("n = 4")
    assert journal.read()["exercises"] == {"99-ex1": {"passed": True, "checks": 3}}


def test_what_an_answer_does_not_read_is_never_copied(notebook):
    equal_to_reference("99-ex1", "n", hint="h")
    notebook.solve("99-ex1", "n = len(big)")

    class Huge(list):
        def __deepcopy__(self, memo):
            raise AssertionError("it was copied")

    notebook.ns.update(big=[1, 2, 3], unread=Huge())
    notebook.answer("n = len(big)")
    assert notebook.check() == PASSED


def test_ids_and_kinds():
    assert exercises.kind_of("05-look2") == "look" and exercises.kind_of("05-gate") == ""
    with pytest.raises(CheckError, match="is no id of an exercise"):
        exercise("5-ex1", "n", hint="h")(lambda n: True)


def test_the_source_of_an_answers_function_can_be_read():
    import inspect

    from classroom.checks import _ran

    source = "def late(minutes):\n    return minutes >= 15\n"
    assert inspect.getsource(_ran(source, {})["late"]) == source
