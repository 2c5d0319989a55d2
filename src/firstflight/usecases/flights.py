"""The first use case: will a flight arrive late, asked two hours before it is to depart."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from firstflight.drops import Drops
from firstflight.errors import StateError
from firstflight.usecase import Columns, FeatureSet, Lookup, UseCase, days, table
from firstflight.usecases.nyc import CONSTANTS, FLIGHTS, WEATHER
from firstflight.usecases.nyc_accidents import ACCIDENTS, INCIDENTS

if TYPE_CHECKING:  # recipes import what they need: who asks for the contract alone pays for none
    from sklearn.pipeline import Pipeline

LATE_MINUTES = 15  # the US Department of Transportation's definition of a late arrival
LEAD_HOURS = 2  # predictions are asked this long before the scheduled departure
WEATHER_LAG = LEAD_HOURS + 1  # the row of hour h is complete at h:51, so h - 2 is not known yet
STATE_DAYS = 7
STATE_MIN_FLIGHTS = 5
NAIVE_DAYS = 28
THURSDAY = 3  # the weekday of 1970-01-01, from which numpy counts days; Monday is 0

KEY = ("date", "carrier", "flight", "origin")
WEATHER_FIELDS = ("temp", "humid", "wind_speed", "precip_3h", "visib", "pressure")


def _written_day(value: Any) -> Any:
    """Refuse a number, which pydantic would take for the seconds since 1970."""
    if not isinstance(value, dt.date) and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        raise ValueError("a day is written as 2013-07-14")
    return value


def _hhmm(value: int) -> int:
    """Refuse a time such as 675."""
    if value % 100 > 59:
        raise ValueError("a time is written as hhmm, and an hour has 60 minutes")
    return value


class FlightRequest(BaseModel):
    """One question to the model, as an airline's system would send it at T = departure - 2 h."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    date: Annotated[
        dt.date,
        BeforeValidator(_written_day),
        Field(strict=False, description="local day of the departure"),
    ]
    carrier: Annotated[str, Field(pattern="^[A-Z0-9]{2}$", description="IATA code")]
    flight: Annotated[int, Field(ge=1, le=9999, description="flight number")]
    origin: Literal["EWR", "JFK", "LGA"]
    dest: Annotated[str, Field(pattern="^[A-Z]{3}$", description="IATA code")]
    distance: Annotated[int, Field(ge=1, le=6000, description="miles")]
    sched_dep_time: Annotated[
        int, Field(ge=0, le=2359, description="local time, hhmm"), AfterValidator(_hhmm)
    ]
    n_sched_hour: Annotated[
        int, Field(ge=1, le=200, description="departures scheduled at the origin in that hour")
    ]
    temp: Annotated[float | None, Field(ge=-30, le=115, description="degrees Fahrenheit")]
    humid: Annotated[float | None, Field(ge=0, le=100, description="relative humidity, percent")]
    wind_speed: Annotated[float | None, Field(ge=0, le=120, description="mph")]
    precip_3h: Annotated[float | None, Field(ge=0, le=12, description="inches in three hours")]
    visib: Annotated[float | None, Field(ge=0, le=10, description="miles")]
    pressure: Annotated[float | None, Field(ge=930, le=1070, description="millibars")]


