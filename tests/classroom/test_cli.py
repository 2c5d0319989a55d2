"""The command `course`: what it prints, and how it exits."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from classroom import cli, ledger, runner, setup_tools, workspaces
from classroom.cli import app
from classroom.errors import RunError
from firstflight.workspace import Workspace


@pytest.fixture
def course(ws):
    """Call `course` with arguments; return exit code and everything that was printed."""

    def call(*argv, answer=None):
        result = CliRunner().invoke(app, list(argv), input=answer, env={"COLUMNS": "150"})
        return result.exit_code, result.output

    workspaces.prepare(ws)
    return call


def test_status(course, ws):
    workspaces.note(ws, "done.json", ["00", "01"])
    workspaces.note(ws, "left_behind.json", {"00": "process.toml"})
    code, text = course("status")
    assert code == 0
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()[:2].isdigit()}
    assert len(rows) == 13
    assert "done" in rows["01"] and "next" in rows["02"] and "process.toml" in rows["00"]
    assert "done" not in rows["02"] and "next" not in rows["03"]
    code, text = course("status", "--json")
    assert json.loads(text)["done"] == ["00", "01"] and json.loads(text)["next"] == "02"


def test_reset_asks_first(course, ws):
    workspaces.note(ws, "done.json", ["00"])
    code, text = course("reset", answer="n\n")
    assert code == 1 and "lessons done: 00" in text and ws.root.exists()
    assert course("reset", answer="y\n")[0] == 0
    assert not ws.root.exists()
    assert course("reset")[1].startswith("There is no workspace at")


def test_reset_refuses_a_folder_that_is_not_ours(course, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    code, text = course("reset", "--yes", "--workspace", str(tmp_path))
    assert code == 1 and "was not deleted" in text and (tmp_path / "thesis.tex").exists()


def test_run_refuses_own_work_in_one_line(course, ws, monkeypatch):
    monkeypatch.setattr(setup_tools, "run", lambda: [])
    monkeypatch.setattr(runner, "notebooks", lambda *_: [])
    monkeypatch.delenv("FIRSTFLIGHT_HEADLESS", raising=False)
    workspaces.note(ws, "hands_on.json", {"hands_on": True})
    workspaces.note(ws, "done.json", ["00"])
    code, text = course("run")
    assert code == 1 and len(text.strip().splitlines()) == 1
    assert "your own work (lessons: 00)" in text and workspaces.done(ws) == ["00"]


@pytest.mark.parametrize("argv", [("run", "--from", "x"), ("start", "100"), ("nothing",)])
def test_wrong_usage_exits_with_2(course, argv):
    assert course(*argv)[0] == 2


def test_start_of_an_unknown_lesson_is_a_sentence(course):
    code, text = course("start", "13")
    assert code == 1 and "the lessons are 00 to 12" in text


def test_start_when_all_is_there(course, ws, monkeypatch):
    monkeypatch.setattr(setup_tools, "run", lambda: [])
    workspaces.note(ws, "done.json", ["00", "01"])
    code, text = course("start", "1")
    assert code == 0 and "The state of lessons before 01 is there: open notebooks/01_" in text
    assert "`course reset`, then `course start 01`" in text  # 01 itself is done here


def test_a_lesson_that_was_left_halfway_is_no_dead_end(course, ws, monkeypatch):
    """A kernel restart in the middle of lesson 06, and no message named the way out."""
    monkeypatch.setattr(setup_tools, "run", lambda: [])
    workspaces.note(ws, "done.json", ["00"])
    workspaces.note(ws, "begun.json", ["00", "01"])
    code, text = course("start", "1")
    assert code == 0 and "Lesson 01 was begun here and not ended" in text
    assert "`course reset`, then `course start 01`" in text

    def fail(*args, **kwargs):
        raise RunError("Lesson 01_start failed in cell 9: it is registered already.")

    monkeypatch.setattr(runner, "run", fail)
    code, text = course("start", "2")
    assert code == 1 and "`course reset`, then `course start 02`" in text
    workspaces.note(ws, "done.json", ["00", "01"])  # the control: 01 was ended
    assert "course reset" not in course("start", "3")[1]


def test_the_tables_of_a_run(ws, capsys):
    ledger.record("04", "MLflow", prevented="nobody knows", install_mb=120.0, glue_lines=12)
    figures = [
        runner.Figures("00_agree", 10, 12.34, 300.0, "a file"),
        runner.Figures("01_start", 5, 7.0, 450.0, ""),
    ]
    runner._write_figures(ws, "notebooks", figures)
    cli._print_run(Workspace(ws.root), "notebooks")
    text = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert lines["00_agree"] == ["00_agree", "10", "12.3", "300", "a", "file"]
    assert lines["in"][2:] == ["15", "19.3", "450"]
    assert lines["04"] == ["04", "MLflow", "120.0", "12", "nobody", "knows"]
    assert "No lesson has deployed anything yet." in text


def test_the_setup_made_whole_databases():
    """`make` has run it: Prefect's and MLflow's databases are there, migrated and empty."""
    import sqlite3

    assert setup_tools.ready(), "run `course setup`"
    for name, table in (("prefect.db", "flow_run"), ("mlflow.db", "runs")):
        with sqlite3.connect(f"file:{setup_tools.TEMPLATES / name}?mode=ro", uri=True) as database:
            assert database.execute("select count(*) from alembic_version").fetchone()[0] == 1
            assert database.execute(f"select count(*) from {table}").fetchone()[0] == 0
        database.close()
