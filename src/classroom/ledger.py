"""What each tool cost and what it prevented, measured by the lesson that brought it in."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from classroom.errors import CourseError
from classroom.workspaces import ledger_file
from firstflight import files
from firstflight.workspace import current

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "lesson": "lesson",
    "tool": "tool",
    "prevented": "prevented",
    "install_mb": "install MB",
    "start_s": "start s",
    "resident_mb": "resident MB",
    "latency_ms": "added ms",
    "glue_lines": "glue lines",
}


@dataclass(frozen=True)
class Tool:
    """What a lesson's tool prevents, and how its costs are measured.

    Attributes
    ----------
    tool : str
        Its name.
    prevented : str
        The failure that it prevented in the lesson, in a few words.
    installs : tuple of str
        Distributions to weigh, with what they require.
    beside : tuple of str
        Distributions that are there anyway.
    imports : str
        A module whose import counts as the start.
    server : str
        The name of a server that is up: its start and its memory count.
    glue : tuple of str
        Our modules that keep the tool in the path.
    """

    tool: str
    prevented: str
    installs: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    imports: str = ""
    server: str = ""
    glue: tuple[str, ...] = ()


_LAB = ("pandas", "scikit-learn", "pyarrow", "jupyterlab")
TOOLS: dict[str, tuple[Tool, ...]] = {
    "00": (
        Tool(
            "process.toml",
            "three answers to one question; a rule changed on the day it was in the way",
            installs=("pydantic",),
            imports="firstflight.process",
            glue=("firstflight.process",),
        ),
    ),
    "01": (
        Tool(
            "pandas + scikit-learn",
            "a score that depends on luck, on neighbours or on the future",
            installs=("scikit-learn", "pandas"),
            imports="sklearn.pipeline",
        ),
    ),
    "02": (
        Tool(
            "drops, snapshot, state (own code)",
            "a model whose rows nobody can name; a feature written twice",
            installs=("pyarrow",),
            glue=("firstflight.drops", "firstflight.snapshot", "firstflight.state"),
        ),
    ),
    "03": (
        Tool(
            "Prefect",
            "a month twice in the tables, after a script that died halfway",
            installs=("prefect",),
            beside=_LAB,
            server="prefect",
            glue=("firstflight.flow",),
        ),
    ),
    "04": (
        Tool(
            "MLflow",
            "a model that nobody can trace, and one that was swapped unseen",
            installs=("mlflow",),
            beside=(*_LAB, "prefect"),
            server="mlflow",
            glue=("firstflight.registry", "firstflight.release", "firstflight.fingerprint"),
        ),
    ),
    "05": (
        Tool(
            "offline gate",
            "a leak, a loud model, a broken slice and a tie, each with a better AUC",
            glue=("firstflight.gate", "firstflight.metrics", "firstflight.intervals"),
        ),
    ),
    "06": (
        Tool(
            "BentoML",
            "another answer than the notebook's; an answer to a request that makes no sense",
            installs=("bentoml",),
            beside=("mlflow", "scikit-learn", "jupyterlab"),
            server="service",
            glue=tuple(
                f"firstflight.{name}"
                for name in ("service", "answering", "guard", "prediction_log", "bento")
            ),
        ),
    ),
    "07": (
        Tool(
            "Evidently",
            "an alarm without a cause: it says which inputs moved, and how far",
            installs=("evidently",),
            beside=("mlflow", "scikit-learn", "jupyterlab", "bentoml", "prefect"),
            imports="evidently",
            glue=("firstflight.drift",),
        ),
        Tool(
            "contract and labels",
            "a model worse than the naive guess, for weeks, under a green dashboard",
            glue=("firstflight.contract", "firstflight.monitor"),
        ),
    ),
    "08": (
        Tool(
            "shadow and canary",
            "a bet: all traffic at once on a release that passed offline",
            glue=("firstflight.rollout",),
        ),
    ),
    "09": (
        Tool(
            "rollback",
            "an old model without its features, worse than the bad release",
            glue=("firstflight.rollback", "firstflight.preflight"),
        ),
    ),
    "10": (
        Tool(
            "papermill",
            "a page that only its author can make again",
            installs=("papermill",),
            beside=("jupyterlab", "mlflow", "prefect"),
        ),
        Tool(
            "nbval",
            "a committed number that no longer holds",
            installs=("nbval",),
            beside=("jupyterlab", "mlflow", "prefect"),
        ),
        Tool("CI", "feature code that changed under the live release"),
    ),
    "11": (
        Tool(
            "one path for two models",
            "a second model that starts from nothing, and a week with a stale one",
        ),
    ),
}


def measure(lesson: str, tool: str | None = None, **measured: float) -> pd.DataFrame:
    """Measure what a lesson's tools cost, write their rows, and return them.

    Parameters
    ----------
    lesson : str
        The lesson's two digits.
    tool : str, optional
        One of its tools; all by default.
    **measured : float
        What only the lesson can measure (``latency_ms``, ``start_s``, ``resident_mb``), or another
        count of ``glue_lines``.

    Returns
    -------
    DataFrame
        The lesson's rows, as `table` gives them.

    Raises
    ------
    CourseError
        If the lesson has no such tool, or a server that is to be measured is not up.
    """
    from classroom import servers

    chosen = [one for one in TOOLS.get(lesson, ()) if tool in (None, one.tool)]
    if not chosen:
        raise CourseError(f"Lesson {lesson} has no tool {tool or ''} in the ledger: see TOOLS.")
    for one in chosen:
        costs: dict[str, Any] = {}
        if one.installs:
            beside = list(one.beside)
            costs["install_mb"] = 0.0
            for name in one.installs:
                costs["install_mb"] += install_mb(name, beside=tuple(beside))
                beside.append(name)
        if one.server:
            server = servers.running(one.server)
            costs["start_s"], costs["resident_mb"] = server.start_seconds, server.memory_mb()
        elif one.imports:
            costs["start_s"] = import_seconds(one.imports, times=1)
        if one.glue:
            costs["glue_lines"] = glue_lines(*one.glue)
        record(lesson, one.tool, prevented=one.prevented, **{**costs, **measured})
    return table(lesson)


def record(
    lesson: str,
    tool: str,
    *,
    prevented: str,
    install_mb: float | None = None,
    start_s: float | None = None,
    resident_mb: float | None = None,
    latency_ms: float | None = None,
    glue_lines: int | None = None,
) -> None:
    """Write one row of the ledger; a row of the same lesson and tool is replaced.

    Parameters
    ----------
    lesson, tool : str
        The key of the row, such as ``"04"`` and ``"MLflow"``.
    prevented : str
        The failure that the tool prevented in this lesson, in a few words.
    install_mb, start_s, resident_mb, latency_ms, glue_lines : float, optional
        Measured costs; leave out what the lesson did not measure.
    """
    new = {
        "lesson": lesson,
        "tool": tool,
        "prevented": prevented,
        "install_mb": install_mb,
        "start_s": start_s,
        "resident_mb": resident_mb,
        "latency_ms": latency_ms,
        "glue_lines": glue_lines,
    }
    kept = [row for row in rows() if (row["lesson"], row["tool"]) != (lesson, tool)]
    ordered = sorted([*kept, new], key=lambda row: (row["lesson"], row["tool"]))
    files.write(ledger_file(current()), "".join(json.dumps(row) + "\n" for row in ordered))


def rows() -> list[dict[str, Any]]:
    """Return the rows of the workspace's ledger, sorted by lesson and tool."""
    path = ledger_file(current())
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(lesson: str | None = None) -> pd.DataFrame:
    """Return the ledger, or one lesson's rows, as a table with readable headings."""
    import pandas as pd

    chosen = [row for row in rows() if lesson is None or row["lesson"] == lesson]
    frame = pd.DataFrame(chosen, columns=list(COLUMNS)).rename(columns=COLUMNS)
    number = [COLUMNS[c] for c in ("install_mb", "start_s", "resident_mb", "latency_ms")]
    frame[number] = frame[number].astype(float).round(1)
    frame[COLUMNS["glue_lines"]] = frame[COLUMNS["glue_lines"]].astype("Int64")
    return frame.set_index(["lesson", "tool"])


