"""When a schedule runs, and a phone that takes messages."""

from __future__ import annotations

import datetime as dt

import httpx
import pytest

from classroom import prefect_runs
from classroom.phone import Phone


@pytest.mark.parametrize("kind", ["cron", "rrule", "none"])
def test_run_times_follow_the_clocks_of_the_zone(ws, kind):
    from prefect.schedules import Cron, RRule, Schedule

    made = {
        "cron": Cron("0 6 * * *", timezone="America/New_York"),
        "rrule": RRule("FREQ=DAILY;BYHOUR=6;BYMINUTE=0;BYSECOND=0", timezone="America/New_York"),
        "none": Schedule(),
    }
    start = dt.datetime(2031, 3, 8, tzinfo=dt.UTC)
    times = prefect_runs.run_times(made[kind], start, 2)
    hours = [(time.day, time.hour) for time in times]
    assert hours == ([] if kind == "none" else [(8, 11), (9, 10)])


def test_a_phone_takes_what_is_posted():
    phone = Phone()
    assert repr(phone) == "a phone with 0 messages"
    for text in ("late", "später"):
        assert httpx.post(phone.url, content=text, trust_env=False).status_code == 204
    assert phone.messages == ["late", "später"]
