"""A bar while a long cell runs: only where it is announced, and never longer than the cell."""

from __future__ import annotations

import threading

import pytest

from classroom import progress


@pytest.fixture
def bars(shell, monkeypatch):
    monkeypatch.delenv("FIRSTFLIGHT_HEADLESS", raising=False)
    monkeypatch.setattr(progress, "EVERY", 0.02)
    bars = progress.Bars(shell)
    bars.start()
    return bars


@pytest.fixture
def run(shell, bars, monkeypatch):
    """Run a cell and return what it wrote, and whether a bar was there while it ran."""

    def go(text):
        shown = []

        def publish(data, metadata=None, **more):
            shown.append(data["text/plain"])

        monkeypatch.setattr(shell.display_pub, "publish", publish)
        shell.user_ns.update(seen=[], bars=bars)
        shell.run_cell(f"{text}\nseen.append(bars._thread is not None)")
        return "".join(shown), shell.user_ns["seen"]

    return go


SLEEP = "import time; time.sleep(0.2)"


def test_a_cell_that_says_how_long_it_takes_has_a_bar(run):
    out, seen = run(f"# about 20 s\n{SLEEP}")
    assert seen == [True] and "of about 20 s" in out


@pytest.mark.parametrize(
    "first",
    ["# Train it, about 20 s here", "\n# about 3 s", "#about 20 s", "  # about 20 s"],
)
def test_the_words_may_stand_anywhere_in_the_first_line(run, first):
    assert run(f"{first}\nx = 1")[1] == [True]


@pytest.mark.parametrize(
    "text",
    ["x = 1", "x = 1\n# about 20 s", "# takes 20 s", "# about 20 seconds", "x = 'about 20 s'", "#"],
)
def test_any_other_cell_has_none(run, text):
    out, seen = run(f"{text}\n{SLEEP}")
    assert seen == [False] and "about 20" not in out


def test_where_nobody_looks_there_is_none(run, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HEADLESS", "1")
    assert run(f"# about 20 s\n{SLEEP}") == ("", [False])


@pytest.mark.parametrize("last", ["x = 1", "1 / 0", "x = = 1", "raise KeyboardInterrupt"])
def test_it_ends_with_its_cell_however_that_ends(run, bars, last):
    before = threading.active_count()
    run(f"# about 20 s\n{SLEEP}\n{last}")
    assert bars._thread is None and threading.active_count() == before


def test_a_cell_inside_a_cell_does_not_end_the_bar(run, bars):
    inner = "get_ipython().run_cell('# about 5 s\\ny = 1'); get_ipython().run_cell('1 / 0')"
    assert run(f"# about 20 s\n{inner}")[1] == [True]
    assert bars._thread is None
    assert run("# about 20 s\nx = 1")[1] == [True] and bars._thread is None


def test_the_bar_is_not_in_what_the_cell_redirects(run, shell):
    text = "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as got:\n    "
    run(f"# about 20 s\n{text}{SLEEP}\n    print('own')")
    assert shell.user_ns["got"].getvalue() == "own\n"


def test_a_cell_that_takes_longer_than_it_said(run):
    out, _ = run(f"# about 0 s\n{SLEEP}")
    assert "100%|" not in out


def test_a_script_has_no_bars(monkeypatch):
    monkeypatch.setattr(progress, "_bars", None)
    progress.watch()
    assert progress._bars is None
