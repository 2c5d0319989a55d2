"""A candidate that knows the future: trees that were given the delay at departure."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from firstflight.drops import Drops
from firstflight.usecase import UseCase

COLUMN = "dep_delay"
"""Minutes of delay at departure: written down two hours after the model is asked."""


def with_delay(
    case: UseCase, landed: Drops, features: pd.DataFrame, requests: pd.DataFrame
) -> pd.DataFrame:
    """Return features with one more column of the upstream's table, as a careless join adds it.

    Parameters
    ----------
    case : UseCase
        Of the flights.
    landed : Drops
        What is known today.
    features : DataFrame of shape (n_rows, n_features)
        As the model gets them.
    requests : DataFrame of shape (n_rows, n_columns)
        The requests of these rows, in the same order: at least ``case.key``.

    Returns
    -------
    DataFrame of shape (n_rows, n_features + 1)
        The features and ``dep_delay``, in minutes; missing where the flight never left.
    """
    key = list(case.key)
    first, last = requests["date"].min().date(), requests["date"].max().date()
    known = landed.read("flights", first, last)[[*key, COLUMN]]
    delay = requests[key].merge(known, on=key, how="left", validate="1:1")[COLUMN]
    return features.assign(**{COLUMN: delay.to_numpy()})


def fitted(
    case: UseCase,
    landed: Drops,
    features: pd.DataFrame,
    label: pd.Series,
    requests: pd.DataFrame,
) -> Any:
    """Return boosted trees that have learned from the features of `with_delay`.

    Parameters
    ----------
    case, landed, features, requests
        As for `with_delay`.
    label : Series of int, shape (n_rows,)
        What happened.

    Returns
    -------
    estimator
        A fitted pipeline of scikit-learn.
    """
    columns = (*case.features[1].columns, COLUMN)
    trees = case.recipes["hist_gradient_boosting"](
        dataclasses.replace(case.features[1], columns=columns)
    )
    return trees.fit(with_delay(case, landed, features, requests), label)
