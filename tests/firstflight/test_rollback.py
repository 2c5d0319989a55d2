"""Going back, on real flights and a real service: each question of the preflight, switch, proof."""

import datetime as dt
import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from classroom import servers, traffic
from firstflight import (
    clock,
    deployments,
    drops,
    history,
    operations,
    predictions,
    preflight,
    records,
    registry,
    rollback,
    snapshot,
    state,
    train,
    usecase,
    workspace,
)
from firstflight.cli import app
from firstflight.errors import PermissionRefused, RollbackRefused
from firstflight.release import as_json_rows
from firstflight.workspace import PROJECT, Workspace, configure

FLIGHTS = usecase.get("flights")
TODAY = dt.date(2013, 2, 5)
GOOD, BAD = "1", "2"  # feature versions 1 and 2, so that the state of one is not the other's


def day(text):
    return dt.date.fromisoformat(text)


def landed():
    return operations.landed(FLIGHTS, TODAY)


def publish(version, first, last):
    state.publish(FLIGHTS, operations.landed(FLIGHTS, day(last)), version, day(first), day(last))


def set_aliases(live, previous):
    deployments.change(
        "flights",
        "promote",
        after={"live": live, "previous": previous},
        by="model_owner",
        reason="a start",
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Give a service that has answered with the good release for four days, then with the bad."""
    before = dict(os.environ)
    ws = configure(Workspace(tmp_path_factory.mktemp("rollback") / "workspace"))
    clock.set_today("2013-02-01")
    for month in ("2013-01", "2013-02"):
        drops.land(PROJECT / "data", ws.drops, FLIGHTS.sources.values(), month)
    for version in (1, 2):
        taken = snapshot.take(
            FLIGHTS, operations.landed(FLIGHTS), day("2013-01-09"), day("2013-01-28"), version
        )
        registry.register(train.fit(FLIGHTS, taken, "logistic_regression"))
    deployments.change(
        "flights", "promote", after={"live": GOOD}, by="model_owner", reason="the first"
    )
    running = servers.service()

    def play(first, last):
        known = operations.landed(FLIGHTS, day(last))
        return traffic.play(running.url, FLIGHTS, known, day(first), day(last))

    publish(1, "2013-01-29", "2013-01-31")
    play("2013-01-29", "2013-02-01")  # the state of the last day comes too late for its answers
    publish(1, "2013-02-01", "2013-02-01")
    set_aliases(BAD, GOOD)
    traffic.wait_until(running.url, live=BAD)
    publish(2, "2013-02-02", "2013-02-05")
    play("2013-02-02", "2013-02-04")
    publish(1, "2013-02-05", "2013-02-05")
    yield running
    running.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def url(service):
    """Give the service's address with the bad release live and the good one previous."""
    if history.serving("flights").releases != {"live": BAD, "previous": GOOD}:
        set_aliases(BAD, GOOD)
    traffic.wait_until(service.url, live=BAD, previous=GOOD)
    clock.set_today(TODAY)
    return service.url


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


def test_a_weekly_report_is_named_after_the_day_that_was_asked_for(url):
    """The release answered up to 4 February; the week to the 6th has silent days at its end."""
    known = operations.landed(FLIGHTS, day("2013-02-07"))
    reports = workspace.current().reports
    first = operations.monitor_week(FLIGHTS, known, day("2013-02-04"))
    kept = (reports / "flights-2013-02-04.json").read_bytes()
    second = operations.monitor_week(FLIGHTS, known, day("2013-02-06"))
    assert first.last_day == second.last_day == day("2013-02-04")
    assert second.alerts != first.alerts
    assert (reports / "flights-2013-02-04.json").read_bytes() == kept
    assert (reports / "flights-2013-02-06-drift.html").is_file()
    newest = operations.last_alerts("flights")
    assert newest == [alert.model_dump(mode="json") for alert in second.alerts]


def test_a_clean_morning_has_no_objection(url):
    found = asked(url=url)
    assert list(found) == ["release", "snapshot", "state", "upstream", "service"]
    assert refused(found) == []
    assert "state of 2013-02-05" in found["state"].sentence
    assert "in memory" in found["service"].sentence


def test_a_service_that_does_not_answer_is_found(url):
    found = asked(url=f"http://127.0.0.1:{servers.free_port()}")
    assert refused(found) == ["service"] and "does not answer" in found["service"].sentence


# --- refused ------------------------------------------------------------------------------------


def everything():
    return history.serving("flights"), [e.n for e in history.entries("flights")]


def go_back(url=None, by="on_call", reason="worse than the one before", **options):
    return rollback.rollback(FLIGHTS, landed(), reason=reason, by=by, url=url, **options)


def test_a_refused_preflight_changes_nothing(url):
    before = everything()
    with (
        changed(state_file(), None),
        pytest.raises(RollbackRefused, match="nothing was changed: state: feature version 1") as no,
    ):
        go_back(url)
    assert everything() == before
    assert str(no.value).count(".") == str(no.value).rstrip(".").count(".") + 1, "one full stop"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "intern"}, "may not rollback"),
        ({"by": "on_call", "force": True}, "may not force a rollback"),
        ({"by": "on_call", "reason": "  "}, "needs a reason"),
    ],
)
def test_who_may_not_changes_nothing(url, options, words):
    before = everything()
    with pytest.raises((RollbackRefused, PermissionRefused), match=words):
        go_back(url, **options)
    assert everything() == before


