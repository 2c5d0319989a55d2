"""One drill by its name, in a process of its own."""

from __future__ import annotations

import os
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


def carry_out(name: str) -> list[Row]:
    """Run one drill."""
    if name == "requests":
        return generated_requests()
    return list(import_module(f"drills.{name}").run(UPSTREAM))
