"""Faults of the New York upstream and of the feature state, to measure alarms with.

The first ten were studied with the data; the others are changes of unit, lost rows and damaged
outcomes. A fault of the upstream damages the tables, so that requests are made of damaged rows; a
fault of the caller damages the requests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from firstflight.usecase import Accident, StateValues

WEATHER = ("temp", "humid", "wind_speed", "precip", "pressure", "visib")
OUTCOMES = ("dep_delay", "arr_delay", "air_time")
BACKUP_DAYS = 43  # from the middle of July back to 1 June

INCIDENTS = {
    dt.date(2013, 2, 12): "an hour of 1048 mph of wind at EWR",
    dt.date(2013, 12, 30): "the weather stops at 18:00",
    dt.date(2013, 12, 31): "no weather",
}

Change = Callable[[pd.Series], pd.Series]


def changed(
    source: str, columns: tuple[str, ...], change: Change, what: str, days: int = 7
) -> Accident:
    """Return a fault that changes columns of one upstream table.

    Parameters
    ----------
    source : str
        Name of the table.
    columns : tuple of str
        Those of its columns that the fault changes.
    change : callable
        ``change(values)`` returns the values of one column as they come now; they keep the type
        that the column has.
    what : str
        What happened, for people.
    days : int, default=7
        How many of the last days of a week the fault lasts.

    Returns
    -------
    Accident
        Its ``drops`` leaves all other tables as they are.
    """

    def damage(name: str, rows: pd.DataFrame) -> pd.DataFrame:
        if name != source:
            return rows
        return rows.assign(**{c: change(rows[c]).astype(rows[c].dtype) for c in columns})

    return Accident(what, drops=damage, days=days)


def half_of_the_flights(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return every other row of the flights.

    Parameters
    ----------
    name : str
        Name of the table.
    rows : DataFrame
        Rows of that table.

    Returns
    -------
    DataFrame
        The first row, the third and so on if the table is ``"flights"``, else `rows` as they are.
    """
    return rows.iloc[::2].reset_index(drop=True) if name == "flights" else rows


def recoded(requests: pd.DataFrame) -> pd.DataFrame:
    """Return the requests with another code for each airline.

    Parameters
    ----------
    requests : DataFrame
        Requests, one a row.

    Returns
    -------
    DataFrame
        The same requests; each ``carrier`` ends with ``"_"``.
    """
    return requests.assign(carrier=requests["carrier"].astype(str) + "_")


def four_hours_later(requests: pd.DataFrame) -> pd.DataFrame:
    """Return the requests with departures in universal time (summer).

    Parameters
    ----------
    requests : DataFrame
        Requests, one a row.

    Returns
    -------
    DataFrame
        The same requests; ``sched_dep_time`` (hhmm) is four hours later, and ``date`` unchanged.

    Examples
    --------
    >>> four_hours_later(pd.DataFrame({"sched_dep_time": [615, 2130]}))["sched_dep_time"].tolist()
    [1015, 130]
    """
    return requests.assign(sched_dep_time=(requests["sched_dep_time"] + 400) % 2400)


def twice(requests: pd.DataFrame) -> pd.DataFrame:
    """Return every request two times.

    Parameters
    ----------
    requests : DataFrame
        Requests, one a row.

    Returns
    -------
    DataFrame
        All requests, and then all of them again.
    """
    return pd.concat([requests, requests], ignore_index=True)


def no_row(requests: pd.DataFrame) -> pd.DataFrame:
    """Return no request at all.

    Parameters
    ----------
    requests : DataFrame
        Requests, one a row.

    Returns
    -------
    DataFrame
        The same columns without a row.
    """
    return requests.head(0)


States = Mapping[dt.date, StateValues]


def times(factor: float) -> Callable[[dt.date, States], tuple[int, StateValues] | None]:
    """Return a fault that multiplies every value of the state.

    Parameters
    ----------
    factor : float
        What each value is multiplied by.

    Returns
    -------
    callable
        The ``state`` of an `Accident`: the age is 0 days, and the values are those of the day times
        `factor`, or none for a day without state.

    Examples
    --------
    >>> monday = dt.date(2013, 4, 1)
    >>> times(100)(monday, {monday: {"origin_late_7d": {"JFK": 0.25}}})
    (0, {'origin_late_7d': {'JFK': 25.0}})
    """

    def damage(day: dt.date, states: States) -> tuple[int, StateValues] | None:
        values = states.get(day, {})
        return 0, {c: {k: factor * v for k, v in by.items()} for c, by in values.items()}

    return damage


