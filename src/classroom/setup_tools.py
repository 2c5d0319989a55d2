"""What is done once after the install, so that no lesson waits for it.

The results lie under ``.setup/`` in the project (databases to copy into a fresh workspace, and the
pages that every Prefect server shows) and in the environment (kernel, JupyterLab's settings).
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from classroom.errors import SetupError
from firstflight import files
from firstflight.workspace import PROJECT, Workspace, for_child

TEMPLATES = PROJECT / ".setup"
PAGES = TEMPLATES / "pages"
MAKE_PAGES = "from prefect.server.api.server import create_ui_app; create_ui_app(ephemeral=False)"
PLAIN_PAGES = {
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # The second generation of its pages calls an analytics firm from the browser.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
}
TOOLS = ("prefect", "mlflow")

# Fixed names for the pages of servers behind a hub, see servers.HUB_PORTS. MLflow checks Host and
# Origin; the proxy says the server's own, so that the check can stay on.
PROXY = {"mlflow": 5511, "prefect": 5512, "service": 5513}

QUIET = "--IPKernelApp.log_level=50"

OVERRIDES: dict[str, object] = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}


def versions() -> dict[str, str]:
    """Return the versions that the templates depend on."""
    return {tool: importlib.metadata.version(tool) for tool in TOOLS}


def ready(templates: Path = TEMPLATES) -> bool:
    """Tell whether the templates are there and made by the installed versions."""
    mark = templates / "versions.json"
    return (
        (templates / PAGES.name).is_dir()
        and mark.exists()
        and json.loads(mark.read_text()) == versions()
    )


def run(templates: Path = TEMPLATES) -> list[str]:
    """Do the one-off set-up and return what was done, a line each. Doing it again costs nothing.

    Raises
    ------
    SetupError
        If a tool's own set-up command fails.
    """
    lines = [_kernel(), _lab_settings(), _proxy_settings()]
    if ready(templates):
        return [*lines, "databases and pages: there already"]
    shutil.rmtree(templates, ignore_errors=True)
    templates.mkdir(parents=True)
    _prefect_database(templates)
    _mlflow_database(templates)
    _prefect_pages(templates)
    (templates / "versions.json").write_text(json.dumps(versions(), indent=1) + "\n")
    return [*lines, "databases and pages: Prefect's and MLflow's are made"]


def seed(ws: Workspace, templates: Path = TEMPLATES) -> None:
    """Give a fresh workspace the databases that the set-up made.

    Without them the tools make their own on first use, which takes about a minute.
    """
    if not ready(templates):
        return
    for template, target in (
        (templates / "prefect.db", ws.prefect_database),
        (templates / "mlflow.db", ws.database),
    ):
        if not target.exists():
            files.write(target, template.read_bytes(), ws=ws)


def _prefect_database(templates: Path) -> None:
    making = Workspace(templates / "making")
    making.prefect_home.mkdir(parents=True)
    command = ["prefect", "server", "database", "upgrade", "--yes"]
    _call([sys.executable, "-m", *command], making, "Prefect's database")
    _whole(making.prefect_database, templates / "prefect.db")
    shutil.rmtree(making.root)


def _mlflow_database(templates: Path) -> None:
    making = Workspace(templates / "making")
    making.root.mkdir()
    command = ["mlflow", "db", "upgrade", making.tracking_uri]
    _call([sys.executable, "-m", *command], making, "MLflow's database")
    _whole(making.database, templates / "mlflow.db")
    shutil.rmtree(making.root)


def _prefect_pages(templates: Path) -> None:
    """Write Prefect's pages once; a server would write them into each workspace, 7 MB a time."""
    making = Workspace(templates / "making")
    making.prefect_home.mkdir(parents=True)
    _call(
        [sys.executable, "-c", MAKE_PAGES],
        making,
        "Prefect's pages",
        PREFECT_SERVER_UI_STATIC_DIRECTORY=str(templates / PAGES.name),
        **PLAIN_PAGES,
    )
    shutil.rmtree(making.root)


def _whole(source: Path, target: Path) -> None:
    """Copy a database with what is still in its write-ahead log."""
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")
    old.close()
    new.close()


def _call(argv: list[str], ws: Workspace, what: str, **env: str) -> None:
    # In the workspace: some tools also read settings from the folder that they are started in.
    done = subprocess.run(argv, env=for_child(ws, env), capture_output=True, text=True, cwd=ws.root)
    if done.returncode:
        last = ((done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"{what} could not be made: {last}")


def kernelspec(folder: Path, python: str = sys.executable) -> Path:
    """Write a kernel named python3 that starts this Python, whatever else is installed."""
    target = folder / "kernels" / "python3"
    target.mkdir(parents=True, exist_ok=True)
    spec = {
        # Without its message in red about unencrypted TCP, in each notebook that papermill runs.
        "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}", QUIET],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "metadata": {"debugger": True},
    }
    _replace(target / "kernel.json", json.dumps(spec, indent=1) + "\n")
    return target


def _kernel() -> str:
    kernelspec(Path(sys.prefix) / "share" / "jupyter")
    return "kernel: python3 is this environment's Python"


def _lab_settings() -> str:
    settings = Path(sys.prefix) / "share" / "jupyter" / "lab" / "settings"
    _into_json(settings / "overrides.json", OVERRIDES)
    return "JupyterLab: no news pop-up, no look for updates"


def _proxy_settings() -> str:
    proxy_settings(Path(sys.prefix) / "etc" / "jupyter")
    return f"proxy: {', '.join(PROXY)} are reached by name behind a hub"


def proxy_settings(folder: Path) -> Path:
    """Write jupyter-server-proxy's entries for servers that a lesson starts by itself."""
    entries = {
        name: {
            "port": port,
            "timeout": 90,
            "request_headers_override": {
                "Host": f"127.0.0.1:{port}",
                "Origin": f"http://127.0.0.1:{port}",
            },
            "launcher_entry": {"enabled": False},
            "absolute_url": name == "prefect",  # see servers.prefect
        }
        for name, port in PROXY.items()
    }
    # Not in jupyter_server_config.d: of those files Jupyter reads the extensions alone.
    return _into_json(folder / "jupyter_server_config.json", {"ServerProxy": {"servers": entries}})


def _replace(path: Path, text: str) -> None:
    """Write a file anew: installers link files of their cache, and a link must not be written."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)


def _into_json(path: Path, content: dict[str, object]) -> Path:
    """Put entries into a JSON file of settings, and leave its other entries as they are."""
    present = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, json.dumps({**present, **content}, indent=1, sort_keys=True) + "\n")
    return path
