"""Feature state: what the features remember, published per feature version and date.

A model that was trained with trailing rates is only as good as the rates it gets when it serves.
State is written once a day by the pipeline, read by the service, and never guessed: if there is
none that is young enough, the feature is missing and every answer says so.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from firstflight import files, locks, workspace
from firstflight.drops import Drops
from firstflight.errors import ClockError, StateError
from firstflight.usecase import UseCase

Values = Mapping[str, Mapping[str, float]]


class State(BaseModel):
    """The state of one feature version as of the morning of one date.

    Attributes
    ----------
    usecase : str
        Name of the use case.
    feature_version : int
        The version of the features that computed it.
    date : date
        The local day whose requests it is for.
    values : dict of str to dict of str to float
        ``values[column][key]``: for instance ``values["origin_late_7d"]["JFK"]``.
    digest : str
        Digest of all the rest (16 hex digits); a state that was altered by hand is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    feature_version: int
    date: dt.date
    values: dict[str, dict[str, float]]
    digest: str = ""

    def expected_digest(self) -> str:
        """Return the digest that the content asks for (16 hex digits)."""
        content = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class States:
    """States by date, and the rule for which one a request gets.

    Parameters
    ----------
    by_date : mapping of date to values
        The states at hand; ``by_date[day][column][key]`` is a number.
    max_age_days : int, default=0
        A request of day d gets the newest state of days d - `max_age_days` to d, or none.

    Examples
    --------
    >>> monday, tuesday = dt.date(2013, 4, 1), dt.date(2013, 4, 2)
    >>> states = States({monday: {"origin_late_7d": {"JFK": 0.25}}}, max_age_days=1)
    >>> states.at(tuesday)
    (datetime.date(2013, 4, 1), {'origin_late_7d': {'JFK': 0.25}})
    >>> States(states.by_date).at(tuesday) is None
    True
    """

    def __init__(self, by_date: Mapping[dt.date, Values], max_age_days: int = 0) -> None:
        self.by_date = dict(by_date)
        self.max_age_days = max_age_days

    def at(self, day: dt.date) -> tuple[dt.date, Values] | None:
        """Return the date and the values of the state that a request of this day gets, or None.

        Parameters
        ----------
        day : date
            The local day of the request.

        Returns
        -------
        tuple of (date, mapping) or None
            The day of the newest state that is young enough, and its ``values[column][key]``; None
            if no state is.
        """
        for age in range(self.max_age_days + 1):
            if day.toordinal() <= age:
                return None  # before the first day of the calendar there is none
            found = self._get(day - dt.timedelta(days=age))
            if found is not None:
                return day - dt.timedelta(days=age), found
        return None

    def met(self, dates: np.ndarray) -> Met:
        """Return the states that requests of these days get, each day looked up once.

        Parameters
        ----------
        dates : ndarray of datetime64[D], shape (n_requests,)
            The local day of each request.

        Returns
        -------
        Met
            Computes features on arrays, as `firstflight.release.Release.answer` does.
        """
        if len(dates) and (dates == dates[0]).all():  # nearly always: no need to sort
            different, which = dates[:1], np.zeros(len(dates), dtype=int)
        else:
            different, which = np.unique(dates, return_inverse=True)
        return Met(tuple((day, self.at(day)) for day in different.tolist()), which)

    def _get(self, day: dt.date) -> Values | None:
        return self.by_date.get(day)

    def ages(self, dates: pd.Series) -> pd.Series:
        """Return the age in days of each request's state; missing where there is none.

        Parameters
        ----------
        dates : Series of shape (n_requests,)
            The local day of each request: dates, timestamps, or text such as ``"2013-04-01"``.

        Returns
        -------
        Series of float, shape (n_requests,)
            Whole days, 0 for the state of the request's own day; with the index of `dates`.
        """
        ages = {}
        for day in pd.to_datetime(dates).unique():
            found = self.at(day.date())
            ages[day] = float("nan") if found is None else float((day.date() - found[0]).days)
        return pd.to_datetime(dates).map(ages).astype(float)

    def lookup(self, column: str, dates: pd.Series, keys: pd.Series) -> pd.Series:
        """Return the state of one column for each request, missing where there is none.

        It is a `firstflight.usecase.Lookup` for the columns of a DataFrame.

        Parameters
        ----------
        column : str
            A state column, such as ``"origin_late_7d"``.
        dates : Series of shape (n_requests,)
            The local day of each request: dates, timestamps, or text such as ``"2013-04-01"``.
        keys : Series of str, shape (n_requests,)
            For each request, the key whose value is wanted, such as its origin.

        Returns
        -------
        Series of float, shape (n_requests,)
            The values in the unit of the column, with the index of `keys`.
        """
        values = pd.Series(float("nan"), index=keys.index, dtype=float)
        stamps = pd.to_datetime(dates)
        for day, rows in keys.groupby(stamps, sort=False):
            found = self.at(pd.Timestamp(str(day)).date())
            if found is not None:
                values.loc[rows.index] = rows.map(dict(found[1].get(column, {}))).astype(float)
        return values


