"""What the upstream promises about the two tables of the 2013 New York departures."""

from __future__ import annotations

import datetime as dt

from firstflight.drops import Column, Source

AIRPORTS = ("EWR", "JFK", "LGA")

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
        # Cancelled and diverted flights have none: 1 to 5% of a month.
        Column("dep_delay", "float", "minutes", null_max=0.15),
        Column("arr_delay", "float", "minutes", null_max=0.15),
        Column("air_time", "float", "minutes", null_max=0.15),
    ),
    key=("date", "carrier", "flight", "origin"),
    time="time_hour",
    timezone="America/New_York",
    outcomes=("dep_delay", "arr_delay", "air_time"),
    first_month="2013-01",
    # The quietest airport on the quietest day of the year (LaGuardia, a Saturday in August) has 171
    # departures, and Thanksgiving 65% of the flights of November's median day.
    part="origin",
    parts=AIRPORTS,
    day_rows=150,
    day_rows_share=0.6,
    # In the blizzard of 9 February 57% of the day's flights have no outcome, the most of the year.
    outcome_null_day_max=0.9,
)

WEATHER = Source(
    name="weather",
    columns=(
        _HOUR,
        Column("origin", "string", "airport", nullable=False),
        # Under 1% of a month's hours lack these; wind from nowhere (3%) and a lost barometer (6 to
        # 15%) are usual, and most hours have no gust.
        Column("temp", "float", "degrees Fahrenheit", null_max=0.1),
        Column("dewp", "float", "degrees Fahrenheit", null_max=0.1),
        Column("humid", "float", "percent", null_max=0.1),
        Column("wind_dir", "float", "degrees", null_max=0.2),
        Column("wind_speed", "float", "miles per hour", null_max=0.1),
        Column("wind_gust", "float", "miles per hour"),
        Column("precip", "float", "inches in the hour", null_max=0.1),
        Column("pressure", "float", "millibars", null_max=0.5),
        Column("visib", "float", "miles", null_max=0.1),
    ),
    key=("origin", "time_hour"),
    time="time_hour",
    timezone="America/New_York",
    first_month="2013-01",
    # A station that lost four hours of a day is the worst of the year; 18 is three quarters.
    part="origin",
    parts=AIRPORTS,
    day_rows=18,
    day_rows_share=0.7,
    # The source ends on 30 December at 18:00; see data/DATASHEET.md.
    known_gaps=(dt.date(2013, 12, 30), dt.date(2013, 12, 31)),
)

CONSTANTS = {"distance": ("origin", "dest")}
"""Fields that depend on nothing but others: a route's length does not change."""
