"""A use case whose features need no published state: it is watched and rolled back all the same."""

import dataclasses
import datetime as dt

import pytest
from typer.testing import CliRunner

from firstflight import (
    clock,
    deployments,
    drops,
    operations,
    registry,
    rollback,
    snapshot,
    train,
)
from firstflight.answering import Answering
from firstflight.cli import app
from firstflight.release import as_json_rows
from firstflight.usecase import no_state
from firstflight.usecases import flights
from firstflight.workspace import PROJECT

NAME = flights.usecase.name
D = dt.date
WITH = flights.usecase.features[1]
COLUMNS = tuple(name for name in WITH.columns if name not in WITH.state_columns)


def build(requests, lookup):
    features = WITH.build(requests, lookup)
    return (
        {name: features[name] for name in COLUMNS}
        if isinstance(features, dict)
        else (features[list(COLUMNS)])
    )


WITHOUT = dataclasses.replace(
    WITH, columns=COLUMNS, state_columns=(), compute_state=no_state, build=build
)


@pytest.fixture
def case(ws, monkeypatch):
    """The flights without their trailing rates: two releases, the second one live, six days."""
    case = dataclasses.replace(flights.usecase, features={1: WITHOUT})
    monkeypatch.setattr(flights, "usecase", case)
    clock.set_today("2013-02-01")
    for month in ("2013-01", "2013-02"):
        drops.land(PROJECT / "data", ws.drops, case.sources.values(), month)
    for end in (D(2013, 1, 25), D(2013, 1, 26)):
        taken = snapshot.take(case, operations.landed(case), D(2013, 1, 1), end, 1)
        registry.register(train.fit(case, taken, "logistic_regression"))
    by = {"by": "model_owner", "reason": "a start"}
    deployments.change(NAME, "promote", after={"live": "1"}, **by)
    answer(case, D(2013, 2, 1), 3)
    clock.set_today("2013-02-04")
    deployments.change(NAME, "promote", after={"live": "2", "previous": "1"}, **by)
    answer(case, D(2013, 2, 4), 6)
    return case


def answer(case, first, days):
    answering = Answering(NAME)
    try:
        for day in (first + dt.timedelta(days=n) for n in range(days)):
            clock.set_today(day)
            asked = case.requests(operations.landed(case), day, day)
            rows = [case.request.model_validate(row) for row in as_json_rows(asked.head(60))]
            said, written = answering.answer(rows, [False] * len(rows))
            assert written.result(10)
            assert {one.state_age_days for one in said} == {None}
    finally:
        answering.stop()


def test_nothing_is_missed_that_is_not_needed(case):
    clock.set_today("2013-02-10")
    seen = operations.monitor_week(case, operations.landed(case), D(2013, 2, 9))
    assert seen.alerts and not [one for one in seen.alerts if one.rule.startswith("state")]
    assert "state" not in " ".join(one.sentence for one in seen.alerts)


def test_it_goes_back_and_has_requests_for_the_proof(case):
    clock.set_today("2013-02-10")
    said = CliRunner().invoke(app, ["rollback", "--check"])
    assert said.exit_code == 0 and "needs no state" in said.stdout
    done = rollback.rollback(
        case, operations.landed(case), reason="a drill", by="on_call", url=None
    )
    assert done.restored == "1" and not done.forced
    frozen = rollback.frozen_requests(case, "1", D(2013, 2, 10))
    assert len(frozen) == 180 and set(frozen["version"]) == {"1"}


def test_there_is_nothing_to_publish(case):
    said = CliRunner().invoke(app, ["state", "--feature-version", "1"])
    assert said.exit_code == 0 and "needs no state" in said.stdout
