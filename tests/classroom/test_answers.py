"""Which cell is an answer, how it ended, and what it did to the notebook beside that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from classroom import answers
from classroom.exercises import equal_to_reference, exercise

PASSED = "99-ex1: passed."


@pytest.fixture
def five(notebook):
    """Ask for the number 5, which Python keeps only once."""
    exercise("99-ex1", "n", hint="Count the fingers.")(lambda n: n == 5 or "Count again.")
    notebook.solve("99-ex1", "n = 5")
    return notebook


@pytest.fixture
def rows(notebook):
    """Ask for a filtered table, and let a later exercise ask for a number."""
    import pandas as pd

    equal_to_reference("99-ex1", "good", hint="Those above 1.")
    notebook.solve("99-ex1", 'good = rows[rows["a"] > 1]')
    notebook.ns["rows"] = pd.DataFrame({"a": [1, 2, 3]})
    notebook.ns.update(label=[1.0, 2.0], rule={"limit": 3}, pd=pd)
    return notebook


def test_a_wrong_answer_gets_its_hint_every_time_and_the_reference(five):
    said = five.tried("n = 4")
    assert "not right yet" in said and "You have n = 4" in said and "Count again" in said
    assert five.ns["n"] == 5
    assert five.check() == said == five.check()  # never "passed" for the reference
    assert five.tried("n = 6") != said
    assert five.tried("n = 5") == PASSED


def test_an_answer_that_is_the_very_object_of_the_reference_passes(five):
    five.check()
    five.run("n = 5")  # another cell, without the first line, and the same interned 5
    assert five.check() == PASSED


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("n = 5\n1 / 0", "raised ZeroDivisionError: division by zero"),
        ("n = = 5", "raised SyntaxError: invalid syntax (line 2)"),
        ("  n = 5\nm = 2", "Error: "),
        ("n = fingers", "raised NameError: name 'fingers' is not defined"),
        ("raise KeyboardInterrupt", "was stopped before its end: run it again"),
        ("raise SystemExit", "raised SystemExit."),
    ],
)
@pytest.mark.filterwarnings("ignore:To exit")
def test_a_cell_that_does_not_end_is_not_right(five, cell, said):
    assert five.tried("n = 5") == PASSED
    found = five.tried(cell)
    assert "not right yet" in found and said in found
    assert five.ns["n"] == 5 and five.check() == found
    assert five.tried("n = 5") == PASSED


def test_a_command_that_python_was_given_is_told_of_the_exclamation_mark(notebook):
    exercise("99-type1", hint="!ls")(lambda given: "!" in given.source)
    notebook.solve("99-type1", "!ls")
    said = notebook.tried("ls the folder", "99-type1")
    assert "SyntaxError" in said and "Put an exclamation mark before a command" in said


def test_an_answer_that_was_taken_out_no_longer_counts(five):
    assert five.tried("n = 5") == PASSED
    assert "not solved yet" in five.tried("# n = 5")
    assert "not solved yet" in five.tried("if False:\n    n = 5")  # nor does the reference
    assert "not right yet" in five.tried("n = n")


@pytest.mark.parametrize(
    "cell", ["n = n", "n = n + 0", "n *= 1", "m = n\nn = m", "for n in [n]: pass"]
)
def test_playing_with_the_reference_is_no_answer(five, cell):
    said = five.tried("n = 4")
    five.run(cell)
    assert five.ns["n"] == 5  # it may be played with
    assert five.check() == said


def test_a_cell_of_the_lesson_that_goes_on_with_the_name_is_no_answer(five):
    five.solve("later", "n = n + 0.0")
    said = five.tried("n = 4")
    five.run("n = n + 0.0")
    assert five.check() == said
    five.run("n = 5.0 * 1")
    assert five.check() == PASSED


def test_the_check_in_the_answers_own_cell(five):
    out = five.answer('n = 4\ncheck("99-ex1")')
    assert "Count again" in out and "Count again" in five.check()
    assert "passed" in five.answer('n = 5\ncheck("99-ex1")') and five.check() == PASSED


def test_a_lesson_that_begins_again_does_not_forget_that_it_fell_back(five):
    said = five.tried("n = 4")
    answers.watch("99")
    assert five.check() == said and five.tried("n = 5") == PASSED


@pytest.mark.parametrize(
    ("cell", "cell_id"),
    [
        ("n = 4", "99-ex1"),  # JupyterLab: the first line may go
        ("# 99-ex1: your answer\nn = 4", None),
        ("%%time\n# 99-ex1: your answer\nn = 4", None),
        ("n = 4", None),
        ("%%time\nn = 4", None),
        ("def n(): 4", None),
        ("class n: pass", None),
        ("from math import pi as n", None),
        ("import math as n", None),
        ("for n in range(5): pass", None),
        ("with open('/dev/null') as n: pass", None),
        ("[n := i for i in (4,)]", None),
        ("match [3, 4]:\n    case [_, n]: pass", None),
        ("(m, [n]) = 1, [4]", None),
        ("n: int = 4", None),
        ("n = = 4", None),
    ],
)
def test_which_cell_is_the_answer(five, cell, cell_id):
    five.run(cell, cell_id)
    assert set(answers.watching().attempts) == {"99-ex1"}


@pytest.mark.parametrize(
    "cell", ["m = 4", "def f():\n    n = 4", "[n for n in range(4)]", "n == 4", "print(n=4)", ""]
)
def test_which_cell_is_none(five, cell):
    five.run(cell)
    assert not answers.watching().attempts


CHANGES = {
    "the table itself": 'rows["b"] = 1\ngood = rows[rows["a"] > 1][["a"]]',
    "by another name": 'good = rows\ngood["x"] = 1',
    "a method": 'rows.drop(index=0, inplace=True)\ngood = rows[rows["a"] > 1]',
    "its name": 'rows = rows[rows["a"] > 1]\ngood = rows',
    "deleted": 'good = rows[rows["a"] > 1]\ndel rows',
    "overwritten first": 'rows = pd.DataFrame({"a": [2, 3]}, index=[1, 2])\ngood = rows',
    "in a function": 'def go():\n    rows["b"] = 1\ngo()\ngood = rows[rows["a"] > 1][["a"]]',
    "a loop": 'good = rows[rows["a"] > 1]\nfor rows in [1]: pass',
}


@pytest.mark.parametrize("cell", CHANGES.values(), ids=CHANGES)
def test_an_answer_that_changes_its_input_is_named_and_undone(rows, cell):
    before, held = rows.ns["rows"].copy(), rows.ns["rows"]
    said = rows.tried(cell)
    assert "not right yet" in said and "changes rows, one of its inputs" in said
    assert rows.ns["rows"].equals(before) and rows.ns["rows"] is held
    assert rows.tried('good = rows[rows["a"] > 1]') == PASSED


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("label", "label -= 1"),
        ("label", "label.append(3)"),
        ("label", "label[0] = float('nan')"),
        ("rule", 'rule["limit"] = 4'),
        ("rule", "rule.clear()"),
        ("array", "array -= 1"),
        ("array", "array.sort()"),
        ("dates", "dates[0] = dates[1]"),
        ("point", "point.x = 3"),
        ("seen", "seen.add(3)"),
    ],
)
def test_every_kind_of_data_is_put_back_under_all_its_names(rows, name, cell):
    import numpy as np

    rows.ns["array"] = np.array([3.0, np.nan, 1.0])
    rows.ns["dates"] = np.array(["NaT", "2013-04-01"], dtype="datetime64[D]")
    rows.ns["point"], rows.ns["seen"] = SimpleNamespace(x=1), {1, 2}
    rows.run("label = __import__('numpy').array(label)" if cell == "label -= 1" else "")
    before, rows.ns["other"] = repr(rows.ns[name]), rows.ns[name]
    right = 'good = rows[rows["a"] > 1]'
    assert rows.tried(f"{right}\nprint({name})") == PASSED  # the control: it only looks
    assert f"changes {name}" in rows.tried(f"{right}\n{cell}")
    assert repr(rows.ns[name]) == repr(rows.ns["other"]) == before


def test_what_an_answer_adds_is_its_own_and_what_was_there_is_not(rows):
    rows.ns["row"] = "the lesson's"
    loop = "good = []\nfor row in rows['a']:\n    if row > limit: good.append(row)"
    rows.answer(f"limit = 2\n{loop}")
    assert rows.ns["row"] == "the lesson's" and rows.ns["limit"] == 2
    rows.answer(f"limit = 1\n{loop}")  # its own helper may have another value next time
    assert rows.ns["limit"] == 1 and rows.ns["good"] == [2, 3]
    rows.run("limit = 7")  # now it is the lesson's
    rows.answer(f"limit = 1\n{loop}")
    assert rows.ns["limit"] == 7


def test_a_helper_that_is_mended_counts(notebook):
    exercise("99-ex1", "late", hint="h")(lambda late: (late(15) and not late(14)) or "From 15 on.")
    notebook.solve("99-ex1", "late = lambda m: m >= 15")
    helper = "limit = {}\ndef far(m):\n    return m >= limit\ndef late(m):\n    return far(m)"
    assert "From 15 on" in notebook.tried(helper.format(10))
    assert notebook.tried(helper.format(15)) == PASSED


def test_a_name_of_python_is_given_back(rows):
    assert rows.tried('sum = 3\ngood = rows[rows["a"] > 1]') == PASSED
    assert "sum" not in rows.ns and rows.run("print(sum([1, 2]))") == "3\n"


def test_an_answer_that_changes_what_lay_under_its_name_begins_from_there(notebook):
    equal_to_reference("99-ex1", "rules", hint="Add one.")
    notebook.solve("99-ex1", "rules = [*rules, 2]")
    notebook.solve("given", "rules = [1]")
    notebook.run("rules = [1]")
    for _ in range(2):
        assert notebook.tried("rules.append(2)") == PASSED
        assert notebook.ns["rules"] == [1, 2]
    assert "There is one too few" in notebook.tried("rules = rules")
    notebook.run("rules = [0]", "given")  # the lesson's cell above, with another value
    assert notebook.tried("rules = rules + [2]") == PASSED and notebook.ns["rules"] == [0, 2]


def test_an_answer_in_two_cells(notebook):
    equal_to_reference("99-ex1", "a", "b", hint="h", vary=lambda given: {"x": given.x + 1})
    notebook.solve("99-ex1", "a, b = x, x + 1")
    notebook.run("x = 1")
    notebook.answer("a = x")
    notebook.run("b = a")
    notebook.run("b += 1")
    assert notebook.check() == PASSED


def test_a_cell_inside_a_cell(five):
    nested = "get_ipython().run_cell('m = 1')\nget_ipython().run_cell('1 / 0')\nn = 5"
    assert five.tried(nested) == PASSED
    assert five.tried("n = 4\nget_ipython().run_cell('n = 5')") == PASSED
    assert answers.watching()._running == []


def test_an_end_that_nobody_reports_and_a_start_that_nobody_saw(five):
    watch = answers.watching()
    watch.after(None)  # the cell that began the lesson
    five.shell.events.trigger("pre_run_cell", SimpleNamespace(raw_cell="# 99-ex1: your answer"))
    watch.after(None)  # interrupted at an `await`
    assert "stopped before its end" in five.check()


def test_watching_stops_and_goes_to_another_lesson(five):
    first = answers.watching()
    second = answers.watch("98")
    assert second is not first
    five.answer("n = 4")
    assert not first.attempts and not second.attempts
    assert five.shell.events.callbacks["pre_run_cell"].count(second.before) == 1
