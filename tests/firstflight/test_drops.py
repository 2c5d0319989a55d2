"""A drop is landed and read only as it was promised, and nothing is read past today."""

import dataclasses
import datetime as dt
import hashlib
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstflight.drops import (
    Drops,
    expected_digest,
    land,
    months,
    read_drop,
    read_sums,
    verify,
)
from firstflight.errors import ClockError, DropError, StorageError
from firstflight.usecases.nyc import FLIGHTS, WEATHER
from firstflight.workspace import PROJECT

SOURCES = {"flights": FLIGHTS, "weather": WEATHER}
BOTH = (FLIGHTS, WEATHER)
JANUARY, FEBRUARY = "2013-01", "2013-02"
BAD = "flights/2013-02.parquet"


def seal(folder):
    """Write a SHA256SUMS that fits whatever is in the folder."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.glob("*/*.parquet"))
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def rewrite(path, change):
    """Write a drop anew with its table changed."""
    table = change(pq.read_table(path))
    pq.write_table(table, path, compression="zstd", store_schema=False)


def contents(folder):
    """Every file of a folder with its bytes and the time it was written."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def replaced(table, column, values):
    return table.set_column(table.schema.get_field_index(column), column, values)


def with_value(table, column, row, value):
    values = table[column].to_pylist()
    values[row] = value
    return replaced(table, column, pa.array(values, type=table.schema.field(column).type))


@pytest.fixture
def upstream(tmp_path):
    """January and February as the upstream delivers them: a copy that a test may damage."""
    folder = tmp_path / "upstream"
    for name in SOURCES:
        (folder / name).mkdir(parents=True)
        for month in (JANUARY, FEBRUARY):
            shutil.copy(PROJECT / "data" / name / f"{month}.parquet", folder / name)
    seal(folder)
    return folder


@pytest.fixture
def landed(upstream, tmp_path):
    """A folder in which January has landed."""
    folder = tmp_path / "drops"
    land(upstream, folder, BOTH, JANUARY)
    return folder


# --- landing -----------------------------------------------------------------------------------


def test_good_drops_land_and_read_as_upstream_has_them(upstream, tmp_path):
    folder = tmp_path / "drops"
    paths = land(upstream, folder, BOTH, JANUARY)
    assert paths == [folder / "flights/2013-01.parquet", folder / "weather/2013-01.parquet"]
    for source in BOTH:
        name = f"{source.name}/{JANUARY}.parquet"
        assert (folder / name).read_bytes() == (upstream / name).read_bytes()
        rows = read_drop(folder, source, JANUARY)
        pd.testing.assert_frame_equal(
            rows.drop(columns="date"), pq.read_table(upstream / name).to_pandas()
        )
        local = rows["time_hour"].dt.tz_convert("America/New_York")
        assert rows["date"].dtype == "datetime64[s]"
        assert (rows["date"].dt.date == local.dt.date).all()
    assert sorted(contents(folder)) == [
        "SHA256SUMS",
        "flights/2013-01.parquet",
        "weather/2013-01.parquet",
    ]


def test_landing_again_changes_nothing(upstream, landed):
    before = contents(landed)
    land(upstream, landed, BOTH, JANUARY)
    assert contents(landed) == before


def test_a_later_month_is_added_and_leaves_the_first_alone(upstream, landed):
    before = contents(landed)
    land(upstream, landed, BOTH, FEBRUARY)
    after = contents(landed)
    assert len(after) == 5
    assert {n: after[n] for n in before if n != "SHA256SUMS"} == {
        n: before[n] for n in before if n != "SHA256SUMS"
    }
    assert expected_digest(landed, FLIGHTS, JANUARY) == expected_digest(upstream, FLIGHTS, JANUARY)


def test_landing_mends_a_landed_file_that_was_damaged(upstream, landed):
    path = landed / "flights/2013-01.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DropError, match="truncated"):
        read_drop(landed, FLIGHTS, JANUARY)
    land(upstream, landed, BOTH, JANUARY)
    assert len(read_drop(landed, FLIGHTS, JANUARY)) == 27004


