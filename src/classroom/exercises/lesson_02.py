"""What lesson 02 asks: names for bytes, a refusal, an old model, and a feature with its test."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import shutil
from collections.abc import Iterator
from typing import Any

from classroom.equality import is_bool, mistake, same
from classroom.exercises import Given, exercise

FEBRUARY = "flights/2013-02.parquet"


@exercise("02-ex1", "digest", hint="hashlib.sha256(content) makes it; which method gives the text?")
def digest(digest: Any, given: Given) -> bool | str:
    contents = (b"", b"flight", given.content, given.content[:-1])
    answers = [digest(content) for content in contents]
    for content, answer in zip(contents, answers, strict=True):
        wanted = hashlib.sha256(content).hexdigest()
        if answer == wanted:
            continue
        if hasattr(answer, "hexdigest"):
            return "That is hashlib's object, not its text: which of its methods gives 64 digits?"
        if isinstance(answer, bytes):
            return "Those are bytes: there is a method that writes them as hexadecimal digits."
        if not isinstance(answer, str):
            return f"It returns a {type(answer).__name__}: a text of 64 digits was asked for."
        if answer.lower() == wanted:
            return "The right digits, in capital letters: SHA256SUMS has small ones."
        if answer and wanted.startswith(answer):
            return f"Those are the first {len(answer)} digits: give all 64."
        for name in ("md5", "sha1", "sha224", "sha384", "sha512", "sha3_256", "blake2s", "blake2b"):
            if answer == hashlib.new(name, content).hexdigest():
                return f"That is {name}, with {len(answer)} digits: SHA-256 was asked for."
        if answer in {hashlib.sha256(f(content).encode()).hexdigest() for f in (str, repr)}:
            return "That is the digest of a text about the bytes: give sha256 the bytes themselves."
        if len(set(answers)) == 1:
            return "It is the same for any content: take the digest of `content`."
        return f"For the content {content[:10]!r} it is another one: all bytes, and only they."
    return True


@exercise(
    "02-ex2",
    "one_byte_changed",
    hint="bytearray(content), then give one place another number from 0 to 255, then bytes(...).",
)
def one_byte_changed(one_byte_changed: Any, given: Given) -> bool | str:
    contents = (
        given.content[:5000],
        bytes(40),
        bytes([255]) * 40,
        bytes([1]) * 40,
        b"x" * 40,
        bytes(range(256)),
    )
    for content in contents:
        try:
            answer = one_byte_changed(content)
        except ValueError as error:
            if "range(0, 256)" not in str(error):
                raise
            return "A byte is a number from 0 to 255: what should become of 0, and of 255?"
        except IndexError:
            return "Shorter contents come too, of 40 bytes: change one that each of them has."
        if not isinstance(answer, (bytes, bytearray)):
            kind = "nothing" if answer is None else f"a {type(answer).__name__}"
            return f"It returns {kind}: bytes were asked for."
        if len(answer) != len(content):
            less = "fewer" if len(answer) < len(content) else "more"
            apart = abs(len(answer) - len(content))
            return f"It has {apart} bytes {less} than before: change one, take none and add none."
        differ = sum(a != b for a, b in zip(answer, content, strict=True))
        if differ == 0:
            return (
                f"Of the content {content[:4]!r}... no byte has changed: whatever stands there, "
                "make another value of it."
            )
        if differ > 1:
            return f"{differ} bytes have changed: one was asked for."
    return True


@exercise(
    "02-ex3",
    "refusal",
    hint="try: drops.land(...), except DropError as error: refusal = str(error).",
    vary=lambda given: {"corrected": _another_correction(given)},
)
def refusal(refusal: Any, given: Given) -> bool | str:
    from firstflight import drops
    from firstflight.workspace import PROJECT

    landed = drops.read_sums(given.ws.drops)
    if landed.get(FEBRUARY) != drops.read_sums(PROJECT / "data")[FEBRUARY]:
        return (
            "The landed February is another one now. Put it back: restart the kernel, and run the "
            "lesson from the top."
        )
    if isinstance(refusal, BaseException):
        return "That is the error itself: its sentence is str(error)."
    if not isinstance(refusal, str):
        return f"It is a {type(refusal).__name__}: keep the sentence of the error, a text."
    if "never changes" in refusal and FEBRUARY in refusal:
        signed = drops.read_sums(given.corrected)[FEBRUARY][:12]
        if signed in refusal:
            return True
        return "It is the refusal of another delivery: land `corrected`."
    if "already" in refusal or not refusal.strip():
        return "Nothing was refused: land February of `corrected` into ws.drops, where it lies."
    for word in ("truncated", "altered", "one row per key", "arr_delay", "not listed"):
        if word in refusal:
            return "That is the refusal of another delivery, or month: land 2013-02 of `corrected`."
    return "That is not what land says of it: keep the whole sentence of the DropError."


def _another_correction(given: Given) -> Any:
    from classroom.deliveries import corrected_february

    root = given.ws.root / "scratch" / "corrected again"
    return root if root.exists() else corrected_february(root, 16)


@exercise(
    "02-ex4",
    "train_again",
    hint="snapshot.load(digest).training_rows(case) gives features, labels and requests.",
)
def train_again(train_again: Any, given: Given) -> bool | str:
    with _another_snapshot(given) as other:
        for digest in (other, given.noted):  # the small one first: most mistakes end there
            said = _learned_otherwise(train_again(digest, _Recorder()), digest)
            if said:
                return said
    return True


class _Recorder:
    """An estimator that keeps what it is fitted on, and learns nothing."""

    rows: tuple[Any, Any] | None = None

    def fit(self, features: Any, label: Any = None, **_: Any) -> _Recorder:
        self.rows = features, label
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **_: Any) -> _Recorder:
        return self


@functools.lru_cache(maxsize=2)
def _training_rows(digest: str) -> tuple[Any, Any, Any]:
    from firstflight import snapshot, usecase

    return snapshot.load(digest).training_rows(usecase.get("flights"))


def _learned_otherwise(answer: Any, digest: str) -> str:
    """Return what is wrong with what an estimator was fitted on, or ""."""
    import numpy as np

    if answer is None:
        return "It returns nothing: return the fitted estimator."
    if not isinstance(answer, _Recorder):
        return f"It returns a {type(answer).__name__}, and not the estimator that it was given."
    if answer.rows is None:
        return "The estimator is not fitted yet."
    features, label, requests = _training_rows(digest)
    got, got_label = answer.rows
    if got_label is None:
        return "It is fitted without labels: fit(features, label)."
    if same(got_label, features) or getattr(got, "shape", None) == label.shape:
        return "Features and labels are exchanged."
    if getattr(got, "ndim", 0) != 2 or len(got) != len(got_label):
        return "Features and labels do not belong together: training_rows gives both, aligned."
    if len(got) != len(label):
        return (
            f"For the snapshot {digest} it learns from {len(got)} rows, and it has "
            f"{len(label)} with a label: restore the one that `digest` names."
        )
    if got.shape[1] != features.shape[1] or list(got) != list(features):
        if got.shape[1] == requests.shape[1]:
            return "It learns from the requests: training_rows gives the features first."
        return f"It learns from {got.shape[1]} columns; the snapshot has other features."
    if not np.array_equal(np.asarray(got_label, dtype=float), label.to_numpy(dtype=float)):
        return "The labels are not the snapshot's: training_rows gives them second."
    if not got.equals(features):
        return "It has the right columns, and other values: take the rows of the snapshot."
    return ""


@contextlib.contextmanager
def _another_snapshot(given: Given) -> Iterator[str]:
    """Have a snapshot of one week, and leave nothing of it among the others; yield its name."""
    from firstflight import drops, snapshot, usecase

    case = usecase.get("flights")
    aside = given.ws.root / "scratch" / "another snapshot"
    if not any(aside.glob("*/manifest.json")):
        known = drops.Drops(given.ws.drops, case.sources, dt.date(2013, 4, 1))
        taken = snapshot.take(case, known, dt.date(2013, 1, 9), dt.date(2013, 1, 14), 1)
        shutil.copytree(snapshot.folder(taken.digest), aside / taken.digest, dirs_exist_ok=True)
    digest = next(aside.glob("*/manifest.json")).parent.name
    shutil.copytree(aside / digest, snapshot.folder(digest), dirs_exist_ok=True)
    try:
        yield digest
    finally:
        shutil.rmtree(snapshot.folder(digest), ignore_errors=True)


def _flown(shares: dict[str, list[tuple[int, int]]], first: str) -> Any:
    """Return flights by origin and day: so many late, so many in time."""
    import pandas as pd

    rows: list[tuple[Any, str, str, bool]] = []
    for origin, days in shares.items():
        for n, (late, in_time) in enumerate(days):
            day = pd.Timestamp(first) + pd.Timedelta(days=n)
            for carrier, flags in (("AA", [True] * late), ("BB", [False] * in_time)):
                rows += [(day, origin, carrier, flag) for flag in flags]
    table = pd.DataFrame(rows, columns=["date", "origin", "carrier", "late"])
    return table.sample(frac=1, random_state=3).reset_index(drop=True)


def _shares(origin: Any, flown: Any, low: int, high: int, day: Any) -> Any:
    """Return the flights of some days, counted back from `day`."""
    age = (day - flown["date"]).dt.days
    return flown[(age >= low) & (age <= high) & (flown["origin"] == origin)]


def _week_before(flown: Any, origin: Any, day: Any) -> float:
    return float(_shares(origin, flown, 1, 7, day)["late"].mean())


def _with_today(flown: Any, origin: Any, day: Any) -> float:
    return float(_shares(origin, flown, 0, 6, day)["late"].mean())


def _next_week(flown: Any, origin: Any, day: Any) -> float:
    return float(_shares(origin, flown, -7, -1, day)["late"].mean())


def _centred(flown: Any, origin: Any, day: Any) -> float:
    return float(_shares(origin, flown, -3, 3, day)["late"].mean())


def _others_today(flown: Any, origin: Any, day: Any) -> float:
    return float(flown[(flown["date"] == day) & (flown["origin"] != origin)]["late"].mean())


def _yesterday(flown: Any, origin: Any, day: Any) -> float:
    return float(_shares(origin, flown, 1, 1, day)["late"].mean())


def _hardly_today(flown: Any, origin: Any, day: Any) -> float:
    today = float(_shares(origin, flown, 0, 0, day)["late"].mean())
    return _week_before(flown, origin, day) + today / 100


def _count(flown: Any, origin: Any, day: Any) -> float:
    return float(len(_shares(origin, flown, 1, 7, day)))


@exercise(
    "02-ex5",
    "knows_the_future",
    hint="Make a copy of flown in which late is turned round where date >= day, ask rate on both, "
    "and compare.",
)
def knows_the_future(knows_the_future: Any) -> bool | str:
    import pandas as pd

    mixed = [(2, 5), (1, 3), (4, 4), (0, 6), (3, 2), (1, 1), (2, 6), (5, 1), (2, 2), (1, 4)] * 3
    usual = _flown({"AAA": mixed, "BBB": mixed[3:] + mixed[:3]}, "2013-05-01")
    all_late = _flown({"AAA": [(3, 0)] * 30, "BBB": [(2, 0)] * 30}, "2013-05-01")
    none_late = _flown({"AAA": [(0, 3)] * 30, "BBB": [(0, 2)] * 30}, "2013-05-01")
    day = pd.Timestamp("2013-05-15")
    turned = "turn each late round: on days when all were late, or none, a fixed value changes "
    cases = (
        (_week_before, usual, False, "the seven days before, which are known"),
        (_with_today, usual, True, "seven days with the day itself"),
        (_yesterday, usual, False, "the day before alone, which is known"),
        (_next_week, usual, True, "the week after"),
        (_centred, usual, True, "three days before and three after"),
        (_others_today, usual, True, "the other airports on the day itself"),
        (_with_today, all_late, True, f"seven days with the day itself ({turned}nothing)"),
        (_with_today, none_late, True, f"seven days with the day itself ({turned}nothing)"),
        (_count, usual, False, "the number of flights in the seven days before"),
        (_hardly_today, usual, True, "the week, moved a little by the day itself (any change)"),
    )
    wrong = []
    for rate, flown, wanted, what in cases:
        for origin in ("AAA", "BBB"):
            try:
                found = knows_the_future(rate, flown, origin, day)
            except TypeError as error:
                if "Invalid value" not in str(error):
                    raise
                return "`late` is True or False, and 1 - late a number: ~ turns it round."
            if not is_bool(found):
                kind = "nothing" if found is None else f"a {type(found).__name__}"
                return f"It returns {kind}: True or False."
            if bool(found) is not wanted:
                wrong.append(f"Given a rate of {what}, it should return {wanted}.")
    if len(wrong) == 2 * len(cases):
        return f"Its answers are the opposite: True where rate changes. {wrong[0]}"
    return wrong[0] if wrong else True


@exercise(
    "02-ex6",
    "late_rate",
    hint="Two bounds on date and one on origin; then the mean of late over all these flights.",
)
def late_rate(late_rate: Any) -> bool | str:
    import pandas as pd

    a = [(1, 9), (8, 1), (2, 2), (0, 7), (3, 9), (6, 1), (1, 1), (2, 9), (9, 2), (4, 1), (0, 0)]
    b = [(5, 1), (0, 4), (7, 3), (1, 8), (2, 1), (3, 3), (9, 1), (1, 6), (2, 5), (0, 3), (6, 1)]
    flown = _flown({"AAA": (a + b) * 2, "BBB": (b + a) * 2}, "2013-05-01")
    for text in ("2013-05-14", "2013-05-16", "2013-05-27"):
        for origin in ("AAA", "BBB"):
            day = pd.Timestamp(text)
            wanted = _week_before(flown, origin, day)
            found = late_rate(flown, origin, day)
            if found is None:
                return "It returns nothing: return the share."
            if found != found:
                return (
                    f"For {origin} on {text} it finds no flight, and gives nan: is an airport or a "
                    "day typed in?"
                )
            if not same(found, wanted):
                said = _another_rate(found, flown, origin, day) or mistake(found, wanted)
                return said or f"{origin} on {text} should be {wanted:.4f}."
    return True


def _another_rate(found: Any, flown: Any, origin: str, day: Any) -> str:
    """Return what a wrong rate was taken of, or ""."""

    def rate(low: int, high: int, rows: Any = flown) -> Any:
        return _shares(origin, rows, low, high, day)["late"]

    week = _shares(origin, flown, 1, 7, day)
    age = (day - flown["date"]).dt.days
    mine = flown[flown["origin"] == origin]
    by_day = mine.groupby("date")["late"].mean()
    everywhere = "That is the rate of all airports: take the flights of `origin`."
    daily = "That is the mean of seven daily shares: a day with many flights must count for more."
    known = (
        (rate(0, 6).mean(), "It takes day itself for the last of the seven: end the day before."),
        (rate(0, 7).mean(), "It takes day itself as well, eight days: it is not over yet."),
        (rate(1, 8).mean(), "It takes eight days before, and seven were asked for."),
        (rate(1, 6).mean(), "It takes six days before, and seven were asked for."),
        (rate(2, 8).mean(), "It ends two days before: the day before is complete."),
        (rate(2, 7).mean(), "It leaves out the day before, which is complete."),
        (rate(-6, 0).mean(), "It takes the seven days from `day` on: those are the future."),
        (rate(-7, -1).mean(), "It takes the seven days after `day`: those are the future."),
        (rate(1, 9999).mean(), "It takes all days before: seven were asked for."),
        (mine["late"].mean(), "It takes all days: the seven before `day` were asked for."),
        (flown[(age >= 1) & (age <= 7)]["late"].mean(), everywhere),
        (100 * rate(1, 7).mean(), "It is in percent: a share is a number from 0 to 1."),
        (1 - rate(1, 7).mean(), "That is the share in time: late was asked for."),
        (rate(1, 7).sum(), "That is the number of late flights: a share was asked for."),
        (rate(1, 7).sum() / len(flown), "Divide by the flights of these days, not by all flights."),
        (
            flown[(flown["origin"] == origin) & (flown["date"] < day)].tail(7)["late"].mean(),
            "Those are seven rows: all flights of seven days were asked for.",
        ),
        (len(week), "That is the number of flights: the share of them that was late."),
        (week.groupby("date")["late"].mean().mean(), daily),
        (by_day[by_day.index < day].tail(7).mean(), daily),
        (by_day.rolling(7).mean().asof(day), "That is rolling_rate again: it has seen the day."),
    )
    return next((why for value, why in known if same(found, value)), "")
