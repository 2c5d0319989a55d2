"""Critical values, the boundary of daily looks and Holm, against theory and by simulation."""

import numpy as np
import pytest
from scipy.stats import t

from firstflight.intervals import (
    AUTOCORRELATION,
    BLOCK_DAYS,
    autoregression,
    block_length,
    boundary,
    circular_variance,
    critical_value,
    holm,
    p_above,
    standard_error,
    studentised,
)


def test_the_closed_form_is_the_variance_that_the_library_draws():
    for n_days, block in ((14, 1), (14, 3), (13, 4), (7, 3)):
        series = autoregression(1, n_days, 0.5, np.random.default_rng(n_days))
        exact = np.sqrt(circular_variance(series, block)[0])
        drawn = standard_error(series[0], np.ones(n_days), block_days=block, n=20_000)
        assert drawn == pytest.approx(exact, rel=0.03)


def test_a_block_is_at_most_half_of_the_days():
    assert [block_length(n, 3) for n in (2, 3, 5, 6, 28)] == [1, 1, 2, 3, 3]


def test_independent_days_give_the_critical_value_of_student():
    for n_days in (7, 14, 28):
        # The bootstrap divides by n where Student divides by n - 1.
        wanted = t.ppf(0.975, n_days - 1) * np.sqrt(n_days / (n_days - 1))
        found = critical_value(n_days, block_days=1, autocorrelation=0.0)
        assert found == pytest.approx(wanted, rel=0.03)


def test_fewer_or_more_dependent_days_need_a_larger_critical_value():
    assert critical_value(7) > critical_value(14) > critical_value(28) > 1.96
    assert critical_value(14, autocorrelation=0.5) > critical_value(14, autocorrelation=0.0)
    assert critical_value(14, 0.99) > critical_value(14, 0.9)
    assert critical_value(1000) == critical_value(120), "beyond that it hardly moves"


@pytest.mark.parametrize("n_days", [7, 10, 14, 28])
@pytest.mark.parametrize(
    ("autocorrelation", "low", "high"),
    [(0.1, 0.93, 0.99), (AUTOCORRELATION, 0.94, 0.96), (0.4, 0.92, 0.95)],
)
def test_coverage(n_days, autocorrelation, low, high):
    series = autoregression(8000, n_days, autocorrelation, np.random.default_rng(1))
    covered = np.mean(np.abs(studentised(series, BLOCK_DAYS)) <= critical_value(n_days))
    assert low <= covered <= high
    plain = np.mean(np.abs(studentised(series, 1)) <= 1.96)
    if autocorrelation > 0.1:
        assert plain < 0.9, "the control: days taken for independent promise too much"


@pytest.mark.parametrize("autocorrelation", [0.0, 0.4])
@pytest.mark.parametrize("every", [1, 7])
def test_all_looks_together_err_at_most_as_decided(autocorrelation, every):
    limits = boundary(7, 28, 0.05, block_days=2, autocorrelation=0.4)
    series = autoregression(8000, 28, autocorrelation, np.random.default_rng(2))
    crossed = np.zeros(8000, dtype=bool)
    one_look = np.zeros(8000, dtype=bool)
    for day in range(7, 29, every):
        found = studentised(series[:, :day], 2)
        crossed |= found > limits[day - 7]
        one_look |= found > critical_value(day, 0.9, block_days=2, autocorrelation=0.4)
    assert crossed.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 8000)
    if autocorrelation and every == 1:
        assert crossed.mean() > 0.04, "the error that was allowed is used"
        assert one_look.mean() > 0.1, "the control: the interval of one look, looked at daily"


def test_p_values_are_uniform_where_nothing_is_true():
    series = autoregression(4000, 14, AUTOCORRELATION, np.random.default_rng(3))
    p = np.array([p_above(value, 14) for value in studentised(series, BLOCK_DAYS)])
    for level in (0.01, 0.05, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=3.5 * np.sqrt(level / 4000))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05).tolist() == [True, False, False, True]
    assert holm([0.02, 0.02], 0.05).tolist() == [True, True]
    assert holm([0.03, 0.03], 0.05).tolist() == [False, False]
    assert holm([], 0.05).tolist() == []


def test_the_same_days_and_seed_give_the_same_error():
    gap, rows = np.random.default_rng(0).normal(size=(2, 14)), None
    gap, rows = gap[0], np.full(14, 900.0)
    first = standard_error(gap, rows, block_days=3, seed=5)
    assert first == standard_error(gap, rows, block_days=3, seed=5)
    assert first != standard_error(gap, rows, block_days=3, seed=6)
    assert standard_error(rows, rows, block_days=3) == 0.0, "equal days leave no doubt"