@pytest.mark.parametrize(
    "address",
    ["http://localhost:port", "127.0.0.1:3000", "http://", "http://xn--", "ftp://here", ""],
)
def test_an_address_that_is_none_changes_nothing(url, address):
    before = everything()
    n = [records.numbers("flights", kind) for kind in (rollback.FROZEN, rollback.PROOFS)]
    none = "is no address of a service, so nothing was asked or changed"
    with pytest.raises(RollbackRefused, match=none):
        go_back(address, by="model_owner", force=True)
    with pytest.raises(RollbackRefused, match=none):
        rollback.prove_again(FLIGHTS, url=address, by="on_call")
    with pytest.raises(RollbackRefused, match=none):
        rollback.prove(address, FLIGHTS, GOOD, pd.DataFrame())
    assert everything() == before
    assert [records.numbers("flights", kind) for kind in (rollback.FROZEN, rollback.PROOFS)] == n
    found = asked(url=address)
    assert refused(found) == ["service"] and none in found["service"].sentence


def test_without_a_previous_release_there_is_nothing_to_go_back_to(url):
    deployments.change(
        "flights", "alias", after={"previous": None}, by="model_owner", reason="none"
    )
    before = everything()
    with pytest.raises(RollbackRefused, match="no previous release"):
        go_back(url)
    assert everything() == before


# --- done ---------------------------------------------------------------------------------------


def test_it_restores_proves_and_does_not_come_back(url):
    rows = as_json_rows(FLIGHTS.requests(landed(), TODAY, TODAY))
    n = len(history.entries("flights"))
    with traffic.Steady(url, rows) as caller:
        done = go_back(url)
    assert caller.failed == 0 and caller.n > 0 and set(caller.by_release) <= {GOOD, BAD}
    assert (done.left, done.restored, done.forced) == (BAD, GOOD, False)
    assert (done.proof.n, done.proof.equal, done.proof.by_release) == (200, 200, 200)
    assert done.proof.ok
    assert history.serving("flights").releases == {"live": GOOD}

    entry = history.entries("flights")[-1]
    assert (entry.action, entry.n) == ("rollback", n + 1)
    assert [c["ok"] for c in entry.details["preflight"]] == [True] * 5
    kept = records.newest("flights", rollback.PROOFS, rollback.Proven)
    assert (kept.entry, kept.proof) == (entry.n, done.proof)

    with pytest.raises(RollbackRefused, match="no previous release"):
        go_back(url)
    assert history.serving("flights").releases == {"live": GOOD}, (
        "the bad release did not come back"
    )


