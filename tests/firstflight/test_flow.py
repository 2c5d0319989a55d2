"""The flows: a late drop is waited for, a bad one changes nothing, a second run finds it all."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classroom import servers, setup_tools
from firstflight import clock, drops, operations, process, registry, usecase
from firstflight.errors import DropError, StorageError
from firstflight.release import folder_digest
from firstflight.workspace import PROJECT, Workspace, configure

DATA = PROJECT / "data"
MONTHS = ("2013-02", "2013-03")
LAST = dt.date(2013, 3, 31)
WEATHER = "weather/2013-03.parquet"


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Give a Prefect server with a database of its own, which all flows of this file report to."""
    before = dict(os.environ)
    ws = configure(Workspace(tmp_path_factory.mktemp("prefect") / "workspace"))
    setup_tools.seed(ws)
    command = (sys.executable, "-m", "prefect", "server", "start")
    place = ("--host", "127.0.0.1", "--port", "{port}")
    server = servers.start("prefect of test_flow", [*command, *place], ready="/api/health")
    with server:
        os.environ["PREFECT_API_URL"] = server.url + "/api"
        from prefect.settings import (
            PREFECT_API_URL,
            PREFECT_LOGGING_TO_API_ENABLED,
            temporary_settings,
        )

        # Another test may have imported Prefect before, and it reads its variables once.
        settings = {PREFECT_API_URL: server.url + "/api", PREFECT_LOGGING_TO_API_ENABLED: False}
        with temporary_settings(settings):
            yield ws
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(prefect: Workspace, ws: Workspace) -> Workspace:
    """Give a fresh workspace on 1 April, whose flows report to the server."""
    setup_tools.seed(ws)
    clock.set_today("2013-04-01")
    return ws


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """Give an upstream with February and March that a test may damage."""
    root = tmp_path / "upstream"
    for source in ("flights", "weather"):
        (root / source).mkdir(parents=True)
        for month in MONTHS:
            shutil.copy(DATA / source / f"{month}.parquet", root / source)
    shutil.copy(DATA / drops.SUMS, root)
    return root


def ingest(upstream: Path | None, **options: Any) -> dict[str, int]:
    from firstflight.flow import ingest

    days: dict[str, Any] = {"start": LAST, "end": LAST, "feature_versions": [1]}
    return ingest(
        **{
            "usecase": "flights",
            "upstream": upstream and str(upstream),
            "retry_seconds": 0.2,
            **days,
            **options,
        }
    )


def everything(ws: Workspace) -> dict[str, str]:
    """Return the digests of what the flow writes."""
    return {
        name: folder_digest(folder)
        for name, folder in (("drops", ws.drops), ("state", ws.state))
        if folder.exists()
    }


def runs_since(began: dt.datetime, tasks: int) -> tuple[list[Any], list[Any]]:
    """Return flow and task runs, when the server has recorded that many task runs as ended."""
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterStartTime
    from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort

    ours = FlowRunFilter(start_time=FlowRunFilterStartTime(after_=began))
    client = get_client(sync_client=True)
    for _ in range(300):
        flows = client.read_flow_runs(
            flow_run_filter=ours, sort=FlowRunSort.START_TIME_ASC, limit=50
        )
        found = client.read_task_runs(
            flow_run_filter=ours, sort=TaskRunSort.END_TIME_DESC, limit=50
        )
        if sum(run.state is not None and run.state.is_final() for run in found) == tasks:
            return flows, sorted(found, key=lambda run: run.start_time)
        time.sleep(0.1)
    raise AssertionError(f"{len(found)} of {tasks} task runs were recorded")


def test_a_month_lands_once_and_a_second_run_finds_it(home: Workspace) -> None:
    landed = ingest(None)
    assert landed == {"months": 1, "state v1": 1}
    assert sorted(drops.read_sums(home.drops)) == ["flights/2013-03.parquet", WEATHER]
    once = everything(home)
    stamps = [path.stat().st_mtime_ns for path in sorted(home.drops.rglob("*.parquet"))]
    assert ingest(None) == landed
    assert everything(home) == once
    assert stamps == [p.stat().st_mtime_ns for p in sorted(home.drops.rglob("*.parquet"))]


