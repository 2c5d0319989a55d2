"""Run the course with papermill: every notebook once, in order, measured."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil

from classroom import checkpoints, setup_tools, workspaces
from classroom.errors import CourseError, RunError, WorkspaceError
from classroom.guard import adopt_orphans
from classroom.memory import MB, descendants, peak_of_descendants
from firstflight.errors import StorageError
from firstflight.workspace import PROJECT, SURROUNDINGS, Workspace, configure

CELL_TIMEOUT = 300  # seconds
LEAVE = 15.0  # seconds that a lesson's servers get to end after its kernel


@dataclass(frozen=True)
class Figures:
    """What one lesson took.

    Attributes
    ----------
    cells : int
        Code cells.
    seconds : float
        Wall time with the start of the kernel.
    peak_mb : float
        Largest memory of the kernel and everything below it, sampled about three times a second.
    left : str
        What the lesson leaves in the workspace, in its own words.
    """

    lesson: str
    cells: int
    seconds: float
    peak_mb: float
    left: str


def notebooks(folder: str, first: str = "00", last: str = "99", root: Path = PROJECT) -> list[Path]:
    """Return the notebooks of a folder from one lesson to another, in order.

    Raises
    ------
    CourseError
        If there is none.
    """
    found = sorted((root / folder).glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in found if first <= path.name[:2] <= last]
    if not chosen:
        raise CourseError(
            f"{folder}/ has no lesson from {first} to {last}: run `course build`, "
            "or give other numbers."
        )
    return chosen


def fresh(ws: Workspace) -> None:
    """Empty the workspace for a run from the start, for whoever holds it.

    Raises
    ------
    WorkspaceError
        If the folder is not one of ours, or holds lessons that somebody did by hand.
    """
    _refuse_own_work(ws, keep=False)
    workspaces.empty(ws)


def _refuse_own_work(ws: Workspace, keep: bool) -> None:
    if not keep and workspaces.holds_own_work(ws):
        names = ", ".join(workspaces.done(ws)) or "none finished"
        raise WorkspaceError(
            f"{ws.root} holds your own work (lessons: {names}): `course reset` deletes it, "
            "--workspace names another folder, --keep goes on in this one."
        )


@contextmanager
def environment(ws: Workspace, root: Path = PROJECT) -> Iterator[None]:
    """Set what kernels of a run inherit, and put the old values back afterwards."""
    before = dict(os.environ)
    jupyter = ws.root / "jupyter"
    try:
        # First in Jupyter's search path, so that no other kernel named python3 is taken instead.
        setup_tools.kernelspec(jupyter)
        profile = jupyter / "ipython" / "profile_default"
        profile.mkdir(parents=True, exist_ok=True)
        # Messages about unencrypted TCP, fine on 127.0.0.1, and about the end of a stopped kernel.
        # To look for garbage among the objects of large libraries takes a second at their import,
        # and another one when the kernel ends.
        (profile / "ipython_kernel_config.py").write_text(
            "import atexit, gc\n"
            "c.IPKernelApp.log_level = 50\n"
            "gc.set_threshold(50_000, 10, 10)\n"
            "atexit.register(gc.freeze)\n"
        )
        configure(ws)
        for name in SURROUNDINGS:
            os.environ.pop(name, None)
        os.environ.update(
            FIRSTFLIGHT_HEADLESS="1",
            FIRSTFLIGHT_COURSE_HELD=str(ws.root),
            FIRSTFLIGHT_SOLUTIONS=str(root / "solutions"),
            JUPYTER_PATH=str(jupyter),
            IPYTHONDIR=str(jupyter / "ipython"),
            PYTHONHASHSEED="0",
        )
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run(
    ws: Workspace,
    paths: Sequence[Path],
    *,
    keep: bool = False,
    root: Path = PROJECT,
    report: Callable[[Figures], None] | None = None,
    what: str = "course run",
    bench: bool = False,
) -> list[Figures]:
    """Run notebooks in order in one workspace and return what each took.

    Parameters
    ----------
    ws : Workspace
        Where the state goes, and under ``executed/`` the executed notebooks.
    paths : sequence of Path
        The notebooks; none of them is written.
    keep : bool, default False
        Go on in the workspace as it is; otherwise it is emptied first.
    root : Path
        The project.
    report : callable, optional
        Gets the figures of each lesson as it ends.
    what : str, default "course run"
        The command, for another one that finds the workspace held.
    bench : bool, default False
        Behind each check also try the answers of ``tests/bench/``; the executed copy then has
        cells that the notebook has not.

    Raises
    ------
    RunError
        At the first lesson that fails, with the lesson, the cell and the error.
    WorkspaceError
        If the folder is not one of ours, holds lessons done by hand, or another run is at work in
        it. Nothing is changed then.
    """
    _refuse_own_work(ws, keep)
    with workspaces.alone(ws, what), _headless():
        try:
            if not keep:
                fresh(ws)
            workspaces.prepare(ws)
            return _run(ws, paths, root, report, bench)
        except OSError as error:
            raise RunError(f"The course stopped: {_no_room(error, ws.root)}") from None


def _run(
    ws: Workspace,
    paths: Sequence[Path],
    root: Path,
    report: Callable[[Figures], None] | None,
    bench: bool,
) -> list[Figures]:
    figures: list[Figures] = []
    adopt_orphans()  # or a process that a lesson left would be out of sight
    with environment(ws, root):
        setup_tools.seed(ws)
        for path in paths:
            try:
                figures.append(_run_one(ws, path, bench))
                _write_figures(ws, paths[0].parent.name, figures)
            except (OSError, StorageError) as error:
                kept = workspaces.executed(ws) / path.parent.name / path.name
                raise RunError(f"Lesson {path.stem} stopped: {_no_room(error, kept)}") from None
            if report is not None:
                report(figures[-1])
    return figures


def _no_room(error: Exception, where: Path) -> str:
    """Return one sentence for what the disk refused."""
    if not isinstance(error, OSError):
        return str(error)
    return (
        f"{error.filename or where} could not be written ({error.strerror or error}): free some "
        "disk space, or give --workspace a folder with room, and run the course again."
    )


@contextmanager
def _headless() -> Iterator[None]:
    before = os.environ.get("FIRSTFLIGHT_HEADLESS")
    os.environ["FIRSTFLIGHT_HEADLESS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("FIRSTFLIGHT_HEADLESS")
        if before is not None:
            os.environ["FIRSTFLIGHT_HEADLESS"] = before


def _with_bench(ws: Workspace, path: Path) -> Path:
    """Return a copy of a notebook in which each check is followed by the bench of answers."""
    from classroom import bench

    known = bench.of_lesson(path.name[:2])
    notebook = nbformat.read(path, as_version=4)
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        found = (
            re.search(r"^check\(\"([\w-]+)\"\)", cell.source, re.M)
            if cell.cell_type == "code"
            else None
        )
        if found is not None and known.pop(found[1], None) is not None:
            text = f'from classroom import bench as _bench\n_ = _bench.try_all("{found[1]}")'
            cells.append(nbformat.v4.new_code_cell(text))
    if known:
        raise RunError(
            f"{path.name} has no check of {', '.join(sorted(known))}: mend tests/bench/."
        )
    notebook.cells = cells
    copy = ws.temporary / "bench" / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, copy)
    return copy


def _run_one(ws: Workspace, path: Path, bench: bool = False) -> Figures:
    # Imported here: it takes a second, and `course status` does not need it.
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    lesson = path.stem
    target = workspaces.executed(ws) / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    before = {p.pid for p in descendants(os.getpid())}
    began = time.monotonic()
    with warnings.catch_warnings(), peak_of_descendants() as peak:
        warnings.simplefilter("ignore")  # of the machinery; a cell's warnings are in its output
        logging.getLogger("papermill").setLevel(logging.CRITICAL)
        try:
            execute_notebook(
                _with_bench(ws, path) if bench else path,
                target,
                kernel_name="python3",
                cwd=path.parent,
                progress_bar={
                    "desc": f"{lesson:<40}",
                    "disable": not sys.stderr.isatty(),
                    "bar_format": "{desc} {bar} {n_fmt:>3}/{total_fmt} cells  {elapsed}",
                },
                execution_timeout=CELL_TIMEOUT,
                start_timeout=120,
            )
        except PapermillExecutionError as error:
            what = f"{error.ename}: {' '.join(str(error.evalue).split())}"
            raise RunError(_failed(lesson, error.cell_index, what, target)) from None
        except CellTimeoutError:
            what = f"it ran for more than {CELL_TIMEOUT} seconds"
            raise RunError(_failed(lesson, _stopped_at(target), what, target)) from None
        except DeadKernelError:
            what = "its kernel ended, perhaps for lack of memory"
            raise RunError(_failed(lesson, _stopped_at(target), what, target)) from None
    _nothing_left(lesson, before)
    left = workspaces.noted(ws, "left_behind.json", {}).get(lesson[:2], "")
    took = round(time.monotonic() - began, 1)
    return Figures(lesson, len(code), took, round(peak.mb), left)


def _failed(lesson: str, cell: int, what: str, kept: Path) -> str:
    """Return the one line of a failure; people count cells from 1, prose and code alike."""
    return f"Lesson {lesson} failed in cell {cell + 1}: {what} (the executed notebook: {kept})."


def _stopped_at(executed: Path) -> int:
    """Return the index of the cell that ran last in a half-executed notebook."""
    if not executed.exists():
        return 0
    cells = nbformat.read(executed, as_version=4).cells
    began = [cell.metadata.get("papermill", {}).get("start_time") for cell in cells]
    return max((n for n, time in enumerate(began) if time), default=0)


def _nothing_left(lesson: str, before: set[int]) -> None:
    """Wait until the lesson's servers are gone; a process that stays is ended, and an error."""
    deadline = time.monotonic() + LEAVE
    while left := [p for p in descendants(os.getpid()) if p.pid not in before and _lives(p)]:
        if time.monotonic() > deadline:
            name = _name(left[0])
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=5)
            raise RunError(
                f"Lesson {lesson} left a process behind ({name}): "
                "start servers with classroom.servers."
            )
        time.sleep(0.2)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:80] or process.name()
    except psutil.Error:
        return f"process {process.pid}"


