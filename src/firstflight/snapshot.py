"""Training snapshots: the exact rows that a model was made from, each kept under its digest.

A snapshot is a folder named after the digest of its content. The same rows of the same drops get
the same name (as long as pyarrow writes the same bytes), other rows get another one, and a file
that was changed afterwards is found out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from firstflight import files, locks, workspace
from firstflight import state as feature_state
from firstflight.drops import Drops, expected_digest, months
from firstflight.errors import SnapshotError
from firstflight.usecase import UseCase

MANIFEST = "manifest.json"
TABLES = ("requests", "labels", "state")


@dataclass(frozen=True)
class Snapshot:
    """Training rows, verified.

    Attributes
    ----------
    digest : str
        Digest of the manifest (16 hex digits), which lists the digest of every file.
    manifest : dict
        Use case, feature version, first and last day, row counts, file digests, and the digests of
        the drops of these days.
    requests : DataFrame
        Requests as callers would have made them, one a row.
    labels : DataFrame
        The use case's key and ``label``, one row for each request whose label is known.
    state : DataFrame
        The state table: columns ``date``, ``column``, ``key`` and ``value``.
    """

    digest: str
    manifest: dict
    requests: pd.DataFrame
    labels: pd.DataFrame
    state: pd.DataFrame

    @property
    def start(self) -> dt.date:
        """First training day."""
        return dt.date.fromisoformat(self.manifest["start"])

    @property
    def end(self) -> dt.date:
        """Last training day."""
        return dt.date.fromisoformat(self.manifest["end"])

    def states(self) -> feature_state.States:
        """Return the state of every training day; a request gets that of its own day or none."""
        return feature_state.States(feature_state.by_date(self.state))

    def training_rows(self, usecase: UseCase) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
        """Return features, labels and requests of the labelled rows, aligned.

        Parameters
        ----------
        usecase : UseCase
            The use case that the snapshot is of; its code builds the features.

        Returns
        -------
        features : DataFrame of shape (n_rows, n_features)
            As the snapshot's feature version builds them.
        label : Series of shape (n_rows,)
            0 or 1, or a value in the unit of the use case.
        requests : DataFrame of shape (n_rows, n_request_fields)
            The requests that the features were built from. All three have the same index.

        Raises
        ------
        FirstFlightError
            If the use case has the snapshot's feature version no more.
        """
        rows = self.requests.merge(self.labels, on=list(usecase.key), how="inner")
        features = usecase.feature_set(self.manifest["feature_version"])
        return (
            features.build(rows, self.states().lookup),
            rows["label"],
            rows[self.requests.columns],
        )


def folder(digest: str) -> Path:
    """Return where the snapshot of this digest is kept.

    Parameters
    ----------
    digest : str
        The snapshot's name, 16 hex digits.

    Returns
    -------
    Path
        A folder in the workspace; it need not exist.
    """
    return workspace.current().snapshots / digest


def take(
    usecase: UseCase, drops: Drops, start: dt.date, end: dt.date, feature_version: int
) -> Snapshot:
    """Take the snapshot of the days `start` to `end`.

    Taking it again changes nothing, and mends one that was damaged.

    Parameters
    ----------
    usecase : UseCase
        The use case that makes requests, labels and state from the drops.
    drops : Drops
        What is known, as of its today.
    start, end : date
        Local days, both included.
    feature_version : int
        The version of the features whose state is kept with the rows; one of `usecase.features`.

    Returns
    -------
    Snapshot
        What was written, read again and verified.

    Raises
    ------
    SnapshotError
        If `end` is not before the drops' today: its labels are not known yet.
    FirstFlightError
        If the use case has no such feature version.
    ClockError
        If `end` is before `start`.
    DropError
        If a month of these days, or of the days that their state is made of, has not landed or is
        not what was promised.
    StateError
        If no outcome of the days that are read for the state is known.
    StorageError
        If the disk does not take it; nothing is left of it then.
    BusyError
        If another command holds the workspace for too long.
    """
    if end >= drops.today:
        raise SnapshotError(
            f"A snapshot of {usecase.name} up to {end} was asked for on {drops.today}: "
            "labels are known the day after, so end it earlier."
        )
    features = usecase.feature_set(feature_version)
    tables = {
        "requests": usecase.requests(drops, start, end),
        "labels": usecase.labels(drops, start, end),
        "state": features.compute_state(drops, start, end),
    }
    with files.scratch(workspace.current().snapshots / "snapshot") as part:
        for name, table in tables.items():
            pq.write_table(
                pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None),
                part / f"{name}.parquet",
                compression="zstd",
            )
        manifest = {
            "usecase": usecase.name,
            "feature_version": feature_version,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "rows": {name: len(table) for name, table in tables.items()},
            "drops": {
                f"{source.name}/{month}.parquet": expected_digest(drops.root, source, month)
                for source in usecase.sources.values()
                for month in months(start, end)
            },
            "files": {f"{name}.parquet": files.sha256(part / f"{name}.parquet") for name in TABLES},
        }
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        (part / MANIFEST).write_text(text)
        with locks.writing("snapshot"):
            if folder(digest).exists() and _damage(digest):
                files.discard(folder(digest))
            if not folder(digest).exists():
                files.move(part, folder(digest))
    return load(digest)


def load(digest: str) -> Snapshot:
    """Read a snapshot and verify every byte of it.

    Parameters
    ----------
    digest : str
        The snapshot's name, 16 hex digits.

    Returns
    -------
    Snapshot
        Its manifest and its three tables.

    Raises
    ------
    SnapshotError
        If it is missing or cannot be read, or a file is not the one that the digest names.
    """
    damage = _damage(digest)
    if damage:
        raise SnapshotError(
            f"Snapshot {digest}: {damage}; restore the folder from a backup, or take the snapshot "
            "again from the same drops."
        )
    where = folder(digest)
    manifest = json.loads((where / MANIFEST).read_bytes())
    tables = {name: pd.read_parquet(where / f"{name}.parquet") for name in TABLES}
    return Snapshot(digest, manifest, **tables)


def _damage(digest: str) -> str:
    """Return what is wrong with a snapshot's files in a few words; empty if nothing is."""
    where = folder(digest)
    try:
        text = (where / MANIFEST).read_bytes()
        if hashlib.sha256(text).hexdigest()[:16] != digest:
            return f"{MANIFEST} was altered"
        for name, expected in json.loads(text)["files"].items():
            if files.sha256(where / name) != expected:
                return f"{name} was altered"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing from the workspace"
    except OSError as error:
        return f"{Path(error.filename or where).name} cannot be read ({error.strerror})"
    return ""