def weather_known(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return the weather by the scheduled hour for which it is the newest complete row.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days of the scheduled hours, both included.

    Returns
    -------
    DataFrame
        Columns ``origin``, ``time_hour`` (the scheduled hour, UTC) and the six weather fields, in
        the units of `FlightRequest`; some hours of the days before and after are in it too.

    Raises
    ------
    ClockError
        If `end` is after the drops' today.
    DropError
        If a month that is read has not landed or is not what was promised.
    """
    weather = drops.read("weather", start - dt.timedelta(days=1), end, lookback=True)
    weather = weather.sort_values(["origin", "time_hour"]).reset_index(drop=True)
    rain = weather.set_index("time_hour").groupby("origin")["precip"].rolling("3h").sum()
    weather["precip_3h"] = rain.to_numpy()
    weather["time_hour"] = weather["time_hour"] + pd.Timedelta(hours=WEATHER_LAG)
    return weather[["origin", "time_hour", *WEATHER_FIELDS]]


def require_outcomes(flown: pd.DataFrame, first: dt.date, end: dt.date) -> None:
    """Refuse to make state of days of which no outcome is known.

    Parameters
    ----------
    flown : DataFrame
        The flights of these days whose outcome is known, one a row.
    first, end : date
        The local days that were asked for, both included; for the sentence.

    Raises
    ------
    StateError
        If `flown` has no row.
    """
    if flown.empty:
        raise StateError(
            f"No outcome of a flight from {first} to {end} is known, so there is nothing to make "
            "state of: land the month that has them, and ask upstream if it has none."
        )


def trailing_late_rate(drops: Drops, start: dt.date, end: dt.date, lag: int) -> pd.DataFrame:
    """Return each origin's and carrier's late rate over seven days that end `lag` days before.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days to make state for, both included.
    lag : int
        In days. 1: the window ends on the day before each date. 2: it ends one day earlier, so
        flights of last night that are still in the air this morning cannot leak their outcome.

    Returns
    -------
    DataFrame
        Columns ``date``, ``column`` ("origin" or "carrier"), ``key``, ``value`` (0 to 1; absent
        where fewer than five flights of the window have an outcome).

    Raises
    ------
    ClockError
        If `end` is after the drops' today.
    DropError
        If a month that is read has not landed or is not what was promised.
    StateError
        If no outcome of the days that are read is known.
    """
    first = start - dt.timedelta(days=STATE_DAYS + lag)
    flown = drops.read("flights", first, end, lookback=True).dropna(subset="arr_delay")
    require_outcomes(flown, first, end)
    flown = flown.assign(late=flown["arr_delay"] >= LATE_MINUTES)
    calendar = pd.date_range(first, end, unit="s")
    parts = []
    for entity in ("origin", "carrier"):
        by_day = flown.groupby(["date", entity])["late"].agg(["sum", "count"]).unstack(entity)
        window = (
            by_day.reindex(calendar).fillna(0).rolling(STATE_DAYS, min_periods=1).sum().shift(lag)
        )
        rate = window["sum"] / window["count"].where(window["count"] >= STATE_MIN_FLIGHTS)
        by_key = rate.loc[pd.Timestamp(start) :].rename_axis(index="date", columns="key")
        parts.append(by_key.stack().rename("value").reset_index().assign(column=entity))
    return pd.concat(parts, ignore_index=True)[["date", "column", "key", "value"]].dropna()


def schedule_and_weather(requests: Columns) -> dict[str, Any]:
    """Return the columns of the features that need nothing but the request itself.

    Parameters
    ----------
    requests : DataFrame or mapping of str to ndarray
        The fields of `FlightRequest`, one request a row.

    Returns
    -------
    dict of str to Series or ndarray, each of shape (n_requests,)
        ``origin`` and ``carrier`` (text), ``distance`` (miles), ``sched_hour`` (local hours since
        midnight, with fractions), ``dow`` (0 to 6, Monday is 0), ``n_sched_hour`` (departures) and
        the six weather fields.
    """
    minutes = requests["sched_dep_time"] // 100 * 60 + requests["sched_dep_time"] % 100
    weekday = (days(requests["date"]).astype(int) + THURSDAY) % 7
    features = {
        "origin": requests["origin"].astype(object),
        "carrier": requests["carrier"].astype(object),
        "distance": requests["distance"].astype(float),
        "sched_hour": minutes / 60,
        "dow": weekday.astype(float),
        "n_sched_hour": requests["n_sched_hour"].astype(float),
    }
    for name in WEATHER_FIELDS:
        features[name] = requests[name].astype(float)
    return features


def feature_set(version: int, lag: int, suffix: str) -> FeatureSet:
    """Return the feature set whose trailing rates end `lag` days before the flight's day.

    Parameters
    ----------
    version : int
        The number of the feature set.
    lag : int
        In days, as in `trailing_late_rate`.
    suffix : str
        What the names of the two state columns end with, so that no two versions share a name.

    Returns
    -------
    FeatureSet
        Twelve columns from the request, and the late rates of its origin and its carrier.
    """
    columns = {f"origin_late_7d{suffix}": "origin", f"carrier_late_7d{suffix}": "carrier"}

    def compute_state(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
        rates = trailing_late_rate(drops, start, end, lag)
        names = {entity: column for column, entity in columns.items()}
        return rates.assign(column=rates["column"].map(names))

    def build(requests: Columns, lookup: Lookup) -> Any:
        features = schedule_and_weather(requests)
        for column, entity in columns.items():
            features[column] = lookup(column, requests["date"], requests[entity])
        return table(requests, features)

    plain = ("origin", "carrier", "distance", "sched_hour", "dow", "n_sched_hour", *WEATHER_FIELDS)
    return FeatureSet(
        version=version,
        columns=(*plain, *columns),
        categorical=("origin", "carrier"),
        state_columns=tuple(columns),
        compute_state=compute_state,
        build=build,
        code=(*OF_REQUESTS, trailing_late_rate, compute_state, build),
        settings={
            **SETTINGS_OF_REQUESTS,
            "late_minutes": LATE_MINUTES,
            "state_days": STATE_DAYS,
            "state_min_flights": STATE_MIN_FLIGHTS,
            "lag": lag,
            "columns": columns,
        },
    )


def logistic_regression(features: FeatureSet) -> Pipeline:
    """Return a plain first model: one-hot categories, scaled numbers, medians for the missing.

    Parameters
    ----------
    features : FeatureSet
        Says which columns there are, and which of them are categories.

    Returns
    -------
    Pipeline
        Not fitted yet.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [c for c in features.columns if c not in features.categorical]
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), list(features.categorical)),
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ),
        LogisticRegression(max_iter=1000),
    )


