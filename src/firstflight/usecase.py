"""What a model must bring to use the path. Nothing else in the package knows its subject."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel

from firstflight import fingerprint
from firstflight.drops import Drops, Source
from firstflight.errors import FirstFlightError

Columns = Mapping[str, np.ndarray]
"""Rows as columns: arrays of one length by name. Days are ``datetime64[s]``, texts are objects."""

Lookup = Callable[[str, Any, Any], Any]
"""``lookup(column, dates, keys)`` returns the published state of one column, a value per row.

It is given arrays and returns an array, or is given Series and returns a Series.
"""

Build = Callable[[Any, Lookup], Any]

USECASES = ("flights", "air_time")


@dataclass(frozen=True)
class FeatureSet:
    """One version of the features: the code and the state it needs, never one without the other.

    Parameters
    ----------
    version : int
        Counts up when a column changes its meaning; a release names the version it was fitted on.
    columns : tuple of str
        Model inputs, in order.
    categorical : tuple of str
        Those of `columns` that hold categories (strings); the others are numbers.
    state_columns : tuple of str
        Those of `columns` that come from published state.
    compute_state : callable
        ``compute_state(drops, start, end)`` returns a frame with columns ``date``, ``column``,
        ``key`` and ``value``: the state as of the morning of each date.
    build : callable
        ``build(requests, lookup)`` returns the features, one column each of `columns`. The same
        function makes training rows and answers single requests: `by_column` lets a function of
        columns take a DataFrame too, and give one back.
    code : tuple of callables
        Every function whose change would change a feature; `code_digest` covers them.
    settings : mapping
        Every constant whose change would change a feature; `code_digest` covers them too.
    """

    version: int
    columns: tuple[str, ...]
    categorical: tuple[str, ...]
    state_columns: tuple[str, ...]
    compute_state: Callable[[Drops, dt.date, dt.date], pd.DataFrame]
    build: Build
    code: tuple[Callable[..., Any], ...] = field(default=(), repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def code_digest(self) -> str:
        """Digest of what the feature code means (16 hex digits).

        It changes when a column, a setting or a statement of a function in `code` changes. It
        stays when only comments, layout, docstrings, annotations or the names of local variables
        change, and it is the same on every Python (`firstflight.fingerprint.meaning` says exactly
        which edits count). It does not follow calls: a function that is called and may change a
        feature must be in `code` too. The frozen answers that a release repeats when it is loaded
        stand beside it: they see a change of behaviour wherever it comes from.
        """
        names = [repr(self.columns), repr(self.categorical), repr(sorted(self.settings.items()))]
        text = "\n".join([*names, *(fingerprint.meaning(function) for function in self.code)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def by_column(function: Build) -> Build:
    """Let a function of columns take a DataFrame as well, and return the kind it was given.

    Parameters
    ----------
    function : callable
        ``function(requests, lookup)``: from a mapping of arrays to a dict of arrays.

    Returns
    -------
    callable
        The same for arrays; for a DataFrame a DataFrame with its index.
    """

    @functools.wraps(function)
    def build(requests: Any, lookup: Lookup) -> Any:
        if not isinstance(requests, pd.DataFrame):
            return function(requests, lookup)
        features = function({name: requests[name].to_numpy() for name in requests}, lookup)
        # Each with its own type: pandas would make text of arrays of objects.
        return pd.DataFrame(
            {
                name: pd.Series(values, index=requests.index, dtype=values.dtype)
                for name, values in features.items()
            }
        )

    return build


@dataclass(frozen=True)
class UseCase:
    """What one use-case module brings, under the name ``usecase``.

    Parameters
    ----------
    name : str
        Name of the module and of the registered model.
    kind : {"classification", "regression"}
        Which answer the estimator gives: the probability of the positive class, or a value.
    unit : str
        What the prediction is, for people.
    sources : mapping of str to Source
        The upstream tables it reads.
    request : type of BaseModel
        The typed contract of one prediction request; it must have a field ``date``.
    key : tuple of str
        The request's fields that name it for ever; labels are joined on them.
    slices : tuple of str
        Request fields over which no slice may get worse.
    features : mapping of int to FeatureSet
        The feature versions that this code can still compute.
    recipes : mapping of str to callable
        ``recipe(feature_set)`` returns an unfitted estimator.
    trusted_types : tuple of str
        Types beyond skops' defaults that a release of this use case may hold.
    requests : callable
        ``requests(drops, start, end)`` returns the requests that callers make for these days, one
        a row, with the fields of `request`.
    labels : callable
        ``labels(drops, start, end)`` returns the labels known by the drops' today: the key and
        ``label``.
    naive : callable
        ``naive(drops, requests)`` returns the guess a team could make without a model, from what
        was known on each request's day, shape (n_requests,).
    """

    name: str
    kind: Literal["classification", "regression"]
    unit: str
    sources: Mapping[str, Source]
    request: type[BaseModel]
    key: tuple[str, ...]
    slices: tuple[str, ...]
    features: Mapping[int, FeatureSet]
    recipes: Mapping[str, Callable[[FeatureSet], Any]]
    trusted_types: tuple[str, ...]
    requests: Callable[[Drops, dt.date, dt.date], pd.DataFrame] = field(repr=False)
    labels: Callable[[Drops, dt.date, dt.date], pd.DataFrame] = field(repr=False)
    naive: Callable[[Drops, pd.DataFrame], np.ndarray] = field(repr=False)


def get(name: str) -> UseCase:
    """Return the use case of this name.

    Raises
    ------
    FirstFlightError
        If there is none.
    """
    if name not in USECASES:
        raise FirstFlightError(
            f"There is no use case {name!r}: choose one of {', '.join(USECASES)}, or add a "
            "module to firstflight/usecases and its name to firstflight.usecase.USECASES."
        )
    return importlib.import_module(f"firstflight.usecases.{name}").usecase


def predict(usecase: UseCase, estimator: Any, features: pd.DataFrame) -> np.ndarray:
    """Return one number per row: a probability (classification) or a value (regression).

    Parameters
    ----------
    usecase : UseCase
    estimator : sklearn estimator
        A fitted pipeline.
    features : DataFrame, shape (n_rows, n_features)

    Returns
    -------
    ndarray, shape (n_rows,)
    """
    return rounded(usecase, estimator, features)


def rounded(usecase: UseCase, model: Any, features: Any) -> np.ndarray:
    """Return what a model says of these rows, rounded to 12 digits.

    A linear model's last bit depends on how many rows it is asked at once, and equal questions
    must get equal answers.
    """
    if usecase.kind == "classification":
        return np.round(np.asarray(model.predict_proba(features))[:, 1], 12)
    return np.round(np.asarray(model.predict(features), dtype=float), 12)


def columns_of(contract: type[BaseModel], requests: Sequence[BaseModel]) -> dict[str, np.ndarray]:
    """Return validated requests as columns, ready for `FeatureSet.build`.

    Parameters
    ----------
    contract : type of BaseModel
        What the requests are.
    requests : sequence of BaseModel

    Returns
    -------
    dict of str to ndarray, each of shape (n_requests,)
        Whole numbers as int64, other numbers as float64 (missing: nan), days as
        ``datetime64[s]``, texts as objects.
    """
    rows = [request.__dict__ for request in requests]
    return {
        name: np.array([row[name] for row in rows], dtype=dtype)
        for name, dtype in dtypes(contract).items()
    }


@functools.cache
def dtypes(contract: type[BaseModel]) -> dict[str, Any]:
    """Return the numpy type of each field of a contract; texts are objects."""
    kinds = {dt.date: "datetime64[s]", int: np.int64, float: np.float64}
    found: dict[str, Any] = {}
    for name, spec in contract.model_fields.items():
        types: set[Any] = {t for t in get_args(spec.annotation) if isinstance(t, type)}
        types = types or {spec.annotation}
        plain = types - {type(None)}
        kind = kinds.get(plain.pop(), object) if len(plain) == 1 else object
        # A whole number that may be missing is a float with nan.
        found[name] = np.float64 if kind is np.int64 and type(None) in types else kind
    return found


def contract_bounds(usecase: UseCase) -> dict[str, tuple[float | None, float | None]]:
    """Return the numeric bounds that the request contract sets, per field."""
    bounds = {}
    for name, spec in usecase.request.model_json_schema()["properties"].items():
        for part in (spec, *spec.get("anyOf", [])):
            if "minimum" in part or "maximum" in part:
                bounds[name] = (part.get("minimum"), part.get("maximum"))
    return bounds
