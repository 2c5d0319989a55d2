"""The one record: who may write it, what it refuses, and what a cut or a broken registry leaves."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from firstflight import (
    clock,
    deployments,
    gate,
    history,
    judgements,
    process,
    records,
    registry,
    workspace,
)
from firstflight.cli import app
from firstflight.errors import (
    FirstFlightError,
    PermissionRefused,
    RecordError,
    RegistryError,
    RolloutError,
)

NAME = "flights"
OWNER = {"by": "model_owner", "reason": "a test"}
CALL = {"by": "on_call", "reason": "a test"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Make an empty registry once: MLflow takes seconds for its tables."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("empty") / "workspace"
        patch.setenv("FIRSTFLIGHT_HOME", str(home))
        workspace.configure(workspace.Workspace(home))
        registry.create()
        return workspace.current().database


@pytest.fixture
def shelf(empty, ws):
    """Give a registry with four versions that are nothing but numbers: none is loaded here."""
    clock.set_today("2013-04-01")
    shutil.copyfile(empty, ws.database)
    client = MlflowClient(ws.tracking_uri, ws.tracking_uri)
    client.create_registered_model(NAME)
    for _ in range(4):
        client.create_model_version(NAME, source=(ws.artifacts / "none").as_uri())
    return ws


def change(action, after, mode="off", share=0.0, details=None, **who):
    return deployments.change(
        NAME, action, after=after, mode=mode, share=share, details=details, **(who or OWNER)
    )


def everything():
    return history.serving(NAME), len(records.numbers(NAME, "deployments")), registry.aliases(NAME)


def judged(version, outcome):
    verdict = gate.Verdict(
        verdict=outcome,
        decided_by="all rules" if outcome == "pass" else "better_than_live",
        metric="log_loss",
        n_rows=9000,
        n_days=14,
        first_day=dt.date(2013, 3, 18),
        last_day=dt.date(2013, 3, 31),
        checks=(gate.Check(rule="better_than_live", outcome=outcome, sentence="As told."),),
        rules_digest="0" * 12,
    )
    return judgements.record_verdict(NAME, version, "", verdict)


# --- permission ---------------------------------------------------------------------------------

ACTIONS = {
    "promote": dict(after={"live": "2"}),
    "shadow": dict(after={"candidate": "2"}, mode="shadow"),
    "canary": dict(after={"candidate": "2"}, mode="canary", share=0.2),
    "abort": dict(after={"candidate": None}),
    "waive": dict(after={}, details={"version": "2", "verdict": 1, "reason": "x"}),
    "withdraw": dict(after={"live": None}),
    "rollback": dict(after={"live": "1"}),
    "alias": dict(after={"live": "1"}),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_asks_its_own_permission_where_it_is_written(shelf, action):
    """Every role of the process, every action: who has the permission may, all others may not."""
    change("promote", {"live": "1"})
    rules = process.load()
    permission = deployments.PERMISSION[action]
    allowed = getattr(rules.permissions, permission)
    assert set(ACTIONS) == set(deployments.PERMISSION), "all actions are tried here"
    for role in (*rules.owners, "release_manager", "", "MODEL_OWNER"):
        before = everything()
        if role in allowed:
            assert change(action, by=role, reason="it may", **ACTIONS[action]).by == role
        else:
            with pytest.raises(FirstFlightError, match=rf"permissions\.{permission}|a role"):
                change(action, by=role, reason="it may not", **ACTIONS[action])
            assert everything() == before


def test_a_forced_rollback_asks_for_its_own_permission_whoever_calls(shelf):
    change("promote", {"live": "1"})
    before = everything()
    with pytest.raises(PermissionRefused, match=r"permissions\.force_rollback"):
        change("rollback", {"live": "1"}, details={"forced": True}, **CALL)
    assert everything() == before
    change("rollback", {"live": "1"}, details={"forced": False}, **CALL)
    change("rollback", {"live": "1"}, details={"forced": True}, **OWNER)


def test_aliases_moved_by_hand_bring_nothing_new_into_service(shelf):
    """The right to go back is no right to go on: past the gate nothing gets in this way."""
    change("promote", {"live": "1"})
    change("promote", {"live": "2", "previous": "1"})
    back = change("alias", {"live": "1", "previous": "2"}, **CALL)
    undone = change("alias", {"live": "2", "previous": "1"}, **CALL)
    assert (back.after, undone.after) == (undone.before, back.before)
    before = everything()
    for after, mode, share in (
        ({"live": "3"}, "off", 0.0),
        ({"previous": "3"}, "off", 0.0),
        ({"candidate": "3"}, "off", 0.0),
        ({"candidate": "1"}, "canary", 0.9),
        ({"candidate": "1"}, "shadow", 0.0),
    ):
        for who in (CALL, OWNER):
            with pytest.raises(RolloutError, match="by hand"):
                change("alias", after, mode, share, **who)
    assert everything() == before


# --- sense --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "options", "words"),
    [
        ("promote", dict(after={"live": "77"}), "no version or alias '77'"),
        ("promote", dict(after={"live": "02"}), "no version or alias '02'"),
        ("promote", dict(after={"live": "live"}), "'live'"),
        ("promote", dict(after={"live": ""}), "''"),
        ("promote", dict(after={"champion": "2"}), "no alias 'champion'"),
        ("shadow", dict(after={"candidate": "1"}, mode="shadow"), "its own candidate"),
        ("shadow", dict(after={}, mode="shadow"), "needs a live release and a candidate"),
        ("canary", dict(after={"candidate": "2"}, mode="canary", share=0.0), "share"),
        ("canary", dict(after={"candidate": "2"}, mode="canary", share=1.5), "share"),
        ("canary", dict(after={"candidate": "2"}, mode="canary", share=float("nan")), "share"),
        ("abort", dict(after={}, mode="off", share=0.5), "share"),
        ("toss", dict(after={"live": "2"}), "toss"),
    ],
)
def test_what_cannot_serve_is_refused_and_changes_nothing(shelf, action, options, words):
    change("promote", {"live": "1"})
    before = everything()
    with pytest.raises(FirstFlightError, match=words):
        change(action, **options)
    assert everything() == before


@pytest.mark.parametrize("reason", ["", " \n\t", "x" * 2001, "half a letter: \ud800"])
def test_a_reason_that_nobody_could_read_is_refused(shelf, reason):
    before = everything()
    with pytest.raises(FirstFlightError):
        change("promote", {"live": "1"}, by="model_owner", reason=reason)
    assert everything() == before
    assert list(shelf.temporary.glob("*")) == []
    change("promote", {"live": "1"}, by="model_owner", reason="x" * 2000)


def test_a_reason_may_hold_any_letter_and_any_brackets(shelf):
    odd = "[/red] [bold]späť ☂ 東京[/] \\[x]"
    change("promote", {"live": "1"}, by="model_owner", reason=odd)
    for words in (["history"], ["history", "--at", "2013-04-01"], ["history", "--json"]):
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 0, found.output
        assert "[/red]" in found.stdout


def test_nothing_live_is_said_in_words(shelf):
    change("promote", {"live": "1"})
    change("withdraw", {"live": None}, by="model_owner", reason="worse than no answer")
    said = CliRunner().invoke(app, ["history", "--at", "2013-04-02"]).stdout
    assert "nothing of flights was live" in said and "withdraw by model_owner" in said


# --- tags for people ----------------------------------------------------------------------------


def test_tags_say_what_the_newest_record_says_and_nothing_of_older_ones(shelf):
    judged("2", "hold")
    details = {"version": "2", "verdict": 1, "reason": "a bet"}
    change("promote", {"live": "1"})
    change("waive", {}, details=details)
    assert registry.tags(NAME, "2")["waiver.reason"] == "a bet"
    judged("2", "fail")
    tags = registry.tags(NAME, "2")
    assert tags["gate.verdict"] == "fail" and tags["gate.record"] == "2"
    assert not [key for key in tags if key.startswith("waiver.")], "it was for verdict 1"


# --- a registry that does not take it -----------------------------------------------------------


def test_a_change_that_is_made_is_not_called_failed_if_mlflow_cannot_follow(shelf, monkeypatch):
    change("promote", {"live": "1"})

    def full(*_, **__):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", full)
    monkeypatch.setattr(MlflowClient, "set_registered_model_tag", full)
    entry = change("promote", {"live": "2", "previous": "1"})
    assert history.serving(NAME).n == entry.n == 2
    assert deployments.unfinished(NAME) == [2]
    # The next command cannot finish it either, and does not say that it did.
    assert deployments.settle(NAME) == entry and deployments.unfinished(NAME) == [2]
    shown = CliRunner().invoke(app, ["history"])
    assert shown.exit_code == 0 and "finished change" not in shown.stderr
    monkeypatch.undo()
    os.environ["FIRSTFLIGHT_HOME"] = str(shelf.root)
    assert "finished change 2" in CliRunner().invoke(app, ["history"]).stderr
    assert registry.aliases(NAME) == {"live": "2", "previous": "1"}
    assert deployments.settle(NAME) is None


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"no database " * 5000),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one page": lambda path: path.write_bytes(path.read_bytes()[:4096]),
    "another program's": lambda path: (
        path.unlink(),
        sqlite3.connect(path).executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1);"),
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
COMMANDS = (
    ("promote", "2", "--by", "model_owner", "--reason", "a test of ours"),
    ("shadow", "2", "--by", "model_owner", "--reason", "a test of ours"),
    ("waive", "2", "--by", "model_owner", "--reason", "a test of ours"),
    ("withdraw", "--by", "model_owner", "--reason", "a test of ours"),
    ("rollback", "--reason", "a test of ours"),
    ("gate", "2"),
    ("check",),
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_registry_that_is_not_whole_is_one_sentence_and_none_is_made(shelf, damage):
    change("promote", {"live": "1"})
    judged("2", "hold")
    before = history.entries(NAME)
    path = workspace.current().database
    DAMAGES[damage](path)
    was = path.read_bytes() if path.is_file() else None
    for words in COMMANDS:
        found = CliRunner().invoke(app, list(words))
        said = " ".join(found.stderr.split())
        assert found.exit_code == 1 and "Traceback" not in said, (words, found.output)
        assert "registry" in said and "restore it from a backup" in said, (words, said)
    assert history.entries(NAME) == before, "nothing was changed"
    assert (path.read_bytes() if path.is_file() else None) == was, "and nothing was made"
    told = CliRunner().invoke(app, ["history"])
    assert told.exit_code == 0 and "a test" in told.stdout, "what needs no registry works"


def test_a_kill_in_the_middle_of_a_commit_leaves_a_registry_that_can_be_read(shelf):
    """A journal that is still to be taken back is no damage."""
    change("promote", {"live": "1"})
    path = workspace.current().database
    script = f"""
