"""The contract fires on the accidents and stays quiet on real weeks.

The accidents are replayed on the real week of 8-14 July 2013 against the reference of a model that
learned on January to June. ``pytest -s`` prints the rates that process.toml speaks of.
"""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from firstflight import process
from firstflight.contract import (
    STATE_AGE,
    Finding,
    contract_checks,
    grid,
    outcome_checks,
    outcome_findings,
    profile,
    shift_vs_previous,
    traffic_checks,
)
from firstflight.drops import Drops
from firstflight.errors import MonitorError
from firstflight.monitor import alerts
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


def week(rows, monday):
    inside = (rows["date"] >= monday) & (rows["date"] < monday + pd.Timedelta(days=7))
    return rows[inside].reset_index(drop=True)


def rules_of(findings):
    return {(finding.rule, finding.column) for finding in findings}


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


ACCIDENTS = [
    (celsius, {("shift_vs_previous", "temp"), ("unknown_value", "temp")}),
    (no_weather, of_weather("empty_column")),
    (two_days_without_weather, of_weather("null_share")),
    (weather_zero, {("constant_column", "temp"), ("out_of_contract", "pressure")}),
    (recoded, {("unknown_category", "carrier")}),
    (four_hours_later, {("shift_vs_previous", "sched_hour")}),
    (twice, {("duplicate_keys", "")}),
    (
        percent,
        {
            (rule, name)
            for rule in ("shift_vs_previous", "state_shift")
            for name in FEATURES.state_columns
        },
    ),
    (state_zero, {("constant_column", name) for name in FEATURES.state_columns}),
    (old_backup_served, {("state_stale", STATE_AGE)}),
    (
        old_backup_refused,
        {("state_missing", name) for name in (*FEATURES.state_columns, STATE_AGE)},
    ),
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
    if accident not in (weather_zero, state_zero):  # these break further rules too
        assert fires == rules_of(findings)
    assert all(f.severity == "page" for f in findings)
    assert all(f.sentence.endswith(".") and f.sentence.count(". ") == 0 for f in findings)


def test_recode_pages_though_it_does_no_harm(clean, previous, expected, models):
    """The contract is broken, so it pages; the loss says that this model hardly minds."""
    model, _ = models["v2"]
    losses = {}
    for name, rows in (("clean", clean), ("recoded", recoded(clean)), ("celsius", celsius(clean))):
        rows = rows[rows["label"].notna()]
        losses[name] = log_loss(
            rows["label"], predict(usecase, model, rows[list(FEATURES.columns)])
        )
    print({name: round(loss, 3) for name, loss in losses.items()})
    assert losses["recoded"] - losses["clean"] < 0.02
    assert losses["celsius"] - losses["clean"] > 0.04
    findings = contract_checks(recoded(clean), expected, previous, ALERTS)
    assert [a.level for a in alerts(findings, None, None, ALERTS)] == ["page"]


def test_findings_on_all_real_weeks(year, models):
    """52 weeks against the week before: what fires is what really happened, and nothing else."""
    seen = {}
    learned = profile(models["v1"][1], usecase, 1)
    weeks = {number: rows for number, rows in year.groupby("week")}
    for number in range(1, 53):
        findings = contract_checks(weeks[number], learned, weeks[number - 1], ALERTS)
        if findings:
            seen[str(weeks[number]["date"].min().date())] = rules_of(findings)
    print(seen)
    false_alarms = set(seen) - {"2013-02-11", "2013-12-30"}
    print(f"{len(false_alarms)} false alarms in 52 weeks, {len(seen)} weeks with a real incident")
    assert seen == {
        "2013-02-11": {("out_of_contract", "wind_speed")},  # 1048 mph at EWR on 12 February
        "2013-12-30": of_weather("null_share"),  # the weather stops on 30 December
    }


def test_findings_on_the_week_that_ends_on_any_day(year, models):
    """Calendar weeks flatter the rules: a preflight asks on any day, and a few days are odd."""
    learned = profile(models["v1"][1], usecase, 1)
    rows = year.sort_values("date", kind="stable", ignore_index=True)
    first = pd.Timestamp("2013-01-15")
    ends = rows["date"].searchsorted(pd.date_range(first - pd.Timedelta(days=14), periods=366))
    incidents = {"2013-02-12", "2013-12-31"} | {f"2013-02-{day}" for day in range(13, 19)}
    seen = {}
    for n, day in enumerate(pd.date_range(first, "2013-12-31")):
        before, now = rows.iloc[ends[n + 1] : ends[n + 8]], rows.iloc[ends[n + 8] : ends[n + 15]]
        assert (now["date"].min(), now["date"].max()) == (day - pd.Timedelta(days=6), day)
        findings = contract_checks(now, learned, before, ALERTS)
        if findings:
            seen[str(day.date())] = rules_of(findings)
    false_alarms = {day: seen[day] for day in seen if day not in incidents}
    print(f"{len(false_alarms)} of {n + 1} windows without an incident: {false_alarms}")
    assert incidents <= set(seen)
    assert len(false_alarms) <= 0.03 * (n + 1)


def test_shift_limits_hold_on_the_half_year_that_did_not_set_them(year):
    """The limits were chosen on January to June; July to December judges them."""
    weeks = {number: rows for number, rows in year.groupby("week")}
    shifts = pd.DataFrame(
        {
            number: {
                name: shift_vs_previous(weeks[number][name], weeks[number - 1][name])
                for name in FEATURES.columns
                if name not in FEATURES.categorical
            }
            for number in range(1, 53)
        }
    )
    limits = pd.Series(
        {
            name: ALERTS.shift_vs_previous_columns.get(name, ALERTS.shift_vs_previous_max)
            for name in shifts.index
        }
    )
    print(
        pd.DataFrame(
            {
                "Jan-Jun": shifts.loc[:, :25].max(axis=1),
                "Jul-Dec": shifts.loc[:, 26:].max(axis=1),
                "limit": limits,
            }
        ).round(2)
    )
    alarms = shifts.gt(limits, axis=0)
    assert alarms.loc[:, 26:].sum().sum() == 0

    caught = pd.DataFrame(
        {
            number: {
                f"{accident.__name__} {name}": shift_vs_previous(
                    accident(weeks[number])[name], weeks[number - 1][name]
                )
                for accident, name in (
                    (celsius, "temp"),
                    (four_hours_later, "sched_hour"),
                    (percent, "origin_late_7d"),
                )
            }
            for number in range(1, 53)
        }
    )
    limits.index = limits.index.map(lambda name: {n.split()[1]: n for n in caught.index}.get(name))
    limits = limits[limits.index.notna()]
    print(
        pd.DataFrame(
            {
                "least shift": caught.min(axis=1).round(2),
                "limit": limits,
                "caught Jan-Jun (25)": caught.loc[:, :25].gt(limits, axis=0).sum(axis=1),
                "caught Jul-Dec (27)": caught.loc[:, 26:].gt(limits, axis=0).sum(axis=1),
                "at the default limit": caught.gt(ALERTS.shift_vs_previous_max).sum(axis=1),
            }
        ).to_string()
    )
    missed = caught.le(limits, axis=0).sum(axis=1).to_dict()
    assert missed == {
        "celsius temp": 1,  # a cold week after a mild one
        "four_hours_later sched_hour": 0,
        "percent origin_late_7d": 0,
    }
    # Why temp has a limit of its own.
    assert caught.loc["celsius temp"].gt(ALERTS.shift_vs_previous_max).sum() < 40


def test_thresholds_are_the_teams(clean, previous, expected):
    loose = {"shift_vs_previous_columns": {"temp": 50.0}, "unknown_value_share_max": 1.0}
    assert contract_checks(celsius(clean), expected, previous, ALERTS) != []
    calm = ALERTS.model_copy(update=loose)
    assert contract_checks(celsius(clean), expected, previous, calm) == []
    # Without a week before only the reference can say that these are no degrees Fahrenheit.
    found = contract_checks(celsius(clean), expected, None, ALERTS)
    assert rules_of(found) == {("unknown_value", "temp")}


def test_odd_columns_are_findings_not_exceptions(clean, previous, expected):
    rows = clean.drop(columns=["temp", "flight"]).assign(
        humid=None, pressure="high", visib=clean["visib"].astype(object)
    )
    findings = contract_checks(rows, expected, previous, ALERTS)
    assert rules_of(findings) == {
        ("missing_column", "temp"),
        ("missing_column", "flight"),
        ("empty_column", "humid"),
        ("empty_column", "pressure"),
    }
    with pytest.raises(MonitorError, match="no requests to check"):
        contract_checks(clean.head(0), expected, previous, ALERTS)


def test_finding_is_frozen():
    finding = Finding(
        kind="contract", rule="r", column="c", value=1, limit=0, severity="page", sentence="s."
    )
    with pytest.raises(ValueError, match="frozen"):
        finding.value = 2.0


# A change of unit that no comparison of medians finds: the values themselves are others.


@pytest.mark.parametrize(
    ("column", "change", "rule"),
    [
        ("wind_speed", lambda mph: mph * 0.44704, "unknown_value"),
        ("wind_speed", lambda mph: mph * 1.609344, "unknown_value"),
        ("wind_speed", lambda mph: (mph * 0.44704).round(1), "unknown_value"),
        ("distance", lambda miles: (miles * 1.609344).round(), "unknown_value"),
        ("distance", lambda miles: miles + 1, "changed_constant"),
        ("humid", lambda percent: percent / 100, "scale_vs_previous"),
    ],
    ids=["m/s", "km/h", "whole tenths of m/s", "km", "one mile more", "share"],
)
def test_another_unit_is_found_in_any_season(year, models, column, change, rule):
    """Against both references, in every fourth week; the clean twin never fires the rule."""
    weeks = {number: rows for number, rows in year.groupby("week")}
    for name in ("v1", "v2"):
        learned = profile(models[name][1], usecase, 1)
        for number in range(2, 52, 4):
            clean, before = weeks[number], weeks[number - 1]
            broken = clean.assign(**{column: change(clean[column].astype(float))})
            assert (rule, column) in rules_of(contract_checks(broken, learned, before, ALERTS))
            assert (rule, column) not in rules_of(contract_checks(clean, learned, before, ALERTS))


def test_a_season_is_no_new_unit(year, models):
    """A winter knows few warm temperatures: its tails are not judged, and its limit is wide."""
    learned = profile(models["v1"][1], usecase, 1)
    for _, rows in year[year["date"] >= "2013-04-01"].groupby("week"):
        found = contract_checks(rows, learned, None, ALERTS)
        assert not [f for f in found if f.rule == "unknown_value"]


def test_what_has_a_grid(expected):
    """Whole knots have one; a humidity computed to many digits, and state, have none."""
    has = {name for name, column in expected.columns.items() if column.grid is not None}
    assert {"wind_speed", "distance", "visib", "temp"} <= has
    assert not has & {"humid", *FEATURES.state_columns, "origin", "carrier"}
    assert grid(pd.Series([1.0] * 500)) is None and grid(pd.Series([1.0, 2.0])) is None
    assert grid(pd.Series([np.nan, np.inf] * 200)) is None


def test_state_in_another_unit_is_found_though_last_week_had_it_too(clean, previous, expected):
    both = [percent(rows) for rows in (clean, previous)]
    found = rules_of(contract_checks(both[0], expected, both[1], ALERTS))
    assert found == {("state_shift", name) for name in FEATURES.state_columns}


def test_infinity_counts_as_missing(clean, previous, expected):
    some = clean["temp"].mask(clean.index % 2 == 0, np.inf)
    found = contract_checks(clean.assign(temp=some), expected, previous, ALERTS)
    assert ("null_share", "temp") in rules_of(found)
    every = clean.assign(temp=np.inf)
    assert ("empty_column", "temp") in rules_of(contract_checks(every, expected, previous, ALERTS))


# How much is asked.


def asked_on(counts, last="2013-07-14"):
    days = pd.date_range(end=last, periods=len(counts))
    return pd.Series(np.repeat(days.to_numpy(), counts))


SUNDAY = dt.date(2013, 7, 14)


@pytest.mark.parametrize(
    ("day", "n", "words"),
    [(12, 49, "as few"), (13, 0, "as few"), (10, 176, "as many")],
    ids=["half", "none", "nearly twice"],
)
def test_a_day_with_other_traffic_is_found(day, n, words):
    counts = [100] * 14
    assert traffic_checks(asked_on(counts), SUNDAY, ALERTS) == []
    counts[day] = n
    (found,) = traffic_checks(asked_on(counts), SUNDAY, ALERTS)
    assert found.rule == "row_count" and words in found.sentence
    assert f"2013-07-{day + 1:02d}" in found.sentence and found.sentence.count(". ") == 0


def test_traffic_has_a_week_and_a_beginning(year):
    quiet_weekends = [100, 100, 100, 100, 100, 30, 20] * 2
    assert traffic_checks(asked_on(quiet_weekends), SUNDAY, ALERTS) == []
    # The service was first asked on Wednesday: there is nothing to compare three days with.
    begun = [0, 0, 0, 100, 100, 100, 100] + [100] * 7
    assert traffic_checks(asked_on(begun), SUNDAY, ALERTS) == []
    assert traffic_checks(asked_on([5]).head(0), SUNDAY, ALERTS) == []
    # Every day of the year, Thanksgiving and Christmas among them.
    for last in pd.date_range("2013-01-14", "2013-12-31", freq="7D"):
        assert traffic_checks(year["date"], last.date(), ALERTS) == []


# What labels and state are made of.


def outcomes(**changed):
    """Return the outcomes of 30 days to 14 July, the newest two of them changed."""
    rows = DROPS.read("flights", dt.date(2013, 6, 15), SUNDAY)
    newest = rows["date"] >= "2013-07-13"
    for column, change in changed.items():
        rows[column] = rows[column].astype(float)
        rows[column] = rows[column].mask(newest, change(rows[column]))
    return rows


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda minutes: minutes * np.nan, "outcome_missing"),
        (lambda minutes: minutes * 0 + np.inf, "outcome_infinite"),
        (lambda minutes: minutes.mask(minutes.index % 50 == 0, -np.inf), "outcome_infinite"),
        (lambda minutes: minutes * 60, "outcome_scale"),
        (lambda minutes: minutes / 60, "outcome_scale"),
        (lambda minutes: minutes * 0, "outcome_scale"),
        (lambda minutes: minutes + 240, "outcome_shift"),
    ],
    ids=["missing", "infinite", "some infinite", "seconds", "hours", "zero", "another clock"],
)
@pytest.mark.parametrize("column", ["arr_delay", "air_time"])
def test_a_damaged_outcome_is_found(column, change, rule):
    broken, clean = outcomes(**{column: change}), outcomes()
    assert not broken.equals(clean)
    found = outcome_findings(broken, column, SUNDAY, ALERTS)
    print(found)
    if (rule, column) == ("outcome_shift", "air_time"):  # a long flight is 240 minutes longer
        assert found == []
        return
    assert [f.rule for f in found] == [rule] and found[0].kind == "contract"
    assert outcome_findings(clean, column, SUNDAY, ALERTS) == []


def test_outcomes_of_every_morning_are_quiet():
    """The February blizzard, Thanksgiving and the worst storms of summer among them."""
    mornings = pd.date_range("2013-01-12", "2013-12-31", freq="3D")
    for today in mornings:
        known = Drops(DROPS.root, DROPS.sources, today.date())
        assert outcome_checks(usecase, known, ALERTS) == [], today


def test_a_bad_week_of_outcomes_is_found_to_its_end():
    """The usual spread is the median of the days': five bad days among 28 do not move it."""
    rows = DROPS.read("flights", dt.date(2013, 6, 15), SUNDAY)
    rows["arr_delay"] = rows["arr_delay"].mask(rows["date"] >= "2013-07-08", rows["arr_delay"] * 60)
    (found,) = outcome_findings(rows, "arr_delay", SUNDAY, ALERTS)
    assert found.rule == "outcome_scale"
    few = rows[rows["date"] >= "2013-07-10"]  # three days are nothing to compare with
    assert outcome_findings(few, "arr_delay", SUNDAY, ALERTS) == []
