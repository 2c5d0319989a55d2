"""Each question of the preflight says yes on a clean morning, and no to its own fault."""

import datetime as dt
import hashlib
import json
import os
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstflight import (
    clock,
    drops,
    operations,
    preflight,
    registry,
    snapshot,
    state,
    train,
    usecase,
)
from firstflight.alarm_rates import DamagedDrops
from firstflight.errors import FirstFlightError, RollbackRefused
from firstflight.workspace import PROJECT, Workspace, configure

FLIGHTS = usecase.get("flights")
TODAY = dt.date(2013, 2, 5)
GOOD, BAD = "1", "2"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a workspace with one release of feature version 1 and the state of today."""
    before = dict(os.environ)
    ws = configure(Workspace(tmp_path_factory.mktemp("preflight") / "workspace"))
    clock.set_today(TODAY)
    for month in ("2013-01", "2013-02"):
        drops.land(PROJECT / "data", ws.drops, FLIGHTS.sources.values(), month)
    taken = snapshot.take(FLIGHTS, landed(), day("2013-01-09"), day("2013-01-28"), 1)
    registry.register(train.fit(FLIGHTS, taken, "logistic_regression"))
    publish(1, "2013-02-05", "2013-02-05")
    yield ws
    os.environ.clear()
    os.environ.update(before)


def day(text):
    return dt.date.fromisoformat(text)


def landed():
    return operations.landed(FLIGHTS, TODAY)


def publish(version, first, last):
    state.publish(FLIGHTS, operations.landed(FLIGHTS, day(last)), version, day(first), day(last))


@contextmanager
def changed(path, content):
    """Change a file, or take it away, for a while."""
    whole = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)
        os.utime(path)  # a reader that remembers by time must look again


def state_file(date="2013-02-05", version=1):
    return state.state_file("flights", version, day(date))


def release_file(name):
    import mlflow

    folder = mlflow.artifacts.download_artifacts(f"models:/flights/{GOOD}")
    return Path(folder) / "extra_files" / name


def snapshot_file():
    return snapshot.folder(registry.tags("flights", GOOD)["snapshot"]) / "labels.parquet"


def asked(upstream=None, url=None):
    found = preflight.preflight(FLIGHTS, GOOD, upstream or landed(), url)
    return {check.name: check for check in found}


def refused(found):
    return [name for name, check in found.items() if not check.ok]


def rewritten(date="2013-02-05", **columns):
    """Return a state file with other values and a digest that fits them."""
    whole = state.State.model_validate_json(state_file(date).read_bytes())
    new = whole.model_copy(update={"values": {**whole.values, **columns}})
    new = new.model_copy(update={"digest": new.expected_digest()})
    return (new.model_dump_json(indent=1) + "\n").encode()


def with_weather(folder, column, change, days):
    """Return the upstream with a column of the last days changed, and checksums that fit."""
    shutil.copytree(landed().root, folder)
    for month in ("2013-01", "2013-02"):
        path = folder / "weather" / f"{month}.parquet"
        table = pq.read_table(path)
        rows = table.to_pandas()
        local = rows["time_hour"].dt.tz_convert("America/New_York").dt.tz_localize(None)
        since = local >= pd.Timestamp(TODAY) - pd.Timedelta(days=days - 1)
        rows[column] = rows[column].mask(since, change(rows[column])).astype("float32")
        pq.write_table(pa.Table.from_pandas(rows, table.schema, preserve_index=False), path)
        sums = drops.read_sums(folder)
        sums[f"weather/{month}.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / drops.SUMS).write_text("".join(f"{d}  {n}\n" for n, d in sums.items()))
    return drops.Drops(folder, FLIGHTS.sources, TODAY)


def test_a_tampered_release_is_found(home):
    path = release_file("release.json")
    content = path.read_bytes().replace(b'"feature_version": 1', b'"feature_version": 2')
    assert content != path.read_bytes()
    with changed(path, content):
        found = asked()
    assert refused(found) == ["release", "upstream"]
    assert "altered" in found["release"].sentence and "not asked" in found["upstream"].sentence
    assert refused(asked()) == []


def test_an_altered_or_missing_snapshot_is_found(home):
    path = snapshot_file()
    with changed(path, path.read_bytes() + b"x"):
        found = asked()
    assert refused(found) == ["snapshot"] and "labels.parquet" in found["snapshot"].sentence
    with changed(path, None):
        assert refused(asked()) == ["snapshot"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: None, "firstflight state --feature-version 1"),
        (lambda: state_file().read_bytes().replace(b"0.", b"0.1"), "altered"),
        (lambda: rewritten(carrier_late_7d={}), "carrier_late_7d is empty"),
        (lambda: rewritten(origin_late_7d=dict.fromkeys(("EWR", "JFK", "LGA"), 0.0)), "is 0 in"),
    ],
    ids=["missing", "altered", "without a column", "reset to zero"],
)
def test_state_that_would_not_serve_is_found(home, content, words):
    with changed(state_file(), content()):
        found = asked()
    assert refused(found) == ["state"] and words in found["state"].sentence
    assert refused(asked()) == []


def test_state_of_two_days_ago_is_young_enough_and_of_three_is_not(home):
    with changed(state_file(), None):
        publish(1, "2013-02-02", "2013-02-02")
        old = state_file("2013-02-02")
        try:
            assert refused(asked()) == ["state"]
            publish(1, "2013-02-03", "2013-02-03")
            found = asked()
        finally:
            old.unlink()
            state_file("2013-02-03").unlink()
    assert refused(found) == [] and "2013-02-03" in found["state"].sentence


@pytest.mark.parametrize(
    ("column", "change", "days", "words"),
    [
        ("temp", lambda fahrenheit: (fahrenheit - 32) / 1.8, 2, "unit"),
        ("pressure", lambda millibars: millibars / 10, 7, "unit"),
        ("visib", lambda miles: miles * np.nan, 7, "visib is empty"),
    ],
    ids=["Celsius since yesterday", "kilopascals for a week", "empty for a week"],
)
def test_a_poisoned_upstream_is_found(home, tmp_path, column, change, days, words):
    poisoned = with_weather(tmp_path / "drops", column, change, days)
    week = ["weather", TODAY - dt.timedelta(days=days), TODAY]
    assert not poisoned.read(*week)[column].equals(landed().read(*week)[column])
    found = asked(poisoned)
    assert refused(found) == ["upstream"]
    assert column in found["upstream"].sentence and words in found["upstream"].sentence


def test_an_upstream_that_was_rewritten_and_not_poisoned_is_fine(home, tmp_path):
    assert refused(asked(with_weather(tmp_path / "drops", "temp", lambda same: same, 7))) == []


def test_a_damaged_drop_is_the_upstreams_fault_alone(home):
    path = landed().root / "weather" / "2013-02.parquet"
    with changed(path, path.read_bytes()[:-100]):
        found = asked()
    assert refused(found) == ["upstream"] and "2013-02.parquet" in found["upstream"].sentence


SAID = {
    "usecase": "flights",
    "registry_reachable": True,
    "refused": {},
    "releases": {"live": {"version": BAD}},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"usecase": "air_time"}, "answers for air_time"),
        ({"registry_reachable": False}, "does not reach the registry"),
        ({"refused": {GOOD: "its files were altered"}}, "its files were altered"),
    ],
)
def test_a_service_that_would_not_take_the_release_is_found(change, words):
    assert "will load it" in preflight.service_takes(SAID, "flights", GOOD)
    with pytest.raises(RollbackRefused, match=words):
        preflight.service_takes(SAID | change, "flights", GOOD)


@pytest.mark.parametrize(
    "said",
    [
        [],
        "ok",
        None,
        {},
        {"usecase": "flights"},
        SAID | {"refused": None},
        SAID | {"releases": []},
        SAID | {"releases": {"live": BAD}},
        SAID | {"releases": {"live": {}}},
    ],
    ids=str,
)
def test_a_foreign_server_is_a_no_with_a_sentence(home, said):
    class Foreign(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Foreign) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        evidence = preflight.gather(FLIGHTS, GOOD, landed(), url=url)
        found = preflight.answer("service", preflight.service_follows, evidence)
    assert not found.ok and "another status than a service of this path" in found.sentence


# --- faults of the two newest days --------------------------------------------------------------

DAMAGES = {name: a.drops for name, a in FLIGHTS.accidents.items() if a.drops is not None}
# Two days without rain: millimetres of nothing are inches of nothing, and do no harm.
DRY = {"rain in mm"}


def damaged(damage, days=2):
    """Return the upstream with its newest days damaged."""
    since = TODAY - dt.timedelta(days=days - 1)
    return DamagedDrops(landed().root, FLIGHTS.sources, TODAY, damage=damage, since=since)


@pytest.mark.parametrize("name", sorted(set(DAMAGES) - DRY))
def test_a_fault_of_the_newest_days_is_found(home, name):
    # The outcomes of today are not known yet: the newest two are a day older.
    upstream = damaged(DAMAGES[name], days=3 if "outcomes" in name else 2)
    days = dt.date(2013, 2, 3), TODAY
    same = [upstream.read(n, *days).equals(landed().read(n, *days)) for n in FLIGHTS.sources]
    assert not all(same), "the two inputs differ"
    found = asked(upstream)
    print(found["upstream"].sentence)
    assert refused(found) == ["upstream"]


def test_the_clean_twin_of_every_fault_is_fine(home):
    assert refused(asked(damaged(lambda name, rows: rows))) == []


def test_a_morning_on_which_nobody_asks_is_refused(home):
    def nobody(name, rows):
        return rows.head(0) if name == "flights" else rows

    since = dt.date(2013, 1, 1)
    silent = DamagedDrops(landed().root, FLIGHTS.sources, TODAY, damage=nobody, since=since)
    assert "upstream" in refused(asked(silent))


# --- plain functions ----------------------------------------------------------------------------


def test_a_question_of_your_own_is_asked_like_the_others(home):
    evidence = preflight.gather(FLIGHTS, GOOD, landed())

    def enough_rows(evidence):
        if evidence.release.about["n_rows"] < 10**6:
            raise FirstFlightError("trained on too few rows")
        return "enough"

    said = preflight.answer("rows", enough_rows, evidence)
    assert (said.name, said.ok, said.sentence) == ("rows", False, "trained on too few rows")
    assert preflight.answer("rows", lambda _: "enough", evidence).ok


def test_a_change_of_wind_is_found_at_any_age(home):
    """What the reference never shows needs no week before: two days and two weeks later."""
    for days in (2, 9, 15):
        found = asked(damaged(DAMAGES["wind in km/h"], days))
        print(days, found["upstream"].sentence)
        assert refused(found) == ["upstream"]
