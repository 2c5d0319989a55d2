"""Write the conda environment from the lock, so that there is one list of versions."""

from __future__ import annotations

from pathlib import Path

from firstflight.workspace import PROJECT

HEADER = """\
# Made from requirements.txt by `course environment`; a test compares them.
# After it, in the project's folder: pip install --no-deps --editable . && course setup
name: first-flight
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""

# A binder/ folder hides the file in the root, so Binder gets the same bytes there.
TARGETS = ("environment.yml", "binder/environment.yml")


def text(lock: str) -> str:
    """Return the content of ``environment.yml`` for the content of a lock."""
    pins = (line.strip() for line in lock.splitlines())
    return HEADER + "".join(f"      - {pin}\n" for pin in pins if pin and not pin.startswith("#"))


def write(root: Path = PROJECT) -> list[Path]:
    """Write the environment files, and return those that changed."""
    content = text((root / "requirements.txt").read_text())
    changed = []
    for name in TARGETS:
        path = root / name
        if not path.exists() or path.read_text() != content:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
            changed.append(path)
    return changed
