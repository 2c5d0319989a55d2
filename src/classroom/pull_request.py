"""A small repository to make a pull request in, and what its branches would do.

It is made from a copy of this project's code, in the workspace, and shares nothing with the
checkout that the course runs from: whatever happens in it, `open_repository` makes it anew.
"""

from __future__ import annotations

import datetime as dt
import inspect
import linecache
import os
import shutil
import subprocess
import sys
import textwrap
import types
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classroom import servers
from classroom.errors import CourseError
from firstflight.workspace import PROJECT, current

if TYPE_CHECKING:
    from firstflight.drops import Drops
    from firstflight.usecase import FeatureSet, UseCase

FLIGHTS = "src/firstflight/usecases/flights.py"
CI = ".github/workflows/ci.yml"
WORKFLOW = """\
name: CI
on:
  pull_request:
permissions:
  contents: read
jobs:
  test:
    runs-on: [self-hosted, sees-the-registry]
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
      - name: Install this branch
        run: pip install -r requirements.txt -e .
      - name: Tests
        run: pytest tests
"""
# As the team's, whatever this user's own git is set to.
SETTINGS = {
    "user.name": "The team",
    "user.email": "team@example.invalid",
    "commit.gpgsign": "false",
    "core.autocrlf": "false",
    "core.hooksPath": os.devnull,
}
FIRST = '1, lag=1, suffix=""'
LAST_VERSION = '2: feature_set(2, lag=2, suffix="_lag2")},\n'
OCTOBER = dt.date(2013, 10, 1), dt.date(2013, 10, 31)
NOVEMBER = dt.date(2013, 11, 1), dt.date(2013, 11, 14)
WAIT = 120.0  # seconds


def folder() -> Path:
    """Return where the repository lies."""
    return current().root / "clone"


def git(*words: str) -> str:
    """Run git in the repository, and return what it prints.

    Parameters
    ----------
    *words : str
        What is typed after ``git``.

    Raises
    ------
    CourseError
        If there is no repository, no git, or git refuses.
    """
    where = folder()
    if not (where / ".git").is_dir() and words[0] != "init":
        raise CourseError("The repository is not there: run the cell that makes it.")
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(where), *words], capture_output=True, text=True, env=own
        )
    except FileNotFoundError:
        raise CourseError("This lesson needs git: install it, and run this cell again.") from None
    if done.returncode:
        raise CourseError(f"git {words[0]} said: {done.stderr.strip()}")
    return done.stdout


def open_repository() -> Path:
    """Make the repository anew, with one commit on its branch ``main``.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    CourseError
        If there is no git.
    """
    where = folder()
    shutil.rmtree(where, ignore_errors=True)
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "src/firstflight", where / "src/firstflight", ignore=no_caches)
    shutil.copy(PROJECT / "process.toml", where)
    (where / CI).parent.mkdir(parents=True)
    (where / CI).write_text(WORKFLOW)
    (where / ".gitignore").write_text("__pycache__/\n")
    git("init", "--quiet", "--initial-branch", "main")
    for name, value in SETTINGS.items():
        git("config", name, value)
    git("add", "--all")
    git("commit", "--quiet", "--message", "The code that is live")
    return where


def case_of(branch: str) -> UseCase:
    """Return the use case ``flights`` as a branch has committed it.

    Parameters
    ----------
    branch : str
        Its name, such as ``"main"``.

    Returns
    -------
    UseCase
        Only the module of the use case is the branch's; what it imports is what is installed.

    Raises
    ------
    CourseError
        If there is no such branch.
    Exception
        Whatever running the branch's module raises.
    """
    return case_from(git("show", f"{branch}:{FLIGHTS}"))


