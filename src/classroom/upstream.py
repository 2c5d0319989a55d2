"""Play an upstream: January and February are there; March's weather is late, damaged, or right.

At each fetch of March the next arrival is there. What is still to come stands in a file of the
folder, so a flow in another process meets the same upstream. Times are not played: a late file is
one that is missing when it is fetched.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from firstflight import files
from firstflight.workspace import PROJECT, current

DATA = PROJECT / "data"
MARCH = "weather/2013-03.parquet"
HALF = 20_000  # bytes of the half file
HANGS = 120.0  # seconds that a hanging fetch takes, if nobody ends it
PLAN, HANGING = "arrivals.json", "hanging"


def folder() -> Path:
    """Return the upstream's folder in the workspace."""
    return current().root / "upstream"


def _late(path: Path) -> None:
    path.unlink(missing_ok=True)


def _half(path: Path) -> None:
    path.write_bytes((DATA / MARCH).read_bytes()[:HALF])


def _doubled(path: Path) -> None:
    pq.write_table(pa.concat_tables([pq.read_table(DATA / MARCH)] * 2), path)


def _right(path: Path) -> None:
    shutil.copy(DATA / MARCH, path)


def _hangs(path: Path) -> None:
    waiting = path.parent.parent / HANGING
    waiting.touch()
    try:
        time.sleep(HANGS)
    finally:
        waiting.unlink(missing_ok=True)


ARRIVALS: dict[str, Callable[[Path], None]] = {
    "late": _late,
    "half": _half,
    "doubled": _doubled,
    "right": _right,
    "hangs": _hangs,
}


BAD_MORNING = ("late", "doubled", "half", "right")


def plays(*arrivals: str) -> None:
    """Put the upstream up anew, and say what each fetch of March will find as its weather.

    January, February, March's flights and the checksums of all files are there from the start.

    Parameters
    ----------
    *arrivals : str
        ``"late"`` (no file), ``"half"``, ``"doubled"`` (each row twice), ``"right"``, or
        ``"hangs"`` (the fetch does not come back). The last one stays.

    Raises
    ------
    ValueError
        If there is no such arrival, or none is named.
    """
    unknown = [name for name in arrivals if name not in ARRIVALS]
    if unknown or not arrivals:
        known = ", ".join(ARRIVALS)
        raise ValueError(f"An upstream plays {known}, and not {unknown or 'nothing'}.")
    shutil.rmtree(folder(), ignore_errors=True)
    for name, months in (("flights", (1, 2, 3)), ("weather", (1, 2))):
        (folder() / name).mkdir(parents=True)
        for month in months:
            shutil.copy(DATA / name / f"2013-{month:02}.parquet", folder() / name)
    shutil.copy(DATA / "SHA256SUMS", folder())
    files.write(folder() / PLAN, json.dumps({"arrivals": arrivals, "fetched": 0}))


def plays_a_bad_morning() -> None:
    """Put the upstream up anew: March is wrong at three fetches, and right at the fourth."""
    plays(*BAD_MORNING)


def fetch(month: str) -> Path:
    """Return the folder with the upstream's drops, as they are at this fetch.

    Parameters
    ----------
    month : str
        Which month is wanted, such as ``"2013-03"``. For March the next arrival is there.

    Returns
    -------
    Path
        A folder as `firstflight.drops.land` takes it.
    """
    if month == "2013-03":
        plan = json.loads((folder() / PLAN).read_text())
        name = plan["arrivals"][min(plan["fetched"], len(plan["arrivals"]) - 1)]
        files.write(folder() / PLAN, json.dumps({**plan, "fetched": plan["fetched"] + 1}))
        ARRIVALS[name](folder() / MARCH)
    return folder()


def fetched() -> list[str]:
    """Return what the fetches of March have found so far, the first one first."""
    plan = json.loads((folder() / PLAN).read_text())
    names, n = plan["arrivals"], plan["fetched"]
    return [names[min(i, len(names) - 1)] for i in range(n)]


def hangs() -> bool:
    """Tell whether a fetch is hanging now."""
    return (folder() / HANGING).exists()
