"""The state that each lesson ends in: kept, put back whole, and out of everybody's reach."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from classroom import checkpoints, journal, workspaces
from classroom.errors import WorkspaceError
from firstflight import locks
from firstflight.errors import BusyError, StorageError

NOT_CONTENT = {".first-flight", "home.json", "writer.lock", "writer.json", "hands_on.json"}


@pytest.fixture
def ws(ws):
    """A workspace with a bit of everything: a database, long and short texts, a nested file."""
    workspaces.prepare(ws)
    with closing(sqlite3.connect(ws.root / "mlflow.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("create table runs (name)")
        database.execute("insert into runs values ('first')")
        database.commit()
    (ws.root / "log.jsonl").write_text("a long line of text\n" * 20_000)
    (ws.root / "state" / "v1").mkdir(parents=True)
    (ws.root / "state" / "v1" / "part.parquet").write_bytes(os.urandom(300_000))
    (ws.root / "process.toml").write_text("min_days = 10\n")
    return ws


def content(ws):
    """Return all files that are state, with what is in them; databases by their rows."""
    found = {}
    for path in sorted(ws.root.rglob("*")):
        name = path.relative_to(ws.root).as_posix()
        if path.is_dir() or name.split("/")[0] in NOT_CONTENT | {"checkpoints", "tmp"}:
            continue
        if name.endswith(("-wal", "-shm")):
            continue
        found[name] = runs(path) if path.suffix == ".db" else path.read_bytes()
    return found


def runs(path):
    with closing(sqlite3.connect(path)) as database:
        return [name for (name,) in database.execute("select name from runs")]


def spoil(ws):
    """Change, delete and add, each where a lesson might."""
    with closing(sqlite3.connect(ws.root / "mlflow.db")) as database:
        database.execute("insert into runs values ('second')")
        database.commit()
    with (ws.root / "log.jsonl").open("a") as file:
        file.write("more\n")
    (ws.root / "process.toml").write_text("min_days = 99\n")  # of the same length
    (ws.root / "state" / "v1" / "part.parquet").unlink()
    (ws.root / "state" / "v2" / "new").mkdir(parents=True)
    (ws.root / "state" / "v2" / "new" / "part.parquet").write_text("new")


def test_there_and_back(ws):
    before = content(ws)
    checkpoints.save(ws, "00")
    assert content(ws) == before and checkpoints.kept(ws) == ["00"]
    assert checkpoints.restore(ws, "00") == []  # the control: nothing to put back
    spoil(ws)
    assert checkpoints.restore(ws, "00") == [
        *("log.jsonl", "mlflow.db", "process.toml", "state/v1/part.parquet"),
        "state/v2/new/part.parquet",
    ]
    assert content(ws) == before and not (ws.root / "state" / "v2").exists()
    assert checkpoints.restore(ws, "00") == []


def test_what_is_the_learners_stays(ws):
    checkpoints.save(ws, "00")
    workspaces.note(ws, journal.NAME, {"exercises": {"00-ex1": {"passed": True, "checks": 1}}})
    workspaces.note(ws, "done.json", ["00"])
    (ws.root / "ledger.jsonl").write_text("{}\n")
    checkpoints.restore(ws, "00")
    assert journal.read(ws)["exercises"] and workspaces.done(ws) == ["00"]
    checkpoints.restore(ws, None)
    assert journal.read(ws)["exercises"] and (ws.root / "ledger.jsonl").exists()


def test_the_beginning_is_empty_and_a_new_database_takes_up_no_old_changes(ws):
    checkpoints.save(ws, "00")
    spoil(ws)
    with closing(sqlite3.connect(ws.root / "mlflow.db")) as still_open:
        still_open.execute("insert into runs values ('third')")
        still_open.commit()
        checkpoints.restore(ws, None)
        assert content(ws) == {} and not list(ws.root.glob("mlflow.db*"))
        assert checkpoints.kept(ws) == ["00"]
    checkpoints.restore(ws, "00")
    assert runs(ws.root / "mlflow.db") == ["first"]


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_whoever_has_a_database_open_sees_what_was_put_back(ws, mode):
    path = ws.root / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
        database.execute("insert into runs values ('of the lesson')")
        database.commit()
        checkpoints.save(ws, "00")  # while it is open, with rows in its log
        database.execute("insert into runs values ('later')")
        database.commit()
        assert checkpoints.restore(ws, "00") == ["mlflow.db"]
        rows = database.execute("select name from runs").fetchall()
        assert rows == [("first",), ("of the lesson",)]
        database.execute("insert into runs values ('goes on')")
        database.commit()
    assert runs(path) == ["first", "of the lesson", "goes on"]
    assert not list((checkpoints.place(ws, "00")).glob("*-wal"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_change_that_does_not_end_is_a_sentence_and_no_endless_wait(ws, monkeypatch):
    monkeypatch.setattr(checkpoints, "PATIENCE", 0.5)
    checkpoints.save(ws, "00")
    spoil(ws)
    with closing(sqlite3.connect(ws.root / "mlflow.db")) as other:
        other.execute("begin immediate")
        with pytest.raises(WorkspaceError, match=r"mlflow.db .*close what has it open"):
            checkpoints.restore(ws, "00")
        assert checkpoints.unfinished(ws)
    checkpoints.restore(ws, "00")
    assert runs(ws.root / "mlflow.db") == ["first"] and not checkpoints.unfinished(ws)


def test_nothing_that_is_done_to_the_workspace_reaches_a_checkpoint(ws):
    before = content(ws)
    for number in ("00", "01"):  # the second one is made of links to the first
        checkpoints.save(ws, number)
        checkpoints.restore(ws, number)
    for path in [p for p in ws.root.rglob("*") if p.is_file() and "checkpoints" not in p.parts]:
        if path.suffix in (".toml", ".parquet", ".jsonl"):
            with path.open("r+b") as file:  # in place: the same file on the disk
                file.write(b"tampered")
    with closing(sqlite3.connect(ws.root / "mlflow.db")) as database:
        database.execute("update runs set name = 'tampered'")
        database.commit()
    for number in ("00", "01"):
        checkpoints.restore(ws, number)
        assert content(ws) == before


def test_a_file_in_a_folders_place_and_a_folder_in_a_files(ws):
    before = content(ws)
    checkpoints.save(ws, "00")
    (ws.root / "process.toml").unlink()
    (ws.root / "process.toml").mkdir()
    (ws.root / "process.toml" / "x").write_text("x")
    (ws.root / "state" / "v1" / "part.parquet").unlink()
    (ws.root / "state" / "v1").rmdir()
    (ws.root / "state" / "v1").write_text("a file now")
    (ws.root / "mlflow.db").write_text("no database any more")
    checkpoints.restore(ws, "00")
    assert content(ws) == before


def test_what_is_not_a_file_or_lies_elsewhere_is_left_alone(ws, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.tex").write_text("mine")
    (ws.root / "mine").symlink_to(elsewhere)
    (ws.root / "gone").symlink_to(tmp_path / "nowhere")
    with closing(socket.socket(socket.AF_UNIX)) as server:
        here = os.getcwd()
        os.chdir(ws.root)  # the address may be 107 letters long
        server.bind("socket")
        os.chdir(here)
        os.mkfifo(ws.root / "state" / "pipe")
        checkpoints.save(ws, "00")
        checkpoints.restore(ws, "00")
        checkpoints.restore(ws, None)
    assert (elsewhere / "thesis.tex").read_text() == "mine"


def test_a_missing_checkpoint_is_a_sentence_and_changes_nothing(ws):
    before = content(ws)
    with pytest.raises(WorkspaceError, match=r"end of lesson 03 is not kept .*`course start 04`"):
        checkpoints.restore(ws, "03")
    (checkpoints.place(ws, "03")).mkdir(parents=True)  # a half of one is none
    with pytest.raises(WorkspaceError, match="not kept"):
        checkpoints.restore(ws, "03")
    assert content(ws) == before and not checkpoints.unfinished(ws)


def test_texts_are_packed_and_what_is_the_same_is_there_once(ws):
    checkpoints.save(ws, "00")
    packed = checkpoints.place(ws, "00") / "log.jsonl.packed"
    assert packed.stat().st_size < 10_000 < (ws.root / "log.jsonl").stat().st_size
    first = checkpoints.size_mb(ws)
    checkpoints.save(ws, "01")
    assert checkpoints.size_mb(ws) < first + 0.02  # a database more
    (ws.root / "state" / "v1" / "more.parquet").write_bytes(os.urandom(500_000))
    checkpoints.save(ws, "02")
    assert first + 0.45 < checkpoints.size_mb(ws) < first + 0.55
    checkpoints.forget(ws)
    assert checkpoints.kept(ws) == [] and checkpoints.size_mb(ws) == 0


def test_a_lesson_that_ends_again_replaces_its_checkpoint(ws):
    checkpoints.save(ws, "00")
    spoil(ws)
    later = content(ws)
    checkpoints.save(ws, "00")
    checkpoints.restore(ws, None)
    checkpoints.restore(ws, "00")
    assert content(ws) == later
    assert [p.name for p in (ws.root / "checkpoints").iterdir()] == ["00"]


def test_a_full_disk_leaves_the_older_checkpoint(ws, monkeypatch):
    before = content(ws)
    checkpoints.save(ws, "00")
    spoil(ws)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(ws.root / "x"))

    monkeypatch.setattr(checkpoints, "_store", full)
    with pytest.raises(StorageError, match="No space left"):
        checkpoints.save(ws, "00")
    monkeypatch.setattr(checkpoints, "_unpack", full)
    with pytest.raises(StorageError, match=r"No space left .*free some space"):
        checkpoints.restore(ws, "00")
    assert checkpoints.unfinished(ws)
    monkeypatch.undo()
    os.environ["FIRSTFLIGHT_HOME"] = str(ws.root)
    checkpoints.restore(ws, "00")
    assert content(ws) == before and not checkpoints.unfinished(ws)


def test_a_command_at_work_is_told_and_nothing_changes(ws, monkeypatch):
    monkeypatch.setattr(checkpoints, "PATIENCE", 0.3)
    checkpoints.save(ws, "00")
    spoil(ws)
    before = content(ws)
    code = (
        "import sys; from pathlib import Path; from firstflight import locks\n"
        "with locks.writing('promote', root=Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.readline()"
    )
    argv = [sys.executable, "-c", code, str(ws.root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        for call in (checkpoints.save, checkpoints.restore):
            with pytest.raises(BusyError, match="promote"):
                call(ws, "00")
        assert content(ws) == before and not checkpoints.unfinished(ws)
        other.kill()
    with locks.writing("control", root=ws.root):
        pass


KILLED = """
import sys, time
from pathlib import Path
from classroom import checkpoints
from firstflight.workspace import Workspace
ws = Workspace(Path(sys.argv[1]))
name, after = sys.argv[3], int(sys.argv[4])
real, calls = getattr(checkpoints, name), []
def slow(*args):
    calls.append(args)
    if len(calls) > after:
        print("half", flush=True)
        time.sleep(60)
    return real(*args)
