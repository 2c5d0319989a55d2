"""The release and the registry: what was saved is what serves; every change is in the history."""

import datetime as dt
import json
import shutil
from pathlib import Path

import mlflow
import pytest
from typer.testing import CliRunner

from firstflight import (
    clock,
    database,
    deployments,
    evidence,
    gate,
    operations,
    process,
    registry,
    release,
    rollout,
    snapshot,
    train,
)
from firstflight import drops as d
from firstflight.cli import app
from firstflight.errors import (
    GateError,
    NotAllowed,
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
    """Records, aliases and tags as the test found them, whatever it does."""
    yield shop
    shutil.rmtree(shop.records, ignore_errors=True)
    for alias in registry.model(NAME).aliases:
        registry.client().delete_registered_model_alias(NAME, alias)
    for key in registry.model(NAME).tags:
        registry.client().delete_registered_model_tag(NAME, key)
    for version in registry.versions(NAME):
        for key in registry.tags(NAME, version):
            if key.startswith(("gate.", "rollout.", "waiver.")):
                registry.client().delete_model_version_tag(NAME, version, key)
    clock.set_today("2013-04-01")


def judged(version: str, outcome: str, against: str = "") -> evidence.VerdictRecord:
    """Write a verdict down, as the gate does."""
    verdict = gate.Verdict(
        verdict=outcome,
        decided_by="all rules" if outcome == "pass" else "better_than_live",
        metric="log_loss",
        n_rows=9000,
        n_days=14,
        first_day=D(2013, 3, 18),
        last_day=D(2013, 3, 31),
        checks=(gate.Check(rule="better_than_live", outcome=outcome, sentence="As told."),),
        rules_digest="0" * 12,
    )
    record = evidence.keep_verdict(NAME, version, verdict, against)
    deployments.follow(NAME)
    return record


def decided(what: str) -> evidence.DecisionRecord:
    """Write a decision about the rollout in progress down, as `operations.decide` does."""
    now = deployments.serving(NAME)
    decision = rollout.Decision(
        decision=what,
        reason="As told.",
        mode=now.mode,
        interval=None,
        n_labels=9000,
        n_days=14,
        coverage=1.0,
    )
    releases = now.releases
    record = evidence.keep_decision(
        NAME, now.rollout, releases["candidate"], releases["live"], decision
    )
    deployments.follow(NAME)
    return record


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
    assert registry.aliases(NAME) == {} and deployments.history(NAME) == []
    operations.promote(usecase, "1", by="model_owner", reason="passed")
    verdict = operations.run_gate(usecase, "2", drops)
    assert (verdict.verdict, verdict.decided_by) == ("hold", "better_than_live")
    for attempt in (operations.start_shadow, operations.promote):
        with pytest.raises(RolloutError, match="has hold at the gate"):
            attempt(usecase, "2", by="model_owner", reason="try")
    with pytest.raises(NotAllowed, match="on_call"):
        operations.waive(usecase, "2", by="on_call", reason="a reason that is long enough")
    with pytest.raises(GateError, match="at least 10 characters"):
        operations.waive(usecase, "2", by="model_owner", reason="because")
    operations.waive(usecase, "2", by="model_owner", reason="fresh data is better data")
    entry = operations.promote(usecase, "2", by="model_owner", reason="waived")
    assert entry.after == {"live": "2", "previous": "1"}
    assert [e.action for e in deployments.history(NAME)] == ["promote", "waive", "promote"]
    with pytest.raises(RolloutError, match="is live already"):
        operations.promote(usecase, "2", by="model_owner", reason="again")


def test_a_second_judgement_keeps_the_first_and_status_says_what_it_shipped_on(clean):
    drops = operations.landed(usecase)
    operations.run_gate(usecase, "1", drops)
    shipped = operations.promote(usecase, "1", by="model_owner", reason="passed")
    judged("1", "fail", against="2")
    first, second = operations.verdicts(NAME, "1")
    assert (first.n, first.verdict.verdict, first.against) == (1, "pass", "")
    assert (second.n, second.verdict.verdict, second.against) == (2, "fail", "2")
    assert operations.verdict_of(NAME, "1") == second.verdict, "the newest counts"
    assert registry.tags(NAME, "1")["gate.verdict"] == "fail", "and people in MLflow see it"
    assert shipped.details["verdict"] == first.n
    live = operations.status(usecase, drops)["releases"]["live"]
    assert (live["gate"], live["verdict"], live["gate_window"]) == (
        "pass",
        1,
        "2013-03-18/2013-03-31",
    )


def test_a_waiver_is_of_one_verdict_and_does_not_outlive_it(clean):
    judged("1", "pass")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    held = judged("2", "hold")
    waiver = operations.waive(usecase, "2", by="model_owner", reason="we look again on Friday")
    assert (waiver.details["verdict"], waiver.details["version"]) == (held.n, "2")
    assert waiver.after == {"live": "1"}, "a waiver changes nothing that serves"
    assert registry.tags(NAME, "2")["waiver.by"] == "model_owner"
    with pytest.raises(RolloutError, match=rf"Verdict {held.n} .* is waived already"):
        operations.waive(usecase, "2", by="model_owner", reason="we look again on Friday")
    for outcome in ("fail", "hold"):  # a later verdict, the same or worse
        judged("2", outcome)
        assert "waiver.by" not in registry.tags(NAME, "2")
        for attempt in (operations.promote, operations.start_shadow):
            with pytest.raises(RolloutError, match=f"has {outcome} at the gate"):
                attempt(usecase, "2", by="model_owner", reason="on the old waiver")
    again = operations.waive(usecase, "2", by="model_owner", reason="its own waiver this time")
    entry = operations.promote(usecase, "2", by="model_owner", reason="waived anew")
    assert (entry.details["verdict"], entry.details["waiver"]) == (
        again.details["verdict"],
        again.n,
    )


def test_only_what_the_process_lets_be_waived_can_be(clean):
    judged("1", "pass")
    with pytest.raises(GateError, match="needs no waiver"):
        operations.waive(usecase, "1", by="model_owner", reason="a reason that is long enough")
    judged("1", "fail")
    with pytest.raises(GateError, match="may not be waived: only hold may"):
        operations.waive(usecase, "1", by="model_owner", reason="a reason that is long enough")
    with pytest.raises(GateError, match="was not judged yet"):
        operations.waive(usecase, "2", by="model_owner", reason="a reason that is long enough")
    assert deployments.history(NAME) == []


def test_a_waiver_covers_no_more_than_the_process_of_today(clean):
    judged("1", "pass")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    judged("2", "hold")
    operations.waive(usecase, "2", by="model_owner", reason="we look again on Friday")
    text = process.DEFAULT.read_text().replace('may_waive = ["hold"]', "may_waive = []")
    clean.process_file.write_text(text)
    try:
        with pytest.raises(RolloutError, match="has hold at the gate"):
            operations.promote(usecase, "2", by="model_owner", reason="on the old rule")
    finally:
        clean.process_file.unlink()
    operations.promote(usecase, "2", by="model_owner", reason="the control")


def test_a_rollout_goes_step_by_step(clean):
    with pytest.raises(RolloutError, match="no rollout in progress"):
        operations.decide(usecase, operations.landed(usecase))
    judged("1", "pass")
    judged("2", "pass")
    with pytest.raises(RolloutError, match="nothing live to shadow"):
        operations.start_shadow(usecase, "2", by="model_owner", reason="x")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    with pytest.raises(RolloutError, match="no canary decision"):
        operations.promote(usecase, "2", by="model_owner", reason="all at once")
    with pytest.raises(RolloutError, match="no candidate"):
        operations.start_canary(usecase, by="model_owner", reason="x")
    with pytest.raises(RolloutError, match="is live, and cannot be its own candidate"):
        operations.start_shadow(usecase, "live", by="model_owner", reason="x")
    shadow = operations.start_shadow(usecase, "2", by="model_owner", reason="x")
    assert registry.rollout(NAME) == ("shadow", 0.0)
    assert deployments.serving(NAME).rollout == shadow.n
    with pytest.raises(RolloutError, match="is in the shadow already"):
        operations.start_shadow(usecase, "candidate", by="model_owner", reason="x")
    with pytest.raises(RolloutError, match="no shadow decision"):
        operations.start_canary(usecase, by="model_owner", reason="x")
    decided("promote")
    decided("continue")  # the newest counts
    with pytest.raises(RolloutError, match="has 'continue'"):
        operations.start_canary(usecase, by="model_owner", reason="x")
    last = decided("promote")
    canary = operations.start_canary(usecase, by="model_owner", reason="x")
    assert canary.details["decision"] == last.n
    share = process.load().usecase(NAME).rollout.canary_share
    assert registry.rollout(NAME) == ("canary", share)
    with pytest.raises(RolloutError, match="answers 20% of the requests already"):
        operations.start_canary(usecase, by="model_owner", reason="x")
    with pytest.raises(RolloutError, match="no canary decision"):
        operations.promote(
            usecase, "2", by="model_owner", reason="the shadow's is not the canary's"
        )
    operations.abort(usecase, by="on_call", reason="it looks bad")
    assert registry.aliases(NAME) == {"live": "1"} and registry.rollout(NAME) == ("off", 0.0)


def test_a_decision_is_of_one_rollout_and_does_not_outlive_it(clean):
    judged("1", "pass")
    judged("2", "pass")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    for decision in ("shadow", "canary"):
        if decision == "shadow":
            operations.start_shadow(usecase, "2", by="model_owner", reason="July")
        else:
            operations.start_canary(usecase, by="model_owner", reason="July")
        decided("promote")
    promoted = operations.promote(usecase, "2", by="model_owner", reason="July")
    assert promoted.details["decision"] == 2
    deployments.change(
        NAME, "alias", after={"live": "1", "previous": "2"}, by="on_call", reason="put back by hand"
    )
    with pytest.raises(RolloutError, match="no canary decision 'promote' \\(it has 'none'\\)"):
        operations.promote(usecase, "2", by="model_owner", reason="on July's decision")
    operations.start_shadow(usecase, "2", by="model_owner", reason="a new shadow")
    with pytest.raises(RolloutError, match="no shadow decision"):
        operations.start_canary(usecase, by="model_owner", reason="on July's decision")
    assert registry.tags(NAME, "2")["rollout.canary"] == "promote", "kept for people; counts not"


def test_withdraw_leaves_nothing_live_and_is_in_the_history(clean):
    with pytest.raises(RolloutError, match="nothing to withdraw"):
        operations.withdraw(usecase, by="model_owner", reason="x")
    judged("1", "pass")
    judged("2", "hold")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    operations.waive(usecase, "2", by="model_owner", reason="we look again on Friday")
    operations.promote(usecase, "2", by="model_owner", reason="second")
    entry = operations.withdraw(usecase, by="on_call", reason="worse than no answer")
    assert (entry.action, entry.before, entry.after) == (
        "withdraw",
        {"live": "2", "previous": "1"},
        {},
    )
    assert deployments.serving(NAME).releases == {} and registry.model(NAME).aliases == {}
    operations.promote(usecase, "1", by="model_owner", reason="the gate alone, as for a first one")


def test_check_says_whether_this_code_loads_what_may_serve(clean):
    assert operations.check(usecase) == {}
    judged("1", "pass")
    operations.promote(usecase, "1", by="model_owner", reason="first")
    deployments.change(
        NAME, "shadow", after={"candidate": "2"}, mode="shadow", by="model_owner", reason="x"
    )
    assert operations.check(usecase) == {"candidate": "", "live": ""}
    assert run("check").exit_code == 0
    path = folder("1") / "extra_files" / "release.json"
    whole = path.read_text()
    try:
        path.write_text(whole.replace('"code_digest": "', '"code_digest": "0'))
        found = operations.check(usecase)
        assert found["candidate"] == "" and "altered" in found["live"]
        said = run("check")
        assert said.exit_code == 1 and "live (version 1): Release" in said.stdout
        assert json.loads(run("check", "--json").stdout) == found
    finally:
        path.write_text(whole)


# --- the history --------------------------------------------------------------------------------


def test_the_history_answers_what_was_live_and_why(clean):
    assert deployments.at(NAME, D(2013, 8, 3)) is None
    deployments.change(NAME, "promote", after={"live": "1"}, reason="first", by="model_owner")
    clock.set_today("2013-08-05")
    deployments.change(
        NAME, "promote", after={"live": "2", "previous": "1"}, reason="better", by="model_owner"
    )
    assert deployments.at(NAME, D(2013, 3, 31)) is None
    assert deployments.at(NAME, D(2013, 8, 4)).after["live"] == "1"
    assert deployments.at(NAME, D(2013, 8, 5)).after["live"] == "2"
    table = deployments.history_table(NAME)
    assert table["date"].tolist() == ["2013-04-01", "2013-08-05"]


# --- registered once ----------------------------------------------------------------------------


def fitted(version: str) -> train.Fitted:
    about = registry.load(NAME, version).about
    return train.fit(usecase, snapshot.load(about["snapshot"]), about["recipe"])


def test_the_same_snapshot_recipe_and_code_are_one_version(shop, monkeypatch):
    before = registry.versions(NAME)
    same = fitted("1")
    assert registry.register(same) == "1"
    assert operations.train(usecase, same.snapshot, same.recipe) == ("1", False)
    words = ("--start", "2013-01-01", "--end", "2013-03-17")
    again = run("train", "logistic_regression", *words)
    assert again.exit_code == 0 and "is registered already" in again.stdout
    assert registry.versions(NAME) == before
    wanted = {
        "snapshot": same.snapshot.digest,
        "recipe": same.recipe,
        "feature_version": 1,
        "code_digest": usecase.features[1].code_digest,
    }
    assert registry.registered(NAME, **wanted) == "1", "the control"
    for key, other in {
        "snapshot": "x",
        "recipe": "x",
        "feature_version": 2,
        "code_digest": "x",
    }.items():
        assert registry.registered(NAME, **{**wanted, key: other}) is None, key


def test_a_registration_that_fails_leaves_no_version_no_open_run_and_no_files(shop, monkeypatch):
    before = registry.versions(NAME)
    where = sorted(p for p in shop.artifacts.rglob("*") if p.is_file())
    taken = snapshot.take(usecase, operations.landed(usecase), D(2013, 1, 1), D(2013, 3, 16), 1)
    new = train.fit(usecase, taken, "logistic_regression")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlflow.MlflowClient.create_model_version", fail)
    with pytest.raises(OSError, match="No space"):
        registry.register(new)
    monkeypatch.undo()
    assert registry.versions(NAME) == before and database.open_runs() == []
    assert sorted(p for p in shop.artifacts.rglob("*") if p.is_file()) == where
    assert list(shop.temporary.iterdir()) == []


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
    before = (registry.aliases(NAME), len(deployments.history(NAME)), registry.versions(NAME))
    found = run(*words)
    assert found.exit_code == code
    text = " ".join((found.stdout + found.stderr).split())
    assert sentence in text and "Traceback" not in text
    assert (
        registry.aliases(NAME),
        len(deployments.history(NAME)),
        registry.versions(NAME),
    ) == before
