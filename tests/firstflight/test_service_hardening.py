"""What callers of every kind may try: nothing ends in a 5xx, none is logged that was refused.

The service runs in this process (ASGI), on a workspace with one release; faults 9, 10, 12, 28, 29.
"""

import asyncio
import contextlib
import datetime as dt
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections import Counter

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drills import requests as drills
from firstflight import (
    clock,
    deployments,
    operations,
    prediction_log,
    predictions,
    registry,
    snapshot,
    state,
    train,
)
from firstflight import drops as d
from firstflight.answering import REPLAY_HEADER, Answering, Gatherer, follow, logger, share_of
from firstflight.guard import Guard, Load
from firstflight.process import load as load_process
from firstflight.release import as_json_rows
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT, Workspace, configure

NAME, DAY = usecase.name, dt.date(2013, 2, 1)
RULES = load_process().service


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace with the trees live and a linear candidate."""
    before = dict(os.environ)
    ws = configure(Workspace(tmp_path_factory.mktemp("hardening") / "workspace"))
    clock.set_today(DAY + dt.timedelta(days=1))
    for month in ("2013-01", "2013-02"):
        d.land(PROJECT / "data", ws.drops, usecase.sources.values(), month)
    drops = operations.landed(usecase)
    for recipe in ("hist_gradient_boosting", "logistic_regression"):
        taken = snapshot.take(usecase, drops, dt.date(2013, 1, 9), dt.date(2013, 1, 31), 1)
        registry.register(train.fit(usecase, taken, recipe))
    state.publish(usecase, drops, 1, DAY, DAY)
    clock.set_today(DAY)
    serve("1")
    yield ws
    os.environ.clear()
    os.environ.update(before)


def serve(live, candidate=None, mode="off", share=0.0):
    after = {"live": live, "candidate": candidate, "previous": None}
    action = "promote" if mode == "off" else mode
    deployments.change(
        NAME, action, after=after, mode=mode, share=share, by="model_owner", reason="test"
    )


@pytest.fixture(scope="module")
def rows(shop):
    return as_json_rows(usecase.requests(operations.landed(usecase), DAY, DAY))


class Service:
    """The BentoML application in this process, with an event loop of its own."""

    def __init__(self):
        from firstflight.service import make

        self.service = make(NAME)
        self.loop = asyncio.new_event_loop()
        self.app = self.service.to_asgi(is_main=True)
        self.stack = contextlib.AsyncExitStack()

        async def begin():
            inner = self.app.app  # BentoML's, inside the guard
            await self.stack.enter_async_context(inner.router.lifespan_context(inner))
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3000")

        self.loop.run_until_complete(begin())

    def post(self, path, **what):
        return self.loop.run_until_complete(self.http.post(path, **what))

    def together(self, calls):
        async def all_of_them():
            return await asyncio.gather(*(self.http.post(path, **what) for path, what in calls))

        return self.loop.run_until_complete(all_of_them())

    def status(self):
        return self.post("/status", json={}).json()

    def close(self):
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()


@pytest.fixture(scope="module")
def service(shop):
    running = Service()
    yield running
    running.close()


def logged():
    damage = prediction_log.Damage()
    far = dt.date.min, dt.date.max
    return len(list(prediction_log.lines(usecase, *far, damage))) + damage.n


def one(row, **changes):
    return {"request": {k: v for k, v in (row | changes).items() if v is not ...}}


# --- the same answers ----------------------------------------------------------------------------


def test_one_gathered_and_batch_are_equal_to_the_frame_to_the_last_digit(service, rows):
    release = registry.load(NAME, "1")
    assert release.path == "arrays"
    frame = pd.DataFrame(rows)
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[s]")
    wanted = release.predict(frame, state.Store(NAME, 1, 2)).tolist()
    before = logged()
    batch = service.post("/predict_batch", json={"requests": rows}).json()
    assert [answer["prediction"] for answer in batch] == wanted
    some = rows[:24]
    single = service.together([("/predict", {"json": one(row)}) for row in some])
    assert [reply.json() for reply in single] == batch[:24]
    assert service.post("/predict", json=one(rows[30])).json() == batch[30]
    assert logged() == before + len(rows) + 25


def test_gathered_requests_are_answered_together_and_fail_alone(shop, rows):
    answering = Answering(NAME)
    sizes, ask = [], answering.answer

    def counted(requests, replayed, **how):
        sizes.append(len(requests))
        if len(requests) > 1 and any(r.flight == 13 for r in requests):
            raise ValueError("together")
        if requests[0].flight == 13:
            raise ValueError("alone")
        return ask(requests, replayed, **how)

    answering.answer = counted
    asked = [usecase.request.model_validate_json(json.dumps(row)) for row in rows[:8]]

    async def run(requests):
        gatherer = Gatherer(answering, lambda: len(requests))
        waits = [gatherer.ask(request, True) for request in requests]
        return await asyncio.gather(*waits, return_exceptions=True)

    good = asyncio.run(run(asked))
    assert sizes == [8] and all(answer.release == "1" for answer in good)
    bad = asyncio.run(run([*asked[:3], asked[3].model_copy(update={"flight": 13}), *asked[4:]]))
    assert [isinstance(answer, ValueError) for answer in bad] == [i == 3 for i in range(8)]
    assert [a for i, a in enumerate(bad) if i != 3] == [a for i, a in enumerate(good) if i != 3]
    answering.stop()


def test_a_release_whose_translation_is_off_goes_the_plain_way(shop, monkeypatch, rows):
    from firstflight import arrays, release

    good = registry.load(NAME, "1")
    split = arrays.split

    def wrong(estimator):
        block, last = split(estimator)
        return lambda features: block(features) * (1 + 1e-3), last

    monkeypatch.setattr(arrays, "split", wrong)
    off = registry.load(NAME, "1")
    assert off.path.startswith("pipeline: with arrays it is off by") and off.matrix is None
    monkeypatch.setattr(arrays, "split", lambda _: None)
    assert registry.load(NAME, "1").path.startswith("pipeline: it holds a step")
    monkeypatch.setattr(arrays, "split", lambda e: (lambda features: 1 / 0, split(e)[1]))
    assert "fails" in registry.load(NAME, "1").path
    asked = [usecase.request.model_validate_json(json.dumps(row)) for row in rows[:50]]
    from firstflight.usecase import columns, field_types

    arrays_of = columns(field_types(usecase.request), asked)
    met = state.Store(NAME, 1, 2).met(arrays_of["date"])
    assert (off.answer(arrays_of, met) == good.answer(arrays_of, met)).all()
    assert release.EQUAL <= 1e-12


@pytest.mark.parametrize("version", ["1", "2"])
def test_arrays_and_frames_make_the_same_features_and_answers(shop, rows, version):
    """Also for categories never seen, for missing numbers and for days without state."""
    release = registry.load(NAME, version)
    assert release.path == "arrays"
    rng = np.random.default_rng(1)
    strange = [
        row
        | {name: None for name in ("temp", "humid", "pressure") if rng.random() < 0.3}
        | ({"carrier": "ZZ"} if rng.random() < 0.2 else {})
        | {"date": str(DAY + dt.timedelta(days=int(rng.integers(-1, 5))))}
        for row in rows
    ]
    asked = [usecase.request.model_validate_json(json.dumps(row)) for row in strange]
    from firstflight.usecase import columns, field_types

    arrays_of = columns(field_types(usecase.request), asked)
    frame = pd.DataFrame([request.model_dump() for request in asked])
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[s]")
    store = state.Store(NAME, 1, 2)
    met = store.met(arrays_of["date"])
    features = usecase.features[1].build(arrays_of, met.lookup)
    whole = pd.DataFrame({k: pd.Series(v, dtype=v.dtype) for k, v in features.items()})
    pd.testing.assert_frame_equal(whole, release.features(frame, store), check_exact=True)
    np.testing.assert_array_equal(met.ages, store.ages(frame["date"]))
    np.testing.assert_array_equal(release.answer(arrays_of, met), release.predict(frame, store))


# --- bodies and headers ---------------------------------------------------------------------------

JSON = {"content-type": "application/json"}
BAD_BODIES = {
    "nothing": b"",
    "half": b'{"request": {',
    "list": b"[]",
    "null": b"null",
    "null request": b'{"request": null}',
    "NaN": b'{"request": {"temp": NaN}}',
    "Infinity": b'{"request": {"temp": 1e999}}',
    "deep": b'{"request": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not utf-8": b'{"request": "\xff\xfe"}',
    "nul": b"\x00" * 1000,
    "number": b"9" * 10_000,
    "surrogate": b'{"request": "\\ud800"}',
}


@pytest.mark.parametrize("path", ["/predict", "/predict_batch"])
@pytest.mark.parametrize("kind", BAD_BODIES)
def test_a_bad_body_is_refused_with_a_list_and_no_traceback(service, kind, path, caplog):
    body = BAD_BODIES[kind].replace(
        b'"request"', b'"requests"' if "batch" in path else b'"request"'
    )
    before = logged()
    with caplog.at_level(logging.DEBUG):
        reply = service.post(path, content=body, headers=JSON)
    assert reply.status_code == 400 and reply.json()["detail"]
    assert "Traceback" not in caplog.text and "request_value" not in caplog.text
    assert not [r for r in caplog.records if r.exc_info]
    assert logged() == before


@pytest.mark.parametrize(
    "what",
    [
        {"files": {"request": b"x"}},
        {"data": {"request": "x"}},
        {"content": b"{}", "headers": {"content-type": "text/plain"}},
        {"content": b"{}"},
        {"content": b"{}", "headers": {"content-type": "application/vnd.bentoml+pickle"}},
        {"content": b"{}", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"{}", "headers": JSON | {"content-encoding": "gzip"}},
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict_batch", "/status"])
def test_what_is_not_json_is_refused_with_one_sentence(service, path, what):
    before = logged()
    reply = service.post(path, **what)
    assert reply.status_code == 415 and reply.json()["error"].endswith(".")
    assert logged() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://localhost@evil.example"},
        {"host": "evil.example"},
        {"host": "evil.example:3000"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_another_web_page_changes_nothing_and_gets_nothing(service, rows, headers):
    before, answered = logged(), service.status()["answered"]
    for path, body in (
        ("/predict", one(rows[0])),
        ("/predict_batch", {"requests": rows[:2]}),
        ("/status", {}),
    ):
        reply = service.post(path, json=body, headers=headers)
        assert reply.status_code == 403 and reply.json()["error"].endswith(".")
        plain = {"content-type": "text/plain", **headers}
        assert service.post(path, content=json.dumps(body), headers=plain).status_code == 403
    assert (logged(), service.status()["answered"]) == (before, answered)


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://127.0.0.1:8888"}, {"host": "localhost:1"}, {"host": "LOCALHOST"}, {}],
)
def test_our_own_pages_are_answered(service, rows, headers):
    replay = {REPLAY_HEADER: "test"}
    reply = service.post("/predict", json=one(rows[0]), headers=headers | replay)
    assert reply.status_code == 200


# --- days -----------------------------------------------------------------------------------------

FAR = ["0001-01-01", "0001-01-02", "0001-01-03", "9999-12-31", "2300-01-01", "1970-01-01"]


@pytest.mark.parametrize("day", FAR)
def test_a_day_far_from_the_clocks_is_refused(service, rows, day):
    before = logged()
    reply = service.post("/predict", json=one(rows[0], date=day))
    (problem,) = reply.json()["detail"]
    assert reply.status_code == 400 and problem["loc"] == ["request", "date"]
    assert "more than 400 days from today" in problem["msg"]
    reply = service.post("/predict_batch", json={"requests": [rows[0], rows[1] | {"date": day}]})
    assert reply.status_code == 400
    assert reply.json()["detail"][0]["loc"] == ["requests", 1, "date"]
    assert logged() == before


def test_the_limit_is_where_it_is_said_to_be(service, rows):
    most = dt.timedelta(days=RULES.max_days_from_today)
    past = dt.timedelta(days=RULES.max_days_from_today + 1)
    replay = {REPLAY_HEADER: "test"}
    for day, status in ((DAY + most, 200), (DAY - most, 200), (DAY + past, 400), (DAY - past, 400)):
        body = one(rows[0], date=str(day))
        assert service.post("/predict", json=body, headers=replay).status_code == status


def test_states_of_the_first_days_of_the_calendar_are_none(shop):
    store = state.Store(NAME, 1, 5)
    for n in range(8):
        assert store.at(dt.date.min + dt.timedelta(days=n)) is None
    assert store.at(DAY) is not None


# --- limits ---------------------------------------------------------------------------------------


def test_a_batch_has_a_limit_of_rows(service, rows):
    many = [rows[i % len(rows)] for i in range(RULES.max_rows + 1)]
    replay = {REPLAY_HEADER: "test"}
    reply = service.post("/predict_batch", json={"requests": many}, headers=replay)
    assert reply.status_code == 400 and "at most 5000 items" in reply.json()["detail"][0]["msg"]
    reply = service.post("/predict_batch", json={"requests": many[:-1]}, headers=replay)
    assert reply.status_code == 200 and len(reply.json()) == RULES.max_rows


def guarded(**changes):
    """A guard before an application that remembers what reached it, and answers when told."""
    load, seen, go = Load(), [], asyncio.Event()

    async def app(scope, receive, send):
        seen.append((await receive())["body"])
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    return Guard(app, RULES.model_copy(update=changes), load), load, seen, go


async def call(guard, chunks, headers=(), path="/predict", read=None):
    """Send one request as a server hands it on; return status, headers and how much was read."""
    read = [] if read is None else read
    sent = []

    async def receive():
        chunk = chunks[len(read)] if len(read) < len(chunks) else None
        if chunk is None:
            await asyncio.sleep(3600)
        read.append(chunk)
        return {"type": "http.request", "body": chunk, "more_body": len(read) < len(chunks)}

    async def send(message):
        sent.append(message)

    pairs = [(b"host", b"127.0.0.1:1"), (b"content-type", b"application/json"), *headers]
    scope = {"type": "http", "method": "POST", "path": path, "headers": pairs}
    await guard(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"], len(read)


def test_a_long_body_is_refused_before_it_is_read():
    async def run():
        guard, _, seen, go = guarded(max_body_mb=0.001)
        go.set()
        declared = [(b"content-length", b"300000000")]
        status, headers, body, read = await call(guard, [b"x" * 100] * 50, declared)
        assert (status, read, seen) == (413, 0, []) and headers[b"connection"] == b"close"
        assert b"smaller batches" in body
        status, _, _, read = await call(guard, [b"x" * 100] * 50)  # none declared: chunked
        assert (status, read, seen) == (413, 11, [])
        assert (await call(guard, [b"x" * 100] * 10))[0] == 200  # the control: just within
        assert seen == [b"x" * 1000]

    asyncio.run(asyncio.wait_for(run(), 30))


def test_above_the_limit_callers_are_told_at_once_to_come_again():
    async def run():
        guard, load, seen, go = guarded(max_concurrent=3)
        waiting = [asyncio.create_task(call(guard, [b"{}"])) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert len(seen) == 3
        for _ in range(5):
            status, headers, body, _ = await call(guard, [b"{}"])
            assert status == 429 and headers[b"retry-after"] == b"1" and b"ask again" in body
        assert load.shed == 5 and len(seen) == 3
        status_page = asyncio.create_task(call(guard, [b"{}"], path="/status"))  # people may look
        go.set()
        assert [(await task)[0] for task in [*waiting, status_page]] == [200] * 4
        assert (await call(guard, [b"{}"]))[0] == 200 and (load.all, load.single) == (0, 0)

    asyncio.run(asyncio.wait_for(run(), 30))


def test_callers_who_send_slowly_take_nobodys_place():
    async def run():
        guard, load, _, go = guarded(max_concurrent=2, body_seconds=0.2)
        go.set()
        slow = [asyncio.create_task(call(guard, [b"{", None])) for _ in range(100)]
        await asyncio.sleep(0.01)
        assert load.all == 0
        assert [(await call(guard, [b"{}"]))[0] for _ in range(20)] == [200] * 20
        assert {(await task)[0] for task in slow} == {408}

    asyncio.run(asyncio.wait_for(run(), 30))


# --- generated requests ---------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
DATES = st.dates().map(str) | st.dates(DAY, dt.date(2013, 3, 1)).map(str) | st.text(max_size=12)
FIELDS = list(usecase.request.model_fields)


@st.composite
def bodies(draw):
    """Return a request with some fields replaced, removed or added, or something else entirely."""
    row = dict(draw(st.sampled_from(GOOD)))
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        row[name] = draw(DATES if name == "date" else ANYTHING | st.floats(-1e4, 1e4))
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
        row.pop(name, None)
    return draw(st.sampled_from([row, row, row, draw(ANYTHING)]))


GOOD: list[dict] = []


def test_no_generated_request_ends_in_a_5xx(service, rows):
    GOOD[:] = rows[:20]
    seen = {}

    @settings(max_examples=1500, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(bodies(), st.booleans())
    def ask(body, many):
        path, content = ("/predict_batch", {"requests": [body]}) if many else (
            "/predict", {"request": body})  # fmt: skip
        text = json.dumps(content).encode()
        before = service_log()
        reply = service.post(path, content=text, headers=JSON)
        assert reply.status_code in (200, 400), (reply.status_code, content)
        assert (service_log() > before) == (reply.status_code == 200)
        if reply.status_code == 400:
            assert reply.json()["detail"]
        seen[reply.status_code] = seen.get(reply.status_code, 0) + 1

    def service_log():
        return sum(path.stat().st_size for path in prediction_log.files(NAME))

    ask()
    assert seen[200] > 20 and seen[400] > 50


def test_no_mutated_request_ends_in_a_5xx_or_in_a_traceback(service, rows, caplog):
    """Two thousand of the drill's requests; the drill sends ten thousand over HTTP."""
    rng, seen = random.Random(1), Counter()
    calls = [drills.content(rows[:50], rng) for _ in range(2000)]
    answered = service.status()["answered"]
    for i in range(0, len(calls), 16):
        part = [(path, {"content": body, "headers": JSON}) for path, body in calls[i : i + 16]]
        for reply in service.together(part):
            assert reply.status_code in (200, 400), (reply.status_code, reply.text)
            if reply.status_code == 200:
                seen["answers"] += len(reply.json()) if isinstance(reply.json(), list) else 1
            else:
                assert reply.json()["detail"]
                seen["refused"] += 1
    assert service.status()["answered"] == answered + seen["answers"]
    assert min(seen.values()) > 200 and "Traceback" not in caplog.text


