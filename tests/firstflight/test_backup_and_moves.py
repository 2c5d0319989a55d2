"""A workspace is moved, copied, backed up and restored; the original is left alone."""

import contextlib
import datetime as dt
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from firstflight import backup, clock, files, moves, operations, registry, snapshot, state, train
from firstflight import drops as d
from firstflight.cli import app
from firstflight.errors import BackupError, StorageError
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT, Workspace, configure

D = dt.date
NAME = usecase.name
ODD = "ü 50%20 a?b#c"  # each sign once made a database outside the workspace, or none


def contents(root):
    """Return the digest of each file; the locks are held by whoever looks."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("writer.")
    }


def answers(version="1"):
    drops = operations.landed(usecase)
    release = registry.load(NAME, version)
    requests = usecase.requests(drops, D(2013, 2, 25), D(2013, 2, 26))
    return release.predict(requests, state.Store(NAME, release.feature_version, 2))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A workspace with one release, at a place whose name is hard enough."""
    before = dict(os.environ)
    ws = configure(Workspace(tmp_path_factory.mktemp("original") / ODD))
    clock.set_today("2013-03-01")
    for month in ("2013-01", "2013-02", "2013-03"):
        d.land(PROJECT / "data", ws.drops, usecase.sources.values(), month)
    drops = operations.landed(usecase)
    state.publish(usecase, drops, 1, D(2013, 2, 20), D(2013, 3, 1))
    taken = snapshot.take(usecase, drops, D(2013, 1, 8), D(2013, 2, 10), 1)
    registry.register(train.fit(usecase, taken, "logistic_regression"))
    yield ws, answers()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def elsewhere(original, tmp_path):
    """Go back to the original afterwards, which is as it was."""
    ws, _ = original
    before = contents(ws.root)
    yield tmp_path
    configure(ws)
    assert contents(ws.root) == before


# --- moved and copied -----------------------------------------------------------------------------


def test_everything_is_inside_however_the_folder_is_called(original):
    ws, _ = original
    assert [path.name for path in ws.root.parent.iterdir()] == [ODD]
    assert ws.database.is_file() and list(ws.artifacts.rglob("model.skops"))


def test_a_copy_answers_the_same_and_never_touches_the_original(original, elsewhere):
    ws, expected = original
    copy = Workspace(elsewhere / "copy ä%")
    shutil.copytree(ws.root, copy.root)
    configure(copy)
    assert np.array_equal(answers(), expected)
    taken = snapshot.load(registry.tags(NAME, "1")["snapshot"])
    registry.register(train.fit(usecase, taken, "hist_gradient_boosting"))
    assert len(list(copy.artifacts.rglob("model.skops"))) == 2
    for line in dump(copy.database):
        assert str(ws.root) not in line and ws.root.as_uri() not in line


def test_a_moved_workspace_goes_on_without_the_old_place(original, elsewhere):
    ws, expected = original
    first, second = Workspace(elsewhere / "first"), Workspace(elsewhere / "second")
    shutil.copytree(ws.root, first.root)
    configure(first)
    first.root.rename(second.root)
    configure(second)
    assert np.array_equal(answers(), expected)
    assert not first.root.exists()


@pytest.mark.parametrize("note", [None, b"", b"\xff", b"[]", b'{"root": 7}'])
def test_a_workspace_without_a_note_that_can_be_read_is_recognised(original, elsewhere, note):
    ws, expected = original
    copy = Workspace(elsewhere / "copy")
    shutil.copytree(ws.root, copy.root)
    copy.home_file.unlink()
    if note is not None:
        copy.home_file.write_bytes(note)
    configure(copy)
    assert np.array_equal(answers(), expected)
    assert not [line for line in dump(copy.database) if ws.root.as_uri() in line]


def test_opening_again_changes_nothing(original, elsewhere):
    ws, _ = original
    copy = Workspace(elsewhere / "copy")
    shutil.copytree(ws.root, copy.root)
    configure(copy)
    before = contents(copy.root)
    configure(copy)
    assert contents(copy.root) == before


