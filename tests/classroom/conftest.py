"""A notebook with exercises of its own, in this process: lesson 99, which no course has."""

from __future__ import annotations

import json

import pytest

from classroom import answers, checks, exercises


class Notebook:
    """Runs cells in a real IPython shell, and says what they printed."""

    def __init__(self, shell, capsys, folder):
        self.shell, self.capsys, self.folder, self.cells = shell, capsys, folder, []
        self.ns = shell.user_ns
        self.ns["check"] = checks.check

    def solve(self, id, text):
        """Put a cell into the solved notebook of the lesson."""
        self.cells.append({"id": id, "cell_type": "code", "source": text.splitlines(True)})
        (self.folder / "99_try.ipynb").write_text(json.dumps({"cells": self.cells}))

    def run(self, text, cell_id=None):
        """Run a cell and return what it printed."""
        self.capsys.readouterr()
        self.result = self.shell.run_cell(text, cell_id=cell_id)
        return self.capsys.readouterr().out

    def answer(self, text, id="99-ex1"):
        """Run the cell of an answer."""
        return self.run(f"{answers.first_line(id)}\n{text}")

    def check(self, id="99-ex1"):
        """Run a check and return what it said, in one line."""
        return " | ".join(line.strip() for line in self.run(f'check("{id}")').splitlines())

    def tried(self, text, id="99-ex1"):
        """Answer, check, and return what the check said."""
        self.answer(text, id)
        return self.check(id)


@pytest.fixture
def no_exercises(monkeypatch):
    """Let no exercise of the course be known, and none of a test's stay."""
    monkeypatch.setattr(exercises, "_known", {})
    monkeypatch.setattr(checks, "_last", {})
    monkeypatch.delenv("FIRSTFLIGHT_HEADLESS", raising=False)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """An IPython shell of one test's own."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    yield shell
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


@pytest.fixture
def notebook(shell, no_exercises, ws, tmp_path, monkeypatch, capsys):
    """A notebook of lesson 99 whose cells are watched."""
    folder = tmp_path / "solutions"
    folder.mkdir()
    monkeypatch.setenv("FIRSTFLIGHT_SOLUTIONS", str(folder))
    monkeypatch.setattr(answers, "_watch", None)
    watch = answers.watch("99")
    yield Notebook(shell, capsys, folder)
    watch.stop()
