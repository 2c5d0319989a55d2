"""Let nbval compare committed outputs with a run that has already been made.

    pytest -p classroom.replay solutions --replay WORKSPACE/executed/solutions

nbval would execute every notebook a second time. Here its own cells, with its own comparison, ask a
kernel that answers from the notebooks which papermill executed. See docs/decisions.md.
"""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbval.plugin import IPyNbFile


class ReplayKernel:
    """Answers what nbval asks of a kernel from an executed notebook, cell by cell, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        notebook = nbformat.read(path, as_version=4)
        self.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._next = 0

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        """Queue the messages of the next executed cell, which must have this text.

        Raises
        ------
        RuntimeError
            If the run had another cell here, or stopped before it.
        """
        cell = self.cells[self._next] if self._next < len(self.cells) else None
        self._next += 1
        if cell is None or cell.source != source:
            raise RuntimeError(f"{self.path} ran with another text here: run the course again.")
        if cell.execution_count is None and source.strip():
            raise RuntimeError(f"{self.path} stopped before this cell: see its last output.")
        for output in cell.outputs:
            content = {key: value for key, value in output.items() if key != "output_type"}
            self._say(cell.id, output.output_type, content)
        self._say(cell.id, "status", {"execution_state": "idle"})
        return str(cell.id)

    def _say(self, cell_id: str, kind: str, content: dict[str, Any]) -> None:
        header = {"msg_id": cell_id}
        self.messages.put({"msg_type": kind, "parent_header": header, "content": content})

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message; nothing is waited for, because all is there."""
        return self.messages.get_nowait()

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Do nothing: the reply is there."""

    def await_idle(self, msg_id: str, timeout: float | None = None) -> None:
        """Do nothing: the cell has ended."""

    def interrupt(self) -> None:
        """Do nothing: nothing runs."""

    def stop(self) -> None:
        """Do nothing: nothing runs."""

    def is_alive(self) -> bool:
        """Say yes, so that nbval goes on."""
        return True


class ReplayFile(IPyNbFile):
    """One committed notebook, compared with its executed copy."""

    def setup(self) -> None:
        """Take the executed notebook in place of a kernel."""
        executed = Path(self.config.getoption("--replay")).resolve() / self.path.name
        if not executed.exists():
            pytest.fail(f"{executed} is missing: run the course first.", pytrace=False)
        cells = [cell for cell in self.nb.cells if cell.cell_type == "code"]
        kernel = ReplayKernel(executed)
        if len(cells) != len(kernel.cells):
            pytest.fail(
                f"{executed} has {len(kernel.cells)} cells and {self.path.name} {len(cells)}: "
                "run the course again.",
                pytrace=False,
            )
        if any(cell.source.strip() and cell.execution_count is None for cell in cells):
            # nbval passes over such cells without a comparison.
            pytest.fail(
                f"{self.path.name} has cells without committed outputs: run `make freeze`.",
                pytrace=False,
            )
        self.kernel = kernel
        self.setup_sanitize_files()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that switches the comparison on."""
    parser.addoption(
        "--replay", metavar="DIR", help="compare notebooks with the executed ones in this folder"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect notebooks when the option is given."""
    if parent.config.getoption("--replay") and file_path.suffix == ".ipynb":
        return ReplayFile.from_parent(parent, path=file_path)
    return None
