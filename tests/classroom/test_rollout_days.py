"""The days of a rollout: a split like the service's, looks of a stage, weeks until a decision."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from classroom import rollout_days
from classroom.traffic import Sent
from firstflight import clock, operations, process, rollout
from firstflight.answering import share_of

KEY = ("date", "carrier", "flight")
WHO = {"live": "1", "candidate": "2"}


@pytest.fixture
def rules():
    return process.load(process.DEFAULT).usecase("flights").rollout


@pytest.fixture
def shadow():
    rng = np.random.default_rng(0)
    n = 14 * 300
    asked = pd.DataFrame(
        {
            "date": pd.Timestamp("2013-07-15") + pd.to_timedelta(np.arange(n) // 300, unit="D"),
            "carrier": "UA",
            "flight": np.arange(n) % 300,
            "label": (rng.random(n) < 0.3).astype(float),
        }
    )
    return pd.concat(
        [asked.assign(version="1", prediction=0.1), asked.assign(version="2", prediction=0.3)],
        ignore_index=True,
    )


def test_a_canary_takes_the_flights_that_the_service_would(shadow):
    answered = rollout_days.as_canary(shadow, KEY, 0.25, **WHO)

    assert len(answered) == len(shadow) / 2
    for row in answered.itertuples():
        number = share_of((f"{row.date:%Y-%m-%d}", row.carrier, row.flight))
        assert row.version == ("2" if number < 0.25 else "1")


def test_a_larger_share_has_its_labels_sooner(shadow, rules):
    table = rollout_days.what_a_share_buys(shadow, KEY, (0.1, 0.5), rules, "log_loss", **WHO)

    assert table["flights per day"].tolist() == pytest.approx([30, 150], abs=5)
    assert table.loc[0.1, "days to enough labels"] > table.loc[0.5, "days to enough labels"]
    assert (table["standard error"] > 0).all()


def test_each_day_is_seen_as_the_rule_saw_it(shadow, rules):
    looks = rollout_days.daily_looks(shadow, "shadow", rules, "log_loss", key=KEY, **WHO)

    assert looks["days"].tolist() == list(range(2, 15))
    last = rollout.decide(shadow, "shadow", rules, "log_loss", key=KEY, **WHO)
    assert looks.iloc[-1]["decision"] == last.decision
    assert looks.iloc[-1]["high"] == last.interval.high
    assert (looks.loc[looks["days"] < 7, "decision"] == "continue").all()


def test_weeks_pass_until_the_rule_decides(monkeypatch, rules):
    days, said = [dt.date(2013, 7, 29)], iter(("continue", "continue", "promote"))

    def fly(url, usecase, first, last):
        assert first == days[-1]
        days.append(last + dt.timedelta(days=1))
        return Sent(n=7, failed=0, by_release={}, without_state=0)

    class Seen:
        mode, interval, n_days = "canary", None, 7

    def decide(usecase, drops):
        Seen.decision = next(said)
        return Seen

    class Flights:
        name = "flights"

    monkeypatch.setattr(rollout_days, "fly", fly)
    monkeypatch.setattr(clock, "today", lambda: days[-1])
    monkeypatch.setattr(operations, "decide", decide)
    monkeypatch.setattr(operations, "landed", lambda usecase: None)

    weeks = rollout_days.until_decided("http://127.0.0.1:1", Flights)

    assert weeks["decision"].tolist() == ["continue", "continue", "promote"]
    assert weeks["day"].tolist() == ["2013-08-05", "2013-08-12", "2013-08-19"]
