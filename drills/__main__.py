"""Run the drills and print one table: ``python -m drills [kills] [together] [requests] ...``."""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drills.one import carry_out, parts
from drills.shop import Row

NAMES = ("together", "kills", "flows", "disk", "drops", "requests")
WHAT = {
    "kills": "a command is killed before each of its writes (an opened file, a rename, a removal, "
    "a new folder, a commit of the database); then the same command runs again, or another one, or "
    "somebody looks at the status.",
    "flows": "a Prefect flow is killed before each of its writes, and runs again.",
    "together": "two commands start in the same moment, a hundred times each pair.",
    "requests": "generated requests to a running service: any JSON, dates, numbers, text, bodies, "
    "headers.",
    "drops": "monthly drops of every bad kind, and good ones as a control.",
    "disk": "every command in a workspace in which something is gone, empty, cut short, garbage or "
    "may not be written, with the clock set back, and on a disk that is full.",
}
PAGE = Path(__file__).resolve().parents[1] / "docs" / "drills.md"


def page(rows: dict[str, list[Row]], seconds: float) -> str:
    """Return docs/drills.md."""
    figures = ("tried", "refused", "lost", "wrong", "left_behind")
    heads = ["", "tried", "refused with a sentence", "lost", "wrong", "left behind"]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(figures)]
    for name, found in rows.items():
        total = [sum(getattr(row, figure) for row in found) for figure in figures]
        lines.append(f"| **{name}** | " + " | ".join(f"**{n:,}**" for n in total) + " |")
        for row in found:
            cells = " | ".join(f"{getattr(row, figure):,}" for figure in figures)
            lines.append(f"| {row.drill} | {cells} |")
    return (
        "# Drills\n\n"
        f"Written by `make drills`, which took {seconds / 60:.0f} minutes on a machine with "
        f"{os.cpu_count()} cores ({platform.system()}, Python {platform.python_version()}). "
        "Everything is real: real releases of real flights, real processes that are killed, a real "
        "disk that is full.\n\n"
        + "".join(f"- **{name}**: {WHAT[name]}\n" for name in rows)
        + "\n*Lost*: something that was recorded, or asked for and confirmed, is missing "
        "afterwards. *Wrong*: two records disagree, something happened twice, or a traceback was "
        "shown. *Left behind*: a temporary file, an open run or a process. Whoever is refused is "
        "told why in one sentence, and nothing has changed.\n\n" + "\n".join(lines) + "\n"
    )


def main(names: list[str]) -> int:
    """Run the named drills, all if none is named; return 1 if anything was lost or wrong."""
    begun = time.monotonic()
    names = names or list(NAMES)
    # Each part in a process that begins anew, with a workspace of its own; long ones go first.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), fresh, max_tasks_per_child=1) as pool:
        running = {
            name: [pool.submit(carry_out, name, part) for part in parts(name)] for name in names
        }
        rows = {name: [row for one in running[name] for row in one.result()] for name in names}
    table = Table("drill", "tried", "refused", "lost", "wrong", "left behind", box=None)
    every = [row for found in rows.values() for row in found]
    for row in every:
        figures = (row.tried, row.refused, row.lost, row.wrong, row.left_behind)
        table.add_row(row.drill, *(str(figure) for figure in figures))
    Console(width=100).print(table)
    for row in every:
        for note in row.notes:
            print(f"{row.drill}: {note}")
    if names == list(NAMES):
        PAGE.write_text(page(rows, time.monotonic() - begun), encoding="utf-8")
    return int(any(row.lost or row.wrong or row.left_behind for row in every))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
