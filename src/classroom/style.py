"""Measure how a lesson reads: what the learner does, how long nothing is done, how dense code is.

Time is estimated, not measured: 150 words of prose a minute, and four seconds a line of shown
code. A cell whose source is hidden counts as no line.
"""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from classroom.exercises import kind_of
from firstflight.workspace import PROJECT

_TAG = re.compile(r"</?[a-z][^>]*>")  # of a box: nobody reads it
_WORD = re.compile(r"\S*\w\S*")  # and no sign of a table or a heading
WORDS_A_MINUTE = 150
SECONDS_A_LINE = 4
# What a lesson must keep to.
ACTS_MIN = 5
PASSIVE_MAX = 6.0  # minutes
LINES_MEDIAN_MAX, LINES_90_MAX, LINES_MAX = 4, 10, 16


@dataclass(frozen=True)
class Style:
    """The figures of one lesson.

    Attributes
    ----------
    lesson : str
        Two digits.
    cells : int
        All cells.
    acts : int
        What the learner does: answers, looks, commands, guesses, decisions.
    passive : float
        Minutes of the longest stretch without an act.
    minutes : float
        Minutes of reading in all.
    lines_median, lines_90, lines_max : float
        Lines per shown code cell; nine in ten cells have at most `lines_90`.
    words : int
        In the Markdown cells.
    words_a_cell : float
        Their mean.
    """

    lesson: str
    cells: int
    acts: int
    passive: float
    minutes: float
    lines_median: float
    lines_90: int
    lines_max: int
    words: int
    words_a_cell: float

    def faults(self) -> list[str]:
        """Return what is beyond the limits, a sentence each."""
        found = []
        for name, value, limit in (
            ("minutes without an act", self.passive, PASSIVE_MAX),
            ("lines in the middle code cell", self.lines_median, LINES_MEDIAN_MAX),
            ("lines in nine of ten code cells", self.lines_90, LINES_90_MAX),
            ("lines in a code cell", self.lines_max, LINES_MAX),
        ):
            if value > limit:
                found.append(f"Lesson {self.lesson} has {value:g} {name}; at most {limit:g}.")
        if self.acts < ACTS_MIN:
            found.append(f"Lesson {self.lesson} has {self.acts} acts; at least {ACTS_MIN}.")
        return found


def measure(notebook: NotebookNode, lesson: str) -> Style:
    """Measure one notebook, as a learner opens it.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook.
    lesson : str
        Its two digits.

    Returns
    -------
    Style
        The figures.
    """
    stretches = [0.0]
    acts = 0
    lines: list[int] = []
    words: list[int] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            words.append(len(_WORD.findall(_TAG.sub(" ", cell.source))))
            stretches[-1] += words[-1] / WORDS_A_MINUTE
        elif cell.cell_type == "code":
            if kind_of(cell.id):
                acts += 1
                stretches.append(0.0)
            if not hidden(cell):
                n = len([line for line in cell.source.splitlines() if line.strip()])
                lines.append(n)
                stretches[-1] += n * SECONDS_A_LINE / 60
    ordered = sorted(lines) or [0]
    return Style(
        lesson=lesson,
        cells=len(notebook.cells),
        acts=acts,
        passive=round(max(stretches), 1),
        minutes=round(sum(stretches), 1),
        lines_median=statistics.median(ordered),
        lines_90=ordered[math.ceil(0.9 * len(ordered)) - 1],
        lines_max=ordered[-1],
        words=sum(words),
        words_a_cell=round(statistics.mean(words or [0]), 1),
    )


def hidden(cell: Any) -> bool:
    """Tell whether a cell's source is collapsed when the notebook is opened."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def all_lessons(folder: str = "notebooks", root: Path = PROJECT) -> list[Style]:
    """Measure all lessons of a folder, in order.

    Parameters
    ----------
    folder : str, default "notebooks"
        The folder.
    root : Path
        The project.

    Returns
    -------
    list of Style
        One a lesson.
    """
    paths = sorted((root / folder).glob("[0-9][0-9]_*.ipynb"))
    return [measure(nbformat.read(path, as_version=4), path.name[:2]) for path in paths]
