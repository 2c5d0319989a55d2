"""What a user's own surroundings say to MLflow, Prefect, BentoML or httpx does not count here."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import pkgutil
import sqlite3
import subprocess
import sys
import threading

import pytest

import firstflight
from classroom import setup_tools
from firstflight import workspace
from firstflight.errors import StorageError
from firstflight.workspace import MARK, SURROUNDINGS, TOOLS, Workspace, direct, isolated

PROXIES = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "all_proxy": "socks://127.0.0.1:9",
    "NO_PROXY": "intranet.example",
}


@pytest.fixture
def decoy(tmp_path):
    """A company's databases and folders, and an environment that names them everywhere."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("prefect.db", "mlflow.db"):
        with sqlite3.connect(theirs / name) as database:
            database.execute("CREATE TABLE theirs (x)")
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.close()
    prefect = f"sqlite+aiosqlite:///{theirs}/prefect.db"
    mlflow = f"sqlite:///{theirs}/mlflow.db"
    hostile = {
        **PROXIES,
        "PREFECT_API_DATABASE_CONNECTION_URL": prefect,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect,
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "PREFECT_API_KEY": "pnu_secret",
        "PREFECT_SERVER_API_AUTH_STRING": "admin:secret",
        "PREFECT_API_AUTH_STRING": "admin:secret",
        "PREFECT_HOME": str(theirs),
        "PREFECT_PROFILE": "company",
        "PREFECT_SERVER_API_BASE_PATH": "/company",
        "PREFECT_A_SETTING_OF_NEXT_YEAR": "1",
        "MLFLOW_TRACKING_URI": mlflow,
        "MLFLOW_REGISTRY_URI": mlflow,
        "MLFLOW_REGISTRY_STORE_URI": mlflow,
        "MLFLOW_BACKEND_STORE_URI": mlflow,
        "_MLFLOW_SERVER_FILE_STORE": mlflow,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(theirs),
        "MLFLOW_RUN_ID": "0123456789abcdef0123456789abcdef",
        "MLFLOW_EXPERIMENT_NAME": "company",
        "MLFLOW_STATIC_PREFIX": "/company",
        "BENTOML_HOME": str(theirs),
        "BENTOML_CONFIG": str(theirs / "bentoml.yaml"),
        "UVICORN_ROOT_PATH": "/company",
        "WEB_CONCURRENCY": "7",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "COLUMNS": "20",
        "FORCE_COLOR": "1",
        "PYTEST_ADDOPTS": "--no-such-option",
    }
    return theirs, hostile


