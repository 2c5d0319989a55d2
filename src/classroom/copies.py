"""The learner's own copies of the notebooks, which no update of the course overwrites."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from firstflight import files
from firstflight.workspace import PROJECT

FOLDER = "my-notebooks"
NOTED = ".copied.json"  # the digest of each notebook as it was copied


def update(root: Path = PROJECT) -> list[str]:
    """Copy the notebooks where they are not there yet, or unchanged since they were copied.

    Parameters
    ----------
    root : Path
        The project.

    Returns
    -------
    list of str
        A sentence for each copy that is kept although the course has a newer notebook.
    """
    target = root / FOLDER
    noted = _noted(target / NOTED)
    kept = []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        new, copy = path.read_bytes(), target / path.name
        old = copy.read_bytes() if copy.exists() else None
        if old is None or _digest(old) == noted.get(path.name):
            files.write(copy, new)
            noted[path.name] = _digest(new)
        elif old == new:
            noted[path.name] = _digest(new)
        elif _digest(new) != noted.get(path.name):
            kept.append(
                f"{FOLDER}/{path.name} is yours and was kept; the course has a newer one: rename "
                "yours and run `course copy` again to get it."
            )
    files.write(target / NOTED, json.dumps(noted, indent=1, sort_keys=True) + "\n")
    return kept


def _noted(path: Path) -> dict[str, str]:
    """Return what was noted; a file that somebody has spoilt counts as none, so all is kept."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
