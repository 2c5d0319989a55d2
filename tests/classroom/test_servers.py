"""Servers of a notebook: they answer, they stop, and none outlives the process that started it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest

from classroom import servers, workspaces
from classroom.errors import ServerError
from classroom.setup_tools import PROXY, proxy_settings
from firstflight import clock

# Like BentoML: a server whose worker has a session of its own. It may ignore a polite request too.
NASTY = """
import http.server, os, signal, subprocess, sys
worker = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
if sys.argv[3:] != ["stubborn"]:
    worker = "import time; time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", worker], start_new_session=True)
open(sys.argv[2], "w").write(f"{os.getpid()} {child.pid}")
address = ("127.0.0.1", int(sys.argv[1]))
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
def nasty(tmp_path):
    script, pids = tmp_path / "nasty.py", tmp_path / "pids"
    script.write_text(NASTY)
    return [sys.executable, str(script), "{port}", str(pids)], pids


@pytest.fixture(autouse=True)
def nothing_left(ws):
    """End what a failed test leaves, so that one failure is one failure."""
    yield
    for server in list(servers._running.values()):
        server.stop()


def gone(pids, seconds=20.0):
    """Wait until none of these processes lives; return whether that came true."""
    deadline = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def read_pids(path):
    return [int(pid) for pid in path.read_text().split()]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status


def test_a_server_answers_and_stop_ends_its_whole_tree(nasty, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HEADLESS", "1")
    argv, pids = nasty
    server = servers.start("nasty", [*argv, "stubborn"], ready="/")
    assert get(server.url) == 200
    assert server.start_seconds > 0 and server.memory_mb() > 20
    assert repr(server) == "nasty: ready" and server._repr_html_() is None
    everyone = [server.pid, *read_pids(pids)]
    assert all(lives(pid) for pid in everyone)
    server.stop()
    assert gone(everyone, seconds=0.5)  # stop returns when it is done
    assert repr(server) == "nasty: stopped"
    server.stop()  # again does no harm


def test_with_ends_the_server_even_when_the_cell_fails(nasty):
    argv, pids = nasty
    with pytest.raises(ZeroDivisionError), servers.start("nasty", argv, ready="/"):
        1 / 0  # noqa: B018
    assert gone(read_pids(pids), seconds=0.5)


def test_a_cell_that_is_run_again_replaces_its_server(nasty):
    argv, pids = nasty
    first = servers.start("nasty", argv, ready="/")
    old = read_pids(pids)
    second = servers.start("nasty", argv, ready="/")
    assert not first.running and second.running and gone(old, seconds=0.5)
    assert get(second.url) == 200


NOTEBOOK = """
import sys
from classroom import servers
server = servers.start("nasty", sys.argv[1:], ready="/")
print(server.pid, flush=True)
sys.stdin.readline()
print(server.running, flush=True)
"""


def test_a_server_that_an_ended_lesson_left_up_in_another_notebook_is_ended(nasty, ws):
    argv, pids = nasty
    argv = [sys.executable, "-c", NOTEBOOK, *argv]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        guard = int(other.stdout.readline())
        assert list(workspaces.noted(ws, servers.NOTED, {})) == ["nasty"]
        servers.stop_all(ws)
        assert gone(read_pids(pids), seconds=0.5)
        assert not (ws.root / servers.NOTED).exists()
        assert other.communicate("\n")[0] == "False\n"  # its own notebook sees that it is gone
    assert gone([guard])


def test_all_servers_of_this_notebook_are_ended_and_no_other_process(nasty, ws):
    argv, pids = nasty
    servers.start("nasty", argv, ready="/")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    about = {"pid": stranger.pid, "began": psutil.Process(stranger.pid).create_time() - 1}
    gone_long_ago = {"pid": 2**22 - 1, "began": 0.0}
    noted = workspaces.noted(ws, servers.NOTED, {})
    workspaces.note(ws, servers.NOTED, {**noted, "reused": about, "old": gone_long_ago})
    servers.stop_all(ws)
    assert gone(read_pids(pids), seconds=0.5) and not servers._running
    assert lives(stranger.pid)  # its number was another process's before
    stranger.kill()
    stranger.wait()
    servers.stop_all(ws)  # nothing there: nothing to do


def test_a_server_that_has_ended_is_not_waited_for(ws, monkeypatch):
    """Whoever adopted it may never ask for its end, so that it stays in the table of processes."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(ended.pid)
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    about = {"pid": ended.pid, "began": process.create_time()}
    workspaces.note(ws, servers.NOTED, {"ended": about})

    def waits(process):
        raise AssertionError("it was waited for")

    monkeypatch.setattr(servers, "_wait_for_the_end", waits)
    servers.stop_all(ws)
    assert not (ws.root / servers.NOTED).exists()
    ended.wait()


def test_a_server_is_found_by_its_name(nasty):
    argv, _ = nasty
    with pytest.raises(ServerError, match=r"nasty is not up .*run the cell that starts it"):
        servers.running("nasty")
    server = servers.start("nasty", argv, ready="/")
    assert servers.running("nasty") is server
    psutil.Process(server.pid).kill()
    psutil.Process(server.pid).wait(10)
    with pytest.raises(ServerError, match="is not up"):
        servers.running("nasty")


def test_a_server_follows_the_workspaces_clock_and_not_the_notebooks(nasty, monkeypatch):
    monkeypatch.setenv(clock.PINNED, "2013-04-01")
    argv, _ = nasty
    server = servers.start("nasty", argv, ready="/")
    inside = psutil.Process(server.pid).children()[0].environ()
    assert clock.PINNED not in inside and inside["FIRSTFLIGHT_HOME"]


KERNEL = """
import os, sys, time
from classroom import servers
server = servers.start("nasty", sys.argv[2:], ready="/")
print(server.pid, flush=True)
if sys.argv[1] == "fork" and os.fork() == 0:
    time.sleep(600)          # a fork that keeps the pipe open, as multiprocessing makes them
if sys.argv[1] == "end":
    sys.exit()
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["kill -9", "terminate", "end", "fork"])
def test_no_server_outlives_its_kernel(nasty, how, ws):
    argv, pids = nasty
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL, how, *argv], stdout=subprocess.PIPE, text=True
    )
    fork = []
    try:
        guard = int(kernel.stdout.readline())
        everyone = [guard, *read_pids(pids)]
        if how == "fork":
            time.sleep(0.5)
            fork = [p.pid for p in psutil.Process(kernel.pid).children() if p.pid != guard]
            assert len(fork) == 1
        else:
            assert how == "end" or all(lives(pid) for pid in everyone)
        if how != "end":
            kernel.send_signal(signal.SIGTERM if how == "terminate" else signal.SIGKILL)
        assert gone(everyone)
    finally:
        kernel.kill()
        kernel.wait()
        for pid in fork:
            os.kill(pid, signal.SIGKILL)


