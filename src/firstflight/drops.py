"""Monthly upstream drops: what one must hold, how it lands, and what is known of it today.

A drop is one parquet file per source and local month, ``<source>/<YYYY-MM>.parquet``, listed with
its sha256 in the ``SHA256SUMS`` of its folder. A drop is landed when that line is in the landing
folder; the line is written last, so a landing that dies halfway has landed nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from firstflight import files, locks
from firstflight.errors import ClockError, DropError

SUMS = "SHA256SUMS"
DATE = "date"  # the derived column: the local day of a row


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Parameters
    ----------
    name : str
        Its name in the file.
    type : str
        The type in the file, as pyarrow prints it: ``"int16"``, ``"float"``, ``"string"``, ...
    unit : str
        Unit of measure, for people.
    nullable : bool
        Whether nulls are allowed.
    null_max : float
        Largest share (0 to 1) of a month's rows in which it may be missing, for a month to land.
    """

    name: str
    type: str
    unit: str = ""
    nullable: bool = True
    null_max: float = 1.0


@dataclass(frozen=True)
class Source:
    """What the upstream promises about one table.

    Parameters
    ----------
    name : str
        The table, and its folder.
    columns : tuple of Column
        Every column: one more or one less is a broken promise.
    key : tuple of str
        Columns that together are unique and never null; may name the derived column ``date``.
    time : str
        The column with the time of a row, in UTC.
    timezone : str
        Where days and months are counted.
    outcomes : tuple of str
        Columns that are known only when the row's day is over.
    first_month : str
        The oldest month that the upstream has (``"2013-01"``). Empty: the oldest one landed.
    part : str
        A column that divides the rows of a day, such as the airport. Empty: none does.
    parts : tuple of str
        The values of `part` that every day has.
    day_rows : int
        Fewest rows of a local day, of each of the `parts` if there are any. 0: not promised.
    day_rows_share : float
        Fewest rows of a local day as a share (0 to 1) of the median day of its month.
    outcome_null_day_max : float
        Largest share (0 to 1) of a day's rows in which an outcome may be missing.
    known_gaps : tuple of date
        Local days that the upstream has said it does not have whole.

    Notes
    -----
    `part` and what follows it, and `Column.null_max`, say what a whole month is. They are asked
    when a month lands, because a landed month is never corrected, and not when it is read: a
    promise that is made stricter does not take back what has landed.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time: str
    timezone: str
    outcomes: tuple[str, ...] = ()
    first_month: str = ""
    part: str = ""
    parts: tuple[str, ...] = ()
    day_rows: int = 0
    day_rows_share: float = 0.0
    outcome_null_day_max: float = 1.0
    known_gaps: tuple[dt.date, ...] = ()


def months(start: dt.date, end: dt.date) -> list[str]:
    """Return the months from `start` to `end`, both included, as ``["2013-01", ...]``.

    Parameters
    ----------
    start, end : date
        Any days of the first and the last month.

    Returns
    -------
    list of str
        Oldest first; empty if `end` lies in a month before that of `start`.

    Examples
    --------
    >>> months(dt.date(2013, 12, 31), dt.date(2014, 1, 1))
    ['2013-12', '2014-01']
    """
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [f"{n // 12}-{n % 12 + 1:02d}" for n in range(first, last + 1)]


def read_sums(root: Path) -> dict[str, str]:
    """Return what the folder's ``SHA256SUMS`` lists: the sha256 of each file, by its name.

    A folder without the file lists nothing.

    Parameters
    ----------
    root : Path
        The folder.

    Returns
    -------
    dict of str to str
        By name relative to the folder, with ``/`` (``"flights/2013-01.parquet"``), the sha256 in 64
        hex digits.

    Raises
    ------
    DropError
        If a line is not a sha256 and a name.
    """
    path = root / SUMS
    sums: dict[str, str] = {}
    for number, line in enumerate(
        path.read_text(errors="replace").splitlines() if path.exists() else (), 1
    ):
        match = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
        if match is None:
            raise DropError(
                f"{SUMS}, line {number}: expected a sha256, two spaces and a file name, found "
                f"{line[:80]!r}; restore the file from upstream."
            )
        sums[match[2]] = match[1]
    return sums


def expected_digest(root: Path, source: Source, month: str) -> str:
    """Return the sha256 that the folder's ``SHA256SUMS`` promises for a month of a source.

    Parameters
    ----------
    root : Path
        The folder.
    source : Source
        Whose month.
    month : str
        ``"2013-04"``.

    Returns
    -------
    str
        64 hex digits.

    Raises
    ------
    DropError
        If the month is not listed, or ``SHA256SUMS`` holds a line that cannot be read.
    """
    name = _name(source, month)
    try:
        return read_sums(root)[name]
    except KeyError:
        raise DropError(
            f"{name} is not listed in {SUMS}: the month has not arrived here; "
            f"land {month} first (its flow does it, with firstflight.drops.land)."
        ) from None


def verify(path: Path, source: Source, digest: str | None) -> pd.DataFrame:
    """Return the rows of a drop after every check, with the derived column ``date``.

    The reasons that a person can act on come first (unreadable, columns, nulls, month, keys) and
    the checksum last: a drop written anew with one more column is refused for that column. Values
    are not judged here; what is odd but real stays in (see ``data/DATASHEET.md``).

    Parameters
    ----------
    path : Path
        ``<source>/<YYYY-MM>.parquet``; the month is taken from the name.
    source : Source
        What was promised.
    digest : str or None
        The sha256 promised, or None where none is.

    Returns
    -------
    DataFrame
        The file's rows and columns in the file's order, then ``date``: the local day as a naive
        ``datetime64[s]`` at midnight.

    Raises
    ------
    DropError
        One sentence with the file, the column (where there is one) and the expectation.
    """
    return _check(_content(path), path, source, digest)


def read_drop(root: Path, source: Source, month: str) -> pd.DataFrame:
    """Return a month of a source after all checks of `verify`, its checksum among them.

    Verified months are kept in memory; a file that changed on disk is read and verified again.

    Parameters
    ----------
    root : Path
        A folder with ``SHA256SUMS`` and one folder per source.
    source : Source
        What was promised.
    month : str
        ``"2013-04"``.

    Returns
    -------
    DataFrame
        As `verify` returns it.

    Raises
    ------
    DropError
        If the month is not listed, or is not what was promised.
    """
    path = root / source.name / f"{month}.parquet"
    digest = expected_digest(root, source, month)
    try:
        stat = path.stat()
    except OSError:
        return verify(path, source, digest)  # raises, with the reason
    rows = _verified(path, source, digest, stat.st_mtime_ns, stat.st_size)
    return rows.copy(deep=False)  # copied on write: callers cannot reach the rows kept here


@lru_cache(maxsize=64)
def _verified(path: Path, source: Source, digest: str, _mtime: int, _size: int) -> pd.DataFrame:
    return verify(path, source, digest)


def land(upstream: Path, drops: Path, sources: Iterable[Source], month: str) -> list[Path]:
    """Copy a month of all sources from upstream, or nothing if any of them is not as promised.

    Landing a month again changes nothing, and mends a landed file that was damaged since. A month
    that is landed with other content is refused: what was trained on it must stay reproducible. For
    the same reason a month that is not whole (see `Source`) does not land.

    Parameters
    ----------
    upstream : Path
        A folder with ``SHA256SUMS`` and one folder per source.
    drops : Path
        The folder to land in; made if absent.
    sources : iterable of Source
        What belongs to a month.
    month : str
        ``"2013-04"``.

    Returns
    -------
    list of Path
        The landed files, in the order of `sources`.

    Raises
    ------
    DropError
        If any drop is refused; nothing has changed then.
    StorageError
        If the disk does not take it; the month has not landed then.
    BusyError
        If another command holds the workspace for too long.
    """
    accepted: dict[str, tuple[bytes, str]] = {}
    for source in sources:
        name = _name(source, month)
        digest = expected_digest(upstream, source, month)
        content = _content(upstream / name)
        rows = _check(content, upstream / name, source, digest)
        _check_whole(rows, name, month, source)
        accepted[name] = content, digest
    with locks.writing(f"land {month}"):
        landed = read_sums(drops)
        for name, (_, digest) in accepted.items():
            if landed.get(name, digest) != digest:
                raise DropError(
                    f"{name} was landed with sha256 {landed[name][:12]} and upstream now has "
                    f"{digest[:12]}: a landed month never changes; keep it, or remove the file and "
                    f"its line in {SUMS} and land the month again."
                )
        for name, (content, digest) in accepted.items():
            if not _holds(drops / name, digest):
                files.write(drops / name, content, durable=True)
        lines = landed | {name: digest for name, (_, digest) in accepted.items()}
        if lines != landed:
            text = "".join(f"{lines[name]}  {name}\n" for name in sorted(lines))
            files.write(drops / SUMS, text, durable=True)
    return [drops / name for name in accepted]


@dataclass(frozen=True)
class Drops:
    """The landed drops as they are known at the start of a day.

    Parameters
    ----------
    root : Path
        The folder that drops were landed in.
    sources : mapping of str to Source
        By name.
    today : date
        The day. Its rows and older ones can be read, later ones cannot; outcomes are known of rows
        from before it.
    """

    root: Path
    sources: Mapping[str, Source]
    today: dt.date

    def read(
        self, name: str, start: dt.date, end: dt.date, *, lookback: bool = False
    ) -> pd.DataFrame:
        """Return the rows with `start` <= date <= `end`, as known at the start of today.

        Parameters
        ----------
        name : str
            The source.
        start, end : date
            Local days, both included.
        lookback : bool, default=False
            Whether `start` may lie before the source begins: for windows that reach back. There is
            no data then, and none is made up.

        Returns
        -------
        DataFrame
            The source's columns and ``date``; outcomes of today's rows are missing.

        Raises
        ------
        ClockError
            If `end` is after today, or before `start`.
        DropError
            If a month is not landed, or not what was promised.
        """
        if end > self.today:
            raise ClockError(
                f"{name} was asked for up to {end}, but today is {self.today}: "
                "ask for days up to today."
            )
        if end < start:
            raise ClockError(f"{name} was asked for from {start} to {end}: the end comes first.")
        source = self.sources[name]
        wanted = months(start, end)
        if lookback:
            first = source.first_month or self._oldest(source)
            wanted = [month for month in wanted if month >= first] or [first]
        rows = pd.concat(
            [read_drop(self.root, source, month) for month in wanted], ignore_index=True
        )
        day = rows[DATE]
        rows = rows[(day >= pd.Timestamp(start)) & (day <= pd.Timestamp(end))]
        rows = rows.reset_index(drop=True)
        known = rows[DATE] < pd.Timestamp(self.today)
        for column in source.outcomes:
            rows[column] = rows[column].where(known)
        return rows

    def _oldest(self, source: Source) -> str:
        listed = (Path(name) for name in read_sums(self.root))
        stems = [path.stem for path in listed if path.parent.name == source.name]
        if not stems:
            raise DropError(f"No month of {source.name} has landed: land one first.")
        return min(stems)


def whole(root: Path, sources: Mapping[str, Source]) -> Drops:
    """Return all drops of a folder as they are known on the day after their last month.

    Parameters
    ----------
    root : Path
        A folder with ``SHA256SUMS`` and one folder per source.
    sources : mapping of str to Source
        By name.

    Returns
    -------
    Drops
        Their today is the first day after the newest month that is listed of any source.

    Raises
    ------
    DropError
        If no month of the sources is listed.
    """
    listed = (Path(name) for name in read_sums(root))
    stems = [path.stem for path in listed if path.parent.name in sources]
    if not stems:
        raise DropError(
            f"{root} lists no month of {', '.join(sources)} in {SUMS}: name a folder with drops."
        )
    year, month = (int(part) for part in max(stems).split("-"))
    return Drops(root, sources, dt.date(year + month // 12, month % 12 + 1, 1))


def _name(source: Source, month: str) -> str:
    return f"{source.name}/{month}.parquet"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        found = "missing" if isinstance(error, FileNotFoundError) else error.strerror
        raise DropError(
            f"{path.parent.name}/{path.name} cannot be read ({found}): expected one parquet file; "
            "fetch it again."
        ) from None


def _check(content: bytes, path: Path, source: Source, digest: str | None) -> pd.DataFrame:
    name = f"{path.parent.name}/{path.name}"
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", path.stem) is None:
        raise DropError(f"{name}: expected a name with the month, such as 2013-01.parquet.")
    if not content:
        raise DropError(f"{name} is empty: expected a parquet file, found 0 bytes; fetch it again.")
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
        table.validate(full=True)
        str(table.schema)  # names are decoded only when asked for
        # What a writer noted for pandas (an index, a column's Python type) is not promised, and
        # wrong notes stop the conversion.
        table = table.replace_schema_metadata(None)
    except Exception:
        raise DropError(
            f"{name} is truncated or not parquet: its {len(content)} bytes cannot be read; "
            "fetch it again."
        ) from None
    _check_columns(table.schema, name, source)
    if table.num_rows == 0:
        raise DropError(f"{name} has no rows: expected the rows of {path.stem}; fetch it again.")
    for column in source.columns:
        nulls = table[column.name].null_count
        if nulls and (not column.nullable or column.name in (*source.key, source.time)):
            raise DropError(
                f"{name}, column {column.name}: expected no nulls, found {nulls} in "
                f"{table.num_rows} rows; ask upstream for a complete drop."
            )
    try:
        rows = table.to_pandas()
        _check_numbers(rows, name)
        _check_month(rows[source.time], name, path.stem, source)
        local = rows[source.time].dt.tz_convert(source.timezone).dt.tz_localize(None)
        rows[DATE] = local.dt.normalize().astype("datetime64[s]")
        _check_keys(rows, name, source)
    except DropError:
        raise
    except Exception as error:  # whatever a strange file makes pandas or pyarrow raise
        raise DropError(
            f"{name} cannot be read as a table ({type(error).__name__}): expected the rows of "
            f"{path.stem}; fetch it again, or ask upstream to write it anew."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if digest is not None and found != digest:
        raise DropError(
            f"{name} was altered: expected sha256 {digest[:12]} of {SUMS}, found {found[:12]}; "
            "fetch it again."
        )
    return rows


def _check_columns(schema: pa.Schema, name: str, source: Source) -> None:
    expected = {column.name: column.type for column in source.columns}
    for column, type_ in expected.items():
        count = schema.names.count(column)
        if count != 1:
            found = "it is missing" if count == 0 else f"found it {count} times"
            raise DropError(
                f"{name}, column {column}: expected one column of type {type_}, {found}; ask "
                "upstream for the promised columns."
            )
    for field in schema:
        if field.name not in expected:
            raise DropError(
                f"{name}, column {field.name}: expected no such column, found type {field.type}; "
                "describe it in the source first, or ask upstream for the promised columns."
            )
        if str(field.type) != expected[field.name]:
            raise DropError(
                f"{name}, column {field.name}: expected type {expected[field.name]}, found "
                f"{field.type}; ask upstream for the promised type."
            )


def _check_month(time: pd.Series, name: str, month: str, source: Source) -> None:
    first = pd.Timestamp(month).tz_localize(source.timezone)
    outside = time[(time < first) | (time >= first + pd.offsets.MonthBegin())]
    if len(outside):
        example = str(outside.to_numpy(dtype="datetime64[m]")[0])  # any year, however absurd
        raise DropError(
            f"{name}, column {source.time}: expected only days of {month} in {source.timezone}, "
            f"found {len(outside)} rows outside it, such as {example} UTC; "
            "ask upstream for the right month."
        )


def _check_keys(rows: pd.DataFrame, name: str, source: Source) -> None:
    key = list(source.key)
    copies = rows.duplicated(key)
    if copies.any():
        first = rows.loc[copies, key].iloc[0]
        example = ", ".join(str(first[c]).removesuffix(" 00:00:00") for c in key)
        raise DropError(
            f"{name}, columns {', '.join(key)}: expected one row per key, found {copies.sum()} "
            f"repeated, such as ({example}); ask upstream for a drop without duplicates."
        )


def _check_numbers(rows: pd.DataFrame, name: str) -> None:
    """Refuse infinite numbers: no measurement is one, and one makes every sum infinite."""
    for column in rows.columns[rows.dtypes.map(pd.api.types.is_float_dtype)]:
        infinite = int(np.isinf(rows[column]).sum())
        if infinite:
            raise DropError(
                f"{name}, column {column}: expected numbers or nulls, found {infinite} infinite "
                "ones; ask upstream what they stand for, and for a drop without them."
            )


def _check_whole(rows: pd.DataFrame, name: str, month: str, source: Source) -> None:
    """Refuse a month that is plausible in each row and not whole."""
    days = pd.date_range(month, periods=pd.Period(month).days_in_month, unit="s")
    days = days[~days.isin(pd.to_datetime(list(source.known_gaps)))]
    instead = (
        "ask upstream for the whole month; if it has no more, name the day in the source's "
        "known_gaps."
    )
    of_day = rows.groupby(DATE).size().reindex(days, fill_value=0)
    counts = {"": of_day}
    if source.part:
        by_part = rows.groupby([DATE, source.part]).size().unstack(source.part, fill_value=0)
        by_part = by_part.reindex(index=days, columns=list(source.parts), fill_value=0)
        counts = {f" of {source.part} {part}": by_part[part] for part in source.parts}
    for what, count in counts.items():
        short = count[count < source.day_rows]
        if len(short):
            raise DropError(
                f"{name}: expected {source.day_rows} rows or more{what} on each day, found "
                f"{short.iloc[0]} on {short.index[0].date()} (such days: {len(short)}); {instead}"
            )
    least = source.day_rows_share * of_day.median()
    short = of_day[of_day < least]
    if len(short):
        raise DropError(
            f"{name}: expected {least:.0f} rows or more on each day ({source.day_rows_share:.0%} "
            f"of the month's median day), found {short.iloc[0]} on {short.index[0].date()} "
            f"(such days: {len(short)}); {instead}"
        )
    for column in source.columns:
        share = float(rows[column.name].isna().mean())
        if share > column.null_max:
            raise DropError(
                f"{name}, column {column.name}: expected it missing in {column.null_max:.0%} of "
                f"the rows at most, found {share:.1%}; ask upstream for a complete drop."
            )
    for outcome in source.outcomes:
        missing = rows[outcome].isna().groupby(rows[DATE]).mean().reindex(days).dropna()
        worst = missing[missing > source.outcome_null_day_max]
        if len(worst):
            raise DropError(
                f"{name}, column {outcome}: expected it missing in "
                f"{source.outcome_null_day_max:.0%} of a day's rows at most, found "
                f"{worst.iloc[0]:.0%} on {worst.index[0].date()} (such days: {len(worst)}); "
                f"{instead}"
            )


def _holds(path: Path, digest: str) -> bool:
    try:
        return files.sha256(path) == digest
    except OSError:
        return False
