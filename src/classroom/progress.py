"""Show that a long cell lives: a bar as long as the cell is expected to take.

A cell whose first line says how long it takes, ``# about 20 s``, gets one. None is shown where
nobody looks, so that no bar is in a compared output.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from typing import Any

from tqdm import tqdm

from classroom.workspaces import headless

# In an answer's cell the line stands below the one that names the exercise.
ABOUT = re.compile(r"\s*(?:#[^\n]*: your answer\n)?#.*\babout (\d+) s\b")
EVERY = 0.25  # seconds between two looks at the clock


class Bars:
    """Shows a bar under each cell that announces how long it takes.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        The kernel's shell.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._info: Any = None  # of the cell with the bar
        self._inside = 0  # cells that it runs

    def start(self) -> None:
        """Begin to watch the cells."""
        self.shell.events.register("pre_run_cell", self.before)
        self.shell.events.register("post_run_cell", self.after)

    def before(self, info: Any) -> None:
        """Start a bar if the cell says how long it takes."""
        if self._thread is not None:
            self._inside += 1  # a cell that runs another one
            return
        found = ABOUT.match(info.raw_cell or "")
        if found is None or headless():
            return
        # Where the cell writes now: what it redirects later must not get the bar.
        self._info, self._stop = info, threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(int(found[1]), sys.stdout, self._stop), daemon=True
        )
        self._thread.start()

    def after(self, result: Any) -> None:
        """End the bar, unless the cell that has ended was run by the one with the bar."""
        if self._thread is None:
            return
        if self._inside and getattr(result, "info", None) is not self._info:
            self._inside -= 1
            return
        self._stop.set()
        self._thread.join(2)
        self._thread, self._inside = None, 0

    def _run(self, seconds: int, out: Any, stop: threading.Event) -> None:
        began = time.monotonic()
        shape = "{l_bar}{bar:30}| {elapsed} of about " + f"{seconds} s"
        with tqdm(total=seconds, file=out, leave=False, bar_format=shape) as bar:
            while not stop.wait(EVERY):
                bar.n = min(time.monotonic() - began, 0.99 * seconds)
                bar.refresh()


_bars: Bars | None = None


def watch() -> None:
    """Show bars in this notebook; in a plain script nothing is shown."""
    global _bars
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and _bars is None:
        _bars = Bars(shell)
        _bars.start()