@dataclass(frozen=True)
class Met:
    """The states that some requests met, for features computed on arrays.

    Attributes
    ----------
    by_day : tuple of (date, (date, values) or None)
        Each different day of the requests, and what `States.at` says of it.
    which : ndarray of int, shape (n_requests,)
        For each request, the number of its day in `by_day`.
    """

    by_day: tuple[tuple[dt.date, tuple[dt.date, Values] | None], ...]
    which: np.ndarray

    @property
    def ages(self) -> np.ndarray:
        """Age in days of each request's state, shape (n_requests,); NaN where there is none."""
        ages = [np.nan if found is None else (day - found[0]).days for day, found in self.by_day]
        return np.array(ages, dtype=float)[self.which]

    def lookup(self, column: str, dates: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the state of one column for each request, NaN where there is none.

        It is a `firstflight.usecase.Lookup` for arrays; the days were looked up before.

        Parameters
        ----------
        column : str
            A state column, such as ``"origin_late_7d"``.
        dates : ndarray of datetime64[D], shape (n_requests,)
            Not read: the rows are those that `States.met` was asked about, in the same order.
        keys : ndarray of str, shape (n_requests,)
            For each request, the key whose value is wanted, such as its origin.

        Returns
        -------
        ndarray of float, shape (n_requests,)
            The values, in the unit of the column.
        """
        missing = float("nan")
        tables = [{} if found is None else found[1].get(column, {}) for _, found in self.by_day]
        if len(tables) == 1:
            (values,) = tables
            return np.array([values.get(key, missing) for key in keys.tolist()], dtype=float)
        pairs = zip(self.which.tolist(), keys.tolist(), strict=True)
        return np.array([tables[i].get(key, missing) for i, key in pairs], dtype=float)


class Store(States):
    """The published states of one use case and feature version, read from the workspace.

    What was read is kept in memory, and a file that has changed is read again. Each look-up raises
    a `StateError` if the file of a day that it meets cannot be read, is no feature state, or was
    altered after it was published.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    feature_version : int
        The version of the features.
    max_age_days : int
        As in `States`.
    """

    def __init__(self, usecase: str, feature_version: int, max_age_days: int) -> None:
        super().__init__({}, max_age_days)
        self.usecase, self.feature_version = usecase, feature_version
        self.folder = str(state_file(usecase, feature_version, dt.date.min).parent)

    def _get(self, day: dt.date) -> Values | None:
        path = f"{self.folder}/{day}.json"
        try:
            return _read(path, os.stat(path).st_mtime_ns).values
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"{path} cannot be read ({error.strerror}): make it readable, or delete it and "
                "publish the day's state again."
            ) from None


def state_file(usecase: str, feature_version: int, day: dt.date) -> Path:
    """Return where the state of this feature version and date is published.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    feature_version : int
        The version of the features.
    day : date
        The local day whose requests it is for.

    Returns
    -------
    Path
        A JSON file in the workspace; it need not exist.
    """
    return workspace.current().state / usecase / f"v{feature_version}" / f"{day}.json"


@functools.lru_cache(maxsize=1024)
def _read(name: str, mtime_ns: int) -> State:
    path = Path(name)
    try:
        state = State.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StateError(
            f"{path.name} of {path.parent.parent.name}/{path.parent.name} is not a feature state "
            f"({error.error_count()} errors): delete it and publish the day's state again."
        ) from error
    if state.digest != state.expected_digest():
        raise StateError(
            f"{path.name} of {path.parent.parent.name}/{path.parent.name} was altered after it was "
            "published (its digest does not fit): delete it and publish the day's state again."
        )
    return state


def by_date(table: pd.DataFrame) -> dict[dt.date, dict[str, dict[str, float]]]:
    """Return a state table as values by date.

    Parameters
    ----------
    table : DataFrame
        One row a value: ``date`` (timestamps at midnight), ``column``, ``key`` and ``value``.

    Returns
    -------
    dict of date to dict
        ``by_date(table)[day][column][key]`` is a value; days, columns and keys are sorted.

    Examples
    --------
    >>> day = pd.Timestamp("2013-04-01")
    >>> rows = {"date": [day], "column": ["origin_late_7d"], "key": ["JFK"], "value": [0.25]}
    >>> by_date(pd.DataFrame(rows))
    {datetime.date(2013, 4, 1): {'origin_late_7d': {'JFK': 0.25}}}
    """
    states: dict[dt.date, dict[str, dict[str, float]]] = {}
    for (day, column), rows in table.groupby(["date", "column"], sort=True):
        values = dict(zip(rows["key"].astype(str), rows["value"].astype(float), strict=True))
        states.setdefault(day.date(), {})[str(column)] = dict(sorted(values.items()))
    return states


def publish(
    usecase: UseCase, drops: Drops, feature_version: int, start: dt.date, end: dt.date
) -> list[State]:
    """Compute and publish the state of each date from `start` to `end`; return them.

    Publishing a date again with the same data changes nothing, and mends a file that was altered or
    cannot be read.
    State of a future day cannot be made: `drops` refuses to read past its today.

    Parameters
    ----------
    usecase : UseCase
        The use case that computes the state.
    drops : Drops
        What is known, as of its today.
    feature_version : int
        The version of the features; one of `usecase.features`.
    start, end : date
        Local days, both included.

    Returns
    -------
    list of State
        One per date, in order; a date for which no value could be computed gets none.

    Raises
    ------
    FirstFlightError
        If the use case has no such feature version.
    ClockError
        If `end` is after the drops' today, or before `start`.
    DropError
        If a month of these days, or of the days that their state is made of, has not landed or is
        not what was promised.
    StateError
        If no outcome of the days that are read is known.
    StorageError
        If the disk does not take it; each file is the old or the new one.
    BusyError
        If another command holds the workspace for too long.
    """
    features = usecase.feature_set(feature_version)
    if end < start:
        raise ClockError(
            f"State of {usecase.name} was asked for from {start} to {end}: the end comes first, so "
            "give a first day that is not after the last one."
        )
    table = features.compute_state(drops, start, end)
    published = []
    texts: dict[Path, bytes] = {}
    for day, values in by_date(table).items():
        state = State(
            usecase=usecase.name, feature_version=feature_version, date=day, values=values
        )
        state = state.model_copy(update={"digest": state.expected_digest()})
        path = state_file(usecase.name, feature_version, day)
        texts[path] = (state.model_dump_json(indent=1) + "\n").encode()
        published.append(state)
    with locks.writing("state"):
        for path, text in texts.items():
            if not _holds(path, text):
                files.write(path, text)
    return published


def _holds(path: Path, text: bytes) -> bool:
    """Tell whether a file holds this text; one that cannot be read is to be written anew."""
    try:
        return path.read_bytes() == text
    except OSError:
        return False
