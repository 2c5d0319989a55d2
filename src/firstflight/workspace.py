"""One folder holds all state of the course: delete it and everything starts anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


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
        """MLflow's SQLite database, as a tracking address."""
        return f"sqlite:///{self.database}"

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
    def clock_file(self) -> Path:
        """The course's today."""
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
    def process_file(self) -> Path:
        """The team's copy of ``process.toml``; absent until lesson 00 writes it."""
        return self.root / "process.toml"

    @property
    def ledger_file(self) -> Path:
        """What each tool cost and prevented, one JSON line a row."""
        return self.root / "ledger.jsonl"

    @property
    def executed(self) -> Path:
        """Notebooks as the runner executed them."""
        return self.root / "executed"


def current() -> Workspace:
    """Return the workspace in use: ``$FIRSTFLIGHT_HOME``, else ``workspace/`` in the project."""
    return Workspace(Path(os.environ.get("FIRSTFLIGHT_HOME") or PROJECT / "workspace").resolve())


def configure(workspace: Workspace | None = None) -> Workspace:
    """Make the workspace folder and point every tool at it.

    The variables must be set before the tools are imported: BentoML and Prefect read them once.
    """
    ws = workspace or current()
    for folder in (ws.root, ws.artifacts, ws.bento_home, ws.prefect_home):
        folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        FIRSTFLIGHT_HOME=str(ws.root),
        # One thread: HistGradientBoosting is ten times slower with two on contended cores, and
        # one thread makes its sums the same on every run.
        OMP_NUM_THREADS="1",
        MLFLOW_TRACKING_URI=ws.tracking_uri,
        MLFLOW_REGISTRY_URI=ws.tracking_uri,
        # Where MLflow, used without a server, puts the files of an experiment; it has no public
        # setting for this, and its default is a folder beside the notebook.
        _MLFLOW_SERVER_ARTIFACT_ROOT=str(ws.artifacts),
        MLFLOW_LOGGING_LEVEL="WARNING",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
        MLFLOW_DISABLE_TELEMETRY="true",
        BENTOML_HOME=str(ws.bento_home),
        BENTOML_DO_NOT_TRACK="True",
        PREFECT_HOME=str(ws.prefect_home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="180",
        DO_NOT_TRACK="1",
    )
    return ws
