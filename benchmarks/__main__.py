"""Run the measurements: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path


def main() -> None:
    """Make a workspace to measure in, and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workspace", type=Path, help="a workspace to keep; else a temporary one")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.workspace or Path(folder) / "workspace"
        os.environ["FIRSTFLIGHT_HOME"] = str(root.resolve())
        from benchmarks import serving, shop

        shop.prepare(root)
        serving.run(rounds=chosen.rounds)


if __name__ == "__main__":
    main()
