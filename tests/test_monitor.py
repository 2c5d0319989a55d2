"""The monitor fires on the accidents, stays quiet on real weeks, and its alerts follow the policy.

The accidents are replayed on the real week of 8-14 July 2013 against the reference of a model that
learned on January to June. ``pytest -s`` prints the rates that process.toml speaks of.
"""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance
from sklearn.metrics import log_loss, roc_auc_score

from firstflight import process
from firstflight.drops import Drops
from firstflight.monitor import (
    STATE_AGE,
    ColumnDrift,
    DriftSummary,
    Finding,
    MonitorError,
    MonitorResult,
    alerts,
    contract_checks,
    drift_report,
    inputs,
    performance,
    profile,
    quality_report,
    shift_vs_previous,
    weekly,
)
from firstflight.state import States, by_date
from firstflight.usecase import predict
from firstflight.usecases.flights import WEATHER_FIELDS, usecase
from firstflight.workspace import PROJECT

RULES = process.load(process.DEFAULT).usecase("flights")
ALERTS = RULES.alerts
MAX_AGE = process.load(process.DEFAULT).state.max_age_days
FEATURES = usecase.features[1]
MONDAY = pd.Timestamp("2013-07-08")
DROPS = Drops(PROJECT / "data", usecase.sources, dt.date(2013, 12, 31))


@pytest.fixture(scope="module")
def year():
    """Every request of 2013 with its features, its label where it has one, and the naive guess."""
    first, last = dt.date(2013, 1, 1), dt.date(2013, 12, 31)
    requests = usecase.requests(DROPS, first, last)
    states = States(by_date(FEATURES.compute_state(DROPS, first, last)))
    rows = inputs(requests, FEATURES.build(requests, states.lookup))
    rows["naive"] = usecase.naive(DROPS, requests)
    labels = usecase.labels(DROPS, first, last)
    rows = rows.merge(labels, on=list(usecase.key), how="left", validate="1:1")
    rows["week"] = (rows["date"] - pd.Timestamp("2012-12-31")).dt.days // 7
    return rows


@pytest.fixture(scope="module")
def models(year):
    """Name -> (estimator, its reference sample): v1 to 17 March, HGB on the same, v2 to June."""
    made = {}
    for name, recipe, end in (
        ("v1", "logistic_regression", "2013-03-17"),
        ("v1_trees", "hist_gradient_boosting", "2013-03-17"),
        ("v2", "hist_gradient_boosting", "2013-06-30"),
    ):
        rows = year[(year["date"] <= end) & year["label"].notna()]
        features = rows[list(FEATURES.columns)]
        model = usecase.recipes[recipe](FEATURES).fit(features, rows["label"])
        sample = rows.sample(5000, random_state=0)
        reference = sample[[*FEATURES.columns, "label"]]
        said = predict(usecase, model, sample[list(FEATURES.columns)])
        made[name] = model, reference.assign(prediction=said).reset_index(drop=True)
    return made


@pytest.fixture(scope="module")
def expected(models):
    return profile(models["v2"][1], usecase, 1)


@pytest.fixture(scope="module")
def clean(year):
    return week(year, MONDAY)


@pytest.fixture(scope="module")
def previous(year):
    return week(year, MONDAY - pd.Timedelta(days=7))


def week(rows, monday):
    inside = (rows["date"] >= monday) & (rows["date"] < monday + pd.Timedelta(days=7))
    return rows[inside].reset_index(drop=True)


def rules_of(findings):
    return {(finding.rule, finding.column) for finding in findings}


# The accidents. Each takes a week of inputs and returns it as the accident would have made it.


def celsius(rows):
    return rows.assign(temp=(rows["temp"] - 32) * 5 / 9)


def no_weather(rows):
    return rows.assign(**{name: np.nan for name in WEATHER_FIELDS})


def two_days_without_weather(rows):
    gone = rows["date"].isin([MONDAY + pd.Timedelta(days=n) for n in (2, 3)])
    return rows.assign(**{name: rows[name].mask(gone) for name in WEATHER_FIELDS})


def weather_zero(rows):
    return rows.assign(**{name: 0.0 for name in WEATHER_FIELDS})


def recoded(rows):
    return rows.assign(carrier=rows["carrier"].astype(str) + "_")


def four_hours_later(rows):
    hhmm = (rows["sched_dep_time"] + 400) % 2400
    return rows.assign(sched_dep_time=hhmm, sched_hour=(rows["sched_hour"] + 4) % 24)


def twice(rows):
    return pd.concat([rows, rows], ignore_index=True)


def percent(rows):
    return rows.assign(**{name: rows[name] * 100 for name in FEATURES.state_columns})


def state_zero(rows):
    return rows.assign(**{name: 0.0 for name in FEATURES.state_columns})


def backup_state(rows, max_age_days):
    """Return the week as a service would build it that only has the state of 1 June."""
    day = dt.date(2013, 6, 1)
    states = States(by_date(FEATURES.compute_state(DROPS, day, day)), max_age_days)
    features = FEATURES.build(rows[list(usecase.request.model_fields)], states.lookup)
    return rows.assign(
        **{name: features[name] for name in FEATURES.state_columns},
        **{STATE_AGE: states.ages(rows["date"])},
    )


def old_backup_served(rows):
    return backup_state(rows, 60)


def old_backup_refused(rows):
    return backup_state(rows, MAX_AGE)


def of_weather(rule):
    return {(rule, name) for name in WEATHER_FIELDS}


STATE = {("constant_column", name) for name in FEATURES.state_columns}
ACCIDENTS = [
    (celsius, {("shift_vs_previous", "temp")}),
    (no_weather, of_weather("empty_column")),
    (two_days_without_weather, of_weather("null_share")),
    (weather_zero, {("constant_column", "temp"), ("out_of_contract", "pressure")}),
    (recoded, {("unknown_category", "carrier")}),
    (four_hours_later, {("shift_vs_previous", "sched_hour")}),
    (twice, {("duplicate_keys", "")}),
    (percent, {("shift_vs_previous", name) for name in FEATURES.state_columns}),
    (state_zero, STATE),
    (old_backup_served, {("state_stale", STATE_AGE)}),
    (old_backup_refused, {("state_missing", name) for name in FEATURES.state_columns}),
]


@pytest.mark.parametrize(("accident", "fires"), ACCIDENTS, ids=[a.__name__ for a, _ in ACCIDENTS])
def test_accident_fires_and_the_clean_week_is_quiet(accident, fires, clean, previous, expected):
    before = clean.copy()
    broken = accident(clean)
    assert not broken.equals(clean)  # the two inputs differ
    pd.testing.assert_frame_equal(clean, before)
    assert contract_checks(clean, expected, previous, ALERTS, max_age_days=MAX_AGE) == []

    findings = contract_checks(broken, expected, previous, ALERTS, max_age_days=MAX_AGE)
    print(accident.__name__, [(f.rule, f.column, f.value, f.limit) for f in findings])
    assert fires <= rules_of(findings)
    if accident is not weather_zero:  # it breaks several rules at once
        assert fires == rules_of(findings)
    assert all(f.severity == "page" for f in findings)
    assert all(f.sentence.endswith(".") and f.sentence.count(". ") == 0 for f in findings)
