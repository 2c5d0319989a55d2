"""The second use case: how long will a flight be in the air, asked two hours before departure.

Same upstream, same request, same moment as the first one; another label, another state, another
kind of model. What the two share is imported, so a change of it is a change of both.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from firstflight.drops import Drops
from firstflight.state import States, by_date
from firstflight.usecase import Columns, FeatureSet, Lookup, UseCase, table
from firstflight.usecases import flights
from firstflight.usecases.nyc import CONSTANTS, FLIGHTS, WEATHER
from firstflight.usecases.nyc_accidents import ACCIDENTS, INCIDENTS

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

STATE = "route_air_7d"
STATE_DAYS = 7
STATE_MIN_FLIGHTS = 2  # one flight's headwind is not a route's


def route(rows: Columns) -> Any:
    """Return origin and destination as one key, such as ``"JFK-LAX"``.

    Parameters
    ----------
    rows : DataFrame or mapping of str to ndarray
        Has ``origin`` and ``dest``, airport codes; one flight or request a row.

    Returns
    -------
    Series or ndarray of str, shape (n_rows,)
        The key of each row.

    Examples
    --------
    >>> route({"origin": np.array(["JFK", "EWR"]), "dest": np.array(["LAX", "ORD"])})
    array(['JFK-LAX', 'EWR-ORD'], dtype=object)
    """
    return rows["origin"].astype(object) + "-" + rows["dest"].astype(object)


def trailing_air_time(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return each route's mean air time over the seven complete days before each date.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days to make state for, both included.

    Returns
    -------
    DataFrame
        Columns ``date``, ``column`` ("route_air_7d"), ``key`` (the route), ``value`` (minutes;
        absent where fewer than two flights of these seven days have an air time).

    Raises
    ------
    ClockError
        If `end` is after the drops' today.
    DropError
        If a month that is read has not landed or is not what was promised.
    StateError
        If no outcome of the days that are read is known.
    """
    first = start - dt.timedelta(days=STATE_DAYS)
    flown = drops.read("flights", first, end, lookback=True).dropna(subset="air_time")
    flights.require_outcomes(flown, first, end)
    # Whole minutes as 64-bit floats: their sums are exact, whatever day the window begins with.
    flown = flown.assign(key=route(flown), air_time=flown["air_time"].astype(float))
    by_day = flown.groupby(["date", "key"])["air_time"].agg(["sum", "count"]).unstack("key")
    days = pd.date_range(first, end, unit="s", name="date")
    window = by_day.reindex(days).fillna(0).rolling(STATE_DAYS, min_periods=1).sum().shift(1)
    mean = window["sum"] / window["count"].where(window["count"] >= STATE_MIN_FLIGHTS)
    means = mean.loc[pd.Timestamp(start) :].stack().rename("value").dropna().reset_index()
    return means.assign(column=STATE)[["date", "column", "key", "value"]]


def build(requests: Columns, lookup: Lookup) -> Any:
    """Return the features: what the request says, and the route's mean of the last week.

    Parameters
    ----------
    requests : DataFrame or mapping of str to ndarray
        The fields of `firstflight.usecases.flights.FlightRequest`, one request a row.
    lookup : callable
        A `firstflight.usecase.Lookup` for requests of that form.

    Returns
    -------
    DataFrame or dict of str to ndarray, with n_requests rows and 13 columns
        The columns of `firstflight.usecases.flights.schedule_and_weather`, and ``route_air_7d``
        (minutes; missing where the state has no value). A DataFrame for a DataFrame, else a dict.
    """
    features = flights.schedule_and_weather(requests)
    features[STATE] = lookup(STATE, requests["date"], route(requests))
    return table(requests, features)


