"""The prediction log: what is added is there, what is damaged is counted (faults 25 and 34)."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from firstflight import prediction_log, predictions
from firstflight.prediction_log import PredictionLog
from firstflight.usecases.flights import usecase

DAY, LAST = dt.date(2013, 4, 1), dt.date(2013, 4, 30)
FIELDS = {
    "date": "2013-04-01", "carrier": "AA", "flight": 1, "origin": "JFK", "dest": "LAX",
    "distance": 2475, "sched_dep_time": 900, "n_sched_hour": 20, "temp": 50.0, "humid": 50.0,
    "wind_speed": 5.0, "precip_3h": None, "visib": 10.0, "pressure": None,
}  # fmt: skip
LINE = FIELDS | {
    "role": "live", "release": "1", "feature_version": 1, "prediction": 0.25, "state_age_days": 0.0,
}  # fmt: skip


def line(**changes):
    return {k: v for k, v in (LINE | changes).items() if v is not ...}


def as_bytes(record):
    return json.dumps(record).encode() + b"\n"


def put(ws, content, name="data.1.log", folder="predictions"):
    path = ws.predictions / usecase.name / folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


DAMAGES = {
    "not utf-8": b'{"date": "2013-04-01", "carrier": "\xff\xfe"}\n',
    "bytes": bytes(range(256)).replace(b"\n", b"") + b"\n",
    "half a line": as_bytes(LINE)[:90] + b"\n",
    "list": b"[1, 2]\n",
    "number": b"17\n",
    "null": b"null\n",
    "text": b'"2013-04-01"\n',
    "no date": as_bytes(line(date=...)),
    "null date": as_bytes(line(date=None)),
    "date is a number": as_bytes(line(date=20130401)),
    "impossible date": as_bytes(line(date="2013-04-1x")),
    "no release": as_bytes(line(release=...)),
    "release is a number": as_bytes(line(release=1)),
    "role unknown": as_bytes(line(role="king")),
    "prediction is text": as_bytes(line(prediction="0.2")),
    "prediction is null": as_bytes(line(prediction=None)),
    "prediction is true": as_bytes(line(prediction=True)),
    "prediction is NaN": as_bytes(line(prediction=float("nan"))),
    "prediction is infinite": as_bytes(line(prediction=float("inf"))),
    "flight is a list": as_bytes(line(flight=[1])),
    "carrier is null": as_bytes(line(carrier=None)),
    "temp is text": as_bytes(line(temp="warm")),
    "age is text": as_bytes(line(state_age_days="old")),
    "deep": b'{"date": "2013-04-01", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "two in one": as_bytes(LINE).strip() + as_bytes(LINE),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_bad_line_is_counted_and_stops_nobody(ws, kind, caplog):
    good = [as_bytes(line(flight=n)) for n in (1, 2, 3)]
    put(ws, good[0] + DAMAGES[kind] + good[1] + good[2])
    rows = predictions.read(usecase, DAY, LAST)
    assert rows["flight"].tolist() == [1, 2, 3]
    assert rows.attrs["bad_lines"] == 1
    assert "1 line of the prediction log" in caplog.text and "line 2" in caplog.text
    caplog.clear()  # the control
    put(ws, b"".join(good))
    assert predictions.read(usecase, DAY, LAST).attrs["bad_lines"] == 0 and not caplog.text


def test_all_damages_at_once_and_a_log_of_nothing_else(ws):
    put(ws, b"".join(DAMAGES.values()))
    rows = predictions.read(usecase, DAY, LAST)
    assert rows.empty and rows.attrs["bad_lines"] == len(DAMAGES)
    assert list(rows) == list(predictions.read(usecase, DAY, LAST, replays=True))
    put(ws, b"\n\n")
    assert predictions.read(usecase, DAY, LAST).attrs["bad_lines"] == 0


def test_old_and_new_files_are_read_and_the_first_answer_counts(ws):
    old = put(ws, as_bytes(line(request_id="12", trace_id="7")), folder="predictions")
    new = put(ws, as_bytes(line(prediction=0.5)) + as_bytes(line(flight=2)), folder="service")
    rotated = put(ws, as_bytes(line(flight=3)), name="data.1.log.2013-04-02")
    for path, seconds in ((old, 1), (rotated, 2), (new, 3)):
        os.utime(path, (seconds, seconds))
    rows = predictions.read(usecase, DAY, LAST)
    assert rows["flight"].tolist() == [1, 2, 3] and rows["prediction"][0] == 0.25


def test_what_is_added_is_read_back_the_same(ws):
    log = PredictionLog(usecase.name)
    records = [line(date=DAY, flight=n, state_age_days=n % 3) for n in range(1, 500)]
    waits = [log.add(records[i : i + 7]) for i in range(0, len(records), 7)]
    assert all(wait.result(10) for wait in waits)
    rows = predictions.read(usecase, DAY, LAST)
    assert rows["flight"].tolist() == list(range(1, 500)) and rows["date"].dt.date.eq(DAY).all()
    assert rows["pressure"].isna().all() and rows["state_age_days"].tolist()[:3] == [1, 2, 0]
    log.close()
    assert (log.written, log.failed) == (len(records), 0)


def test_a_half_line_of_a_killed_process_costs_no_other_line(ws):
    path = put(ws, as_bytes(LINE) + b'{"date": "2013-04-01", "carr')
    log = PredictionLog(usecase.name)
    log.add([line(flight=2)]).result(10)
    log.close()
    rows = predictions.read(usecase, DAY, LAST)
    assert rows["flight"].tolist() == [1, 2] and rows.attrs["bad_lines"] == 1
    whole = path.read_bytes()  # the control: whole lines get no empty one between them
    log = PredictionLog(usecase.name)
    log.add([line(flight=3)]).result(10)
    log.close()
    assert path.read_bytes().startswith(whole) and b"\n\n" not in path.read_bytes()


def test_a_full_disk_is_counted_and_stops_nobody(ws):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    log = PredictionLog(usecase.name)
    log.path.parent.mkdir(parents=True)
    log.path.symlink_to(full)
    assert [log.add([LINE, LINE]).result(10), log.add([LINE]).result(10)] == [False, False]
    assert (log.written, log.failed) == (0, 3)
    log.path.unlink()  # there is room again
    assert log.add([LINE]).result(10)
    log.close()
    assert (log.written, log.failed) == (1, 3) and len(predictions.read(usecase, DAY, LAST)) == 1


def test_a_folder_that_is_taken_away_is_made_again(ws):
    log = PredictionLog(usecase.name)
    log.add([LINE]).result(10)
    log.path.rename(log.path.with_name("away"))
    assert log.add([line(flight=2)]).result(10)
    log.close()
    assert predictions.read(usecase, DAY, LAST)["flight"].tolist() == [2]


def test_writers_at_once_tear_no_line(ws):
    logs = [PredictionLog(usecase.name) for _ in range(4)]

    def write(log, first):
        for n in range(50):
            log.add([line(flight=first + n), line(flight=first + n, role="shadow")])
        log.close()

    threads = [
        threading.Thread(target=write, args=(log, 1000 * i + 1)) for i, log in enumerate(logs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = predictions.read(usecase, DAY, LAST)
    assert len(rows) == 400 and rows.attrs["bad_lines"] == 0


def test_a_line_that_cannot_be_written_as_json_hurts_no_other(ws):
    log = PredictionLog(usecase.name)
    assert log.add([line(temp=object())]).result(10) is False
    assert log.add([LINE]).result(10)
    log.close()
    assert (log.written, log.failed) == (1, 1)


def test_close_writes_what_waits(ws, tmp_path):
    """A process that is told to end (SIGTERM) and closes its log has lost nothing."""
    code = textwrap.dedent("""
        import json, signal, sys
        from firstflight.prediction_log import PredictionLog
        log = PredictionLog("flights")
        signal.signal(signal.SIGTERM, lambda *_: (log.close(), sys.exit(0)))
        record = json.loads(sys.argv[1])
        for n in range(20_000):
            log.add([record | {"flight": n}])
        print("added", flush=True)
        signal.pause()
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(LINE)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "added\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0
    damage = prediction_log.Damage()
    assert len(list(prediction_log.lines(usecase, DAY, DAY, damage))) == 20_000 and damage.n == 0


