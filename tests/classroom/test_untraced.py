"""What lesson 04 plays: changes of a model, a swapped file, versions taken back."""

import datetime as dt
import os
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from classroom import untraced
from firstflight import clock, history, registry
from firstflight.workspace import Workspace, configure, make

WANTED = {"recipe": "logistic_regression", "trained_to": "2013-03-17"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """One database for all: to make it takes seconds."""
    before = dict(os.environ)
    os.environ.pop(clock.PINNED, None)
    make(configure(Workspace(tmp_path_factory.mktemp("untraced") / "workspace")))
    clock.set_today("2013-04-01")
    registry.create()
    yield MlflowClient()
    os.environ.clear()
    os.environ.update(before)


def version(client, name, **tags):
    run = client.create_run("0").info.run_id
    return client.create_model_version(name, source="file:///x", run_id=run, tags=tags)


def versions(client, name):
    return {str(one.version): one.tags for one in client.search_model_versions(f"name = '{name}'")}


def test_three_changes_are_in_the_history_and_the_clock_is_as_it_was(client):
    client.create_registered_model("scratch")
    models = [
        SimpleNamespace(model_uri="file:///x", run_id=version(client, "scratch").run_id)
        for _ in range(2)
    ]
    runs = {model.run_id for model in models}
    assert len(runs) == 2
    untraced.rehearse(*models)
    untraced.rehearse(*models)
    assert [entry.by for entry in history.entries("rehearsal")] == [
        "model_owner",
        "model_owner",
        "on_call",
    ]
    assert history.at("rehearsal", dt.date(2013, 3, 26)).after["live"] == "2"
    assert clock.today() == dt.date(2013, 4, 1)
    assert len(untraced.alias_rows("rehearsal")) == 1


@pytest.mark.parametrize(
    ("made", "left"),
    [
        ([WANTED], [WANTED]),
        ([{"recipe": "other"}], []),
        ([{"recipe": "other"}, WANTED], [WANTED]),
        ([WANTED, {"recipe": "other"}, WANTED], [WANTED]),
    ],
)
def test_what_was_not_asked_for_is_taken_back_and_the_numbers_begin_anew(client, made, left):
    name = f"made-{len(made)}-{len(left)}"
    client.create_registered_model(name, description="kept")
    for tags in made:
        version(client, name, **tags)
    assert untraced.keep_only(name, WANTED) is (made != left)
    assert versions(client, name) == {str(n): tags for n, tags in enumerate(left, start=1)}
    assert not untraced.keep_only(name, WANTED)
    if left:
        assert client.get_registered_model(name).description == "kept"


def test_a_model_that_is_not_there_is_nothing_to_take_back(client):
    assert not untraced.keep_only("no-model", WANTED)


def test_other_versions_are_gone_after_they_were_asked_about(client):
    before = len(client.search_runs(["0"]))
    with untraced.other_versions() as (name, digests):
        for number, digest in digests.items():
            found = client.get_model_version(name, number)
            assert found.tags["snapshot"] == digest
            data = client.get_run(found.run_id).inputs.dataset_inputs[0].dataset
            assert data.digest == digest
    assert not client.search_registered_models(f"name = '{name}'")
    assert len(client.search_runs(["0"])) == before


def test_a_swapped_file_is_put_back_after_an_error(ws):
    right, wrong = ws.root / "right", ws.root / "wrong"
    right.write_text("right")
    wrong.write_text("wrong")
    with pytest.raises(ZeroDivisionError), untraced.swapped(right, wrong):
        assert right.read_text() == "wrong"
        raise ZeroDivisionError
    assert right.read_text() == "right"
