"""Drops of every bad kind: each is refused with a sentence, and the right one lands.

Two sorts. A *damaged* file is one that upstream did not write: bytes changed on the way. A *wrong*
one upstream wrote so, checksum and all. Either may come for any source and month.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drills.shop import Row
from firstflight import drops, workspace
from firstflight.errors import DropError
from firstflight.usecases.flights import usecase

MONTH = "2013-02"
Table = Callable[[pa.Table, drops.Source], pa.Table]
SEED = 20130201


def _local(table: pa.Table, source: drops.Source) -> pd.Series:
    time = table[source.time].to_pandas()
    return time.dt.tz_convert(source.timezone).dt.day


def _keep(test: Callable[[pd.Series], pd.Series]) -> Table:
    def change(table: pa.Table, source: drops.Source) -> pa.Table:
        return table.filter(pa.array(test(_local(table, source)).to_numpy()))

    return change


def _column(name: Callable[[drops.Source], str], to: Callable[[pa.ChunkedArray], object]) -> Table:
    def change(table: pa.Table, source: drops.Source) -> pa.Table:
        column = name(source)
        return table.set_column(table.schema.get_field_index(column), column, to(table[column]))

    return change


def _some_float(source: drops.Source) -> str:
    return next(c.name for c in source.columns if c.type == "float")


def _infinite(column: pa.ChunkedArray) -> pa.Array:
    values = column.to_numpy(zero_copy_only=False).copy()
    values[len(values) // 2] = np.inf
    return pa.array(values, column.type, from_pandas=True)


def _null_from(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([None] * len(column), column.type)


def _with_pandas_notes(notes: bytes) -> Table:
    return lambda table, source: table.replace_schema_metadata({b"pandas": notes})


WRONG: dict[str, Table] = {
    "no rows": lambda table, source: table.slice(0, 0),
    "one row": lambda table, source: table.slice(0, 1),
    "the first half of the rows": lambda table, source: table.slice(0, table.num_rows // 2),
    "every second row": lambda table, source: table.take(pa.array(range(0, table.num_rows, 2))),
    "the first day missing": _keep(lambda day: day != 1),
    "a day in the middle missing": _keep(lambda day: day != 14),
    "the last day missing": _keep(lambda day: day != 28),
    "a tenth of one day": _keep(lambda day: (day != 14) | (np.arange(len(day)) % 10 == 0)),
    "all rows twice": lambda table, source: pa.concat_tables([table, table]),
    "one row twice": lambda table, source: pa.concat_tables([table, table.slice(5, 1)]),
    "an infinite number": _column(_some_float, _infinite),
    "a column all null": _column(_some_float, _null_from),
    "a key all null": _column(lambda source: source.key[-1], _null_from),
    "a column more": lambda table, source: table.append_column(
        "more", pa.array([1] * table.num_rows)
    ),
    "a column less": lambda table, source: table.drop_columns([source.columns[-1].name]),
    "another type": _column(_some_float, lambda column: pc.cast(column, pa.float64())),
    "times without a zone": _column(
        lambda source: source.time, lambda column: pc.cast(column, pa.timestamp("ms"))
    ),
    "a year later": _column(
        lambda source: source.time,
        lambda column: pc.add(column, pa.scalar(365 * 86_400_000, pa.duration("ms"))),
    ),
    "names with a line break": lambda table, source: table.rename_columns(
        [f"{name}\n" for name in table.column_names]
    ),
}
"""Changes of a month's table that a whole month never has, by what they are."""

HARMLESS: dict[str, Table] = {
    "pandas notes that are no JSON": _with_pandas_notes(b"\xff{"),
    "pandas notes of another table": _with_pandas_notes(b'{"index_columns": ["nothing"]}'),
    "rows in another order": lambda table, source: table.take(
        pa.array(np.random.default_rng(SEED).permutation(table.num_rows))
    ),
}
"""Controls: changes that a whole month may have; it lands."""