# --- many files -----------------------------------------------------------------------------------


def said(n):
    """Return a record as the service hands it over."""
    return line(flight=n, timestamp=dt.datetime.now(dt.UTC).isoformat())


def test_a_full_file_is_followed_by_the_next_and_all_are_read(ws):
    log = PredictionLog(usecase.name, max_mb=0.001)
    for n in range(1, 31):
        assert log.add([said(n)]).result(10)
    log.close()
    names = {path.name for path in prediction_log.files(usecase.name)}
    assert {"data.1.log", "data.2.log", "data.3.log"} <= names
    sizes = [path.stat().st_size for path in prediction_log.files(usecase.name)]
    assert max(sizes) < 1000 + 2 * len(as_bytes(said(1)))
    assert sorted(predictions.read(usecase, DAY, LAST)["flight"]) == list(range(1, 31))
    again = PredictionLog(usecase.name, max_mb=0.001)  # a restart goes on where it was
    assert again.path.name == max(names, key=lambda name: int(name.split(".")[1]))
    again.close()


def test_the_order_is_that_of_the_times_written_not_that_of_the_files(ws):
    """A backup that was restored, or an editor, gives files another time; `first` must not move."""
    times = ["2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00", "2026-01-01T11:00:00+02:00"]
    paths = []
    for n, (time, prediction) in enumerate(zip(times, (0.1, 0.2, 0.3), strict=True), start=1):
        path = put(ws, as_bytes(line(timestamp=time, prediction=prediction)), f"data.{n}.log")
        paths.append(path)
    for order in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        for path, moment in zip(paths, order, strict=True):
            os.utime(path, (moment, moment))
        # 11:00 two hours east of Greenwich was first, so it counts.
        assert predictions.read(usecase, DAY, LAST)["prediction"].tolist() == [0.3]


