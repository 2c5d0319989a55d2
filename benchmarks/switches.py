"""Two hundred switches under fifty requests a second, and whether anybody notices."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass

from benchmarks import callers, shop
from benchmarks.callers import Outcome
from classroom import servers, traffic
from firstflight import history
from firstflight.answering import POLL_SECONDS

PER_SECOND = 50.0
# A switch is followed within a second: at the next poll, with room for a machine that is busy.
GRACE = POLL_SECONDS + 0.75
HOLD = GRACE + 1.0  # for the last second of each release only that one may answer


@dataclass
class Result:
    """What callers and readers saw.

    Attributes
    ----------
    switches, requests, failed : int
        Failed: without an answer.
    looks, half_states : int
        Readings of what serves, and those that showed no whole state.
    not_live, judged : int
        Answers by a release that had not been live for longer than a poll takes; and how many were
        given while only one release could be the right one.
    p99_before_ms, p99_during_ms : float
    """

    switches: int
    requests: int
    failed: int
    looks: int
    half_states: int
    not_live: int
    judged: int
    p99_before_ms: float
    p99_during_ms: float


def not_live(
    answers: list[tuple[float, float, str | None]], lived: list[tuple[float, float, str]]
) -> tuple[int, int]:
    """Count answers by a release that was not live, and those that only one release may give.

    Parameters
    ----------
    answers : list of (begun, ended, release)
        Seconds of the wall clock, and who answered; None for no answer.
    lived : list of (since, to, release)
        When each release was live.
    """
    wrong = judged = 0
    for begun, ended, release in answers:
        if release is not None:
            right = {version for since, to, version in lived
                     if begun - GRACE < to and since < ended}  # fmt: skip
            wrong += release not in right
            judged += len(right) == 1
    return wrong, judged


def run(n: int = 200) -> Result:
    """Switch the live release to and fro `n` times, and hold every answer against the record."""
    bodies, answers = shop.bodies(500), []
    lived: list[tuple[float, float, str]] = []  # from, to, version

    def seen(begun: float, ended: float, status: int, content: bytes) -> None:
        answers.append((begun, ended, json.loads(content)["release"] if status == 200 else None))

    looks = half = 0
    over = threading.Event()
    whole = ({"live": shop.TREES, "previous": shop.LINEAR},
             {"live": shop.LINEAR, "previous": shop.TREES})  # fmt: skip

    def look() -> None:
        nonlocal looks, half
        while not over.wait(0.05):
            aliases = history.serving(shop.NAME).releases
            looks += 1
            half += aliases not in whole

    with servers.service() as server:
        shop.switch(shop.TREES, previous=shop.LINEAR)
        traffic.wait_until(server.url, live=shop.TREES)
        before = callers.at_a_rate(server.port, "/predict", bodies, PER_SECOND, 10.0)
        outcome: list[Outcome] = []
        reader = threading.Thread(target=look, daemon=True)
        seconds = 0.0

        def switch_all() -> None:
            nonlocal seconds
            begun = time.time()
            since = begun - GRACE
            live, other = shop.TREES, shop.LINEAR
            for _ in range(n):
                asked = time.time()  # within the call the record is written, and may be followed
                shop.switch(other, previous=live)
                lived.append((since, time.time(), live))
                live, other, since = other, live, asked
                time.sleep(HOLD)
            lived.append((since, float("inf"), live))
            seconds = time.time() - begun
            over.set()

        switcher = threading.Thread(target=switch_all)
        reader.start()
        switcher.start()
        while not over.is_set():
            outcome.append(
                callers.at_a_rate(server.port, "/predict", bodies, PER_SECOND, 5.0, seen)
            )
        switcher.join()
        reader.join()
        shop.switch(shop.TREES)
    wrong, judged = not_live(answers, lived)
    during = Outcome([ms for part in outcome for ms in part.ms])
    return Result(
        switches=n,
        requests=len(answers),
        failed=sum(release is None for *_, release in answers),
        looks=looks,
        half_states=half,
        not_live=wrong,
        judged=judged,
        p99_before_ms=before.p99,
        p99_during_ms=during.p99,
    )
