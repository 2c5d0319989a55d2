"""What the learner did and expected: noted once, kept, and in JSON's types."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from classroom import guesses, journal, workspaces
from classroom.errors import CheckError
from classroom.guesses import came, guess, near, said


@pytest.fixture
def ws(ws):
    workspaces.prepare(ws)
    return ws


def test_outside_of_a_workspace_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(tmp_path / "none"))
    journal.checked("00-ex1", True)
    assert not (tmp_path / "none").exists() and journal.read()["exercises"] == {}


def test_what_has_passed_once_stays_passed(ws):
    for passed in (False, True, False):
        journal.checked("00-ex1", passed)
    journal.checked("00-ex2", False)
    assert journal.read()["exercises"] == {
        "00-ex1": {"passed": True, "checks": 3},
        "00-ex2": {"passed": False, "checks": 1},
    }
    assert journal.read(ws)["guesses"] == {}


def test_a_journal_of_an_older_course_has_all_parts(ws):
    workspaces.note(ws, journal.NAME, {"exercises": {}})
    journal.decided("00-decide1", "key", [1])
    assert journal.read()["decisions"] == {"00-decide1": {"key": "key", "value": [1]}}


def test_a_guess_beside_what_came(ws, capsys):
    guess("07-guess1", "how many fire", 3)
    assert capsys.readouterr().out == "07-guess1: you expect 3 (how many fire).\n"
    came("07-guess1", 7)
    assert capsys.readouterr().out == "07-guess1: you said 3; 7 came.\n"
    assert guesses.table("07") == [
        {"id": "07-guess1", "about": "how many fire", "you said": "3", "it came": "7"}
    ]
    assert guesses.table("08") == []
    guess("07-guess1", "how many fire", 3)  # the same cell again
    assert guesses.table("07")[0]["it came"] == "7"
    guess("07-guess1", "how many fire", 4)  # another guess: what came then is not of it
    assert guesses.table("07")[0]["it came"] == "-"


@pytest.mark.parametrize("value", [..., None, float("nan"), [...], np.nan])
def test_a_guess_left_open_is_no_error(ws, capsys, value):
    guess("07-guess1", "how many fire", value)
    assert "left open. It is more fun" in capsys.readouterr().out
    came("07-guess1", 7)
    assert capsys.readouterr().out == "07-guess1: 7 came; no guess was made.\n"
    assert guesses.table("07")[0]["you said"] == "-"


def test_a_guess_that_was_made_is_not_lost_in_a_new_copy_of_the_notebook(ws, capsys):
    guess("07-guess1", "how many fire", 3)
    came("07-guess1", 7)
    capsys.readouterr()
    guess("07-guess1", "how many fire")
    assert "left open; before, you expected 3" in capsys.readouterr().out
    assert guesses.table("07")[0]["you said"] == "3"
    assert guesses.table("07")[0]["it came"] == "7"


def test_what_came_without_a_guess_cell(ws, capsys):
    came("07-guess1", [1, 2])
    assert capsys.readouterr().out == "07-guess1: 1, 2 came; no guess was made.\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(3), "3"),
        (np.float64(0.12345), "0.123"),
        (12345.6, "12,346"),
        (np.True_, "yes"),
        (False, "no"),
        ("rank", "rank"),
        (pd.Series(["a", "b"]), "a, b"),
        ({"b", "a"}, "a, b"),
        (pd.Timestamp("2013-04-01"), "2013-04-01 00:00:00"),
        (0, "0"),
        ("", ""),
    ],
    ids=repr,
)
def test_every_type_is_noted_and_said(ws, value, text):
    guess("07-guess1", "x", value)
    came("07-guess1", value)
    json.loads((ws.root / journal.NAME).read_text())
    row = guesses.table("07")[0]
    assert (row["you said"], row["it came"]) == (text, text)


@pytest.mark.parametrize("id", ["07-ex1", "guess1", "7-guess1", "07-gess1", ""])
def test_an_id_of_no_guess_is_a_sentence(ws, id):
    for call in (lambda: guess(id, "x", 1), lambda: came(id, 1)):
        with pytest.raises(CheckError, match="no id of a guess: give one such as 07-guess1"):
            call()


@pytest.mark.parametrize(
    ("expected", "value", "good"),
    [
        (100, 109, True),
        (100, 120, False),
        (0.5, 0.52, True),
        (True, 1, False),
        (True, True, True),
        ("AUC", "AUC", True),
        ("auc", "AUC", True),
        ("log loss", "AUC", False),
        ([1, 2], [1, 2], True),
        (0, 0.0, True),
        (0, 1, False),
        (-5, 5, False),
    ],
)
def test_a_good_guess_is_within_a_tenth(expected, value, good):
    assert near(expected, value) is good


def test_numbers_are_said_shortly():
    assert said(1 / 3) == "0.333" and said(1234567.8) == "1,234,568" and said(7) == "7"
