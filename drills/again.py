"""Do every lesson again: twice in a row, and after it was left halfway. The same state must come.

    python -m drills.again [--only 05] [--workspace DIR]

Runs the solved lessons in order. Each is run, run again, left after half of its code cells, and run
once more in a new kernel; after each whole run the state is compared with the first one.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import nbformat
import typer

from classroom import checkpoints, runner, sameness, setup_tools, workspaces
from firstflight.workspace import PROJECT, Workspace


def half(path: Path, folder: Path) -> Path:
    """Return a copy of a notebook that ends after half of its code cells."""
    notebook = nbformat.read(path, as_version=4)
    code = [n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    notebook.cells = notebook.cells[: code[len(code) // 2]]
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / path.name
    nbformat.write(notebook, copy)
    return copy


def main(
    only: Annotated[str, typer.Option(help="One lesson, if the workspace keeps its start.")] = "",
    workspace: Annotated[Path, typer.Option(help="Where to work.")] = PROJECT / "workspace-again",
) -> None:
    """Do the lessons again, and print a line for each."""
    os.environ["FIRSTFLIGHT_HOME"] = str(workspace.resolve())
    ws = Workspace(workspace.resolve())
    setup_tools.run()
    if not only and ws.root.exists():
        workspaces.remove(ws)
    halves = PROJECT / ".halves"
    wrong = 0
    print(f"{'lesson':8}{'first s':>9}{'again s':>9}{'halfway, then whole s':>23}   the same state")
    for path in runner.notebooks("solutions", only or "00", only or "99"):
        took, states = [], []
        for paths in ([path], [path], [half(path, halves), path]):
            began = time.monotonic()
            runner.run(ws, paths, keep=True, what="the lessons again")
            took.append(time.monotonic() - began)
            states.append(sameness.state(ws))
        shutil.rmtree(halves)
        differs = sorted({part for s in states[1:] for part in s if s[part] != states[0][part]})
        wrong += bool(differs)
        verdict = f"no: {', '.join(differs)}" if differs else "yes, twice"
        print(
            f"{path.name[:2]:8}{took[0]:9.1f}{took[1]:9.1f}{took[2]:23.1f}   {verdict}", flush=True
        )
    print(f"checkpoints: {len(checkpoints.kept(ws))}, {checkpoints.size_mb(ws):.0f} MB")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
