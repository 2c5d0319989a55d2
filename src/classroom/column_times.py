"""When is a column known? The moments at which nine columns of lesson 01 get their values."""

from __future__ import annotations

import pandas as pd

OBSERVED = pd.Timedelta(minutes=51)  # a weather row holds what was seen up to this minute
ZONE = "America/New_York"
TIMETABLE = pd.Timedelta(days=30)  # how long before a flight its schedule is known, at least


def column_times(flown: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return for each flight when the values of nine columns are known, and when it is asked.

    Parameters
    ----------
    flown : DataFrame
        Flights that flew, one a row, with ``date``, ``origin``, ``time_hour`` (UTC),
        ``sched_dep_time``, ``dep_delay`` and ``air_time``.

    Returns
    -------
    known_at : DataFrame of timestamps, shape (n_flights, 9)
        A column for each of the nine. Landings are taken at their earliest: departure and time in
        the air, without taxiing.
    asked_at : Series of timestamps, shape (n_flights,)
        Two hours before the scheduled hour begins; with the same index.
    """
    hour = flown["time_hour"].dt.tz_convert(ZONE)
    left = hour + pd.to_timedelta(flown["sched_dep_time"] % 100 + flown["dep_delay"], unit="min")
    landed = left + pd.to_timedelta(flown["air_time"], unit="min")
    timetable = hour - TIMETABLE
    known = {
        "carrier": timetable,
        "distance": timetable,
        "sched_arr_time": timetable,
        "n_hour": timetable,
        "temp_3h_before": hour - pd.Timedelta(hours=3) + OBSERVED,
        "temp_same_hour": hour + OBSERVED,
        "dep_delay": left,
        "air_time": landed,
        "late_yesterday": _last_landing_of_yesterday(flown, landed),
    }
    return pd.DataFrame(known), (hour - pd.Timedelta(hours=2)).rename("asked_at")


def _last_landing_of_yesterday(flown: pd.DataFrame, landed: pd.Series) -> pd.Series:
    """Return when the last flight of the day before has landed; the day's begin where none flew."""
    last = landed.groupby([flown["origin"], flown["date"]]).max()
    yesterday = flown["date"] - pd.Timedelta(days=1)
    found = last.reindex(pd.MultiIndex.from_arrays([flown["origin"], yesterday]))
    midnight = flown["date"].dt.tz_localize(ZONE)
    return pd.Series(found.array, index=flown.index).fillna(midnight)


def how_late(known_at: pd.DataFrame, asked_at: pd.Series) -> pd.DataFrame:
    """Return how often columns are known too late, and by how much.

    Parameters
    ----------
    known_at : DataFrame of timestamps, shape (n_flights, n_columns)
        When each value is known.
    asked_at : Series of timestamps, shape (n_flights,)
        When each question is asked.

    Returns
    -------
    DataFrame
        One row a column: the share of flights that are asked too early, and the median of
        how many hours, for these flights.
    """
    hours = known_at.sub(asked_at, axis=0) / pd.Timedelta(hours=1)
    too_late = hours.where(hours > 0)
    return pd.DataFrame(
        {"share asked too early": too_late.notna().mean(), "hours, median": too_late.median()}
    )
