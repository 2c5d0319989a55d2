"""Show that a long cell lives: a bar as long as the cell is expected to take.

A cell whose first line says how long it takes, ``# about 20 s``, gets one. None is shown where
nobody looks, so that no bar is in a compared output.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any

from IPython.display import display
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
        # A display of its own, and not what the cell writes to: that may be redirected, and a
        # notebook does not take back what was written.
        shown = display(_meter(0.0, int(found[1])), raw=True, display_id=True)
        self._info, self._stop = info, threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(int(found[1]), shown, self._stop), daemon=True
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

    def _run(self, seconds: int, shown: Any, stop: threading.Event) -> None:
        began = time.monotonic()
        while not stop.wait(EVERY):
            shown.update(_meter(time.monotonic() - began, seconds), raw=True)
        shown.update({"text/plain": "", "text/html": ""}, raw=True)


def _meter(elapsed: float, seconds: int) -> dict[str, str]:
    """Return the bar after some time, as plain text and for a browser."""
    shape = "{l_bar}{bar:30}| {elapsed} of about " + f"{seconds} s"
    done = min(elapsed, 0.99 * seconds)
    text = tqdm.format_meter(done, max(seconds, 1), elapsed, bar_format=shape)
    return {"text/plain": text, "text/html": f"<code>{text.replace(' ', '&nbsp;')}</code>"}


_bars: Bars | None = None


def watch() -> None:
    """Show bars in this notebook; in a plain script nothing is shown."""
    global _bars
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and _bars is None:
        _bars = Bars(shell)
        _bars.start()
