"""What day it is: the workspace's, or the one that is pinned for one process."""

from __future__ import annotations

import datetime as dt

import pytest

from firstflight import clock
from firstflight.errors import ClockError

APRIL, MAY = dt.date(2013, 4, 1), dt.date(2013, 5, 1)


@pytest.fixture(autouse=True)
def unpinned(ws, monkeypatch):
    monkeypatch.delenv(clock.PINNED, raising=False)


def test_set_or_real():
    assert clock.today() == dt.date.today()
    assert clock.set_today("2013-04-01") == APRIL == clock.today()
    assert clock.set_today(MAY) == clock.today()


def test_a_pinned_process_has_its_own_day(monkeypatch):
    clock.set_today(APRIL)
    monkeypatch.setenv(clock.PINNED, "2013-05-01")
    assert clock.today() == MAY
    monkeypatch.delenv(clock.PINNED)
    assert clock.today() == APRIL  # the workspace's has not moved


def test_a_pinned_process_that_sets_the_day_moves_both(monkeypatch):
    monkeypatch.setenv(clock.PINNED, "2013-04-01")
    clock.set_today(MAY)
    assert clock.today() == MAY
    monkeypatch.delenv(clock.PINNED)
    assert clock.today() == MAY


@pytest.mark.parametrize("bad", ["2013-13-01", "yesterday", "2013-04-01 12:00", " "])
def test_a_pin_that_is_no_day_is_a_sentence(monkeypatch, bad):
    monkeypatch.setenv(clock.PINNED, bad)
    with pytest.raises(ClockError, match=r"FIRSTFLIGHT_TODAY is .* no day: set it .*or unset it"):
        clock.today()
    clock.set_today(APRIL)  # a way out
    assert clock.today() == APRIL


def test_an_empty_pin_is_none(monkeypatch):
    monkeypatch.setenv(clock.PINNED, "")
    clock.set_today(APRIL)
    assert clock.today() == APRIL


@pytest.mark.parametrize("text", ["", "{", "[]", '{"today": 3}', '{"today": "2013-13-01"}'])
def test_a_damaged_clock_is_a_sentence(ws, text):
    ws.clock_file.write_text(text)
    with pytest.raises(ClockError, match="does not hold a day: set it again"):
        clock.today()
