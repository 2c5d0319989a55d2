"""The model of lesson 01's notebook: how it prepares its table and fits, for the lessons after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from firstflight.snapshot import Snapshot
from firstflight.usecase import UseCase

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

WEATHER = ["temp", "humid", "wind_speed", "precip", "visib", "pressure"]
NUMBERS = ["distance", "hour", "dow", "n_hour", *WEATHER]


def prepare(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Return the notebook's table: flights that flew, with the weather of three hours before.

    Parameters
    ----------
    flights, weather : DataFrame
        Months of the two sources, as they are on the disk.

    Returns
    -------
    DataFrame
        One flight a row, with ``date``, `NUMBERS` and ``late`` (0 or 1).
    """
    local = flights["time_hour"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    flights = flights.assign(
        date=local.dt.normalize(),
        dow=local.dt.dayofweek,
        hour=flights["sched_dep_time"] // 100,
        n_hour=flights.groupby(["origin", "time_hour"])["flight"].transform("size"),
    ).dropna(subset="arr_delay")
    late = (flights["arr_delay"] >= 15).astype(int)
    known = weather.assign(time_hour=weather["time_hour"] + pd.Timedelta(hours=3))
    known = known[["origin", "time_hour", *WEATHER]]
    return flights.assign(late=late).merge(known, on=["origin", "time_hour"], how="left")


def fit(rows: pd.DataFrame) -> Pipeline:
    """Return the notebook's logistic regression, fitted on the rows that `prepare` made.

    Parameters
    ----------
    rows : DataFrame
        As `prepare` returns them.

    Returns
    -------
    Pipeline
        It answers for rows with the same columns.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "carrier"]), (numeric, NUMBERS)
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(rows, rows["late"])


def learned_from(snapshot: Snapshot, case: UseCase) -> Pipeline:
    """Return the use case's logistic regression, fitted on the rows of a snapshot.

    Parameters
    ----------
    snapshot : Snapshot
        The rows.
    case : UseCase
        The use case that they are of.

    Returns
    -------
    Pipeline
        It answers for features of the snapshot's feature version.
    """
    features, label, _ = snapshot.training_rows(case)
    recipe = case.recipes["logistic_regression"]
    return recipe(case.feature_set(snapshot.manifest["feature_version"])).fit(features, label)


def answers(model: Pipeline, snapshot: Snapshot, case: UseCase) -> np.ndarray:
    """Return what a model says of the requests of a snapshot's last day.

    Parameters
    ----------
    model : Pipeline
        As `learned_from` returns it.
    snapshot : Snapshot
        Whose last day is asked about.
    case : UseCase
        The use case that both are of.

    Returns
    -------
    ndarray of float, shape (n_requests,)
        Probabilities, with every digit.
    """
    features = case.feature_set(snapshot.manifest["feature_version"])
    asked = snapshot.requests[snapshot.requests["date"] == pd.Timestamp(snapshot.end)]
    return model.predict_proba(features.build(asked, snapshot.states().lookup))[:, 1]
