"""Feature state and training snapshots: young enough, unaltered, and named by their content."""

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstflight import drops as d
from firstflight import locks, operations, snapshot, state, train
from firstflight import usecase as usecases
from firstflight.errors import (
    ClockError,
    FirstFlightError,
    ReleaseError,
    SnapshotError,
    StateError,
    StorageError,
)
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


@pytest.mark.parametrize(("name", "version"), [("flights", 1), ("flights", 2), ("air_time", 1)])
def test_days_without_any_outcome_make_no_state_and_say_so(ws, tmp_path, name, version):
    case = usecases.get(name)
    root = tmp_path / "drops"
    shutil.copytree(DATA / "flights", root / "flights")
    path = root / "flights" / "2013-03.parquet"
    table = pq.read_table(path)
    for column in case.sources["flights"].outcomes:
        nothing = pa.nulls(table.num_rows, pa.float32())
        table = table.set_column(table.schema.get_field_index(column), column, nothing)
    pq.write_table(table, path, store_schema=False)
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  flights/{p.name}\n"
        for p in sorted((root / "flights").iterdir())
    ]
    (root / "SHA256SUMS").write_text("".join(lines))
    known = d.Drops(root, case.sources, D(2013, 4, 1))
    with pytest.raises(StateError, match=r"No outcome of a flight from 2013-03-\d\d to 2013-03-25"):
        state.publish(case, known, version, D(2013, 3, 25), D(2013, 3, 25))
    assert not list(ws.state.rglob("*.json"))
    # The control: the same days with their outcomes.
    whole = d.Drops(DATA, case.sources, D(2013, 4, 1))
    assert len(state.publish(case, whole, version, D(2013, 3, 25), D(2013, 3, 25))) == 1


def test_another_feature_version_has_no_state(ws):
    state.publish(usecase, APRIL, 2, D(2013, 4, 1), D(2013, 4, 1))
    assert state.Store("flights", 2, 2).at(D(2013, 4, 1)) is not None
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


@pytest.mark.parametrize(
    "damage", [b"{", b"\xff", b"", b"[]"], ids=["half", "no text", "empty", "other"]
)
def test_damaged_state_is_mended_by_publishing_the_day_again(ws, damage):
    state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    path = state.state_file("flights", 1, D(2013, 4, 1))
    whole = path.read_bytes()
    path.write_bytes(damage)
    with pytest.raises(StateError, match="publish the day's state again"):
        state.Store("flights", 1, 0).at(D(2013, 4, 1))
    state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    assert path.read_bytes() == whole
    assert state.Store("flights", 1, 0).at(D(2013, 4, 1)) is not None


def test_state_that_cannot_be_read_is_published_anew(ws, monkeypatch):
    state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    path = state.state_file("flights", 1, D(2013, 4, 1))
    whole, real = path.read_bytes(), Path.read_bytes

    def read(asked):
        if asked == path:
            raise PermissionError(13, "Permission denied", str(asked))
        return real(asked)

    path.write_bytes(b"{")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read)
        state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))
    assert path.read_bytes() == whole
    path.unlink()
    path.mkdir()  # the control: what cannot be replaced either is a sentence
    with pytest.raises(StorageError, match=r"2013-04-01\.json could not be written"):
        state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 4, 1))


def test_state_of_days_whose_end_comes_first_is_refused(ws):
    with pytest.raises(ClockError, match="from 2013-04-01 to 2013-03-31: the end comes first"):
        state.publish(usecase, APRIL, 1, D(2013, 4, 1), D(2013, 3, 31))
    assert not list(ws.state.rglob("*.json"))


def test_an_unknown_feature_version_is_one_sentence_and_leaves_nothing(ws):
    unknown = r"^flights has no feature version 9: choose one of 1, 2\.$"
    days = D(2013, 1, 8), D(2013, 1, 20)
    with pytest.raises(FirstFlightError, match=unknown):
        state.publish(usecase, APRIL, 9, *days)
    with pytest.raises(FirstFlightError, match=unknown):
        snapshot.take(usecase, APRIL, *days, 9)
    with pytest.raises(FirstFlightError, match=unknown):
        operations.train_release(usecase, APRIL, "logistic_regression", *days, 9)
    assert not list(ws.state.rglob("*")) and not list(ws.snapshots.rglob("*"))
    # A snapshot of a version that the code had once.
    taken = snapshot.take(usecase, APRIL, *days, 2)
    older = dataclasses.replace(usecase, features={1: usecase.features[1]})
    unknown = r"^flights has no feature version 2: choose one of 1\.$"
    with pytest.raises(FirstFlightError, match=unknown):
        operations.register_snapshot(older, taken.digest, "logistic_regression")
    with pytest.raises(FirstFlightError, match=unknown):
        train.fit(older, taken, "logistic_regression")
    assert not ws.database.exists()


