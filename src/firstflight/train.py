"""Fit a recipe on a snapshot: the same two give the same model. Nothing is registered here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from firstflight.errors import ReleaseError
from firstflight.snapshot import Snapshot
from firstflight.usecase import UseCase


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator and the rows that made it.

    Attributes
    ----------
    usecase : UseCase
        The use case that the recipe and the snapshot are of.
    recipe : str
        Name of the estimator's recipe in the use case.
    estimator : scikit-learn estimator
        Fitted on `features` and `label`.
    snapshot : Snapshot
        Where the rows come from.
    features : DataFrame of shape (n_rows, n_features)
        The estimator's inputs.
    label : Series of shape (n_rows,)
        0 or 1, or a value in the unit of the use case.
    requests : DataFrame of shape (n_rows, n_request_fields)
        The requests that the features were built from.
    """

    usecase: UseCase
    recipe: str
    estimator: Any
    snapshot: Snapshot
    features: pd.DataFrame
    label: pd.Series
    requests: pd.DataFrame


def fit(usecase: UseCase, snapshot: Snapshot, recipe: str) -> Fitted:
    """Fit one of the use case's recipes on a snapshot.

    Parameters
    ----------
    usecase : UseCase
        The use case that the snapshot is of.
    snapshot : Snapshot
        The training rows, and the feature version to build from them.
    recipe : str
        Name of the recipe, a key of `usecase.recipes`.

    Returns
    -------
    Fitted
        The fitted estimator, with the rows that it was fitted on.

    Raises
    ------
    ReleaseError
        If there is no such recipe, or the snapshot is of another use case.
    FirstFlightError
        If the use case has the snapshot's feature version no more.
    """
    require_recipe(usecase, recipe)
    if snapshot.manifest["usecase"] != usecase.name:
        raise ReleaseError(
            f"Snapshot {snapshot.digest} is of {snapshot.manifest['usecase']}, not of "
            f"{usecase.name}: take one of this use case."
        )
    features, label, requests = snapshot.training_rows(usecase)
    feature_set = usecase.feature_set(snapshot.manifest["feature_version"])
    estimator = usecase.recipes[recipe](feature_set).fit(features, label)
    return Fitted(usecase, recipe, estimator, snapshot, features, label, requests)


def require_recipe(usecase: UseCase, recipe: str) -> None:
    """Refuse a recipe that the use case does not have.

    Parameters
    ----------
    usecase : UseCase
        Its recipes may be chosen.
    recipe : str
        The name that was given.

    Raises
    ------
    ReleaseError
        If there is no such recipe.
    """
    if recipe not in usecase.recipes:
        raise ReleaseError(
            f"{usecase.name} has no recipe {recipe!r}: choose one of {', '.join(usecase.recipes)}."
        )
