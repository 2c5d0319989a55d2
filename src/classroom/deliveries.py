"""Play an upstream that delivers January and February 2013, whole or damaged, signed or not.

A delivery is a folder as the course's ``data`` is: a file per source and month, and ``SHA256SUMS``
with the digest that the sender promises for each. One that is *signed* promises what it holds;
otherwise the promise is that of the whole data.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from firstflight import drops
from firstflight.usecase import UseCase
from firstflight.workspace import PROJECT

DATA = PROJECT / "data"
MONTHS = ("2013-01", "2013-02")
SOURCES = ("flights", "weather")
FEBRUARY = "flights/2013-02.parquet"
WEATHER = ("temp", "humid", "wind_speed", "precip", "visib", "pressure")

Change = Callable[[pd.DataFrame], pd.DataFrame]


def deliver(root: Path, changes: dict[str, Change] | None = None, *, signed: bool = True) -> Path:
    """Make a delivery of two months in a folder, which is emptied first.

    Parameters
    ----------
    root : Path
        The folder.
    changes : dict of str to callable, optional
        By file (``"flights/2013-02.parquet"``), what is done to its rows.
    signed : bool, default True
        Whether the sender has written new digests.

    Returns
    -------
    Path
        The folder.
    """
    shutil.rmtree(root, ignore_errors=True)
    promised = drops.read_sums(DATA)
    lines = []
    for name in (f"{source}/{month}.parquet" for source in SOURCES for month in MONTHS):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / name, path)
        if changes and name in changes:
            _rewrite(path, changes[name])
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if signed else promised[name]
        lines.append(f"{digest}  {name}\n")
    (root / drops.SUMS).write_text("".join(lines))
    return root


def _rewrite(path: Path, change: Change) -> None:
    table = pq.read_table(path)
    frame = change(table.to_pandas())
    schema = table.schema if list(frame) == table.schema.names else None
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)


def bad_deliveries(root: Path) -> dict[str, Path]:
    """Return four deliveries whose February is not what was promised, by what is wrong with it.

    Parameters
    ----------
    root : Path
        Where they are made.

    Returns
    -------
    dict of str to Path
        ``truncated`` and ``altered`` (not signed), ``twice`` and ``renamed`` (signed).
    """
    cut = deliver(root / "truncated", signed=False)
    (cut / FEBRUARY).write_bytes((cut / FEBRUARY).read_bytes()[:100_000])
    return {
        "truncated": cut,
        "altered": deliver(root / "altered", {FEBRUARY: minutes(15)}, signed=False),
        "twice": deliver(root / "twice", {FEBRUARY: lambda rows: pd.concat([rows, rows])}),
        "renamed": deliver(
            root / "renamed", {FEBRUARY: lambda rows: rows.rename(columns={"arr_delay": "delay"})}
        ),
    }


def corrected_february(root: Path, delay: int = 15) -> Path:
    """Return a delivery, properly signed, in which one flight of February has another delay.

    Parameters
    ----------
    root : Path
        The folder to make it in.
    delay : int, default 15
        In minutes. The flight had 14 and was punctual; 15 is late.

    Returns
    -------
    Path
        The folder.
    """
    return deliver(root, {FEBRUARY: minutes(delay)})


def minutes(delay: int) -> Change:
    """Return a change that gives the first flight with an arrival delay of 14 another one."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        one = rows.index == rows.index[rows["arr_delay"] == 14][0]
        return rows.assign(arr_delay=rows["arr_delay"].mask(one, delay))

    return change


def land_all(delivery: Path, landing: Path, case: UseCase, today: dt.date) -> drops.Drops:
    """Land both months of a delivery in a folder of their own.

    Parameters
    ----------
    delivery : Path
        As `deliver` makes it.
    landing : Path
        The folder to land in.
    case : UseCase
        Whose sources they are.
    today : date
        The day as of which they are read.

    Returns
    -------
    Drops
        What is known of them.
    """
    for month in MONTHS:
        drops.land(delivery, landing, case.sources.values(), month)
    return drops.Drops(landing, case.sources, today)


def other_world(
    root: Path, case: UseCase, today: dt.date, weather_from: pd.Timestamp, flown_from: pd.Timestamp
) -> drops.Drops:
    """Return the two months as they would be if February had gone otherwise from a moment on.

    Parameters
    ----------
    root : Path
        A folder to make and land them in.
    case : UseCase
        Whose sources they are.
    today : date
        The day as of which they are read.
    weather_from, flown_from : Timestamp
        All weather from this hour on is 0; all flights scheduled from this hour on were 300
        minutes late.

    Returns
    -------
    Drops
        What is known of that world.
    """
    changes = {
        "weather/2013-02.parquet": _spoil(WEATHER, weather_from, 0),
        FEBRUARY: _spoil(case.sources["flights"].outcomes, flown_from, 300),
    }
    return land_all(deliver(root / "sent", changes), root / "landed", case, today)


def _spoil(columns: Iterable[str], moment: pd.Timestamp, value: float) -> Change:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        later = rows["time_hour"] >= moment
        return rows.assign(**{c: rows[c].mask(later & rows[c].notna(), value) for c in columns})

    return change
