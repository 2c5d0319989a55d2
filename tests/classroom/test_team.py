"""Decisions go into the team's file, or change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from classroom import journal, lesson, team, workspaces
from classroom.errors import CourseError
from classroom.exercises import exercise
from firstflight import process
from firstflight.errors import FirstFlightError, ProcessError

DAYS = "usecases.flights.gate.min_days"
FORCE = "permissions.force_rollback"


@pytest.fixture
def ws(ws, monkeypatch):
    """A workspace with the team's own file, and a lesson that is open in it."""
    workspaces.prepare(ws)
    monkeypatch.setattr(lesson, "holding", lambda: True)
    ws.process_file.write_text(process.DEFAULT.read_text())
    return ws


def gate():
    return process.load().usecase("flights").gate


def test_a_decision_changes_its_line_and_keeps_the_comments(ws):
    before = ws.process_file.read_text().splitlines()
    team.decide("00-decide1", DAYS, 12)
    after = ws.process_file.read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == 1 and changed[0][1].startswith("min_days = 12")
    assert changed[0][1].partition("#")[2] == changed[0][0].partition("#")[2]
    assert gate().min_days == 12
    assert journal.read()["decisions"] == {"00-decide1": {"key": DAYS, "value": 12}}


@pytest.mark.parametrize(
    ("key", "value", "error", "said"),
    [
        (DAYS, 99, ProcessError, "min_days"),
        (DAYS, "ten", ProcessError, "min_days"),
        (DAYS, float("nan"), ProcessError, "min_days"),
        (DAYS, None, ProcessError, "cannot be a NoneType"),
        (DAYS, object(), ProcessError, "cannot be a object"),
        (DAYS, [object()], ProcessError, "cannot be a list"),
        (FORCE, ["head_of_data"], ProcessError, "head_of_data"),
        (FORCE, "model_owner", ProcessError, "force_rollback"),
        ("usecases.flights.gate.min_day", 10, CourseError, "no key usecases.flights.gate.min_day"),
        ("usecases.trains.gate.min_days", 10, CourseError, "no key"),
        (f"{DAYS}.deeper", 10, CourseError, "no key"),
        ("usecases.flights.gate", 10, CourseError, "a whole table"),
        ("", 10, CourseError, "no key"),
    ],
)
def test_a_bad_decision_is_a_sentence_and_changes_nothing(ws, key, value, error, said):
    before = ws.process_file.read_bytes()
    with pytest.raises(error, match=said) as raised:
        team.decide("00-decide1", key, value)
    assert str(ws.root) not in str(raised.value) and "draft" not in str(raised.value)
    assert ws.process_file.read_bytes() == before
    assert journal.read()["decisions"] == {}
    assert not list(ws.root.rglob("draft.toml"))


def test_no_file_and_a_spoilt_one_are_sentences(ws):
    ws.process_file.write_text("min_days = = 10\n")
    with pytest.raises(ProcessError, match=r"process.toml is no TOML .*mend that line"):
        team.decide("00-decide1", DAYS, 10)
    ws.process_file.unlink()
    with pytest.raises(CourseError, match=r"no process.toml of its own yet .*`course start 01`"):
        team.decide("00-decide1", DAYS, 10)
    assert team.again(ws, "05") == []


def test_without_an_open_lesson_nothing_is_decided(ws, monkeypatch):
    monkeypatch.setattr(lesson, "holding", lambda: False)
    before = ws.process_file.read_bytes()
    with pytest.raises(CourseError, match=r"No lesson is open .*process.toml stays as it is"):
        team.decide("00-decide1", DAYS, 12)
    assert ws.process_file.read_bytes() == before


def test_again_puts_in_what_earlier_lessons_decided(ws):
    text = ws.process_file.read_text()
    team.decide("00-decide1", DAYS, 12)
    team.decide("05-decide1", FORCE, ["on_call"])
    ws.process_file.write_text(text)  # an older checkpoint
    assert team.again(ws, "05") == [DAYS]  # the lesson itself is not decided yet
    assert gate().min_days == 12
    assert team.again(ws, "05") == []  # the control: it is there
    assert team.again(ws, "06") == [FORCE]
    assert team.again(ws, "00") == []


def test_again_leaves_out_what_the_file_takes_no_more(ws):
    journal.decided("00-decide1", "usecases.flights.gate.gone", 1)
    journal.decided("00-decide2", DAYS, 99)
    journal.decided("00-decide3", FORCE, ["on_call"])
    assert team.again(ws, "05") == [FORCE]


def test_a_decision_is_written_when_its_check_passes_and_the_reference_while_it_is_open(
    notebook, ws
):
    exercise("99-decide1", "days", hint="h", key=DAYS)(lambda days: int(days) > 7 or "More.")
    notebook.solve("99-decide1", "days = 10")
    assert "More." in notebook.tried("days = 3", "99-decide1") and gate().min_days == 10
    assert "passed" in notebook.tried("import numpy\ndays = numpy.int64(13)", "99-decide1")
    assert gate().min_days == 13
    assert journal.read()["decisions"]["99-decide1"]["value"] == 13


@pytest.mark.parametrize("value", [["on_call"], ("on_call",), np.array(["on_call"])])
def test_lists_of_any_type_are_written_as_lists(notebook, ws, value):
    exercise("99-decide1", "who", hint="h", key=FORCE)(lambda who: True)
    notebook.solve("99-decide1", 'who = ["on_call"]')
    notebook.ns["value"] = value
    assert "passed" in notebook.tried("who = value", "99-decide1")
    assert process.load().permissions.force_rollback == ("on_call",)


def test_a_value_that_passes_and_that_the_file_refuses_is_a_sentence(notebook, ws):
    exercise("99-decide1", "days", hint="h", key=DAYS)(lambda days: True)
    notebook.solve("99-decide1", "days = 10")
    before = ws.process_file.read_bytes()
    assert "min_days" in notebook.tried("days = 99", "99-decide1")
    assert isinstance(notebook.result.error_in_exec, FirstFlightError)
    assert ws.process_file.read_bytes() == before
