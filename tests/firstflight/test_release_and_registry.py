"""The release and the registry: what was saved is what serves; every change is in the history."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import mlflow
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from firstflight import (
    clock,
    database,
    deployments,
    history,
    judgements,
    operations,
    preflight,
    process,
    records,
    registry,
    release,
    rollout,
    snapshot,
    train,
)
from firstflight import drops as d
from firstflight.cli import app
from firstflight.errors import (
    ClockError,
    GateError,
    PermissionRefused,
    RecordError,
    RegistryError,
    ReleaseError,
    RolloutError,
)
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT, Workspace, configure, current

D = dt.date
NAME = usecase.name


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace with three registered versions, the first one judged; each test leaves it so."""
    before = pytest.MonkeyPatch()
    ws = Workspace(tmp_path_factory.mktemp("registry") / "workspace")
    before.setenv("FIRSTFLIGHT_HOME", str(ws.root))
    configure(ws)
    clock.set_today("2013-04-01")
    for month in ("2013-01", "2013-02", "2013-03", "2013-04"):
        d.land(PROJECT / "data", ws.drops, usecase.sources.values(), month)
    drops = operations.landed(usecase)
    for recipe, end in (
        ("logistic_regression", D(2013, 3, 17)),
        ("hist_gradient_boosting", D(2013, 3, 17)),
        ("logistic_regression", D(2013, 3, 20)),
    ):
        taken = snapshot.take(usecase, drops, D(2013, 1, 1), end, 1)
        registry.register(train.fit(usecase, taken, recipe))
    yield ws
    before.undo()


@pytest.fixture
def clean(shop):
    """Aliases and tags as the test found them, whatever it does."""
    yield shop
    shutil.rmtree(shop.records, ignore_errors=True)
    client = registry.client()
    for alias in registry.aliases(NAME):
        client.delete_registered_model_alias(NAME, alias)
    for key in ("rollout_mode", "rollout_share", registry.MIRRORED):
        client.set_registered_model_tag(NAME, key, "")
    for version in registry.versions(NAME):
        for key in registry.tags(NAME, version):
            if key.startswith(("gate.", "rollout.", "waiver.")):
                client.delete_model_version_tag(NAME, version, key)
    clock.set_today("2013-04-01")


def folder(version: str) -> Path:
    return Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version}"))


# --- the release --------------------------------------------------------------------------------


def test_a_release_is_one_mlflow_model_without_pickle(shop):
    where = folder("2")
    names = {path.name for path in where.rglob("*") if path.is_file()}
    assert {"MLmodel", "model.skops", "release.json", "golden.json", "feature_code.py"} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
    loaded = registry.load(NAME, "2")
    assert loaded.about["feature_version"] == 1 and len(loaded.golden["answers"]) == 20
    assert len(loaded.reference) == release.N_REFERENCE
    run = registry.client().get_run(registry.run_of(NAME, "2"))
    assert run.inputs.dataset_inputs[0].dataset.digest == loaded.about["snapshot"]
    assert loaded.about["snapshot"] == registry.tags(NAME, "2")["snapshot"]
    info = mlflow.models.get_model_info(f"models:/{NAME}/2")
    assert list(info.signature.inputs.input_names()) == list(usecase.features[1].columns)


