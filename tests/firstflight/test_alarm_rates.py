"""What the rules cost and find: counted right, on real days, for both use cases.

The whole year is measured by ``docs/measure_alarm_rates.py``; here it is a part of it.
"""

import dataclasses
import datetime as dt
import json
import os

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from firstflight import alarm_rates, clock, drops, process, registry, snapshot, train, usecase
from firstflight.drops import Drops
from firstflight.errors import DropError, MonitorError
from firstflight.usecase import Accident
from firstflight.workspace import PROJECT, Workspace, configure

PROCESS = process.load(process.DEFAULT)
FLIGHTS = usecase.get("flights")
TODAY = dt.date(2013, 6, 3)  # five months: 20 weeks


def known(case, today=TODAY):
    return Drops(PROJECT / "data", case.sources, today)


@pytest.fixture(scope="module")
def replayed():
    return alarm_rates.Replayed.of(FLIGHTS, known(FLIGHTS), PROCESS)


def rules_of(findings):
    return {finding.rule for finding in findings}


def test_every_rule_that_the_code_can_raise_is_listed():
    """A rule that is missing from the table would never be measured."""
    text = "".join(
        (PROJECT / "src" / "firstflight" / f"{name}.py").read_text()
        for name in ("contract", "monitor")
    )
    for rule, _, settings in alarm_rates.RULES:
        assert f'"{rule}"' in text or rule in ("missing_column", "empty_column"), rule
        for setting in settings:
            assert hasattr(PROCESS.usecase("flights").alerts, setting)
    limits = {setting for _, _, settings in alarm_rates.RULES for setting in settings}
    fields = set(process.AlertRules.model_fields) - set(process.IntervalRules.model_fields)
    assert fields - limits == {"severity", "min_labels"}


def test_the_list_shows_the_teams_limits_and_severities():
    rules = PROCESS.usecase("flights")
    table = alarm_rates.rule_list(rules).set_index("rule")
    assert table.loc["row_count", "limit"] == "daily_rows_factor_max 1.75"
    assert "temp 2.5" in table.loc["shift_vs_previous", "limit"]
    assert table.loc["outcome_infinite", "limit"] == "none allowed"
    assert table.loc["feature_drift", "severity"] == "diagnosis"
    other = rules.alerts.model_copy(update={"daily_rows_factor_max": 3.0})
    table = alarm_rates.rule_list(rules.model_copy(update={"alerts": other})).set_index("rule")
    assert table.loc["row_count", "limit"] == "daily_rows_factor_max 3"


@pytest.mark.parametrize("name", usecase.USECASES)
def test_every_rule_has_both_controls(name):
    case = usecase.get(name)
    days = alarm_rates.Replayed.of(case, known(case), PROCESS)
    table = alarm_rates.controls(days)
    print(table.to_string())
    assert set(table["rule"]) == {rule for rule, _, _ in alarm_rates.RULES}
    assert table[["fires", "twin is quiet", "inputs differ"]].all(axis=None)


def test_a_limit_that_was_taken_away_fails_its_control(replayed):
    """The control of the controls: a rule that can no longer fire is seen."""
    blind = replayed.rules.alerts.model_copy(update={"unknown_value_share_max": 1.0})
    days = dataclasses.replace(replayed, rules=replayed.rules.model_copy(update={"alerts": blind}))
    table = alarm_rates.controls(days).set_index("rule")
    assert not table.loc["unknown_value", "fires"]
    assert table.drop(index="unknown_value")["fires"].all()


def test_known_incidents_are_no_false_alarms(replayed):
    incident = dt.date(2013, 2, 12)
    assert incident in FLIGHTS.incidents
    week = dt.date(2013, 2, 17)
    assert week in replayed.sundays and week not in replayed.quiet_sundays
    assert "out_of_contract" in rules_of(replayed.week(week))
    mornings = replayed.quiet_mornings
    assert incident - dt.timedelta(days=1) in mornings
    assert not {incident, incident + dt.timedelta(days=13)} & set(mornings)
    assert incident + dt.timedelta(days=14) in mornings


SUNDAY = dt.date(2013, 5, 19)


@pytest.mark.parametrize("name", sorted(FLIGHTS.accidents))
def test_every_accident_differs_is_found_and_its_twin_is_quiet(replayed, name):
    accident = FLIGHTS.accidents[name]
    clean, broken = replayed.week(SUNDAY), replayed.week(SUNDAY, accident)
    assert clean == [] and broken != []
    assert replayed.morning(SUNDAY) == []
    found = rules_of(replayed.morning(SUNDAY, accident))
    print(name, rules_of(broken), found)
    assert found


