"""The Prefect flows that tie the path together: land and publish each day, retrain when asked.

Every step is named by its content (a drop by its checksum, a snapshot by its digest, a version by
its snapshot and recipe), so a run that died halfway is simply run again: what is done is found,
not done twice.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
from pathlib import Path
from typing import Any

from firstflight import (
    drops as upstream_drops,
)
from firstflight import (
    files,
    gate,
    operations,
    snapshot,
    workspace,
)
from firstflight import (
    state as feature_state,
)
from firstflight import usecase as usecases
from firstflight.errors import DropError

workspace.no_foreign_settings()  # before Prefect is imported, because that is when it reads them

from prefect import flow, runtime, task  # noqa: E402
from prefect.client.orchestration import SyncPrefectClient, get_client  # noqa: E402
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState  # noqa: E402
from prefect.client.schemas.objects import FlowRun  # noqa: E402
from prefect.client.schemas.sorting import FlowRunSort  # noqa: E402
from prefect.logging import get_run_logger  # noqa: E402
from prefect.states import Crashed  # noqa: E402

# For a rehearsal. A real upstream is late by hours: give `ingest` hours where it runs.
RETRIES = 3
RETRY_SECONDS = 5.0


def may_still_come(task: Any, run: Any, state: Any) -> bool:
    """Tell Prefect to try again only what waiting can mend: a drop that is not right yet.

    Parameters
    ----------
    task : Task
        Not asked; Prefect gives it.
    run : TaskRun
        Not asked either.
    state : State
        How the try ended; its ``data`` is the error.

    Returns
    -------
    bool
        True for a DropError, False for any other error.
    """
    return isinstance(state.data, DropError)


@task(
    name="land",
    task_run_name="land {month}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=may_still_come,
)
def land_month(usecase: str, month: str, upstream: str) -> list[str]:
    """Verify one month's drops at the upstream and land them; a late one is tried again.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    month : str
        Such as ``"2013-04"``.
    upstream : str
        Folder of the upstream's drops, with its ``SHA256SUMS``.

    Returns
    -------
    list of str
        The landed files, ``<source>/<YYYY-MM>.parquet``.

    Raises
    ------
    DropError
        If the month is still not what was promised after the last try; nothing of it has landed.
    StorageError
        If the disk does not take it; the month has not landed then.
    BusyError
        If another command holds the workspace for too long.
    """
    case = usecases.get(usecase)
    paths = upstream_drops.land(
        Path(upstream), workspace.current().drops, case.sources.values(), month
    )
    get_run_logger().info("landed %s", month)
    return [f"{path.parent.name}/{path.name}" for path in paths]


@task(name="publish state", task_run_name="publish state v{feature_version}")
def publish_state(usecase: str, feature_version: int, start: dt.date, end: dt.date) -> int:
    """Publish the feature state of one version for each day; return how many days.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    feature_version : int
        Whose state.
    start, end : date
        First and last day, both included.

    Returns
    -------
    int
        Days whose state is published.

    Raises
    ------
    DropError, StateError
        If the days before hold no data to make state of.
    StorageError
        If the disk does not take it.
    """
    case = usecases.get(usecase)
    # As known on the last day. The state of a day is made of the days before it, so a stretch of
    # days published at once is what each morning would have published.
    published = feature_state.publish(
        case, operations.landed(case, end), feature_version, start, end
    )
    get_run_logger().info("state v%d: %d days", feature_version, len(published))
    return len(published)


@task(name="snapshot")
def take_snapshot(usecase: str, start: dt.date, end: dt.date, feature_version: int) -> str:
    """Take the training snapshot; return its digest.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    start, end : date
        First and last training day, both included.
    feature_version : int
        Whose state is kept with the rows.

    Returns
    -------
    str
        Digest of the snapshot, 16 hex digits; the same rows have the same one.

    Raises
    ------
    SnapshotError
        If `end` is not before the clock's today: its labels are not known yet.
    DropError
        If a month of these days has not landed.
    StorageError
        If the disk does not take it.
    """
    case = usecases.get(usecase)
    taken = snapshot.take(case, operations.landed(case), start, end, feature_version)
    return taken.digest


@task(name="train and register")
def train_and_register(usecase: str, digest: str, recipe: str) -> str:
    """Fit a recipe on a snapshot and register it; return the version, old if it was done before.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    digest : str
        Of the snapshot, as from `take_snapshot`.
    recipe : str
        A recipe of the use case.

    Returns
    -------
    str
        The version. If one was made of this snapshot by this recipe, nothing is fitted and it is
        that one.

    Raises
    ------
    SnapshotError
        If the snapshot is missing or was altered.
    ReleaseError
        If the use case has no such recipe, or the snapshot is of another use case.
    RegistryError
        If the registry was there and is gone or damaged.
    """
    return operations.register_snapshot(usecases.get(usecase), digest, recipe)


@task(name="gate")
def judge(usecase: str, version: str) -> gate.Verdict:
    """Judge the version by the offline gate and write the verdict on it.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    version : str
        Which to judge: a version or an alias.

    Returns
    -------
    gate.Verdict
        Also where it is ``hold`` or ``fail``: a verdict is no error.

    Raises
    ------
    GateError
        If the labels of its window have not all come by the clock's today, or the rows cannot be
        judged.
    RegistryError
        If there is no such version.
    """
    case = usecases.get(usecase)
    return operations.run_gate(case, version, operations.landed(case))


def runs_underway(client: SyncPrefectClient, limit: int = 200) -> list[FlowRun]:
    """Return the flow runs that Prefect takes for running.

    Parameters
    ----------
    client : SyncPrefectClient
    limit : int, default 200
        At most; 200 is also the most that Prefect's server gives at once.

    Returns
    -------
    list of FlowRun
        The newest first.
    """
    only = FlowRunFilter(state=FlowRunFilterState.model_validate({"type": {"any_": ["RUNNING"]}}))
    return client.read_flow_runs(
        flow_run_filter=only, sort=FlowRunSort.START_TIME_DESC, limit=limit
    )


def end_dead_runs() -> None:
    """Tell Prefect which runs were killed: it is told when a run ends, and a kill tells nobody.

    A run notes its host and process number at Prefect, in the field that is there for that. A later
    run on the same host looks whether that process is still there.
    """
    here = platform.node()
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, infrastructure_pid=f"{here}:{os.getpid()}")
        for run in runs_underway(client):
            host, _, number = (run.infrastructure_pid or "").rpartition(":")
            if host == here and number.isdigit() and not files.alive(int(number)):
                client.set_flow_run_state(
                    run.id, Crashed(message=f"Its process {number} was killed."), force=True
                )
                get_run_logger().warning("run %s was killed; what it left is done now", run.name)


@flow(name="ingest", flow_run_name="{usecase}-{start}-{end}")
def ingest(
    usecase: str,
    start: dt.date,
    end: dt.date,
    upstream: str | None = None,
    feature_versions: list[int] | None = None,
    retries: int = RETRIES,
    retry_seconds: float = RETRY_SECONDS,
) -> dict[str, int]:
    """Land the months of these days and publish each day's feature state.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    start, end : date
        Days to publish state for, both included; their months are landed first.
    upstream : str, optional
        Folder of the upstream's drops; the project's ``data/`` if not given.
    feature_versions : list of int, optional
        Versions to publish. By default those of every release that may serve: a version that is
        left out here is missing on the night of the rollback. Before the first release there are
        none, and nothing is published; an empty list lands the months and publishes nothing.
    retries : int, default=3
        How often a month is tried again that is not there yet or not right yet.
    retry_seconds : float, default=5.0
        Seconds between two tries.

    Returns
    -------
    dict of str to int
        ``months``, how many landed, and for each feature version ``state v<version>``, how many
        days of its state were published.

    Raises
    ------
    DropError
        If a month is still not what was promised after the last try. It has not landed then, the
        months before it have, and nothing is published.
    """
    end_dead_runs()
    case = usecases.get(usecase)
    source = upstream or str(workspace.PROJECT / "data")
    months = upstream_drops.months(start, end)
    land = land_month.with_options(retries=retries, retry_delay_seconds=retry_seconds)
    for month in months:
        land(usecase, month, source)
    wanted = operations.feature_versions(case) if feature_versions is None else feature_versions
    done = {f"state v{v}": publish_state(usecase, v, start, end) for v in wanted}
    return {"months": len(months), **done}


@flow(name="retrain", flow_run_name="{usecase}-{recipe}-{start}-{end}")
def retrain(
    usecase: str, recipe: str, start: dt.date, end: dt.date, feature_version: int
) -> tuple[str, gate.Verdict]:
    """Take the snapshot of these days, train, register and judge.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    recipe : str
        A recipe of the use case.
    start, end : date
        First and last training day, both included.
    feature_version : int
        Which version of the features to train on.

    Returns
    -------
    version : str
        The registered version.
    verdict : gate.Verdict
        What the offline gate says of it.

    Raises
    ------
    SnapshotError
        If `end` is not before the clock's today.
    DropError
        If a month of these days, or of the gate's window after them, has not landed.
    ReleaseError
        If the use case has no such recipe.
    GateError
        If the labels of the gate's window have not all come; the version is registered then.
    """
    end_dead_runs()
    digest = take_snapshot(usecase, start, end, feature_version)
    version = train_and_register(usecase, digest, recipe)
    return version, judge(usecase, version)