def test_a_late_drop_is_waited_for_and_the_run_is_visible(
    home: Workspace, upstream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from firstflight import flow

    missing = (upstream / WEATHER).read_bytes()
    (upstream / WEATHER).unlink()
    asked = []
    may_still_come = flow.may_still_come

    def meanwhile(task: Any, run: Any, state: Any) -> bool:
        """Let the drop arrive half, then whole, in the pauses between the attempts."""
        asked.append(str(state.data))
        (upstream / WEATHER).write_bytes(missing[:9000] if len(asked) == 1 else missing)
        return may_still_come(task, run, state)

    monkeypatch.setattr(
        flow, "land_month", flow.land_month.with_options(retry_condition_fn=meanwhile)
    )
    began = dt.datetime.now(dt.UTC)
    assert ingest(upstream) == {"months": 1, "state v1": 1}
    assert ["(missing)" in asked[0], "is truncated" in asked[1], len(asked)] == [True, True, 2]

    flows, tasks = runs_since(began, tasks=2)
    assert [(run.name, run.state_name) for run in flows] == [
        ("flights-2013-03-31-2013-03-31", "Completed")
    ]
    assert [(run.name, run.state_name, run.run_count) for run in tasks] == [
        ("land 2013-03", "Completed", 3),
        ("publish state v1", "Completed", 1),
    ]


def test_a_bad_drop_fails_with_a_sentence_and_changes_nothing(
    home: Workspace, upstream: Path
) -> None:
    ingest(upstream, start=dt.date(2013, 2, 28), end=dt.date(2013, 2, 28))
    before = everything(home)
    rows = pq.read_table(upstream / WEATHER)
    pq.write_table(pa.concat_tables([rows, rows]), upstream / WEATHER)
    began = dt.datetime.now(dt.UTC)
    with pytest.raises(DropError, match="expected one row per key"):
        ingest(upstream, retries=1)
    assert everything(home) == before

    flows, tasks = runs_since(began, tasks=1)
    assert [run.state_name for run in flows] == ["Failed"]
    assert tasks[0].run_count == 2
    message = flows[0].state.message
    assert WEATHER in message
    assert "\n" not in message


def test_what_waiting_cannot_mend_is_not_tried_again(home: Workspace, upstream: Path) -> None:
    home.drops.write_text("a file where the landing folder should be")
    began = dt.datetime.now(dt.UTC)
    with pytest.raises(StorageError, match=r"Not a directory"):
        ingest(upstream)
    _, tasks = runs_since(began, tasks=1)
    assert (tasks[0].state_name, tasks[0].run_count) == ("Failed", 1)


def test_a_run_of_several_months_goes_on_where_it_stopped(home: Workspace, upstream: Path) -> None:
    shutil.move(upstream / "flights/2013-03.parquet", upstream / "late")
    days = {"start": dt.date(2013, 2, 28), "end": dt.date(2013, 3, 1)}
    with pytest.raises(DropError, match="flights/2013-03"):
        ingest(upstream, retries=0, **days)
    assert sorted(drops.read_sums(home.drops)) == [
        "flights/2013-02.parquet",
        f"weather/{MONTHS[0]}.parquet",
    ]
    february = (home.drops / "flights/2013-02.parquet").stat().st_mtime_ns
    shutil.move(upstream / "late", upstream / "flights/2013-03.parquet")
    assert ingest(upstream, retries=0, **days) == {"months": 2, "state v1": 2}
    assert (home.drops / "flights/2013-02.parquet").stat().st_mtime_ns == february


def test_state_is_published_for_every_release_that_may_serve(home: Workspace) -> None:
    assert ingest(None, feature_versions=None) == {"months": 1}
    assert ingest(None, feature_versions=[]) == {"months": 1}
    assert ingest(None, feature_versions=[1, 2]) == {
        "months": 1,
        "state v1": 1,
        "state v2": 1,
    }


def test_a_retrain_of_the_same_days_is_the_same_version(home: Workspace) -> None:
    from firstflight.flow import retrain

    case = usecase.get("flights")
    for month in MONTHS:
        drops.land(DATA, home.drops, case.sources.values(), month)
    asked = {
        "usecase": "flights",
        "recipe": "logistic_regression",
        "start": dt.date(2013, 3, 4),
        "end": dt.date(2013, 3, 17),
        "feature_version": 1,
    }
    version, verdict = retrain(**asked)
    assert version == "1"
    assert verdict == operations.verdict_of("flights", "1")
    assert process.load().usecase("flights").gate.window_days == verdict.n_days
    again, _ = retrain(**asked)
    assert again == "1"
    assert registry.versions("flights") == ["1"]
    other, _ = retrain(**{**asked, "start": dt.date(2013, 3, 5)})
    assert other == "2"
