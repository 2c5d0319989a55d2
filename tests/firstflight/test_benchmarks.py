"""What the benchmarks count: an answer by a release that was not live is seen."""

from __future__ import annotations

from benchmarks.switches import GRACE, not_live

LIVED = [(0.0, 10.0, "1"), (10.0, 20.0, "2"), (20.0, float("inf"), "1")]


def test_an_answer_by_what_was_live_long_ago_is_counted():
    late = 10.0 + GRACE + 0.1
    assert not_live([(late, late + 0.01, "2")], LIVED) == (0, 1)
    assert not_live([(late, late + 0.01, "1")], LIVED) == (1, 1)
    assert not_live([(late, late + 0.01, None)], LIVED) == (0, 0), "no answer is counted elsewhere"


def test_within_a_poll_of_a_switch_either_may_answer():
    for release in ("1", "2"):
        assert not_live([(10.1, 10.2, release)], LIVED) == (0, 0)
    assert not_live([(9.0, 9.1, "2")], LIVED) == (1, 1), "before the switch nobody may"
