"""A small part of the drills of disk and drops, and that they find a fault that is there."""

import os

import pytest

from drills import disk
from drills import drops as drill
from firstflight import drops
from firstflight.workspace import PROJECT

DATA = PROJECT / "data"


@pytest.fixture(autouse=True)
def surroundings():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def bad(rows):
    return [row for row in rows if row.lost or row.wrong or row.left_behind]


def test_bad_drops_are_refused_and_right_ones_land():
    rows = drill.run(DATA, bytes_each=3)
    assert bad(rows) == [] and sum(row.refused for row in rows) > 50


def test_control_the_drill_sees_a_month_that_is_not_whole_land(monkeypatch):
    monkeypatch.setattr(drops, "_check_whole", lambda *_: None)
    found = bad(drill.run(DATA, bytes_each=0, wrong=["a day in the middle missing"]))
    assert [row.wrong for row in found] == [1, 1]


@pytest.mark.slow
def test_a_broken_or_full_disk_is_a_sentence():
    rows = disk.run(
        DATA,
        what=["no workspace", "registry garbage", "records is a file"],
        limits=[1_000, 20_000],
        commands=["status", "today DAY", "promote"],
    )
    assert bad(rows) == [] and sum(row.refused for row in rows) >= 4
