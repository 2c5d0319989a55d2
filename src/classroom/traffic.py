"""Real flights, sent to the real service: every scheduled flight of some days, day by day."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pandas as pd

from classroom import lesson
from classroom.errors import CourseError
from firstflight import clock
from firstflight.drops import Drops
from firstflight.release import as_json_rows
from firstflight.usecase import UseCase

BATCH = 1000


@dataclass(frozen=True)
class Sent:
    """What came back.

    Attributes
    ----------
    n : int
        Requests sent.
    failed : int
        Requests without an answer.
    by_release : dict of str to int
        Answers per release.
    without_state : int
        Answers that were made without feature state.
    """

    n: int
    failed: int
    by_release: dict[str, int]
    without_state: int


def play(url: str, usecase: UseCase, drops: Drops, start: dt.date, end: dt.date) -> Sent:
    """Send every request of these days to the service, and move the clock along.

    Feature state is not published here: that is the pipeline's job, before the day begins.
    """
    lesson.refuse_if_ended()
    frames = []
    requests = usecase.requests(drops, start, end)

    def send(day: dt.date, body: bytes, n: int) -> pd.DataFrame:
        clock.set_today(day)
        headers = {"content-type": "application/json"}
        reply = http.post("/predict_batch", content=body, headers=headers)
        if reply.status_code == 200:
            return pd.DataFrame(reply.json())
        if reply.status_code >= 500:
            return pd.DataFrame({"release": [None] * n, "state_age_days": [None] * n})
        raise CourseError(
            f"The service refused the requests of {day} ({reply.status_code}): {reply.text[:300]}"
        )

    # One sender, so the days keep their order; the next batch is written out while it waits.
    with (
        httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
        ThreadPoolExecutor(1) as sender,
    ):
        waiting: deque[Future[pd.DataFrame]] = deque()
        for day, rows in requests.groupby("date", sort=True):
            for first in range(0, len(rows), BATCH):
                part = as_json_rows(rows.iloc[first : first + BATCH])
                body = json.dumps({"requests": part}).encode()
                waiting.append(sender.submit(send, pd.Timestamp(str(day)).date(), body, len(part)))
                if len(waiting) > 2:
                    frames.append(waiting.popleft().result())
        frames += [answer.result() for answer in waiting]
    answers = pd.concat(frames, ignore_index=True)
    clock.set_today(end + dt.timedelta(days=1))
    return Sent(
        n=len(requests),
        failed=int(answers["release"].isna().sum()),
        by_release={str(k): int(v) for k, v in answers["release"].value_counts().items()},
        without_state=int(answers["state_age_days"].isna().sum()),
    )


@dataclass
class Steady:
    """Somebody who asks all the time: one request after the other until told to stop.

    Use it as a context manager around a switch; afterwards `n`, `failed` and `by_release` say
    whether anybody noticed.
    """

    url: str
    rows: list[dict]
    n: int = 0
    failed: int = 0
    by_release: dict[str, int] = field(default_factory=dict)
    slowest_ms: float = 0.0
    pause: float = 0.0  # seconds between two requests

    def __enter__(self) -> Steady:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _ask(self) -> None:
        headers = {"x-firstflight-replay": "steady"}
        with httpx.Client(base_url=self.url, timeout=30, headers=headers, trust_env=False) as http:
            while not self._stop.is_set():
                row = self.rows[self.n % len(self.rows)]
                begun = time.perf_counter()
                self.n += 1
                try:
                    reply = http.post("/predict", json={"request": row}).raise_for_status()
                    release = reply.json()["release"]
                except (httpx.HTTPError, KeyError):
                    self.failed += 1
                else:
                    self.by_release[release] = self.by_release.get(release, 0) + 1
                self.slowest_ms = max(self.slowest_ms, 1000 * (time.perf_counter() - begun))
                self._stop.wait(self.pause)


def wait_until(url: str, timeout: float = 30.0, mode: str | None = None, **versions: str) -> dict:
    """Wait until the service holds these versions, and return its status.

    Parameters
    ----------
    mode : str, optional
        The rollout's mode to wait for.
    **versions : str
        Version per alias: ``live="2"``, ``candidate="3"``.
    """
    deadline = time.monotonic() + timeout
    while True:
        status = httpx.post(f"{url}/status", json={}, timeout=10, trust_env=False).json()
        held = {alias: about["version"] for alias, about in status["releases"].items()}
        if all(held.get(a) == v for a, v in versions.items()) and mode in (None, status["mode"]):
            return dict(status)
        if time.monotonic() > deadline:
            raise CourseError(
                f"After {timeout:.0f} s the service holds {held} in mode {status['mode']!r}, not "
                f"{versions}: look at its status and its log."
            )
        time.sleep(0.1)
