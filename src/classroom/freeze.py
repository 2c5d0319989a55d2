"""Copy the outputs of a run of the solutions into the committed ``solutions/``."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from classroom import workspaces
from classroom.builder import build, code_cells, sources, text_of
from classroom.errors import CourseError
from firstflight.workspace import PROJECT, Workspace

IGNORED = "nbval-ignore-output"
UNSTABLE = {
    r"\b0x[0-9a-f]{6,}\b": "a memory address",
    r"127\.0\.0\.1:\d{4,5}|localhost:\d{4,5}": "a port, which is another one on every run",
}


def freeze(ws: Workspace, root: Path = PROJECT, only: str | None = None) -> list[Path]:
    """Freeze the executed solutions of a workspace and return the notebooks that changed.

    The outputs go in by cell id, without times and without the metadata of the execution, so that
    two runs with the same outputs give the same bytes. A cell tagged ``nbval-ignore-output`` keeps
    its committed output while its text is unchanged.

    Parameters
    ----------
    ws : Workspace
        Where the solutions ran.
    root : Path
        The project.
    only : str, optional
        The two digits of the one lesson to freeze.

    Raises
    ------
    CourseError
        If a lesson did not run to its end with this source, or an output would not be the same on
        another machine. Nothing is written then.
    """
    new: dict[Path, str] = {}
    for source in sources(root):
        if only is not None and source.name[:2] != only:
            continue
        name = f"{source.stem}.ipynb"
        executed = workspaces.executed(ws) / "solutions" / name
        if not executed.exists():
            raise CourseError(
                f"solutions/{name} has not run in {ws.root}: run `course run --solutions` first."
            )
        target = root / "solutions" / name
        old = nbformat.read(target, as_version=4) if target.exists() else None
        frozen = with_outputs(
            build(source, solved=True), nbformat.read(executed, as_version=4), old, name
        )
        for cell in code_cells(frozen):
            _refuse_unstable(cell, name, [str(root), str(ws.root), str(Path.home())])
        new[target] = text_of(frozen)
    changed = [path for path, text in new.items() if not path.exists() or path.read_text() != text]
    for path in changed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(new[path])
    return changed


def with_outputs(
    notebook: NotebookNode, executed: NotebookNode, old: NotebookNode | None, name: str
) -> NotebookNode:
    """Return the notebook with the outputs of its execution."""
    ran = {cell.id: cell for cell in code_cells(executed)}
    kept = {cell.id: cell for cell in code_cells(old)} if old is not None else {}
    count = 0
    for cell in code_cells(notebook):
        match = ran.get(cell.id)
        if match is None or match.source != cell.source:
            raise CourseError(
                f"solutions/{name} ran with another text than its source has now: "
                "run `course run --solutions` again."
            )
        if not cell.source:
            continue
        if match.execution_count is None or any(o.output_type == "error" for o in match.outputs):
            raise CourseError(f"solutions/{name} did not run to its end: mend it and run it again.")
        count += 1
        before = kept.get(cell.id)
        ignored = IGNORED in cell.metadata.get("tags", [])
        if ignored and before is not None and before.source == cell.source and before.outputs:
            match = before
        cell.outputs = [_plain(output, count) for output in _joined(match.outputs)]
        cell.execution_count = count
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Join neighbouring pieces of one stream: where the kernel cut it is chance."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(copy.deepcopy(output))
    return joined


def _plain(output: Any, count: int) -> Any:
    if "execution_count" in output:
        output.execution_count = count
    return output


def _refuse_unstable(cell: Any, name: str, paths: list[str]) -> None:
    """Refuse text that another machine would not print, unless the cell is excused."""
    excused = IGNORED in cell.metadata.get("tags", [])
    for output in cell.outputs:
        where = f"solutions/{name}, cell {cell.id!r}"
        if output.output_type == "stream" and output.name == "stderr":
            first = output.text.strip().splitlines()[0]
            raise CourseError(
                f"{where} writes to stderr ({first[:120]!r}): mend the cause or silence it by name."
            )
        for text in _texts(output):
            for path in paths:
                if path != "/" and path in text:
                    raise CourseError(
                        f"{where} prints a path of this machine: show a path inside the workspace."
                    )
            for pattern, what in UNSTABLE.items():
                if not excused and re.search(pattern, text):
                    raise CourseError(f"{where} prints {what}: show something that stays the same.")


def _texts(output: Any) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    return [
        text if isinstance(text, str) else str(text)
        for kind, text in output.get("data", {}).items()
        if not kind.startswith("image/")
    ]
