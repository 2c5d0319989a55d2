"""What the benchmarks count: an answer by a release that was not live is seen."""

from __future__ import annotations

from benchmarks.__main__ import write
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


def test_a_part_that_is_measured_again_takes_its_own_place(tmp_path):
    page = tmp_path / "benchmarks.md"
    for part in ("## Serving\n\nfast\n", "## Growth\n\nlinear\n", "## Serving\n\nfaster\n"):
        write(page, part)
    text = page.read_text()
    assert text.startswith("# Benchmarks\n") and text.count("# Benchmarks") == 1
    assert text.index("## Serving\n\nfaster\n") < text.index("## Growth\n\nlinear\n")
    assert "fast\n" not in text
