"""The monitor pages when labels say that a release is wrong, and its alerts follow the policy."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from firstflight import predictions, process
from firstflight.contract import (
    contract_checks,
)
from firstflight.drift import (
    ColumnDrift,
    DriftSummary,
)
from firstflight.drops import Drops
from firstflight.errors import MonitorError
from firstflight.monitor import alerts, performance, weekly
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


def no_weather(rows):
    return rows.assign(**{name: np.nan for name in WEATHER_FIELDS})


def twice(rows):
    return pd.concat([rows, rows], ignore_index=True)


def test_performance_on_all_real_weeks(year, models):
    """How often the rules page: on the linear v1 in summer, on neither of the trees."""
    fired = {}
    for name, start in (("v1", "2013-04-01"), ("v1_trees", "2013-04-01"), ("v2", "2013-07-15")):
        rows = year[(year["date"] >= start) & year["label"].notna()]
        said = predict(usecase, models[name][0], rows[list(FEATURES.columns)])
        rows = rows.assign(prediction=said)
        mondays = pd.date_range(start, "2013-12-31", freq="7D")[1:]
        pages = []
        for monday in mondays:
            window = rows[
                (rows["date"] < monday) & (rows["date"] >= monday - pd.Timedelta(days=28))
            ]
            judged = performance(window, window["naive"], ALERTS, "log_loss")
            if judged.worse_than_naive or judged.miscalibrated:
                pages.append((str(monday.date()), judged.worse_than_naive, judged.miscalibrated))
        fired[name] = [day for day, _, _ in pages]
        print(name, f"{len(pages)} of {len(mondays)} weeks", pages)
    assert {"2013-07-01", "2013-07-15", "2013-08-05"} <= set(fired["v1"])
    assert not any(day > "2013-09-01" for day in fired["v1"])
    assert fired["v1_trees"] == fired["v2"] == []


def test_a_week_of_late_labels_is_not_judged(year):
    rows = year.head(8000).assign(prediction=0.2)
    assert performance(rows, rows["naive"].fillna(0.2), ALERTS, "log_loss") is not None
    late = rows.assign(label=np.nan)
    assert performance(late, late["naive"], ALERTS, "log_loss") is None
    few = rows.assign(label=rows["label"].where(rows.index < 500))
    assert performance(few, few["naive"].fillna(0.2), ALERTS, "log_loss") is None


def test_rows_of_one_day_count_together_whatever_the_hour(year):
    rows = year[year["date"] < "2013-03-01"].assign(prediction=0.2)
    rows["naive"] = rows["naive"].fillna(0.2)
    hours = pd.to_timedelta(np.arange(len(rows)) % 24, unit="h")
    timed = rows.assign(date=rows["date"] + hours)
    whole = performance(rows, rows["naive"], ALERTS, "log_loss")
    assert performance(timed, timed["naive"], ALERTS, "log_loss") == whole
    day = timed[rows["date"] == "2013-02-01"].assign(version="1", role="live", state_age_days=0.0)
    few = ALERTS.model_copy(update={"min_labels": 100})
    assert len(day) >= few.min_labels and day["date"].nunique() == 24
    assert performance(day, day["naive"], few, "log_loss") is None
    assert predictions.online(day, "log_loss", ALERTS)[0].loss is None


def test_performance_of_a_regression():
    rng = np.random.default_rng(0)
    dates = np.repeat(pd.date_range("2013-07-01", periods=14), 300)
    label = rng.normal(150, 60, dates.size)
    naive = label + rng.normal(0, 8, dates.size)
    joined = pd.DataFrame({"date": dates, "label": label})
    rules = ALERTS.model_copy(update={"calibration_max": 5.0})
    stale = joined.assign(prediction=label + 14 + rng.normal(0, 8, dates.size))
    judged = performance(stale, naive, rules, "mae")
    assert judged.worse_than_naive and judged.miscalibrated
    assert judged.bias.mean == pytest.approx(14, abs=1)
    fresh = joined.assign(prediction=label + rng.normal(0, 6, dates.size))
    judged = performance(fresh, naive, rules, "mae")
    assert not judged.worse_than_naive and not judged.miscalibrated


def test_weekly_pages_on_v1_in_july_and_not_on_v2(year, clean, previous, models):
    seen = {}
    for name in ("v1", "v2"):
        model, reference = models[name]
        rows = year[(year["date"] >= "2013-07-01") & (year["date"] < MONDAY + pd.Timedelta(days=7))]
        rows = rows.assign(prediction=predict(usecase, model, rows[list(FEATURES.columns)]))
        watched = weekly(
            week(rows, MONDAY),
            previous,
            reference,
            usecase=usecase,
            feature_version=1,
            rules=RULES,
            max_age_days=MAX_AGE,
            joined=rows,
            naive=rows["naive"],
        )
        result = watched.result
        assert set(watched.runs) == {"drift", "quality"} and result.name == "flights"
        assert result.findings == () and not result.labels_late
        assert result.quality["LogLoss"] == pytest.approx(result.performance.loss, abs=1e-5)
        seen[name] = [(alert.level, alert.rule) for alert in result.alerts]
        print(name, *result.alerts, sep="\n")
    assert ("page", "worse_than_naive") in seen["v1"] and ("page", "miscalibrated") in seen["v1"]
    assert [level for level, _ in seen["v2"] if level != "diagnosis"] == []
    # The same red columns beside both: they tell the two apart in no way.
    assert ("diagnosis", "feature_drift") in seen["v1"] and ("diagnosis", "feature_drift") in seen[
        "v2"
    ]


def drift_of(score, prediction):
    def column(name, value, limit):
        return ColumnDrift(
            column=name, method="wasserstein", score=value, threshold=limit, drifted=value >= limit
        )

    return DriftSummary(
        columns=(column("temp", score, 0.1), column("humid", score, 0.1)),
        share=float(score >= 0.1),
        prediction=column("prediction", prediction, ALERTS.prediction_drift_max),
        skipped=(),
    )


def test_policy_levels():
    def levels(drift, **how):
        return [(a.level, a.rule) for a in alerts([], drift, None, ALERTS, **how)]

    assert levels(None) == []
    assert levels(drift_of(0.05, 0.2)) == []
    # However far and however many: features never disturb anybody.
    assert levels(drift_of(99.0, 0.2)) == [("diagnosis", "feature_drift")]
    assert levels(drift_of(0.05, 2.0)) == [("ticket", "prediction_drift")]
    assert levels(drift_of(0.05, 2.0), labels_late=False) == [("diagnosis", "prediction_drift")]


def test_one_alert_per_rule_pages_first(clean, previous, expected):
    findings = contract_checks(no_weather(twice(clean)), expected, previous, ALERTS)
    made = alerts(findings, drift_of(1.0, 2.0), None, ALERTS)
    assert [(alert.level, alert.rule) for alert in made] == [
        ("page", "duplicate_keys"),
        ("page", "empty_column"),
        ("ticket", "prediction_drift"),
        ("diagnosis", "feature_drift"),
    ]
    assert made[1].columns == WEATHER_FIELDS


def test_severities_are_the_teams(clean, previous, expected):
    calm = ALERTS.model_copy(
        update={"severity": ALERTS.severity.model_copy(update={"contract": "ticket"})}
    )
    findings = contract_checks(twice(clean), expected, previous, calm)
    assert [f.severity for f in findings] == ["ticket"]
    assert [a.level for a in alerts(findings, None, None, calm)] == ["ticket"]


def test_labels_need_a_naive_guess(clean, models):
    with pytest.raises(MonitorError, match="naive guess"):
        weekly(
            clean,
            None,
            models["v2"][1],
            usecase=usecase,
            feature_version=1,
            rules=RULES,
            max_age_days=MAX_AGE,
            joined=clean,
        )
