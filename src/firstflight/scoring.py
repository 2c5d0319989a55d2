"""Ask a fitted pipeline with plain arrays.

For one row a scikit-learn pipeline spends twenty times as long on DataFrames as on the model. What
its encoders do to a row is little: look a category up, fill a gap, scale a number. Here that is
done on arrays, with the numbers that the fitted encoders hold, and the model itself, scikit-learn's
own, is asked with the matrix that the encoders would have made.

Nobody has to believe that this is the same. When a release is loaded, all rows of its reference are
asked both ways; if one answer differs in one of its twelve digits, or the pipeline is of a kind
that is not known here, the pipeline is asked as it is, and `Scorer.why` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from firstflight.usecase import Columns, UseCase, predict, rounded

Part = Callable[[Columns], np.ndarray]
"""A step: from columns to its share of the matrix, shape (n_rows, width)."""


class Unknown(Exception):
    """A pipeline that cannot be asked with arrays, and why."""


@dataclass(frozen=True)
class Scorer:
    """A fitted pipeline as one function of features.

    Attributes
    ----------
    way : {"arrays", "pipeline"}
        How it is asked.
    why : str
        One sentence for people: what was checked, or why the pipeline is asked as it is.
    """

    usecase: UseCase
    estimator: Any
    columns: tuple[str, ...]
    way: Literal["arrays", "pipeline"]
    why: str
    matrix: Part | None = None

    def __call__(self, features: Any) -> np.ndarray:
        """Return one prediction per row, rounded to 12 digits, shape (n_rows,).

        Parameters
        ----------
        features : DataFrame or mapping of str to ndarray
        """
        if self.matrix is None:
            if not isinstance(features, pd.DataFrame):
                features = pd.DataFrame({name: pd.Series(features[name]) for name in self.columns})
            return predict(self.usecase, self.estimator, features)
        if isinstance(features, pd.DataFrame):
            features = {name: features[name].to_numpy() for name in self.columns}
        return rounded(self.usecase, self.estimator[-1], self.matrix(features))


def scorer(usecase: UseCase, estimator: Any, reference: pd.DataFrame) -> Scorer:
    """Return the fastest way to ask a fitted pipeline that gives the same answers.

    Parameters
    ----------
    usecase : UseCase
    estimator : sklearn Pipeline
        A column transformer, then a model.
    reference : DataFrame, shape (n_rows, n_features)
        Rows on which both ways must agree in all twelve digits.

    Returns
    -------
    Scorer
    """
    columns = tuple(reference.columns)
    plain = Scorer(usecase, estimator, columns, "pipeline", "")
    try:
        fast = Scorer(usecase, estimator, columns, "arrays", "", matrix(estimator))
        # Gaps and categories that no reference row has: what the model never saw must agree too.
        rows = pd.concat([reference, _strange(reference)], ignore_index=True)
        differ = int((fast(rows) != plain(rows)).sum())
    except Unknown as unknown:
        return Scorer(usecase, estimator, columns, "pipeline", str(unknown))
    except Exception as error:
        why = f"asking it with arrays failed ({type(error).__name__}: {error})"
        return Scorer(usecase, estimator, columns, "pipeline", why)
    if differ:
        why = f"asked with arrays, {differ} of {len(rows)} reference rows get another answer"
        return Scorer(usecase, estimator, columns, "pipeline", why)
    why = f"the same twelve digits as the pipeline on all {len(rows)} reference rows"
    return Scorer(usecase, estimator, columns, "arrays", why, fast.matrix)


def _strange(reference: pd.DataFrame) -> pd.DataFrame:
    """Return one row per column in which that column holds what no training row held."""
    rows = reference.iloc[[0] * reference.shape[1]].reset_index(drop=True)
    for n, name in enumerate(reference):
        number = pd.api.types.is_numeric_dtype(reference[name])
        rows.loc[n, name] = np.nan if number else "never seen"
    return rows


def matrix(estimator: Any) -> Part:
    """Return the function that makes the model's matrix from columns, as the encoders would.

    Parameters
    ----------
    estimator : sklearn Pipeline
        Fitted: a ColumnTransformer of the encoders below, then a model.

    Raises
    ------
    Unknown
        If it is of another shape, or a step of a kind that is not known here.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if not (
        isinstance(estimator, Pipeline)
        and len(estimator) == 2
        and isinstance(estimator[0], ColumnTransformer)
    ):
        raise Unknown("it is not a column transformer followed by a model")
    parts = [
        _part(step, list(columns))
        for _, step, columns in estimator[0].transformers_
        if len(columns) and not (isinstance(step, str) and step == "drop")
    ]
    return lambda features: np.hstack([part(features) for part in parts])


def _part(step: Any, columns: list[str]) -> Part:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import (
        FunctionTransformer,
        OneHotEncoder,
        OrdinalEncoder,
        StandardScaler,
    )

    if isinstance(step, OrdinalEncoder) and step.handle_unknown == "use_encoded_value":
        codes = [{c: float(n) for n, c in enumerate(known)} for known in step.categories_]
        return lambda features: _looked_up(features, columns, codes, step.unknown_value)
    if isinstance(step, OneHotEncoder) and step.handle_unknown == "ignore" and step.drop is None:
        places = [{c: n for n, c in enumerate(known)} for known in step.categories_]
        return lambda features: np.hstack(
            [_one_hot(features[c], place) for c, place in zip(columns, places, strict=True)]
        )
    if isinstance(step, FunctionTransformer) and step.func is None:  # "passthrough"
        return lambda features: _numbers(features, columns)
    if isinstance(step, Pipeline) and [type(s) for s in step] == [SimpleImputer, StandardScaler]:
        fill, scale = step[0].statistics_, step[1]
        if np.isnan(fill).any():
            raise Unknown("a column that was empty in training is left out by its imputer")

        def filled(features: Columns) -> np.ndarray:
            numbers = _numbers(features, columns)
            return (np.where(np.isnan(numbers), fill, numbers) - scale.mean_) / scale.scale_

        return filled
    raise Unknown(f"its step {type(step).__name__} is not known here")


def _numbers(features: Columns, columns: list[str]) -> np.ndarray:
    return np.column_stack([features[name] for name in columns])


def _looked_up(
    features: Columns, columns: list[str], codes: list[dict], unknown: float
) -> np.ndarray:
    found = [
        [code.get(value, unknown) for value in features[name].tolist()]
        for name, code in zip(columns, codes, strict=True)
    ]
    return np.array(found, dtype=float).T


def _one_hot(values: np.ndarray, places: Mapping[Any, int]) -> np.ndarray:
    block = np.zeros((len(values), len(places)))
    for row, value in enumerate(values.tolist()):
        if value in places:
            block[row, places[value]] = 1.0
    return block