def test_the_owner_may_force_and_it_is_recorded(url):
    with changed(state_file(), None):
        done = go_back(by="model_owner", force=True)
    assert done.forced and done.restored == GOOD and done.proof is None
    details = history.entries("flights")[-1].details
    assert details["forced"] is True
    assert [c["name"] for c in details["preflight"] if not c["ok"]] == ["state"]


def test_force_without_need_is_no_force(url):
    assert not go_back(by="model_owner", force=True).forced


class CutOff(BaseException):
    """The process is gone."""


def cut_off(*_, **__):
    raise CutOff


def test_one_that_was_cut_off_is_finished_and_proven_by_the_next(url, monkeypatch):
    """Fault 23: after a kill at the end of a rollback the proof could never be run."""
    n = len(history.entries("flights"))
    for where in ("firstflight.registry.mirror", "firstflight.rollback.prove"):
        with monkeypatch.context() as dying:
            dying.setattr(where, cut_off)
            with pytest.raises(CutOff):
                go_back(url, reason="cut off")
        assert history.serving("flights").releases == {"live": GOOD}, "what is recorded serves"
        with pytest.raises(PermissionRefused):
            go_back(url, by="intern")
    done = go_back(url, reason="again")
    assert (done.left, done.restored, done.entry) == (BAD, GOOD, n + 1) and done.proof.ok
    assert registry.aliases("flights") == {"live": GOOD}
    last = history.entries("flights")[-1]
    assert (last.n, last.reason) == (n + 1, "cut off")
    with pytest.raises(RollbackRefused, match="no previous release"):
        go_back(url)


def test_a_rollback_that_nobody_proved_is_proven_when_somebody_asks(url):
    """Fault 23, the kind: switched without a service to ask, or killed before the proof."""
    with pytest.raises(RollbackRefused, match="is no rollback"):
        rollback.prove_again(FLIGHTS, url=url, by="on_call")
    done = go_back()
    assert done.proof is None and not done.done_before
    assert rollback.unproven("flights").n == done.entry
    wait_for_live = operations.status(FLIGHTS, landed())
    assert wait_for_live["unproven_rollback"] == done.entry
    deployments.change(
        "flights",
        "waive",
        after={},
        by="model_owner",
        reason="a waiver in between changes nothing that serves",
        details={"version": BAD, "verdict": 0, "reason": "none"},
    )
    before = everything()
    with pytest.raises(PermissionRefused):
        rollback.prove_again(FLIGHTS, url=url, by="intern")
    again = CliRunner().invoke(app, ["rollback", "--prove", "--url", url])
    assert again.exit_code == 0, again.output
    assert "made before" in again.stdout and "200 of 200" in again.stdout
    assert everything() == before, "a proof changes nothing that serves"
    assert rollback.unproven("flights") is None
    without = CliRunner().invoke(app, ["rollback", "--prove"])
    assert without.exit_code == 2 and "--url" in without.output
    twice = rollback.prove_again(FLIGHTS, url=url, by="on_call")
    assert twice.proof.ok, "and once more, if somebody wants to see it"


