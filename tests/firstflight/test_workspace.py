"""One folder holds everything: each tool, used plainly, writes there and nowhere else."""

import ast
import datetime as dt
import os
import subprocess
import sys

import pytest

from firstflight import clock
from firstflight.errors import ClockError
from firstflight.workspace import PROJECT, Workspace, current, for_child

PLAIN_MLFLOW = """
import mlflow
mlflow.set_experiment("scratch")
with mlflow.start_run():
    mlflow.log_text("hello", "hello.txt")
"""
PLAIN_BENTOML = """
import bentoml
print(bentoml.bentos.list())
"""


@pytest.mark.parametrize(
    ("code", "place"), [(PLAIN_MLFLOW, "mlartifacts"), (PLAIN_BENTOML, "bentoml")]
)
def test_a_tool_used_plainly_writes_into_the_workspace(ws, tmp_path, code, place):
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [p for p in (ws.root / place).rglob("*") if p.is_file() or place == "bentoml"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home"]
    assert not list(home.rglob("*"))


def test_the_workspace_is_where_the_variable_says_else_in_the_project(monkeypatch, tmp_path):
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(tmp_path / "mine"))
    assert current() == Workspace((tmp_path / "mine").resolve())
    monkeypatch.delenv("FIRSTFLIGHT_HOME")
    assert current().root == PROJECT / "workspace"


def test_the_clock_is_set_in_the_workspace_else_it_is_today(ws):
    assert clock.today() == dt.date.today()
    assert clock.set_today("2013-04-01") == clock.today() == dt.date(2013, 4, 1)
    with pytest.raises(ValueError, match="April"):
        clock.set_today("1 April")
    assert clock.today() == dt.date(2013, 4, 1)


@pytest.mark.parametrize("folder", ["notebooks", "src", "/"])
def test_a_relative_path_is_one_from_the_project(monkeypatch, tmp_path, folder):
    """A terminal and a notebook run in different folders and mean the same workspace."""
    monkeypatch.chdir(PROJECT / folder)
    monkeypatch.setenv("FIRSTFLIGHT_HOME", "other/workspace")
    assert current().root == PROJECT / "other" / "workspace"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FIRSTFLIGHT_HOME", "~/workspace")
    assert current().root == tmp_path / "workspace"
    monkeypatch.setenv("FIRSTFLIGHT_HOME", "")
    assert current().root == PROJECT / "workspace"


ALL_TOOLS = """
import sys
from firstflight import workspace
ws = workspace.configure()
workspace.make(ws)
from classroom import setup_tools
setup_tools.seed(ws)
import mlflow, bentoml, prefect.settings
from sklearn.linear_model import LinearRegression
mlflow.set_experiment("scratch")
with mlflow.start_run() as run:
    mlflow.log_text("hello", "hello.txt")
    model = LinearRegression().fit([[0], [1]], [0, 1])
    info = mlflow.sklearn.log_model(
        model, name="m", serialization_format="skops", pip_requirements=["skops"]
    )
client = mlflow.MlflowClient()
client.create_registered_model("m")
client.create_model_version(
    "m", source=info.model_uri, run_id=run.info.run_id, model_id=info.model_id
)
folder = mlflow.artifacts.download_artifacts("models:/m/1")
assert folder.startswith(str(ws.artifacts)), folder
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/hello.txt") == "hello"
bentoml.bentos.list()
import asyncio
from prefect.server.database import provide_database_interface
async def ask():
    async with provide_database_interface().session_context() as session:
        import sqlalchemy
        where = sqlalchemy.text("SELECT file FROM pragma_database_list")
        return (await session.execute(where)).scalar()
assert asyncio.run(ask()) == str(ws.prefect_database)
"""


@pytest.mark.parametrize("name", ["plain", "100% of Müller's", "per%20cent?", "number #1"])
def test_every_tool_stays_inside_however_the_folder_is_called(tmp_path, name):
    ws = Workspace(tmp_path / "parent" / name / "workspace")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALL_TOOLS],
        env=for_child(ws),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [p.name for p in tmp_path.iterdir()] == ["parent"]
    assert [p.name for p in (tmp_path / "parent").iterdir()] == [name]
    assert [p.name for p in (tmp_path / "parent" / name).iterdir()] == ["workspace"]
    assert ws.database.is_file()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"null", b'{"today": null}', b'{"today": "soon"}', b'{"day": 1}'],
)
def test_a_damaged_clock_is_one_sentence_and_its_advice_mends_it(ws, content):
    ws.clock_file.write_bytes(content)
    with pytest.raises(ClockError, match=r"does not hold a day: set it again with `firstflight"):
        clock.today()
    clock.set_today("2013-04-01")
    assert clock.today() == dt.date(2013, 4, 1)
    ws.clock_file.write_bytes(content)
    ws.clock_file.unlink()
    assert clock.today() == dt.date.today()


def test_the_clock_may_be_set_back(ws):
    clock.set_today("2013-10-01")
    assert clock.set_today("2013-09-01") == clock.today()


def test_the_path_never_imports_the_classroom():
    for path in (PROJECT / "src" / "firstflight").rglob("*.py"):
        for line in path.read_text().splitlines():
            assert not line.strip().startswith(("import classroom", "from classroom")), path


def test_only_use_cases_know_about_flights():
    """Nothing else in the package names a column or an airport of the first use case."""
    theirs = {"arr_delay", "dep_delay", "carrier", "origin", "JFK", "temp", "air_time", "flights"}
    for path in (PROJECT / "src" / "firstflight").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in theirs:
                allowed = {"usecase.py": theirs, "cli.py": {"flights"}, "svc.py": {"flights"}}
                allowed["guard.py"] = {"origin"}  # the header of a request
                assert node.value in allowed.get(path.name, set()), (path.name, node.lineno)