@pytest.mark.parametrize("n", [3, 100, 400])
def test_the_schema_of_a_few_rows_is_that_of_all(n):
    rng = np.random.default_rng(n)
    features = pd.DataFrame(
        {
            "late": np.where(np.arange(n) == n - 1, np.nan, rng.normal(size=n)),
            "never": np.nan,
            "whole": rng.integers(0, 9, n),
            "word": np.where(np.arange(n) == n - 2, None, "JFK"),
            "kind": pd.Categorical(np.where(np.arange(n) % 2, "a", "b")),
        }
    )
    label = pd.Series(rng.integers(0, 2, n))
    fitted = SimpleNamespace(
        features=features,
        label=label,
        usecase=usecase,
        snapshot=SimpleNamespace(digest="0123"),
    )
    said = registry._training_data(fitted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whole numbers cannot be missing
        whole = mlflow.data.from_pandas(features.assign(label=label)).schema
    assert said.schema == whole and said.profile["num_rows"] == n
    assert [c.required for c in whole][:4] == [False, False, True, False]


@pytest.mark.parametrize(
    "name", ["model.skops", "extra_files/golden.json", "extra_files/release.json", "MLmodel"]
)
def test_one_changed_byte_is_refused(shop, name):
    path = folder("1") / name
    whole = path.read_bytes()
    registry.load(NAME, "1")  # the control
    try:
        path.write_bytes(whole[:-2] + b"x" + whole[-1:])
        with pytest.raises(ReleaseError, match="its files were altered"):
            registry.load(NAME, "1")
    finally:
        path.write_bytes(whole)
    registry.load(NAME, "1")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("environment", {"scikit-learn": "1.0"}, "made with scikit-learn 1.0"),
        ("code_digest", "0" * 16, "a change needs a new version"),
        ("feature_version", 9, "needs feature version 9"),
    ],
)
def test_another_environment_or_feature_code_is_refused(shop, key, value, sentence):
    path = folder("1") / "extra_files" / "release.json"
    whole = path.read_text()
    try:
        path.write_text(json.dumps({**json.loads(whole), key: value}))
        with pytest.raises(ReleaseError, match=sentence):
            release.load(f"models:/{NAME}/1")  # without its digest: these checks stand alone
    finally:
        path.write_text(whole)
    release.load(f"models:/{NAME}/1")


def test_another_answer_to_a_frozen_request_is_refused(shop):
    path = folder("1") / "extra_files" / "golden.json"
    whole = path.read_text()
    golden = json.loads(whole)
    golden["answers"][3] += 1e-9
    try:
        path.write_text(json.dumps(golden))
        with pytest.raises(ReleaseError, match="answers its frozen requests differently"):
            release.load(f"models:/{NAME}/1")
    finally:
        path.write_text(whole)


def test_a_type_that_is_not_allowed_is_refused(shop, monkeypatch):
    monkeypatch.setattr("firstflight.release.usecases.get", lambda name: narrow)
    narrow = usecase.__class__(**{**vars(usecase), "trusted_types": ()})
    with pytest.raises(ReleaseError, match="TreePredictor"):
        release.load(f"models:/{NAME}/2")


def test_a_missing_release_is_a_sentence(shop):
    with pytest.raises(RegistryError, match="no version or alias '99'"):
        registry.load(NAME, "99")
    with pytest.raises(ReleaseError, match="cannot be read"):
        release.load(f"models:/{NAME}/99")


# --- the gate, and what it allows ---------------------------------------------------------------


def test_the_gate_writes_its_verdict_on_the_version(clean):
    verdict = operations.run_gate(usecase, "1", operations.landed(usecase))
    assert verdict.verdict == "pass"
    tags = registry.tags(NAME, "1")
    assert tags["gate.verdict"] == "pass" and tags["gate.window"] == "2013-03-18/2013-03-31"
    assert operations.verdict_of(NAME, "1") == verdict
    with pytest.raises(GateError, match="was not judged yet"):
        operations.verdict_of(NAME, "2")
    with pytest.raises(GateError, match="so wait"):
        operations.run_gate(usecase, "3", operations.landed(usecase))


def test_what_is_not_proven_ships_only_with_a_waiver(clean):
    drops = operations.landed(usecase)
    operations.run_gate(usecase, "1", drops)
    with pytest.raises(RolloutError, match="has no verdict at the gate"):
        operations.promote(usecase, "2", by="model_owner", reason="try")
    assert history.serving(NAME).releases == {} and history.entries(NAME) == []
    operations.promote(usecase, "1", by="model_owner", reason="passed")
    verdict = operations.run_gate(usecase, "2", drops)
    assert (verdict.verdict, verdict.decided_by) == ("hold", "better_than_live")
    for attempt in (operations.start_shadow, operations.promote):
        with pytest.raises(RolloutError, match="has hold at the gate"):
            attempt(usecase, "2", by="model_owner", reason="try")
    with pytest.raises(GateError, match="on_call"):
        operations.waive(usecase, "2", by="on_call", reason="a reason that is long enough")
    with pytest.raises(GateError, match="at least 10 characters"):
        operations.waive(usecase, "2", by="model_owner", reason="because")
    operations.waive(usecase, "2", by="model_owner", reason="fresh data is better data")
    entry = operations.promote(usecase, "2", by="model_owner", reason="waived")
    assert entry.after == {"live": "2", "previous": "1"}
    assert [e.action for e in history.entries(NAME)] == ["promote", "waive", "promote"]
    with pytest.raises(RolloutError, match="is live already"):
        operations.promote(usecase, "2", by="model_owner", reason="again")