KILLED = """
import pathlib, signal, sys
import datetime as dt
from firstflight import drops, snapshot, state, workspace
from firstflight.usecases.flights import usecase
what, dies_at = sys.argv[1], int(sys.argv[2])
real, done = pathlib.Path.replace, []
def counted(source, target):
    if pathlib.Path(target).is_relative_to(getattr(workspace.current(), what)):
        if len(done) == dies_at:
            signal.raise_signal(signal.SIGKILL)
        done.append(target)
    return real(source, target)
pathlib.Path.replace = counted
known = drops.Drops(workspace.PROJECT / "data", usecase.sources, dt.date(2013, 4, 1))
if what == "snapshots":
    snapshot.take(usecase, known, dt.date(2013, 1, 1), dt.date(2013, 1, 10), 1)
else:
    state.publish(usecase, known, 1, dt.date(2013, 3, 30), dt.date(2013, 4, 1))
"""


@pytest.mark.parametrize(("what", "dies_at"), [("snapshots", 0), ("state", 0), ("state", 2)])
def test_a_kill_leaves_nothing_half_and_no_temporary_file(ws, what, dies_at):
    killed = subprocess.run([sys.executable, "-c", KILLED, what, str(dies_at)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(ws.temporary.iterdir())  # the control: it was in the middle
    if what == "snapshots":
        taken = snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 10), 1)
        assert [path.name for path in ws.snapshots.iterdir()] == [taken.digest]
    else:
        state.publish(usecase, APRIL, 1, D(2013, 3, 30), D(2013, 4, 1))
        days = state.state_file("flights", 1, D(2013, 4, 1)).parent
        assert len(list(days.iterdir())) == 3
    assert list(ws.temporary.iterdir()) == []


FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
"""


@pytest.mark.parametrize("what", ["snapshots", "state"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(ws, what):
    with locks.writing("a first use"):  # the lock's own small files are there already
        pass
    done = subprocess.run(
        [sys.executable, "-c", FULL + KILLED, what, "-1"],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert "StorageError" in last and "free some space, then run the command again" in last
    assert not [p for p in (ws.root / what).rglob("*") if p.is_file()]
    assert list(ws.temporary.iterdir()) == []


def test_a_snapshot_is_named_by_its_content(ws):
    first = snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 20), 1)
    again = snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 20), 1)
    assert first.digest == again.digest
    others = {
        snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 21), 1).digest,
        snapshot.take(usecase, APRIL, D(2013, 1, 1), D(2013, 1, 20), 2).digest,
    }
    assert first.digest not in others and len(others) == 2
    assert not list(ws.temporary.iterdir())
    assert len(list(ws.snapshots.iterdir())) == 3
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


DAMAGE = {
    "labels are gone": lambda where: (where / "labels.parquet").unlink(),
    "state was altered": lambda where: (where / "state.parquet").write_bytes(b"x"),
    "manifest is gone": lambda where: (where / "manifest.json").unlink(),
    "manifest was altered": lambda where: (where / "manifest.json").write_text("{}"),
    "a folder in its place": lambda where: (
        (where / "labels.parquet").unlink(),
        (where / "labels.parquet").mkdir(),
    ),
    "all but the folder is gone": lambda where: [path.unlink() for path in where.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_snapshot_is_taken_again_as_its_message_says(ws, damage):
    days = D(2013, 1, 1), D(2013, 1, 10)
    taken = snapshot.take(usecase, APRIL, *days, 1)
    damage(snapshot.folder(taken.digest))
    with pytest.raises(SnapshotError, match=r"take the snapshot again from the same drops\.$"):
        snapshot.load(taken.digest)
    assert snapshot.take(usecase, APRIL, *days, 1).digest == taken.digest
    assert snapshot.load(taken.digest).labels.equals(taken.labels)
    assert not list(ws.temporary.iterdir())


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
