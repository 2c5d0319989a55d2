"""The service beside others, in one run: the rounds take turns, and medians are compared."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import callers, shop
from benchmarks.callers import Outcome
from classroom import servers, traffic
from classroom.servers import Server
from firstflight import process, registry, state
from firstflight import usecase as usecases
from firstflight.workspace import PROJECT

CALLERS = 16
OURS, THEIRS = "First Flight", "FastAPI, by hand"
FIGURES = {
    "one_ms": "one row, p50 ms",
    "batch_ms": "1,000 rows, p50 ms",
    "per_second": "16 callers, requests/s",
    "memory_mb": "memory, MB",
}

Row = dict[str, float]


@dataclass
class Asked:
    """A server, and how it is asked.

    Attributes
    ----------
    server : Server
    one, batch : tuple of (path, bodies)
    n : int
        Single requests of one round.
    """

    server: Server
    one: tuple[str, list[bytes]]
    batch: tuple[str, list[bytes]]
    n: int = 200


def ours_or_alike(server: Server) -> Asked:
    """Return how a server with our contract is asked."""
    one = ("/predict", shop.bodies(1000))
    return Asked(server, one, ("/predict_batch", [shop.batch(1000)] * 5))


def uvicorn() -> Server:
    """Start the hand-written service with one worker."""
    return servers.start(
        "fastapi",
        [
            *(sys.executable, "-m", "uvicorn", "benchmarks.fastapi_service:app"),
            *("--app-dir", str(PROJECT), "--host", "127.0.0.1", "--port", "{port}"),
            *("--log-level", "warning"),
        ],
        ready="/readyz",
        env={"BENCH_VERSION": shop.TREES},
    )


def echo() -> Server:
    """Start BentoML with the same contract and no model."""
    return servers.start(
        "echo",
        [
            *(sys.executable, "-m", "bentoml", "serve", "benchmarks.echo:Echo"),
            *("--host", "127.0.0.1", "--port", "{port}", "--working-dir", str(PROJECT)),
        ],
        ready="/readyz",
    )


def mlflow_serve() -> Asked:
    """Start ``mlflow models serve`` on the release.

    It knows no state and no log, and takes features instead of requests: it does less.
    """
    server = servers.start(
        "mlflow-serve",
        [
            *(sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"),
            *("--model-uri", f"models:/{shop.NAME}/{shop.TREES}", "--workers", "1"),
            *("--host", "127.0.0.1", "--port", "{port}"),
        ],
        ready="/ping",
        # It starts uvicorn by name.
        env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
    )
    features = registry.load(shop.NAME, shop.TREES).reference
    features = features.drop(columns=["prediction", "label"])

    def body(n: int) -> bytes:
        return json.dumps(
            {"dataframe_split": json.loads(features.head(n).to_json(orient="split"))}
        ).encode()

    return Asked(
        server, ("/invocations", [body(1)] * 1000), ("/invocations", [body(1000)] * 5), n=60
    )


def bare() -> Row:
    """Return what the prediction alone takes in this process: no server, no state, no log."""
    release = registry.load(shop.NAME, shop.TREES)
    case = release.usecase
    store = state.Store(shop.NAME, release.feature_version, 2)
    asked = [case.request.model_validate_json(json.dumps(row)) for row in shop.rows(1000)]
    columns = usecases.columns(usecases.field_types(case.request), asked)

    def p50(n: int) -> float:
        part = {name: values[:n] for name, values in columns.items()}
        met = store.met(part["date"])
        return 1000 * statistics.median(_seconds(partial(release.answer, part, met), 50))

    return {"one_ms": p50(1), "batch_ms": p50(1000)}


def _seconds(function: partial, n: int) -> list[float]:
    seconds = []
    for _ in range(n):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return seconds


def measure(asked: Asked, *, short: bool = False) -> Row:
    """Measure one server once: single requests, batches, many callers."""
    port, n = asked.server.port, 20 if short else asked.n
    (path, bodies), (batch_path, batches) = asked.one, asked.batch
    one = callers.one_after_the_other(port, path, bodies[:n])
    many = callers.one_after_the_other(port, batch_path, batches[: 1 if short else 5])
    crowd = callers.together(port, path, bodies[: 2 * n], CALLERS)
    for outcome in (one, many, crowd):
        if set(outcome.statuses) != {200}:
            raise RuntimeError(f"{asked.server.name} answered {outcome.statuses}: read its log.")
    return {"one_ms": one.p50, "batch_ms": many.p50, "per_second": crowd.per_second}


def compare(running: dict[str, Asked], rounds: int) -> dict[str, Row]:
    """Measure all servers in turns, and return the median of each figure."""
    for asked in running.values():
        measure(asked, short=True)  # warm
    seen: dict[str, list[Row]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, asked in running.items():
            seen[name].append(measure(asked))
    table = {}
    for name, found in seen.items():
        table[name] = {key: statistics.median(row[key] for row in found) for key in found[0]}
        table[name]["memory_mb"] = running[name].server.memory_mb()
    return table


def overload(port: int, rounds: int = 3, seconds: float = 5.0) -> dict[str, dict[str, float]]:
    """Return what happens when more is asked than the service can answer: medians of the rounds.

    Returns
    -------
    dict
        ``"as many as are served at once"``, ``"five times as many callers"`` (who come again when
        they are told to) and ``"five times the rate"`` (of callers who never wait, up to 200
        requests underway): each with ``answered`` (a second), ``p99_ms`` of these, ``shed_share``,
        ``shed_p99_ms`` and ``failed`` (neither answered nor told to come again).
    """
    bodies, rules = shop.bodies(1000), process.load().service
    most, after = rules.max_concurrent, float(rules.retry_after_seconds)
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        quiet = callers.who_come_again(port, "/predict", bodies, most, seconds, after)
        loud = callers.who_come_again(port, "/predict", bodies, 5 * most, seconds, after)
        rate = 5 * quiet.per_second
        flood = callers.at_a_rate(port, "/predict", bodies, rate, seconds)
        found.setdefault("as many as are served at once", []).append(_shed(quiet))
        found.setdefault("five times as many callers", []).append(_shed(loud))
        found.setdefault("five times the rate", []).append(_shed(flood))
    return {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        for name, rows in found.items()
    }


def _shed(seen: Outcome) -> dict[str, float]:
    good, shed = seen.of(200), seen.of(429)
    return {
        "answered": len(good.ms) / seen.seconds,
        "p99_ms": good.p99,
        "shed_share": len(shed.ms) / len(seen.ms),
        "shed_p99_ms": shed.p99 if shed.ms else 0.0,
        "failed": len(seen.ms) - len(good.ms) - len(shed.ms),
    }


def slow_callers(port: int, n: int = 100) -> Outcome:
    """Return how 50 requests fare while `n` callers have sent a header and one byte each."""
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(callers.half_sent(port))
        time.sleep(0.2)
        return callers.one_after_the_other(port, "/predict", shop.bodies(50))


def run(rounds: int = 5) -> tuple[dict[str, Row], dict[str, Row], Outcome]:
    """Compare our service with others, then overload it.

    Returns
    -------
    table : dict of str to Row
        The figures of `FIGURES` for each way to serve; the shadow is measured last.
    overloaded : dict
        See `overload`.
    beside_slow : Outcome
        See `slow_callers`.
    """
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(servers.service())
        theirs = stack.enter_context(uvicorn())
        empty = stack.enter_context(echo())
        traffic.wait_until(ours.url, live=shop.TREES)
        table = compare(
            {
                OURS: ours_or_alike(ours),
                THEIRS: ours_or_alike(theirs),
                "echo": ours_or_alike(empty),
            },
            rounds,
        )
        empty.stop()
        shop.switch(shop.TREES, shop.LINEAR, "shadow")
        traffic.wait_until(ours.url, live=shop.TREES, candidate=shop.LINEAR, mode="shadow")
        with_shadow = compare({"x": ours_or_alike(ours)}, rounds)["x"]
        shop.switch(shop.TREES)
        traffic.wait_until(ours.url, live=shop.TREES, mode="off")
        without = compare({"x": ours_or_alike(ours)}, rounds)["x"]
        table["First Flight, shadow on"] = with_shadow
        table["First Flight, shadow off again"] = without
        overloaded, beside_slow = overload(ours.port), slow_callers(ours.port)
    # Alone: MLflow's server takes as long as all others together.
    asked = mlflow_serve()
    with asked.server:
        table["mlflow models serve"] = compare({"x": asked}, max(1, rounds // 2))["x"]
    table["prediction alone"] = bare()
    return table, overloaded, beside_slow