def test_without_the_guard_a_worker_stays(nasty):
    """The control: the same server under plain Popen leaves its worker behind."""
    argv, pids = nasty
    port = str(servers.free_port())
    plain = subprocess.Popen([part.replace("{port}", port) for part in argv])
    while not pids.exists() or len(pids.read_text().split()) < 2:
        time.sleep(0.05)
    _, worker = read_pids(pids)
    plain.kill()
    plain.wait()
    assert not gone([worker], seconds=1)
    os.kill(worker, signal.SIGKILL)


def test_a_guard_that_is_killed_takes_the_server_along(nasty):
    argv, pids = nasty
    server = servers.start("nasty", argv, ready="/")
    os.kill(server.pid, signal.SIGKILL)
    main, worker = read_pids(pids)
    try:
        assert gone([main])
    finally:
        os.kill(worker, signal.SIGKILL)


def test_an_interrupt_does_not_reach_the_server(nasty):
    argv, _ = nasty
    server = servers.start("nasty", argv, ready="/")
    assert os.getpgid(server.pid) != os.getpgid(os.getpid())


def test_a_port_in_use_is_a_sentence(nasty):
    argv, pids = nasty
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as error:
            servers.start("nasty", argv, ready="/", port=port)
    assert str(error.value) == (
        f"Port {port} for nasty is in use by another program: "
        "stop that program, or give another port."
    )
    assert not pids.exists()
    server = servers.start("nasty", argv, ready="/", port=port)  # free again: taken
    assert server.url == f"http://127.0.0.1:{port}"


