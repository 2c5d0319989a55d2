"""The Prefect flows that tie the path together: land and publish each day, retrain when asked.

Every step is named by its content (a drop by its checksum, a snapshot by its digest, a version by
its snapshot and recipe), so a run that died halfway is simply run again: what is done is found,
not done twice.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from firstflight import (
    drops as upstream_drops,
)
from firstflight import (
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

from prefect import flow, task  # noqa: E402
from prefect.logging import get_run_logger  # noqa: E402

# For a rehearsal. A real upstream is late by hours: give `ingest` hours where it runs.
RETRIES = 3
RETRY_SECONDS = 5.0


def may_still_come(task: Any, run: Any, state: Any) -> bool:
    """Tell Prefect to try again only what waiting can mend: a drop that is not right yet."""
    return isinstance(state.data, DropError)


@task(
    name="land",
    task_run_name="land {month}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=may_still_come,
)
def land_month(usecase: str, month: str, upstream: str) -> list[str]:
    """Verify one month's drops at the upstream and land them; a late one is tried again."""
    case = usecases.get(usecase)
    paths = upstream_drops.land(
        Path(upstream), workspace.current().drops, case.sources.values(), month
    )
    get_run_logger().info("landed %s", month)
    return [f"{path.parent.name}/{path.name}" for path in paths]


@task(name="publish state", task_run_name="publish state v{feature_version}")
def publish_state(usecase: str, feature_version: int, start: dt.date, end: dt.date) -> int:
    """Publish the feature state of one version for each day; return how many days."""
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
    """Take the training snapshot; return its digest."""
    case = usecases.get(usecase)
    taken = snapshot.take(case, operations.landed(case), start, end, feature_version)
    return taken.digest


@task(name="train and register")
def train_and_register(usecase: str, digest: str, recipe: str) -> str:
    """Fit a recipe on a snapshot and register it; return the version, old if it was done before."""
    return operations.register_snapshot(usecases.get(usecase), digest, recipe)


@task(name="gate")
def judge(usecase: str, version: str) -> gate.Verdict:
    """Judge the version by the offline gate and write the verdict on it."""
    case = usecases.get(usecase)
    return operations.run_gate(case, version, operations.landed(case))


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
    start, end : date
        Days to publish state for; their months are landed first.
    upstream : str, optional
        Folder of the upstream's drops; the project's ``data/`` if not given.
    feature_versions : list of int, optional
        Versions to publish. By default those of every release that may serve: a version that is
        left out here is missing on the night of the rollback. Before the first release there are
        none, and nothing is published; an empty list lands the months and publishes nothing.
    retries : int
        How often a month is tried again that is not there yet or not right yet.
    retry_seconds : float
        Seconds between two tries.

    Returns
    -------
    dict of str to int
        Months landed, and days of state published per feature version.

    Raises
    ------
    DropError
        If a month is still not what was promised after the last try; it has not landed then, and
        nothing is published.
    """
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

    Returns
    -------
    version : str
    verdict : gate.Verdict
    """
    digest = take_snapshot(usecase, start, end, feature_version)
    version = train_and_register(usecase, digest, recipe)
    return version, judge(usecase, version)
