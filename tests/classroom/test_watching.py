"""What lesson 07 is played with: weeks, accidents, a box for alerts, pages inside the notebook."""

from datetime import date
from types import SimpleNamespace

import httpx
import numpy as np
import pandas as pd
import pytest

from classroom import pages, receiver, watching
from classroom.every_monday import every_monday, tell_pages
from firstflight import monitor, operations
from firstflight import usecase as usecases
from firstflight.process import DEFAULT, load


@pytest.fixture
def week():
    days = pd.date_range("2013-07-08", periods=7).repeat(3)
    columns = ["temp", "humid", "wind_speed", "precip_3h", "visib", "pressure"]
    rates = ["origin_late_7d", "carrier_late_7d"]
    rows = pd.DataFrame({name: np.full(21, 50.0) for name in [*columns, *rates]})
    return rows.assign(date=days, origin=["EWR", "JFK", "LGA"] * 7, carrier="UA", sched_hour=8.0)


def test_each_accident_changes_the_week_and_leaves_the_clean_one(week):
    before = week.copy()
    made = watching.accidents(week, usecases.get("flights"))
    assert week.equals(before) and made.pop("clean week").equals(before)
    assert len(made) == 8
    assert not any(rows.equals(before) for rows in made.values())


def test_a_move_is_that_of_the_week_that_ends_on_a_day():
    days = pd.date_range("2013-01-01", "2013-01-21")
    rows = pd.DataFrame({"date": days.repeat(11), "temp": np.tile(np.arange(11.0), 21)})
    rows.loc[rows["date"] >= "2013-01-15", "temp"] += 10
    moves = watching.moves_between_weeks(rows, "temp")
    assert moves.index[0] == pd.Timestamp("2013-01-14") and moves.iloc[0] == 0
    assert moves.iloc[-1] == moves.max() > 2


def test_weeks_that_resemble_each_other_count_for_fewer():
    alike = np.arange(15.0)
    apart = np.array([0.0, 1] * 7 + [0])
    weeks = pd.DataFrame({"alike": alike, "apart": apart, "loss": alike**2})
    found = watching.what_orders(weeks, "loss", {"slow": "alike", "fast": "apart"})
    assert found.loc["slow", "rank correlation"] == 1
    assert found.loc["slow", "weeks' worth"] < 3 < found.loc["fast", "weeks' worth"] == 15


def test_alarms_are_counted_by_losing_and_good_weeks():
    losing = pd.Series([True, True, False])
    fired = pd.Series([True, False, True])
    found = watching.fires_in({"alarm": fired}, losing)
    assert found.loc["alarm"].to_list() == ["1 of 2", "1 of 1"]


def test_the_labels_page_once_the_whole_interval_is_above_zero():
    days = pd.date_range("2013-04-01", "2013-04-28").repeat(400)
    late = pd.Series(np.tile([0, 1], len(days) // 2), dtype=float)
    rows = pd.DataFrame({"date": days, "label": late, "naive": 0.5, "good": 0.4 + 0.2 * late})
    rows["bad"] = np.where(rows["date"] < "2013-04-15", rows["good"], 0.05)
    rows["week"] = rows["date"].dt.to_period("W-SUN").dt.start_time
    rules = load(DEFAULT).usecase("flights")
    assert not watching.judged_by_labels(rows, "good", rules).any()
    found = watching.judged_by_labels(rows, "bad", rules)
    assert not found.iloc[:2].any() and found.iloc[-1]


def test_the_next_runs_are_told_in_new_york(monkeypatch):
    from prefect.schedules import Cron

    for zone, at in (("America/New_York", "06:00"), ("UTC", "02:00")):
        schedule = Cron("0 6 * * 1", timezone=zone)
        planned = SimpleNamespace(schedules=[SimpleNamespace(schedule=schedule)])
        runs = watching.next_runs(planned, date(2013, 7, 16), n=2)
        assert runs == [f"Mon {day} Jul 2013, {at} New York" for day in (22, 29)]


def alerts():
    made = (("page", "worse_than_naive"), ("diagnosis", "feature_drift"))
    return [
        monitor.Alert(level=level, kind="performance", rule=rule, columns=(), sentence="<b>so</b>")
        for level, rule in made
    ]


def test_pages_arrive_and_a_check_takes_its_own_out_again(ws):
    with receiver.start() as box:
        address = box.url.replace("http://", "json://")
        assert tell_pages(alerts(), address)
        with receiver.aside() as arrived:
            assert tell_pages(alerts(), address)
        assert [one["title"] for one in arrived] == ["worse_than_naive"]
        assert [one["title"] for one in receiver.messages()] == ["worse_than_naive"]
        page = httpx.get(box.url, trust_env=False).text
        assert "1 message" in page and "&lt;b&gt;" in page
        form = httpx.post(box.url, data={"title": "from a form"}, trust_env=False)
        assert form.status_code == 415 and len(receiver.messages()) == 1
    assert not tell_pages(alerts(), address)


def test_monday_watches_the_week_that_ended_yesterday(ws, monkeypatch):
    asked = []

    def week_of(usecase, drops, last_day):
        asked.append((usecase.name, last_day))
        return SimpleNamespace(alerts=alerts()[1:])

    monkeypatch.setenv("FIRSTFLIGHT_TODAY", "2013-07-15")
    monkeypatch.setattr(operations, "monitor_week", week_of)
    monkeypatch.setattr(operations, "landed", lambda usecase: None)
    assert every_monday.fn("flights", "json://127.0.0.1:9")  # nothing to deliver
    assert asked == [("flights", date(2013, 7, 14))]


def test_a_page_is_handed_out_and_embedded(ws, monkeypatch):
    monkeypatch.delenv("FIRSTFLIGHT_HEADLESS", raising=False)
    (ws.reports).mkdir(parents=True, exist_ok=True)
    (ws.reports / "a.html").write_text("<h1>moved</h1>")
    with pages.serve("reports", ws.reports) as server:
        shown = pages.embed(server.at("a.html", "in a tab"))
        assert "moved" in httpx.get(server.address_of("a.html"), trust_env=False).text
        assert f'src="{server.url}/a.html"' in shown._repr_html_()
        monkeypatch.setenv("FIRSTFLIGHT_HEADLESS", "1")
        assert shown._repr_html_() is None and repr(shown) == "reports: ready"


def test_memory_is_that_of_the_module_alone():
    assert watching.memory_of("json") < 20
