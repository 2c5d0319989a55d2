"""The ledger: rows are replaced, not repeated, and the measures measure what they say."""

from __future__ import annotations

import json

import pytest

from classroom import ledger, workspaces
from classroom.errors import CourseError


def test_a_row_is_replaced_when_the_lesson_runs_again(ws):
    ledger.record("05", "gate", prevented="a tie ships", glue_lines=80)
    ledger.record("04", "MLflow", prevented="nobody knows", install_mb=100.0)
    ledger.record("04", "MLflow", prevented="nobody knows", install_mb=120.0, start_s=2.0)
    assert [(r["lesson"], r["tool"], r["install_mb"]) for r in ledger.rows()] == [
        ("04", "MLflow", 120.0),
        ("05", "gate", None),
    ]
    assert len(workspaces.ledger_file(ws).read_text().splitlines()) == 2
    assert all(json.loads(line) for line in workspaces.ledger_file(ws).read_text().splitlines())


def test_the_table_says_what_was_not_measured(ws):
    assert ledger.table().empty
    ledger.record("04", "MLflow", prevented="nobody knows", install_mb=100.04, glue_lines=12)
    ledger.record("05", "gate", prevented="a tie ships")
    table = ledger.table()
    assert table.loc[("04", "MLflow"), "install MB"] == 100.0
    assert table.loc[("04", "MLflow"), "glue lines"] == 12
    assert table.loc["05"].drop(columns="prevented").isna().all(axis=None)
    assert list(ledger.table("05").index) == [("05", "gate")]


def test_closure_follows_requirements_and_leaves_extras_out():
    found = ledger.closure("papermill")
    assert {"papermill", "nbclient", "nbformat", "traitlets"} <= found  # traitlets: two steps away
    assert not {"mlflow", "pytest", "boto3"} & found


def test_install_mb_counts_files_and_leaves_out_what_is_there_anyway():
    whole, less = ledger.install_mb("pandas"), ledger.install_mb("pandas", beside=("numpy",))
    assert 30 < less < whole < 500
    assert whole - less == pytest.approx(ledger.install_mb("numpy"), abs=0.2)
    with pytest.raises(CourseError, match="not-there is not installed"):
        ledger.install_mb("not-there")


def test_import_seconds():
    assert ledger.import_seconds("json", times=1) < ledger.import_seconds("pandas", times=1)
    with pytest.raises(CourseError, match="cannot import not_there: ModuleNotFoundError"):
        ledger.import_seconds("not_there", times=1)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", 0),
        ('"""A doc\n\nof three lines."""\n', 0),
        ("# why\n\n\nx = 1  # here\n", 1),
        ('def f():\n    """Doc."""\n    return 1\n', 2),
        ('class A:\n    """Doc\n    more."""\n\n    x = 1\n    y = """text\n    counts"""\n', 4),
        ('x = (\n    1,\n    # why\n    2,\n)\n"a text that is no docstring"\n', 5),
    ],
)
def test_count_lines(source, lines):
    assert ledger.count_lines(source) == lines


def test_glue_lines_of_a_module():
    assert 10 < ledger.glue_lines("classroom.pictures") < 40
    with pytest.raises(CourseError, match=r"no module firstflight\.gone"):
        ledger.glue_lines("firstflight.gone")