def test_a_landed_month_never_changes(upstream, landed):
    before = contents(landed)
    rewrite(upstream / "flights/2013-01.parquet", lambda t: with_value(t, "dest", 0, "SFO"))
    seal(upstream)
    with pytest.raises(DropError, match=r"^flights/2013-01\.parquet was landed with sha256"):
        land(upstream, landed, BOTH, JANUARY)
    assert contents(landed) == before


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_landing_that_the_disk_refuses_has_landed_nothing(upstream, landed, monkeypatch, writes):
    real, done = Path.replace, []

    def dies(source, target):
        if Path(target).is_relative_to(landed):
            if len(done) == writes:
                raise OSError(28, "No space left on device")
            done.append(target)
        return real(source, target)

    sums = (landed / "SHA256SUMS").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(StorageError, match=r"No space left .* free some space, then run"):
            land(upstream, landed, BOTH, FEBRUARY)
    assert (landed / "SHA256SUMS").read_bytes() == sums
    assert {p.name for p in landed.rglob("*") if p.is_file()} <= {
        *("SHA256SUMS", "2013-01.parquet", "2013-02.parquet"),
    }
    with pytest.raises(DropError, match="is not listed in SHA256SUMS"):
        read_drop(landed, FLIGHTS, FEBRUARY)
    land(upstream, landed, BOTH, FEBRUARY)
    assert len(read_drop(landed, FLIGHTS, FEBRUARY)) == 24951


LAND = """
import pathlib, signal, sys, time
from firstflight import drops, workspace
from firstflight.usecases.nyc import FLIGHTS, WEATHER
upstream, month, dies_at = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ws = workspace.current()
real, done = pathlib.Path.replace, []
def counted(source, target):
    if pathlib.Path(target).is_relative_to(ws.drops):
        if len(done) == dies_at:
            signal.raise_signal(signal.SIGKILL)
        done.append(target)
        time.sleep(0.3)  # wide open for whoever writes beside it
    return real(source, target)
pathlib.Path.replace = counted
print("ready", flush=True)
sys.stdin.readline()
drops.land(upstream, ws.drops, (FLIGHTS, WEATHER), month)
"""


