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
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from firstflight import workspace
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
            found = self._get(day - dt.timedelta(days=age))
            if found is not None:
                return day - dt.timedelta(days=age), found
        return None

    def _get(self, day: dt.date) -> Values | None:
        return self.by_date.get(day)

    def ages(self, dates: Any) -> Any:
        """Return the age in days of each request's state; missing (nan) where there is none.

        Parameters
        ----------
        dates : Series or ndarray of datetime64, shape (n,)

        Returns
        -------
        Series or ndarray of float, shape (n,)
            Of the kind that was given.
        """
        days, of_row = _days(dates)
        found = [self.at(day) for day in days]
        ages = [
            float("nan") if f is None else (d - f[0]).days for d, f in zip(days, found, strict=True)
        ]
        values = np.array(ages, dtype=float)[of_row]
        return pd.Series(values, index=dates.index) if isinstance(dates, pd.Series) else values

    def lookup(self, column: str, dates: Any, keys: Any) -> Any:
        """Return the state of one column for each request; missing (nan) where there is none.

        Parameters
        ----------
        column : str
        dates : Series or ndarray of datetime64, shape (n,)
        keys : Series or ndarray of str, shape (n,)

        Returns
        -------
        Series or ndarray of float, shape (n,)
            Of the kind of `keys`.
        """
        days, of_row = _days(dates)
        found = [self.at(day) for day in days]
        tables = [{} if f is None else f[1].get(column, {}) for f in found]
        missing = float("nan")
        values = np.array(
            [
                tables[day].get(key, missing)
                for day, key in zip(of_row.tolist(), np.asarray(keys).tolist(), strict=True)
            ],
            dtype=float,
        )
        return pd.Series(values, index=keys.index) if isinstance(keys, pd.Series) else values


def _days(dates: Any) -> tuple[list[dt.date], np.ndarray]:
    """Return the different days, and for each row which of them it is of."""
    plain = np.asarray(dates).astype("datetime64[D]")
    if len(plain) == 1:  # one caller, one row: without the sorting
        return plain.tolist(), np.zeros(1, dtype=int)
    days, of_row = np.unique(plain, return_inverse=True)
    return days.tolist(), of_row


class Store(States):
    """The published states of one use case and feature version, read from the workspace."""

    def __init__(self, usecase: str, feature_version: int, max_age_days: int) -> None:
        super().__init__({}, max_age_days)
        self.usecase, self.feature_version = usecase, feature_version
        self._folder = str(state_file(usecase, feature_version, dt.date.min).parent)

    def _get(self, day: dt.date) -> Values | None:
        path = f"{self._folder}/{day}.json"
        try:
            return _read(path, os.stat(path).st_mtime_ns).values
        except FileNotFoundError:
            return None


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

    Publishing a date again with the same data changes nothing. State of a future day cannot be
    made: `drops` refuses to read past its today.
    """
    table = usecase.features[feature_version].compute_state(drops, start, end)
    published = []
    for day, values in by_date(table).items():
        state = State(
            usecase=usecase.name, feature_version=feature_version, date=day, values=values
        )
        state = state.model_copy(update={"digest": state.expected_digest()})
        path = state_file(usecase.name, feature_version, day)
        text = state.model_dump_json(indent=1) + "\n"
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(text)
            part.replace(path)
        published.append(state)
    return published


def newest(usecase: str, feature_version: int, day: dt.date) -> dt.date | None:
    """Return the date of the newest state published up to this day, or None."""
    folder = state_file(usecase, feature_version, day).parent
    dates = [dt.date.fromisoformat(path.stem) for path in folder.glob("*.json")]
    return max((d for d in dates if d <= day), default=None)
