"""What lesson 12 asks: read the history, write the sum, find what it hangs on, judge five teams."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from classroom.equality import is_bool, mistake, same
from classroom.exercises import Given, exercise


@exercise("12-type1", "answered_by", hint="!firstflight history --at 2013-11-05")
def answered_by(answered_by: Any, given: Given) -> bool | str:
    import datetime as dt

    from firstflight import history

    asked = dt.date(2013, 11, 5)
    before = [entry for entry in history.entries("flights") if entry.date <= asked]
    live = before[-1].after["live"]
    lines = [line.strip() for line in given.source.splitlines()]
    typed = [line for line in lines if line.startswith("!") and "firstflight history" in line]
    if given.source and not typed:
        return "Ask with the command as well: !firstflight history and its option --at."
    if typed and "--at" not in typed[0]:
        return "The command lists everything so: --at and a day picks what was live then."
    if typed and "2013-11-05" not in typed[0]:
        return "The day is another one: 2013-11-05."
    if same(answered_by, live):
        return True
    if same(str(answered_by).removeprefix("v"), live):
        return f"The version, as a text and without anything else: you have {answered_by!r}."
    if same(str(answered_by), before[-1].after.get("previous", "3")) or same(str(answered_by), "3"):
        return "That one had been taken back on 29 October: read the line of live."
    return "Read the line of live in what the command prints."


def _other_spans(given: Given) -> dict[str, Any]:
    flights = given.flights
    gates = ["hold", "pass", "fail", "pass", "hold"][: len(flights)]
    return {"flights": flights.assign(days=flights["days"] * 3 + 1, gate=gates)}


@exercise(
    "12-ex1",
    "unproven",
    hint="Take the rows whose gate is not pass, and add up their days.",
    vary=_other_spans,
)
def unproven(unproven: Any, given: Given) -> bool | str:
    flights = given.flights
    held = flights["gate"] != "pass"
    if same(unproven, flights.loc[held, "days"].sum()):
        return True
    if same(unproven, flights.loc[~held, "days"].sum()):
        return "Those are the days of the others: the gates that did say pass."
    if same(unproven, held.sum()):
        return "That is the number of stretches: add up their days."
    if same(unproven, flights["days"].sum()):
        return "Those are all days: only the rows whose gate did not say pass."
    if same(unproven, held.mean()) or same(
        unproven, flights.loc[held, "days"].sum() / flights["days"].sum()
    ):
        return "It is a share: the days themselves are asked for."
    return mistake(unproven, flights.loc[held, "days"].sum())


@exercise("12-ex2", "total", hint="Days times the day rate, plus the prices times the years.")
def total(total: Any, given: Given) -> bool | str:
    rows, rate = dict.fromkeys(given.options.index, 0), given.DAY_RATE
    if same(total({**rows, "days to set up": 1}, 2, 5), 1):
        return "A day costs DAY_RATE: your sum counts it as 1."
    for name, times, per in (
        ("days to set up", 1, "once, whatever the years and the models"),
        ("days per model", 2, "once for each model, and not in each year"),
        ("days of care a year", 5, "in each year"),
        ("days of care a year per model", 10, "in each year for each model"),
    ):
        found = total({**rows, name: 1}, 2, 5)
        if not same(found, times * rate):
            return f"One of the {name} is paid {per}; with 2 models in 5 years {found:g} comes out."
    for name, times, per in (
        ("price a year", 5, "in each year, without the day rate"),
        ("price a year per model", 10, "in each year for each model, without the day rate"),
    ):
        found = total({**rows, name: 1}, 2, 5)
        if not same(found, times):
            return f"A {name} of 1 is paid {per}; with 2 models in 5 years {found:g} comes out."
    other = {name: n + 1 for n, name in enumerate(rows)}
    wanted = rate * (1 + 3 * 2 + 4 * (3 + 3 * 4)) + 4 * (5 + 3 * 6)
    return same(total(other, 3, 4), wanted) or "The parts are right; their sum is not."


@exercise(
    "12-ex3",
    "off_by_half",
    hint="Copy the table, multiply one cell by 1.5, and let cheaper count.",
)
def off_by_half(off_by_half: Any, given: Given) -> bool | str:
    options = given.options
    other = options.copy()
    other["build"] = [70, 2, 30, 1, 1_000, 50]
    for table in (options, other):
        for name in table.index:
            for option in table.columns:
                try:
                    found = off_by_half(table, name, option)
                except TypeError as error:
                    if "Invalid value" not in str(error):
                        raise
                    return (
                        "A column of whole numbers holds no half: table.astype(float) is a copy "
                        "that can."
                    )
                wanted = _moved(given, table, name, option)
                if found is None:
                    return "It returns nothing: return what cheaper counts."
                if same(found, wanted):
                    continue
                if is_bool(found) or not isinstance(found, Integral):
                    return f"It returns a {type(found).__name__}: a count of cases is wanted."
                if same(found, given.cheaper(table)):
                    return f"With {name!r} of {option} nothing changes: is it really multiplied?"
                swap = "buy" if option == "build" else "build"
                if same(found, _moved(given, table, name, swap)):
                    return "It changes the other option's number."
                if same(found, _moved(given, table, name, option, 0.5)):
                    return "Half as high again is 1.5 times, not 0.5 times."
                return f"For {name!r} of {option} it says {found}: change that one number alone."
    return True


def _moved(given: Given, table: Any, name: str, option: str, times: float = 1.5) -> int:
    changed = table.astype(float)
    changed.loc[name, option] *= times
    return int(given.cheaper(changed))


@exercise(
    "12-ex5",
    "mine",
    "in_mine",
    hint="mine = options.astype(float), one mine.loc[row, option] = ... for each, cheaper(mine).",
)
def own_numbers(mine: Any, in_mine: Any, given: Given) -> bool | str:
    import numpy as np
    import pandas as pd

    options = given.options
    if not isinstance(mine, pd.DataFrame):
        return f"mine is a {type(mine).__name__}: a table like options is wanted."
    if list(mine.index) != list(options.index) or list(mine.columns) != list(options.columns):
        new = [str(row) for row in mine.index if row not in options.index]
        said = f" {new[0]!r} is no row of options: is it spelled as there?" if new else ""
        return f"mine has other rows or columns than options.{said}"
    try:
        numbers = mine.astype(float).to_numpy()
    except (TypeError, ValueError):
        return "A cell of mine holds no number."
    if not np.isfinite(numbers).all():
        return "A cell of mine is empty: every number has to be there."
    if (numbers < 0).any():
        return "A number of mine is below 0: days and prices are not."
    changed = int((numbers != options.to_numpy()).sum())
    if changed < 3:
        return f"Numbers of your own in mine: {changed}. Put in at least three."
    wanted = given.cheaper(mine)
    if same(in_mine, wanted):
        return True
    if same(in_mine, given.cheaper(options)):
        return "in_mine counts the first worksheet: ask cheaper about mine."
    return mistake(in_mine, wanted) or "in_mine is another number than cheaper counts in mine."


@exercise(
    "12-ex4",
    "leans_to_composing",
    hint="Five comparisons, each worth one: add up those that are true.",
)
def leans_to_composing(leans_to_composing: Any, given: Given) -> bool | str:
    import pandas as pd

    columns = list(given.teams.columns)
    plain: dict[str, Any] = dict(zip(columns, [1, 1, 0, "standard", "tabular"], strict=True))
    cases = (
        (plain, 0, "no answer that speaks for composing"),
        ({**plain, "models": 10}, 1, "exactly 10 models"),
        ({**plain, "models": 9}, 0, "9 models"),
        ({**plain, "clouds": 2}, 1, "two clouds"),
        ({**plain, "platform people": 4}, 1, "exactly 4 platform people"),
        ({**plain, "platform people": 3}, 0, "3 platform people"),
        ({**plain, "audit": "sector rules"}, 1, "an audit by sector rules"),
        ({**plain, "workload": "video"}, 1, "a workload of video"),
        (dict(zip(columns, [10, 2, 4, "heavy", "GPU"], strict=True)), 5, "all five"),
    )
    for team, wanted, words in cases:
        found = leans_to_composing(pd.Series(team))
        if is_bool(found):
            return "It returns True or False: a number from 0 to 5 is wanted."
        if found is None:
            return "It returns nothing."
        if not same(found, wanted):
            return f"A team with {words} should count {wanted}, and it counts {found}."
    return True
