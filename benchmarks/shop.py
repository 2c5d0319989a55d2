"""A workspace to measure on: three months of real flights, and releases made from them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from firstflight import (
    clock,
    deployments,
    drops,
    locks,
    operations,
    records,
    registry,
    snapshot,
    state,
    train,
)
from firstflight.release import as_json_rows
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT, Workspace, configure

DAY = dt.date(2013, 4, 1)
NAME = usecase.name
TREES, OTHER_TREES, LINEAR = "1", "2", "3"  # versions


def make(folder: Path) -> Workspace:
    """Make the workspace; version 1 is live.

    Versions: 1, trees on feature version 1; 2, trees on feature version 2; 3, a linear model.
    """
    ws = configure(Workspace(folder))
    clock.set_today(DAY + dt.timedelta(days=7))
    for month in ("2013-01", "2013-02", "2013-03", "2013-04"):
        drops.land(PROJECT / "data", ws.drops, usecase.sources.values(), month)
    landed = operations.landed(usecase)
    for recipe, version in (
        ("hist_gradient_boosting", 1),
        ("hist_gradient_boosting", 2),
        ("logistic_regression", 1),
    ):
        taken = snapshot.take(usecase, landed, dt.date(2013, 1, 1), dt.date(2013, 3, 30), version)
        registry.register(train.fit(usecase, taken, recipe))
    for version in (1, 2):
        state.publish(usecase, landed, version, DAY, DAY)
    clock.set_today(DAY)
    serve(TREES)
    return ws


def serve(live: str, candidate: str | None = None, mode: deployments.Mode = "off") -> int:
    """Let the record name what serves, without a gate and a decision; return the entry's number."""
    with locks.writing("benchmark"):
        before = deployments.serving(NAME).releases
        named = {"live": live, "candidate": candidate}
        entry = deployments.Deployment(
            date=clock.today(),
            action="alias",
            before=before,
            after={alias: version for alias, version in named.items() if version},
            mode=mode,
            by="model_owner",
            reason="benchmark",
        )
        return records.append(NAME, deployments.KIND, entry)


def rows() -> list[dict]:
    """Return every request of 1 April, as JSON."""
    return as_json_rows(usecase.requests(operations.landed(usecase), DAY, DAY))


def one(row: dict) -> bytes:
    """Return the body that asks for one row."""
    return json.dumps({"request": row}).encode()


def many(some: list[dict]) -> bytes:
    """Return the body that asks for several rows."""
    return json.dumps({"requests": some}).encode()
