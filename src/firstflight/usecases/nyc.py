"""What the upstream promises about the two tables of the 2013 New York departures."""

from __future__ import annotations

from firstflight.drops import Column, Source

# Parquet has no whole-second timestamps: the files hold milliseconds.
_HOUR = Column("time_hour", "timestamp[ms, tz=UTC]", "hour, UTC", nullable=False)

FLIGHTS = Source(
    name="flights",
    columns=(
        _HOUR,
        Column("origin", "string", "airport", nullable=False),
        Column("carrier", "string", "airline", nullable=False),
        Column("flight", "int16", "flight number", nullable=False),
        Column("dest", "string", "airport", nullable=False),
        Column("distance", "int16", "miles", nullable=False),
        Column("sched_dep_time", "int16", "hhmm, local at origin", nullable=False),
        Column("sched_arr_time", "int16", "hhmm, local at destination", nullable=False),
        Column("dep_delay", "float", "minutes"),
        Column("arr_delay", "float", "minutes"),
        Column("air_time", "float", "minutes"),
    ),
    key=("date", "carrier", "flight", "origin"),
    time="time_hour",
    timezone="America/New_York",
    outcomes=("dep_delay", "arr_delay", "air_time"),
    first_month="2013-01",
)

WEATHER = Source(
    name="weather",
    columns=(
        _HOUR,
        Column("origin", "string", "airport", nullable=False),
        Column("temp", "float", "degrees Fahrenheit"),
        Column("dewp", "float", "degrees Fahrenheit"),
        Column("humid", "float", "percent"),
        Column("wind_dir", "float", "degrees"),
        Column("wind_speed", "float", "miles per hour"),
        Column("wind_gust", "float", "miles per hour"),
        Column("precip", "float", "inches in the hour"),
        Column("pressure", "float", "millibars"),
        Column("visib", "float", "miles"),
    ),
    key=("origin", "time_hour"),
    time="time_hour",
    timezone="America/New_York",
    first_month="2013-01",
)

CONSTANTS = {"distance": ("origin", "dest")}
"""Fields that depend on nothing but others: a route's length does not change."""
