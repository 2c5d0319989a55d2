"""One list of versions: the lock, conda's file, Binder's copy, and what is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from classroom import doctor, environment
from firstflight.workspace import PROJECT

LOCK = (PROJECT / "requirements.txt").read_text()
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())


def pip_section(text):
    (pins,) = [d["pip"] for d in yaml.safe_load(text)["dependencies"] if isinstance(d, dict)]
    return pins


def test_the_lock_is_names_and_exact_versions_and_no_address():
    for line in LOCK.splitlines():
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9A-Za-z.+!]*", line), line
    names = [line.split("==")[0] for line in LOCK.splitlines()]
    assert names == sorted(set(names))


def test_the_lock_is_within_the_projects_ranges():
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"], *(need for extra in extras.values() for need in extra)]
    pins = doctor.locked(LOCK)
    assert len(needs) > 25
    for need in map(Requirement, needs):
        assert need.specifier.contains(pins[canonicalize_name(need.name)]), need


def test_condas_file_has_the_locks_versions():
    text = (PROJECT / "environment.yml").read_text()
    assert pip_section(text) == LOCK.split()
    content = yaml.safe_load(text)
    python = next(d for d in content["dependencies"] if str(d).startswith("python="))
    version = python.removeprefix("python=")
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(version)
    assert "pip" in content["dependencies"]  # conda wants it named when there is a pip section
    # Control: another version in the lock is seen.
    assert pip_section(environment.text(LOCK.replace("pandas==3.0", "pandas==3.1"))) != LOCK.split()


def test_binders_copy_is_the_same_file():
    assert (PROJECT / "binder" / "environment.yml").read_bytes() == (
        PROJECT / "environment.yml"
    ).read_bytes()


def test_writing_the_environment_files_again_changes_nothing(tmp_path):
    assert environment.text(LOCK) == (PROJECT / "environment.yml").read_text()
    (tmp_path / "requirements.txt").write_text("pandas==3.0.6\n")
    assert len(environment.write(tmp_path)) == 2
    assert environment.write(tmp_path) == []


def test_scripts_can_be_executed():
    for name in (".ci/run", ".ci/conformance", "binder/postBuild"):
        path = PROJECT / name
        assert os.access(path, os.X_OK), name
        assert subprocess.run(["bash", "-n", str(path)]).returncode == 0


def test_ci_runs_the_readmes_command():
    steps = {}
    for name in ("ci", "weekly"):
        jobs = yaml.safe_load((PROJECT / ".github" / "workflows" / f"{name}.yml").read_text())[
            "jobs"
        ]
        steps[name] = [step.get("run") for job in jobs.values() for step in job["steps"]]
    assert ".ci/run" in steps["ci"] and ".ci/conformance .ci/base" in steps["ci"]
    assert "make test" in steps["weekly"]
    assert "make test" in (PROJECT / ".ci" / "run").read_text()
    assert "make test" in (PROJECT / "README.md").read_text()


@pytest.mark.skipif(
    os.environ.get("FIRSTFLIGHT_UNLOCKED") == "1", reason="the newest versions are meant"
)
def test_what_is_installed_is_what_is_locked():
    finding = doctor.lock(doctor.locked(LOCK), doctor.installed())
    assert finding.ok, finding.what


def test_the_doctor_sees_what_is_wrong():
    pins = {"pandas": "3.0.6", "mlflow": "3.17.2", "scikit-learn": "1.9.1", "prefect": "3.8.8"}
    assert doctor.lock(pins, pins | {"other": "1"}).ok
    wrong = doctor.lock(pins, {"pandas": "3.1.0", "mlflow": "3.17.2"})
    assert wrong == doctor.Finding(
        False,
        "Not as locked: pandas 3.1.0 instead of 3.0.6, prefect missing instead of 3.8.8, "
        "scikit-learn missing instead of 1.9.1: run `make install`.",
    )
    assert doctor.python_version((3, 11)).ok and doctor.python_version((3, 12)).ok
    assert not doctor.python_version((3, 10)).ok and not doctor.python_version((3, 13)).ok
    assert doctor.memory(4.0).ok and not doctor.memory(0.5).ok
    assert doctor.disk(40.0).ok and not doctor.disk(0.5).ok
    assert doctor.one_off_setup(True).ok
    assert "run `course setup`" in doctor.one_off_setup(False).what
    assert doctor.library("json").ok
    assert doctor.library("not_there").what == (
        "not_there does not import: ModuleNotFoundError: No module named 'not_there'"
    )


def test_the_doctor_looks_at_the_workspace_and_the_ports(tmp_path, monkeypatch):
    assert doctor.workspace(tmp_path / "new").ok
    (tmp_path / "thesis.txt").write_text("mine")
    assert "holds other files" in doctor.workspace(tmp_path).what
    monkeypatch.setattr(doctor, "port_is_free", lambda port: port != 5511)
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    assert doctor.ports().ok
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    assert doctor.ports().what == "Port 5511 is in use: stop the program that has it."


def test_the_path_never_imports_the_course():
    for path in sorted((PROJECT / "src" / "firstflight").rglob("*.py")):
        assert not re.search(r"^\s*(from|import) classroom", path.read_text(), re.M), path.name


def test_importing_the_helpers_brings_no_tool():
    """A lesson's first cell imports them before the tools' environment is set."""
    tools = ("mlflow", "prefect", "bentoml", "evidently", "sklearn", "pandas", "matplotlib")
    code = f"import sys, classroom; print([t for t in {tools} if t in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr
