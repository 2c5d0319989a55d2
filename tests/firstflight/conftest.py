"""The real year, and the models that the monitor's tests watch; made once for all of them."""

import datetime as dt

import pandas as pd
import pytest

from firstflight.contract import (
    inputs,
    profile,
)
from firstflight.drops import Drops
from firstflight.state import States, by_date
from firstflight.usecase import predict
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT

FEATURES = usecase.features[1]
MONDAY = pd.Timestamp("2013-07-08")
DROPS = Drops(PROJECT / "data", usecase.sources, dt.date(2013, 12, 31))


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def expected(models):
    return profile(models["v2"][1], usecase, 1)


@pytest.fixture(scope="session")
def clean(year):
    return week(year, MONDAY)


@pytest.fixture(scope="session")
def previous(year):
    return week(year, MONDAY - pd.Timedelta(days=7))


def week(rows, monday):
    inside = (rows["date"] >= monday) & (rows["date"] < monday + pd.Timedelta(days=7))
    return rows[inside].reset_index(drop=True)