def machine() -> dict[str, object]:
    """Return what the figures of a run depend on."""
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / MB / 1024, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _write_figures(ws: Workspace, folder: str, figures: list[Figures]) -> None:
    lessons = {str(row["lesson"]): row for row in read_figures(ws, folder)}
    lessons |= {row.lesson: asdict(row) for row in figures}
    runs = workspaces.noted(ws, "run.json", {})
    runs["machine"] = machine()
    runs[folder] = [lessons[name] for name in sorted(lessons)]
    workspaces.note(ws, "run.json", runs)


def read_figures(ws: Workspace, folder: str) -> list[dict[str, object]]:
    """Return the rows of ``run.json`` for a folder of notebooks."""
    rows: list[dict[str, object]] = workspaces.noted(ws, "run.json", {}).get(folder, [])
    return rows


def missing_lessons(ws: Workspace, number: str, root: Path = PROJECT) -> list[Path]:
    """Return the solutions that must run before a lesson can start, in order.

    Each lesson begins from the kept end of the one before it, so the newest one counts.
    """
    if number == "00":
        return []
    last = f"{int(number) - 1:02}"
    newest = max((n for n in checkpoints.kept(ws) if n <= last), default="")
    paths = notebooks("solutions", "00", last, root)
    return [path for path in paths if path.name[:2] > newest]


def dumps(value: object) -> str:
    """Return JSON for a `--json` answer."""
    return json.dumps(value, indent=1, sort_keys=True, default=str)
