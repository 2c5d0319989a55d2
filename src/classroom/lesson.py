"""The first and the last cell of every lesson."""

from __future__ import annotations

import logging
import os
import random
import re
import warnings
from typing import Any

from classroom import setup_tools, workspaces
from classroom.errors import CourseError
from firstflight.errors import FirstFlightError
from firstflight.workspace import (
    SURROUNDINGS,
    Workspace,
    configure,
    current,
    no_foreign_settings,
)

_lesson: str | None = None


def begin(number: str) -> Workspace:
    """Open a lesson: the workspace, the state it needs, the seeds and the display settings.

    Call it in the first code cell, before the tools are imported: BentoML, MLflow and Prefect
    read their environment variables once.

    Parameters
    ----------
    number : str
        The lesson's two digits, such as "05".

    Returns
    -------
    Workspace
        The folder that holds all state of the course.

    Raises
    ------
    CourseError
        If the state of an earlier lesson is missing.
    """
    global _lesson
    if not re.fullmatch(r"\d\d", number):
        raise CourseError(f'A lesson has two digits, such as "05", and {number!r} has not.')
    _one_sentence_errors()
    ws = current()
    no_foreign_settings()
    workspaces.prepare(ws)
    missing = sorted({f"{n:02}" for n in range(int(number))} - set(workspaces.done(ws)))
    if missing:
        raise CourseError(
            f"Lesson {number} needs the state of lesson {missing[0]}, which is not in this "
            f"workspace: run `course start {number}` in a terminal, then this cell again."
        )
    workspaces.note(ws, "begun.json", sorted({*workspaces.begun(ws), number}))
    configure(ws)
    for name in SURROUNDINGS:  # of the terminal that Jupyter was started in
        os.environ.pop(name, None)
    os.environ.setdefault("MPLCONFIGDIR", str(ws.root / "matplotlib"))  # its list of fonts
    setup_tools.seed(ws)
    _same_every_time()
    _lesson = number
    return ws


def end(number: str) -> None:
    """Close a lesson: record that its state is in the workspace."""
    if number != _lesson:
        raise CourseError(
            f"This notebook began lesson {_lesson}, so it cannot end lesson {number}: "
            f'run its first cell, or call end("{_lesson}").'
        )
    ws = current()
    workspaces.note(ws, "done.json", sorted({*workspaces.done(ws), number}))
    print(f"Lesson {number} is done; its state is in the workspace.")


def leaves(what: str) -> None:
    """Note in a few words what the lesson leaves in the workspace, for the runner's table."""
    if _lesson is None:
        raise CourseError("No lesson is open: run the notebook's first cell before leaves().")
    ws = current()
    left = workspaces.noted(ws, "left_behind.json", {})
    workspaces.note(ws, "left_behind.json", {**left, _lesson: what})


def current_lesson() -> str | None:
    """Return the number of the open lesson, or None."""
    return _lesson


def _same_every_time() -> None:
    """Seed the generators and fix how tables, figures and logs appear."""
    import matplotlib as mpl
    import numpy as np
    import pandas as pd

    random.seed(0)
    np.random.seed(0)
    pd.set_option("display.width", 100)
    pd.set_option("display.max_columns", 20)
    pd.set_option("display.max_colwidth", 80)
    mpl.rcParams.update(
        {
            "figure.figsize": (8, 3.6),
            "figure.dpi": 100,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.grid": True,
            "grid.alpha": 0.3,
            "font.size": 10,
            "svg.hashsalt": "first flight",
        }
    )
    # pytest, which lesson 10 runs, words its summary otherwise where one of these is set.
    for name in ("CI", "BUILD_NUMBER"):
        os.environ.pop(name, None)
    # Progress and start-up messages carry times; a lesson shows what it wants to show.
    for name in ("mlflow", "alembic", "evidently", "bentoml", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for category in (FutureWarning, DeprecationWarning, PendingDeprecationWarning):
        # Warnings of the libraries about each other, which a learner cannot act on.
        warnings.filterwarnings("ignore", category=category, module=r"(?!__main__).*")
    # tqdm would like widgets for its bars; the course shows none in notebooks.
    warnings.filterwarnings("ignore", message="IProgress not found")


def _one_sentence_errors() -> None:
    """Let the notebook show errors that are one sentence as that sentence, without the trace."""
    from IPython import get_ipython

    ip = get_ipython()
    if ip is None:
        return

    def sentence(shell: Any, kind: type, error: BaseException, trace: Any, **_: Any) -> None:
        shell._showtraceback(kind, error, [f"{kind.__name__}: {error}"])

    ip.set_custom_exc((FirstFlightError,), sentence)