def judge(version, outcome="pass"):
    """Write a verdict down without the arithmetic."""
    verdict = operations.gate.Verdict(
        verdict=outcome,
        decided_by="all rules",
        metric="log_loss",
        n_rows=1,
        n_days=1,
        first_day=D(2013, 3, 18),
        last_day=D(2013, 3, 31),
        checks=(),
        rules_digest="0",
    )
    verdict = verdict.model_copy(
        update={
            "checks": (operations.gate.Check(rule="all rules", outcome=outcome, sentence="It is."),)
        }
    )
    return judgements.record_verdict(NAME, version, "", verdict)


def decided(version, what="promote"):
    """Write a decision about the stage in progress down."""
    now = history.serving(NAME)
    found = rollout.Decision(
        decision=what,
        outcome={"promote": "better", "abort": "worse"}.get(what, "undecided"),
        reason="by hand",
        mode=now.mode,
        interval=None,
        n_labels=1,
        n_days=1,
        coverage=1.0,
    )
    return judgements.record_decision(NAME, version, found)


BY = {"by": "model_owner", "reason": "because of this"}


def test_a_rollout_goes_step_by_step(clean):
    with pytest.raises(RolloutError, match="no rollout in progress"):
        operations.decide(usecase, operations.landed(usecase))
    judge("1")
    judge("2")
    with pytest.raises(RolloutError, match="nothing live to shadow"):
        operations.start_shadow(usecase, "2", **BY)
    operations.promote(usecase, "1", **BY)
    with pytest.raises(RolloutError, match="no canary decision"):
        operations.promote(usecase, "2", **BY)
    with pytest.raises(RolloutError, match="no candidate"):
        operations.start_canary(usecase, **BY)
    with pytest.raises(RolloutError, match="cannot shadow itself"):
        operations.start_shadow(usecase, "live", **BY)
    operations.start_shadow(usecase, "2", **BY)
    assert (history.serving(NAME).mode, history.serving(NAME).share) == ("shadow", 0.0)
    with pytest.raises(RolloutError, match="is the candidate already"):
        operations.start_shadow(usecase, "2", **BY)
    with pytest.raises(RolloutError, match="no shadow decision"):
        operations.start_canary(usecase, **BY)
    decided("2", "continue")
    with pytest.raises(RolloutError, match="it has 'continue'"):
        operations.start_canary(usecase, **BY)
    decided("2")
    operations.start_canary(usecase, **BY)
    share = process.load().usecase(NAME).rollout.canary_share
    assert (history.serving(NAME).mode, history.serving(NAME).share) == ("canary", share)
    operations.abort(usecase, by="on_call", reason="it looks bad")
    assert history.serving(NAME).releases == {"live": "1"} and history.serving(NAME).mode == "off"


def test_a_decision_is_for_one_rollout_and_does_not_outlive_it(clean):
    """Fault 22: a version that was put back by hand was promoted on July's decision."""
    judge("1")
    judge("2")
    operations.promote(usecase, "1", **BY)
    operations.start_shadow(usecase, "2", **BY)
    decided("2")
    operations.start_canary(usecase, **BY)
    decided("2")
    operations.abort(usecase, **BY)
    with pytest.raises(RolloutError, match="no canary decision"):
        operations.promote(usecase, "2", **BY)
    operations.start_shadow(usecase, "2", **BY)
    with pytest.raises(RolloutError, match="no shadow decision"):
        operations.start_canary(usecase, **BY)
    decided("2")
    operations.start_canary(usecase, **BY)
    with pytest.raises(RolloutError, match="no canary decision"):
        operations.promote(usecase, "2", **BY)
    decided("2")
    assert operations.promote(usecase, "2", **BY).after["live"] == "2"