DIE = """
import os, signal, sys
from pathlib import Path
from firstflight import files, moves, workspace
real, left = moves.rewrite, [int(sys.argv[2])]
def rewrite(database, table):
    if left[0] == 1:  # in the middle of the transaction
        import sqlite3
        old = moves._moved_text
        moves._moved_text = lambda *a: os.kill(os.getpid(), signal.SIGKILL) if count(a) else old(*a)
    if left[0] == 2:
        real(database, table)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(database, table)
seen = []
def count(a):
    seen.append(a)
    return len(seen) == 4
moves.rewrite = rewrite
workspace.configure(workspace.Workspace(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("where", [1, 2])
def test_a_kill_while_addresses_are_written_is_mended_by_the_next_opening(
    original, elsewhere, where
):
    ws, expected = original
    copy = Workspace(elsewhere / "copy")
    shutil.copytree(ws.root, copy.root)
    done = subprocess.run([sys.executable, "-c", DIE, str(copy.root), str(where)], check=False)
    assert done.returncode == -signal.SIGKILL
    configure(copy)
    assert np.array_equal(answers(), expected)
    assert not [line for line in dump(copy.database) if ws.root.as_uri() in line]


def test_only_addresses_below_the_old_folder_change(tmp_path):
    path = tmp_path / "x.db"
    texts = ["/old", "/old/a", "file:///old/a", "/older/a", "see /old/a", None, 7, b"/old/a"]
    texts += [json.dumps({"at": ["/old/b", "/older"]}), "{/old"]
    with contextlib.closing(sqlite3.connect(path)) as link:
        link.execute('CREATE TABLE "odd ""name" ("a b")')
        link.executemany('INSERT INTO "odd ""name" VALUES (?)', [(text,) for text in texts])
        link.commit()
    # A name with a quote in it is nobody's here; MLflow's and Prefect's tables have plain ones.
    with contextlib.closing(sqlite3.connect(path)) as link:
        link.execute('ALTER TABLE "odd ""name" RENAME TO "odd name"')
        link.commit()
    moves.rewrite(path, {"/old": "/new", "file:///old": "file:///new"})
    with contextlib.closing(sqlite3.connect(path)) as link:
        found = [row for (row,) in link.execute('SELECT * FROM "odd name"')]
    assert found[:3] == ["/new", "/new/a", "file:///new/a"]
    assert found[3:8] == texts[3:8]
    assert json.loads(found[8]) == {"at": ["/new/b", "/older"]} and found[9] == "{/old"


def dump(database):
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as link:
        return list(link.iterdump())


# --- backup and restore ---------------------------------------------------------------------------


@pytest.fixture
def archive(original, elsewhere):
    ws, _ = original
    configure(ws)
    done = backup.backup(elsewhere / "b.tar.gz")
    assert done.files > 20 and done.file.is_file()
    return done.file


def test_a_restored_workspace_answers_the_same(original, archive, elsewhere):
    ws, expected = original
    done = backup.restore(archive, elsewhere / "back ü%")
    same = contents(ws.root) | {"home.json": "", "mlflow.db": ""}
    assert contents(done.root) | {"home.json": "", "mlflow.db": ""} == same
    configure(Workspace(done.root))
    assert np.array_equal(answers(), expected)
    assert sorted(p.name for p in elsewhere.iterdir()) == ["b.tar.gz", "back ü%"]


def test_the_commands(original, elsewhere, monkeypatch):
    ws, _ = original
    configure(ws)
    runner = CliRunner()
    done = runner.invoke(app, ["backup", str(elsewhere / "c.tar.gz")])
    assert done.exit_code == 0 and done.stdout.startswith("backed up "), done.output
    # Restored where the workspace in use was, when that is damaged beyond opening.
    lost = Workspace(elsewhere / "lost")
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(lost.root))
    done = runner.invoke(app, ["restore", str(elsewhere / "c.tar.gz")])
    assert done.exit_code == 0 and f"to {lost.root}\n" in done.stdout
    done = runner.invoke(app, ["restore", str(elsewhere / "c.tar.gz")])
    assert done.exit_code == 1 and "is not empty" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_database_in_use_is_whole_in_the_archive(ws, tmp_path):
    with contextlib.closing(sqlite3.connect(ws.root / "any.db")) as link:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute("CREATE TABLE t (n)")
        link.execute("INSERT INTO t VALUES (7)")
        link.commit()  # and it is in the write-ahead log alone
        assert (ws.root / "any.db-wal").stat().st_size
        file = backup.backup(tmp_path / "b").file
    back = backup.restore(file, tmp_path / "back").root
    assert not list(back.glob("any.db-*"))
    with contextlib.closing(sqlite3.connect(back / "any.db")) as link:
        assert link.execute("SELECT n FROM t").fetchall() == [(7,)]


@pytest.fixture
def small(ws, tmp_path):
    """A backup of a few bytes, and where it may go."""
    for n in range(3):
        files.write(ws.root / "state" / f"{n}.json", os.urandom(3000))
    return backup.backup(tmp_path / "b.tar.gz").file, tmp_path / "to" / "here"


def refused(file, to, sentence):
    with pytest.raises(BackupError, match=sentence) as error:
        backup.restore(file, to)
    assert len(str(error.value).splitlines()) == 1
    assert not to.exists() and list(to.parent.glob(".*") if to.parent.exists() else ()) == []


def test_a_file_that_is_cut_off_anywhere_is_refused(small):
    file, to = small
    content = file.read_bytes()
    for size in [
        *range(0, len(content) - 9, 499),
        *range(len(content) - 9, len(content) - 1),
        len(content) - 1,
    ]:
        file.write_bytes(content[:size])
        refused(file, to, "is not a whole backup")
    file.write_bytes(content)
    assert backup.restore(file, to).files == 4  # control


def test_a_changed_byte_restores_nothing_wrong(small):
    """Some bytes of the packing mean nothing (a time, padding): then all that is restored is right.

    Anything else is refused.
    """
    file, to = small
    content = bytearray(file.read_bytes())
    right = contents(backup.restore(file, to).root)
    shutil.rmtree(to)
    count = 0
    for at in range(0, len(content), 211):
        changed = content.copy()
        changed[at] ^= 0x10
        file.write_bytes(changed)
        try:
            restored = backup.restore(file, to).root
        except BackupError as error:
            count += 1
            assert len(str(error).splitlines()) == 1
            assert not to.exists()
        else:
            assert contents(restored) | {"home.json": ""} == right | {"home.json": ""}
            shutil.rmtree(to)
    assert count > len(content) / 211 * 0.9


def packed(file, members, tail=None):
    with tarfile.open(file, "w:gz") as archive:
        for name, content, kind in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type = len(content), kind
            if kind == tarfile.SYMTYPE:
                entry.size, entry.linkname = 0, content.decode()
            archive.addfile(entry, io.BytesIO(content) if entry.size else None)
    return file


def listed(names):
    hashes = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in names}
    return json.dumps({"format": 1, "root": "/x", "files": hashes}).encode()


FILE, LINK = tarfile.REGTYPE, tarfile.SYMTYPE
FOREIGN = {
    "no manifest": [("workspace/a", b"1", FILE)],
    "nothing": [],
    "another format": [("manifest.json", b'{"format": 2, "files": {}}', FILE)],
    "a manifest of nonsense": [("manifest.json", b"[1]", FILE)],
    "a manifest that is no JSON": [("manifest.json", b"\xff", FILE)],
    "files that are no list": [("manifest.json", b'{"format": 1, "files": 3}', FILE)],
    "a file more": [("workspace/a", b"1", FILE), ("manifest.json", listed([]), FILE)],
    "a file less": [("manifest.json", listed([("a", b"1")]), FILE)],
    "another content": [
        ("workspace/a", b"2", FILE),
        ("manifest.json", listed([("a", b"1")]), FILE),
    ],
    "a way out": [
        ("workspace/../../../out", b"1", FILE),
        ("manifest.json", listed([("../../../out", b"1")]), FILE),
    ],
    "an absolute name": [("/tmp/out", b"1", FILE), ("manifest.json", listed([]), FILE)],
    "a link": [("workspace/a", b"/etc/passwd", LINK), ("manifest.json", listed([]), FILE)],
    "a file twice": [
        *[("workspace/a", b"1", FILE)] * 2,
        ("manifest.json", listed([("a", b"1")]), FILE),
    ],
    "more after its end": [("manifest.json", listed([]), FILE), ("workspace/a", b"1", FILE)],
}


@pytest.mark.parametrize("what", FOREIGN)
def test_an_archive_of_something_else_is_refused(tmp_path, what):
    file = packed(tmp_path / "x.tar.gz", FOREIGN[what])
    refused(file, tmp_path / "to" / "here", "is not a whole backup")
    assert sorted(p.name for p in tmp_path.iterdir()) in (["to", "x.tar.gz"], ["x.tar.gz"])


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"hello"), b"\x1f\x8b"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    refused(tmp_path / "x", tmp_path / "to", "is not a whole backup")


def test_what_stands_in_the_way_stays(small, ws, tmp_path):
    file, to = small
    before = contents(tmp_path)
    with pytest.raises(BackupError, match="is there already and was left"):
        backup.backup(file)
    with pytest.raises(BackupError, match="lies in the workspace"):
        backup.backup(ws.root / "b.tar.gz")
    with pytest.raises(BackupError, match="is not empty"):
        backup.restore(file, ws.root)
    with pytest.raises(BackupError, match="There is no file"):
        backup.restore(tmp_path / "none", to)
    assert contents(tmp_path) == before
    configure(Workspace(tmp_path / "nothing"))
    with pytest.raises(BackupError, match="There is no workspace"):
        backup.backup(tmp_path / "n.tar.gz")
    assert not (tmp_path / "nothing").exists()


class Broken(io.BytesIO):
    """A file on a disk that has gone bad."""

    def read(self, size=-1):
        raise OSError(5, "Input/output error")

    def fileno(self):
        return self.real.fileno()

    def __exit__(self, *error):
        self.real.close()


@pytest.mark.parametrize("what", ["file", "bytes", "folder"])
def test_what_cannot_be_read_is_named(ws, tmp_path, monkeypatch, what):
    bad = ws.reports / "bad"
    files.write(ws.reports / "good" / "note", "whole")
    files.write(bad / "note", "unread")
    opened, listed = Path.open, os.scandir

    def open_it(path, *mode):
        if path != bad / "note":
            return opened(path, *mode)
        if what == "file":
            raise PermissionError(13, "Permission denied", str(path))
        broken = Broken()
        broken.real, broken.name = opened(path, *mode), str(path)
        return broken

    def list_it(folder):
        if str(folder) == str(bad) and what == "folder":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", list_it)
        if what != "folder":
            patch.setattr(Path, "open", open_it)
        named = bad if what == "folder" else bad / "note"
        with pytest.raises(StorageError, match=f"{named} cannot be read .*nothing was backed up"):
            backup.backup(tmp_path / "a.tar.gz")
    assert list(tmp_path.iterdir()) == []
    assert backup.backup(tmp_path / "a.tar.gz").files >= 2  # the control


def test_a_link_to_a_folder_is_a_sentence(ws, tmp_path):
    (tmp_path / "other").mkdir()
    (ws.root / "predictions").symlink_to(tmp_path / "other")
    with pytest.raises(BackupError, match="is a link to a folder"):
        backup.backup(tmp_path / "b.tar.gz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other"]


FULL = """
import resource, signal, sys
from pathlib import Path
from firstflight import backup, errors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
try:
    getattr(backup, sys.argv[1])(*map(Path, sys.argv[2:]))
