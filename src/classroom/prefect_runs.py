"""Ask Prefect's server about runs, and run a notebook's flow in a process that can be killed.

Prefect writes task runs and log lines in the background. What is asked here waits for them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from classroom import upstream
from classroom.errors import CourseError
from firstflight.workspace import current, for_child

WAIT = 60.0  # seconds
CHILD = "import sys, cloudpickle; flow, args = cloudpickle.load(sys.stdin.buffer); flow(*args)"


def _client() -> Any:
    from prefect import get_client

    return get_client(sync_client=True)


def _until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT
    while not (value := found()):
        if time.monotonic() > deadline:
            raise CourseError(f"Prefect's server did not show {what} within {WAIT:.0f} seconds.")
        time.sleep(0.1)
    return value


def task_runs(run: UUID, ended: int) -> list[Any]:
    """Return a flow run's task runs in the order in which they began.

    Parameters
    ----------
    run : UUID
        Of the flow run.
    ended : int
        How many must have ended; it is waited for them.

    Returns
    -------
    list of TaskRun
        As Prefect's client gives them.

    Raises
    ------
    CourseError
        If they are not there in time.
    """
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import TaskRunSort

    newest = TaskRunSort.END_TIME_DESC
    with _client() as client:
        only = FlowRunFilter.model_validate({"id": {"any_": [run]}})

        def found() -> Any:
            runs = client.read_task_runs(flow_run_filter=only, sort=newest, limit=50)
            done = sum(one.state is not None and one.state.is_final() for one in runs)
            return runs if done >= ended else None

        runs = _until(found, f"{ended} task runs that have ended")
    return sorted(runs, key=lambda one: one.start_time or one.created)


def states(runs: list[Any]) -> dict[str, list[Any]]:
    """Return the states that each task run went through, oldest first, by the run's name."""
    with _client() as client:
        return {
            one.name: sorted(client.read_task_run_states(one.id), key=lambda s: s.timestamp)
            for one in runs
        }


def log_lines(run: Any) -> list[str]:
    """Return what Prefect's server has logged of a task run that has ended, oldest first.

    Parameters
    ----------
    run : TaskRun
        The task run, as `task_runs` returns it.

    Returns
    -------
    list of str
        One line for each attempt that failed, then how it ended.

    Raises
    ------
    CourseError
        If the last line is not there in time.
    """
    from prefect.client.schemas.filters import LogFilter

    only = LogFilter.model_validate({"task_run_id": {"any_": [run.id]}})
    with _client() as client:

        def found() -> Any:
            lines = [log.message for log in client.read_logs(only, limit=100, offset=0)]
            return lines if any(line.startswith("Finished") for line in lines) else None

        lines: list[str] = _until(found, "the log of a task run")
    return lines


def planned(deployment: UUID, n: int) -> list[dt.datetime]:
    """Return when the server has planned the next runs of a deployment.

    Parameters
    ----------
    deployment : UUID
        Of the deployment, as `apply` returns it.
    n : int
        How many; it is waited for them.

    Returns
    -------
    list of datetime
        In UTC, the next one first.

    Raises
    ------
    CourseError
        If they are not planned in time.
    """
    from prefect.client.schemas.filters import DeploymentFilter
    from prefect.client.schemas.sorting import FlowRunSort

    only = DeploymentFilter.model_validate({"id": {"any_": [deployment]}})
    first = FlowRunSort.EXPECTED_START_TIME_ASC
    with _client() as client:

        def found() -> Any:
            runs = client.read_flow_runs(deployment_filter=only, sort=first, limit=n)
            return runs if len(runs) == n else None

        runs = _until(found, f"{n} planned runs")
    return [run.expected_start_time.astimezone(dt.UTC) for run in runs]


def start(flow: Any, *args: Any) -> subprocess.Popen[bytes]:
    """Run a flow of this notebook in a process of its own, and do not wait for it.

    Parameters
    ----------
    flow : Flow
        The flow; it is handed over with all that it refers to.
    *args : object
        Its parameters.

    Returns
    -------
    Popen
        The process.
    """
    import cloudpickle

    root = current().temporary
    root.mkdir(parents=True, exist_ok=True)
    with (root / "flow.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=for_child(),
        )
    # Through a pipe, from this notebook to its own child: a pickle is a program, and no file of
    # one is left for anybody to load. Models are never saved this way.
    assert process.stdin is not None
    with process.stdin as pipe:
        cloudpickle.dump((flow, args), pipe)
    return process


def kill_in_third_step(flow: Any, month: str) -> Any:
    """Run a flow in a process of its own and end it, without a warning, while March is fetched.

    The upstream must hang. The process gets the signal that it cannot answer: ``kill -9``.

    Parameters
    ----------
    flow : Flow
        A flow that lands January, February and March.
    month : str
        Its parameter.

    Returns
    -------
    FlowRun
        What Prefect's server knows of the run a moment later.

    Raises
    ------
    CourseError
        If the process ends before March hangs.
    """
    began = dt.datetime.now(dt.UTC)
    process = start(flow, month)
    try:

        def hanging() -> bool:
            if process.poll() is not None:
                last = (current().temporary / "flow.log").read_text().strip().splitlines()
                raise CourseError(f"The run ended by itself: {last[-1] if last else 'no word'}.")
            return upstream.hangs()

        _until(hanging, "the third step")
        with _client() as client:
            run = _until(lambda: _newest(client, began), "the run")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with _client() as client:
        return client.read_flow_run(run.id)


def _newest(client: Any, began: dt.datetime) -> Any:
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    ours = FlowRunFilter.model_validate({"start_time": {"after_": began}})
    runs = client.read_flow_runs(flow_run_filter=ours, sort=FlowRunSort.START_TIME_DESC, limit=1)
    return runs[0] if runs else None


def run_times(schedule: Any, start: dt.datetime, n: int) -> list[dt.datetime]:
    """Return the next times at which a schedule starts a run, in UTC.

    Parameters
    ----------
    schedule : Schedule
        As `prefect.schedules` makes it, or as a deployment holds it.
    start : datetime
        From when on, with a time zone.
    n : int
        How many.

    Returns
    -------
    list of datetime
        The times that Prefect's server would plan; empty for a schedule without times.
    """
    import concurrent.futures

    from prefect.server.schemas import schedules as server_side

    kinds: dict[str, Any] = {
        "cron": server_side.CronSchedule,
        "interval": server_side.IntervalSchedule,
        "rrule": server_side.RRuleSchedule,
    }
    given = [name for name in kinds if getattr(schedule, name, None) is not None]
    if not given:
        return []
    kind = kinds[given[0]]
    about = {
        key: getattr(schedule, key)
        for key in (given[0], "timezone", "day_or", "anchor_date")
        if key in kind.model_fields and getattr(schedule, key, None) is not None
    }
    asked = kind.model_validate(about)
    # In a thread: a notebook's own event loop is running.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: asyncio.run(asked.get_dates(n=n, start=start))).result()
    return [one.astimezone(dt.UTC) for one in found]
