"""How time and memory of the path's main steps grow with the data: 1x, 3x, 10x, 30x.

Each step runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from benchmarks import shop
from firstflight import clock, operations, predictions, process, snapshot, train
from firstflight import usecase as usecases
from firstflight.workspace import PROJECT, configure

SIZES = (1, 3, 10, 30)
BASE_DAYS = 3  # 1x; 30x is ninety days
FIRST = dt.date(2013, 1, 9)  # the first day whose trailing week is whole


def _days(size: int) -> tuple[dt.date, dt.date]:
    return FIRST, FIRST + dt.timedelta(days=BASE_DAYS * size - 1)


def _case() -> tuple[Any, Any]:
    case = usecases.get(shop.NAME)
    return case, operations.landed(case)


def make_requests(size: int) -> Callable[[], Any]:
    """Read the drops and make the requests of the days."""
    case, landed = _case()
    return lambda: case.requests(landed, *_days(size))


def publish_state(size: int) -> Callable[[], Any]:
    """Compute the feature state of the days."""
    case, landed = _case()
    return lambda: case.features[1].compute_state(landed, *_days(size))


def take_snapshot(size: int) -> Callable[[], Any]:
    """Take a training snapshot of the days."""
    case, landed = _case()
    return lambda: snapshot.take(case, landed, *_days(size), 1)


def fit(size: int) -> Callable[[], Any]:
    """Fit the trees on a snapshot of the days."""
    case, landed = _case()
    taken = snapshot.take(case, landed, *_days(size), 1)
    return lambda: train.fit(case, taken, "hist_gradient_boosting")


def answer(size: int) -> Callable[[], Any]:
    """Answer the requests of the days in batches of 1,000, and write them down."""
    from firstflight.answering import Answering

    case, landed = _case()
    answering = Answering(shop.NAME)
    asked = _asked(case, landed, size)

    def run() -> None:
        waits = []
        for i in range(0, len(asked), 1000):
            part = asked[i : i + 1000]
            waits.append(answering.answer(part, [False] * len(part))[1])
        if not all(wait.result() for wait in waits):
            raise RuntimeError("The log could not be written.")

    return run


def read_log(size: int) -> Callable[[], Any]:
    """Read the logged predictions of the days and join them with their labels."""
    case, landed = _case()
    answer(size)()
    return lambda: predictions.joined(case, landed, *_days(size))


def measure_online(size: int) -> Callable[[], Any]:
    """Make the bootstrap interval of the online loss."""
    case, landed = _case()
    answer(size)()
    rules = process.load().usecases[shop.NAME]
    joined = predictions.joined(case, landed, *_days(size))
    return lambda: predictions.online(joined, rules.metric, rules.alerts)


STEPS = {
    step.__name__: step
    for step in (make_requests, publish_state, take_snapshot, fit, answer, read_log, measure_online)
}


def _asked(case: Any, landed: Any, size: int) -> list[Any]:
    from firstflight.release import as_json_rows

    asked = []
    for row in as_json_rows(case.requests(landed, *_days(size))):
        # One hour of the year has a wind of 1,048 mph: the service refuses these requests.
        with contextlib.suppress(ValidationError):
            asked.append(case.request.model_validate_json(json.dumps(row)))
    return asked


def alone(step: str, size: int) -> None:
    """Run one step once and print its seconds and the peak of memory (MB) that it added."""
    configure()
    clock.set_today(_days(max(SIZES))[1] + dt.timedelta(days=14))  # the labels have arrived
    function = STEPS[step](size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    function()
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1e6 if sys.platform == "darwin" else 1e3
    print(json.dumps({"seconds": seconds, "mb": peak / unit, "added": (peak - before) / unit}))


def exponent(seconds: dict[int, float]) -> float:
    """Return the slope of log time over log size between the two largest sizes.

    1 is linear. Between the smallest the fixed costs of a step hide how it grows.
    """
    small, large = sorted(seconds)[-2:]
    return math.log(seconds[large] / seconds[small]) / math.log(large / small)


def run(root: str) -> dict[str, dict[str, Any]]:
    """Run every step at every size, each in a process of its own, in a copy of the workspace.

    Returns
    -------
    dict
        Per step: ``seconds`` and ``mb`` per size, ``exponent``.
    """
    found: dict[str, dict[str, Any]] = {}
    for step in STEPS:
        seconds: dict[int, float] = {}
        mb: dict[int, float] = {}
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                copy = f"{folder}/workspace"
                # The registry's files are read where they are; what is written is in the copy.
                shutil.copytree(root, copy, ignore=shutil.ignore_patterns("predictions", "logs"))
                env = {**os.environ, "FIRSTFLIGHT_HOME": copy, "OMP_NUM_THREADS": "1"}
                command = [sys.executable, "-m", "benchmarks.growth", step, str(size)]
                done = subprocess.run(command, env=env, cwd=PROJECT, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{step} at {size}x failed: {done.stderr[-500:]}")
            line = json.loads(done.stdout.splitlines()[-1])
            seconds[size], mb[size] = line["seconds"], line["mb"]
        found[step] = {"seconds": seconds, "mb": mb, "exponent": exponent(seconds)}
    return found


if __name__ == "__main__":
    alone(sys.argv[1], int(sys.argv[2]))
