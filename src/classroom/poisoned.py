"""Faults to try a preflight on: degrees in another unit, and a release with one digit changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from firstflight import clock, drops
from firstflight.usecase import UseCase
from firstflight.workspace import current

NEW_YORK = "America/New_York"


@contextlib.contextmanager
def celsius(usecase: UseCase, days: int) -> Iterator[drops.Drops]:
    """Give drops whose temperature comes in Celsius on the last days, today among them.

    The file has a correct checksum: it is what an upstream delivers that has changed its unit. The
    landed drops stay as they are.

    Parameters
    ----------
    usecase : UseCase
        Whose drops are taken.
    days : int
        How many days it has come in Celsius; 0 leaves everything as it is.

    Yields
    ------
    firstflight.drops.Drops
        As known today; they are gone afterwards.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    today = clock.today()
    name = f"weather/{today:%Y-%m}.parquet"
    root = current().root / "poisoned"
    shutil.rmtree(root, ignore_errors=True)
    try:
        shutil.copytree(current().drops, root)
        table = pq.read_table(root / name)
        weather = table.to_pandas()
        local = weather["time_hour"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
        since = pd.Timestamp(today + dt.timedelta(days=1 - days))
        changed = (weather["temp"] - 32) / 1.8
        weather["temp"] = weather["temp"].mask(local >= since, changed).astype("float32")
        pq.write_table(
            pa.Table.from_pandas(weather, table.schema, preserve_index=False), root / name
        )
        sums = drops.read_sums(root)
        sums[name] = hashlib.sha256((root / name).read_bytes()).hexdigest()
        lines = "".join(f"{digest}  {file}\n" for file, digest in sums.items())
        (root / drops.SUMS).write_text(lines)
        yield drops.Drops(root, usecase.sources, today)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def another_feature_version(version: str, usecase: str = "flights") -> Iterator[None]:
    """Let a saved release say that it wants another feature version; it is mended afterwards.

    Parameters
    ----------
    version : str
        Of the release.
    usecase : str, default "flights"
        Its use case.
    """
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{usecase}/{version}"))
    about = folder / "extra_files" / "release.json"
    saved = about.read_bytes()
    altered = saved.replace(b'"feature_version": 1', b'"feature_version": 2')
    if altered == saved:
        raise ValueError(f"{usecase} version {version} does not have feature version 1.")
    try:
        _written(about, altered)
        yield
    finally:
        _written(about, saved)


def _written(path: Path, content: bytes) -> None:
    """Write a file in one step: an interrupt leaves the old one or the new one."""
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    os.replace(beside, path)