setattr(checkpoints, name, slow)
getattr(checkpoints, sys.argv[2])(ws, "00")
"""


def killed_in(ws, what, name, after):
    argv = [sys.executable, "-c", KILLED, str(ws.root), what, name, str(after)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("after", [0, 2])
def test_a_killed_restoration_is_known_and_done_again(ws, after):
    before = content(ws)
    checkpoints.save(ws, "00")
    spoil(ws)
    killed_in(ws, "restore", "_put_back", after)
    assert checkpoints.unfinished(ws) and content(ws) != before
    checkpoints.restore(ws, "00")
    assert content(ws) == before and not checkpoints.unfinished(ws)


@pytest.mark.parametrize("after", [0, 2])
def test_a_killed_save_leaves_the_older_checkpoint_and_counts_for_none(ws, after):
    killed_in(ws, "save", "_keep", after)
    assert checkpoints.kept(ws) == []
    before = content(ws)
    checkpoints.save(ws, "00")
    spoil(ws)
    killed_in(ws, "save", "_keep", after)
    assert checkpoints.kept(ws) == ["00"]
    checkpoints.restore(ws, "00")
    assert content(ws) == before


def test_a_file_that_goes_while_it_is_kept_is_no_error(ws, monkeypatch):
    real = checkpoints._state

    def listed(root):
        return [*real(root), ws.root / "gone.tmp"]

    monkeypatch.setattr(checkpoints, "_state", listed)
    checkpoints.save(ws, "00")
    assert checkpoints.kept(ws) == ["00"]


def test_a_checkpoint_of_a_copied_workspace_names_the_copy(tmp_path, monkeypatch):
    """MLflow's database keeps absolute addresses: a copy must not read the original's files."""
    import shutil
    import sqlite3
    from contextlib import closing

    from classroom import checkpoints, workspaces
    from firstflight.workspace import Workspace

    original, copy = Workspace(tmp_path / "one"), Workspace(tmp_path / "two")
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(original.root))
    workspaces.prepare(original)
    with closing(sqlite3.connect(original.database)) as link:
        link.execute("CREATE TABLE experiments (name TEXT, artifact_location TEXT)")
        link.execute(
            "INSERT INTO experiments VALUES ('a', ?)", (f"{original.artifacts.as_uri()}/1",)
        )
        link.commit()
    checkpoints.save(original, "00")
    shutil.copytree(original.root, copy.root)
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(copy.root))
    checkpoints.restore(copy, "00")
    with closing(sqlite3.connect(copy.database)) as link:
        (address,) = link.execute("SELECT artifact_location FROM experiments").fetchone()
    assert address == f"{copy.artifacts.as_uri()}/1"
