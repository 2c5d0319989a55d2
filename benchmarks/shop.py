"""A workspace to measure in: four months landed, two releases registered, state published."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from firstflight import clock, deployments, history, operations, registry, snapshot, state, train
from firstflight import drops as upstream
from firstflight import usecase as usecases
from firstflight.release import as_json_rows
from firstflight.workspace import PROJECT, Workspace, configure

NAME = "flights"
DAY = dt.date(2013, 4, 1)
MONTHS = ("2013-01", "2013-02", "2013-03", "2013-04")
TREES, LINEAR = "1", "2"  # versions in the registry


def prepare(root: Path) -> Workspace:
    """Make the workspace, or use the one that is there; point every tool at it."""
    ws = configure(Workspace(root.resolve()))
    case = usecases.get(NAME)
    if (root / "ready").exists():
        return ws
    clock.set_today(DAY + dt.timedelta(days=14))
    for month in MONTHS:
        upstream.land(PROJECT / "data", ws.drops, case.sources.values(), month)
    landed = operations.landed(case)
    for recipe, version in (("hist_gradient_boosting", 2), ("logistic_regression", 1)):
        taken = snapshot.take(case, landed, dt.date(2013, 1, 1), dt.date(2013, 3, 14), version)
        registry.register(train.fit(case, taken, recipe))
    for version in (1, 2):
        state.publish(case, landed, version, DAY, DAY)
    clock.set_today(DAY)
    switch(TREES)
    (root / "ready").write_text("")
    return ws


def switch(
    live: str,
    candidate: str | None = None,
    mode: history.Mode = "off",
    previous: str | None = None,
) -> None:
    """Let the registry say which releases serve."""
    after = {"live": live, "candidate": candidate, "previous": previous}
    action = "promote" if mode == "off" else mode
    deployments.change(
        NAME, action, after=after, mode=mode, share=0.0, by="model_owner", reason="bench"
    )


def rows(n: int) -> list[dict]:
    """Return `n` requests as JSON-able dicts: the flights of one day, again and again."""
    case = usecases.get(NAME)
    day = as_json_rows(case.requests(operations.landed(case), DAY, DAY))
    return [day[i % len(day)] for i in range(n)]


def bodies(n: int) -> list[bytes]:
    """Return `n` bodies of single requests."""
    return [json.dumps({"request": row}).encode() for row in rows(n)]


def batch(n: int) -> bytes:
    """Return the body of one batch of `n` requests."""
    return json.dumps({"requests": rows(n)}).encode()