except errors.StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(small, ws, tmp_path, command):
    _, to = small
    files.write(ws.root / "state" / "large", os.urandom(20_000))
    large = backup.backup(tmp_path / "large.tar.gz").file
    arguments = [tmp_path / "new.tar.gz"] if command == "backup" else [large, to]
    before = contents(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "free some space" in done.stdout and len(done.stdout.splitlines()) == 1, done
    assert contents(tmp_path) == before and not to.exists()
    assert not [path for path in tmp_path.rglob("*.unfinished")]


KILLED = """
import os, signal, sys
from pathlib import Path
from firstflight import backup
def dies(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(backup, sys.argv[2], dies)
getattr(backup, sys.argv[1])(*map(Path, sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ("command", "where"), [("backup", "_add"), ("restore", "_unpack"), ("restore", "_files")]
)
def test_what_a_kill_left_goes_with_the_next_try(small, tmp_path, command, where):
    file, to = small
    new = tmp_path / "new.tar.gz"
    arguments = [str(new)] if command == "backup" else [str(file), str(to)]
    done = subprocess.run([sys.executable, "-c", KILLED, command, where, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not new.exists() and not to.exists()
    assert [path for path in tmp_path.rglob("*.unfinished")]
    backup.backup(new) if command == "backup" else backup.restore(file, to)
    assert not [path for path in tmp_path.rglob("*.unfinished")]


def test_storage_that_is_no_folder_is_a_sentence(small, tmp_path):
    file, _ = small
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="could not be written"):
        backup.restore(file, tmp_path / "file" / "inside")


# --- a database with a commit that was cut off ----------------------------------------------------

CUT_OFF = """
import os, signal, sqlite3, sys
link = sqlite3.connect(sys.argv[1], isolation_level=None)
link.execute("PRAGMA cache_size=1")
link.execute("BEGIN IMMEDIATE")
table, column = sys.argv[2].split(".")
link.execute(f"CREATE TABLE filler AS WITH RECURSIVE n(i) AS "
             "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, hex(i) FROM n")
link.execute(f"UPDATE {table} SET {column} = 'half'")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("where", ["in place", "moved", "backed up"])
def test_a_commit_that_was_cut_off_is_undone_by_the_next_reader(original, elsewhere, where):
    ws, expected = original
    copy = Workspace(elsewhere / "copy")
    shutil.copytree(ws.root, copy.root)
    configure(copy)
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, str(copy.database), "model_versions.name"], check=False
    )
    assert done.returncode == -signal.SIGKILL
    journal = copy.database.with_name("mlflow.db-journal")
    assert journal.stat().st_size  # control: SQLite must undo something
    if where == "moved":
        moved = Workspace(elsewhere / "moved")
        copy.root.rename(moved.root)
        moved.home_file.unlink()
        configure(moved)
    if where == "backed up":
        configure(
            Workspace(backup.restore(backup.backup(elsewhere / "b").file, elsewhere / "r").root)
        )
    registry.require()
    assert registry.versions(NAME) == ["1"]
    assert np.array_equal(answers(), expected)
