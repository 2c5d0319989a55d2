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
from firstflight.errors import StateError
from firstflight.usecase import UseCase

Values = Mapping[str, Mapping[str, float]]


class State(BaseModel):
    """The state of one feature version as of the morning of one date.

    Attributes
    ----------
    values : dict
        ``values[column][key]``: for instance ``values["origin_late_7d"]["JFK"]``.
    digest : str
        Digest of all the rest; a state that was altered by hand is refused.
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
        The states at hand.
    max_age_days : int
        A request of day d gets the newest state of days d - `max_age_days` to d, or none.
    """

    def __init__(self, by_date: Mapping[dt.date, Values], max_age_days: int = 0) -> None:
        self.by_date = dict(by_date)
        self.max_age_days = max_age_days

    def at(self, day: dt.date) -> tuple[dt.date, Values] | None:
        """Return the date and the values of the state that a request of this day gets, or None."""
        for age in range(self.max_age_days + 1):
            if day.toordinal() <= age:
                return None  # before the first day of the calendar there is none
            found = self._get(day - dt.timedelta(days=age))
            if found is not None:
                return day - dt.timedelta(days=age), found
        return None

    def met(self, dates: np.ndarray) -> Met:
        """Return the states that requests of these days get, each looked up once.

        Parameters
        ----------
        dates : ndarray of datetime64[D], shape (n_requests,)
        """
        if len(dates) and (dates == dates[0]).all():  # nearly always: no need to sort
            different, which = dates[:1], np.zeros(len(dates), dtype=int)
        else:
            different, which = np.unique(dates, return_inverse=True)
        return Met(tuple((day, self.at(day)) for day in different.tolist()), which)

    def _get(self, day: dt.date) -> Values | None:
        return self.by_date.get(day)

    def ages(self, dates: pd.Series) -> pd.Series:
        """Return the age in days of each request's state; missing where there is none."""
        ages = {}
        for day in pd.to_datetime(dates).unique():
            found = self.at(day.date())
            ages[day] = float("nan") if found is None else float((day.date() - found[0]).days)
        return pd.to_datetime(dates).map(ages).astype(float)

    def lookup(self, column: str, dates: pd.Series, keys: pd.Series) -> pd.Series:
        """Return the state of one column for each request, missing where there is none."""
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
        """
        missing = float("nan")
        tables = [{} if found is None else found[1].get(column, {}) for _, found in self.by_day]
        if len(tables) == 1:
            (values,) = tables
            return np.array([values.get(key, missing) for key in keys.tolist()], dtype=float)
        pairs = zip(self.which.tolist(), keys.tolist(), strict=True)
        return np.array([tables[i].get(key, missing) for i, key in pairs], dtype=float)


class Store(States):
    """The published states of one use case and feature version, read from the workspace."""

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
    """Return where the state of this feature version and date is published."""
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
    """Return a state table (``date``, ``column``, ``key``, ``value``) as values by date."""
    states: dict[dt.date, dict[str, dict[str, float]]] = {}
    for (day, column), rows in table.groupby(["date", "column"], sort=True):
        values = dict(zip(rows["key"].astype(str), rows["value"].astype(float), strict=True))
        states.setdefault(day.date(), {})[str(column)] = dict(sorted(values.items()))
    return states


def publish(
    usecase: UseCase, drops: Drops, feature_version: int, start: dt.date, end: dt.date
) -> list[State]:
    """Compute and publish the state of each date from `start` to `end`; return them.

    Publishing a date again with the same data changes nothing, and mends a file that was altered.
    State of a future day cannot be made: `drops` refuses to read past its today.

    Parameters
    ----------
    usecase : UseCase
        Whose state.
    drops : Drops
        What is known, as of its today.
    feature_version : int
        Whose state of it.
    start, end : date
        Local days, both included.

    Raises
    ------
    ClockError
        If `end` is after the drops' today.
    DropError, StateError
        If the days before hold no data to make state of.
    StorageError
        If the disk does not take it; each file is the old or the new one.
    """
    table = usecase.features[feature_version].compute_state(drops, start, end)
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
            if not path.exists() or path.read_bytes() != text:
                files.write(path, text)
    return published


def newest(usecase: str, feature_version: int, day: dt.date) -> dt.date | None:
    """Return the date of the newest state published up to this day, or None."""
    folder = state_file(usecase, feature_version, day).parent
    dates = [dt.date.fromisoformat(path.stem) for path in folder.glob("????-??-??.json")]
    return max((d for d in dates if d <= day), default=None)