import os, signal, sqlite3
db = sqlite3.connect({str(path)!r}, isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("CREATE TABLE filler (x)")
for n in range(2000):
    db.execute("INSERT INTO filler VALUES (?)", ("x" * 500,))
db.execute("UPDATE registered_models SET description = 'half'")
print(os.path.exists({str(path)!r} + "-journal"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL and done.stdout == "True\n"
    registry.require()
    change("promote", {"live": "2", "previous": "1"})
    assert registry.aliases(NAME) == {"live": "2", "previous": "1"}


def test_the_first_registry_is_made_whole_or_not_at_all(ws):
    """A kill while MLflow makes its tables leaves no half database."""
    script = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from firstflight import registry, workspace
workspace.configure()
left = [int(sys.argv[1])]
def write(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "commit", write)
registry.create()
"""
    database = workspace.current().database
    for n in (1, 3):
        done = subprocess.run([sys.executable, "-c", script, str(n)], capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
        assert not database.exists()
    registry.create()
    registry.require()
    registry.create()  # a second time changes nothing
    assert list(ws.temporary.glob("*")) == []
    database.unlink()
    records.folder(NAME, "deployments").mkdir(parents=True)
    (records.folder(NAME, "deployments") / "000001.json").write_text("{}")
    with pytest.raises(RegistryError, match="restore it from a backup"):
        registry.create()
    assert not database.exists()


# --- records ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"n": 1}', b"x" * 100_000, None, "another"],
    ids=["empty", "half", "a list", "null", "no text", "too little", "noise", "gone", "another's"],
)
@pytest.mark.parametrize("which", [1, 2])
def test_a_damaged_entry_is_one_sentence_and_never_skipped(shelf, damage, which):
    change("promote", {"live": "1"})
    change("promote", {"live": "2", "previous": "1"})
    folder = records.folder(NAME, "deployments")
    path = folder / f"00000{which}.json"
    if damage is None:
        path.unlink()
    elif damage == "another":
        path.write_bytes((folder / f"00000{3 - which}.json").read_bytes())
    else:
        path.write_bytes(damage)
    if which == 2 and damage is None:
        return  # the last page torn out of a book cannot be seen from the book
    with pytest.raises(RecordError, match="restore"):
        history.entries(NAME)
    for words in (["history"], ["status"]):
        found = CliRunner().invoke(app, words)
        assert "Traceback" not in found.output and "restore" in found.output, (words, found.output)
    if which == 2:
        with pytest.raises(RecordError, match="restore"):
            history.serving(NAME)
    else:
        assert history.serving(NAME).releases["live"] == "2", "what serves is whole"


def append_many(n):
    workspace.configure()
    for _ in range(n):
        now = history.serving(NAME)
        deployments.change(NAME, "alias", after={}, mode=now.mode, share=now.share, **OWNER)


def test_processes_that_write_at_once_give_each_number_once(shelf):
    change("promote", {"live": "1"})
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=append_many, args=(8,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [entry.n for entry in history.entries(NAME)] == list(range(1, 26))
    assert history.serving(NAME).n == 25
