"""Shared by all tests: no test touches the learner's workspace, and the order in which they run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from firstflight.workspace import Workspace, configure, make


def pytest_configure(config: pytest.Config) -> None:
    """Point at a temporary workspace before any test file is imported: the service makes one."""
    collected = tempfile.mkdtemp(prefix="firstflight-collect-")
    os.environ["FIRSTFLIGHT_HOME"] = collected
    os.environ["OMP_NUM_THREADS"] = "1"  # read once, when the trees are imported; see configure()
    config.add_cleanup(lambda: shutil.rmtree(collected, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then the two runs of the course, then what compares their outputs."""

    def rank(item: pytest.Item) -> int:
        if item.path.suffix == ".ipynb":
            return 2
        return int(item.path.name == "test_course_runs.py")

    items.sort(key=rank)


@pytest.fixture(scope="session", autouse=True)
def away_from_the_learner(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Point everything at a temporary workspace, whatever a test forgets."""
    os.environ["FIRSTFLIGHT_HOME"] = str(tmp_path_factory.mktemp("session") / "workspace")


@pytest.fixture
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Give a fresh workspace that every tool is pointed at, for one test."""
    before = dict(os.environ)
    yield make(configure(Workspace(tmp_path_factory.mktemp("own") / "workspace")))
    os.environ.clear()
    os.environ.update(before)
