"""The two runs of the course, in the background of the tests that do not need them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from firstflight.workspace import PROJECT, Workspace

TESTED = PROJECT / "workspace-test"
HOUR = 3600.0  # seconds
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


# Carries out plan.json in the folder that it is given: arguments, environment, a place; in order.
DRIVER = """
import json, pathlib, subprocess, sys
for argv, env, place in json.loads(pathlib.Path(sys.argv[1], "plan.json").read_text()):
    with open(place + "/said.txt", "wb") as said:
        code = subprocess.call(argv, env=env, stdout=said, stderr=subprocess.STDOUT)
    part = pathlib.Path(place, "code.part")
    part.write_text(str(code))
    part.rename(place + "/code.txt")
"""
START = "import subprocess, sys; subprocess.Popen(sys.argv[1:])"


class Runs:
    """Runs the course once for each folder that is wanted, one after the other.

    The driver is no child of this process: tests look at all their descendants, and end those that
    they did not start. Each run has a guard, which ends it when the other end of its standard input
    is closed: when this process is gone, however it ended.
    """

    def __init__(self, wanted: dict[str, str], place: Path) -> None:
        self.place, self.before = place, committed()
        plan = []
        for folder, option in wanted.items():
            (place / folder / "home").mkdir(parents=True)
            argv = [sys.executable, "-m", "classroom.guard", sys.executable, "-m", "classroom.cli"]
            argv += ["run", "--workspace", str(TESTED / folder), option]
            home = {"HOME": str(place / folder / "home")}
            env = {**offline(place / folder / "network.txt"), **home}
            plan.append([argv, env, str(place / folder)])
        (place / "plan.json").write_text(json.dumps(plan))
        driver = [sys.executable, "-c", DRIVER, str(place)]
        self.starter = subprocess.Popen(
            [sys.executable, "-c", START, *driver],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self.starter.wait() == 0
        self.all = [place / folder / "code.txt" for folder in wanted]

    def stop(self) -> None:
        """End what still runs."""
        assert self.starter.stdin is not None
        self.starter.stdin.close()
        deadline = time.monotonic() + 60
        while not all(path.exists() for path in self.all) and time.monotonic() < deadline:
            time.sleep(0.2)

    def of(self, folder: str) -> Run:
        """Return the run of a folder."""

        def wait() -> int:
            code, deadline = self.place / folder / "code.txt", time.monotonic() + HOUR
            while not code.exists():
                assert time.monotonic() < deadline, f"the run of {folder}/ does not end"
                time.sleep(0.5)
            return int(code.read_text())

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
