"""The measurement itself: its equal models are equal, and it finds what is planted."""

import numpy as np
import pandas as pd
import pytest

from firstflight import error_rates, process
from firstflight.errors import GateError

RULES = process.load(process.DEFAULT).usecase("flights")


@pytest.fixture(scope="module")
def rows():
    """Return 60 days of two releases: the candidate knows more, live's gap moves with the day."""
    rng = np.random.default_rng(0)
    n_days, a_day = 60, 450
    day = np.repeat(np.arange(n_days), a_day)
    known, hidden = rng.normal(size=day.size), rng.normal(size=day.size)
    shock = rng.normal(0, 0.3, n_days)[day]
    chance = 1 / (1 + np.exp(-(-1.2 + 0.7 * known + 0.5 * hidden + shock)))
    return pd.DataFrame(
        {
            "date": pd.Timestamp("2013-07-01") + pd.to_timedelta(day, unit="D"),
            "label": (rng.uniform(size=day.size) < chance).astype(float),
            "one": 1 / (1 + np.exp(-(-1.2 + 0.7 * known + 0.5 * hidden))),
            "two": 1 / (1 + np.exp(-(-1.1 + 0.7 * known))),
            "naive": 0.25,
            "origin": rng.choice(["EWR", "JFK"], day.size),
            "carrier": rng.choice(["AA", "UA"], day.size),
        }
    )


def test_a_gap_by_day_and_its_split(rows):
    pairs = error_rates.daily_gap(rows, "log_loss", "one", "two")
    rng = np.random.default_rng(1)
    split = error_rates.daily_gap(rows, "log_loss", "one", "two", share=0.2, rng=rng)
    itself = error_rates.daily_gap(rows, "log_loss", "one", "one", share=0.5, rng=rng)
    means = [days["total"].sum() / days["weight"].sum() for days in (pairs, split, itself)]
    assert means[0] < -0.01 and means[1] == pytest.approx(means[0], abs=0.03)
    assert abs(means[2]) < 0.02 and len(pairs) == len(split) == 60
    noise = [error_rates.dependence(days)["sd"] for days in (pairs, split)]
    assert noise[1] > 1.5 * noise[0], "two arms are noisier than pairs"
    with pytest.raises(ValueError, match="generator"):
        error_rates.daily_gap(rows, "log_loss", "one", "two", share=0.2)


def test_swapped_models_are_equal_and_keep_their_rows(rows):
    rng = np.random.default_rng(2)
    gaps = []
    for _ in range(30):
        mixed = error_rates.swapped(rows, "one", "two", 2.0, rng)
        days = error_rates.daily_gap(mixed, "log_loss", "candidate", "live")
        gaps.append(days["total"].sum() / days["weight"].sum())
    straight = error_rates.daily_gap(rows, "log_loss", "one", "two")
    truth = straight["total"].sum() / straight["weight"].sum()
    assert abs(np.mean(gaps)) < abs(truth) / 3
    both = np.sort(mixed[["candidate", "live"]].to_numpy(), axis=1)
    np.testing.assert_array_equal(both, np.sort(rows[["one", "two"]].to_numpy(), axis=1))


def test_series_like_the_real_keep_size_and_dependence():
    rng = np.random.default_rng(3)
    rest = pd.Series(error_rates.intervals.autoregression(1, 400, 0.5, rng)[0] * 0.2)
    made = error_rates.like_the_real(rest, 2000, 28, rng)
    assert made.std() == pytest.approx(rest.std(), rel=0.1)
    lag = np.mean(made[:, 1:] * made[:, :-1]) / made.var()
    assert lag == pytest.approx(rest.autocorr(1), abs=0.05)


def test_rollouts_promote_the_better_and_abort_the_worse():
    series = error_rates.intervals.autoregression(300, 28, 0.3, np.random.default_rng(4))
    better, _ = error_rates.decision_days(series - 3, RULES.rollout, "shadow")
    none, worse = error_rates.decision_days(series + 3, RULES.rollout, "shadow")
    assert (better > 0).all() and (worse > 0).all() and not none.any()
    weekly, _ = error_rates.decision_days(series - 3, RULES.rollout, "shadow", every=7)
    assert set(np.unique(weekly)) <= {7, 14, 21, 28} and weekly.mean() >= better.mean()


def test_a_gate_that_cannot_be_measured_is_a_sentence(rows):
    how = {"windows": 2, "spell_days": 2.0, "rng": np.random.default_rng(5)}
    days = RULES.gate.window_days
    short = rows[rows["date"] < rows["date"].min() + pd.Timedelta(days=days)]
    with pytest.raises(GateError, match=f"windows of {days} days, and the rows are of {days} days"):
        error_rates.gate_rates(short, "log_loss", RULES.gate, "one", "two", **how)
    with pytest.raises(GateError, match=r"None of 2 windows has the \d+ rows"):
        error_rates.gate_rates(rows[::100], "log_loss", RULES.gate, "one", "two", **how)
    found = error_rates.gate_rates(rows, "log_loss", RULES.gate, "one", "two", **how)
    assert found.loc["now", "windows"] == 2  # the control


def test_one_call_measures_everything(rows):
    found = error_rates.measure(
        rows,
        "log_loss",
        RULES,
        pairs={"one - two": ("one", "two")},
        twins=["one - two"],
        paths=400,
        windows=4,
        splits=1,
    )
    assert list(found) == ["dependence", "coverage", "coverage, 95%", "rollout", "power", "gate"]
    assert found["coverage"].loc["AR(1), 0"].between(0.93, 1).all()
    rollout = found["rollout"]
    assert rollout[["false promote", "false abort"]].to_numpy().max() < 0.1
    assert set(rollout["looks"]) == {"daily", "weekly"}
    power = found["power"].query("stage == 'shadow'").set_index("better by")["promoted"]
    assert power[0.0] < 0.15 and power[0.1] > 0.9
    assert found["gate"].loc["now", ["better", "neither", "worse"]].sum() == pytest.approx(1)