# --- rooms ----------------------------------------------------------------------------------------


def test_importing_the_service_makes_no_folder_and_sets_no_variable(tmp_path):
    code = """
import os, sys
before = dict(os.environ)
import firstflight.service, firstflight.answering, firstflight.guard
firstflight.service.make("flights")
now = {k: v for k, v in os.environ.items() if not k.startswith("BENTOML_")}
assert {k: v for k, v in before.items() if not k.startswith("BENTOML_")} == now, now
assert "mlflow" not in sys.modules and "sklearn" not in sys.modules
"""
    home = tmp_path / "never"
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "BENTOML", "PREFECT"))
    }
    env |= {"FIRSTFLIGHT_HOME": str(home), "BENTOML_HOME": str(tmp_path / "bento")}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert not home.exists()


def test_shadow_and_canary_without_http(shop, rows):
    asked = [usecase.request.model_validate_json(json.dumps(row)) for row in rows[:200]]
    serve("1", "2", "canary", 0.3)
    answering = Answering(NAME)
    answers, done = answering.answer(asked, [True] * 200)
    assert done.result(10)
    taken = np.array([answer.release == "2" for answer in answers])
    keys = [[row[part] for part in usecase.key] for row in rows[:200]]
    assert (taken == np.array([share_of(key) < 0.3 for key in keys])).all() and taken.any()
    serve("1", "2", "shadow")
    wait = time.monotonic() + 10
    while answering.held.mode != "shadow" and time.monotonic() < wait:
        from firstflight.answering import follow

        answering.held = follow(NAME, answering.held)
    before = answering.log.written
    answers, done = answering.answer(asked, [False] * 200)
    assert done.result(10) and answering.log.written == before + 400
    assert {answer.release for answer in answers} == {"1"}
    answering.stop()
    serve("1")


