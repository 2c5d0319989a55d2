"""Try many answers to an exercise in the lesson's own state: wrong ones and right ones.

The answers stand in ``tests/bench/lesson_NN.py``, which defines ``BENCH``: for each exercise the
wrong answers, each with words that its hint must hold, and right answers written in other ways.
The runner, with ``bench=True``, tries them where the lesson has just checked its exercise.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from classroom import answers, checks, exercises
from classroom.errors import CheckError
from firstflight.workspace import PROJECT, current

FOLDER = PROJECT / "tests" / "bench"
RESULTS = "bench.jsonl"


@dataclass(frozen=True)
class Answers:
    """The answers to try at one exercise.

    Attributes
    ----------
    wrong : tuple of (str, str)
        The text of the answer's cell, and words that the hint must hold.
    right : tuple of str
        Texts that must pass.
    """

    wrong: tuple[tuple[str, str], ...] = field(default=())
    right: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Tried:
    """What came of one answer.

    Attributes
    ----------
    exercise : str
        Its id.
    source : str
        The answer.
    wanted : str
        Words that the hint must hold; empty for an answer that must pass.
    what, hint : str
        The verdict.
    """

    exercise: str
    source: str
    wanted: str
    what: str
    hint: str

    @property
    def ok(self) -> bool:
        """Whether a wrong answer was refused with the right words, or a right one passed."""
        if not self.wanted:
            return self.what == checks.PASSED
        return self.what == checks.WRONG and self.wanted.lower() in self.hint.lower()


def of_lesson(number: str, folder: Path = FOLDER) -> dict[str, Answers]:
    """Return the answers to try in a lesson, by exercise.

    Parameters
    ----------
    number : str
        The lesson's two digits.
    folder : Path
        Where the files lie.

    Returns
    -------
    dict
        Empty where the lesson has no such file.
    """
    path = folder / f"lesson_{number}.py"
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location(f"bench_{number}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Answers] = module.BENCH
    return found


def try_all(id: str, folder: Path = FOLDER) -> list[Tried]:
    """Try all answers to an exercise in this notebook, and leave it as it was.

    Parameters
    ----------
    id : str
        The exercise.
    folder : Path
        Where the files with the answers lie.

    Returns
    -------
    list of Tried
        In the order of the file. They are also appended to ``bench.jsonl`` of the workspace.
    """
    one = exercises.find(id)
    found = of_lesson(id[:2], folder).get(id)
    if one is None or found is None:
        raise CheckError(f"There are no answers to try at {id} in {folder.name}/.")
    tried = [_try(one, source, words) for source, words in found.wrong]
    tried += [_try(one, source, "") for source in found.right]
    with (current().root / RESULTS).open("a") as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in tried)
    return tried


def _try(one: exercises.Exercise, source: str, wanted: str) -> Tried:
    watch = answers.watching()
    if watch is None:
        raise CheckError("The bench of answers needs a notebook whose lesson has begun.")
    shell = watch.shell
    with _silent(), watch.nothing_noted(), _as_it_was(shell.user_ns, one):
        # The last statement shows nothing, or its value would be in the lesson's own output.
        shell.run_cell(f"{answers.first_line(one.id)}\n{source}\npass")
        verdict = checks.judged(one, shell.user_ns, first_try=True)
    return Tried(one.id, source, wanted, verdict.what, verdict.hint)


@contextlib.contextmanager
def _as_it_was(ns: dict[str, Any], one: exercises.Exercise) -> Iterator[None]:
    before = dict(ns)
    for name in one.names:
        ns.pop(name, None)
    try:
        yield
    finally:
        for name in ns.keys() - before.keys():
            del ns[name]
        ns.update(before)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    from IPython import get_ipython

    shell = get_ipython()
    with (
        _put_aside(shell.display_pub, "publish"),
        _put_aside(shell, "showtraceback"),
        _put_aside(shell, "_showtraceback"),  # of errors that are one sentence
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        yield


@contextlib.contextmanager
def _put_aside(owner: Any, name: str) -> Iterator[None]:
    """Let a method do nothing for a while."""
    before = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: None)
    try:
        yield
    finally:
        setattr(owner, name, before)


def results(root: Path) -> list[Tried]:
    """Return what the runs of a workspace have tried."""
    path = root / RESULTS
    lines = path.read_text().splitlines() if path.exists() else []
    return [Tried(**json.loads(line)) for line in lines]
