"""A part of the drills on every run: kills at some writes, two commands at once a few times.

`make drills` takes every write and a hundred rounds.
"""

from __future__ import annotations

import pytest

from drills import flows, kills, together
from drills.shop import open_shop
from firstflight.workspace import PROJECT


@pytest.fixture(scope="module")
def shop():
    with open_shop(PROJECT / "data") as shop:
        yield shop


def clean(row):
    return (row.lost, row.wrong, row.left_behind) == (0, 0, 0)


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("waive", (1, 4, 6, 7, 9, 12)),
        ("promote", (1, 5, 6, 7, 9, 10)),
        pytest.param("gate", (1, 6, 8, 20), marks=pytest.mark.slow),
        pytest.param("train", (1, 12, 25, 85), marks=pytest.mark.slow),
    ],
)
def test_a_kill_at_a_write_leaves_what_the_next_command_finishes_once(shop, command, writes):
    for row in kills.drill(shop, command, writes):
        assert row.tried and clean(row), (row, row.notes)


@pytest.mark.parametrize(
    ("command", "writes"),
    [("land", (1, 9, 17)), ("clean", (1, 20, 40)), ("backup", (3, 14)), ("restore", (2, 70))],
)
def test_a_kill_of_what_moves_files_leaves_them_whole(shop, command, writes):
    for row in kills.drill(shop, command, writes, then=("again",)):
        assert row.tried and clean(row), (row, row.notes)


@pytest.mark.slow
def test_a_killed_flow_is_done_once_by_the_next_and_does_not_run_for_ever(shop, monkeypatch):
    with flows.prefect_server():
        import firstflight.flow

        row = flows.drill(shop, "ingest", (9,))
        assert row.tried == 1 and clean(row), (row, row.notes)
        monkeypatch.setattr(firstflight.flow, "end_dead_runs", lambda: None)
        row = flows.drill(shop, "ingest", (9,))
        assert row.left_behind == 1, "the control: nobody tells Prefect"


@pytest.mark.parametrize(
    "pair",
    [("promote", "promote"), ("promote", "abort"), ("waive", "waive"), ("land", "land another")],
)
def test_two_commands_at_once_lose_nothing_and_give_each_number_once(shop, pair):
    start = {"promote": "canary decided", "waive": "held", "land": "live"}[pair[0]]
    row = together.drill(shop, *pair, start, 4)
    assert row.tried == 4 and clean(row), (row, row.notes)
    if pair[0] == pair[1]:
        assert row.refused == 4, "the second one is told, each time"


def test_the_drill_sees_what_is_wrong(shop, monkeypatch):
    """The control: without the finishing of what was cut off, the drill is red."""
    monkeypatch.setattr("firstflight.deployments.settle", lambda usecase: None)
    monkeypatch.setattr("firstflight.database.cut_off", lambda: [])
    rows = kills.drill(shop, "promote", range(8, 32, 3))
    assert not all(clean(row) for row in rows)
