"""Kill the Prefect flows before each of their writes, and run each again, as a morning after.

The flows run in this process's children and report to one Prefect server, as they do at work.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from drills import kills
from drills.shop import COMMANDS, NAME, UPSTREAM, Row, Shop, open_shop
from firstflight import workspace


def ingest() -> None:
    """Land May, and publish the state of two days for two feature versions."""
    from firstflight.flow import ingest

    days = dt.date(2013, 4, 30), dt.date(2013, 5, 1)
    ingest(NAME, *days, upstream=str(UPSTREAM), feature_versions=[1, 2], retries=0)


def retrain() -> None:
    """Take a snapshot, train, register, judge."""
    from firstflight.flow import retrain

    retrain(NAME, "logistic_regression", dt.date(2013, 2, 2), dt.date(2013, 3, 17), 1)


FLOWS: dict[str, Callable[[], None]] = {"ingest": ingest, "retrain": retrain}


@contextmanager
def prefect_server() -> Iterator[None]:
    """Give a Prefect server that the flows of this process and its children report to."""
    from classroom import servers, setup_tools

    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="firstflight-prefect-") as folder:
        # Not in the workspace of the drill, which is thrown away each time.
        setup_tools.seed(workspace.configure(workspace.Workspace(Path(folder) / "workspace")))
        command = (sys.executable, "-m", "prefect", "server", "start")
        place = ("--host", "127.0.0.1", "--port", "{port}")
        with servers.start("prefect of a drill", [*command, *place], ready="/api/health") as server:
            os.environ["PREFECT_API_URL"] = server.url + "/api"
            from prefect.settings import (
                PREFECT_API_URL,
                PREFECT_LOGGING_TO_API_ENABLED,
                temporary_settings,
            )

            # Who has imported Prefect before has read its variables before.
            with temporary_settings(
                {PREFECT_API_URL: server.url + "/api", PREFECT_LOGGING_TO_API_ENABLED: False}
            ):
                yield
    os.environ.clear()
    os.environ.update(before)


def running() -> int:
    """Return how many flow runs Prefect takes for running."""
    from prefect.client.orchestration import get_client

    from firstflight.flow import runs_underway

    with get_client(sync_client=True) as client:
        return len(runs_underway(client))


def drill(shop: Shop, name: str, numbers: Iterable[int] | None = None) -> Row:
    """Kill one flow before each of its writes, and run it again."""
    command = f"flow {name}"
    COMMANDS[command] = "live", FLOWS[name]
    (row,) = kills.drill(shop, command, numbers, then=("again",))
    # The run after a killed one has found it.
    if row.tried and (left := running()):
        row.note("left_behind", f"{left} flow runs that Prefect takes for running")
    return row


def run(upstream: Path) -> list[Row]:
    """Run the drill for all flows."""
    rows = []
    with prefect_server():
        import firstflight.flow  # noqa: F401  (before the children are forked)

        with open_shop(upstream) as shop:
            for name in FLOWS:
                rows.append(drill(shop, name))
    return rows
