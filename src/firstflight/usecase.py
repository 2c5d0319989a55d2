"""What a model must bring to use the path. Only the modules in ``usecases`` know its subject."""

from __future__ import annotations

import datetime as dt
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

Columns = Mapping[str, Any]
"""Columns by name: a DataFrame, or one numpy array each. Features are computed on either."""

Lookup = Callable[[str, Any, Any], Any]
"""``lookup(column, dates, keys)`` returns the state of one column, a value per row or NaN."""

StateValues = Mapping[str, Mapping[str, float]]
"""``values[column][key]``: the state of one day."""

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
        Those of `columns` that come from published state; empty if a request alone is enough.
    compute_state : callable
        ``compute_state(drops, start, end)`` returns a frame with columns ``date``, ``column``,
        ``key`` and ``value``: the state as of the morning of each date. `no_state` where
        `state_columns` is empty.
    build : callable
        ``build(requests, lookup)`` returns the features, shape (n_requests, len(columns)): a
        DataFrame for a DataFrame, and a dict of numpy arrays for a mapping of numpy arrays. The
        same function makes training rows and answers single requests.
    code : tuple of callables, optional
        Every function whose change would change a feature, those that make the requests of the
        training rows among them; `code_digest` covers them.
    settings : mapping of str to any, optional
        Every constant whose change would change a feature, by its name in small letters;
        `code_digest` covers them too.
    """

    version: int
    columns: tuple[str, ...]
    categorical: tuple[str, ...]
    state_columns: tuple[str, ...]
    compute_state: Callable[[Drops, dt.date, dt.date], pd.DataFrame]
    build: Callable[[Any, Lookup], Any]
    code: tuple[Callable[..., Any], ...] = field(default=(), repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def needs_state(self) -> bool:
        """Whether an answer needs published state: without it there is none to publish or miss."""
        return bool(self.state_columns)

    @property
    def code_digest(self) -> str:
        """Digest of the feature code (16 hex digits), the same on every Python that runs it.

        It changes with every edit of `code`, `columns`, `categorical` or `settings` that can change
        a feature: another operation, constant, column name, called function, default, decorator or
        order of statements. It does not change with comments, layout, docstrings, annotations, or
        a consistent new name for a parameter or local variable (see `firstflight.fingerprint`).
        It sees the functions in `code` and the constants in `settings`, not what they call: the
        tests hold both lists against what the functions use of a use case's modules.
        """
        names = [repr(self.columns), repr(self.categorical), repr(sorted(self.settings.items()))]
        text = "\n".join([*names, *(fingerprint.of(function) for function in self.code)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Accident:
    """A fault that is replayed on real days, to measure what an alarm finds.

    Each part damages whatever it is given; which days it is given is for the measurement to say.
    A part that is not given damages nothing.

    Parameters
    ----------
    sentence : str
        What happened, for people.
    drops : callable, optional
        ``drops(source, rows)`` returns the rows of an upstream table as the fault makes them.
    requests : callable, optional
        ``requests(rows)`` returns the requests as the fault makes them.
    state : callable, optional
        ``state(day, states)`` returns the age in days and the values of the state that requests of
        `day` get, or None; ``states[day]`` are the right ones.
    days : int, default=7
        How many of the last days of a week it lasts.
    """

    sentence: str
    drops: Callable[[str, pd.DataFrame], pd.DataFrame] | None = None
    requests: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    state: (
        Callable[[dt.date, Mapping[dt.date, StateValues]], tuple[int, StateValues] | None] | None
    ) = None
    days: int = 7


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
    constants : mapping of str to tuple of str, optional
        Request fields that depend on nothing but other fields, and those: a distance on its two
        ends. One that changes is an alert.
    accidents : mapping of str to Accident, optional
        Faults that alarms are measured with, by name.
    incidents : mapping of date to str, optional
        Days of real faults in the data, and what happened: an alert about them is no false one.
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
    constants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    accidents: Mapping[str, Accident] = field(default_factory=dict, repr=False)
    incidents: Mapping[dt.date, str] = field(default_factory=dict, repr=False)

    def feature_set(self, version: int) -> FeatureSet:
        """Return the features of one version.

        Parameters
        ----------
        version : int
            One of `features`.

        Returns
        -------
        FeatureSet
            The code and the state of this version.

        Raises
        ------
        FirstFlightError
            If this code has no such version.
        """
        if version not in self.features:
            raise FirstFlightError(
                f"{self.name} has no feature version {version}: choose one of "
                f"{', '.join(str(v) for v in self.features)}."
            )
        return self.features[version]


def no_state(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Compute the state of features that need none.

    Parameters
    ----------
    drops : Drops
        Not read.
    start, end : date
        Of no matter.

    Returns
    -------
    DataFrame of shape (0, 4)
        As `FeatureSet.compute_state` returns it.
    """
    return pd.DataFrame(
        {
            "date": pd.Series(dtype="datetime64[s]"),
            "column": pd.Series(dtype="str"),
            "key": pd.Series(dtype="str"),
            "value": pd.Series(dtype="float64"),
        }
    )


