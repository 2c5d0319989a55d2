"""Run a command, and end its whole process tree when the process that asked for it is gone.

    python -I guard.py COMMAND...

The starter holds the other end of standard input. However it ends (restart, kill -9, a crash), the
system closes that pipe, and the guard ends every descendant of the command. An exit handler in the
starter would not do: nothing runs it after kill -9, and a server's workers have sessions of their
own. This file is run by its path, imports nothing of the project, and so starts in no time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys

import psutil

PATIENCE = 4.0  # seconds that a server gets to end by itself
LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # <sys/prctl.h>


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none gets out of sight."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_the_guard() -> None:
    """Ask the system to stop the command if the guard itself is killed."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Tree:
    """All descendants ever seen; without a subreaper (macOS) an orphan is found only that way."""

    def __init__(self) -> None:
        self.seen: set[psutil.Process] = set()

    def alive(self) -> list[psutil.Process]:
        """Look again, and return the descendants that live."""
        self.seen |= set(psutil.Process().children(recursive=True))
        self.seen = {p for p in self.seen if p.is_running()}
        return [p for p in self.seen if status(p) != psutil.STATUS_ZOMBIE]


def status(process: psutil.Process) -> str:
    """Return a process's status; one that is gone counts as a zombie."""
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_ZOMBIE)


def wait_for_the_end(child: subprocess.Popen[bytes], tree: Tree, wake: int) -> None:
    """Return when the starter is gone, a signal asks to stop, or the command has ended."""
    starter = os.getppid()
    while child.poll() is None and os.getppid() == starter:
        # The time-out is for what no event reports: a starter whose pipe a fork of it still holds.
        ready, _, _ = select.select([0, wake], [], [], 1.0)
        if 0 in ready and not os.read(0, 4096):
            return
        if wake in ready and any(number != signal.SIGCHLD for number in os.read(wake, 64)):
            return
        tree.alive()


def end(child: subprocess.Popen[bytes], tree: Tree) -> None:
    """End the command gently, then what it left behind, and what stays after that by force."""
    if child.poll() is None:
        tree.alive()
        child.terminate()  # alone, because a good server stops its own workers in good order
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
    psutil.wait_procs(_send(tree.alive(), signal.SIGTERM), timeout=PATIENCE)
    for _ in range(5):  # a dying process can still start another
        left = _send(tree.alive(), signal.SIGKILL)
        if not left:
            return
        psutil.wait_procs(left, timeout=2)


def _send(processes: list[psutil.Process], number: signal.Signals) -> list[psutil.Process]:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    return processes


def main(command: list[str]) -> int:
    """Guard one command and return its exit code."""
    adopt_orphans()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)  # the wake-up pipe gets it
    tree = Tree()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=end_with_the_guard)
    wait_for_the_end(child, tree, read)
    end(child, tree)
    return child.poll() or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
