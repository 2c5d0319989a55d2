"""Start a server from a notebook; it never outlives the kernel.

>>> with servers.mlflow() as ui:  # doctest: +SKIP
...     ui
mlflow: ready
"""

from __future__ import annotations

import contextlib
import html
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from classroom import setup_tools, workspaces
from classroom.errors import ServerError
from classroom.memory import tree_mb
from classroom.workspaces import headless
from firstflight import clock
from firstflight.workspace import (
    PROJECT,
    Workspace,
    current,
    for_child,
    make,
    no_foreign_settings,
)

GUARD = Path(__file__).with_name("guard.py")
PATIENCE = 30.0  # seconds that a server gets to end
NOTED = "servers.json"  # in the workspace: which processes are up

# Behind a hub a page is reached under a fixed name (see setup_tools), so its port is fixed.
HUB_PORTS = PROXY = setup_tools.PROXY

_running: dict[str, Server] = {}


class Server:
    """A server process that answers on 127.0.0.1.

    Attributes
    ----------
    name : str
        What it is, such as ``"mlflow"``.
    url : str
        Its address for code in the notebook, without a slash at the end.
    start_seconds : float
        From the start of the process to the first good health answer.
    """

    def __init__(
        self, name: str, port: int, process: subprocess.Popen[bytes], log: Path, page: str = ""
    ) -> None:
        self.name, self.port, self.log, self.page = name, port, log, page
        self.url = f"http://127.0.0.1:{port}"
        self.start_seconds = 0.0
        self._guard = process

    @property
    def pid(self) -> int:
        """The process to look at; it is the guard, the server and its workers are below it."""
        return self._guard.pid

    @property
    def running(self) -> bool:
        """Whether the process is there. It can be there and not answer."""
        return self._guard.poll() is None

    @property
    def browser_url(self) -> str:
        """What to open in a browser: through the Jupyter proxy behind a hub, else directly."""
        return self.address_of(self.page)

    def address_of(self, page: str) -> str:
        """Return the address of a page for a browser: through the proxy behind a hub."""
        prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
        if not prefix:
            return f"{self.url}/{page}"
        where = self.name if HUB_PORTS.get(self.name) == self.port else f"proxy/{self.port}"
        return f"{prefix.rstrip('/')}/{where}/{page}"

    def at(self, page: str, words: str = "") -> Link:
        """Return a link to one of the server's pages, for the last line of a cell.

        Parameters
        ----------
        page : str
            What to open, behind the address and its slash.
        words : str, optional
            What the link says; the server's name by default.

        Returns
        -------
        Link
            Shown as a link in a browser, and as ``"mlflow: ready"`` where there is none.
        """
        return Link(self, page, words or self.name)

    def memory_mb(self) -> float:
        """Return the memory of the server and all its workers in MB, pages shared counted once."""
        return tree_mb(self.pid)

    def stop(self) -> None:
        """End the server with everything it started, and wait until it is gone."""
        _running.pop(self.name, None)
        if self.running:
            assert self._guard.stdin is not None
            self._guard.stdin.close()  # the guard takes this as the end of the kernel
            try:
                self._guard.wait(30)
            except subprocess.TimeoutExpired:
                raise ServerError(
                    f"{self.name} did not end within 30 seconds (process {self.pid}): "
                    "restart the kernel."
                ) from None

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the server's log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        # No port: it is another one on every run, and outputs are compared.
        return f"{self.name}: {'ready' if self.running else 'stopped'}"

    def _repr_html_(self) -> str | None:
        if headless() or not self.running:
            return None
        return f'<a href="{self.browser_url}" target="_blank">{self.name}</a>: ready'


class Link:
    """A link to a page of a server; see `Server.at`."""

    def __init__(self, server: Server, page: str, words: str) -> None:
        self.server, self.page, self.words = server, page, words

    def __repr__(self) -> str:
        return repr(self.server)

    def _repr_html_(self) -> str | None:
        if headless() or not self.server.running:
            return None
        address = self.server.address_of(self.page)
        return f'<a href="{address}" target="_blank">{html.escape(self.words)}</a>'


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    name: str,
    argv: Sequence[str],
    *,
    ready: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    timeout: float = 120,
    page: str = "",
    cwd: Path | None = None,
) -> Server:
    """Start a server and wait until it answers.

    Parameters
    ----------
    name : str
        What it is. A server of the same name that this notebook started before is stopped first,
        so a cell can be run twice.
    argv : sequence of str
        The command; ``{port}`` stands for the port. It must listen on 127.0.0.1.
    ready : str
        The path of the health answer, such as ``"/health"``.
    env : mapping, optional
        Environment variables to add.
    port : int, optional
        A fixed port; by default a free one, and behind a hub the name's own (`HUB_PORTS`).
    timeout : float, default 120
        Seconds to wait for the first good health answer.
    page : str, optional
        What the link opens, after the address and its slash.
    cwd : Path, optional
        The folder to run it in; the notebook's if not given.

    Raises
    ------
    ServerError
        If the port is taken, or the server ends or does not answer in time.
    """
    if name in _running:
        _running[name].stop()
    if port is None and os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        port = HUB_PORTS.get(name)
    if port is not None and not port_is_free(port):
        raise ServerError(
            f"Port {port} for {name} is in use by another program: stop that program, or give "
            "another port."
        )
    port = port or free_port()
    logs = make().root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    command = [part.replace("{port}", str(port)) for part in argv]
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", str(GUARD), *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the Stop button interrupts the cell, not the server
            env=_following_the_clock(for_child(more={"PYTHONUNBUFFERED": "1", **(env or {})})),
            cwd=cwd,
        )
    server = Server(name, port, process, log, page)
    _running[name] = server
    _note(server)
    _wait(server, ready, began + timeout)
    server.start_seconds = time.monotonic() - began
    return server


