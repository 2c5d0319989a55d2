import datetime as dt

import pandas as pd
import pytest

from classroom import deliveries
from firstflight import drops, usecase
from firstflight.errors import DropError

CASE = usecase.get("flights")
TODAY = dt.date(2013, 4, 1)
FEBRUARY = dt.date(2013, 2, 1), dt.date(2013, 2, 28)


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(tmp_path / "workspace"))


def test_each_bad_delivery_is_refused_for_its_own_reason(tmp_path):
    said = {}
    for name, root in deliveries.bad_deliveries(tmp_path).items():
        with pytest.raises(DropError) as error:
            drops.land(root, tmp_path / "landing", CASE.sources.values(), "2013-02")
        said[name] = str(error.value)
    assert "truncated or not parquet" in said["truncated"]
    assert "was altered" in said["altered"]
    assert "one row per key" in said["twice"]
    assert "column arr_delay" in said["renamed"]


def test_a_corrected_month_is_signed_and_has_one_late_flight_more(tmp_path):
    landed = [
        deliveries.land_all(root, tmp_path / name, CASE, TODAY)
        for name, root in (
            ("as it was", deliveries.deliver(tmp_path / "a")),
            ("corrected", deliveries.corrected_february(tmp_path / "b")),
        )
    ]
    late = [int((one.read("flights", *FEBRUARY)["arr_delay"] >= 15).sum()) for one in landed]
    assert late[1] - late[0] == 1


def test_another_world_is_the_same_up_to_its_moment(tmp_path):
    moment = pd.Timestamp("2013-02-14", tz="America/New_York")
    known = deliveries.land_all(deliveries.deliver(tmp_path / "a"), tmp_path / "b", CASE, TODAY)
    other = deliveries.other_world(tmp_path / "c", CASE, TODAY, moment, moment)
    for source, column in (("flights", "arr_delay"), ("weather", "temp")):
        rows, spoilt = (one.read(source, *FEBRUARY) for one in (known, other))
        before = rows["time_hour"] < moment
        assert spoilt[before].equals(rows[before])
        assert not spoilt.loc[~before, column].equals(rows.loc[~before, column])