def labels(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return the air times known by now, minutes; cancelled and diverted flights get none.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days of the departures, both included; `start` may lie before the data begins.

    Returns
    -------
    DataFrame
        The columns of `firstflight.usecases.flights.KEY` and ``label`` (minutes in the air). One
        row a flight, sorted by the key.

    Raises
    ------
    ClockError
        If `end` is after the drops' today, or before `start`.
    DropError
        If a month that is read has not landed or is not what was promised.
    """
    flown = drops.read("flights", start, end, lookback=True).dropna(subset="air_time")
    flown = flown.assign(label=flown["air_time"].astype(float))
    return flown[[*flights.KEY, "label"]].sort_values(list(flights.KEY), ignore_index=True)


def naive(drops: Drops, requests: pd.DataFrame) -> np.ndarray:
    """Return the route's mean of the week before, minutes.

    A route with fewer than two flights in that week gets its distance at the pace of all flights of
    the week.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today: the newest day of `requests`, or a later one.
    requests : DataFrame of shape (n_requests, n_fields)
        At least one request, one a row; ``date``, ``origin``, ``dest`` and ``distance`` are read.

    Returns
    -------
    ndarray of float, shape (n_requests,)
        Minutes; NaN where no flight of the week before has an air time.

    Raises
    ------
    ClockError
        If a request is for a day after the drops' today.
    DropError
        If a month that is read has not landed or is not what was promised.
    StateError
        If no air time of the days that are read is known.
    """
    dates = pd.to_datetime(requests["date"])
    start, end = dates.min().date(), dates.max().date()
    states = States(by_date(trailing_air_time(drops, start, end)))
    guess = states.lookup(STATE, requests["date"], route(requests))
    first = start - dt.timedelta(days=STATE_DAYS)
    flown = drops.read("flights", first, end, lookback=True).dropna(subset="air_time")
    by_day = flown.groupby("date")[["air_time", "distance"]].sum().astype(float)
    days = pd.date_range(first, end, unit="s")
    week = by_day.reindex(days).fillna(0).rolling(STATE_DAYS, min_periods=1).sum().shift(1)
    pace = dates.map(week["air_time"] / week["distance"])
    return guess.fillna(pace * requests["distance"]).to_numpy(dtype=float)


def hist_gradient_boosting(features: FeatureSet) -> Pipeline:
    """Return small boosted trees on the columns as the first use case encodes them.

    Parameters
    ----------
    features : FeatureSet
        Says which columns there are, and which of them are categories.

    Returns
    -------
    Pipeline
        Not fitted yet.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline

    encode = flights.hist_gradient_boosting(features)[0]
    trees = HistGradientBoostingRegressor(
        max_iter=80,
        max_leaf_nodes=15,
        min_samples_leaf=300,
        categorical_features=None,  # as in flights: no function objects in the saved model
        early_stopping=False,
        random_state=0,
    )
    return make_pipeline(encode, trees)


usecase = UseCase(
    name="air_time",
    kind="regression",
    unit="minutes in the air",
    sources={"flights": FLIGHTS, "weather": WEATHER},
    request=flights.FlightRequest,
    key=flights.KEY,
    slices=("origin", "carrier"),
    features={
        1: FeatureSet(
            version=1,
            columns=(
                *("origin", "carrier", "distance", "sched_hour", "dow", "n_sched_hour"),
                *flights.WEATHER_FIELDS,
                STATE,
            ),
            categorical=("origin", "carrier"),
            state_columns=(STATE,),
            compute_state=trailing_air_time,
            build=build,
            code=(*flights.OF_REQUESTS, route, trailing_air_time, build),
            settings={
                **flights.SETTINGS_OF_REQUESTS,
                "state": STATE,
                "state_days": STATE_DAYS,
                "state_min_flights": STATE_MIN_FLIGHTS,
            },
        )
    },
    recipes={"hist_gradient_boosting": hist_gradient_boosting},
    trusted_types=flights.usecase.trusted_types,
    requests=flights.requests,
    labels=labels,
    naive=naive,
    constants=CONSTANTS,
    accidents=ACCIDENTS,
    incidents=INCIDENTS,
)