def landing(upstream, month, dies_at=-1, **how):
    """Start a process that lands a month when it gets a line."""
    return subprocess.Popen(
        [sys.executable, "-c", LAND, str(upstream), month, str(dies_at)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **how,
    )


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_landing_that_is_killed_leaves_no_temporary_file(upstream, ws, writes):
    land(upstream, ws.drops, BOTH, JANUARY)
    with landing(upstream, FEBRUARY, writes) as killed:
        killed.communicate("go\n")
    assert killed.returncode == -signal.SIGKILL
    assert sorted(read_sums(ws.drops)) == ["flights/2013-01.parquet", "weather/2013-01.parquet"]
    assert list(ws.temporary.iterdir())  # the control: it was in the middle of a write
    land(upstream, ws.drops, BOTH, FEBRUARY)
    assert list(ws.temporary.iterdir()) == [] and len(contents(ws.drops)) == 5


@pytest.mark.parametrize("second", [FEBRUARY, JANUARY], ids=["other month", "same month"])
def test_two_landings_at_once_lose_nothing(upstream, ws, second):
    for _ in range(2):
        both = [landing(upstream, month) for month in (JANUARY, second)]
        for process in both:
            assert process.stdout.readline() == "ready\n"
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in both:
            process.communicate()
        assert [process.returncode for process in both] == [0, 0]
        months_landed = {name.rpartition("/")[2] for name in read_sums(ws.drops)}
        assert months_landed == {f"{JANUARY}.parquet", f"{second}.parquet"}
        for source in BOTH:
            assert len(read_drop(ws.drops, source, second)) > 2000
        shutil.rmtree(ws.drops)


def test_a_full_disk_is_one_sentence_and_nothing_has_landed(upstream, ws):
    limited = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (100_000, 100_000));" + LAND
    done = subprocess.run(
        [sys.executable, "-c", limited, str(upstream), JANUARY, "-1"],
        input="go\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StorageError" in done.stderr.splitlines()[-1], done.stderr
    assert "flights/2013-01.parquet could not be written (File too large)" in done.stderr
    assert contents(ws.drops) == {} and list(ws.temporary.iterdir()) == []


def test_the_advice_for_a_landed_month_leads_somewhere(upstream, landed):
    """It says: remove the file and its line, and land the month again."""
    rewrite(upstream / "flights/2013-01.parquet", later)
    seal(upstream)
    with pytest.raises(DropError, match="remove the file and its line in SHA256SUMS"):
        land(upstream, landed, BOTH, JANUARY)
    (landed / "flights/2013-01.parquet").unlink()
    lines = (landed / "SHA256SUMS").read_text().splitlines(keepends=True)
    (landed / "SHA256SUMS").write_text("".join(x for x in lines if "flights" not in x))
    land(upstream, landed, BOTH, JANUARY)
    assert expected_digest(landed, FLIGHTS, JANUARY) == expected_digest(upstream, FLIGHTS, JANUARY)


# --- refusals ----------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def later(table):
    return replaced(
        table,
        "arr_delay",
        pa.array(table["arr_delay"].to_pandas() + 1, type=pa.float32(), from_pandas=True),
    )


def next_month_too(table):
    hour = table["time_hour"][-1].as_py() + dt.timedelta(hours=1)  # 1 March, 00:00 local
    return with_value(table, "time_hour", table.num_rows - 1, hour)


# what it is: (what was done to February's flights, the sentence it must give)
UNREADABLE = {
    "missing": (
        lambda path: path.unlink(),
        "cannot be read (missing): expected one parquet file; fetch it again.",
    ),
    "a folder": (
        lambda path: (path.unlink(), path.mkdir()),
        "cannot be read (Is a directory): expected one parquet file; fetch it again.",
    ),
    "empty": (
        lambda path: path.write_bytes(b""),
        "is empty: expected a parquet file, found 0 bytes; fetch it again.",
    ),
    "truncated": (
        truncate,
        "is truncated or not parquet: its 90511 bytes cannot be read; fetch it again.",
    ),
    "another format": (
        lambda path: path.write_text("year,month\n2013,2\n"),
        "is truncated or not parquet: its 18 bytes cannot be read; fetch it again.",
    ),
}
REWRITTEN = {
    "extra column": (
        lambda t: t.append_column("tailnum", pa.array(["N1"] * t.num_rows)),
        ", column tailnum: expected no such column, found type string; "
        "describe it in the source first, or ask upstream for the promised columns.",
    ),
    "lost column": (
        lambda t: t.drop_columns("distance"),
        ", column distance: expected one column of type int16, it is missing; "
        "ask upstream for the promised columns.",
    ),
    "column twice": (
        lambda t: t.append_column("dest", t["dest"]),
        ", column dest: expected one column of type string, found it 2 times; "
        "ask upstream for the promised columns.",
    ),
    "renamed column": (
        lambda t: t.rename_columns({"arr_delay": "arrival_delay"}),
        ", column arr_delay: expected one column of type float, it is missing; "
        "ask upstream for the promised columns.",
    ),
    "other type": (
        lambda t: replaced(t, "distance", t["distance"].cast(pa.float64())),
        ", column distance: expected type int16, found double; ask upstream for the promised type.",
    ),
    "no time zone": (
        lambda t: replaced(t, "time_hour", t["time_hour"].cast(pa.timestamp("ms"))),
        ", column time_hour: expected type timestamp[ms, tz=UTC], found timestamp[ms]; "
        "ask upstream for the promised type.",
    ),
    "no rows": (
        lambda t: t.slice(0, 0),
        " has no rows: expected the rows of 2013-02; fetch it again.",
    ),
    "null key": (
        lambda t: with_value(t, "carrier", 5, None),
        ", column carrier: expected no nulls, found 1 in 24951 rows; "
        "ask upstream for a complete drop.",
    ),
    "null schedule": (
        lambda t: with_value(t, "distance", 5, None),
        ", column distance: expected no nulls, found 1 in 24951 rows; "
        "ask upstream for a complete drop.",
    ),
    "duplicated": (
        lambda t: pa.concat_tables([t, t]),
        ", columns date, carrier, flight, origin: expected one row per key, found 24951 repeated, "
        "such as (2013-02-01, UA, 1018, EWR); ask upstream for a drop without duplicates.",
    ),
    "a row of another month": (
        next_month_too,
        ", column time_hour: expected only days of 2013-02 in America/New_York, found 1 rows "
        "outside it, such as 2013-03-01T05:00 UTC; ask upstream for the right month.",
    ),
}


def refused(upstream, landed, expected):
    """Land February, expect exactly this sentence, and expect that nothing changed."""
    before = contents(landed)
    with pytest.raises(DropError) as error:
        land(upstream, landed, BOTH, FEBRUARY)
    assert re.fullmatch(expected, str(error.value))
    assert contents(landed) == before
    rows = read_drop(landed, FLIGHTS, JANUARY)  # what had landed can still be read
    assert len(rows) == 27004


@pytest.mark.parametrize("damage, sentence", UNREADABLE.values(), ids=list(UNREADABLE))
def test_a_drop_that_cannot_be_read_is_refused(upstream, landed, damage, sentence):
    damage(upstream / BAD)
    refused(upstream, landed, re.escape(BAD + " " + sentence))


@pytest.mark.parametrize("sealed", [True, False], ids=["own checksum", "old checksum"])
@pytest.mark.parametrize("change, sentence", REWRITTEN.values(), ids=list(REWRITTEN))
def test_a_drop_that_was_written_anew_is_refused_for_what_is_wrong_with_it(
    upstream, landed, change, sentence, sealed
):
    before = (upstream / BAD).read_bytes()
    rewrite(upstream / BAD, change)
    assert (upstream / BAD).read_bytes() != before
    if sealed:
        seal(upstream)
    refused(upstream, landed, re.escape(BAD + sentence))


def test_the_month_of_another_file_is_refused(upstream, landed):
    shutil.copy(upstream / "flights/2013-01.parquet", upstream / BAD)
    seal(upstream)
    refused(
        upstream,
        landed,
        re.escape(
            f"{BAD}, column time_hour: expected only days of 2013-02 in America/New_York, found "
            "27004 rows outside it, such as 2013-01-01T10:00 UTC; ask upstream for the right month."
        ),
    )


def test_altered_values_are_refused_by_the_checksum(upstream, landed):
    rewrite(upstream / BAD, later)
    refused(
        upstream,
        landed,
        re.escape(BAD) + " was altered: expected sha256 279e0cf162e7 of SHA256SUMS, found "
        "[0-9a-f]{12}; fetch it again.",
    )


def test_control_the_same_values_with_their_own_checksum_land(upstream, landed):
    rewrite(upstream / BAD, later)
    seal(upstream)
    assert len(land(upstream, landed, BOTH, FEBRUARY)) == 2
    assert len(read_drop(landed, FLIGHTS, FEBRUARY)) == 24951


def test_control_without_damage_february_lands(upstream, landed):
    assert len(land(upstream, landed, BOTH, FEBRUARY)) == 2


def test_odd_but_real_values_stay_in(upstream, landed):
    land(upstream, landed, BOTH, FEBRUARY)
    assert read_drop(landed, WEATHER, FEBRUARY)["wind_speed"].max() > 1048


def test_one_flipped_byte_is_refused(upstream, landed):
    flip_a_byte(upstream / BAD)
    refused(upstream, landed, re.escape(BAD) + " (is truncated or not parquet|was altered): .*")


def test_a_bad_second_source_stops_the_first(upstream, landed):
    rewrite(upstream / "weather/2013-02.parquet", lambda t: pa.concat_tables([t, t.slice(7, 2)]))
    seal(upstream)
    refused(
        upstream,
        landed,
        r"weather/2013-02\.parquet, columns origin, time_hour: expected one row per key, found 2 "
        r"repeated, such as \(.*\); ask upstream for a drop without duplicates\.",
    )


def test_an_absurd_time_is_refused_with_a_sentence(upstream, landed):
    far = dt.datetime(2013, 2, 1, tzinfo=dt.UTC).timestamp() * 1000 + 2**53
    rewrite(
        upstream / BAD,
        lambda t: replaced(
            t,
            "time_hour",
            pa.array([int(far)] * t.num_rows, pa.int64()).cast(pa.timestamp("ms", tz="UTC")),
        ),
    )
    refused(upstream, landed, re.escape(BAD) + r".* found 24951 rows outside it, such as 2\d+-.*")


def test_bytes_that_are_no_text_are_refused(upstream, landed):
    content = (upstream / BAD).read_bytes()
    at = content.index(b"sched_arr_time")  # in the footer, where the schema is
    (upstream / BAD).write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    refused(upstream, landed, re.escape(BAD) + " is truncated or not parquet: .*")


def test_a_file_that_is_not_named_after_a_month_is_refused(upstream):
    path = upstream / "flights/February.parquet"
    shutil.copy(upstream / BAD, path)
    with pytest.raises(DropError, match="expected a name with the month"):
        verify(path, FLIGHTS, None)


def test_a_month_that_upstream_does_not_list_is_refused(upstream, landed):
    lines = (upstream / "SHA256SUMS").read_text().splitlines(keepends=True)
    (upstream / "SHA256SUMS").write_text("".join(line for line in lines if BAD not in line))
    refused(
        upstream,
        landed,
        re.escape(f"{BAD} is not listed in SHA256SUMS: the month has not arrived here; ") + ".*",
    )


def test_a_checksum_file_that_cannot_be_read_is_refused(upstream, landed):
    with (upstream / "SHA256SUMS").open("a") as file:
        file.write("<html>busy</html>\n")
    refused(upstream, landed, r"SHA256SUMS, line 5: expected a sha256, .* '<html>busy</html>'; .*")


def test_without_a_promised_digest_the_structure_is_still_checked(upstream):
    path = upstream / BAD
    rewrite(path, later)
    assert len(verify(path, FLIGHTS, None)) == 24951
    rewrite(path, lambda t: t.drop_columns("dest"))
    with pytest.raises(DropError, match="column dest"):
        verify(path, FLIGHTS, None)


@pytest.mark.parametrize("damage", [truncate, flip_a_byte, lambda p: p.unlink()])
def test_damage_after_landing_is_refused_even_when_the_month_was_read_before(landed, damage):
    assert len(read_drop(landed, FLIGHTS, JANUARY)) == 27004
    damage(landed / "flights/2013-01.parquet")
    with pytest.raises(DropError, match=r"^flights/2013-01\.parquet "):
        read_drop(landed, FLIGHTS, JANUARY)


def test_a_reader_cannot_change_what_the_next_one_reads(landed):
    rows = read_drop(landed, FLIGHTS, JANUARY)
    rows["distance"] = 0
    rows.loc[0, "carrier"] = "ZZ"
    again = read_drop(landed, FLIGHTS, JANUARY)
    assert (again["distance"] > 0).all()
    assert not (again["carrier"] == "ZZ").any()


# --- a month that is not whole -----------------------------------------------------------------


def local_days(table):
    return table["time_hour"].to_pandas().dt.tz_convert("America/New_York").dt.day.to_numpy()


def without(table, gone):
    return table.filter(pa.array(~np.asarray(gone)))


def nulled(table, columns, rows):
    for column in columns:
        values = (
            table[column].to_pandas().mask(np.broadcast_to(rows, table.num_rows)).astype("float32")
        )
        table = replaced(table, column, pa.array(values, pa.float32(), from_pandas=True))
    return table


def first_hours(table, day, share):
    on = np.flatnonzero(local_days(table) == day)
    gone = np.zeros(table.num_rows, bool)
    gone[on[int(len(on) * share) :]] = True
    return without(table, gone)


def infinite(table, column, value):
    return with_value(table, column, 7, value)


OUTCOMES = list(FLIGHTS.outcomes)
NOT_WHOLE = {
    "half the rows": (lambda t: t.take(list(range(0, t.num_rows, 2))), "on each day, found"),
    "four of five rows": (lambda t: without(t, np.arange(t.num_rows) % 5 == 0), "on each day"),
    "one row": (lambda t: t.slice(100, 1), "expected 150 rows or more of origin EWR"),
    "a missing day": (lambda t: without(t, local_days(t) == 14), "found 0 on 2013-02-14"),
    "the last days": (lambda t: without(t, local_days(t) > 20), "found 0 on 2013-02-21 (such days"),
    "half a day": (lambda t: first_hours(t, 14, 0.5), "found "),
    "no LaGuardia": (
        lambda t: without(t, t["origin"].to_pandas() == "LGA"),
        "150 rows or more of origin LGA on each day, found 0 on 2013-02-01 (such days: 28)",
    ),
    "an infinite delay": (
        lambda t: infinite(t, "arr_delay", float("inf")),
        ", column arr_delay: expected numbers or nulls, found 1 infinite",
    ),
    "minus infinity": (
        lambda t: infinite(t, "air_time", float("-inf")),
        ", column air_time: expected numbers or nulls, found 1 infinite",
    ),
    "no outcomes": (
        lambda t: nulled(t, OUTCOMES, True),
        ", column dep_delay: expected it missing in 15% of the rows at most, found 100.0%",
    ),
    "one outcome of none": (
        lambda t: nulled(t, ["arr_delay"], True),
        ", column arr_delay: expected it missing in 15% of the rows at most, found 100.0%",
    ),
    "half the outcomes": (
        lambda t: nulled(t, OUTCOMES, np.arange(t.num_rows) % 2 == 0),
        ", column dep_delay: expected it missing in 15%",
    ),
    "a day without outcomes": (
        lambda t: nulled(t, OUTCOMES, local_days(t) == 20),
        "expected it missing in 90% of a day's rows at most, found 100% on 2013-02-20",
    ),
}
WEATHER_NOT_WHOLE = {
    "half the rows": (lambda t: t.take(list(range(0, t.num_rows, 2))), "expected 18 rows or more"),
    "one row": (lambda t: t.slice(100, 1), "expected 18 rows or more of origin EWR"),
    "a missing day": (lambda t: without(t, local_days(t) == 14), "found 0 on 2013-02-14"),
    "half a day": (lambda t: first_hours(t, 14, 0.5), "on 2013-02-14"),
    "infinite wind": (
        lambda t: infinite(t, "wind_speed", float("inf")),
        ", column wind_speed: expected numbers or nulls, found 1 infinite",
    ),
    "no temperature": (
        lambda t: nulled(t, ["temp"], True),
        ", column temp: expected it missing in 10% of the rows at most, found 100.0%",
    ),
    "temperature not a number": (
        lambda t: replaced(t, "temp", pa.array([float("nan")] * t.num_rows, pa.float32())),
        ", column temp: expected it missing in 10% of the rows at most, found 100.0%",
    ),
}


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        *(pytest.param("flights", *case, id=f"flights: {k}") for k, case in NOT_WHOLE.items()),
        *(
            pytest.param("weather", *case, id=f"weather: {k}")
            for k, case in WEATHER_NOT_WHOLE.items()
        ),
    ],
)
def test_a_month_that_is_not_whole_does_not_land(upstream, landed, name, change, sentence):
    rewrite(upstream / name / "2013-02.parquet", change)
    seal(upstream)
    refused(
        upstream, landed, re.escape(f"{name}/2013-02.parquet") + ".*" + re.escape(sentence) + ".*"
    )