def test_any_other_change_finishes_it_too(url, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr("firstflight.registry.mirror", cut_off)
        with pytest.raises(CutOff):
            go_back()
    begun = history.newest("flights")
    assert registry.aliases("flights")["live"] == BAD, "MLflow does not follow yet"
    assert deployments.unfinished("flights") == [begun.n]
    entry = deployments.change(
        "flights", "alias", after={}, by="model_owner", reason="something else"
    )
    assert entry.before == {"live": GOOD} and entry.n == begun.n + 1
    assert registry.aliases("flights") == {"live": GOOD}
    assert deployments.unfinished("flights") == []


# --- proof --------------------------------------------------------------------------------------


def test_frozen_requests_are_live_answers_with_the_state_of_their_day(url):
    frozen = rollback.frozen_requests(FLIGHTS, GOOD, TODAY)
    assert len(frozen) == rollback.N_PROOF
    assert set(frozen["version"]) == {GOOD} and set(frozen["role"]) == {"live"}
    days = set(frozen["date"].dt.day)
    assert days == {29, 30, 31}, "spread over the days, without the one whose state came late"
    assert frozen["carrier"].nunique() > 8
    assert rollback.frozen_requests(FLIGHTS, "99", TODAY).empty


def test_an_answer_that_differs_is_no_proof(url):
    frozen = rollback.frozen_requests(FLIGHTS, BAD, TODAY)
    assert rollback.prove(url, FLIGHTS, BAD, frozen).ok
    frozen.loc[7, "prediction"] = np.nextafter(frozen.loc[7, "prediction"], 1)
    found = rollback.prove(url, FLIGHTS, BAD, frozen)
    assert (found.n, found.equal, found.by_release) == (200, 199, 200) and not found.ok


def test_state_that_differs_is_no_proof(url):
    """The same model with another state is not the same release."""
    frozen = rollback.frozen_requests(FLIGHTS, BAD, TODAY)
    file = state_file("2013-02-03", version=2)
    whole = state.State.model_validate_json(file.read_bytes())
    other = {key: value / 2 for key, value in whole.values["origin_late_7d_lag2"].items()}
    new = whole.model_copy(update={"values": {**whole.values, "origin_late_7d_lag2": other}})
    new = new.model_copy(update={"digest": new.expected_digest()})
    with changed(file, new.model_dump_json().encode()):
        found = rollback.prove(url, FLIGHTS, BAD, frozen)
    theirs = int((frozen["date"] == "2013-02-03").sum())
    assert 0 < theirs < found.n and found.equal == found.n - theirs
    assert rollback.prove(url, FLIGHTS, BAD, frozen).ok


def test_answers_with_late_state_would_prove_nothing(url):
    rows = predictions.read(FLIGHTS, day("2013-02-01"), day("2013-02-01"))
    late = rows[rows["version"] == GOOD].head(50).reset_index(drop=True)
    assert set(late["state_age_days"]) == {1}
    go_back()
    assert rollback.prove(url, FLIGHTS, GOOD, late).equal < 50


def test_the_wrong_release_silence_or_nothing_to_ask_is_no_proof(url):
    frozen = rollback.frozen_requests(FLIGHTS, GOOD, TODAY)
    still = rollback.prove(url, FLIGHTS, GOOD, frozen, timeout=0.5)
    assert not still.ok and f"holds version {BAD}" in still.problem
    silent = rollback.prove(f"http://127.0.0.1:{servers.free_port()}", FLIGHTS, GOOD, frozen)
    assert not silent.ok and "does not answer" in silent.problem
    assert not rollback.prove(url, FLIGHTS, BAD, frozen.head(0)).ok


# --- command line -------------------------------------------------------------------------------


def test_the_command_checks_refuses_and_proves(url):
    from firstflight.cli import app

    run = CliRunner().invoke
    with changed(state_file(), None):
        assert run(app, ["rollback", "--reason", "x", "--check"]).exit_code == 3
        assert run(app, ["rollback", "--reason", "worse", "--url", url]).exit_code == 1
    assert run(app, ["rollback", "--reason", "x", "--check"]).exit_code == 0
    assert history.serving("flights").releases["live"] == BAD
    done = run(app, ["rollback", "--reason", "worse than before", "--url", url])
    assert done.exit_code == 0 and "200 of 200" in done.output
    assert history.serving("flights").releases == {"live": GOOD}


def test_the_command_says_when_it_is_not_proven(url):
    from firstflight.cli import app

    done = CliRunner().invoke(app, ["rollback", "--reason", "worse than before"], env={})
    assert done.exit_code == 3 and "not proven" in done.output
    assert history.serving("flights").releases == {"live": GOOD}
