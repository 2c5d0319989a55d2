"""The command `course`: what it prints, and how it exits."""

from __future__ import annotations

import dataclasses
import json

import pytest
from typer.testing import CliRunner

from classroom import (
    checkpoints,
    cli,
    copies,
    journal,
    ledger,
    runner,
    setup_tools,
    style,
    workspaces,
)
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


@pytest.fixture
def started(monkeypatch):
    """Note which lessons `course start` runs, instead of running them."""
    ran = []
    monkeypatch.setattr(setup_tools, "run", lambda: [])
    monkeypatch.setattr(copies, "update", lambda: ran.append("copied") or [])
    monkeypatch.setattr(runner, "run", lambda ws, paths, **_: ran.extend(p.name[:2] for p in paths))
    return ran


@pytest.mark.parametrize("state", ["done", "begun", "neither"])
def test_start_when_the_state_is_kept_runs_nothing(course, ws, started, state):
    """Whether the lesson was done, left halfway or never begun: its first cell puts all back."""
    checkpoints.save(ws, "00")
    if state != "neither":
        workspaces.note(ws, f"{state}.json", ["00", "01"])
    code, text = course("start", "1")
    assert code == 0 and started == ["copied"]
    assert text.startswith("The state that lesson 01 starts from is there: open my-notebooks/01_")


def test_start_runs_what_is_missing(course, ws, started):
    assert course("start", "2")[0] == 0 and started == ["00", "01", "copied"]
    checkpoints.save(ws, "01")
    assert course("start", "4")[0] == 0 and started[3:] == ["02", "03", "copied"]


def test_start_that_fails_is_the_runs_sentence(course, monkeypatch, started):
    def fail(*args, **kwargs):
        raise RunError("Lesson 01_start failed in cell 9: it is registered already.")

    monkeypatch.setattr(runner, "run", fail)
    code, text = course("start", "2")
    assert code == 1 and text == "Lesson 01_start failed in cell 9: it is registered already.\n"


def test_a_run_has_a_workspace_of_its_own(course, monkeypatch, started):
    seen = []
    monkeypatch.setattr(runner, "run", lambda ws, paths, **_: seen.append(ws.root))
    monkeypatch.setattr(cli, "_print_run", lambda *_: None)
    assert course("run")[0] == 0  # FIRSTFLIGHT_HOME is set here
    monkeypatch.delenv("FIRSTFLIGHT_HOME")
    assert course("run")[0] == 0
    assert seen[0] != seen[1] == cli.PROJECT / "workspace-course"


def test_answers(course, ws):
    workspaces.note(
        ws,
        journal.NAME,
        {
            "exercises": {
                "00-ex1": {"passed": True, "checks": 2},
                "00-ex2": {"passed": False, "checks": 1},
            },
            "guesses": {"00-guess1": {"about": "the share", "guess": 0.5, "came": 0.25}},
        },
    )
    code, text = course("answers")
    rows = {line.split()[1]: line.split() for line in text.splitlines() if line[:4].strip()}
    assert code == 0
    assert rows["00-ex1"] == ["00", "00-ex1", "write", "passed", "2"]
    assert rows["00-ex2"] == ["00", "00-ex2", "write", "open", "1"]
    assert rows["00-decide1"] == ["00", "00-decide1", "decide"]
    assert ["00-guess1", "the", "share", "0.5", "0.25"] in [x.split() for x in text.splitlines()]
    told = json.loads(course("answers", "--json")[1])
    passed = {row["exercise"]: row["passed"] for row in told["exercises"]}
    assert passed["00-ex1"] is True and passed["00-ex2"] is passed["00-decide1"] is False
    assert told["guesses"]["00-guess1"]["came"] == 0.25


def test_answers_of_nobody(course, tmp_path):
    code, text = course("answers", "--workspace", str(tmp_path / "new"))
    assert code == 0 and "passed" not in text and not (tmp_path / "new").exists()


def test_copy_says_what_it_kept(course, monkeypatch):
    monkeypatch.setattr(copies, "update", lambda: ["my-notebooks/01_x.ipynb is yours."])
    code, text = course("copy")
    assert code == 0 and text.startswith("my-notebooks/01_x.ipynb is yours.\n")


def test_style_names_the_faults_and_fails(course, monkeypatch):
    good = style.Style("00", 30, 6, 5.0, 20.0, 3.0, 8, 12, 900, 30.0)
    monkeypatch.setattr(style, "all_lessons", lambda folder: [good])
    assert course("style")[0] == 0
    bad = dataclasses.replace(good, acts=4)
    monkeypatch.setattr(style, "all_lessons", lambda folder: [good, bad])
    code, text = course("style")
    assert code == 1 and "Lesson 00 has 4 acts; at least 5." in text


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
