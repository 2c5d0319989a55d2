"""The played upstream: what each fetch finds, and what the door and the script make of it."""

from __future__ import annotations

import pandas as pd
import pytest

from classroom import six_am, upstream
from firstflight import drops, usecase
from firstflight.errors import DropError


@pytest.fixture
def sources():
    return list(usecase.get("flights").sources.values())


def test_each_fetch_finds_the_next_arrival_and_the_last_one_stays(ws, sources):
    upstream.plays_a_bad_morning()
    reasons = []
    for _ in upstream.BAD_MORNING[:-1]:
        with pytest.raises(DropError) as refused:
            drops.land(upstream.fetch("2013-03"), ws.root / "landing", sources, "2013-03")
        reasons.append(str(refused.value))
    assert ["missing" in reasons[0], "repeated" in reasons[1], "truncated" in reasons[2]] == [
        True
    ] * 3
    assert drops.read_sums(ws.root / "landing") == {}
    for _ in range(2):
        drops.land(upstream.fetch("2013-03"), ws.root / "landing", sources, "2013-03")
    assert upstream.fetched() == [*upstream.BAD_MORNING, "right"]
    assert not upstream.hangs()


def test_other_months_are_there_at_once_and_count_as_no_fetch(ws, sources):
    upstream.plays("late")
    for month in ("2013-01", "2013-02"):
        assert len(drops.land(upstream.fetch(month), ws.root / "landing", sources, month)) == 2
    assert upstream.fetched() == []


def test_an_unknown_arrival_is_named(ws):
    with pytest.raises(ValueError, match="lost"):
        upstream.plays("lost")
    with pytest.raises(ValueError, match="nothing"):
        upstream.plays()


def test_the_script_counts_march_twice_after_a_late_file(ws):
    six_am.as_after_february()
    upstream.plays("late", "right")
    with pytest.raises(FileNotFoundError):
        six_am.run(six_am.append)
    once = len(pd.read_parquet(upstream.DATA / "flights" / "2013-03.parquet"))
    winter = sum(
        len(pd.read_parquet(upstream.DATA / "flights" / f"2013-0{month}.parquet"))
        for month in (1, 2)
    )
    assert len(six_am.table("flights")) == winter + once
    assert six_am.run(six_am.append)["flights in March"] == 55_804
    assert len(six_am.table("flights")) == winter + 2 * once
