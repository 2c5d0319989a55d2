"""The first and last cells of a lesson, and what a learner sees when something is missing."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from classroom import lesson, workspaces
from classroom.errors import CourseError, WorkspaceError
from firstflight.workspace import Workspace


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty place for a workspace, with nothing of another test's settings."""
    before = dict(os.environ)
    os.environ["FIRSTFLIGHT_HOME"] = str(tmp_path / "workspace")
    os.environ.pop("FIRSTFLIGHT_HEADLESS", None)
    monkeypatch.setattr(lesson, "_lesson", None)
    yield Workspace(tmp_path / "workspace")
    os.environ.clear()
    os.environ.update(before)


def test_begin_makes_the_workspace_and_end_records_the_lesson(home, capsys):
    ws = lesson.begin("00")
    assert ws == home and workspaces.is_ours(ws.root)
    assert os.environ["MLFLOW_TRACKING_URI"] == ws.tracking_uri
    assert workspaces.holds_own_work(ws)  # nobody runs it headless here
    lesson.leaves("a thing")
    lesson.end("00")
    assert capsys.readouterr().out == "Lesson 00 is done; its state is in the workspace.\n"
    assert workspaces.done(ws) == ["00"]
    assert workspaces.noted(ws, "left_behind.json", {}) == {"00": "a thing"}
    lesson.begin("01")
    lesson.end("01")
    lesson.begin("00")  # run again: nothing is forgotten
    lesson.end("00")
    assert workspaces.done(ws) == ["00", "01"]


def test_the_same_numbers_on_every_run(home):
    import random

    import numpy as np

    seen = set()
    for _ in range(2):
        lesson.begin("00")
        seen.add((random.random(), float(np.random.rand())))
    assert len(seen) == 1
    assert logging.getLogger("mlflow").level == logging.WARNING


@pytest.mark.parametrize("number", ["5", "005", "x1", ""])
def test_a_lesson_has_two_digits(home, number):
    with pytest.raises(CourseError, match="two digits"):
        lesson.begin(number)
    assert not home.root.exists()


def test_a_lesson_out_of_order_says_what_to_run(home):
    workspaces.prepare(home)
    workspaces.note(home, "done.json", ["00", "02"])
    with pytest.raises(CourseError, match=r"needs the state of lesson 01, .* `course start 03`"):
        lesson.begin("03")


def test_the_wrong_end_and_no_begin_are_sentences(home):
    with pytest.raises(CourseError, match="before leaves"):
        lesson.leaves("x")
    lesson.begin("00")
    with pytest.raises(CourseError, match=r'cannot end lesson 01: .* call end\("00"\)'):
        lesson.end("01")
    assert workspaces.done(home) == []


def test_a_foreign_folder_is_refused_before_anything_is_written(home):
    home.root.mkdir()
    (home.root / "thesis.tex").write_text("mine")
    with pytest.raises(WorkspaceError, match="holds other files"):
        lesson.begin("00")
    assert [p.name for p in home.root.iterdir()] == ["thesis.tex"]


SHELL = """
from IPython.core.interactiveshell import InteractiveShell
from classroom import lesson
shell = InteractiveShell.instance(colors="nocolor")
lesson._one_sentence_errors()
for code in (
    "from classroom.errors import CourseError; raise CourseError('Do this.')",
    "from firstflight.errors import DropError; raise DropError('Do that.')",
    "1 / 0",
):
    print(shell.run_cell(code).success)
"""


def test_a_learner_sees_one_sentence_and_no_trace():
    run = subprocess.run([sys.executable, "-c", SHELL], capture_output=True, text=True)
    ours, path, own = run.stdout.split("False\n")[:3]  # papermill and nbval still see failures
    assert ours.strip() == "CourseError: Do this."
    assert path.strip() == "DropError: Do that."
    assert "Traceback" in own and "ZeroDivisionError" in own  # the learner's own code keeps it