def closure(distribution: str) -> set[str]:
    """Return a distribution and everything it requires here, as canonical names.

    Optional extras are left out, and so are requirements that this platform does not need.

    Raises
    ------
    CourseError
        If the distribution is not installed.
    """
    if not _installed(distribution):
        raise CourseError(f"{distribution} is not installed: run `make` to install the lock.")
    found: set[str] = set()
    todo = [(distribution, "")]
    visited = set()
    while todo:
        name, extra = todo.pop()
        name = canonicalize_name(name)
        if (name, extra) in visited or not _installed(name):
            continue
        visited.add((name, extra))
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(need.name, e) for e in ("", *sorted(need.extras))]
    return found


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def install_mb(distribution: str, *, beside: tuple[str, ...] = ()) -> float:
    """Return the MB on disk of a distribution with its dependencies.

    Parameters
    ----------
    distribution : str
        Its name, such as ``"mlflow"``.
    beside : tuple of str
        Distributions that are there anyway: they and their dependencies do not count.
    """
    mine = closure(distribution)
    for other in beside:
        mine -= closure(other)
    total = 0
    for name in sorted(mine):
        for file in importlib.metadata.files(name) or []:
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return round(total / 1024**2, 1)


def import_seconds(module: str, times: int = 3) -> float:
    """Return the seconds that a fresh Python needs to import a module, less a bare start.

    Parameters
    ----------
    module : str
        Its dotted name.
    times : int, default 3
        How often to measure; the median counts.
    """
    code = (
        f"import os, time; t = time.perf_counter(); import {module}; "
        "print(time.perf_counter() - t, flush=True); os._exit(0)"
    )
    took = []
    for _ in range(times):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if run.returncode:
            last = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise CourseError(f"A fresh Python cannot import {module}: {last}")
        took.append(float(run.stdout.split()[-1]))
    return round(statistics.median(took), 2)


def glue_lines(*modules: str) -> int:
    """Return the lines of code of modules: no blank lines, no comments, no docstrings."""
    total = 0
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise CourseError(f"There is no module {module} to count the lines of.")
        total += count_lines(Path(spec.origin).read_text())
    return total


def count_lines(source: str) -> int:
    r"""Count the lines of code of a Python source text.

    >>> count_lines('"Doc."\n\n# why\nx = 1\n')
    1
    """
    tree = ast.parse(source)
    doc_lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                doc_lines |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        1
        for n, line in lines
        if n not in doc_lines and line.strip() and not line.lstrip().startswith("#")
    )