def test_the_shadow_of_single_requests_predicts_after_the_answer(shop, rows):
    """It is asked once for many, and a shadow that fails or is replaced meanwhile hurts nobody."""
    serve("1", "2", "shadow")
    day = DAY + dt.timedelta(days=3)
    asked = [
        usecase.request.model_validate_json(json.dumps(row | {"date": day.isoformat()}))
        for row in rows[:6]
    ]
    answering = Answering(NAME)
    gatherer, seen = Gatherer(answering, lambda: 1), []
    shadow = answering._shadow
    answering._shadow = lambda held, *rest: seen.append(len(rest[1])) or shadow(held, *rest)

    async def run():
        answers = [await gatherer.ask(request, False) for request in asked]
        before = list(seen)
        serve("1")  # the shadow ends; what it was to say, it still says
        answering.held = follow(NAME, answering.held)
        await asyncio.sleep(3 * gatherer.SHADOW_SECONDS)
        return answers, before

    try:
        answers, before = asyncio.run(run())
    finally:
        answering.stop()
    assert {answer.release for answer in answers} == {"1"}
    assert before == [] and seen == [6]
    logged = predictions.read(usecase, day, day)
    counts = logged.groupby(["version", "role"]).size().to_dict()
    assert counts == {("1", "live"): 6, ("2", "shadow"): 6}
    release = registry.load(NAME, "2")
    said = release.predict(logged[logged["role"] == "shadow"], state.Store(NAME, 1, 2))
    assert logged.loc[logged["role"] == "shadow", "prediction"].tolist() == said.tolist()


