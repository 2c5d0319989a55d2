"""The map and the checklist come from one definition."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.patches import FancyBboxPatch

from classroom import map as course_map
from classroom.errors import CourseError
from classroom.map import PARTS, alt_text, checklist_text, draw
from classroom.pictures import png

LESSONS = [f"{n:02}" for n in range(13)]


def test_each_lesson_builds_one_part():
    assert sorted(part.lesson for part in PARTS) == LESSONS
    assert len({part.name for part in PARTS}) == len(PARTS)


def faces(figure):
    """Return the colours of the boxes, in the order of PARTS."""
    boxes = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    return [box.get_facecolor() for box in boxes]


@pytest.mark.parametrize("lesson", LESSONS)
def test_one_part_is_bright_and_the_built_ones_are_solid(lesson):
    from matplotlib.colors import to_rgba

    looks = dict(zip((part.lesson for part in PARTS), faces(draw(lesson)), strict=True))
    for number, face in looks.items():
        style = "HERE" if number == lesson else "DONE" if number < lesson else "LATER"
        assert face == to_rgba(getattr(course_map, style)["face"]), (number, style)


def test_no_box_covers_another_and_all_text_stays_in_its_box():
    figure = draw("05")
    boxes = [part.box for part in PARTS]
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    patches = [p for p in figure.axes[0].patches if isinstance(p, FancyBboxPatch)]
    rooms = [patch.get_window_extent(renderer) for patch in patches]
    for text in figure.axes[0].texts:
        words = text.get_window_extent(renderer)
        assert any(
            room.x0 <= words.x0
            and words.x1 <= room.x1
            and room.y0 <= words.y0 < words.y1 <= room.y1
            for room in rooms
        ), text.get_text()


def test_the_picture_is_the_same_on_every_run():
    assert png(draw("07")) == png(draw("07"))
    assert png(draw("07")) != png(draw("08"))


def test_the_words_of_the_map():
    assert alt_text("00").startswith("Map of the system. This lesson: process. Built: nothing yet.")
    assert "This lesson: rollback." in alt_text("09") and "ci" in alt_text("09").split("Not")[1]
    assert alt_text("12").endswith("Not built yet: nothing.")


def test_the_checklist_shows_what_a_lesson_added_and_what_comes_next():
    for lesson, after in itertools.pairwise(LESSONS):
        there, missing, count = checklist_text(lesson).splitlines()[2:]
        assert there.startswith("| ✓") and f"({lesson})" in there
        assert missing.startswith("| ○") and f"({after})" in missing and "*Missing.*" in missing
        assert f"{int(lesson) + 1} of {len(LESSONS)}" in count
    assert "Missing" not in checklist_text("12")


def test_unknown_lesson():
    for call in (draw, alt_text, checklist_text):
        with pytest.raises(CourseError, match="no lesson 13"):
            call("13")