def hist_gradient_boosting(features: FeatureSet) -> Pipeline:
    """Return small boosted trees; they keep missing values as they are.

    Parameters
    ----------
    features : FeatureSet
        Says which columns there are, and which of them are categories.

    Returns
    -------
    Pipeline
        Not fitted yet.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    numbers = [c for c in features.columns if c not in features.categorical]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return make_pipeline(
        make_column_transformer(
            (encoder, list(features.categorical)), ("passthrough", numbers), sparse_threshold=0
        ),
        HistGradientBoostingClassifier(
            max_iter=80,
            max_leaf_nodes=15,
            min_samples_leaf=300,
            # Encoded categories stay plain numbers: declared as categories, the saved model would
            # hold function objects, and the allow-list of types would have to grow.
            categorical_features=None,
            early_stopping=False,
            random_state=0,
        ),
    )


def requests(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return every scheduled flight of these days as the request that asks for it.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days of the departures, both included.

    Returns
    -------
    DataFrame
        One row a flight, the fields of `FlightRequest`, sorted by the key; weather that is not
        known is missing. Cancelled flights are in it: two hours before, nobody knew.

    Raises
    ------
    ClockError
        If `end` is after the drops' today, or before `start`.
    DropError
        If a month that is read has not landed or is not what was promised.
    """
    flights = drops.read("flights", start, end)
    flights["n_sched_hour"] = flights.groupby(["origin", "time_hour"])["flight"].transform("size")
    weather = weather_known(drops, start, end)
    rows = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="m:1")
    rows = rows.sort_values([*KEY, "time_hour"], ignore_index=True)
    return rows[list(FlightRequest.model_fields)]


OF_REQUESTS = (requests, weather_known, require_outcomes, schedule_and_weather, days, table)
"""The code that makes requests and the features that need nothing else, for `FeatureSet.code`."""
SETTINGS_OF_REQUESTS = {
    "key": KEY,
    "thursday": THURSDAY,
    "weather_fields": WEATHER_FIELDS,
    "weather_lag": WEATHER_LAG,
}
"""The constants of that code, for `FeatureSet.settings`."""


def labels(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return the labels known by now; cancelled and diverted flights never get one.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days of the departures, both included; `start` may lie before the data begins.

    Returns
    -------
    DataFrame
        The columns of `KEY` and ``label``: 1 for a flight that arrived 15 minutes late or more,
        else 0. One row a flight, sorted by the key.

    Raises
    ------
    ClockError
        If `end` is after the drops' today, or before `start`.
    DropError
        If a month that is read has not landed or is not what was promised.
    """
    flown = drops.read("flights", start, end, lookback=True).dropna(subset="arr_delay")
    late = (flown["arr_delay"] >= LATE_MINUTES).astype(float)
    return flown.assign(label=late)[[*KEY, "label"]].sort_values(list(KEY), ignore_index=True)


def naive(drops: Drops, requests: pd.DataFrame) -> np.ndarray:
    """Return the late rate of the 28 days before each request's day.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today: the newest day of `requests`, or a later one.
    requests : DataFrame of shape (n_requests, n_fields)
        At least one request, one a row; only ``date`` is read.

    Returns
    -------
    ndarray of float, shape (n_requests,)
        0 to 1; NaN where none of the 28 days has a label.

    Raises
    ------
    ClockError
        If a request is for a day after the drops' today.
    DropError
        If a month that is read has not landed or is not what was promised.
    """
    dates = pd.to_datetime(requests["date"])
    first, last = dates.min().date(), dates.max().date()
    known = labels(drops, first - dt.timedelta(days=NAIVE_DAYS), last)
    by_day = known.groupby("date")["label"].agg(["sum", "count"])
    calendar = pd.date_range(first - dt.timedelta(days=NAIVE_DAYS), last, unit="s")
    window = by_day.reindex(calendar).fillna(0).rolling(NAIVE_DAYS, min_periods=1).sum().shift(1)
    return dates.map(window["sum"] / window["count"]).to_numpy(dtype=float)


usecase = UseCase(
    name="flights",
    kind="classification",
    unit="probability of arriving 15 minutes late or more",
    sources={"flights": FLIGHTS, "weather": WEATHER},
    request=FlightRequest,
    key=KEY,
    slices=("origin", "carrier"),
    features={1: feature_set(1, lag=1, suffix=""), 2: feature_set(2, lag=2, suffix="_lag2")},
    recipes={
        "logistic_regression": logistic_regression,
        "hist_gradient_boosting": hist_gradient_boosting,
    },
    trusted_types=(
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    ),
    requests=requests,
    labels=labels,
    naive=naive,
    constants=CONSTANTS,
    accidents=ACCIDENTS,
    incidents=INCIDENTS,
)