def test_control_every_real_month_is_whole(tmp_path):
    for month in months(FIRST, dt.date(2013, 12, 31)):
        assert len(land(PROJECT / "data", tmp_path, BOTH, month)) == 2


def test_a_gap_that_is_known_lands_and_only_that_one(upstream, landed):
    """What the refusal says to do: name the day in the source."""
    rewrite(upstream / BAD, lambda t: without(t, local_days(t) == 14))
    seal(upstream)
    known_now = dataclasses.replace(FLIGHTS, known_gaps=(dt.date(2013, 2, 14),))
    another = dataclasses.replace(FLIGHTS, known_gaps=(dt.date(2013, 2, 15),))
    with pytest.raises(DropError, match=r"2013-02-14 .* name the day in the source's known_gaps"):
        land(upstream, landed, (another, WEATHER), FEBRUARY)
    assert len(land(upstream, landed, (known_now, WEATHER), FEBRUARY)) == 2


PANDAS_NOTES = {
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "another kind": b"[1, 2]",
    "an index that is not there": b'{"index_columns": ["nowhere"], "columns": []}',
    "columns without names": b'{"index_columns": [], "columns": [{}], "column_indexes": [{}]}',
    "a type that is none": (
        b'{"index_columns": [], "column_indexes": [], "columns": [{"name": "origin", '
        b'"field_name": "origin", "pandas_type": "datetimetz", "numpy_type": "nonsense[x]", '
        b'"metadata": {"timezone": 5}}]}'
    ),
}


