"""The two runs of the course, in the background of the tests that do not need them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from firstflight.workspace import PROJECT, Workspace

TESTED = PROJECT / "workspace-test"
CACHES = {".hypothesis", ".pytest_cache"}  # of the tests beside the runs
TESTS = {  # which test needs which run, and what the run is asked for
    "test_the_learners_notebooks_run_unsolved": ("notebooks", "--bench"),
    "test_the_solutions_run": ("solutions", "--solutions"),
}


def offline(log: Path) -> dict[str, str]:
    """Return the environment of a run that notes and refuses what is outside (test_offline.py)."""
    here = str(Path(__file__).parents[1] / "offline")
    return {**os.environ, "PYTHONPATH": here, "FIRSTFLIGHT_NET_LOG": str(log)}


def committed() -> dict[str, bytes | None]:
    """Return what a run may not change: file names in the root, files where notebooks live."""
    ours = (path for path in PROJECT.iterdir() if path != TESTED and path.name not in CACHES)
    kept: dict[str, bytes | None] = {path.name: None for path in ours}
    for folder in ("notebooks", "solutions", "lessons", "data"):
        files = (p for p in (PROJECT / folder).rglob("*") if p.is_file() and "__pyc" not in str(p))
        kept |= {str(p.relative_to(PROJECT)): p.read_bytes() for p in files}
    return kept


@dataclass
class Run:
    """One `course run`, which `wait` waits for."""

    folder: str
    ws: Workspace
    place: Path
    wait: Callable[[], int]
    before: dict[str, bytes | None]

    def changed(self) -> list[str]:
        """Return the files of the checkout that came, went or have another content since."""
        now = committed()
        names = sorted({*now, *self.before})
        return [name for name in names if now.get(name, 0) != self.before.get(name, 0)]

    @property
    def said(self) -> str:
        """What it printed."""
        return (self.place / "said.txt").read_text()

    @property
    def network(self) -> Path:
        """Where it is noted what it asked for outside of this machine."""
        return self.place / "network.txt"

    @property
    def home(self) -> Path:
        """Its user's home."""
        return self.place / "home"


class Runs:
    """Runs the course once for each folder that is wanted, one after the other."""

    def __init__(self, wanted: dict[str, str], place: Path) -> None:
        self.wanted, self.place, self.before = wanted, place, committed()
        self.ended = {folder: threading.Event() for folder in wanted}
        self.code: dict[str, int] = {}
        self.now: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.environments = {}
        for folder in wanted:
            (place / folder / "home").mkdir(parents=True)
            self.environments[folder] = {
                **offline(place / folder / "network.txt"),
                "HOME": str(place / folder / "home"),
            }
        self.thread = threading.Thread(target=self._all, daemon=True)
        self.thread.start()

    def _all(self) -> None:
        for folder, option in self.wanted.items():
            if self.stopped:
                return
            argv = ["classroom.cli", "run", "--workspace", str(TESTED / folder), option]
            with (self.place / folder / "said.txt").open("wb") as said:
                # The guard ends the run when this process is gone, however it ended.
                self.now = subprocess.Popen(
                    [sys.executable, "-m", "classroom.guard", sys.executable, "-m", *argv],
                    env=self.environments[folder],
                    stdin=subprocess.PIPE,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                )
                self.code[folder] = self.now.wait()
            self.ended[folder].set()

    def stop(self) -> None:
        """End what still runs."""
        self.stopped = True
        while self.thread.is_alive():
            if self.now is not None and self.now.stdin is not None:
                self.now.stdin.close()
            self.thread.join(0.5)

    def of(self, folder: str) -> Run:
        """Return the run of a folder."""

        def wait() -> int:
            self.ended[folder].wait()
            return self.code[folder]

        return Run(folder, Workspace(TESTED / folder), self.place / folder, wait, self.before)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the runs that the chosen tests need: they take as long as all other tests together."""
    names = {item.name for item in session.items if item.path.name == "test_course_runs.py"}
    wanted = dict(TESTS[name] for name in TESTS if name in names)
    if not wanted or session.config.option.collectonly:
        return
    place = tempfile.TemporaryDirectory(prefix="firstflight-runs-")
    session.config.add_cleanup(place.cleanup)
    runs = Runs(wanted, Path(place.name))
    session.config.add_cleanup(runs.stop)
    session.config.stash[KEY] = runs


KEY: pytest.StashKey[Runs] = pytest.StashKey()


@pytest.fixture(name="offline")
def _offline() -> Callable[[Path], dict[str, str]]:
    """Give what makes the environment of an offline process."""
    return offline


@pytest.fixture
def course_run(request: pytest.FixtureRequest) -> Run:
    """Give the run that this test is about."""
    return request.config.stash[KEY].of(TESTS[request.node.name][0])
