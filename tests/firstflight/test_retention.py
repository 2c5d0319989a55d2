"""[retention] is carried out: what is older goes, and nothing that a release may need."""

import datetime as dt
import json
import os
import shutil
import sqlite3

import pytest
from typer.testing import CliRunner

from firstflight import (
    clock,
    files,
    history,
    predictions,
    process,
    records,
    registry,
    retention,
)
from firstflight.cli import app
from firstflight.errors import BusyError, ClockError, RecordError, RegistryError, SnapshotError
from firstflight.workspace import PROJECT

D = dt.date
NAME = "flights"
TODAY = D(2015, 6, 1)
DAYS = {"predictions": 400, "reports": 90, "state": 100}


def rules(ws, **changed):
    """Give the workspace a process with other days of retention."""
    text = (PROJECT / "process.toml").read_text(encoding="utf-8")
    for key, value in changed.items():
        lines = [line for line in text.splitlines() if line.startswith(f"{key} = ")]
        assert len(lines) == 1
        text = text.replace(lines[0], f"{key} = {value}")
    files.write(ws.process_file, text)


def served(monkeypatch, releases, tags):
    """Say what serves and what each version was made of."""
    entry = history.Deployment(
        n=1, date=TODAY, action="promote", before={}, after=releases, reason="r", by="model_owner"
    )
    records.append(NAME, history.KIND, entry)
    monkeypatch.setattr(registry, "tags", lambda usecase, version: tags[version])


def line(day, version="1"):
    return json.dumps({"date": day.isoformat(), "release": version, "prediction": 0.5}) + "\n"


def log(ws, name, *lines):
    path = ws.predictions / NAME / "predictions" / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(x if isinstance(x, bytes) else x.encode() for x in lines))
    return path


def state_of(ws, day, version="v1"):
    files.write(ws.state / NAME / version / f"{day}.json", "{}")
    return f"{version}/{day}.json"


def left(ws):
    return {
        path.relative_to(ws.root).as_posix(): path.read_bytes()
        for path in ws.root.rglob("*")
        if path.is_file() and path.name not in ("home.json", "writer.json", "writer.lock")
    }


@pytest.fixture
def room(ws):
    clock.set_today(TODAY)
    rules(ws)
    return ws


def ago(days):
    return TODAY - dt.timedelta(days=days)


def test_state_and_reports_of_an_age_go_to_the_day(room):
    for days in (0, 99, 100, 101, 300):
        state_of(room, ago(days))
    for days in (0, 89, 90, 91):
        files.write(room.reports / f"{NAME}-{ago(days)}.json", "{}")
        files.write(room.reports / f"{NAME}-{ago(days)}-drift.html", "<p>")
    for name in ("first-look.html", f"{NAME}-notes.html", f"{NAME}-9999-99-99.json"):
        files.write(room.reports / name, "no day in its name")
    gone = {(one.kind, one.path.name) for one in retention.clean()}
    assert gone == {
        ("state", f"{ago(101)}.json"),
        ("state", f"{ago(300)}.json"),
        ("reports", f"{NAME}-{ago(91)}.json"),
        ("reports", f"{NAME}-{ago(91)}-drift.html"),
    }
    assert not any(one.path.exists() for one in retention.expired())
    assert retention.clean() == []
    assert len(list(room.reports.iterdir())) == 9
    assert not list(room.temporary.iterdir())


def test_a_dry_run_changes_nothing_and_says_what_the_run_does(room):
    state_of(room, ago(200))
    state_of(room, ago(0))
    before = left(room)
    runner = CliRunner()
    said = json.loads(runner.invoke(app, ["clean", "--dry-run", "--json"]).stdout)
    assert left(room) == before
    assert [one["path"] for one in said] == [f"state/{NAME}/v1/{ago(200)}.json"]
    assert json.loads(runner.invoke(app, ["clean", "--json"]).stdout) == said
    assert "state" in runner.invoke(app, ["clean"]).stdout


def test_the_help_says_whose_retention():
    assert "process.toml's retention" in CliRunner().invoke(app, ["clean", "--help"]).stdout


def test_a_clock_far_ahead_makes_nothing_old(room):
    """A workspace of 2015 whose clock file is gone is looked at in 2026 or later."""
    for days in (0, 50, 99):
        state_of(room, ago(days))
        files.write(room.reports / f"{NAME}-{ago(days // 2)}.json", "{}")
    log(room, "data.1.log.1", line(ago(300)), line(ago(0)))
    room.clock_file.unlink()
    assert clock.today() > TODAY + dt.timedelta(days=1000)
    before = left(room)
    assert retention.clean() == []
    assert left(room) == before


def test_what_may_serve_keeps_the_state_and_the_answers_of_its_proof(room, monkeypatch):
    rules(room, state_days=1, predictions_days=1)
    served(
        monkeypatch,
        {"live": "2", "previous": "1"},
        {
            "1": {"snapshot": "a" * 16, "feature_version": "1"},
            "2": {"snapshot": "b" * 16, "feature_version": "2"},
        },
    )
    for version in ("v1", "v2", "v3"):
        for days in (0, 1, 2, 90, 92, 93):
            state_of(room, ago(days), version)
    old = log(
        room,
        "data.1.log.1",
        *[line(ago(days), version) for version in "123" for days in (1, 2, 90, 91)],
    )
    os.utime(old, (1_000_000_000, 1_000_000_000))
    log(room, "data.1.log", line(ago(0)))
    retention.clean()
    kept = {p.relative_to(room.state / NAME).as_posix() for p in room.state.rglob("*.json")}
    both = {f"{v}/{ago(days)}.json" for v in ("v1", "v2") for days in (0, 1, 2, 90, 92)}
    assert kept == both | {f"v3/{ago(0)}.json", f"v3/{ago(1)}.json"}
    assert old.read_text().splitlines(keepends=True) == [
        *[line(ago(days), version) for version in "12" for days in (1, 2, 90)],
        line(ago(1), "3"),
    ]
    assert old.stat().st_mtime == 1_000_000_000  # logs are read in the order of their times


