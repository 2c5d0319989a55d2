"""The first and the last cell of every lesson, and its day."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import random
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from classroom import (
    answers,
    checkpoints,
    guesses,
    journal,
    progress,
    servers,
    setup_tools,
    team,
    workspaces,
)
from classroom import exercises as asked
from classroom.checks import present
from classroom.errors import CourseError
from classroom.workspaces import headless
from firstflight import clock, files
from firstflight.errors import FirstFlightError
from firstflight.workspace import (
    SURROUNDINGS,
    Workspace,
    configure,
    current,
    no_foreign_settings,
)

_lesson: str | None = None
_hold: FileLock | None = None


def begin(number: str) -> Workspace:
    """Open a lesson: the workspace as this lesson finds it, the seeds and the display settings.

    Call it in the first code cell, before the tools are imported: BentoML, MLflow and Prefect
    read their environment variables once. Whatever an earlier attempt at this lesson, or a later
    lesson, has left is put back to the end of the lesson before; answers, guesses and decisions
    are kept.

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
        If the state of an earlier lesson is missing, or another notebook holds the workspace.
        Nothing is changed then.
    """
    global _lesson
    if not re.fullmatch(r"\d\d", number):
        raise CourseError(f'A lesson has two digits, such as "05", and {number!r} has not.')
    _one_sentence_errors()
    ws = current()
    no_foreign_settings()
    workspaces.prepare_folder(ws)
    before = f"{int(number) - 1:02}" if number > "00" else None
    held = _take(ws)
    try:
        _refuse_what_is_missing(ws, number, before)
        _lesson = None  # until all is there: a half is not to be ended
        workspaces.prepare(ws)
        _say_who_holds_it(ws, number)
        servers.stop_all(ws)
        _put_back(ws, number, before)
    except BaseException:
        if not held or _lesson is None:
            _release()
        raise
    configure(ws)
    for name in SURROUNDINGS:  # of the terminal that Jupyter was started in
        os.environ.pop(name, None)
    os.environ.pop(clock.PINNED, None)
    os.environ.setdefault("MPLCONFIGDIR", str(ws.root / "matplotlib"))  # its list of fonts
    # Commands that a cell calls with `!` are those of this environment, as wide on every screen.
    here = str(Path(sys.executable).parent)
    paths = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([here, *(path for path in paths if path != here)])
    os.environ.update(COLUMNS="100", TTY_COMPATIBLE="0")  # no colours in what commands print
    setup_tools.seed(ws)
    _same_every_time()
    answers.watch(number)
    progress.watch()
    journal.opened(number, time.time())
    _lesson = number
    return ws


def _refuse_what_is_missing(ws: Workspace, number: str, before: str | None) -> None:
    if before is not None and before not in checkpoints.kept(ws):
        raise CourseError(
            f"Lesson {number} needs the state of lesson {before}, which is not in this "
            f"workspace: run `course start {number}` in a terminal, then this cell again."
        )
    if not workspaces.is_ours(ws.root) and checkpoints.holds_records(ws):
        raise CourseError(
            f"{ws.root} holds what commands of firstflight have made, and the course would begin "
            "by deleting it: point FIRSTFLIGHT_HOME to a new or an empty folder."
        )


def _put_back(ws: Workspace, number: str, before: str | None) -> None:
    """Put the workspace back to the end of the lesson before, and say so where that is news."""
    halfway = checkpoints.unfinished(ws)
    changed = checkpoints.restore(ws, before)
    other = team.again(ws, number)
    known = halfway or number in {*workspaces.begun(ws), *workspaces.done(ws)}
    # A server that was still up after the last lesson may have written to its database.
    by_hand = [name for name in changed if not name.endswith(".db")] if not headless() else []
    if changed and (known or by_hand):
        _say_what_was_put_back(ws, number, before, known)
    if other:
        present(f"Your decisions are in process.toml: {', '.join(other)}.", "note")
    workspaces.note(ws, "begun.json", sorted({*workspaces.begun(ws), number}))


def _say_what_was_put_back(ws: Workspace, number: str, before: str | None, again: bool) -> None:
    text = (
        f"Lesson {number} begins{' anew' if again else ''}: the workspace is "
        + (f"as lesson {before} left it." if before else "empty, as in the beginning.")
        + "\n  Your answers, guesses and decisions are kept."
    )
    later = [n for n in checkpoints.kept(ws) if n >= number]
    if later:
        text += (
            f"\n  To go on after lesson {later[-1]} instead, open the next one: its state is kept."
        )
    present(text, "note")


def _take(ws: Workspace) -> bool:
    """Hold the workspace for this notebook, until the lesson's end or the kernel's.

    Returns whether it was held already.
    """
    global _hold
    if os.environ.get(workspaces.HELD) == str(ws.root):
        return True  # the runner holds it for its lessons
    if _hold is not None and Path(_hold.lock_file) == ws.root / workspaces.LOCK:
        return True
    lock = FileLock(
        ws.root / workspaces.LOCK, timeout=0, preserve_lock_file=True, fallback_to_soft=False
    )
    try:
        lock.acquire()
    except Timeout:
        raise CourseError(
            f"{workspaces.holder(ws)} holds this workspace, so nothing was changed: run its "
            "last cell or shut its kernel down, then run this cell again."
        ) from None
    _release()  # another workspace, in which this notebook has begun a lesson
    _hold = lock
    return False


def _say_who_holds_it(ws: Workspace, number: str) -> None:
    if os.environ.get(workspaces.HELD) == str(ws.root):
        return
    what = {"pid": os.getpid(), "what": f"the notebook of lesson {number}"}
    files.write(ws.root / workspaces.HOLDER, json.dumps(what) + "\n", ws=ws)


def _release() -> None:
    global _hold
    if _hold is not None:
        _hold.release()
        _hold = None


def holding() -> bool:
    """Tell whether this notebook may change the workspace: its lesson is open here."""
    return _hold is not None or os.environ.get(workspaces.HELD) == str(current().root)


def require_open(what: str = "the clock stays") -> None:
    """Refuse where this notebook may not move the clock or change the workspace.

    Parameters
    ----------
    what : str, default "the clock stays"
        What is not changed then, for the sentence.

    Raises
    ------
    CourseError
        If no lesson is open in this notebook.
    """
    if not holding():
        raise CourseError(
            f"No lesson is open in this notebook, so {what} as it is: run its first cell."
        )


def refuse_if_ended() -> None:
    """Refuse in a notebook whose lesson has ended; a script that has no day of its own may go on.

    Raises
    ------
    CourseError
        If a lesson has pinned this process's day, and is not open any more.
    """
    if clock.PINNED in os.environ:
        require_open()


def today(day: dt.date | str) -> dt.date:
    """Set the course's clock, for this lesson alone.

    The notebook keeps its day whatever another one sets; servers and terminals follow the one
    whose lesson is open.

    Parameters
    ----------
    day : date or str
        The day that it is from now on, such as ``"2013-04-01"``.

    Returns
    -------
    date
        The day.

    Raises
    ------
    CourseError
        If no lesson is open in this notebook, or it is no day. The clock is as it was then.
    """
    require_open()
    try:
        written = str(day)[:10] if isinstance(day, dt.datetime) else str(day)
        day = dt.date.fromisoformat(written)
    except ValueError:
        raise CourseError(
            f'{day!r} is no day, so the clock stays as it is: write it like "2013-04-01".'
        ) from None
    clock.set_today(day)
    os.environ[clock.PINNED] = day.isoformat()
    return day


def end(number: str) -> None:
    """Close a lesson: keep its state, and show what the learner did.

    Servers stay up, so that their pages can be looked at, until another lesson begins or the
    kernel is shut down.

    Parameters
    ----------
    number : str
        The lesson's two digits.

    Raises
    ------
    CourseError
        If this notebook did not begin the lesson, or has ended it.
    """
    global _lesson
    if number != _lesson or not holding():
        raise CourseError(
            f"This notebook has lesson {_lesson} open, so it cannot end lesson {number}: "
            "run its first cell, and the cells after it."
            if _lesson
            else f"Lesson {number} is not open in this notebook: run its first cell."
        )
    ws = current()
    checkpoints.save(ws, number)
    journal.closed(number, time.time())
    workspaces.note(ws, "done.json", sorted({*workspaces.done(ws), number}))
    workspaces.note(ws, "begun.json", [n for n in workspaces.begun(ws) if n != number])
    _lesson = None
    _release()
    _show_what_was_done(number)


def _show_what_was_done(number: str) -> None:
    exercises, done = asked.of_lesson(number), journal.read()["exercises"]
    open_ = [id for id in exercises if not done.get(id, {}).get("passed")]
    lines = [f"Lesson {number} is done; its state is kept."]
    if exercises:
        solved = len(exercises) - len(open_)
        rest = f"; open: {', '.join(open_)}" if open_ else ""
        lines.append(f"Exercises: {solved} of {len(exercises)} passed{rest}.")
    for row in guesses.table(number):
        if row["you said"] == "-":
            continue
        lines.append(
            f"Guess: {row['about']}: you said {row['you said']}, it came {row['it came']}."
        )
    present("\n  ".join(lines), "good" if not open_ else "note")


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
