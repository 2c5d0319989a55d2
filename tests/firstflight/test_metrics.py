"""Losses by hand, and intervals that know that rows of one day are not independent."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from firstflight.metrics import (
    CLIP,
    MetricError,
    auc,
    calibration,
    difference,
    difference_arms,
    interval,
    row_loss,
)

START = np.datetime64("2013-04-01")


def shocked(n_days, rows_a_day, shock, seed, mean=0.0):
    """Return losses and dates: a shock shared by the day, and noise of its own for each row."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(n_days), rng.integers(rows_a_day // 2, 2 * rows_a_day, n_days))
    return mean + shock * rng.normal(size=n_days)[day] + rng.normal(size=day.size), START + day


def row_interval(loss):
    """The interval that takes each row for an independent one."""
    half = 1.96 * np.std(loss) / np.sqrt(len(loss))
    return np.mean(loss) - half, np.mean(loss) + half


def test_row_loss_by_hand():
    said = row_loss("log_loss", [1, 0, 1, 0], [0.5, 0.25, 0.0, 1.0])
    by_hand = [np.log(2), -np.log(0.75), -np.log(CLIP), -np.log(CLIP)]
    np.testing.assert_allclose(said, by_hand, rtol=1e-9)
    np.testing.assert_allclose(row_loss("mae", [10, -2], [7, 1.5]), [3, 3.5])


def test_row_loss_has_the_mean_that_scikit_learn_computes():
    rng = np.random.default_rng(0)
    said = rng.uniform(0.01, 0.99, 500)
    late = rng.uniform(size=500) < said
    assert row_loss("log_loss", late, said).mean() == pytest.approx(log_loss(late, said))


