"""Look at a Containerfile and its folder without building an image: no network, no docker."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement

from classroom import ledger

INSTRUCTION = re.compile(r"^(FROM|COPY|USER|ENTRYPOINT|CMD)\s+(.+)$", re.MULTILINE)


def instructions(text: str, name: str) -> list[str]:
    r"""Return what stands behind each instruction of this name, in order.

    Parameters
    ----------
    text : str
        Of a Containerfile.
    name : str
        ``"FROM"``, ``"COPY"``, ``"USER"``, ``"ENTRYPOINT"`` or ``"CMD"``.

    Returns
    -------
    list of str

    Examples
    --------
    >>> instructions("FROM python:3.11-slim\\nUSER bentoml\\n", "USER")
    ['bentoml']
    """
    return [found[2].strip() for found in INSTRUCTION.finditer(text) if found[1] == name]


def missing(text: str, folder: Path) -> list[str]:
    """Return what the Containerfile copies and the folder does not have.

    Parameters
    ----------
    text : str
        Of a Containerfile.
    folder : Path
        The folder that an image is built from.

    Returns
    -------
    list of str
        The sources, as they stand there.
    """
    lost = []
    for line in instructions(text, "COPY"):
        *sources, _ = [word for word in line.split() if not word.startswith("--")]
        lost += [source for source in sources if not (folder / source).exists()]
    return lost


def pinned(folder: Path) -> list[str]:
    """Return the packages that a Bento asks for in exactly one version, sorted.

    Parameters
    ----------
    folder : Path
        The Bento.

    Returns
    -------
    list of str
        Their names.
    """
    lines = (folder / "env" / "python" / "requirements.txt").read_text().splitlines()
    asked = [Requirement(line) for line in lines if line.strip()]
    return sorted({one.name for one in asked if str(one.specifier).startswith("==")})


def installed(folder: Path) -> list[str]:
    """Return all packages that an image of the Bento gets: those it pins, and what they require.

    Parameters
    ----------
    folder : Path
        The Bento.

    Returns
    -------
    list of str
        Their names, as they are installed here.
    """
    return sorted(set().union(*(ledger.closure(name) for name in pinned(folder))))


def looked_at(text: str, folder: Path) -> dict[str, str]:
    """Say what a Containerfile makes, as far as that can be seen without building it.

    Parameters
    ----------
    text : str
        Of a Containerfile.
    folder : Path
        The Bento that it is of.

    Returns
    -------
    dict of str to str
        Question and answer.
    """
    base = instructions(text, "FROM")[-1].split()[0]
    return {
        "base image": base,
        "fixed by its digest": "yes" if "@sha256:" in base else "no: a tag can move",
        "runs as": (instructions(text, "USER") or ["root"])[-1],
        "starts": Path(re.sub(r"[\[\]\" ]", "", instructions(text, "ENTRYPOINT")[-1])).name,
        "copied and not there": ", ".join(missing(text, folder)) or "nothing",
        "models in it": "none" if not any((folder / "models").glob("*")) else "some",
    }
