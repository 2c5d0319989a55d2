"""What each tool cost and what it prevented, measured by the lesson that brought it in."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import statistics
import subprocess
import sys
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
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
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