def bytes_of(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def run(code, ws, hostile, *argv, cwd=None):
    """Run a program with the hostile environment, as a shell would that was never told of us."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(TOOLS) and k != MARK}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *argv],
        env={**clean, **hostile, "FIRSTFLIGHT_HOME": str(ws.root)},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_inherited_counts_and_what_we_set_reaches_a_child(decoy, tmp_path):
    _, hostile = decoy
    ws = Workspace(tmp_path / "w")
    new = isolated({**hostile, "HOME": "/home/ada"}, ws)
    ours = workspace.settings(ws)
    assert {k: v for k, v in new.items() if k.startswith(TOOLS)} == {
        k: v for k, v in ours.items() if k.startswith(TOOLS)
    }
    assert new["HOME"] == "/home/ada"
    # A server that was started since is known to the children of the same workspace alone.
    child = isolated({**new, "PREFECT_API_URL": "http://127.0.0.1:4200/api"}, ws)
    assert child["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert "PREFECT_API_URL" not in isolated(child, Workspace(tmp_path / "another"))


def test_a_child_hears_nothing_of_the_terminal(decoy, ws, monkeypatch):
    for name, value in decoy[1].items():
        monkeypatch.setenv(name, value)
    child = workspace.for_child(more={"EXTRA": "1"})
    assert not set(SURROUNDINGS) & set(child) and child["EXTRA"] == "1"
    workspace.configure(ws)
    assert os.environ["COLUMNS"] == "20"  # the control: a command in that terminal keeps it


def test_proxies_are_for_others():
    new = direct(PROXIES)
    assert new["NO_PROXY"] == new["no_proxy"] == "intranet.example,127.0.0.1,localhost"
    assert new["HTTP_PROXY"] == PROXIES["HTTP_PROXY"]  # for calls to elsewhere
    assert "all_proxy" not in new  # httpx knows no such scheme
    assert direct(new) == new
    assert direct({"NO_PROXY": "*"})["NO_PROXY"].startswith("*")
    assert direct({"TRAVIS_APT_PROXY": "cache:80"})["TRAVIS_APT_PROXY"] == "cache:80"


USE_THE_TOOLS = """
from firstflight import workspace
ws = workspace.configure()
workspace.make(ws)
from classroom import setup_tools
setup_tools.seed(ws)
import mlflow, bentoml
mlflow.set_experiment("scratch")
with mlflow.start_run():
    mlflow.log_text("hello", "hello.txt")
client = mlflow.MlflowClient()
client.create_registered_model("m")
print([m.name for m in client.search_registered_models()], len(bentoml.bentos.list()))
"""


def test_mlflow_and_bentoml_used_plainly_leave_the_companys_alone(decoy, ws, tmp_path):
    theirs, hostile = decoy
    before = bytes_of(theirs)
    done = run(USE_THE_TOOLS, ws, hostile, cwd=tmp_path)
    assert done.stdout == "['m'] 0\n", done.stderr
    assert bytes_of(theirs) == before and sorted(os.listdir(tmp_path)) == ["theirs"]
    assert list(ws.artifacts.rglob("hello.txt")) and ws.database.stat().st_size > 100_000


def test_a_flow_runs_on_our_own_server_whatever_the_shell_says(decoy, ws, tmp_path):
    """And no other web page can command that server."""
    theirs, hostile = decoy
    before = bytes_of(theirs)
    done = run(A_FLOW_AND_A_FOREIGN_PAGE, ws, hostile, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["result"] == 3 and seen["flows"] == ["add"]
    assert seen["own page"] == 200 and seen["own origin"] == [200, None]
    for name, (code, allowed) in seen["foreign"].items():
        assert code == 403 and allowed is None, name
    assert seen["flows after"] == ["add"]
    assert bytes_of(theirs) == before
    # No page was copied into the workspace: every server shows those of the set-up.
    assert not (ws.prefect_home / "ui").exists()
    assert len(list(setup_tools.PAGES.rglob("*"))) > 100


A_FLOW_AND_A_FOREIGN_PAGE = """
import json
from firstflight import workspace
ws = workspace.configure()
workspace.make(ws)
from classroom import servers, setup_tools
setup_tools.seed(ws)
with servers.prefect() as server:
    import prefect, httpx

    @prefect.flow(name="add")
    def add():
        return 1 + 2

    http = httpx.Client(base_url=server.url)
    seen = {"result": add(), "own page": http.get("/").status_code}
    own = http.get("/api/csrf-token?client=x", headers={"origin": server.url})
    seen["own origin"] = [own.status_code, own.headers.get("access-control-allow-origin")]
    token = {"prefect-csrf-token": own.json()["token"], "prefect-csrf-client": "x"}

    def flows():
        reply = http.post("/api/flows/filter", json={}, headers=token)
        return [flow["name"] for flow in reply.json()]

    seen["flows"] = flows()
    evil, text = {"origin": "http://evil.example"}, {"content-type": "text/plain"}
    port = server.port
    calls = {
        "a form": ("POST", "/api/flows/", evil | text),
        "no type": ("POST", "/api/flows/", evil),
        "no origin, no token": ("POST", "/api/flows/", {}),
        "with a token": ("POST", "/api/flows/", evil | token),
        "another port of this machine": (
            "POST", "/api/flows/", {"origin": "http://127.0.0.1:1"} | token),
        "a sandboxed frame": ("POST", "/api/flows/", {"origin": "null"} | token),
        "a name made to lead here": (
            "POST", "/api/flows/", {"host": f"evil.example:{port}", **token}),
        "reading": ("POST", "/api/flows/filter", evil),
        "reading the token": ("GET", "/api/csrf-token?client=x", evil),
        "asking beforehand": (
            "OPTIONS", "/api/flows/", evil | {"access-control-request-method": "POST"}),
        "a websocket": ("GET", "/api/events/in", evil | {
            "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}),
    }
    seen["foreign"] = {}
    for name, (method, path, headers) in calls.items():
        body = b'{"name": "evil"}' if method == "POST" else None
        reply = http.request(method, path, content=body, headers=headers)
        seen["foreign"][name] = [
            reply.status_code, reply.headers.get("access-control-allow-origin")]
    seen["flows after"] = flows()
print(json.dumps(seen))
"""


SET_UP = """
import json, pathlib, sys
from classroom import setup_tools
setup_tools._kernel = setup_tools._lab_settings = setup_tools._proxy_settings = lambda: ""
setup_tools.run(pathlib.Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_the_one_off_set_up_makes_its_own_databases(decoy, ws, tmp_path):
    theirs, hostile = decoy
    before = bytes_of(theirs)
    templates = tmp_path / "templates"
    done = run(SET_UP, ws, hostile, str(templates))
    assert done.returncode == 0, done.stderr
    assert setup_tools.ready(templates) and bytes_of(theirs) == before
    assert sorted(p.name for p in templates.iterdir()) == [
        *("mlflow.db", "pages", "prefect.db", "versions.json"),
    ]
    for name, table in (("prefect.db", "flow_run"), ("mlflow.db", "registered_models")):
        with sqlite3.connect(templates / name) as database:
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        database.close()


CALL_OURSELVES = """
import sys
from firstflight import workspace
workspace.configure()
import httpx, urllib.request
print(httpx.get(sys.argv[1]).status_code, urllib.request.urlopen(sys.argv[1]).status)
"""


def test_a_call_to_this_machine_goes_through_no_proxy(ws):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        assert run(CALL_OURSELVES, ws, PROXIES, url).stdout == "200 200\n"
        plain = CALL_OURSELVES.replace("workspace.configure()", "")
        assert run(plain, ws, PROXIES, url).returncode != 0  # the control
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "text", "refused"),
    [
        ("prefect.toml", "[api]\nurl = 'http://company.example'\n", True),
        (".env", "PREFECT_API_URL=http://company.example\n", True),
        ("pyproject.toml", "[tool.prefect]\napi.url = 'http://company.example'\n", True),
        (".env", "OTHER=1\n", False),
        ("pyproject.toml", "[tool.ruff]\nline-length = 100\n", False),
        ("pyproject.toml", "not toml [", False),
    ],
)
def test_settings_for_prefect_beside_the_notebook_are_refused(
    tmp_path, monkeypatch, name, text, refused
):
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    if not refused:
        workspace.no_foreign_settings()
        return
    with pytest.raises(StorageError, match=rf"{name} holds settings for Prefect.*another folder"):
        workspace.no_foreign_settings()


IMPORT = """
import importlib, os, sys
before = dict(os.environ)
for name in sys.argv[1:]:
    importlib.import_module(name)
ours = ("FIRSTFLIGHT_", "PREFECT_", "MLFLOW_", "BENTOML_")
after = {k for k, v in os.environ.items() if k.startswith(ours) and before.get(k) != v}
print(sorted(after))
"""
# Prefect makes its home when it is imported, and `svc` is what `bentoml serve` starts.
MAKES_A_HOME = {"firstflight.flow", "firstflight.svc"}


def test_an_import_makes_no_folder_and_sets_no_variable(tmp_path, tmp_path_factory):
    names = [m.name for m in pkgutil.walk_packages(firstflight.__path__, "firstflight.")]
    ws = Workspace(tmp_path / "not" / "there")
    home = {
        "HOME": str(tmp_path / "home"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MPLCONFIGDIR": str(tmp_path_factory.mktemp("fonts")),  # matplotlib lists them at import
    }
    done = run(IMPORT, ws, home, *sorted(set(names) - MAKES_A_HOME), cwd=tmp_path)
    assert done.stdout == "[]\n", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "argv",
    [
        ("classroom.cli", "status"),
        ("classroom.cli", "doctor", "--quick", "--unlocked"),
        ("firstflight.cli", "today"),
        ("firstflight.cli", "status"),
        ("firstflight.cli", "history"),
    ],
    ids=" ".join,
)
def test_a_command_that_reads_makes_nothing(tmp_path, argv):
    ws = Workspace(tmp_path / "not" / "there")
    environment = workspace.for_child(ws)
    subprocess.run(
        [sys.executable, "-m", *argv], env=environment, cwd=tmp_path, capture_output=True
    )
    assert list(tmp_path.iterdir()) == []
