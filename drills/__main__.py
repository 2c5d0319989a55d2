"""Run the drills and print one table: ``python -m drills [kills] [together] [requests] ...``."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drills.shop import Row

NAMES = ("kills", "flows", "together", "requests", "drops", "disk")
UPSTREAM = Path(__file__).resolve().parents[1] / "data"


def generated_requests() -> list[Row]:
    """Send generated requests to a service in a workspace of its own."""
    from benchmarks import shop
    from drills import requests

    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="firstflight-requests-") as folder:
        try:
            shop.prepare(Path(folder) / "workspace")
            return [Row(**row) for row in requests.run()]
        finally:
            os.environ.clear()
            os.environ.update(before)


def main(names: list[str]) -> int:
    """Run the named drills, all if none is named; return 1 if anything was lost or wrong."""
    rows: list[Row] = []
    for name in names or NAMES:
        if name == "requests":
            rows += generated_requests()
        else:
            rows += import_module(f"drills.{name}").run(UPSTREAM)
        print(f"{name}: done", file=sys.stderr, flush=True)
    table = Table("drill", "tried", "refused", "lost", "wrong", "left behind", box=None)
    for row in rows:
        figures = (row.tried, row.refused, row.lost, row.wrong, row.left_behind)
        table.add_row(row.drill, *(str(figure) for figure in figures))
    Console(width=100).print(table)
    for row in rows:
        for note in row.notes:
            print(f"{row.drill}: {note}")
    return int(any(row.lost or row.wrong or row.left_behind for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