def refused(day: dt.date, states: States) -> None:
    """Return no state: what is there is too old to be served.

    Parameters
    ----------
    day : date
        The local day of the requests.
    states : mapping of date to values
        The right states; ``states[day][column][key]`` is a number.
    """
    return


def served_too_old(day: dt.date, states: States) -> tuple[int, StateValues] | None:
    """Return the state of a backup that should not have been served.

    Parameters
    ----------
    day : date
        The local day of the requests.
    states : mapping of date to values
        The right states; ``states[day][column][key]`` is a number.

    Returns
    -------
    tuple of (int, mapping) or None
        43, the age in days, and the values of that day; None if there are none.
    """
    old = day - dt.timedelta(days=BACKUP_DAYS)
    return (BACKUP_DAYS, states[old]) if old in states else None


def one_column(day: dt.date, states: States) -> tuple[int, StateValues] | None:
    """Return the state without its first column.

    Parameters
    ----------
    day : date
        The local day of the requests.
    states : mapping of date to values
        The right states; ``states[day][column][key]`` is a number.

    Returns
    -------
    tuple of (int, mapping)
        0, the age in days, and the values of the day without the column whose name sorts first; no
        values are left where there is one column only.
    """
    values = states.get(day, {})
    return 0, {column: values[column] for column in sorted(values)[1:]}


STUDIED = {
    "temperature in Celsius": changed(
        "weather", ("temp",), lambda f: (f - 32) / 1.8, "the temperature comes in Celsius"
    ),
    "no weather": changed("weather", WEATHER, lambda v: v * np.nan, "all weather is missing"),
    "no weather for two days": changed(
        "weather", WEATHER, lambda v: v * np.nan, "all weather of two days is missing", days=2
    ),
    "weather of zero": changed(
        "weather", WEATHER, lambda v: v * 0, "missing weather was filled with zero"
    ),
    "airlines recoded": Accident("every airline has a new code", requests=recoded),
    "clock four hours off": Accident("departures in universal time", requests=four_hours_later),
    "every request twice": Accident("every request comes two times", requests=twice),
    "state in percent": Accident("rates of 0 to 100 instead of 0 to 1", state=times(100)),
    "state of zero": Accident("the state was reset to zero", state=times(0)),
    "state of an old backup": Accident("the newest state is 43 days old", state=refused),
}

UNITS_AND_LOSSES = {
    "wind in m/s": changed("weather", ("wind_speed",), lambda v: v * 0.44704, "wind in m/s"),
    "wind in km/h": changed("weather", ("wind_speed",), lambda v: v * 1.609344, "wind in km/h"),
    "wind in knots": changed("weather", ("wind_speed",), lambda v: v / 1.150779, "wind in knots"),
    "temperature in kelvin": changed(
        "weather", ("temp",), lambda f: (f - 32) / 1.8 + 273.15, "the temperature in kelvin"
    ),
    "pressure in kilopascals": changed(
        "weather", ("pressure",), lambda v: v / 10, "the pressure in kilopascals"
    ),
    "humidity as a share": changed(
        "weather", ("humid",), lambda v: v / 100, "the humidity from 0 to 1"
    ),
    "visibility in km": changed("weather", ("visib",), lambda v: v * 1.609344, "visibility in km"),
    "rain in mm": changed("weather", ("precip",), lambda v: v * 25.4, "rain in mm"),
    "distance in km": changed(
        "flights", ("distance",), lambda v: (v * 1.609344).round(), "the distance in km"
    ),
    "outcomes missing": changed(
        "flights", OUTCOMES, lambda v: v * np.nan, "no flight has an outcome"
    ),
    "outcomes infinite": changed(
        "flights", OUTCOMES, lambda v: v * 0 + np.inf, "every outcome is infinite"
    ),
    "outcomes in seconds": changed("flights", OUTCOMES, lambda v: v * 60, "outcomes in seconds"),
    "outcomes four hours off": changed(
        "flights", ("arr_delay",), lambda v: v + 240, "arrivals in universal time"
    ),
    "half of the flights": Accident("every other flight is lost", drops=half_of_the_flights),
    "no flights": Accident("nobody asks any more", requests=no_row),
    "state of an old backup, served": Accident(
        "state of 43 days ago is served against the rule", state=served_too_old
    ),
    "state without a column": Accident("one column of the state is missing", state=one_column),
}

ACCIDENTS: Mapping[str, Accident] = {**STUDIED, **UNITS_AND_LOSSES}
