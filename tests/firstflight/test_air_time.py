"""The second use case: what it may know, that training and serving agree, and the whole path."""

import datetime as dt
import json

import mlflow
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from firstflight import clock, gate, operations, process, registry, snapshot, state, train
from firstflight import drops as d
from firstflight.drops import Drops
from firstflight.errors import ReleaseError
from firstflight.release import as_json_rows
from firstflight.usecase import get
from firstflight.usecases import flights
from firstflight.usecases.air_time import STATE, naive, route, trailing_air_time, usecase
from firstflight.workspace import PROJECT

D = dt.date
DATA = PROJECT / "data"
FEATURES = usecase.features[1]
RULES = process.load(process.DEFAULT).usecase("air_time")


def drops(today: dt.date) -> Drops:
    return Drops(DATA, usecase.sources, today)


class Edited(Drops):
    """The real drops with some rows changed after they were read."""

    def read(self, name, start, end, **options):
        rows = super().read(name, start, end, **options)
        return self.edit(name, rows.copy())


def edited(today: dt.date, edit) -> Drops:
    source = Edited(DATA, usecase.sources, today)
    object.__setattr__(source, "edit", edit)
    return source


def build(source: Drops, day: dt.date) -> pd.DataFrame:
    requests = usecase.requests(source, day, day)
    table = FEATURES.compute_state(source, day, day)
    return FEATURES.build(requests, state.States(state.by_date(table)).lookup)


def scrambled(since: dt.date):
    rng = np.random.default_rng(0)

    def edit(name, rows):
        if name == "flights":
            later = rows["date"] >= pd.Timestamp(since)
            for column in ("dep_delay", "arr_delay", "air_time"):
                rows.loc[later, column] = rng.normal(300, 100, int(later.sum())).astype("float32")
        return rows

    return edit


def test_it_is_found_by_its_name():
    assert get("air_time") is usecase and usecase.kind == "regression"
    assert RULES.metric == "mae" and RULES.gate.suspicious_mae is not None


def test_nothing_from_after_prediction_time_reaches_a_feature_or_the_naive_guess():
    day, later = D(2013, 7, 9), D(2013, 7, 31)
    expected = build(drops(day), day)
    # The reader knows more by the end of July, and its outcomes from the 9th on are nonsense.
    source = edited(later, scrambled(day))
    pd.testing.assert_frame_equal(build(source, day), expected)
    requests = usecase.requests(drops(day), day, day)
    np.testing.assert_array_equal(naive(source, requests), naive(drops(day), requests))


def test_the_point_in_time_check_can_fail():
    """Negative control: yesterday is known, so altering it changes both."""
    day = D(2013, 7, 9)
    source = edited(day, scrambled(day - dt.timedelta(days=1)))
    assert not np.allclose(build(source, day)[STATE], build(drops(day), day)[STATE], equal_nan=True)
    requests = usecase.requests(drops(day), day, day)
    assert not np.allclose(naive(source, requests), naive(drops(day), requests))


def test_training_rows_equal_served_rows_on_a_whole_month(ws):
    """A request that went through JSON and the published state gets the training features."""
    first, last = D(2013, 5, 1), D(2013, 5, 31)
    source = drops(D(2013, 6, 1))
    requests = usecase.requests(source, first, last)
    table = FEATURES.compute_state(source, first, last)
    training = FEATURES.build(requests, state.States(state.by_date(table)).lookup)
    for day in pd.date_range(first, last):  # as the pipeline does it: each morning
        state.publish(usecase, drops(day.date()), 1, day.date(), day.date())
    typed = [
        usecase.request.model_validate_json(json.dumps(row)).model_dump()
        for row in as_json_rows(requests)
    ]
    rows = pd.DataFrame(typed)
    rows["date"] = pd.to_datetime(rows["date"]).astype("datetime64[s]")
    store = state.Store("air_time", 1, max_age_days=0)
    served = FEATURES.build(rows, store.lookup)

    assert list(served) == list(FEATURES.columns)
    assert len(served) == len(training) == 28_796
    pd.testing.assert_frame_equal(served, training, check_exact=True, check_dtype=False)
    some = range(0, len(rows), 997)
    alone = pd.concat([FEATURES.build(rows.iloc[[i]], store.lookup) for i in some])
    pd.testing.assert_frame_equal(alone, served.loc[alone.index], check_exact=True)


def test_the_state_is_the_mean_of_seven_complete_days():
    day = D(2013, 7, 9)
    table = trailing_air_time(drops(day), day, day).set_index("key")["value"]
    flown = drops(day).read("flights", D(2013, 7, 2), D(2013, 7, 8)).dropna(subset="air_time")
    by_route = flown.groupby(route(flown))["air_time"].agg(["mean", "count"])
    enough = by_route[by_route["count"] >= 2]["mean"]
    np.testing.assert_allclose(table, enough.loc[table.index], rtol=1e-6)
    assert len(table) == len(enough) < len(by_route), "the control: a route flew only once"


