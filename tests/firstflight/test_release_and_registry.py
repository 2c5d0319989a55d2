"""The release and the registry: what was saved is what serves; every change is in the history."""

import datetime as dt
import json
from pathlib import Path

import mlflow
import pytest
from typer.testing import CliRunner

from firstflight import clock, operations, process, registry, release, snapshot, train
from firstflight import drops as d
from firstflight.cli import app
from firstflight.errors import (
    GateError,
    RegistryError,
    ReleaseError,
    RolloutError,
)
from firstflight.usecases.flights import usecase
from firstflight.workspace import PROJECT, Workspace, configure

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
    deployments.settle(NAME)
    for alias in registry.aliases(NAME):
        registry.client().delete_registered_model_alias(NAME, alias)
    registry.client().set_registered_model_tag(NAME, "rollout_mode", "off")
    for version in registry.versions(NAME):
        for key in registry.tags(NAME, version):
            if key.startswith(("gate.", "rollout.", "waiver.")):
                registry.client().delete_model_version_tag(NAME, version, key)
    for entry in history.entries(NAME):
        registry.client().delete_run(entry.run_id)
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
    assert registry.aliases(NAME) == {} and history.entries(NAME) == []
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


def test_a_rollout_goes_step_by_step(clean):
    with pytest.raises(RolloutError, match="no rollout in progress"):
        operations.decide(usecase, operations.landed(usecase))
    registry.set_tags(NAME, "1", {"gate.verdict": "pass"})
    registry.set_tags(NAME, "2", {"gate.verdict": "pass"})
    with pytest.raises(RolloutError, match="nothing live to shadow"):
        operations.start_shadow(usecase, "2", by="model_owner", reason="x")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    with pytest.raises(RolloutError, match="no canary decision"):
        operations.promote(usecase, "2", by="model_owner", reason="all at once")
    with pytest.raises(RolloutError, match="no candidate"):
        operations.start_canary(usecase, by="model_owner", reason="x")
    operations.start_shadow(usecase, "2", by="model_owner", reason="x")
    assert history.serving(NAME) == ("shadow", 0.0)
    with pytest.raises(RolloutError, match="no shadow decision"):
        operations.start_canary(usecase, by="model_owner", reason="x")
    registry.set_tags(NAME, "2", {"rollout.shadow": "promote"})
    operations.start_canary(usecase, by="model_owner", reason="x")
    share = process.load().usecase(NAME).rollout.canary_share
    assert history.serving(NAME) == ("canary", share)
    operations.abort(usecase, by="on_call", reason="it looks bad")
    assert registry.aliases(NAME) == {"live": "1"} and history.serving(NAME) == ("off", 0.0)


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
    assert registry.aliases(NAME) == {} and history.entries(NAME) == []


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 5])
def test_a_crash_at_any_step_serves_and_is_repaired(clean, monkeypatch, steps):
    """The process dies after `steps` writes; something serves, and the next command finishes."""
    deployments.change(NAME, "promote", after={"live": "1"}, reason="first", by="model_owner")
    real, left = registry.client, [steps]

    class Crash(BaseException):
        pass

    class Dying:
        def __getattr__(self, name):
            method = getattr(real(), name)
            if not name.startswith(("set_", "delete_")):
                return method

            def write(*args, **kwargs):
                if left[0] == 0:
                    raise Crash
                left[0] -= 1
                return method(*args, **kwargs)

            return write

    monkeypatch.setattr(registry, "client", Dying)
    with pytest.raises(Crash):
        deployments.change(
            NAME,
            "promote",
            after={"live": "2", "previous": "1"},
            reason="better",
            by="model_owner",
        )
    monkeypatch.setattr(registry, "client", real)
    assert registry.aliases(NAME)["live"] in {"1", "2"}
    assert [e.phase for e in history.entries(NAME)] == ["done", "intent"]
    repaired = deployments.settle(NAME)
    assert [e.n for e in repaired] == [2]
    assert registry.aliases(NAME) == {"live": "2", "previous": "1"}
    assert [e.phase for e in history.entries(NAME)] == ["done", "done"]
    assert deployments.settle(NAME) == []


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
    history = json.loads(run("history", "--json").stdout)
    assert [entry["action"] for entry in history] == ["promote"]
    answer = run("history", "--at", "2013-08-03").stdout
    assert "version 1 of flights was live, since 2013-04-01" in answer and "passed" in answer
    assert "no release" in run("history", "--at", "2013-01-01").stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("gate", "77"), 1, "no version or alias '77'"),
        (("status", "-u", "trains"), 1, "There is no use case 'trains'"),
        (("history", "--at", "yesterday"), 2, "is not a day"),
        (("train", "magic", "--start", "2013-02-10", "--end", "2013-02-20"), 1, "no recipe"),
        (("state", "--feature-version", "9"), 1, "no feature version 9"),
        (("land", "2014-01"), 1, "2014-01"),
        (("rollback", "--reason", "x"), 1, "nothing to go back from"),
        (("canary", "--by", "model_owner", "--reason", "x"), 1, "no candidate"),
        (("decide",), 1, "no rollout in progress"),
    ],
)
def test_bad_commands_get_one_sentence_and_change_nothing(clean, words, code, sentence):
    before = (registry.aliases(NAME), len(history.entries(NAME)), registry.versions(NAME))
    found = run(*words)
    assert found.exit_code == code
    text = " ".join((found.stdout + found.stderr).split())
    assert sentence in text and "Traceback" not in text
    assert (registry.aliases(NAME), len(history.entries(NAME)), registry.versions(NAME)) == before
