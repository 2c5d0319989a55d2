import datetime as dt

import numpy as np
import pandas as pd
import pytest

from classroom import deliveries, notebook_model
from firstflight import snapshot, usecase
from firstflight.workspace import PROJECT

CASE = usecase.get("flights")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(tmp_path / "workspace"))


def test_the_notebook_prepares_and_fits():
    flights, weather = (
        pd.read_parquet(PROJECT / "data" / name / "2013-01.parquet")
        for name in ("flights", "weather")
    )
    rows = notebook_model.prepare(flights, weather)
    assert len(rows) == flights["arr_delay"].notna().sum()
    assert set(rows["late"]) == {0, 1}
    noon = rows[(rows["origin"] == "JFK") & (rows["hour"] == 12) & (rows["date"] == "2013-01-09")]
    at_9 = weather["time_hour"] == noon["time_hour"].iloc[0] - pd.Timedelta(hours=3)
    assert noon["temp"].iloc[0] == weather.loc[at_9 & (weather["origin"] == "JFK"), "temp"].iloc[0]
    assert notebook_model.fit(rows).predict_proba(rows.head(5)).shape == (5, 2)


def test_one_snapshot_gives_one_model(tmp_path):
    known = deliveries.land_all(
        deliveries.deliver(tmp_path / "a"), tmp_path / "b", CASE, dt.date(2013, 4, 1)
    )
    rows = snapshot.take(CASE, known, dt.date(2013, 1, 10), dt.date(2013, 1, 14), 1)
    first, second = (
        notebook_model.answers(notebook_model.learned_from(rows, CASE), rows, CASE)
        for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert len(first) == (rows.requests["date"] == "2013-01-14").sum()
