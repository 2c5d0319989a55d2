"""Register the releases of the story, measure the alert rules, and write docs/alarm-rates.md.

Run from the project's root: ``python docs/measure_alarm_rates.py``. About ten minutes on one core.
The tables are those of ``firstflight rules --measure --data data --alarms-only`` in a workspace
that holds these releases.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
TREES, LINEAR = "hist_gradient_boosting", "logistic_regression"
# recipe, first and last training day, feature version: as the lessons train them.
RELEASES = {
    "flights": [
        (LINEAR, dt.date(2013, 1, 1), dt.date(2013, 3, 17), 1),
        (TREES, dt.date(2013, 1, 1), dt.date(2013, 6, 30), 1),
        (TREES, dt.date(2013, 8, 18), dt.date(2013, 9, 16), 2),
    ],
    "air_time": [
        (TREES, dt.date(2013, 1, 9), dt.date(2013, 3, 17), 1),
        (TREES, dt.date(2013, 1, 9), dt.date(2013, 6, 30), 1),
    ],
}
INTRODUCTION = {
    "rules": "A week or a morning is quiet if no known incident lies in it (a morning looks back "
    "14 days). *Accidents* counts those that the rule finds in more than half of the "
    "weeks in which they "
    "were replayed: by the weekly monitor, and by the preflight when they are two days old. Rules"
    " about answers are counted over the weeks of all releases: false in a week in which the "
    "release was not worse than the naive guess. The false mornings are those of the preflight.",
    "accidents": "Each was replayed in one quiet week of four. Numbers behind a rule are the weeks "
    "or mornings on which it fires. What fires on the clean week as well does not count.",
    "releases": "A week is losing if the release's loss is above that of the naive guess. Rules "
    "about labels look at two weeks up to that Sunday. The rolling reference is the four weeks "
    "before, with the same limit.",
    "controls": "A case made for each rule, and its clean twin.",
    "quiet": "Every alarm on a quiet week or morning.",
}


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table."""
    lines = [[str(c) for c in frame.columns], ["---"] * len(frame.columns)]
    lines += [[str(v) for v in row] for row in frame.to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_rule(quiet: pd.DataFrame) -> pd.DataFrame:
    """Return one row per rule and column with its days, instead of one row per day."""
    rows = []
    for (asked, rule, column), part in quiet.groupby(["asked", "rule", "column"], sort=True):
        days = ", ".join(f"{day:%d %b}" for day in part["day"])
        rows.append({"asked": asked, "rule": rule, "column": column, "n": len(part), "days": days})
    return pd.DataFrame(rows)


def main() -> None:
    """Register, measure and write."""
    from firstflight import operations, registry, snapshot, train, usecase
    from firstflight.drops import whole

    parts = [
        "# Alarm rates",
        "What every alert rule of `process.toml` costs in false alarms and what it finds, on the "
        "year that ships with the course. Written by `python docs/measure_alarm_rates.py`, which "
        "registers the releases of the lessons in a workspace of its own and measures as "
        "`firstflight rules --measure --data data --alarms-only` does. Run that command in your "
        "own workspace after a change of `process.toml`, and see what the change costs.",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}.",
        "[What falls short](#what-falls-short) is at the end.",
    ]
    for name, releases in RELEASES.items():
        case = usecase.get(name)
        known = whole(ROOT / "data", case.sources)
        for recipe, first, last, version in releases:
            taken = snapshot.take(case, known, first, last, version)
            registry.register(train.fit(case, taken, recipe))
        begun = time.perf_counter()
        tables, left_out = operations.measured_rules(case, known, decisions=False)
        assert not left_out, left_out
        print(f"{name}: {time.perf_counter() - begun:.0f} s")
        parts.append(f"## {name}")
        for what, frame in tables.items():
            parts += [f"### {name}: {what}", INTRODUCTION[what]]
            parts.append(table(by_rule(frame) if what == "quiet" else frame))
        if name == "flights":
            parts += ["### flights: version 1 while it was live", *while_live(case, known)]
    page = ROOT / "docs" / "alarm-rates.md"
    old = page.read_text() if page.exists() else ""
    kept = old[old.index("## What falls short") :] if "## What falls short" in old else ""
    page.write_text("\n\n".join([*parts, kept]).rstrip() + "\n")


def while_live(case: object, known: object) -> list[str]:
    """Return the weeks from April to the middle of July, in which version 1 was live."""
    from firstflight import alarm_rates, process, registry

    weeks = alarm_rates.answered_weeks(
        registry.load("flights", "1"),
        known,  # type: ignore[arg-type]
        process.load().usecase("flights"),
    )
    live = weeks[(weeks["week"] >= dt.date(2013, 4, 7)) & (weeks["week"] <= dt.date(2013, 7, 14))]
    losing = live["losing"]
    rules = [c for c in live if live[c].dtype == bool and c != "losing"]
    counts = pd.DataFrame(
        {
            "rule": rules,
            "losing weeks": [f"{(live[r] & losing).sum()} of {losing.sum()}" for r in rules],
            "good weeks": [f"{(live[r] & ~losing).sum()} of {(~losing).sum()}" for r in rules],
        }
    )
    shown = live[["week", "excess", "distance", "distance, rolling", *rules]].round(3)
    return [table(counts), table(shown)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["FIRSTFLIGHT_HOME"] = home
        from firstflight.workspace import configure

        configure()
        main()