def test_a_waiver_is_for_one_verdict_and_does_not_outlive_it(clean):
    """Fault 22: a release whose gate says fail went live on the waiver of an older verdict."""
    judge("1")
    operations.promote(usecase, "1", **BY)
    judge("2", "hold")
    judge("2", "hold")
    with pytest.raises(RolloutError, match="has hold") as refused:
        operations.promote(usecase, "2", **BY)
    assert "older" not in str(refused.value), "nothing was ever waived"
    operations.waive(usecase, "2", **BY)
    with pytest.raises(GateError, match="is waived already"):
        operations.waive(usecase, "2", **BY)
    judge("2", "fail")
    with pytest.raises(RolloutError, match="an older verdict's waiver does not count"):
        operations.promote(usecase, "2", **BY)
    with pytest.raises(GateError, match="may not be waived"):
        operations.waive(usecase, "2", **BY)
    judge("2", "hold")
    with pytest.raises(RolloutError, match="has hold"):
        operations.start_shadow(usecase, "2", **BY)
    operations.waive(usecase, "2", **BY)
    assert operations.promote(usecase, "2", **BY).after["live"] == "2"


def test_a_verdict_that_passed_needs_no_waiver(clean):
    """Fault 6."""
    judge("1")
    with pytest.raises(GateError, match="needs no waiver"):
        operations.waive(usecase, "1", **BY)
    assert history.entries(NAME) == []


def test_a_verdict_is_written_once(clean):
    """Fault 3: judged again after version 2 went live, version 1's tags became a fail."""
    first = judge("1")
    operations.promote(usecase, "1", **BY)
    judge("1", "fail")
    assert [one.verdict.verdict for one in judgements.judged(NAME, "1")] == ["pass", "fail"]
    assert records.read(NAME, judgements.VERDICTS, first.n, judgements.Judgement) == first
    shown = operations.status(usecase, operations.landed(usecase))["releases"]["live"]
    assert shown["gate"] == "pass", "the verdict that it shipped on"
    assert history.entries(NAME)[-1].details["verdict"] == first.n


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("promote", lambda by: operations.promote(usecase, "2", by=by, reason="try it")),
        ("shadow", lambda by: operations.start_shadow(usecase, "2", by=by, reason="try it")),
        ("abort", lambda by: operations.abort(usecase, by=by, reason="try it")),
        ("withdraw", lambda by: operations.withdraw(usecase, by=by, reason="try it")),
        (
            "rollback",
            lambda by: deployments.change(
                NAME, "alias", after={"live": "1"}, by=by, reason="by hand"
            ),
        ),
    ],
)
@pytest.mark.parametrize("by", ["nobody_at_all", "release_manager", "data_owner", ""])
def test_who_may_not_changes_nothing(clean, action, call, by):
    """Faults 22 and 44: a role that is in no file promoted a release."""
    judge("1")
    judge("2")
    operations.promote(usecase, "1", **BY)
    if action == "abort":
        operations.start_shadow(usecase, "2", **BY)
    if action == "promote":
        operations.start_shadow(usecase, "2", **BY)
        decided("2")
        operations.start_canary(usecase, **BY)
        decided("2")
    before = history.entries(NAME)
    with pytest.raises((PermissionRefused, RegistryError), match=r"may not|needs a reason"):
        call(by)
    assert history.entries(NAME) == before
    assert call("model_owner").n == len(before) + 1, "control: who may does"


def test_withdrawn_is_out_and_in_the_history(clean):
    judge("1")
    operations.promote(usecase, "1", **BY)
    with pytest.raises(RolloutError, match="nothing live"):
        operations.withdraw(replace_name(usecase), **BY)
    entry = operations.withdraw(usecase, **BY)
    assert entry.after == {} and registry.aliases(NAME) == {}
    assert history.at(NAME, D(2013, 4, 1)).action == "withdraw"


def replace_name(case):
    from dataclasses import replace

    return replace(case, name="another")


def test_trained_twice_is_one_version(clean):
    """Fault 4."""
    before = registry.versions(NAME)
    version = operations.train_release(
        usecase,
        operations.landed(usecase),
        "logistic_regression",
        D(2013, 1, 1),
        D(2013, 3, 17),
        1,
    )
    assert version == "1" and registry.versions(NAME) == before
    again = snapshot.take(usecase, operations.landed(usecase), D(2013, 1, 1), D(2013, 3, 20), 1)
    assert registry.register(train.fit(usecase, again, "logistic_regression")) == "3"


