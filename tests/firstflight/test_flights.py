"""The first use case: what its features may know, and that training and serving agree."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from firstflight import state
from firstflight.drops import Drops
from firstflight.release import as_json_rows
from firstflight.usecase import USECASES, contract_bounds, get
from firstflight.usecases.flights import FlightRequest, feature_set, naive, usecase
from firstflight.workspace import PROJECT

D = dt.date
DATA = PROJECT / "data"


def EDIT(name, rows):  # replaced in each test that edits
    return rows


def drops(today: dt.date) -> Drops:
    return Drops(DATA, usecase.sources, today)


class Edited(Drops):
    """The real drops with some rows changed after they were read."""

    def read(self, name, start, end, **options):
        rows = super().read(name, start, end, **options)
        return EDIT(name, rows)


@pytest.mark.parametrize("version", [1, 2])
def test_nothing_from_after_prediction_time_reaches_a_feature(version, monkeypatch):
    """Everything after T is altered beyond recognition; the features of that day do not move."""
    day = D(2013, 3, 8)  # the worst day of the year: 79% late
    features = usecase.features[version]
    rng = np.random.default_rng(0)

    def build(source):
        requests = usecase.requests(source, day, day)
        states = state.States(state.by_date(features.compute_state(source, day, day)))
        return requests, features.build(requests, states.lookup)

    requests, expected = build(drops(day))

    def edit(name, rows):
        rows = rows.copy()
        if name == "flights":  # outcomes of the day itself: not known two hours before
            later = rows["date"] >= pd.Timestamp(day)
            for column in ("dep_delay", "arr_delay", "air_time"):
                rows.loc[later, column] = rng.normal(300, 100, int(later.sum())).astype("float32")
        return rows

    monkeypatch.setitem(globals(), "EDIT", edit)
    _, altered = build(Edited(DATA, usecase.sources, day))
    pd.testing.assert_frame_equal(altered, expected)

    # Weather, request by request: rows later than departure hour - 3 are altered.
    some = requests.sample(20, random_state=0)
    hours = drops(day).read("flights", day, day).set_index(["carrier", "flight", "origin"])
    for index, row in some.iterrows():
        known = hours.loc[(row["carrier"], row["flight"], row["origin"]), "time_hour"]
        known = known - pd.Timedelta(hours=3)

        def edit_weather(name, rows, known=known):
            rows = rows.copy()
            if name == "weather":
                rows.loc[rows["time_hour"] > known, ["temp", "precip", "pressure"]] = 999.0
            return rows

        monkeypatch.setitem(globals(), "EDIT", edit_weather)
        again, built = build(Edited(DATA, usecase.sources, day))
        same = (again[list(usecase.key)] == row[list(usecase.key)]).all(axis=1)
        pd.testing.assert_series_equal(built[same].iloc[0], expected.loc[index], check_names=False)


def test_the_point_in_time_check_can_fail(monkeypatch):
    """Negative control: altering what was known before T does change the features."""
    day, features = D(2013, 3, 8), usecase.features[1]
    expected = features.compute_state(drops(day), day, day)

    def edit(name, rows):
        rows = rows.copy()
        if name == "flights":
            rows["arr_delay"] = rows["arr_delay"] + 30
        return rows

    monkeypatch.setitem(globals(), "EDIT", edit)
    altered = features.compute_state(Edited(DATA, usecase.sources, day), day, day)
    assert not np.allclose(altered["value"], expected["value"])


@pytest.mark.parametrize("version", [1, 2])
def test_training_rows_equal_served_rows_on_a_whole_month(version, ws):
    """A request that went through JSON and the published state gets the training features."""
    first, last = D(2013, 5, 1), D(2013, 5, 31)
    features = usecase.features[version]
    source = drops(D(2013, 6, 1))
    requests = usecase.requests(source, first, last)
    table = features.compute_state(source, first, last)
    training = features.build(requests, state.States(state.by_date(table)).lookup)

    for day in pd.date_range(first, last):  # as the pipeline does it: each morning
        state.publish(usecase, drops(day.date()), version, day.date(), day.date())
    wire = [json.loads(json.dumps(row)) for row in as_json_rows(requests)]
    typed = [FlightRequest.model_validate_json(json.dumps(row)).model_dump() for row in wire]
    rows = pd.DataFrame(typed)
    rows["date"] = pd.to_datetime(rows["date"]).astype("datetime64[s]")
    served = features.build(rows, state.Store("flights", version, max_age_days=0).lookup)

    assert len(served) == len(training) == 28_796
    pd.testing.assert_frame_equal(served, training, check_exact=True, check_dtype=False)
    alone = pd.concat(
        [
            features.build(rows.iloc[[i]], state.Store("flights", version, max_age_days=0).lookup)
            for i in range(0, len(rows), 997)
        ]
    )
    pd.testing.assert_frame_equal(alone, served.loc[alone.index], check_exact=True)


def test_version_two_mends_the_leak_of_version_one():
    """Flights of last night that are still in the air: version 1 counts them, version 2 not."""
    day = D(2013, 7, 2)
    v1 = usecase.features[1].compute_state(drops(day), day, day).set_index(["column", "key"])
    v2 = usecase.features[2].compute_state(drops(day), day, day).set_index(["column", "key"])
    before = usecase.features[1].compute_state(drops(day), D(2013, 7, 1), D(2013, 7, 1))
    before = before.set_index(["column", "key"])
    one, two = v1.loc["origin_late_7d"]["value"], v2.loc["origin_late_7d_lag2"]["value"]
    assert not np.allclose(one, two)
    np.testing.assert_allclose(two, before.loc["origin_late_7d"]["value"])
    assert set(usecase.features[1].state_columns).isdisjoint(usecase.features[2].state_columns)


def test_a_rate_of_too_few_flights_is_missing():
    table = usecase.features[1].compute_state(drops(D(2013, 1, 2)), D(2013, 1, 2), D(2013, 1, 2))
    flown = drops(D(2013, 1, 3)).read("flights", D(2013, 1, 1), D(2013, 1, 1))
    flown = flown.dropna(subset="arr_delay")
    counts = flown["carrier"].value_counts()
    rated = set(table.loc[table["column"] == "carrier_late_7d", "key"])
    assert rated == set(counts[counts >= 5].index)
    assert (counts < 5).any()  # the control: there are carriers to leave out


def test_code_digest_sees_code_and_settings_but_no_comment():
    one = feature_set(1, lag=1, suffix="")
    assert one.code_digest == usecase.features[1].code_digest
    assert feature_set(1, lag=2, suffix="").code_digest != one.code_digest
    assert usecase.features[2].code_digest != one.code_digest


def good_request() -> dict:
    day = D(2013, 4, 1)
    return as_json_rows(usecase.requests(drops(day), day, day).head(1))[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temp", "75"),
        ("temp", 300.0),
        ("wind_speed", 1048.0),
        ("origin", "BOS"),
        ("carrier", "united"),
        ("flight", 1.5),
        ("n_sched_hour", 0),
        ("distance", True),
        ("humid", float("nan")),
        ("date", "tomorrow"),
    ],
)
def test_the_contract_refuses(field, value):
    row = good_request()
    FlightRequest.model_validate(row)  # the control
    with pytest.raises(ValidationError, match=field):
        FlightRequest.model_validate({**row, field: value})


def test_the_contract_refuses_missing_and_unknown_fields():
    row = good_request()
    with pytest.raises(ValidationError, match="temp"):
        FlightRequest.model_validate({k: v for k, v in row.items() if k != "temp"})
    with pytest.raises(ValidationError, match="arr_delay"):
        FlightRequest.model_validate({**row, "arr_delay": 12.0})


def test_every_real_request_but_the_1048_mph_hour_fits_the_contract():
    source = drops(D(2013, 12, 31))
    requests = usecase.requests(source, D(2013, 1, 1), D(2013, 12, 31))
    outside = []
    for name, (low, high) in contract_bounds(usecase).items():
        values = requests[name].dropna()
        outside.append(requests.loc[values.index[(values < low) | (values > high)]])
    outside = pd.concat(outside)
    assert set(outside["date"].dt.date) == {D(2013, 2, 12)}
    assert set(outside["origin"]) == {"EWR"}


def test_naive_knows_only_the_past():
    source = drops(D(2013, 4, 1))
    requests = usecase.requests(source, D(2013, 3, 1), D(2013, 3, 2))
    guess = naive(source, requests)
    past = usecase.labels(source, D(2013, 2, 1), D(2013, 2, 28))["label"].mean()
    first = requests["date"] == pd.Timestamp(2013, 3, 1)
    np.testing.assert_allclose(guess[first], past)


def test_labels_of_today_are_not_known_and_cancelled_flights_have_none():
    today = D(2013, 2, 9)  # the blizzard
    assert usecase.labels(drops(today), today, today).empty
    after = usecase.labels(drops(D(2013, 2, 10)), today, today)
    assert 0 < len(after) < len(usecase.requests(drops(today), today, today))


def test_every_named_use_case_is_there():
    for name in USECASES:
        assert get(name).name == name
    with pytest.raises(Exception, match="There is no use case 'trains'"):
        get("trains")