@pytest.mark.parametrize("notes", PANDAS_NOTES.values(), ids=list(PANDAS_NOTES))
def test_what_a_file_notes_for_pandas_changes_nothing(upstream, landed, notes):
    before = pq.read_table(upstream / BAD).to_pandas()
    table = pq.read_table(upstream / BAD).replace_schema_metadata({b"pandas": notes})
    pq.write_table(table, upstream / BAD, store_schema=True)
    assert pq.ParquetFile(upstream / BAD).read().schema.metadata == {b"pandas": notes}
    seal(upstream)
    land(upstream, landed, BOTH, FEBRUARY)
    rows = read_drop(landed, FLIGHTS, FEBRUARY)
    pd.testing.assert_frame_equal(rows.drop(columns="date"), before)


def test_every_damage_of_bytes_is_a_sentence_or_harmless(upstream):
    """Bytes flipped and cut anywhere, without a checksum to help: a sentence, or all rows."""
    rng = np.random.default_rng(7)
    path = upstream / "weather/2013-02.parquet"
    whole = path.read_bytes()
    refusals = 0
    for n in range(300):
        content = bytearray(whole)
        # Half of them in the footer, where the structure is.
        first = 0 if n % 2 else len(content) - 3000
        for at in rng.integers(first, len(content), 1 + n % 4):
            content[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(content[: len(content) - int(rng.integers(0, 3)) * 50]))
        try:
            verify(path, WEATHER, None)
        except DropError as error:
            refusals += 1
            assert "\n" not in str(error)
    assert refusals > 150


