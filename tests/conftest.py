"""Shared by all tests: a workspace of their own, and the order in which they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from firstflight.workspace import Workspace, configure


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then the two runs of the course, then what compares their outputs."""

    def rank(item: pytest.Item) -> int:
        if item.path.suffix == ".ipynb":
            return 2
        return int(item.path.name == "test_course_runs.py")

    items.sort(key=rank)


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A fresh workspace that every tool is pointed at, for one test."""
    before = dict(os.environ)
    workspace = Workspace(tmp_path / "workspace")
    configure(workspace)
    yield workspace
    os.environ.clear()
    os.environ.update(before)
