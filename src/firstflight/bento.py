"""A Bento: the service's code, the team's decisions and its pinned packages, as one folder.

Releases are not in it. The service takes them from the registry while it runs, so a Bento changes
when code changes and a release changes when a model does.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import bentoml

from firstflight import process, workspace
from firstflight.release import PINNED

SERVICE = "firstflight.svc:svc"
PACKAGES = ("bentoml", "mlflow", "pyarrow", "pydantic", *PINNED)


def build(version: str | None = None) -> bentoml.Bento:
    """Build a Bento of the service into BentoML's store.

    Which use case it serves is decided where it is served, by ``FIRSTFLIGHT_USECASE``.

    Parameters
    ----------
    version : str, optional
        The Bento's version; BentoML makes one up if none is given.

    Returns
    -------
    bentoml.Bento
        Its ``tag`` names it for ``bentoml serve`` and ``bentoml containerize``.

    Raises
    ------
    ProcessError
        If ``process.toml`` is missing or wrong: a Bento must not carry decisions that cannot be
        read.
    """
    workspace.configure()
    with tempfile.TemporaryDirectory() as folder:
        # BentoML imports from the root of what it packs, and this package lies under src/.
        context = Path(folder)
        package = Path(__file__).parent
        for source in package.rglob("*.py"):
            target = context / package.name / source.relative_to(package)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        shutil.copyfile(process.load().source, context / "process.toml")
        return bentoml.build(
            SERVICE,
            version=version,
            build_ctx=str(context),
            include=[f"{package.name}/**/*.py", "process.toml"],
            python={
                "packages": [f"{name}=={metadata.version(name)}" for name in PACKAGES],
                "lock_packages": False,  # these are the lock; resolving again needs a network
            },
        )
