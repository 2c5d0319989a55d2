"""The service, over HTTP: it refuses, answers, follows the registry, and writes down what it said.

One server is shared by all tests; each says first what the registry should name.
"""

import datetime as dt
import json
import shutil
import time
from pathlib import Path

import bentoml
import httpx
import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest

from classroom import servers, traffic
from firstflight import (
    bento,
    clock,
    history,
    locks,
    operations,
    predictions,
    records,
    registry,
    snapshot,
    state,
    train,
)
from firstflight import drops as d
from firstflight.answering import REPLAY_HEADER, Held, follow, share_of
from firstflight.release import as_json_rows
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT, Workspace, configure

NAME = usecase.name
DAY = dt.date(2013, 4, 1)
DAYS = [DAY + dt.timedelta(days=n) for n in range(8)]
REHEARSAL = {REPLAY_HEADER: "test"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace with three versions: linear, trees on feature version 2, one to tamper with."""
    patch = pytest.MonkeyPatch()
    ws = Workspace(tmp_path_factory.mktemp("service") / "workspace")
    patch.setenv("FIRSTFLIGHT_HOME", str(ws.root))
    # The registry's file is moved and replaced here: no connection may outlive that.
    patch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    configure(ws)
    clock.set_today(DAYS[-1])
    for month in ("2013-01", "2013-02", "2013-03", "2013-04"):
        d.land(PROJECT / "data", ws.drops, usecase.sources.values(), month)
    drops = operations.landed(usecase)
    for recipe, days, version in (
        ("logistic_regression", 31, 1),
        ("hist_gradient_boosting", 31, 2),
        ("logistic_regression", 28, 1),
    ):
        taken = snapshot.take(usecase, drops, dt.date(2013, 1, 1), dt.date(2013, 1, days), version)
        registry.register(train.fit(usecase, taken, recipe))
    for version in (1, 2):
        state.publish(usecase, drops, version, DAY, DAY)
    clock.set_today(DAY)
    yield ws
    patch.undo()


@pytest.fixture(scope="module")
def server(shop):
    switch(live="1")
    # The service has to choose its connections itself, whatever its starter chose.
    with servers.service(env={"MLFLOW_SQLALCHEMYSTORE_POOLCLASS": ""}) as running:
        yield running


@pytest.fixture(scope="module")
def rows(shop):
    """Every request of 1 April, as JSON."""
    return as_json_rows(usecase.requests(operations.landed(usecase), DAY, DAY))


def switch(live, candidate=None, mode="off", share=0.0, url=None):
    """Write down that these versions serve, and wait until the service holds them.

    Straight into the record: whether a person may do it is tested elsewhere.
    """
    named = {"live": live, "candidate": candidate}
    with locks.writing("test"):
        entry = history.Deployment(
            n=history.serving(NAME).n + 1,
            date=clock.today(),
            action="alias",
            before={},
            after={alias: version for alias, version in named.items() if version},
            mode=mode,
            share=share,
            reason="test",
            by="model_owner",
        )
        records.append(NAME, history.KIND, entry)
    if url is not None:
        wanted = {"live": live} | ({"candidate": candidate} if candidate else {})
        traffic.wait_until(url, mode=mode, **wanted)
        wait(lambda: set(status(url)["releases"]) == set(wanted))


def wait(until, seconds=30):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def status(url):
    return httpx.post(f"{url}/status", json={}).raise_for_status().json()


def ask(url, row, **headers):
    return httpx.post(f"{url}/predict", json={"request": row}, headers=headers, timeout=30)


def ask_all(url, rows, **headers):
    reply = httpx.post(f"{url}/predict_batch", json={"requests": rows}, headers=headers, timeout=60)
    return pd.DataFrame(reply.raise_for_status().json())


def on(rows, day):
    return [row | {"date": day.isoformat()} for row in rows]


def expected(version):
    drops = operations.landed(usecase)
    return predictions.replay(registry.load(NAME, version), drops, DAY, DAY)["prediction"]


def workers(server):
    """Return the processes below `bentoml serve`; the guard and the command come first."""
    (command,) = psutil.Process(server.pid).children()
    return command.children(recursive=True)


# --- the contract -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("temp", "75", "valid number"),
        ("temp", True, "valid number"),
        ("wind_speed", 1048.0, "less than or equal to 120"),
        ("visib", ..., "required"),
        ("carrier", "United", "match pattern"),
        ("origin", "BOS", "'EWR', 'JFK' or 'LGA'"),
        ("flight", 12.5, "valid integer"),
        ("sched_dep_time", 675, "60 minutes"),
        ("date", 1364774400, "written as"),
        ("date", "tomorrow", "written as"),
        ("arr_delay", 12.0, "not permitted"),
    ],
)
def test_a_bad_request_is_refused_with_field_and_reason(server, rows, field, value, why):
    row = dict(rows[0])
    assert ask(server.url, row, **REHEARSAL).status_code == 200  # the control
    before = status(server.url)["answered"]
    row[field] = value
    reply = ask(server.url, {k: v for k, v in row.items() if v is not ...})
    assert reply.status_code == 400
    (problem,) = reply.json()["detail"]
    assert problem["loc"] == ["request", field] and why in problem["msg"]
    assert status(server.url)["answered"] == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"request": null}', b'{"request": {"temp": NaN}}']
)
def test_a_body_that_is_no_request_is_refused(server, body):
    reply = httpx.post(
        f"{server.url}/predict", content=body, headers={"content-type": "application/json"}
    )
    assert reply.status_code == 400 and reply.json()["detail"]


def test_one_bad_row_refuses_the_whole_batch_and_the_worker_lives_on(server, rows):
    before, pids = status(server.url)["answered"], [p.pid for p in workers(server)]
    bad = [*rows[:99], rows[99] | {"wind_speed": 1048.0}]
    reply = httpx.post(f"{server.url}/predict_batch", json={"requests": bad})
    assert reply.status_code == 400
    assert reply.json()["detail"][0]["loc"] == ["requests", 99, "wind_speed"]
    assert status(server.url)["answered"] == before
    assert len(ask_all(server.url, rows[:99], **REHEARSAL)) == 99
    assert ask_all(server.url, []).empty
    assert [p.pid for p in workers(server)] == pids


# --- the answers --------------------------------------------------------------------------------


def test_the_answers_are_the_notebooks(server, rows):
    switch(live="1", url=server.url)
    answers = ask_all(server.url, rows, **REHEARSAL)
    assert (answers["prediction"].to_numpy() == expected("1").to_numpy()).all()
    assert set(answers["release"]) == {"1"} and set(answers["state_age_days"]) == {0}
    for n in (0, 400, 969):
        # Alone and in a batch, a linear model adds up in another order: the 16th digit may differ.
        alone = ask(server.url, rows[n], **REHEARSAL).json()
        assert alone.pop("prediction") == pytest.approx(answers["prediction"][n], abs=1e-14)
        assert alone == answers.drop(columns="prediction").iloc[n].to_dict()
    # The control: another request gets another answer.
    warmer = rows[0] | {"temp": rows[0]["temp"] + 20}
    assert ask(server.url, warmer, **REHEARSAL).json()["prediction"] != answers["prediction"][0]


def test_old_state_is_said_and_stale_state_is_not_used(server, rows):
    switch(live="1", url=server.url)
    seen = {}
    for day in DAYS[:4]:
        (answer,) = ask_all(server.url, on(rows[:1], day), **REHEARSAL).to_dict("records")
        seen[(day - DAY).days] = answer["state_date"], answer["state_age_days"]
    assert seen == {
        0: ("2013-04-01", 0),
        1: ("2013-04-01", 1),
        2: ("2013-04-01", 2),
        3: (None, None),
    }
    clock.set_today(DAYS[3])
    assert status(server.url)["releases"]["live"]["state_age_days"] is None
    clock.set_today(DAYS[2])
    assert status(server.url)["releases"]["live"]["state_age_days"] == 2
    clock.set_today(DAY)


def test_altered_state_is_refused_and_said(server, rows):
    switch(live="1", url=server.url)
    path, day = state.state_file(NAME, 1, DAYS[5]), DAYS[5]
    published = json.loads(state.state_file(NAME, 1, DAY).read_text())
    published["date"] = day.isoformat()
    path.write_text(json.dumps(published))
    clock.set_today(day)
    try:
        assert ask(server.url, on(rows[:1], day)[0]).status_code == 503
        assert "altered" in status(server.url)["releases"]["live"]["state_error"]
        assert ask(server.url, rows[0], **REHEARSAL).status_code == 200  # another day's state
    finally:
        path.unlink()
        clock.set_today(DAY)
    assert ask(server.url, on(rows[:1], day)[0], **REHEARSAL).status_code == 200
    assert "state_error" not in status(server.url)["releases"]["live"]


# --- following the registry ---------------------------------------------------------------------


def test_a_switch_fails_no_request(server, rows):
    switch(live="1", url=server.url)
    with traffic.Steady(server.url, rows) as caller:
        wait(lambda: caller.by_release.get("1", 0) >= 5)
        switch(live="2", url=server.url)
        wait(lambda: caller.by_release.get("2", 0) >= 5)
        switch(live="1", url=server.url)
        before = caller.by_release["1"]
        wait(lambda: caller.by_release["1"] >= before + 5)
    assert caller.failed == 0
    assert sum(caller.by_release.values()) == caller.n
    assert (ask_all(server.url, rows, **REHEARSAL)["prediction"] == expected("1")).all()


def test_a_tampered_release_is_never_swapped_in(server, rows):
    switch(live="1", url=server.url)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/3"))
    saved = folder / "extra_files" / "release.json"
    good = saved.read_bytes()
    saved.write_bytes(good.replace(b'"feature_version": 1', b'"feature_version": 2'))
    assert saved.read_bytes() != good
    try:
        switch(live="3", candidate="3", mode="shadow")
        wait(lambda: "3" in status(server.url)["refused"])
        held = status(server.url)
        assert {alias: r["version"] for alias, r in held["releases"].items()} == {"live": "1"}
        assert "altered" in held["refused"]["3"] and held["mode"] == "off"
        assert ask(server.url, rows[0], **REHEARSAL).json()["release"] == "1"
    finally:
        saved.write_bytes(good)
    wait(lambda: status(server.url)["releases"]["live"]["version"] == "3")  # the control
    assert status(server.url)["refused"] == {}
    assert ask(server.url, rows[0], **REHEARSAL).json()["release"] == "3"


def test_a_refused_candidate_does_not_leave_the_one_before_it_in_its_place(server):
    switch(live="1", candidate="2", mode="canary", share=0.5, url=server.url)
    held = follow(NAME, Held())
    assert held.mode == "canary" and held.releases["candidate"].version == "2"
    registry.client().set_model_version_tag(NAME, "3", "release_digest", "0" * 16)
    try:
        switch(live="1", candidate="3", mode="canary", share=0.5)
        held = follow(NAME, held)
        assert set(held.releases) == {"live"} and held.mode == "off" and set(held.refused) == {"3"}
    finally:
        digest = follow_digest("3")
        registry.client().set_model_version_tag(NAME, "3", "release_digest", digest)
    assert follow(NAME, held).releases["candidate"].version == "3"  # the control
    switch(live="1", url=server.url)


def follow_digest(version):
    from firstflight.release import folder_digest

    return folder_digest(Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version}")))


def test_the_registry_may_be_gone_and_may_be_replaced(server, shop, rows):
    switch(live="1", url=server.url)
    database, away = shop.root / "mlflow.db", shop.root / "mlflow.db.away"
    backup = shutil.copytree(shop.records, shop.root / "records.backup")
    first = ask(server.url, rows[0], **REHEARSAL).json()
    assert status(server.url)["registry_reachable"]
    database.rename(away)
    try:
        wait(lambda: not status(server.url)["registry_reachable"])
        assert ask(server.url, rows[0], **REHEARSAL).json() == first
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        assert not database.exists()  # looking for it must not make an empty one
        assert not follow(NAME, Held()).registry_reachable
    finally:
        away.rename(database)
    wait(lambda: status(server.url)["registry_reachable"])
    switch(live="2", url=server.url)
    shutil.rmtree(shop.records)  # gone: that is no decision, and nothing changes
    wait(lambda: not status(server.url)["registry_reachable"])
    assert ask(server.url, rows[0], **REHEARSAL).json()["release"] == "2"
    Path(backup).rename(shop.records)  # restored: version 1 is live in it
    wait(lambda: status(server.url)["releases"]["live"]["version"] == "1")


# --- shadow and canary --------------------------------------------------------------------------


def test_the_shadow_is_logged_and_not_returned(server, rows):
    switch(live="1", candidate="2", mode="shadow", url=server.url)
    day = DAYS[1]
    answers = ask_all(server.url, on(rows, day))
    assert set(answers["release"]) == {"1"}
    logged = predictions.read(usecase, day, day)
    assert logged.groupby(["version", "role"]).size().to_dict() == {
        ("1", "live"): len(rows),
        ("2", "shadow"): len(rows),
    }
    release = registry.load(NAME, "2")
    shadow = logged[logged["role"] == "shadow"]
    said = release.predict(shadow, state.Store(NAME, 2, 2))
    assert (shadow["prediction"].to_numpy() == said).all()
    assert (logged[logged["role"] == "live"]["prediction"].to_numpy() != said).all()
    switch(live="1", url=server.url)  # the control: without a shadow nothing more is written
    ask_all(server.url, on(rows[:5], DAYS[2]))
    assert set(predictions.read(usecase, DAYS[2], DAYS[2])["role"]) == {"live"}


def test_a_shadow_that_fails_hurts_nobody(server, rows):
    switch(live="1", candidate="2", mode="shadow", url=server.url)
    before = status(server.url)["shadow_failures"]
    path = state.state_file(NAME, 2, DAYS[6])
    path.write_text("{}")
    try:
        answers = ask_all(server.url, on(rows[:5], DAYS[6]), **REHEARSAL)
    finally:
        path.unlink()
    assert set(answers["release"]) == {"1"}
    assert status(server.url)["shadow_failures"] == before + 1
    switch(live="1", url=server.url)


def test_the_canary_takes_its_share_of_the_flights_and_always_the_same(server, rows):
    switch(live="1", candidate="2", mode="canary", share=0.2, url=server.url)
    first = ask_all(server.url, rows, **REHEARSAL)
    taken = (first["release"] == "2").to_numpy()
    keys = [[row[part] for part in usecase.key] for row in rows]
    assert (taken == np.array([share_of(key) < 0.2 for key in keys])).all()
    assert abs(taken.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / len(rows))
    again = ask_all(server.url, rows[::-1], **REHEARSAL)["release"][::-1]
    assert (again.to_numpy() == first["release"].to_numpy()).all()
    for n in range(10):
        assert ask(server.url, rows[n], **REHEARSAL).json()["release"] == first["release"][n]
    said = np.where(taken, expected("2"), expected("1"))
    assert first["prediction"].to_numpy() == pytest.approx(said, abs=1e-14)

    switch(live="1", candidate="2", mode="canary", share=0.6, url=server.url)
    wait(lambda: status(server.url)["share"] == 0.6)
    more = (ask_all(server.url, rows, **REHEARSAL)["release"] == "2").to_numpy()
    assert more[taken].all() and more.sum() > taken.sum()  # who was in it stays in it
    switch(live="1", url=server.url)
    assert set(ask_all(server.url, rows, **REHEARSAL)["release"]) == {"1"}


# --- the log ------------------------------------------------------------------------------------


def test_a_rehearsal_is_logged_apart(server, rows):
    switch(live="1", url=server.url)
    day = DAYS[4]
    ask_all(server.url, on(rows[:3], day), **REHEARSAL)
    assert predictions.read(usecase, day, day).empty
    assert set(predictions.read(usecase, day, day, replays=True)["role"]) == {"replay"}
    ask_all(server.url, on(rows[:3], day))
    logged = predictions.read(usecase, day, day)
    assert len(logged) == 3 and logged["state_age_days"].isna().all()


def test_the_log_survives_a_killed_worker(server, rows):
    switch(live="1", url=server.url)
    day = DAYS[7]
    answers = ask_all(server.url, on(rows[:50], day))
    (path,) = predictions.log_files(NAME)
    with path.open("a") as file:
        file.write('{"date": "2013-04-08", "carr')  # as kill -9 leaves it
    (worker,) = [p for p in workers(server) if "worker" in " ".join(p.cmdline())]
    worker.kill()
    wait(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)

    def ready():
        try:
            return httpx.get(f"{server.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    wait(ready, seconds=90)
    later = ask_all(server.url, on(rows[50:60], day))
    logged = predictions.read(usecase, day, day)
    said = pd.concat([answers, later])["prediction"].sort_values().to_numpy()
    assert (logged["prediction"].sort_values().to_numpy() == said).all()


# --- the Bento ----------------------------------------------------------------------------------


def test_the_bento_holds_code_decisions_and_pins_and_no_path_of_this_machine(shop):
    built = bento.build("7")
    assert bentoml.get(f"firstflight-{NAME}:7").path == built.path
    inside = {str(p.relative_to(built.path)) for p in Path(built.path).rglob("*") if p.is_file()}
    package = PROJECT / "src" / "firstflight"
    ours = {f"src/firstflight/{p.relative_to(package)}" for p in package.rglob("*.py")}
    assert ours | {"src/process.toml"} <= inside
    pins = (Path(built.path) / "env" / "python" / "requirements.txt").read_text().split()
    assert {f"{name}=={bento.metadata.version(name)}" for name in bento.PACKAGES} <= set(pins)
    text = b"".join(p.read_bytes() for p in Path(built.path).rglob("*") if p.is_file())
    assert str(shop.root).encode() not in text and str(PROJECT).encode() not in text


def test_what_the_guard_refuses_costs_bentoml_nothing(server):
    """The guard stands around all of BentoML's layers: its metrics do not even count a refusal."""

    def counted():
        text = httpx.get(f"{server.url}/metrics").text
        return [
            line for line in text.splitlines() if "request_total" in line and "/predict" in line
        ]

    before = counted()
    plain = {"content": b"{}", "headers": {"content-type": "text/plain"}}
    assert httpx.post(f"{server.url}/predict", **plain).status_code == 415
    assert counted() == before
    assert httpx.post(f"{server.url}/predict", json={"request": {}}).status_code == 400
    assert counted() != before, "the control: what gets through is counted"