def _following_the_clock(environ: dict[str, str]) -> dict[str, str]:
    """Return an environment in which a server reads the workspace's clock and not this day."""
    return {name: value for name, value in environ.items() if name != clock.PINNED}


def _note(server: Server) -> None:
    """Note the process in the workspace, for a lesson that begins in another notebook."""
    ws = current()
    began = psutil.Process(server.pid).create_time()
    noted = {k: v for k, v in workspaces.noted(ws, NOTED, {}).items() if k != server.name}
    workspaces.note(ws, NOTED, {**noted, server.name: {"pid": server.pid, "began": began}})


def running(name: str) -> Server:
    """Return a server of this notebook by its name.

    Raises
    ------
    ServerError
        If it is not up.
    """
    if name not in _running or not _running[name].running:
        raise ServerError(f"{name} is not up in this notebook: run the cell that starts it.")
    return _running[name]


def stop_all(ws: Workspace) -> None:
    """End the servers of this notebook, and those that an ended lesson has left up in another.

    Parameters
    ----------
    ws : Workspace
        The workspace in which they were started.
    """
    for server in list(_running.values()):
        server.stop()
    for about in workspaces.noted(ws, NOTED, {}).values():
        with contextlib.suppress(psutil.Error):
            guard = psutil.Process(about["pid"])
            same = guard.create_time() == about["began"]  # or the number is another's by now
            if same and not _has_ended(guard):
                guard.terminate()
                _wait_for_the_end(guard)
    (ws.root / NOTED).unlink(missing_ok=True)


def _has_ended(process: psutil.Process) -> bool:
    """Tell whether a process runs no more; one whose parent has not asked for its end counts."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _wait_for_the_end(process: psutil.Process) -> None:
    # Not psutil's own wait: for it a process lives until its parent asks for its end, and that of
    # a kernel that is gone may never.
    deadline = time.monotonic() + PATIENCE
    while not _has_ended(process) and time.monotonic() < deadline:
        time.sleep(0.05)


def _wait(server: Server, path: str, deadline: float) -> None:
    while not _answers(server.port, path):
        if not server.running:
            _running.pop(server.name, None)
            last = server.log_tail(1).strip() or "nothing"
            raise ServerError(
                f"{server.name} ended before it was ready; the last line of {server.log} is: {last}"
            )
        if time.monotonic() > deadline:
            server.stop()
            raise ServerError(
                f"{server.name} did not answer in time and was stopped: read {server.log}."
            )
        time.sleep(0.1)


def _answers(port: int, path: str) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", path)
        return link.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def mlflow(port: int | None = None) -> Server:
    """Start MLflow's server on the workspace's database, to look at its pages.

    One worker and no job runner: the default is 15 processes and 1.6 GB.
    """
    ws = make()
    return start(
        "mlflow",
        [sys.executable, "-m", "classroom.own_pages", "mlflow", "{port}"],
        ready="/health",
        env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        port=port,
        page="#/experiments?workflowType=machine_learning",  # else it opens for language models
        cwd=ws.root,
    )


def prefect(port: int | None = None) -> Server:
    """Start Prefect's server and let flows of this notebook use it.

    Call it before `prefect` is imported: Prefect reads ``PREFECT_API_URL`` once. Without a server
    every flow run starts a short-lived one of its own, which costs about 20 seconds.

    Raises
    ------
    StorageError
        If files beside the notebook would point Prefect elsewhere.
    ServerError
        As `start`.
    """
    no_foreign_settings()
    # Its pages name their parts by absolute paths, so behind a hub it must know the hub's prefix.
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    base = f"{prefix.rstrip('/')}/prefect" if prefix else ""
    home = make().prefect_home
    home.mkdir(exist_ok=True)
    # By default it writes its pages into the installed package. The set-up made them for an
    # address without a prefix; for another one they are written anew.
    pages = home / "ui" if base or not setup_tools.ready() else setup_tools.PAGES
    server = start(
        "prefect",
        # With its services: one of them writes down the task runs that its pages show.
        [sys.executable, "-m", "classroom.own_pages", "prefect", "{port}"],
        ready=f"{base}/api/health",
        env={
            "PREFECT_SERVER_API_BASE_PATH": f"{base}/api",
            "PREFECT_SERVER_UI_API_URL": f"{base}/api",
            "PREFECT_SERVER_UI_SERVE_BASE": base or "/",
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(pages),
            **setup_tools.PLAIN_PAGES,
        },
        port=port,
        cwd=home,
    )
    os.environ["PREFECT_API_URL"] = f"{server.url}{base}/api"
    return server


def service(
    target: str = "firstflight.svc:svc",
    *,
    usecase: str = "flights",
    env: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Server:
    """Start a BentoML service the way production does, with one worker.

    Parameters
    ----------
    target : str
        ``module:name`` of the service, or the tag of a built Bento.
    usecase : str, default "flights"
        The use case that it serves.
    env : mapping, optional
        Environment variables to add.
    """
    return start(
        "service",
        [
            *(sys.executable, "-m", "bentoml", "serve", target),
            *("--host", "127.0.0.1", "--port", "{port}", "--working-dir", str(PROJECT)),
        ],
        ready="/readyz",
        env={"FIRSTFLIGHT_USECASE": usecase, **(env or {})},
        port=port,
        page="docs.json",  # its first page loads Google's tag manager into the browser
    )
