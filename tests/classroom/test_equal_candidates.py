import numpy as np
import pandas as pd
import pytest

from classroom import equal_candidates
from firstflight import process


@pytest.fixture
def rules():
    return process.load(process.DEFAULT).usecase("flights").gate


def rows_and_gap(seed):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "date": np.repeat(pd.date_range("2013-03-18", periods=14), 400),
            "origin": rng.choice(["EWR", "JFK", "LGA"], 14 * 400),
            "carrier": rng.choice(["AA", "B6", "DL", "EV", "UA"], 14 * 400),
        }
    )
    return rows, rng.normal(size=len(rows))


def test_a_family_fails_less_often_than_slices_that_are_judged_alone(rules):
    found = equal_candidates.failing(*rows_and_gap(0), rules, draws=500)
    assert found["slices"] == 8
    assert found["holm"] <= 1 - rules.confidence < found["alone"]


def test_small_slices_are_not_judged_and_the_seed_decides(rules):
    rows, gap = rows_and_gap(1)
    many = rules.model_copy(update={"slice_min_rows": 1500})
    assert equal_candidates.failing(rows, gap, many, draws=50)["slices"] == 3
    first = equal_candidates.failing(rows, gap, rules, draws=50, seed=3)
    assert first == equal_candidates.failing(rows, gap, rules, draws=50, seed=3)
