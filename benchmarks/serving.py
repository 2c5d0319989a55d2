"""The service beside others, in one run: the rounds take turns, and medians are compared."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

from benchmarks import callers, shop
from classroom import servers, traffic
from classroom.servers import Server
from firstflight.workspace import PROJECT

ROUNDS = 5
CALLERS = 16

Row = dict[str, float]


def uvicorn(name: str, target: str, **env: str) -> Server:
    """Start an ASGI application with one worker."""
    return servers.start(
        name,
        [
            *(sys.executable, "-m", "uvicorn", target, "--app-dir", str(PROJECT)),
            *("--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"),
        ],
        ready="/readyz",
        env=env,
    )


def fastapi() -> Server:
    """Start the hand-written service."""
    return uvicorn("fastapi", "benchmarks.fastapi_service:app", BENCH_VERSION=shop.TREES)


def measure(server: Server, *, size: int = 1, short: bool = False) -> Row:
    """Measure one server once: single requests, batches, many callers."""
    n = max(1, 40 // size) if short else max(1, 200 // size)
    single, batch = shop.bodies(n), shop.batch(1000)
    one = callers.one_after_the_other(server.port, "/predict", single)
    many = callers.one_after_the_other(server.port, "/predict_batch", [batch] * 5)
    crowd = callers.together(server.port, "/predict", shop.bodies(2 * n), CALLERS)
    for outcome in (one, many, crowd):
        assert set(outcome.statuses) == {200}, (server.name, outcome.statuses)
    return {
        "one_ms": one.p50,
        "batch_ms": many.p50,
        "per_second": crowd.per_second,
        "crowd_p99_ms": crowd.p99,
    }


def compare(running: dict[str, Server], rounds: int = ROUNDS) -> dict[str, Row]:
    """Measure all servers in turns, and return the median of each figure."""
    for server in running.values():
        measure(server, short=True)  # warm
    seen: dict[str, list[Row]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, server in running.items():
            seen[name].append(measure(server))
    table = {
        name: {key: statistics.median(row[key] for row in found) for key in found[0]}
        for name, found in seen.items()
    }
    for name, server in running.items():
        table[name]["memory_mb"] = server.memory_mb()
    return table


def run(say: Callable[[str], None] = print, rounds: int = ROUNDS) -> dict[str, Row]:
    """Compare our service, with and without a shadow, with the hand-written one."""
    with servers.service() as ours, fastapi() as theirs:
        traffic.wait_until(ours.url, live=shop.TREES)
        table = compare({"firstflight": ours, "fastapi": theirs}, rounds)
        shop.switch(shop.TREES, shop.LINEAR, "shadow")
        traffic.wait_until(ours.url, live=shop.TREES, candidate=shop.LINEAR, mode="shadow")
        table["firstflight, shadow"] = compare({"ours": ours}, rounds)["ours"]
        shop.switch(shop.TREES)
    for name, row in table.items():
        say(f"{name:22}" + "".join(f"{key}={value:9.2f}  " for key, value in row.items()))
    return table