@pytest.mark.parametrize("time", [..., None, "yesterday", "0001-01-01T00:00:00", "9999-12-31"])
def test_a_time_that_cannot_be_told_loses_no_line(ws, time):
    put(ws, as_bytes(line(flight=1, timestamp=time)) + as_bytes(said(2)))
    rows = predictions.read(usecase, DAY, LAST)
    assert rows["flight"].tolist() == [1, 2] and rows.attrs["bad_lines"] == 0


@pytest.fixture
def logged(caplog):
    """Give what the server's log gets, whatever BentoML set up."""
    prediction_log.logger.addHandler(caplog.handler)
    yield caplog
    prediction_log.logger.removeHandler(caplog.handler)


def test_the_log_shows_an_error_where_there_was_one(ws, monkeypatch, logged):
    monkeypatch.setattr(prediction_log, "MAX_WAITING", 0)
    log = PredictionLog(usecase.name)
    assert not log.add([said(1)]).result(1)
    log.close()
    assert "does not keep up" in logged.text and "NoneType" not in logged.text

    def full(path, content):
        raise OSError(28, "full")

    monkeypatch.setattr(prediction_log, "MAX_WAITING", 10)
    monkeypatch.setattr(prediction_log, "_append", full)
    log = PredictionLog(usecase.name)  # the control
    assert not log.add([said(1)]).result(10)
    log.close()
    assert "could not be written down" in logged.text and "OSError: [Errno 28] full" in logged.text


def test_a_disk_that_hangs_fills_no_memory(ws, monkeypatch):
    go, real = threading.Event(), prediction_log._append

    def hang(path, content):
        go.wait(60)
        return real(path, content)

    monkeypatch.setattr(prediction_log, "_append", hang)
    monkeypatch.setattr(prediction_log, "MAX_WAITING", 10)
    log = PredictionLog(usecase.name)
    taken = [log.add([said(n)]) for n in range(1, 21)]
    assert [done.result(1) for done in taken[10:]] == [False] * 10 and log.failed == 10
    go.set()
    log.close()
    assert [done.result(10) for done in taken[:10]] == [True] * 10 and log.written == 10
    assert len(predictions.read(usecase, DAY, LAST)) == 10