@pytest.mark.parametrize(
    ("metric", "label", "prediction", "said"),
    [
        ("auc", [1], [0.5], '"auc" is unknown'),
        ("log_loss", [], [], "no rows"),
        ("mae", [1, 2], [1], "one length"),
        ("mae", [[1]], [[1]], "one length"),
        ("log_loss", [1, np.nan], [0.5, 0.5], "1 of 2 values of label"),
        ("log_loss", [1, 0], [0.5, np.nan], "1 of 2 values of prediction"),
        ("mae", [1, 0], [0.5, np.inf], "prediction are missing or infinite"),
        ("log_loss", [2, 0], [0.5, 0.5], "must be 0 or 1"),
        ("log_loss", [1, 0], [0.5, 1.5], "reach from 0.5 to 1.5"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(metric, label, prediction, said):
    with pytest.raises(MetricError, match=said) as error:
        row_loss(metric, label, prediction)
    assert "\n" not in str(error.value)


def test_the_mean_weighs_rows_and_not_days():
    loss, dates = [0.0, 0.0, 0.0, 4.0], START + np.array([0, 0, 0, 1])
    found = interval(loss, dates)
    assert (found.mean, found.n_rows, found.n_days) == (1.0, 4, 2)


def test_the_standard_error_is_that_of_blocks_of_days_drawn_by_hand():
    loss, dates = shocked(6, 12, 2.0, seed=8)
    loss = loss + np.where(dates == START, 3.0, 0.0)
    days = [loss[dates == day] for day in np.unique(dates)]
    assert len({len(day) for day in days}) > 1, "days of one size would not tell the two apart"
    rng = np.random.default_rng(7)
    starts = rng.integers(0, 6, size=(20_000, 2))
    means = [
        np.concatenate([days[(start + step) % 6] for start in draw for step in range(3)]).mean()
        for draw in starts
    ]
    by_hand = np.sqrt(np.mean((np.array(means) - loss.mean()) ** 2))
    found = interval(loss, dates, n=5000, seed=7, block_days=3)
    assert found.standard_error == pytest.approx(by_hand, rel=0.03)
    assert found.high - found.mean == pytest.approx(found.critical * found.standard_error)
    assert (found.block_days, found.autocorrelation) == (3, 0.35)


def test_an_interval_is_the_same_for_the_same_seed_and_any_order_of_rows():
    loss, dates = shocked(14, 50, 1.0, seed=3)
    order = np.random.default_rng(1).permutation(len(loss))
    first = interval(loss, dates, seed=5)
    again = interval(loss[order], dates[order], seed=5)
    assert again.low == pytest.approx(first.low) and again.high == pytest.approx(first.high)
    other = interval(loss, dates, seed=6)
    assert (other.low, other.high) != (first.low, first.high)
    assert other.mean == first.mean


def test_the_time_of_the_day_does_not_make_a_day():
    loss, dates = shocked(7, 20, 1.0, seed=3)
    hours = pd.to_datetime(dates) + pd.to_timedelta(np.arange(len(dates)) % 24, unit="h")
    assert interval(loss, hours) == interval(loss, dates)
    assert interval(loss, pd.Series(dates)) == interval(pd.Series(loss), dates)


@pytest.mark.parametrize("shock", [0.0, 1.0])
def test_the_interval_covers_the_truth_with_and_without_shocks(shock):
    covered = {"days": 0, "rows": 0}
    for seed in range(200):
        loss, dates = shocked(14, 30, shock, seed, mean=0.3)
        found = interval(loss, dates, n=200, seed=seed, block_days=1, autocorrelation=0.0)
        low, high = row_interval(loss)
        covered["days"] += found.low <= 0.3 <= found.high
        covered["rows"] += low <= 0.3 <= high
    assert 0.91 * 200 <= covered["days"] <= 0.99 * 200
    if shock:
        assert covered["rows"] < 0.5 * 200, "rows of a shared day promise far too much"
    else:
        assert covered["rows"] >= 0.9 * 200


def test_shared_shocks_widen_the_interval_and_their_absence_does_not():
    for seed in range(5):
        loss, dates = shocked(28, 60, 1.0, seed)
        low, high = row_interval(loss)
        found = interval(loss, dates)
        assert found.high - found.low > 2 * (high - low)
        loss, dates = shocked(28, 60, 0.0, seed)
        low, high = row_interval(loss)
        found = interval(loss, dates)
        assert found.high - found.low < 2.5 * (high - low)


def test_more_confidence_is_a_wider_interval():
    loss, dates = shocked(14, 30, 1.0, seed=0)
    narrow, wide = interval(loss, dates, confidence=0.5), interval(loss, dates, confidence=0.95)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_pairs_cancel_what_both_share():
    shared, dates = shocked(14, 50, 2.0, seed=1)
    better = shared - 0.1 + 0.01 * np.random.default_rng(2).normal(size=len(shared))
    paired = difference(better, shared, dates)
    assert paired.high < 0 and paired.mean == pytest.approx(-0.1, abs=0.005)
    assert interval(better, dates).high - interval(better, dates).low > 20 * (
        paired.high - paired.low
    )
    tie = difference(shared + np.random.default_rng(3).normal(size=len(shared)), shared, dates)
    assert tie.low < 0 < tie.high
    assert difference(shared, better, dates).low > 0, "the sign says who is better"


def test_arms_are_compared_within_their_days():
    loss, dates = shocked(14, 200, 1.0, seed=1)
    mine = np.random.default_rng(0).uniform(size=len(loss)) < 0.2
    worse = difference_arms(loss[mine] + 0.5, dates[mine], loss[~mine], dates[~mine])
    assert worse.low > 0 and worse.mean == pytest.approx(0.5, abs=0.15)
    tie = difference_arms(loss[mine], dates[mine], loss[~mine], dates[~mine])
    assert tie.low < 0 < tie.high
    assert (tie.n_rows, tie.n_days) == (len(loss), 14)


def test_a_share_that_is_raised_on_a_calm_day_does_not_flatter():
    loss, dates = shocked(14, 200, 0.0, seed=4)
    calm = dates >= START + 7
    loss = loss + np.where(calm, 0.0, 5.0)
    mine = np.random.default_rng(0).uniform(size=len(loss)) < np.where(calm, 0.8, 0.1)
    pooled = loss[mine].mean() - loss[~mine].mean()
    found = difference_arms(loss[mine], dates[mine], loss[~mine], dates[~mine])
    assert pooled < -2, "the control: comparing the pooled arms is wrong by the calm days"
    assert found.low < 0 < found.high and abs(found.mean) < 0.1


def test_days_of_one_arm_only_are_left_out():
    loss, dates = shocked(5, 40, 1.0, seed=0)
    half = np.arange(len(loss)) % 2 == 0
    without = difference_arms(loss[half], dates[half], loss[~half], dates[~half])
    more = np.append(loss[half], 100.0), np.append(dates[half], START + 40)
    assert difference_arms(*more, loss[~half], dates[~half]) == without


@pytest.mark.parametrize(
    ("loss", "dates", "said"),
    [
        ([1.0, 2.0], START + np.array([0, 0]), "at least 2 days, and there are 1"),
        ([], np.array([], "datetime64[D]"), "there are 0"),
        ([1.0, np.nan], START + np.array([0, 1]), "1 of 2 rows have a missing loss or date"),
        ([1.0, 2.0], np.array([START, np.datetime64("NaT")]), "1 of 2 rows have a missing"),
        ([1.0], START + np.array([0, 1]), "1 losses and 2 dates"),
    ],
)
def test_what_has_no_interval_is_a_sentence(loss, dates, said):
    with pytest.raises(MetricError, match=said):
        interval(loss, dates)


def test_differences_of_what_does_not_fit_are_sentences():
    with pytest.raises(MetricError, match="2 and 1 losses"):
        difference([1.0, 2.0], [1.0], START + np.array([0, 1]))
    one, other = START + np.array([0, 1]), START + np.array([1, 2])
    with pytest.raises(
        MetricError, match="at least 2 days with rows in both arms, and there are 1"
    ):
        difference_arms([1.0, 2.0], one, [1.0, 2.0], other)


def test_calibration():
    late, said = np.array([1, 0, 0, 0] * 50), np.full(200, 0.25)
    assert calibration(late, said) == 0
    assert calibration(late, said + 0.1) == pytest.approx(0.1)
    assert calibration([10, 20], [12, 20]) == pytest.approx(1.0), "minutes, for a regression"


def test_auc():
    assert auc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == 1
    assert auc([0, 1, 0, 1], [0.5] * 4) == 0.5
    with pytest.raises(MetricError, match="both classes"):
        auc([1, 1], [0.1, 0.2])


def test_auc_and_calibration_see_different_faults():
    rng = np.random.default_rng(0)
    said = rng.uniform(0.1, 0.5, 2000)
    late = rng.uniform(size=2000) < said
    low = said / 4
    assert auc(late, low) == pytest.approx(auc(late, said)), "the ranking is the same"
    assert calibration(late, low) < -0.15
    assert row_loss("log_loss", late, low).mean() > row_loss("log_loss", late, said).mean() + 0.1


def test_a_shown_difference_has_a_small_p_and_its_mirror_a_large_one():
    loss, dates = shocked(14, 60, 0.2, seed=0, mean=0.5)
    worse, better = interval(loss, dates), interval(-loss, dates)
    assert worse.low > 0 and worse.p_above() < 0.025
    assert better.p_above() == pytest.approx(1 - worse.p_above())
    assert worse.p_above(worse.mean) == pytest.approx(0.5, abs=0.01)
    edge = worse.p_above(worse.low)
    assert edge == pytest.approx(0.025, abs=0.001), "the end of the interval is its 2.5% point"
    equal = interval(np.zeros(28), np.repeat(START + np.arange(14), 2))
    assert (equal.low, equal.high, equal.p_above()) == (0.0, 0.0, 1.0), "no doubt and no difference"
