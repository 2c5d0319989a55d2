"""Answers that are tried in the lesson's own state leave it as it was."""

from __future__ import annotations

import pandas as pd
import pytest

from classroom import answers, bench
from classroom.errors import CheckError
from classroom.exercises import exercise

FILE = """
from classroom.bench import Answers

BENCH = {
    "99-ex1": Answers(
        wrong=(
            ("n = 4", "count"),
            ("n = 1 / 0", "ZeroDivisionError"),
            ("n = = 4", "SyntaxError"),
            ("from firstflight.errors import DropError\\nraise DropError('Gone.')", "Gone"),
            ("rows['b'] = 1\\nn = 5", "changes rows"),
            ("rows = rows[:1]\\nn = 5", "changes rows"),
            ("print('noise')\\nother = 3\\nn = 6", "off by one"),
            ("n = 5", "this one is right"),
        ),
        right=("n = 5", "n = len('fives')", "n = 5.0\\nn", "n = 4"),
    )
}
"""


@pytest.fixture
def tried(notebook, tmp_path):
    exercise("99-ex1", "n", hint="h")(
        lambda n: n == 5 or ("It is off by one." if n == 6 else "Count again.")
    )
    notebook.solve("99-ex1", "n = 5")
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "lesson_99.py").write_text(FILE)
    notebook.ns.update(rows=pd.DataFrame({"a": [1, 2]}), bench=bench, folder=folder)
    notebook.tried("n = 4")  # the notebook goes on with the reference answer
    before = dict(notebook.ns)
    notebook.out = notebook.run('found = bench.try_all("99-ex1", folder)')
    notebook.before = before
    return notebook


def test_wrong_ones_are_refused_with_the_right_words_and_right_ones_pass(tried):
    found = tried.ns["found"]
    assert [row.ok for row in found] == [True] * 7 + [False] + [True] * 3 + [False]
    assert [row.wanted for row in found[-4:]] == [""] * 4
    assert found[7].what == "passed." and found[-1].what == "not right yet."


def test_the_notebook_is_as_it_was_and_nothing_is_shown(tried):
    assert tried.out == ""
    mine = {k: v for k, v in tried.ns.items() if k[0] != "_" and k not in ("In", "Out", "found")}
    for name, value in mine.items():
        assert value is tried.before[name], name
    assert "other" not in tried.ns and "DropError" not in tried.ns
    assert list(tried.ns["rows"].columns) == ["a"] and len(tried.ns["rows"]) == 2
    assert "Count again" in tried.check()  # still fallen back
    assert tried.tried("n = 5") == "99-ex1: passed."
    assert tried.run("1 / 0").count("ZeroDivisionError") and tried.run("print(1)") == "1\n"


def test_the_results_are_kept(tried, ws):
    assert bench.results(ws.root) == tried.ns["found"]
    assert bench.results(ws.root / "none") == []


def test_what_cannot_be_tried_is_a_sentence(tried, tmp_path, monkeypatch):
    with pytest.raises(CheckError, match="no answers to try at 99-ex2"):
        bench.try_all("99-ex2", tmp_path / "bench")
    with pytest.raises(CheckError, match="no answers to try at 98-ex1"):
        bench.try_all("98-ex1", tmp_path / "bench")
    monkeypatch.setattr(answers, "_watch", None)
    with pytest.raises(CheckError, match="needs a notebook whose lesson has begun"):
        bench.try_all("99-ex1", tmp_path / "bench")