def test_the_naive_guess_is_never_missing_and_falls_back_on_the_pace():
    day = D(2013, 7, 9)
    requests = usecase.requests(drops(day), day, day)
    requests.loc[0, "dest"] = "ZZZ"  # nobody flew there last week
    guess = naive(drops(day), requests)
    assert np.isfinite(guess).all()
    flown = drops(day).read("flights", D(2013, 7, 2), D(2013, 7, 8)).dropna(subset="air_time")
    pace = flown["air_time"].astype(float).sum() / flown["distance"].sum()
    assert guess[0] == pytest.approx(pace * requests.loc[0, "distance"])
    with_label = requests.assign(guess=guess).merge(
        usecase.labels(drops(D(2013, 7, 10)), day, day), on=list(usecase.key)
    )
    assert 4 < (with_label["guess"] - with_label["label"]).abs().mean() < 12  # minutes


def test_the_contract_is_what_is_known_two_hours_before():
    day = D(2013, 7, 9)
    row = as_json_rows(usecase.requests(drops(day), day, day).head(1))[0]
    usecase.request.model_validate(row)  # the control
    for column in ("air_time", "arr_delay", "dep_delay"):
        assert column not in usecase.request.model_fields
        with pytest.raises(ValidationError, match=column):
            usecase.request.model_validate({**row, column: 100.0})
    for field, value in (("origin", "BOS"), ("distance", -5), ("temp", 300.0), ("dest", "jfk")):
        with pytest.raises(ValidationError, match=field):
            usecase.request.model_validate({**row, field: value})


def test_a_change_of_the_shared_code_changes_both_digests():
    shared = {flights.weather_known, flights.schedule_and_weather}
    assert shared < set(FEATURES.code) and shared < set(flights.usecase.features[1].code)
    assert FEATURES.code_digest != flights.usecase.features[1].code_digest


def test_the_whole_path(ws, monkeypatch):
    """Land, snapshot, train, save, load, register, judge: with no code that knows minutes."""
    clock.set_today("2013-04-01")
    for month in ("2013-01", "2013-02", "2013-03"):
        d.land(DATA, ws.drops, usecase.sources.values(), month)
    landed = operations.landed(usecase)
    taken = snapshot.take(usecase, landed, D(2013, 1, 8), D(2013, 3, 17), 1)
    fitted = train.fit(usecase, taken, "hist_gradient_boosting")
    version = registry.register(fitted)
    loaded = registry.load("air_time", version)  # checks files, types, code and frozen answers
    assert loaded.about["usecase"] == "air_time" and len(loaded.golden["answers"]) == 20
    assert 20 < min(loaded.golden["answers"]) < max(loaded.golden["answers"]) < 700  # minutes

    where = mlflow.artifacts.download_artifacts(f"models:/air_time/{version}")
    code = (PROJECT / where / "extra_files" / "feature_code.py").read_text()
    assert "def trailing_air_time" in code and "def weather_known" in code

    verdict = operations.run_gate(usecase, version, landed)
    assert verdict.metric == "mae"
    assert {check.rule for check in verdict.checks} >= {"beats_naive", "calibration", "suspicious"}
    # In the second half of March the mean of the last week is the better model by 0.75 minutes, and
    # fourteen days that are so alike cannot prove it: not proven, so it does not ship.
    assert verdict.check("beats_naive").outcome == "hold"
    assert verdict.check("beats_naive").value == pytest.approx(0.75, abs=0.1)
    assert verdict.check("window_age").outcome == "pass"

    rows = operations.window_rows(usecase, landed, D(2013, 3, 18), D(2013, 3, 31), None)
    leak = rows.assign(candidate=rows["label"] + 1)
    small = {"artifact_mb": 1.0, "one_row_ms": 1.0}
    assert gate.judge(leak, "mae", RULES.gate, small).check("suspicious").outcome == "fail"
    assert (
        gate.judge(rows.assign(candidate=rows["naive"]), "mae", RULES.gate, small)
        .check("suspicious")
        .outcome
        == "pass"
    )  # the control

    # Code that changed under the same version is refused, and another use case's snapshot.
    monkeypatch.setitem(FEATURES.settings, "state_days", 8)
    with pytest.raises(ReleaseError, match="a change needs a new version"):
        registry.load("air_time", version)
    with pytest.raises(ReleaseError, match="is of air_time, not of flights"):
        train.fit(flights.usecase, taken, "hist_gradient_boosting")
