"""How much memory a process and everything it started hold."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

MB = 1024 * 1024


def process_mb(process: psutil.Process) -> float:
    """Return the memory of one process in MB.

    The proportional set size (PSS) shares a page among the processes that map it, so a sum over a
    tree counts it once. Where the system has no PSS (macOS), the resident size stands in.
    """
    try:
        info = process.memory_full_info()
    except psutil.AccessDenied:
        info = process.memory_info()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0.0
    return float(getattr(info, "pss", info.rss)) / MB


def descendants(pid: int) -> list[psutil.Process]:
    """Return every living process that `pid` started, directly or not."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def tree_mb(pid: int, *, itself: bool = True) -> float:
    """Return the memory of a process tree in MB.

    Parameters
    ----------
    pid : int
        The root of the tree.
    itself : bool, default True
        Count the root too.
    """
    processes = descendants(pid)
    if itself and psutil.pid_exists(pid):
        processes.append(psutil.Process(pid))
    return sum(process_mb(process) for process in processes)


@dataclass
class Peak:
    """The largest sum seen so far, in MB."""

    mb: float = 0.0


@contextmanager
def peak_of_descendants(every: float = 0.3) -> Iterator[Peak]:
    """Sample the memory of all descendants of this process while the block runs.

    Parameters
    ----------
    every : float, default 0.3
        Seconds between samples. A shorter peak can be missed.
    """
    peak, stop = Peak(), threading.Event()

    def sample() -> None:
        while not stop.wait(every):
            peak.mb = max(peak.mb, tree_mb(os.getpid(), itself=False))

    thread = threading.Thread(target=sample, name="memory", daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
