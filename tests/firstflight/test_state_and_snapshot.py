"""Feature state and training snapshots: young enough, unaltered, and named by their content."""

import datetime as dt
import json
import shutil

import pandas as pd
import pytest

from firstflight import drops as d
from firstflight import snapshot, state, train
from firstflight.errors import ClockError, ReleaseError, SnapshotError, StateError
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT

D = dt.date
DATA = PROJECT / "data"
APRIL = d.Drops(DATA, usecase.sources, D(2013, 4, 1))


def one(column, day, key, store):
    return store.lookup(column, pd.Series([pd.Timestamp(day)]), pd.Series([key])).iloc[0]


def test_state_is_served_until_it_is_too_old(ws):
    state.publish(usecase, APRIL, 1, D(2013, 3, 30), D(2013, 3, 30))
    store = state.Store("flights", 1, max_age_days=2)
    fresh = one("origin_late_7d", D(2013, 3, 30), "JFK", store)
    assert 0 < fresh < 1
    assert one("origin_late_7d", D(2013, 4, 1), "JFK", store) == fresh
    assert pd.isna(one("origin_late_7d", D(2013, 4, 2), "JFK", store))  # three days old
    assert pd.isna(one("origin_late_7d", D(2013, 3, 29), "JFK", store))  # from the future
    assert pd.isna(one("origin_late_7d", D(2013, 3, 30), "XXX", store))
    ages = store.ages(pd.Series(pd.to_datetime(["2013-03-30", "2013-04-01", "2013-04-02"])))
    assert ages.iloc[:2].tolist() == [0.0, 2.0] and pd.isna(ages.iloc[2])


def test_another_feature_version_has_no_state(ws):
    state.publish(usecase, APRIL, 2, D(2013, 4, 1), D(2013, 4, 1))
    assert state.newest("flights", 2, D(2013, 4, 1)) == D(2013, 4, 1)
    assert state.newest("flights", 1, D(2013, 4, 1)) is None
    assert state.Store("flights", 1, 2).at(D(2013, 4, 1)) is None


def test_publishing_again_changes_nothing_and_the_future_cannot_be_published(ws):
    state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    path = state.state_file("flights", 1, D(2013, 4, 1))
    stamp = path.stat().st_mtime_ns
    state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    assert path.stat().st_mtime_ns == stamp
    with pytest.raises(ClockError, match="today is 2013-04-01"):
        state.publish(usecase, APRIL, 1, D(2013, 4, 2), D(2013, 4, 2))


def test_altered_state_is_refused(ws):
    state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    path = state.state_file("flights", 1, D(2013, 4, 1))
    content = json.loads(path.read_text())
    content["values"]["origin_late_7d"]["JFK"] *= 100  # in percent
    path.write_text(json.dumps(content))
    with pytest.raises(StateError, match="altered after it was published"):
        state.Store("flights", 1, 0).at(D(2013, 4, 1))
    path.write_text("{")
    with pytest.raises(StateError, match="is not a feature state"):
        state.Store("flights", 1, 0).at(D(2013, 4, 1))


def test_a_snapshot_is_named_by_its_content(ws):
    first = snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 20), 1)
    again = snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 20), 1)
    assert first.digest == again.digest
    others = {
        snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 21), 1).digest,
        snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 20), 2).digest,
    }
    assert first.digest not in others and len(others) == 2
    assert not list(ws.snapshots.glob(".part-*"))
    features, label, requests = first.training_rows(usecase)
    assert len(features) == len(label) == len(requests) == first.manifest["rows"]["labels"]
    assert list(features.columns) == list(usecase.features[1].columns)


def test_a_changed_or_missing_snapshot_is_refused(ws):
    taken = snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 10), 1)
    where = snapshot.folder(taken.digest)
    labels = (where / "labels.parquet").read_bytes()
    (where / "labels.parquet").write_bytes(labels[:-1] + b"\0")
    with pytest.raises(SnapshotError, match=r"labels.parquet was altered"):
        snapshot.load(taken.digest)
    (where / "labels.parquet").write_bytes(labels)
    snapshot.load(taken.digest)  # the control: restored, it is whole again
    (where / "state.parquet").unlink()
    with pytest.raises(SnapshotError, match=r"state.parquet is missing"):
        snapshot.load(taken.digest)
    shutil.rmtree(where)
    with pytest.raises(SnapshotError, match="is missing"):
        snapshot.load(taken.digest)


def test_a_snapshot_ends_before_today(ws):
    with pytest.raises(SnapshotError, match="labels are known the day after"):
        snapshot.take(usecase, APRIL, D(2013, 3, 1), D(2013, 4, 1), 1)


def test_a_fit_repeats_itself_and_refuses_what_it_cannot_do(ws):
    taken = snapshot.take(usecase, APRIL, D(2013, 1, 8), D(2013, 1, 20), 1)
    features, _, _ = taken.training_rows(usecase)
    for recipe in usecase.recipes:
        one, two = (train.fit(usecase, taken, recipe).estimator for _ in range(2))
        assert (one.predict_proba(features) == two.predict_proba(features)).all()
    with pytest.raises(ReleaseError, match="no recipe 'magic'"):
        train.fit(usecase, taken, "magic")