def get(name: str) -> UseCase:
    """Return the use case of this name.

    Parameters
    ----------
    name : str
        One of `USECASES`; its module is imported now, if it was not before.

    Returns
    -------
    UseCase
        The object ``usecase`` of ``firstflight.usecases.<name>``.

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
    """Return one number a row: a probability (classification) or a value (regression).

    Rounded to 12 decimals: a linear model's last bit depends on how many rows it is asked at once,
    and equal questions must get equal answers.

    Parameters
    ----------
    usecase : UseCase
        Its `kind` says which answer to ask for.
    estimator : scikit-learn estimator
        Fitted; with ``predict_proba`` and two classes for a classification, else with ``predict``.
    features : DataFrame of shape (n_rows, n_features)
        The estimator's inputs.

    Returns
    -------
    ndarray of float, shape (n_rows,)
        The probability of the positive class, 0 to 1, or the value in the unit of the use case.
    """
    if usecase.kind == "classification":
        return np.round(np.asarray(estimator.predict_proba(features))[:, 1], 12)
    return np.round(np.asarray(estimator.predict(features), dtype=float), 12)


def table(requests: Columns, features: dict[str, Any]) -> Any:
    """Return feature columns in the form in which the requests came.

    Parameters
    ----------
    requests : DataFrame or mapping of str to ndarray
        The requests, one a row.
    features : dict of str to Series or ndarray, each of shape (n_requests,)
        The feature columns that were computed from them, by name.

    Returns
    -------
    DataFrame or dict
        A DataFrame with the requests' index if they are one, else the dict as it is.
    """
    if isinstance(requests, pd.DataFrame):
        return pd.DataFrame(features, index=requests.index)
    return features


def days(dates: Any) -> np.ndarray:
    """Return dates as an array of ``datetime64[D]``: whole days, without a time.

    Parameters
    ----------
    dates : Series or array_like of shape (n,)
        Dates, timestamps without a time zone, or text such as ``"2013-07-14"``.

    Returns
    -------
    ndarray of datetime64[D], shape (n,)
        The day of each.

    Examples
    --------
    >>> days(["2013-07-14", "2013-07-15"])
    array(['2013-07-14', '2013-07-15'], dtype='datetime64[D]')
    """
    if isinstance(dates, np.ndarray) and dates.dtype.kind == "M":
        return dates.astype("datetime64[D]")
    return pd.to_datetime(pd.Series(dates)).to_numpy().astype("datetime64[D]")


def field_types(request: type[BaseModel]) -> dict[str, str]:
    """Return the numpy type of each field of a request contract.

    Whole numbers that may be missing are floats, as in a DataFrame; text is ``object``.

    Parameters
    ----------
    request : type of BaseModel
        The contract.

    Returns
    -------
    dict of str to str
        Field name to ``"datetime64[D]"``, ``"int64"``, ``"float64"`` or ``"object"``.

    Examples
    --------
    >>> class Question(BaseModel):
    ...     day: dt.date
    ...     origin: str
    ...     seats: int
    ...     wind: float | None
    >>> field_types(Question)
    {'day': 'datetime64[D]', 'origin': 'object', 'seats': 'int64', 'wind': 'float64'}
    """
    types: dict[str, str] = {}
    for name, spec in request.model_fields.items():
        parts = set(get_args(spec.annotation)) or {spec.annotation}
        missing, parts = type(None) in parts, parts - {type(None)}
        if parts == {dt.date}:
            types[name] = "datetime64[D]"
        elif parts == {int}:
            types[name] = "float64" if missing else "int64"
        elif parts <= {int, float}:
            types[name] = "float64"
        else:
            types[name] = "object"
    return types


def columns(types: Mapping[str, str], requests: Sequence[BaseModel]) -> dict[str, np.ndarray]:
    """Return requests as one array per field, shape (n_requests,); a missing number is NaN.

    Parameters
    ----------
    types : mapping of str to str
        As `field_types` returns them.
    requests : sequence of BaseModel
        Objects of the request contract.

    Returns
    -------
    dict of str to ndarray, each of shape (n_requests,)
        One array per field of `types`.
    """
    rows = [request.__dict__ for request in requests]
    return {name: np.array([row[name] for row in rows], dtype=kind) for name, kind in types.items()}


def contract_bounds(usecase: UseCase) -> dict[str, tuple[float | None, float | None]]:
    """Return the numeric bounds that the request contract sets, per field.

    Bounds that may be reached (``ge`` and ``le``) are seen, others (``gt`` and ``lt``) are not.

    Parameters
    ----------
    usecase : UseCase
        Its `request` is the contract.

    Returns
    -------
    dict of str to tuple of (float or None, float or None)
        The smallest and the largest value that a field may have, in the field's unit; None where
        that side is open. Fields without a bound are left out.
    """
    bounds = {}
    for name, spec in usecase.request.model_json_schema()["properties"].items():
        for part in (spec, *spec.get("anyOf", [])):
            if "minimum" in part or "maximum" in part:
                bounds[name] = (part.get("minimum"), part.get("maximum"))
    return bounds
