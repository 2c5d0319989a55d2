"""Ten thousand generated requests to the running service: none ends in a 5xx, none is lost.

A request that was answered is in the prediction log, with that answer; one that was refused is not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
from collections.abc import Sequence
from typing import Any

HEADERS = "content-type: application/json\r\n"
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**20, -(10**20), 0.5, -0.0, 1e308, 1e-308, 2**31, 2**63),
    *(float("nan"), float("inf"), "", " ", "JFK", "0", "\x00", "\ud800", "é" * 10, "A" * 1000),
    *([], [[]], [1], {}, {"a": 1}, {"date": "2013-04-01"}),
    *("0001-01-01", "9999-12-31", "2013-02-30", "2013-04-01T00:00", "2013-4-1", "-2013-04-01"),
)


def strange(row: dict[str, Any], rng: random.Random) -> Any:
    """Return a request that is changed in up to three places, or is another thing entirely."""
    if rng.random() < 0.03:
        return rng.choice(STRANGE)
    row = dict(row)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        name = rng.choice(list(row) or ["date"])
        what = rng.random()
        if what < 0.08:
            row.pop(name, None)
        elif what < 0.14:
            row[rng.choice((name + "_", "", "label", "arr_delay"))] = rng.choice(STRANGE)
        elif name == "date" and what < 0.7:
            row[name] = str(dt.date.fromordinal(rng.randint(1, dt.date.max.toordinal())))
        elif isinstance(row.get(name), (int, float)) and what < 0.7:
            row[name] = type(row[name])(row[name] * rng.choice((-1, 0, 0.5, 2, 1000)))
        else:
            row[name] = rng.choice(STRANGE)
    return row


def content(rows: Sequence[dict[str, Any]], rng: random.Random) -> tuple[str, bytes]:
    """Return path and body of one request: single or batch, sometimes cut or with bytes changed."""
    if rng.random() < 0.3:
        many = [strange(rng.choice(rows), rng) for _ in range(rng.choice((1, 1, 2, 3)))]
        path, whole = "/predict_batch", {"requests": many}
    else:
        path, whole = "/predict", {"request": strange(rng.choice(rows), rng)}
    body = json.dumps(whole).encode()
    if rng.random() < 0.03:
        body = body[: rng.randrange(len(body))]
    elif rng.random() < 0.03:
        at = rng.randrange(len(body))
        body = body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
    return path, body


def run(n: int = 10_000, seed: int = 20130401) -> list[dict[str, Any]]:
    """Send `n` generated requests to a service of its own, and hold its answers against its log.

    Returns
    -------
    list of dict
        ``drill``, ``tried``, ``refused`` (4xx with a reason), ``lost`` (no answer, or an answer
        that is not in the log), ``wrong`` (5xx, a refusal without a reason, or a line in the log
        that nobody was answered with), ``left_behind`` (tracebacks in the server's log).
    """
    from benchmarks import shop
    from benchmarks.callers import Caller
    from classroom import servers, traffic
    from firstflight import prediction_log
    from firstflight import usecase as usecases

    rng, rows = random.Random(seed), shop.rows(200)
    counts = {"tried": n, "refused": 0, "lost": 0, "wrong": 0, "left_behind": 0}
    said: list[float] = []

    async def ask(port: int, calls: list[tuple[str, bytes]]) -> None:
        caller = Caller(port, HEADERS)
        for path, body in calls:
            try:
                status, answer = await caller.post(path, body)
            except (OSError, asyncio.IncompleteReadError):
                counts["lost"] += 1
                await caller.close()
                continue
            if status == 200:
                answers = json.loads(answer)
                answers = answers if isinstance(answers, list) else [answers]
                said.extend(one["prediction"] for one in answers)
            elif 400 <= status < 500 and (set(json.loads(answer)) & {"detail", "error"}):
                counts["refused"] += 1
            else:
                counts["wrong"] += 1
        await caller.close()

    async def ask_all(port: int) -> None:
        calls = [content(rows, rng) for _ in range(n)]
        await asyncio.gather(*(ask(port, calls[i::8]) for i in range(8)))

    with servers.service() as server:
        traffic.wait_until(server.url, live=shop.TREES)
        damage = prediction_log.Damage()
        case, days = usecases.get(shop.NAME), (dt.date.min, dt.date.max)
        before = len(list(prediction_log.lines(case, *days, damage)))
        asyncio.run(ask_all(server.port))
        kept = [line["prediction"] for line in prediction_log.lines(case, *days, damage)][before:]
        counts["left_behind"] = server.log.read_text(errors="replace").count("Traceback")
    pairs = list(zip(sorted(kept), sorted(said), strict=False))
    counts["lost"] += max(0, len(said) - len(kept))
    counts["wrong"] += max(0, len(kept) - len(said)) + sum(a != b for a, b in pairs) + damage.n
    return [{"drill": "generated requests", **counts}]
