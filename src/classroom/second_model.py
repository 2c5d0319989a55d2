"""What lesson 11 plays with: windows of the year, a model left alone, and the guess of a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from firstflight.drops import Drops
    from firstflight.usecase import UseCase

QUARTERS = {4: "2013-03-31", 7: "2013-06-30", 10: "2013-09-30"}  # first month: trained to
MONTHS = tuple(range(4, 11))
DAYS = 7


def flown_with_route(drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return the flights that flew on some days, each with its route.

    Parameters
    ----------
    drops : Drops
        What is known, as of its today.
    start, end : date
        Both included; `start` may lie before the data begins.

    Returns
    -------
    DataFrame
        Columns ``date``, ``route``, ``distance`` (miles) and ``air_time`` (minutes).
    """
    from firstflight.usecases.air_time import route

    flown = drops.read("flights", start, end, lookback=True).dropna(subset="air_time")
    flown = flown.assign(route=route(flown), air_time=flown["air_time"].astype(float))
    return flown[["date", "route", "distance", "air_time"]].reset_index(drop=True)


def naive_from(week_mean: Callable[[Any, Any], Any]) -> Callable[[Drops, Any], np.ndarray]:
    """Return a use case's naive guess, made of a function for one day.

    Parameters
    ----------
    week_mean : callable
        ``week_mean(flown, day)`` returns the mean air time per route over the seven complete days
        before `day`, minutes.

    Returns
    -------
    callable
        ``naive(drops, requests)``, minutes per request. A route that `week_mean` does not have
        gets its distance at the pace of all flights of that week.
    """
    import pandas as pd

    from firstflight.usecases.air_time import route

    def naive(drops: Drops, requests: pd.DataFrame) -> np.ndarray:
        dates = pd.to_datetime(requests["date"])
        first, last = dates.min().date(), dates.max().date()
        flown = flown_with_route(drops, first - dt.timedelta(days=DAYS), last)
        guess = pd.Series(float("nan"), index=requests.index)
        for day, rows in requests.groupby(dates):
            week = flown[(flown["date"] < day) & (flown["date"] >= day - pd.Timedelta(days=DAYS))]
            pace = week["air_time"].sum() / week["distance"].sum() if len(week) else float("nan")
            known = route(rows).map(week_mean(flown, day))
            guess[rows.index] = known.fillna(rows["distance"] * pace)
        return guess.to_numpy(dtype=float)

    return naive


def fortnights(case: UseCase, rows: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Train the recipe to March, June and September, and judge it on seven fortnights.

    Parameters
    ----------
    case : UseCase
        With the recipe ``hist_gradient_boosting``.
    rows : DataFrame
        Scored rows of the gate, with ``date``, ``label`` and ``naive``.
    features : DataFrame
        Their features.

    Returns
    -------
    DataFrame
        Indexed by month, April to October; columns ``left alone`` and ``each quarter`` hold the
        gate's `firstflight.gate.Verdict` of its first fortnight.
    """
    import pandas as pd

    from firstflight import gate, process

    rules = process.load().usecase(case.name)

    def trained_to(day: str) -> pd.DataFrame:
        known = rows["date"] <= day
        trees = case.recipes["hist_gradient_boosting"](case.features[1])
        trees.fit(features[known], rows["label"][known])
        return rows.assign(candidate=trees.predict(features))

    scored = {month: trained_to(day) for month, day in QUARTERS.items()}
    no_cost = {"artifact_mb": 0.0, "one_row_ms": 0.0}  # what it costs is not asked here

    def verdict(trained: int, month: int) -> Any:
        first = rows["date"].between(f"2013-{month:02}-01", f"2013-{month:02}-14")
        return gate.judge(scored[trained][first], rules.metric, rules.gate, no_cost)

    return pd.DataFrame(
        {
            "left alone": {month: verdict(4, month) for month in MONTHS},
            "each quarter": {month: verdict((month - 1) // 3 * 3 + 1, month) for month in MONTHS},
        }
    )


def effort() -> pd.DataFrame:
    """Count what each use case of the path took, the same way for each.

    Returns
    -------
    DataFrame
        A column per use case. Rows: lines of code that only this use case has; lines in modules of
        ``usecases/`` that it shares with another; decisions in its section of ``process.toml``,
        and how many of them have the value that the other one's has; records that were written
        until its first release answered (versions, verdicts, changes of what serves).
    """
    import tomllib

    import pandas as pd

    from firstflight import process, usecase

    sections = tomllib.loads(process.load().source.read_text())["usecases"]
    decided = {name: _leaves(section) for name, section in sections.items()}
    return pd.DataFrame(
        {
            name: {
                **_lines(name),
                "decisions in process.toml": len(decided[name]),
                "of these, as the other decided": _as_another(name, decided),
                "records until the first answer": _records(name),
            }
            for name in usecase.USECASES
        }
    )


def _leaves(node: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        path = f"{at}.{key}"
        found.update(_leaves(value, path) if isinstance(value, dict) else {path: value})
    return found


def _as_another(name: str, decided: Mapping[str, Mapping[str, Any]]) -> int:
    others = [found for other, found in decided.items() if other != name]
    return sum(
        any(key in found and found[key] == value for found in others)
        for key, value in decided[name].items()
    )


def _lines(name: str) -> dict[str, int]:
    """Count a use case's own lines, and those of the modules that it imports from `usecases`."""
    import ast

    from classroom.ledger import count_lines
    from firstflight.workspace import PROJECT

    folder = PROJECT / "src" / "firstflight" / "usecases"

    def imported(module: str) -> set[str]:
        names: set[str] = set()
        for node in ast.walk(ast.parse((folder / f"{module}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "firstflight.usecases"
            ):
                last = (node.module or "").rpartition(".")[2]
                names |= {last} if last != "usecases" else {alias.name for alias in node.names}
        return {n for n in names if (folder / f"{n}.py").exists()}

    shared: set[str] = set()
    todo = [name]
    while todo:
        for found in imported(todo.pop()) - shared - {name}:
            shared.add(found)
            todo.append(found)
    return {
        "lines of its own": count_lines((folder / f"{name}.py").read_text()),
        "lines shared with another": sum(
            count_lines((folder / f"{module}.py").read_text()) for module in sorted(shared)
        ),
    }


def _records(name: str) -> int:
    from firstflight import history, judgements, registry

    entries = history.entries(name)
    first = next((n for n, entry in enumerate(entries, 1) if "live" in entry.after), len(entries))
    verdicts = len(judgements.judged(name, "1"))
    return int(bool(registry.versions(name))) + verdicts + first
