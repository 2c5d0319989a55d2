"""How a lesson reads, counted."""

from __future__ import annotations

import dataclasses

import nbformat
import pytest

from classroom import style

NEW = nbformat.v4


def code(lines, id=None, hidden=False):
    metadata = {"jupyter": {"source_hidden": True}} if hidden else {}
    source = "\n\n".join("x = 1" for _ in range(lines))  # blank lines count for nothing
    extra = {"id": id} if id else {}
    return NEW.new_code_cell(source, metadata=metadata, **extra)


def prose(words):
    return NEW.new_markdown_cell("word " * words)


def measured(*cells):
    return style.measure(NEW.new_notebook(cells=list(cells)), "05")


def test_acts_divide_the_time():
    row = measured(prose(300), code(15), code(2, "05-ex1"), prose(150), code(3, "05-guess1"))
    assert row.acts == 2 and row.cells == 5
    assert row.passive == 3.0  # 300 words and 15 lines: 2 + 1 minutes
    assert row.minutes == round(2 + 1 + 2 * 4 / 60 + 1 + 3 * 4 / 60, 1)
    assert (row.words, row.words_a_cell) == (450, 225.0)


def test_lines_are_of_what_is_shown():
    row = measured(code(1), code(3), code(5), code(90, hidden=True))
    assert (row.lines_median, row.lines_90, row.lines_max) == (3, 5, 5)
    assert measured(*(code(2) for _ in range(9)), code(50)).lines_90 == 2
    assert measured(code(90, hidden=True)).lines_max == 0


def test_an_id_that_is_no_act_is_none():
    assert measured(code(1, "05-ex"), code(1, "abcdef12"), code(1, "05-look1")).acts == 2


def test_an_empty_lesson():
    row = measured()
    assert (row.cells, row.minutes, row.words_a_cell, row.lines_max) == (0, 0, 0, 0)


GOOD = style.Style("05", 30, 5, 6.0, 30.0, 4.0, 10, 16, 900, 30.0)


def test_at_the_limits_nothing_is_a_fault():
    assert GOOD.faults() == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("acts", 4, "4 acts; at least 5"),
        ("passive", 6.1, "6.1 minutes without an act; at most 6"),
        ("lines_median", 4.5, "4.5 lines in the middle code cell; at most 4"),
        ("lines_90", 11, "11 lines in nine of ten code cells; at most 10"),
        ("lines_max", 17, "17 lines in a code cell; at most 16"),
    ],
)
def test_beyond_a_limit_is_one_fault(field, value, said):
    (fault,) = dataclasses.replace(GOOD, **{field: value}).faults()
    assert fault == f"Lesson 05 has {said}."


def test_all_lessons_of_a_folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("01_b", "00_a", "glossary"):
        notebook = NEW.new_notebook(cells=[code(2)])
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    assert [row.lesson for row in style.all_lessons(root=tmp_path)] == ["00", "01"]
