"""The workspace: one folder holds all state; delete it and everything starts anew.

What a tool reads from its surroundings is decided here and nowhere else. Variables of MLflow,
Prefect, BentoML and what they are built on that come from outside do not count: a company's
tracking server or database is never read or written because a shell happens to name it.
"""

from __future__ import annotations

import importlib.util
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from firstflight.errors import StorageError

# Whose variables configure a tool here. Prefixes and not names: the next version has more names.
TOOLS = (
    *("PREFECT_", "MLFLOW_", "_MLFLOW_", "BENTOML_"),
    # What their servers, clients and traces are built on.
    *("UVICORN_", "GUNICORN_", "DOCKET_", "OTEL_", "LOGFIRE_"),
    "WEB_CONCURRENCY",
)
# What a terminal or a test run says of itself; a child that writes to a file must not hear it.
SURROUNDINGS = (
    *("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"),
    *("PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONSTARTUP"),
)
# The workspace whose settings a process has, so that a child keeps what its parent set.
MARK = "FIRSTFLIGHT_ISOLATED"
HERE = ("127.0.0.1", "localhost")


def _project() -> Path:
    """Return the folder that holds ``process.toml``: the checkout, or the sources in a Bento."""
    above = Path(__file__).resolve().parents
    return next((folder for folder in above if (folder / "process.toml").is_file()), above[2])


PROJECT = _project()


@dataclass(frozen=True)
class Workspace:
    """The places inside one workspace folder.

    Parameters
    ----------
    root : Path
        The folder. Nothing of the project is written outside it.
    """

    root: Path

    @property
    def database(self) -> Path:
        """MLflow's SQLite database."""
        return self.root / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        """MLflow's database as a tracking address."""
        # With its driver, because MLflow makes the folder of a plain "sqlite:///" address without
        # reading the quotes, so beside the workspace.
        return _sqlite(self.database, plain="sqlite", quoted="sqlite+pysqlite")

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps model files."""
        return self.root / "mlartifacts"

    @property
    def drops(self) -> Path:
        """Upstream drops that were verified and landed."""
        return self.root / "drops"

    @property
    def snapshots(self) -> Path:
        """Content-addressed training snapshots."""
        return self.root / "snapshots"

    @property
    def state(self) -> Path:
        """Published feature state, per use case, feature version and date."""
        return self.root / "state"

    @property
    def predictions(self) -> Path:
        """The prediction log of the service."""
        return self.root / "predictions"

    @property
    def reports(self) -> Path:
        """Reports for people: Evidently pages, gate verdicts."""
        return self.root / "reports"

    @property
    def bento_home(self) -> Path:
        """BentoML's own folder."""
        return self.root / "bentoml"

    @property
    def prefect_home(self) -> Path:
        """Prefect's own folder, with its database."""
        return self.root / "prefect"

    @property
    def prefect_database(self) -> Path:
        """Prefect's SQLite database."""
        return self.prefect_home / "prefect.db"

    @property
    def clock_file(self) -> Path:
        """The day that was set as today; absent where the real date counts."""
        return self.root / "clock.json"

    @property
    def records(self) -> Path:
        """What was decided, one numbered file an entry: deployments, verdicts, decisions."""
        return self.root / "records"

    @property
    def lock_file(self) -> Path:
        """Whoever changes the workspace holds this one."""
        return self.root / "writer.lock"

    @property
    def temporary(self) -> Path:
        """Files that are being written."""
        return self.root / "tmp"

    @property
    def home_file(self) -> Path:
        """Where the workspace lay when its addresses were written; see `firstflight.moves`."""
        return self.root / "home.json"

    @property
    def process_file(self) -> Path:
        """The team's copy of ``process.toml``; absent until somebody (lesson 00) writes it."""
        return self.root / "process.toml"


def _sqlite(path: Path, *, plain: str, quoted: str) -> str:
    """Return the address of a SQLite file, quoted where its name has a sign of addresses in it."""
    if set("%?#").isdisjoint(str(path)):
        return f"{plain}:///{path}"
    # SQLAlchemy 2.0 takes the quotes out of no file name; SQLite itself does, of a "file:" address.
    return f"{quoted}:///file:{quote(str(path))}?uri=true"


def current() -> Workspace:
    """Return the workspace in use: ``$FIRSTFLIGHT_HOME``, else ``workspace/`` in the project.

    A relative path is one from the project, so that a terminal and a notebook, which run in
    different folders, mean the same; ``~`` is the user's home.
    """
    named = os.environ.get("FIRSTFLIGHT_HOME")
    return Workspace((PROJECT / Path(named or "workspace").expanduser()).resolve())


def settings(ws: Workspace) -> dict[str, str]:
    """Return the variables that point every tool at a workspace.

    Parameters
    ----------
    ws : Workspace
        The workspace to point at.

    Returns
    -------
    dict of str to str
        Names and values of environment variables.
    """
    return {
        "FIRSTFLIGHT_HOME": str(ws.root),
        MARK: str(ws.root),
        # One thread: HistGradientBoosting is ten times slower with two on contended cores, and
        # one thread makes its sums the same on every run.
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": ws.tracking_uri,
        "MLFLOW_REGISTRY_URI": ws.tracking_uri,
        # Where MLflow, used without a server, puts the files of an experiment; it has no public
        # setting for this, and its default is a folder beside the notebook.
        "_MLFLOW_SERVER_ARTIFACT_ROOT": ws.artifacts.as_uri(),
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "BENTOML_HOME": str(ws.bento_home),
        "BENTOML_DO_NOT_TRACK": "True",
        "PREFECT_HOME": str(ws.prefect_home),
        # Said out loud, because Prefect would also take them from files of the working directory.
        "PREFECT_PROFILES_PATH": str(ws.prefect_home / "profiles.toml"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": _sqlite(
            ws.prefect_database, plain="sqlite+aiosqlite", quoted="sqlite+aiosqlite"
        ),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        # Without these two any page in the user's browser can command Prefect's server. Its own
        # pages need no permission, so the one origin that gets it is a name that cannot exist.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://no-other-page.invalid",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "DO_NOT_TRACK": "1",
    }