# --- what is known today -------------------------------------------------------------------------

TODAY = dt.date(2013, 2, 12)
FIRST = dt.date(2013, 1, 1)


@pytest.fixture
def known(upstream):
    return Drops(upstream, SOURCES, TODAY)


def test_rows_end_today_and_outcomes_end_yesterday(known):
    rows = known.read("flights", FIRST, TODAY)
    assert rows["date"].min() == pd.Timestamp(FIRST)
    assert rows["date"].max() == pd.Timestamp(TODAY)
    of_today = rows["date"] == pd.Timestamp(TODAY)
    for column in FLIGHTS.outcomes:
        assert rows.loc[of_today, column].isna().all()
        yesterday = rows["date"] == pd.Timestamp(TODAY - dt.timedelta(days=1))
        assert rows.loc[yesterday, column].notna().mean() > 0.9
    scheduled = rows.loc[of_today].drop(columns=list(FLIGHTS.outcomes))
    assert len(scheduled) > 800
    assert scheduled.notna().all(axis=None)


def test_one_day_later_the_same_outcomes_are_there(known):
    later_on = dataclasses.replace(known, today=TODAY + dt.timedelta(days=1))
    assert known.read("flights", TODAY, TODAY)["arr_delay"].notna().sum() == 0
    assert later_on.read("flights", TODAY, TODAY)["arr_delay"].notna().sum() > 800


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_after_today_can_be_asked_for(known, name):
    with pytest.raises(ClockError, match="asked for up to 2013-02-13, but today is 2013-02-12"):
        known.read(name, FIRST, TODAY + dt.timedelta(days=1))