def test_a_server_that_ends_is_a_sentence_with_its_last_words():
    argv = [sys.executable, "-c", "print('starting'); raise SystemExit('no database')"]
    with pytest.raises(ServerError, match=r"ended before it was ready; .* is: no database"):
        servers.start("short", argv, ready="/")


def test_a_server_that_never_answers_is_stopped(tmp_path):
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ServerError, match="did not answer in time and was stopped") as error:
        servers.start("silent", argv, ready="/", timeout=1)
    assert "silent.log" in str(error.value)
    assert "silent" not in servers._running


def test_the_link_works_locally_and_through_a_hub(monkeypatch):
    monkeypatch.delenv("FIRSTFLIGHT_HEADLESS", raising=False)
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            local = servers.Server("mlflow", 40001, process, servers.GUARD)
            assert local.browser_url == "http://127.0.0.1:40001/"
            assert 'href="http://127.0.0.1:40001/"' in local._repr_html_()
            monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
            assert local.browser_url == "/user/ada/proxy/40001/"
            named = servers.Server("mlflow", PROXY["mlflow"], process, servers.GUARD)
            assert named.browser_url == "/user/ada/mlflow/"
        finally:
            process.kill()


def test_a_page_is_reached_through_a_hub_by_its_name(ws, tmp_path, monkeypatch):
    """A Jupyter server as a hub starts it: a prefix, and requests with the hub's own host name."""
    proxy_settings(tmp_path / "config")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    ui = servers.mlflow()
    hub = servers.start(
        "hub",
        [
            *(sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            *("--ServerApp.base_url=/user/ada/", "--IdentityProvider.token="),
            *("--ServerApp.allow_remote_access=True", f"--ServerApp.root_dir={tmp_path}"),
        ],
        ready="/user/ada/api",
    )
    assert ui.url.endswith(f":{PROXY['mlflow']}") and ui.browser_url.startswith(
        "/user/ada/mlflow/#/"
    )
    for path in ("mlflow/health", "mlflow/"):
        request = urllib.request.Request(
            f"{hub.url}/user/ada/{path}", headers={"Host": "hub.example"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
    flows = servers.prefect()
    assert flows.browser_url == "/user/ada/prefect/"
    assert os.environ["PREFECT_API_URL"] == f"{flows.url}/user/ada/prefect/api"
    with urllib.request.urlopen(f"{hub.url}{flows.browser_url}", timeout=30) as answer:
        page = answer.read().decode()
    script = re.search(r'src="(/user/ada/prefect/[^"]*\.js)"', page)[1]
    assert get(hub.url + script) == 200
    assert get(f"{hub.url}/user/ada/prefect/api/health") == 200
    # The way without the entry: MLflow sees the hub's host name and refuses.
    request = urllib.request.Request(
        f"{hub.url}/user/ada/proxy/{ui.port}/", headers={"Host": "hub.example"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=30)


def post(url, origin):
    """Ask MLflow to make an experiment, as a page of this origin would; return code and header."""
    headers = {"Content-Type": "application/json", **({"Origin": origin} if origin else {})}
    body = b'{"name": "by %s"}' % (origin or "a program").encode()
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/experiments/create", data=body, headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers.get("Access-Control-Allow-Origin")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Access-Control-Allow-Origin")


def test_no_other_page_commands_mlflow(ws):
    """Not even one that another program of this machine serves."""
    with servers.mlflow() as ui:
        for origin in ("http://evil.example", "http://localhost:1", "http://127.0.0.1:1", "null"):
            assert post(ui.url, origin) == (403, None), origin
        assert post(ui.url, ui.url) == (200, ui.url)
        assert post(ui.url, None)[0] == 200
        request = urllib.request.Request(ui.url, headers={"Host": "localhost:1"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=10)


def test_mlflow_with_few_processes_and_its_own_check_of_host_names(ws):
    with servers.mlflow() as ui:
        assert get(ui.url + "/health") == 200
        assert len(psutil.Process(ui.pid).children(recursive=True)) <= 3
        request = urllib.request.Request(ui.url, headers={"Host": "elsewhere.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=10)
    assert gone([ui.pid], seconds=0.5)