def test_an_accident_that_does_nothing_is_not_found(replayed):
    nothing = Accident(
        "nothing",
        drops=lambda name, rows: rows,
        requests=lambda rows: rows,
        state=lambda day, states: (0, states[day]),
    )
    assert replayed.week(SUNDAY, nothing) == replayed.week(SUNDAY) == []
    assert replayed.morning(SUNDAY, nothing) == replayed.morning(SUNDAY) == []


def test_damaged_drops_change_the_newest_days_only():
    since = dt.date(2013, 5, 10)

    def later(name, rows):
        return rows.assign(sched_dep_time=rows["sched_dep_time"] + 1)

    whole = known(FLIGHTS)
    bad = alarm_rates.DamagedDrops(whole.root, whole.sources, TODAY, damage=later, since=since)
    first, last = dt.date(2013, 5, 8), dt.date(2013, 5, 11)
    ours, theirs = (one.read("flights", first, last) for one in (bad, whole))
    new = (theirs["date"] >= "2013-05-10").to_numpy()
    moved = (ours["sched_dep_time"] - theirs["sched_dep_time"]).to_numpy()
    assert (moved[new] == 1).all() and (moved[~new] == 0).all() and new.any() and not new.all()
    before = dt.date(2013, 5, 9)
    pd.testing.assert_frame_equal(
        bad.read("flights", first, before), whole.read("flights", first, before)
    )


def test_false_alarms_are_counted_and_a_tighter_limit_costs_more():
    """Whoever changes process.toml sees what the change costs."""
    case = dataclasses.replace(FLIGHTS, accidents={"wind in m/s": FLIGHTS.accidents["wind in m/s"]})
    tight = PROCESS.usecase("flights").alerts.model_copy(update={"daily_rows_factor_max": 1.02})
    changed = PROCESS.model_copy(
        update={
            "usecases": {"flights": PROCESS.usecase("flights").model_copy(update={"alerts": tight})}
        }
    )
    found = {}
    for name, decided in (("as it is", PROCESS), ("tight", changed)):
        rates = alarm_rates.measure(case, known(case), decided, every=6)
        found[name] = rates.rules.set_index("rule")
        print(rates.rules.to_string())
    days = alarm_rates.Replayed.of(case, known(case), PROCESS)
    weeks, mornings = len(days.quiet_sundays), len(days.quiet_mornings)
    assert found["as it is"].loc["row_count", "false weeks"] == f"0 of {weeks}"
    assert found["as it is"].loc["row_count", "false mornings"] == f"0 of {mornings}"
    # The timetable repeats so well that even 2% fires in a third of the weeks only.
    assert found["tight"].loc["row_count", "false weeks"] == f"6 of {weeks}"
    assert found["tight"].loc["row_count", "false mornings"] == f"46 of {mornings}"
    assert found["as it is"].loc["unknown_value", "accidents of a week"] == "1 of 1"
    assert found["as it is"].loc["row_count", "accidents of a week"] == "0 of 1"
    assert found["as it is"].loc["worse_than_naive", "losing weeks"] == "-"


def test_too_few_days_and_no_first_month_are_sentences():
    with pytest.raises(MonitorError, match="at least 16 weeks"):
        alarm_rates.Replayed.of(FLIGHTS, known(FLIGHTS, dt.date(2013, 3, 1)), PROCESS)
    sources = {n: dataclasses.replace(s, first_month="") for n, s in FLIGHTS.sources.items()}
    nameless = dataclasses.replace(FLIGHTS, sources=sources)
    with pytest.raises(DropError, match="first month"):
        alarm_rates.Replayed.of(nameless, known(FLIGHTS), PROCESS)


@pytest.mark.parametrize("every", [0, -4])
def test_one_week_of_none_is_a_sentence(every):
    with pytest.raises(MonitorError, match=f"one quiet week of {every}"):
        alarm_rates.measure(FLIGHTS, known(FLIGHTS), PROCESS, every=every)


