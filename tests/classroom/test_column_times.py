import pandas as pd
import pytest

from classroom.column_times import column_times, how_late


@pytest.fixture
def flown():
    """One flight that lands after midnight, and two of the next day."""
    hours = ["2013-03-05T23:00Z", "2013-03-06T11:00Z", "2013-03-06T20:00Z"]
    return pd.DataFrame(
        {
            "time_hour": pd.to_datetime(hours),
            "date": pd.to_datetime(["2013-03-05", "2013-03-06", "2013-03-06"]),
            "origin": "JFK",
            "sched_dep_time": [1830, 605, 1540],
            "dep_delay": [600.0, -5.0, 20.0],
            "air_time": [120.0, 300.0, 60.0],
        },
        index=[7, 8, 9],
    )


def test_values_are_known_when_they_were_measured(flown):
    known, asked = column_times(flown)
    at = [str(value)[:16] for value in known.loc[9, ["temp_3h_before", "dep_delay", "air_time"]]]
    assert at == ["2013-03-06 12:51", "2013-03-06 16:00", "2013-03-06 17:00"]
    assert str(asked.loc[9])[:16] == "2013-03-06 13:00"
    assert list(known.index) == list(flown.index) and known.shape[1] == 9


def test_yesterday_is_known_when_its_last_flight_has_landed(flown):
    known, _ = column_times(flown)
    assert str(known.loc[8, "late_yesterday"])[:16] == "2013-03-06 06:30"
    assert str(known.loc[7, "late_yesterday"])[:16] == "2013-03-05 00:00"  # none flew before


def test_how_late_counts_flights_and_hours(flown):
    late = how_late(*column_times(flown))
    assert late.loc["carrier", "share asked too early"] == 0
    assert late.loc["temp_same_hour", "share asked too early"] == 1
    assert late.loc["late_yesterday", "share asked too early"] == pytest.approx(1 / 3)
    assert late.loc["late_yesterday", "hours, median"] == pytest.approx(2.5)