def test_a_window_that_ends_before_it_starts_is_refused(known):
    with pytest.raises(ClockError, match="the end comes first"):
        known.read("flights", TODAY, FIRST)


def change_from(folder, name, day):
    """Scramble what a source says from a day on (its outcomes) and after that day (everything)."""
    source, rng = SOURCES[name], np.random.default_rng(0)
    path = folder / name / f"{FEBRUARY}.parquet"
    table = pq.read_table(path)
    rows = table.to_pandas()
    date = rows["time_hour"].dt.tz_convert("America/New_York").dt.date
    on, after = (date >= day).to_numpy(), (date > day).to_numpy()
    fixed = ("time_hour", *source.key)  # keys must stay unique, or the drop is refused
    for column in (c for c in rows.columns if c not in fixed):
        where = on if column in source.outcomes else after
        rows.loc[where, column] = rng.permutation(rows.loc[where, column].to_numpy())
    dropped = np.flatnonzero(after)[::7]  # and some rows of the future do not exist
    rows = rows.drop(index=dropped)
    pq.write_table(
        pa.Table.from_pandas(rows, schema=table.schema, preserve_index=False),
        path,
        store_schema=False,
    )
    seal(folder)


@pytest.mark.parametrize("name", SOURCES)
def test_another_future_reads_the_same(known, upstream, name):
    before = known.read(name, FIRST, TODAY)
    raw = read_drop(upstream, SOURCES[name], FEBRUARY)
    change_from(upstream, name, TODAY)
    assert not read_drop(upstream, SOURCES[name], FEBRUARY).equals(raw)
    pd.testing.assert_frame_equal(known.read(name, FIRST, TODAY), before)


