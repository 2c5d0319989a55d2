"""What lesson 11 asks: a label, a naive guess, what is proven, and the commands of the path."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from classroom.equality import mistake, same
from classroom.exercises import Given, exercise


@exercise(
    "11-ex1",
    "labels",
    hint='drops.read("flights", start, end, lookback=True), drop what has no air_time, rename.',
)
def labels(labels: Any, given: Given) -> bool | str:
    import numpy as np

    drops, case = given.drops, given.case
    key = list(case.key)
    for start, end in (
        (dt.date(2013, 2, 8), dt.date(2013, 2, 9)),  # a blizzard: most were cancelled
        (dt.date(2013, 7, 1), dt.date(2013, 7, 3)),
    ):
        wanted = case.labels(drops, start, end)
        found = labels(drops, start, end)
        if found is None:
            return "It returns nothing."
        if not hasattr(found, "columns"):
            return "It returns a column: a table with the key and label is wanted."
        if "label" not in found.columns:
            return "The table has no column label."
        missing = [name for name in key if name not in found.columns]
        if missing:
            return f"The key is not whole: {missing[0]} is missing."
        more = [name for name in found.columns if name not in (*key, "label")]
        if more:
            return f"There are more columns than the key and label, such as {more[0]}."
        if found["label"].isna().any():
            return "Some labels are empty: a flight without an air time has no label, and no row."
        if len(found) > len(wanted):
            return f"{start} to {end} has {len(wanted)} flights that flew, and you have more rows."
        if len(found) < len(wanted):
            return f"{start} to {end} has {len(wanted)} flights that flew, and you have fewer rows."
        both = wanted.merge(found, on=key, suffixes=("", "_yours"))
        if len(both) < len(wanted):
            return "The rows are of other flights."
        if not np.allclose(both["label"], both["label_yours"].astype(float)):
            if np.allclose(both["label"] / 60, both["label_yours"].astype(float)):
                return "The label is in minutes, not in hours."
            return "The labels are not the minutes in the air."
        if found["label"].dtype.kind != "f":
            return "The label is to be a decimal number: astype(float)."
    return True


@exercise(
    "11-ex2",
    "week_mean",
    hint="Days before `day`, back to seven days before it; then group by route.",
)
def week_mean(week_mean: Any, given: Given) -> bool | str:
    import pandas as pd

    def table(*rows: tuple[str, str, float]) -> Any:
        made = pd.DataFrame(rows, columns=["date", "route", "air_time"])
        return made.assign(date=pd.to_datetime(made["date"]), distance=500)

    day = pd.Timestamp("2013-05-20")
    cases = (
        (
            [("2013-05-19", "A-B", 100.0), ("2013-05-18", "A-B", 120.0)],
            {"A-B": 110.0},
            "two flights of the last two days",
        ),
        (
            [("2013-05-19", "A-B", 100.0), ("2013-05-18", "A-B", 120.0), ("2013-05-20", "A-B", 1)],
            {"A-B": 110.0},
            "a flight of the day itself, which nobody knows in the morning",
        ),
        (
            [("2013-05-19", "A-B", 100.0), ("2013-05-18", "A-B", 120.0), ("2013-05-25", "A-B", 1)],
            {"A-B": 110.0},
            "a flight of a later day",
        ),
        (
            [("2013-05-13", "A-B", 100.0), ("2013-05-14", "A-B", 120.0)],
            {"A-B": 110.0},
            "a flight of seven days ago, which is in the week",
        ),
        (
            [("2013-05-12", "A-B", 10.0), ("2013-05-14", "A-B", 100.0), ("2013-05-15", "A-B", 120)],
            {"A-B": 110.0},
            "a flight of eight days ago, which is not in the week",
        ),
        (
            [("2013-05-19", "A-B", 100.0), ("2013-05-18", "C-D", 60.0), ("2013-05-18", "C-D", 80)],
            {"C-D": 70.0},
            "a route with one flight, which is to be left out",
        ),
        (
            [("2013-05-19", "A-B", 90.0), ("2013-05-19", "A-B", 90.0), ("2013-05-18", "A-B", 120)],
            {"A-B": 100.0},
            "two flights on one day and one on another: the mean is over flights, not over days",
        ),
    )
    for rows, wanted, words in cases:
        found = week_mean(table(*rows), day)
        if found is None:
            return "It returns nothing."
        if hasattr(found, "columns"):
            return "It returns a table: one column, the mean per route, is wanted."
        if not hasattr(found, "items"):
            return "It returns one value: a mean per route is wanted."
        got = {key: value for key, value in dict(found.items()).items() if value == value}
        if not same(got, wanted):
            return f"Tried with {words}. It should say {wanted}, and it says {got}."
    flown = given.flown
    try:
        before = week_mean(flown, dt.date(2013, 1, 20))
    except TypeError as error:
        if "datetime64" not in str(error):
            raise
        return "The column date holds timestamps, and day is a date: pd.Timestamp(day)."
    later = flown.assign(air_time=flown["air_time"].where(flown["date"] < "2013-01-20", 0))
    if not same(dict(before.items()), dict(week_mean(later, dt.date(2013, 1, 20)).items())):
        return "It changes when the days from `day` on change: they are not known yet."
    return True


@exercise(
    "11-ex3",
    "proven",
    hint="Better is below zero, and proven is the whole interval: look at high.",
    vary=lambda given: {
        "verdicts": given.verdicts.assign(
            **{"each quarter": [_better(v, n % 3) for n, v in enumerate(given.verdicts.iloc[:, 1])]}
        )
    },
)
def proven(proven: Any, given: Given) -> bool | str:
    column = given.verdicts["each quarter"]
    found = [verdict.check("beats_naive").interval for verdict in column]
    wanted = sum(interval.high < 0 for interval in found)
    if same(proven, wanted):
        return True
    if same(proven, sum(interval.mean < 0 for interval in found)):
        return "Those are the fortnights in which its mean is better: proven is the whole interval."
    if same(proven, len(found)):
        return "Those are all fortnights: count those that are proven better."
    if same(proven, sum(interval.low < 0 for interval in found)):
        return "Of those only the lower end is below zero: the whole interval must be."
    if same(proven, sum(interval.low > 0 for interval in found)):
        return "Those are proven worse: a lower error is better."
    if same(proven, sum(verdict.verdict == "hold" for verdict in column)):
        return "Those are held, which is not proven."
    return mistake(proven, wanted)


def _better(verdict: Any, how: int) -> Any:
    """Return a verdict whose interval lies below zero, around it or above it."""
    low, high = ((-2.0, -1.0), (-1.0, 1.0), (1.0, 2.0))[how]
    checks = [
        check.model_copy(
            update={
                "interval": check.interval.model_copy(
                    update={"low": low, "high": high, "mean": (low + high) / 2}
                )
            }
        )
        if check.rule == "beats_naive"
        else check
        for check in verdict.checks
    ]
    return verdict.model_copy(update={"checks": type(verdict.checks)(checks)})


def _typed(given: Given, word: str) -> str:
    """Return the line with a command of firstflight, or ""."""
    for line in given.source.splitlines():
        if line.strip().startswith("!") and f"firstflight {word}" in line:
            return line.strip()
    return ""


def _of_air_time(line: str) -> bool:
    return "air_time" in line


@exercise("11-type1", hint="!firstflight gate 1 -u air_time")
def gate(given: Given) -> bool | str:
    from firstflight import judgements

    line = _typed(given, "gate")
    if given.source and not line:
        return "Type the command firstflight gate behind the exclamation mark."
    if line and not _of_air_time(line):
        return "That judges the first model: name the use case with -u air_time."
    if line and not re.search(r"gate\s(.*\s)?1\b", line):
        return "Which version? The command says it behind gate: 1."
    if not judgements.judged("air_time", "1"):
        return "No verdict on version 1 of air_time was written: what did the command say?"
    return True


@exercise("11-type2", hint='!firstflight waive 1 -u air_time --by model_owner --reason "..."')
def waive(given: Given) -> bool | str:
    from firstflight import history

    line = _typed(given, "waive")
    if given.source and not line:
        return "Type the command firstflight waive behind the exclamation mark."
    if line and not _of_air_time(line):
        return "That waives for the first model: name the use case with -u air_time."
    by = re.search(r"--by[ =]+[\"']?(\w+)", line)
    if by is not None and by[1] != "model_owner":
        return f"A waiver by {by[1]} does not count: [permissions] lets model_owner waive."
    said = re.search(r"--reason[ =]+([\"'])(.*?)\1", line)
    if said is not None and "22" not in said[2] and not re.search(r"[{$]", said[2]):
        return "The reason does not say when you look again: 22 November."
    waivers = [entry for entry in history.entries("air_time") if entry.action == "waive"]
    if not waivers:
        return "No waiver is recorded: what did the command say?"
    if "22" not in waivers[-1].reason:
        return "The reason does not say when you look again: 22 November."
    return True


@exercise("11-type3", hint='!firstflight withdraw -u air_time --by model_owner --reason "..."')
def withdraw(given: Given) -> bool | str:
    from firstflight import history

    line = _typed(given, "withdraw")
    if given.source and not line:
        other = next((w for w in ("abort", "rollback", "clean") if _typed(given, w)), "")
        if other:
            return f"{other} does something else: one command takes every release out."
        return "Type the command that takes every release out, behind the exclamation mark."
    if line and not _of_air_time(line):
        if not history.serving("flights").releases:
            return (
                "That took the first model out of service: name the use case with -u air_time. The "
                "history keeps it, so run the lesson again from its first cell."
            )
        return "That names the first model: name the use case with -u air_time."
    if history.serving("air_time").releases:
        return "Version 1 still is live: what did the command say?"
    return True