def _flip(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _zeros(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes(len(content[at : at + 512])) + content[at + 512 :]


DAMAGED: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "one bit": _flip,
    "truncated": _cut,
    "a sector of zeros": _zeros,
    "a web page": lambda content, rng: b"<html>503 Service Unavailable</html>",
    "nothing": lambda content, rng: b"",
}


class Dock:
    """An upstream to spoil, and a workspace with January to land in."""

    def __init__(self, folder: Path, upstream: Path) -> None:
        self.real, self.upstream = upstream, folder / "upstream"
        self.ws = workspace.configure(workspace.Workspace(folder / "workspace"))
        self.sources = tuple(usecase.sources.values())
        self.sums = drops.read_sums(upstream)
        self.spoil(self.sources[0], None)
        drops.land(self.upstream, self.ws.drops, self.sources, "2013-01")
        self.before = self.landed()

    def spoil(self, source: drops.Source, content: bytes | None, *, promised: bool = True) -> None:
        """Put the real months at the upstream, one of them with other content."""
        sums = dict(self.sums)
        for each in self.sources:
            for month in ("2013-01", MONTH):
                target = self.upstream / each.name / f"{month}.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.real / each.name / f"{month}.parquet", target)
        if content is not None:
            name = f"{source.name}/{MONTH}.parquet"
            (self.upstream / name).write_bytes(content)
            if promised:
                sums[name] = hashlib.sha256(content).hexdigest()
        text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        (self.upstream / drops.SUMS).write_text(text)

    def landed(self) -> dict[str, str]:
        """Return the digest of every landed file."""
        return {
            path.relative_to(self.ws.drops).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in self.ws.drops.rglob("*")
            if path.is_file()
        }

    def land(self) -> str:
        """Land the month; return the sentence that refused it, or nothing."""
        try:
            drops.land(self.upstream, self.ws.drops, self.sources, MONTH)
        except DropError as error:
            return str(error)
        return ""

    def away(self) -> None:
        """Put the landing folder back as it was before the month."""
        for name in set(self.landed()) - set(self.before):
            (self.ws.drops / name).unlink()
        sums = {name: digest for name, digest in self.sums.items() if name in self.before}
        text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        (self.ws.drops / drops.SUMS).write_text(text)


def _judge(dock: Dock, row: Row, what: str, *, lands: bool = False) -> None:
    """Try to land what is at the upstream, look, and then land the right month."""
    row.tried += 1
    try:
        said = dock.land()
    except Exception as error:
        row.note("wrong", f"{what}: {type(error).__name__}: {error}")
        said = ""
    else:
        if lands and said:
            row.note("wrong", f"{what}: refused: {said}")
        elif not lands and not said:
            row.note("wrong", f"{what}: landed")
        elif said and (len(said.splitlines()) != 1 or len(said) > 500):
            row.note("wrong", f"{what}: no sentence: {said[:200]!r}")
    row.refused += bool(said)
    if said and dock.landed() != dock.before:
        row.note("lost", f"{what}: the landing folder changed")
    left = [path for path in dock.ws.temporary.glob("*")] + list(dock.ws.drops.rglob(".*"))
    if left:
        row.note("left_behind", f"{what}: {left}")
    if said:  # the corrected month of tomorrow
        dock.spoil(dock.sources[0], None)
        again = dock.land()
        if again:
            row.note("lost", f"{what}: the right month was refused afterwards: {again}")
    dock.away()


def run(upstream: Path, bytes_each: int = 200, wrong: Iterable[str] = tuple(WRONG)) -> list[Row]:
    """Try every bad kind of drop for each source.

    Parameters
    ----------
    upstream : Path
        The real drops.
    bytes_each : int, default 200
        How many damaged files to try of each kind, with other places damaged each time.
    wrong : iterable of str
        Which of `WRONG`.
    """
    rows = []
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="firstflight-drops-") as folder:
        dock = Dock(Path(folder), upstream)
        for source in dock.sources:
            real = (upstream / source.name / f"{MONTH}.parquet").read_bytes()
            table = pq.ParquetFile(pa.BufferReader(real)).read()
            row = Row(f"drop: wrong month of {source.name}")
            for name in wrong:
                dock.spoil(source, _parquet(WRONG[name](table, source)))
                _judge(dock, row, name)
            rows.append(row)
            row = Row(f"drop: odd but whole month of {source.name}")
            for name, change in HARMLESS.items():
                dock.spoil(source, _parquet(change(table, source)))
                _judge(dock, row, name, lands=True)
            rows.append(row)
            row = Row(f"drop: damaged file of {source.name}")
            for kind, damage in DAMAGED.items():
                for _ in range(bytes_each):
                    content = damage(real, rng)
                    if content != real:
                        dock.spoil(source, content, promised=False)
                        _judge(dock, row, kind)
            rows.append(row)
            # Upstream computed the checksum of the damaged file: whatever can still be read as a
            # whole month lands, and nothing else may happen than that or a sentence.
            row = Row(f"drop: damaged and signed file of {source.name}")
            for kind, damage in DAMAGED.items():
                for _ in range(bytes_each):
                    dock.spoil(source, damage(real, rng))
                    row.tried += 1
                    try:
                        said = dock.land()
                        row.refused += bool(said)
                        if not said:
                            drops.read_drop(dock.ws.drops, source, MONTH)
                    except Exception as error:
                        row.note("wrong", f"{kind}: {type(error).__name__}: {error}")
                    dock.away()
            rows.append(row)
    return rows


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def months(upstream: Path) -> Row:
    """Control: every real month of every source lands."""
    row = Row("drop: the real months (must land)")
    with tempfile.TemporaryDirectory(prefix="firstflight-drops-") as folder:
        ws = workspace.configure(workspace.Workspace(Path(folder) / "workspace"))
        sources = tuple(usecase.sources.values())
        for month in sorted({Path(name).stem for name in drops.read_sums(upstream)}):
            row.tried += 1
            try:
                drops.land(upstream, ws.drops, sources, month)
            except Exception as error:
                row.note("wrong", f"{month}: {error}")
    return row