def isolated(environ: Mapping[str, str], ws: Workspace) -> dict[str, str]:
    """Return an environment in which the tools see this workspace and nothing from outside.

    What was set after the environment was isolated for the same workspace (the address of a server
    that a notebook started) stays.

    Parameters
    ----------
    environ : mapping of str to str
        The environment to begin with.
    ws : Workspace
        The workspace to point at.

    Returns
    -------
    dict of str to str
        A new environment; `environ` is not changed.
    """
    new = dict(environ)
    if new.get(MARK) != str(ws.root):
        new = {name: value for name, value in new.items() if not name.startswith(TOOLS)}
    return direct(new) | settings(ws)


def direct(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which calls to this machine go through no proxy.

    A proxy that httpx cannot use (SOCKS without its extra package) is left out: httpx would refuse
    every call, those to this machine among them.

    Parameters
    ----------
    environ : mapping of str to str
        The environment to begin with.

    Returns
    -------
    dict of str to str
        A new environment, in which ``no_proxy`` and ``NO_PROXY`` also name this machine.

    Examples
    --------
    >>> direct({"NO_PROXY": "example.org"})["NO_PROXY"]
    'example.org,127.0.0.1,localhost'
    """
    schemes = {"http", "https"}
    if importlib.util.find_spec("socksio"):
        schemes |= {"socks5", "socks5h"}
    new = {}
    for name, value in environ.items():
        proxy = name.lower().endswith("_proxy") and name.lower() != "no_proxy"
        if not proxy or "://" not in value or urlsplit(value).scheme.lower() in schemes:
            new[name] = value
    present = [h for key in ("no_proxy", "NO_PROXY") for h in environ.get(key, "").split(",")]
    hosts = ",".join(dict.fromkeys(h.strip() for h in (*present, *HERE) if h.strip()))
    return new | {"no_proxy": hosts, "NO_PROXY": hosts}


def for_child(ws: Workspace | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child process that works in a workspace.

    Variables that tell of this process's terminal or test run (`SURROUNDINGS`) are left out.

    Parameters
    ----------
    ws : Workspace, optional
        The workspace to point at; the one in use if not given.
    more : mapping of str to str, optional
        Variables to add; they win over all others.

    Returns
    -------
    dict of str to str
        A new environment; that of this process is not changed.
    """
    new = isolated(os.environ, ws or current())
    return {name: value for name, value in new.items() if name not in SURROUNDINGS} | dict(
        more or {}
    )


def configure(workspace: Workspace | None = None) -> Workspace:
    """Point every tool of this process and its children at a workspace; make nothing.

    The variables must be set before the tools are imported: BentoML and Prefect read them once. In
    a workspace that was moved or copied its own addresses are written (see `firstflight.moves`).

    Parameters
    ----------
    workspace : Workspace, optional
        The workspace to point at; the one in use if not given.

    Returns
    -------
    Workspace
        The workspace that the tools use now.

    Raises
    ------
    StorageError
        If the workspace was moved and its addresses cannot be written.
    BusyError
        If it was moved and another command keeps changing it.
    """
    ws = workspace or current()
    new = isolated(os.environ, ws)
    for name in set(os.environ) - set(new):
        del os.environ[name]
    os.environ.update(new)
    from firstflight import moves  # it locks, and the lock asks this module where

    moves.settle(ws)
    return ws


def make(workspace: Workspace | None = None) -> Workspace:
    """Make the folder of a workspace; what a command that writes begins with.

    Parameters
    ----------
    workspace : Workspace, optional
        The workspace to make; the one in use if not given.

    Returns
    -------
    Workspace
        The workspace, whose folder is there now.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    ws = workspace or current()
    try:
        ws.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The workspace {ws.root} cannot be made ({error.strerror}): point FIRSTFLIGHT_HOME to "
            "a folder that can be written."
        ) from None
    return ws


def no_foreign_settings() -> None:
    """Refuse to use Prefect where the working directory holds settings for it.

    Prefect reads ``.env``, ``prefect.toml`` and the table ``tool.prefect`` of ``pyproject.toml``
    there, and has no switch for that: a server named in one of them would get this project's runs.

    Raises
    ------
    StorageError
        If one of these files holds settings for Prefect: one sentence with the file.
    """
    here = Path.cwd()
    found = ""
    if (here / "prefect.toml").is_file():
        found = "prefect.toml"
    for name in (".env", "pyproject.toml"):
        try:
            text = (here / name).read_text(encoding="utf-8")
            if name == ".env" and "PREFECT_" in text:
                found = name
            if name != ".env" and "prefect" in tomllib.loads(text).get("tool", {}):
                found = name
        except (OSError, ValueError):
            continue
    if found:
        raise StorageError(
            f"{here / found} holds settings for Prefect, which would count for this project's "
            "flows: run this in another folder."
        )
