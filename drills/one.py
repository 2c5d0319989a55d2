"""One drill by its name, or a part of it, in a process of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from drills.shop import UPSTREAM, Row


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


def parts(name: str) -> list[tuple]:
    """Return what of a drill can run beside the rest of it: arguments of its `run`."""
    if name == "kills":
        from drills.shop import COMMANDS

        return [((command,),) for command in COMMANDS]
    if name == "together":
        from drills.together import PAIRS, ROUNDS

        return [(ROUNDS, (pair,)) for pair in PAIRS]
    return [()]


def carry_out(name: str, part: tuple) -> list[Row]:
    """Run one drill, or a part of it."""
    if name == "requests":
        rows = generated_requests()
    else:
        rows = list(import_module(f"drills.{name}").run(UPSTREAM, *part))
    print(f"{name}: {', '.join(row.drill for row in rows[:3])}", file=sys.stderr, flush=True)
    return rows
