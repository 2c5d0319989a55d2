"""One writer at a time, and a dead one holds nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest
from pydantic import BaseModel

from firstflight import files, locks, records
from firstflight.errors import BusyError, StorageError

HOLD = """
import sys, time
from firstflight import locks
with locks.writing("train"):
    print("held", flush=True)
    time.sleep(60)
"""


def count(n: int) -> None:
    from firstflight import workspace

    path = workspace.current().root / "n"
    for _ in range(n):
        with locks.writing("count"):
            now = int(path.read_text()) if path.exists() else 0
            time.sleep(0.001)
            path.write_text(str(now + 1))


def test_processes_and_threads_that_count_lose_nothing(ws):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=count, args=(20,)) for _ in range(3)]
    workers += [threading.Thread(target=count, args=(20,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (ws.root / "n").read_text() == "100"


def test_a_second_writer_is_told_who_holds_it_and_a_killed_one_holds_nothing(ws):
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with (
            pytest.raises(
                BusyError, match=rf"promote waited 0 s for 'train' \(process {other.pid}"
            ),
            locks.writing("promote", patience=0.2),
        ):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with locks.writing("promote", patience=1):
        assert locks.holder() == f"'promote' (process {os.getpid()})"


def test_a_change_inside_a_change_goes_on(ws):
    with locks.writing("rollback"), locks.writing("promote", patience=0.1):
        pass
    with locks.writing("rollback", patience=0.1):  # and was released
        pass


def test_temporary_files_of_dead_processes_go_and_those_of_living_ones_stay(ws):
    files.write(ws.root / "a" / "b.txt", "ä")
    assert (ws.root / "a" / "b.txt").read_text(encoding="utf-8") == "ä"
    assert list(ws.temporary.iterdir()) == []
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    dead, living = ws.temporary / f"{gone.pid}-x", ws.temporary / f"{os.getpid()}-x"
    dead.touch()
    living.touch()
    with locks.writing("land"):
        assert list(ws.temporary.iterdir()) == [living]


def test_a_write_that_fails_leaves_the_old_file_and_no_part(ws, monkeypatch):
    path = ws.root / "x"
    files.write(path, b"old", durable=True)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(StorageError, match=r"x could not be written .*free some space"):
        files.write(path, b"new", durable=True)
    assert path.read_bytes() == b"old"
    assert list(ws.temporary.iterdir()) == []


class Note(BaseModel):
    text: str


def test_what_all_readers_see_is_written_whatever_becomes_of_the_folder(ws, monkeypatch, caplog):
    """Only the last step fails: a second try would write a second entry."""
    real = os.fsync

    def only_files(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", only_files)
    path = ws.root / "x"
    files.write(path, b"new", durable=True)
    assert path.read_bytes() == b"new" and f"{ws.root} is there" in caplog.text
    assert records.append("flights", "frozen", Note(text="once")) == 1
    assert records.all_of("flights", "frozen", Note) == [Note(text="once")]
    assert list(ws.temporary.iterdir()) == []

    def nothing(handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", nothing)  # the control: the bytes themselves are not there
    with pytest.raises(StorageError, match=r"000002\.json could not be written"):
        records.append("flights", "frozen", Note(text="twice"))
    assert records.numbers("flights", "frozen") == [1]
