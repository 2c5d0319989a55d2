"""A fitted pipeline as a plain function of arrays, for the types of step that the recipes use.

Scikit-learn's pipeline checks a DataFrame anew in every step; for one row that costs ten times
what the trees do. Here the fitted steps are read once, and what is left for a request is a dict
look-up per category, a subtraction and a division per number, and the estimator's own answer. A
pipeline that holds anything else is not translated, and `firstflight.release` compares every
answer on the reference rows before it uses a translation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

Block = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Returns some columns of the estimator's matrix, shape (n_rows, n_columns)."""


def matrix(transformer: Any) -> Block | None:
    """Return a function that does what a fitted column transformer does, or None.

    Parameters
    ----------
    transformer : sklearn.compose.ColumnTransformer
        Fitted on a DataFrame.

    Returns
    -------
    callable or None
        Takes one array of shape (n_rows,) per column, in a mapping by name, and returns a float
        matrix of shape (n_rows, n_columns). None if the transformer is none, or a step is of a
        type, or has a setting, that is not translated.
    """
    if not isinstance(transformer, ColumnTransformer) or transformer.sparse_output_:
        return None
    blocks = []
    for name, step, columns in transformer.transformers_:
        if step == "drop" or not len(columns):
            continue
        if name == "remainder":
            return None
        block = _block(step, [str(column) for column in columns])
        if block is None:
            return None
        blocks.append(block)
    return lambda features: np.hstack([block(features) for block in blocks])


def _block(step: Any, columns: list[str]) -> Block | None:
    # type() and not isinstance(): a subclass may do something else.
    if step == "passthrough" or (type(step) is FunctionTransformer and step.func is None):
        return lambda features: _numbers(features, columns)
    if type(step) is OrdinalEncoder:
        return _ordinal(step, columns)
    if type(step) is OneHotEncoder:
        return _one_hot(step, columns)
    if type(step) is Pipeline or type(step) in (SimpleImputer, StandardScaler):
        return _arithmetic(step, columns)
    return None


def _numbers(features: Mapping[str, np.ndarray], columns: list[str]) -> np.ndarray:
    return np.stack([features[column] for column in columns], axis=1).astype(float, copy=False)


def _ordinal(step: OrdinalEncoder, columns: list[str]) -> Block | None:
    if step.handle_unknown != "use_encoded_value" or step._infrequent_enabled:
        return None
    codes = [_codes(categories) for categories in step.categories_]
    unknown = float(step.unknown_value)

    def encode(features: Mapping[str, np.ndarray]) -> np.ndarray:
        pairs = zip(columns, codes, strict=True)
        found = [[code.get(v, unknown) for v in features[c].tolist()] for c, code in pairs]
        return np.array(found, dtype=float).T

    return encode


def _one_hot(step: OneHotEncoder, columns: list[str]) -> Block | None:
    plain = step.handle_unknown == "ignore" and step.drop is None and not step._infrequent_enabled
    if not plain:
        return None
    width = sum(len(categories) for categories in step.categories_)
    codes, first = [], 0
    for categories in step.categories_:
        codes.append({value: first + i for value, i in _codes(categories).items()})
        first += len(categories)

    def encode(features: Mapping[str, np.ndarray]) -> np.ndarray:
        # One column more than there are categories: it takes the unknown ones, and is cut off.
        block = np.zeros((len(features[columns[0]]), width + 1))
        rows = np.arange(len(block))
        for column, code in zip(columns, codes, strict=True):
            block[rows, [code.get(v, width) for v in features[column].tolist()]] = 1.0
        return block[:, :width]

    return encode


def _codes(categories: np.ndarray) -> dict[Any, int]:
    return {value: i for i, value in enumerate(categories.tolist())}


def _filling(fill: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda block: np.where(np.isnan(block), fill, block)


def _scaling(mean: Any, scale: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda block: (block - mean) / scale


def _arithmetic(step: Any, columns: list[str]) -> Block | None:
    steps = [part for _, part in step.steps] if type(step) is Pipeline else [step]
    work: list[Callable[[np.ndarray], np.ndarray]] = []
    for part in steps:
        if type(part) is SimpleImputer:
            if part.strategy not in ("mean", "median") or part.add_indicator:
                return None
            fill = np.asarray(part.statistics_, dtype=float)
            if np.isnan(fill).any() or not _is_nan(part.missing_values):
                return None  # it would drop columns, or takes another number for a missing one
            work.append(_filling(fill))
        elif type(part) is StandardScaler:
            mean = part.mean_ if part.with_mean else 0.0
            scale = part.scale_ if part.with_std else 1.0
            work.append(_scaling(mean, scale))
        else:
            return None

    def compute(features: Mapping[str, np.ndarray]) -> np.ndarray:
        block = _numbers(features, columns)
        for function in work:
            block = function(block)
        return block

    return compute


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)


def split(estimator: Any) -> tuple[Block, Any] | None:
    """Return a fitted pipeline as the function that makes its matrix, and its last step.

    Parameters
    ----------
    estimator : sklearn.pipeline.Pipeline
        Fitted on a DataFrame. Another estimator is not translated.

    Returns
    -------
    tuple of (callable, estimator), or None
        The function is that of `matrix`; the last step predicts from what it returns. None if the
        pipeline is not a column transformer followed by an estimator, or holds a step that is not
        translated.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> rows = pd.DataFrame({"x": [0.0, 2.0, 4.0]})
    >>> scaled = ColumnTransformer([("numbers", StandardScaler(), ["x"])])
    >>> fitted = Pipeline([("columns", scaled), ("model", LinearRegression())]).fit(rows, [1, 2, 3])
    >>> make_matrix, last = split(fitted)
    >>> last.predict(make_matrix({"x": np.array([2.0, 6.0])})).round(6).tolist()
    [2.0, 4.0]
    """
    if type(estimator) is not Pipeline or len(estimator.steps) != 2:
        return None
    block = matrix(estimator[0])
    return None if block is None else (block, estimator[1])
