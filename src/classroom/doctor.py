"""Look at everything that the course needs, and say in one line each what is there."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from packaging.utils import canonicalize_name

from classroom import setup_tools
from classroom.servers import PROXY, port_is_free
from classroom.workspaces import usable
from firstflight.workspace import PROJECT, Workspace, current, for_child

LOCK = PROJECT / "requirements.txt"
LIBRARIES = ("pandas", "sklearn", "skops", "mlflow", "prefect", "bentoml", "evidently", "papermill")
NEEDED_GB = {"memory": 1.6, "disk": 2.0}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is well, and a sentence."""

    ok: bool
    what: str


def examine(*, imports: bool = True, locked_versions: bool = True) -> list[Finding]:
    """Look at Python, packages, memory, disk, ports, set-up and, if wanted, every import."""
    found: list[Finding] = [
        python_version(sys.version_info[:2]),
        *([lock(locked(LOCK.read_text()), installed())] if locked_versions else []),
        memory(psutil.virtual_memory().available / 1024**3),
        disk(_free_gb(current().root)),
        workspace(current().root),
        ports(),
        one_off_setup(setup_tools.ready()),
    ]
    return [*found, *(library(name) for name in LIBRARIES if imports)]


def python_version(version: tuple[int, int]) -> Finding:
    """Tell whether this Python is one the lock was made for."""
    ok = (3, 11) <= version <= (3, 12)
    what = f"Python {version[0]}.{version[1]}"
    return Finding(ok, what if ok else f"{what}: the course needs 3.11 or 3.12.")


def locked(text: str) -> dict[str, str]:
    """Return name -> version of a lock's lines."""
    lines = (line.split("#")[0].split(";")[0].strip() for line in text.splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name.strip()): version.strip() for name, version in pairs}


def installed() -> dict[str, str]:
    """Return name -> version of what is installed here."""
    return {
        canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()
    }


def lock(wanted: Mapping[str, str], have: Mapping[str, str]) -> Finding:
    """Compare the lock with what is installed."""
    wrong = [
        f"{name} {have.get(name, 'missing')} instead of {version}"
        for name, version in sorted(wanted.items())
        if have.get(name) != version
    ]
    if not wrong:
        return Finding(True, f"{len(wanted)} packages, as locked")
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return Finding(False, f"Not as locked: {', '.join(wrong[:3])}{more}: run `make install`.")


def memory(free_gb: float) -> Finding:
    """Tell whether a lesson fits into memory."""
    what = f"{free_gb:.1f} GB of memory free"
    if free_gb >= NEEDED_GB["memory"]:
        return Finding(True, what)
    return Finding(False, f"{what}: a lesson may need {NEEDED_GB['memory']} GB; close something.")


def disk(free_gb: float) -> Finding:
    """Tell whether the workspace fits on the disk."""
    what = f"{free_gb:.1f} GB of disk free at the workspace"
    if free_gb >= NEEDED_GB["disk"]:
        return Finding(True, what)
    return Finding(False, f"{what}: the course needs {NEEDED_GB['disk']} GB; free some.")


def _free_gb(path: Path) -> float:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free / 1024**3


def workspace(root: Path) -> Finding:
    """Tell whether the workspace can be written, and is one of ours."""
    if not usable(root):
        return Finding(False, f"{root} holds other files: point FIRSTFLIGHT_HOME elsewhere.")
    parent = root if root.exists() else root.parent
    if not os.access(parent, os.W_OK):
        return Finding(False, f"{root} cannot be written: point FIRSTFLIGHT_HOME elsewhere.")
    return Finding(True, f"workspace: {root}")


def ports() -> Finding:
    """Tell whether the fixed ports are free; they matter behind a hub only."""
    taken = [str(port) for port in PROXY.values() if not port_is_free(port)]
    if not os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        return Finding(True, "ports: servers take a free one")
    if taken:
        return Finding(False, f"Port {', '.join(taken)} is in use: stop the program that has it.")
    return Finding(True, f"ports {', '.join(map(str, PROXY.values()))} are free")


def one_off_setup(ready: bool) -> Finding:
    """Tell whether `course setup` was done."""
    if ready:
        return Finding(True, "one-off set-up: done")
    return Finding(False, "The one-off set-up is not done: run `course setup`.")


def library(name: str) -> Finding:
    """Import a library in a fresh Python."""
    # In a workspace that is thrown away: some libraries make their folders when imported.
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", f"import {name}"],
            capture_output=True,
            text=True,
            env=for_child(Workspace(Path(folder))),
            cwd=folder,
        )
    if run.returncode == 0:
        return Finding(True, f"{name} imports")
    last = (run.stderr.strip().splitlines() or ["no message"])[-1]
    return Finding(False, f"{name} does not import: {last}")