@pytest.mark.parametrize("name", SOURCES)
def test_control_another_past_reads_differently(known, upstream, name):
    before = known.read(name, FIRST, TODAY)
    change_from(upstream, name, TODAY - dt.timedelta(days=3))
    assert not known.read(name, FIRST, TODAY).equals(before)


def test_a_month_that_has_not_landed_says_how_to_land_it(landed):
    known = Drops(landed, SOURCES, TODAY)
    assert len(known.read("flights", FIRST, dt.date(2013, 1, 31))) == 27004
    with pytest.raises(DropError) as error:
        known.read("flights", FIRST, TODAY)
    assert str(error.value) == (
        "flights/2013-02.parquet is not listed in SHA256SUMS: the month has not arrived here; "
        "land 2013-02 first (its flow does it, with firstflight.drops.land)."
    )


def test_looking_back_stops_where_the_source_begins(known):
    back = dt.date(2012, 12, 20)
    rows = known.read("flights", back, TODAY, lookback=True)
    pd.testing.assert_frame_equal(rows, known.read("flights", FIRST, TODAY))
    assert known.read("weather", back, dt.date(2012, 12, 31), lookback=True).empty
    with pytest.raises(DropError, match="2012-12"):
        known.read("flights", back, TODAY)


def test_looking_back_does_not_skip_a_month_that_should_be_there(upstream, tmp_path):
    folder = tmp_path / "february only"
    land(upstream, folder, BOTH, FEBRUARY)
    with pytest.raises(DropError, match=r"^flights/2013-01\.parquet is not listed"):
        Drops(folder, SOURCES, TODAY).read("flights", FIRST, TODAY, lookback=True)
    # a source that does not say where it begins begins with its oldest landed month
    unsaid = {"flights": dataclasses.replace(FLIGHTS, first_month="")}
    rows = Drops(folder, unsaid, TODAY).read("flights", FIRST, TODAY, lookback=True)
    assert rows["date"].min() == pd.Timestamp("2013-02-01")
    with pytest.raises(DropError, match="No month of flights has landed"):
        Drops(tmp_path / "nothing", unsaid, TODAY).read("flights", FIRST, TODAY, lookback=True)


def test_months():
    assert months(dt.date(2012, 11, 30), dt.date(2013, 2, 1)) == [
        "2012-11",
        "2012-12",
        "2013-01",
        "2013-02",
    ]
    assert months(FIRST, FIRST) == [JANUARY]