def test_the_last_shadows_are_written_before_the_end(shop, rows):
    serve("1", "2", "shadow")
    day = DAY + dt.timedelta(days=9)  # no other test asks for it
    request = usecase.request.model_validate_json(json.dumps(rows[0] | {"date": day.isoformat()}))
    answering = Answering(NAME)
    gatherer = Gatherer(answering, lambda: 1)
    asyncio.run(gatherer.ask(request, False))  # the loop ends before the shadow's turn
    assert predictions.read(usecase, day, day)["role"].tolist() == ["live"]
    gatherer.shadow()
    answering.stop()
    assert sorted(predictions.read(usecase, day, day)["role"]) == ["live", "shadow"]
    serve("1")


def test_the_first_bad_row_of_a_batch_is_enough(service, rows):
    bad = [row | {"temp": "warm"} for row in rows[:50]]
    reply = service.post("/predict_batch", json={"requests": [rows[0], *bad]})
    assert reply.status_code == 400
    assert [problem["loc"] for problem in reply.json()["detail"]] == [["requests", 1, "temp"]]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"today": 7}', b"\xff"])
def test_a_damaged_clock_stops_no_answer(shop, rows, damage):
    answering = Answering(NAME)
    assert answering.today() == DAY
    shop.clock_file.write_bytes(damage)
    try:
        assert answering.today() == DAY
        asked = [usecase.request.model_validate_json(json.dumps(rows[0]))]
        assert answering.too_far(asked) == [] and answering.status()["usecase"] == NAME
    finally:
        clock.set_today(DAY)
        answering.stop()


def test_a_clock_that_cannot_be_looked_at_leaves_its_last_day(shop, monkeypatch):
    said = []
    monkeypatch.setattr(logger, "exception", said.append)
    mine = Answering(NAME)
    try:
        assert mine.today() == DAY
        shop.clock_file.unlink()
        shop.clock_file.symlink_to(shop.clock_file)  # is there, and leads nowhere
        assert [mine.today(), mine.today()] == [DAY, DAY]
        assert said == ["The clock cannot be read; its last day counts."]
        clock.set_today(DAY + dt.timedelta(days=1))
        assert mine.today() == DAY + dt.timedelta(days=1)
        shop.clock_file.unlink()  # the control: without a file it is the real date
        assert mine.today() == dt.date.today() and len(said) == 1
    finally:
        clock.set_today(DAY)
        mine.stop()