def test_lines_that_cannot_be_read_stay_and_a_log_in_use_is_put_aside_first(room):
    bad = [b"\xff\n", b"[]\n", b'{"date": null}\n', b'{"date": "2010-01-01"}\n', b"{\n"]
    path = log(room, "data.1.log", line(ago(500)), *bad, line(ago(0)))
    whole = path.read_bytes()
    assert retention.clean() == []  # nobody knows who writes to it
    aside = path.with_name("data.1.log.1")
    assert aside.read_bytes() == whole and not path.exists()
    assert predictions.log_files(NAME) == [aside]
    assert retention.clean() == []  # no newer one was begun
    log(room, "data.1.log", line(ago(0)))
    assert retention.clean() == []  # and it was written to a moment ago
    os.utime(aside, (1_000_000_000, 1_000_000_000))
    (gone,) = retention.clean()
    assert (gone.kind, gone.lines, gone.size) == ("predictions", 1, len(line(ago(500))))
    assert aside.read_bytes() == b"".join(bad) + line(ago(0)).encode()


def test_a_log_of_old_lines_alone_goes_whole(room):
    old = log(room, "data.1.log.1", line(ago(500)), line(ago(401)))
    os.utime(old, (1_000_000_000, 1_000_000_000))
    kept = log(room, "data.1.log", line(ago(400)), line(ago(0)))
    assert [one.lines for one in retention.clean()] == [2]
    assert not old.exists() and kept.exists()


def take(ws, digest, end, usecase=NAME, manifest=None):
    text = (
        json.dumps({"usecase": usecase, "end": end.isoformat()}) if manifest is None else manifest
    )
    files.write(ws.snapshots / digest / "manifest.json", text)
    files.write(ws.snapshots / digest / "labels.parquet", "x")


def test_the_newest_snapshots_and_those_that_may_serve_stay(room, monkeypatch):
    rules(room, snapshots_kept=2)
    for n in range(6):
        take(room, f"{n}" * 16, ago(100 - n))
    take(room, "e" * 16, ago(900), "air_time")
    served(
        monkeypatch,
        {"live": "2", "previous": "1", "candidate": "3"},
        {
            "1": {"snapshot": "0" * 16, "feature_version": "1"},
            "2": {"snapshot": "2" * 16, "feature_version": "1"},
            "3": {"snapshot": "5" * 16, "feature_version": "1"},
        },
    )
    assert {one.path.name for one in retention.clean()} == {"1" * 16, "3" * 16}
    assert {p.name[0] for p in room.snapshots.iterdir()} == set("0245e")


def test_before_the_first_deployment_every_registered_version_counts(room, monkeypatch):
    rules(room, snapshots_kept=1)
    for n in range(3):
        take(room, f"{n}" * 16, ago(100 - n))
    monkeypatch.setattr(registry, "versions", lambda usecase: ["1"] if usecase == NAME else [])
    monkeypatch.setattr(registry, "tags", lambda *_: {"snapshot": "0" * 16, "feature_version": "1"})
    assert {one.path.name for one in retention.clean()} == {"1" * 16}


def damage_registry(ws):
    with sqlite3.connect(ws.database) as link:
        link.execute("CREATE TABLE songs (name TEXT)")


DOUBTS = {
    "clock": (lambda ws: ws.clock_file.write_text("noon"), ClockError),
    "record": (
        lambda ws: files.write(ws.records / NAME / history.KIND / "000001.json", "{"),
        RecordError,
    ),
    "registry": (damage_registry, RegistryError),
    "snapshot": (lambda ws: take(ws, "f" * 16, ago(1), manifest="["), SnapshotError),
}


@pytest.mark.parametrize("what", DOUBTS)
def test_in_doubt_about_what_may_serve_nothing_is_removed(room, what):
    rules(room, snapshots_kept=1)
    state_of(room, ago(500))
    state_of(room, ago(0))
    for n in range(3):
        take(room, f"{n}" * 16, ago(100 - n))
    damage, error = DOUBTS[what]
    damage(room)
    before = left(room)
    with pytest.raises(error) as told:
        retention.clean()
    assert len(str(told.value).splitlines()) == 1
    assert left(room) == before


def test_another_writer_is_waited_for(room, monkeypatch):
    def busy(*_, **__):
        raise BusyError("clean waited")

    state_of(room, ago(500))
    state_of(room, ago(0))
    monkeypatch.setattr(retention.locks, "writing", busy)
    with pytest.raises(BusyError):
        retention.clean()
    assert len(list(room.state.rglob("*.json"))) == 2


def test_a_kill_leaves_each_thing_whole_or_gone(room):
    """A snapshot whose folder went half would be a damaged one, not an old one."""
    rules(room, snapshots_kept=1)
    for n in range(3):
        take(room, f"{n}" * 16, ago(100 - n))
    pid = os.fork()
    if pid == 0:
        shutil.rmtree = lambda *_, **__: os._exit(9)  # killed while it deletes what it took away
        retention.clean()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    for folder in room.snapshots.iterdir():
        assert {p.name for p in folder.iterdir()} == {"manifest.json", "labels.parquet"}
    retention.clean()
    assert [p.name for p in room.snapshots.iterdir()] == ["2" * 16]
    assert not list(room.temporary.iterdir())


def test_the_projects_own_days(room):
    found = process.load().retention
    assert {k: getattr(found, f"{k}_days") for k in DAYS} == DAYS