def test_without_two_quiet_weeks_nothing_is_tried(replayed):
    every_tenth = {replayed.first + dt.timedelta(days=n): "a fault" for n in range(0, 365, 10)}
    case = dataclasses.replace(FLIGHTS, incidents=every_tenth)
    days = dataclasses.replace(replayed, usecase=case)
    assert days.quiet_sundays  # single quiet weeks there are
    with pytest.raises(MonitorError, match=r"two quiet weeks, one after the other, .* are none"):
        alarm_rates.controls(days)


def test_a_use_case_needs_no_accidents():
    plain = dataclasses.replace(FLIGHTS, accidents={}, incidents={})
    rates = alarm_rates.measure(plain, known(plain, dt.date(2013, 4, 30)), PROCESS)
    assert rates.accidents.empty and set(rates.tables()) == {"rules", "controls", "quiet"}


# --- answers ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a workspace with the winter's linear model and trees on the same rows."""
    before = dict(os.environ)
    ws = configure(Workspace(tmp_path_factory.mktemp("rates") / "workspace"))
    clock.set_today("2013-07-16")
    for month in drops.months(dt.date(2013, 1, 1), dt.date(2013, 7, 31)):
        drops.land(PROJECT / "data", ws.drops, FLIGHTS.sources.values(), month)
    taken = snapshot.take(FLIGHTS, known(FLIGHTS), dt.date(2013, 1, 1), dt.date(2013, 3, 17), 1)
    for recipe in ("logistic_regression", "hist_gradient_boosting"):
        registry.register(train.fit(FLIGHTS, taken, recipe))
    yield ws
    os.environ.clear()
    os.environ.update(before)


def test_losing_weeks_and_what_says_so(home):
    """The best table of the drift lesson: prediction drift beside the truth, for two models."""
    rules = PROCESS.usecase("flights")
    table = {}
    for version in ("1", "2"):
        release = registry.load("flights", version)
        weeks = alarm_rates.answered_weeks(release, known(FLIGHTS, dt.date(2013, 7, 16)), rules)
        weeks = weeks[weeks["week"] >= dt.date(2013, 4, 7)]
        print(weeks.drop(columns="release").round(3).to_string())
        assert len(weeks) == 15
        table[version] = weeks
    linear, trees = table["1"], table["2"]
    assert linear["losing"].sum() == 9 and trees["losing"].sum() <= 5
    assert linear["prediction_drift"].sum() >= 8 and trees["prediction_drift"].sum() == 0
    assert linear.loc[linear["worse_than_naive"], "losing"].mean() > 0.5
    assert linear["feature_drift"].all() and trees["feature_drift"].all(), "it tells the season"


def test_a_release_without_a_whole_week_adds_nothing(home):
    young = registry.load("flights", "1")
    about = {**young.about, "trained_to": "2013-04-28"}
    young = dataclasses.replace(young, about=about)
    drops = known(FLIGHTS, dt.date(2013, 5, 3))
    weeks = alarm_rates.answered_weeks(young, drops, PROCESS.usecase("flights"))
    whole = known(FLIGHTS, dt.date(2013, 5, 10))
    one = alarm_rates.answered_weeks(young, whole, PROCESS.usecase("flights"))
    assert weeks.empty and len(one) == 1 and list(weeks) == list(one)
    plain = dataclasses.replace(FLIGHTS, accidents={}, incidents={})
    rates = alarm_rates.measure(plain, drops, PROCESS, [young])
    assert rates.releases.empty
    assert rates.rules.set_index("rule").loc["miscalibrated", "losing weeks"] == "-"


def test_the_command_lists_and_measures(home):
    from firstflight.cli import app

    run = CliRunner().invoke
    listed = run(app, ["rules"])
    assert listed.exit_code == 0 and "daily_rows_factor_max 1.75" in listed.output
    assert run(app, ["rules", "--usecase", "nothing"]).exit_code == 1
    args = ["rules", "--measure", "--alarms-only", "--every", "12", "--json"]
    measured = run(app, args)
    assert measured.exit_code == 0, measured.output
    found = json.loads(measured.output)
    assert set(found) >= {"rules", "accidents", "releases", "controls"}
    by_rule = {row["rule"]: row for row in found["rules"]}
    assert by_rule["unknown_value"]["false weeks"].startswith("0 of")
    assert len(found["accidents"]) == len(FLIGHTS.accidents)
    assert all(row["fires"] and row["twin is quiet"] for row in found["controls"])
    assert np.any([row["rule"] == "worse_than_naive" for row in found["releases"]])
    assert not list(home.records.glob("**/*.json")), "measuring writes nothing"
