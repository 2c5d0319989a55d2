"""Evidently, run for real, and the distance that is measured beside it on many weeks.

The first report in a process pays for the import of Evidently.
"""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance
from sklearn.metrics import log_loss, roc_auc_score

from firstflight import process
from firstflight.contract import (
    profile,
)
from firstflight.drift import distance, drift_report, page, quality_report
from firstflight.drops import Drops
from firstflight.usecase import predict
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT

RULES = process.load(process.DEFAULT).usecase("flights")
ALERTS = RULES.alerts
MAX_AGE = process.load(process.DEFAULT).state.max_age_days
FEATURES = usecase.features[1]
MONDAY = pd.Timestamp("2013-07-08")
DROPS = Drops(PROJECT / "data", usecase.sources, dt.date(2013, 12, 31))


def test_evidently_drift(clean, models):
    _, reference = models["v2"]
    rows = clean.assign(
        prediction=predict(usecase, models["v2"][0], clean[list(FEATURES.columns)]),
        humid=np.nan,
    )
    learned = profile(reference, usecase, 1)
    columns = {"numeric": learned.numeric, "categorical": learned.categorical, "rules": ALERTS}
    drift, run = drift_report(reference, rows, **columns)
    print(drift)
    assert drift.skipped == ("humid",)
    assert len(page(run)) > 1_000_000
    assert drift == drift_report(reference, rows, **columns)[0]
    by_name = {column.column: column for column in drift.columns}
    assert by_name["temp"].drifted and not by_name["carrier"].drifted
    expected = wasserstein_distance(reference["temp"].dropna(), rows["temp"].dropna()) / np.std(
        reference["temp"].dropna()
    )
    assert by_name["temp"].score == pytest.approx(expected, rel=0.01)
    # The quick distance is Evidently's score.
    for name, column in by_name.items():
        if column.method == "wasserstein":
            quick = distance(reference[name], rows[name])
            assert quick == pytest.approx(column.score, rel=0.01, abs=1e-3), name
    assert drift.prediction is not None and drift.prediction.method == "wasserstein"
    # Evidently counts the drifted columns itself: our flags must add up to its share.
    flags = [column.drifted for column in drift.columns]
    assert drift.share == pytest.approx(sum(flags) / len(flags), abs=1e-6)

    # Negative control: two halves of the reference. Positive control of the skip: Evidently raises.
    halves, _ = drift_report(reference[::2], reference[1::2], **columns)
    assert halves.share == 0 and not halves.prediction.drifted and not halves.skipped
    from evidently import Report
    from evidently.metrics import ValueDrift

    with pytest.raises(ValueError, match="An empty column"):
        Report([ValueDrift(column="humid")]).run(rows[["humid"]], reference[["humid"]])

    alone = rows.drop(columns="prediction")
    nothing, run = drift_report(reference, alone, numeric=["humid"], categorical=[], rules=ALERTS)
    assert run is None and nothing.columns == () and nothing.skipped == ("humid",)


def test_evidently_quality(clean, models):
    rows = clean[clean["label"].notna()]
    rows = rows.assign(prediction=predict(usecase, models["v2"][0], rows[list(FEATURES.columns)]))
    found, run = quality_report(rows, "log_loss")
    assert len(page(run)) > 1_000_000
    assert found["LogLoss"] == pytest.approx(log_loss(rows["label"], rows["prediction"]), abs=1e-5)
    assert found["RocAuc"] == pytest.approx(
        roc_auc_score(rows["label"], rows["prediction"]), abs=1e-5
    )

    label = np.linspace(100, 300, 400)
    values = pd.DataFrame({"label": label, "prediction": label + np.tile([4.0, -2.0], 200)})
    assert quality_report(values, "mae")[0] == {"MAE": 3.0, "MeanError": 1.0}


def test_prediction_drift_on_all_real_weeks(year, models):
    """The ticket's threshold; Evidently's default of 0.1 would cry on almost every week."""
    share, default = {}, {}
    for name, start in (("v1", "2013-04-01"), ("v1_trees", "2013-04-01"), ("v2", "2013-07-15")):
        model, reference = models[name]
        rows = year[year["date"] >= start]
        rows = rows.assign(prediction=predict(usecase, model, rows[list(FEATURES.columns)]))
        score = rows.groupby("week")["prediction"].apply(
            lambda said, base=reference["prediction"]: wasserstein_distance(base, said) / base.std()
        )
        limit = ALERTS.prediction_drift_max
        share[name], default[name] = (score >= limit).mean(), (score >= 0.1).mean()
        print(
            f"{name}: {(score >= limit).sum()} of {len(score)} weeks at {limit}, "
            f"{(score >= 0.1).sum()} at 0.1; the farthest is week {score.idxmax()}"
        )
    assert share["v1"] > 0.4
    assert share["v1_trees"] <= 0.05 and share["v2"] <= 0.05
    assert min(default.values()) > 0.8


def test_a_distance_needs_values_and_a_spread():
    values = pd.Series([1.0, 2.0, np.nan])
    assert distance(values, values) == 0
    assert np.isnan(distance(values, values.head(0)))
    assert np.isnan(distance(values.head(0), values))
    assert np.isnan(distance(pd.Series([1.0, 1.0]), values))