# --- the history --------------------------------------------------------------------------------


def test_the_history_answers_what_was_live_and_why(clean):
    assert history.at(NAME, D(2013, 8, 3)) is None
    deployments.change(NAME, "promote", after={"live": "1"}, reason="first", by="model_owner")
    clock.set_today("2013-08-05")
    deployments.change(
        NAME, "promote", after={"live": "2", "previous": "1"}, reason="better", by="model_owner"
    )
    assert history.at(NAME, D(2013, 3, 31)) is None
    assert history.at(NAME, D(2013, 8, 4)).after["live"] == "1"
    assert history.at(NAME, D(2013, 8, 5)).after["live"] == "2"
    table = history.table(NAME)
    assert table["date"].tolist() == ["2013-04-01", "2013-08-05"]


def test_a_change_without_reason_or_of_an_unknown_version_changes_nothing(clean):
    for options in ({"reason": " ", "by": "model_owner"}, {"reason": "x", "by": ""}):
        with pytest.raises(RegistryError, match="needs a reason and a role"):
            deployments.change(NAME, "promote", after={"live": "1"}, **options)
    with pytest.raises(RegistryError, match="no version or alias '77'"):
        deployments.change(NAME, "promote", after={"live": "77"}, reason="x", by="model_owner")
    assert history.serving(NAME).releases == {} and history.entries(NAME) == []


def test_a_history_that_goes_back_is_refused(clean):
    """Fault 33: with the clock set back, `history --at` named the wrong version."""
    clock.set_today("2013-08-05")
    deployments.change(NAME, "promote", after={"live": "1"}, **BY)
    clock.set_today("2013-04-01")
    with pytest.raises(ClockError, match="a change cannot be older"):
        deployments.change(NAME, "promote", after={"live": "2"}, **BY)
    clock.set_today("2013-08-05")
    deployments.change(NAME, "promote", after={"live": "2"}, **BY)
    assert history.at(NAME, D(2013, 8, 5)).after["live"] == "2"


def test_reasons_are_kept_whole_or_refused(clean):
    said = "späte Flüge: [bold]20%[/bold] " * 60
    entry = deployments.change(
        NAME, "promote", after={"live": "1"}, by="model_owner", reason=said[:2000]
    )
    assert history.entries(NAME)[0].reason == said[:2000].strip() == entry.reason
    with pytest.raises(RegistryError, match="2001 characters"):
        deployments.change(
            NAME, "promote", after={"live": "2"}, by="model_owner", reason="x" * 2001
        )


def test_a_history_beyond_a_thousand_entries_is_whole(clean, monkeypatch):
    """Fault 5."""
    monkeypatch.setattr("firstflight.files.os.fsync", lambda _: None)
    entry = history.Deployment(
        n=1,
        date=D(2013, 4, 1),
        action="alias",
        before={},
        after={"live": "1"},
        reason="x",
        by="model_owner",
    )
    for n in range(1, 1201):
        records.append(NAME, history.KIND, entry.model_copy(update={"n": n}))
    assert [e.n for e in history.entries(NAME)] == list(range(1, 1201))
    assert deployments.change(NAME, "promote", after={"live": "2"}, **BY).n == 1201


def test_a_damaged_or_missing_record_is_a_sentence_and_is_not_skipped(clean):
    for version in "121":
        deployments.change(NAME, "promote", after={"live": version}, **BY)
    second = records.folder(NAME, history.KIND) / "000002.json"
    whole = second.read_bytes()
    for bad in (b"", b"{", b"[]", b"\xff", whole.replace(b'"n": 2', b'"n": "two"')):
        second.write_bytes(bad)
        with pytest.raises(RecordError, match=r"000002\.json .* cannot be read"):
            history.entries(NAME)
        assert history.serving(NAME).releases["live"] == "1", "what serves is the newest entry"
    second.unlink()
    with pytest.raises(RecordError, match=r"Record 2 .* is missing"):
        history.entries(NAME)
    second.write_bytes(whole)
    assert len(history.entries(NAME)) == 3


