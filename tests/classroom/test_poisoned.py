"""Faults are made beside what is landed and saved, and nothing of them stays."""

import datetime as dt

import pandas as pd
import pytest

from classroom import poisoned
from firstflight import clock, drops, usecase
from firstflight.workspace import PROJECT, current


def test_the_temperature_comes_in_celsius_and_the_landed_drops_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(tmp_path))
    case = usecase.get("flights")
    current().root.mkdir(exist_ok=True)
    clock.set_today("2013-03-20")
    drops.land(PROJECT / "data", current().drops, case.sources.values(), "2013-03")
    today = dt.date(2013, 3, 20)

    def temperature(known):
        rows = known.read("weather", dt.date(2013, 3, 10), today)
        return rows.groupby(rows["date"])["temp"].mean()

    before = temperature(drops.Drops(current().drops, case.sources, today))
    with poisoned.celsius(case, 2) as known:
        after = temperature(known)
    changed = after.index[(after - before).abs() > 1]
    assert list(changed) == list(pd.date_range("2013-03-19", "2013-03-20"))
    assert after[today.isoformat()] == pytest.approx(
        (before[today.isoformat()] - 32) / 1.8, abs=0.1
    )
    assert not (current().root / "poisoned").exists()
    pd.testing.assert_series_equal(
        temperature(drops.Drops(current().drops, case.sources, today)), before
    )


def test_a_release_is_mended_after_an_error(tmp_path, monkeypatch):
    about = tmp_path / "extra_files" / "release.json"
    about.parent.mkdir()
    about.write_text('{"feature_version": 1}')
    monkeypatch.setattr("mlflow.artifacts.download_artifacts", lambda uri: str(tmp_path))
    with pytest.raises(KeyError), poisoned.another_feature_version("2"):
        assert about.read_text() == '{"feature_version": 2}'
        raise KeyError
    assert about.read_text() == '{"feature_version": 1}'
    assert [one.name for one in about.parent.iterdir()] == ["release.json"]


def test_a_release_of_another_feature_version_is_left_alone(tmp_path, monkeypatch):
    about = tmp_path / "extra_files" / "release.json"
    about.parent.mkdir()
    about.write_text('{"feature_version": 2}')
    monkeypatch.setattr("mlflow.artifacts.download_artifacts", lambda uri: str(tmp_path))
    with (
        pytest.raises(ValueError, match="feature version 1"),
        poisoned.another_feature_version("3"),
    ):
        pass