def case_from(text: str) -> UseCase:
    """Return the use case that a text of ``flights.py`` makes.

    Parameters
    ----------
    text : str
        The module's source.

    Returns
    -------
    UseCase
        Its own; nothing that is imported already is changed.

    Raises
    ------
    Exception
        Whatever running it raises.
    """
    name = f"<flights.py {zlib.crc32(text.encode()):08x}>"
    # The digest of feature code is taken of its source, which Python then finds here.
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = types.ModuleType("flights_of_a_branch")
    sys.modules[module.__name__] = module  # pydantic and dataclasses look names up there
    try:
        exec(compile(text, name, "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    case: UseCase = module.usecase
    return case


def score(case: UseCase, drops: Drops) -> float:
    """Train small trees on October with a branch's features, and score them on two weeks.

    Parameters
    ----------
    case : UseCase
        As `case_of` returns it.
    drops : Drops
        With the data to 14 November.

    Returns
    -------
    float
        The log loss on 1 to 14 November.
    """
    from firstflight import metrics, usecase
    from firstflight.state import States, by_date

    features = case.features[1]

    def rows_of(start: dt.date, end: dt.date) -> tuple[Any, Any]:
        states = States(by_date(features.compute_state(drops, start, end)))
        requests = case.requests(drops, start, end)
        rows = requests.merge(case.labels(drops, start, end), on=list(case.key))
        return features.build(rows, states.lookup), rows["label"]

    trees = case.recipes["hist_gradient_boosting"](features)
    trees.fit(*rows_of(*OCTOBER))
    seen, label = rows_of(*NOVEMBER)
    said = usecase.predict(case, trees, seen)
    return float(metrics.row_loss("log_loss", label, said).mean())


def serve(where: Path) -> servers.Server:
    """Start the service of lesson 06 with the code of the branch that is checked out.

    Parameters
    ----------
    where : Path
        The repository.

    Returns
    -------
    Server
        Up, whether it has a release to answer with or not.
    """
    return servers.start(
        "service",
        [
            *(sys.executable, "-m", "bentoml", "serve", "firstflight.svc:svc"),
            *("--host", "127.0.0.1", "--port", "{port}", "--working-dir", str(where)),
        ],
        ready="/livez",  # it is not ready without a release
        env={"FIRSTFLIGHT_USECASE": "flights", "PYTHONPATH": str(where / "src")},
        timeout=WAIT,
        page="docs.json",
    )


def put(in_celsius: Callable[[FeatureSet], FeatureSet]) -> None:
    """Write the function into ``flights.py`` as main has it, and its feature set as version 3.

    Parameters
    ----------
    in_celsius : callable
        ``in_celsius(old)`` returns the feature set of version 3; its source must be at hand.
    """
    text = git("show", f"main:{FLIGHTS}")
    source = inspect.getsource(in_celsius).strip()
    for old, new in (
        ("\nimport re\n", "\nimport dataclasses\nimport re\nfrom dataclasses import replace\n"),
        ("\nusecase = UseCase(\n", f"\n{source}\n\n\nusecase = UseCase(\n"),
        (
            LAST_VERSION,
            f"{LAST_VERSION[:-3]},\n        3: in_celsius(feature_set({FIRST})),\n    }},\n",
        ),
    ):
        if text.count(old) != 1:
            raise CourseError(f"{FLIGHTS} of main has another form: run this lesson anew.")
        text = text.replace(old, new)
    (folder() / FLIGHTS).write_text(text)


def with_step(step: str) -> str:
    """Return the repository's workflow with one more step at its end.

    Parameters
    ----------
    step : str
        An item of a YAML list, indented in any way.
    """
    lines = textwrap.dedent(step).strip("\n")
    return WORKFLOW + textwrap.indent(lines, "      ").rstrip() + "\n"


def lines_of_ci() -> int:
    """Count the lines of this project's own workflow and of the scripts that it runs."""
    files = [PROJECT / ".github/workflows/ci.yml", *sorted((PROJECT / ".ci").glob("*"))]
    lines = [line.strip() for path in files if path.is_file() for line in _lines(path)]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