@pytest.mark.parametrize("damage", ["gone", "empty", "truncated", "garbage", "another database"])
def test_a_registry_that_cannot_be_read_is_a_sentence_and_nothing_is_made(clean, damage):
    """Fault 27: a command that reads made an empty registry where the database was gone."""
    deployments.change(NAME, "promote", after={"live": "1"}, **BY)
    database = clean.database
    whole = database.read_bytes()
    kept = database.rename(clean.root / "kept.db")
    try:
        if damage == "empty":
            database.touch()
        elif damage == "truncated":
            database.write_bytes(whole[: len(whole) // 2])
        elif damage == "garbage":
            database.write_bytes(os.urandom(4096))
        elif damage == "another database":
            import sqlite3

            sqlite3.connect(database).execute("CREATE TABLE x (y)").connection.close()
        left = database.read_bytes() if database.exists() else None
        for words in (("gate", "1"), ("promote", "2", "--by", "model_owner", "--reason", "x")):
            found = run(*words)
            text = " ".join((found.stdout + found.stderr).split())
            assert found.exit_code == 1 and "Traceback" not in text
            assert "registry" in text, text
        found = run("status")
        assert found.exit_code == 0 and "registry" in found.stdout
        assert "promote" in run("history").stdout, "the history is not in the registry"
        assert (database.read_bytes() if database.exists() else None) == left
    finally:
        kept.replace(database)
    assert run("gate", "77").exit_code == 1


def test_the_history_is_printed_on_any_terminal(clean):
    """Fault 43."""
    deployments.change(
        NAME, "promote", after={"live": "1"}, by="model_owner", reason="Wetter: Böen \u2014 gut"
    )
    done = subprocess.run(
        [sys.executable, "-m", "firstflight.cli", "history"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "FIRSTFLIGHT_HOME": str(clean.root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "Wetter" in done.stdout, done.stderr


def test_an_alias_moved_by_hand_moves_nothing_and_is_said(clean):
    deployments.change(NAME, "promote", after={"live": "1"}, **BY)
    registry.client().set_registered_model_alias(NAME, "live", "2")
    assert history.serving(NAME).releases == {"live": "1"}
    assert registry.resolve(NAME, "live") == "1"
    said = run("status").stdout
    assert "moved by hand" in said
    deployments.change(NAME, "alias", after={}, **BY)
    assert registry.aliases(NAME) == {"live": "1"}
    assert "moved by hand" not in run("status").stdout


def test_a_branch_is_asked_whether_it_loads_what_may_serve(clean, monkeypatch):
    """Fault 8."""
    deployments.change(NAME, "promote", after={"live": "2", "previous": "1"}, **BY)
    asked = run("check")
    assert asked.exit_code == 0 and asked.stdout.count("loads") == 2
    monkeypatch.setattr(type(usecase.features[1]), "code_digest", "another")
    refused = run("check")
    assert refused.exit_code == 3 and "a change needs a new version" in refused.stdout


@pytest.fixture
def by_hand(clean):
    """A version that somebody registered in MLflow's own way."""
    client = registry.client()
    version = client.create_model_version(NAME, source=client.get_model_version(NAME, "1").source)
    yield str(version.version)
    client.delete_model_version(NAME, version.version)


def asked_of_mlflow():
    """What MLflow itself says of the versions and aliases that `database` reads from its file."""
    client = registry.client()
    known = sorted(client.search_model_versions(f"name = '{NAME}'"), key=lambda v: int(v.version))
    rows = [
        database.Version(
            str(v.version),
            v.run_id or "",
            folder(v.version),
            dict(client.get_model_version(NAME, v.version).tags),
        )
        for v in known
    ]
    named = client.get_registered_model(NAME).aliases
    return rows, {name: str(version) for name, version in named.items()}


def test_what_is_read_without_mlflow_is_what_mlflow_says(by_hand):
    client = registry.client()
    client.set_registered_model_alias(NAME, "somebodys", by_hand)
    client.set_model_version_tag(NAME, by_hand, "note", "three\nlines, 'quoted'; drop table")
    for _ in range(2):
        assert (database.versions(NAME), database.aliases(NAME)) == asked_of_mlflow()
        last = client.create_model_version(NAME, source=client.get_model_version(NAME, "1").source)
        client.delete_model_version(NAME, last.version)
    client.delete_registered_model_alias(NAME, "somebodys")
    assert database.aliases(NAME) == asked_of_mlflow()[1]
    assert registry.files_of(NAME, "2") == folder("2")
    assert database.versions("nobody's") == [] and database.aliases("nobody's") == {}


def test_what_only_reads_does_not_import_mlflow(clean):
    code = (
        "import sys\nfrom firstflight import cli, registry\n"
        f"registry.load({NAME!r}, '2')\n"
        "try:\n    cli.app(['status'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert 'mlflow' not in sys.modules, 'imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_version_registered_by_hand_is_named_and_the_rest_is_shown(by_hand):
    said = f"flights version {by_hand} was not registered by this path"
    drops = operations.landed(usecase)
    for ask in (
        lambda: registry.load(NAME, by_hand),
        lambda: operations.gate_window(usecase, by_hand),
        lambda: preflight.gather(usecase, by_hand, drops),
    ):
        with pytest.raises(RegistryError, match=said):
            ask()
    deployments.change(NAME, "promote", after={"live": by_hand, "previous": "1"}, **BY)
    with pytest.raises(RegistryError, match=said):
        operations.feature_versions(usecase)
    shown = operations.status(usecase, drops)["releases"]
    assert said in shown["live"]["problem"] and "recipe" not in shown["live"]
    assert shown["previous"]["recipe"] == "logistic_regression" and len(shown) == 2
    screen = run("status")
    assert screen.exit_code == 0 and f"live: {said}" in screen.stdout
    asked = run("check")
    assert asked.exit_code == 3 and f"live (version {by_hand}): {said}" in asked.stdout
    assert "previous (version 1): loads" in asked.stdout


# --- the command line ---------------------------------------------------------------------------


def run(*words: str):
    return CliRunner().invoke(app, list(words))


def test_the_commands_of_the_runbook(clean):
    assert run("today", "2013-04-01").stdout.strip() == "2013-04-01"
    judged = run("gate", "1")
    assert judged.exit_code == 0 and "pass" in judged.stdout
    assert run("promote", "1", "--by", "model_owner", "--reason", "passed").exit_code == 0
    status = json.loads(run("status", "--json").stdout)
    assert status["releases"]["live"]["version"] == "1"
    assert status["releases"]["live"]["gate"] == "pass"
    assert status["releases"]["live"]["since"] == "2013-04-01"
    assert "trained on" in run("status").stdout
    held = run("gate", "2", "--json")
    assert held.exit_code == 3 and json.loads(held.stdout)["verdict"] == "hold"
    found = json.loads(run("history", "--json").stdout)
    assert [entry["action"] for entry in found] == ["promote"]
    answer = run("history", "--at", "2013-08-03").stdout
    assert "version 1 of flights was live, since 2013-04-01" in answer and "passed" in answer
    assert "no release" in run("history", "--at", "2013-01-01").stdout


TRAIN = ("train", "logistic_regression", "--start", "2013-02-10", "--end", "2013-02-20")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("gate", "77"), 1, "no version or alias '77'"),
        (("status", "-u", "trains"), 1, "There is no use case 'trains'"),
        (("history", "--at", "yesterday"), 2, "is not a day"),
        (("train", "magic", "--start", "2013-02-10", "--end", "2013-02-20"), 1, "no recipe"),
        (("state", "--feature-version", "9"), 1, "no feature version 9"),
        (("state", "--feature-version", "1", "--since", "2013-04-02"), 1, "the end comes first"),
        ((*TRAIN, "--feature-version", "9"), 1, "no feature version 9"),
        (("land", "2014-01"), 1, "2014-01"),
        (("rollback", "--reason", "x"), 1, "nothing to go back from"),
        (("canary", "--by", "model_owner", "--reason", "x"), 1, "no candidate"),
        (("decide",), 1, "no rollout in progress"),
    ],
)
def test_bad_commands_get_one_sentence_and_change_nothing(clean, words, code, sentence):
    def things():
        taken = sorted(path.name for path in current().snapshots.glob("*"))
        return history.serving(NAME), len(history.entries(NAME)), registry.versions(NAME), taken

    before = things()
    found = run(*words)
    assert found.exit_code == code
    text = " ".join((found.stdout + found.stderr).split())
    assert sentence in text and "Traceback" not in text
    assert things() == before
