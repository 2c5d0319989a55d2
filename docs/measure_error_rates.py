"""Measure the error rates of the decisions on the year's flights, and write docs/error-rates.md.

Run from the project's root: ``python docs/measure_error_rates.py``. About ten minutes on two cores.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from firstflight import error_rates, process, snapshot, train, usecase
from firstflight.drops import Drops
from firstflight.state import States, by_date

ROOT = Path(__file__).resolve().parents[1]
YEAR_END = dt.date(2013, 12, 31)
TREES, LINEAR = "hist_gradient_boosting", "logistic_regression"
# recipe, first and last training day, feature version; a twin learns from 80% of the same rows.
RELEASES = {
    "flights": {
        "v1": (LINEAR, dt.date(2013, 1, 1), dt.date(2013, 3, 17), 1),
        "trees": (TREES, dt.date(2013, 1, 1), dt.date(2013, 3, 17), 1),
        "v2": (TREES, dt.date(2013, 1, 1), dt.date(2013, 6, 30), 1),
        "v3": (TREES, dt.date(2013, 8, 18), dt.date(2013, 9, 16), 2),
    },
    "air_time": {
        "v1": (TREES, dt.date(2013, 1, 8), dt.date(2013, 3, 17), 1),
        "v2": (TREES, dt.date(2013, 1, 8), dt.date(2013, 6, 30), 1),
    },
}
PAIRS = {
    "flights": {"trees - v1": ("trees", "v1"), "v2 - v1": ("v2", "v1"), "v3 - v2": ("v3", "v2")},
    "air_time": {"v2 - v1": ("v2", "v1")},
}
BETTER_BY = {"flights": (0.02, 0.05, 0.10), "air_time": (0.3, 1.0, 3.0)}
INTRODUCTION = {
    "dependence": "How alike following days are, in the gap candidate minus live.",
    "coverage": "Share of the gate's intervals that hold the truth, by days of the sample; they "
    "say {confidence:.0%}. The last rows are real days.",
    "coverage, 95%": "The same for intervals that say 95%.",
    "rollout": "Share of candidates exactly at the limit (in a canary the margin for promoting, "
    "0 for aborting) that are decided on wrongly over a stage. Wanted: at most 0.05 each.",
    "power": "Decisions under daily looks, by how much the candidate is better; - is not within "
    "the stage. In a canary a candidate that is better by 0 is inside the margin; promoting it is "
    "right.",
    "gate": "Equal models (candidate and live swapped on spells of days) on real windows.",
}


def scored(name: str) -> pd.DataFrame:
    """Return the labelled rows of the year with what each release would have said.

    A release says nothing about days up to the end of its training rows.
    """
    case = usecase.get(name)
    known = Drops(ROOT / "data", case.sources, YEAR_END)
    start, end = dt.date(2013, 3, 18), dt.date(2013, 12, 30)
    rows = case.requests(known, start, end).merge(case.labels(known, start, end), on=list(case.key))
    rows["naive"] = case.naive(known, rows)
    day = rows["date"].dt.date
    for release, (recipe, first, last, version) in RELEASES[name].items():
        features = case.features[version]
        states = States(by_date(features.compute_state(known, start, end)))
        asked = features.build(rows, states.lookup)
        fitted = train.fit(case, snapshot.take(case, known, first, last, version), recipe)
        some = np.random.default_rng(1).random(len(fitted.features)) < 0.8
        twin = case.recipes[recipe](features).fit(fitted.features[some], fitted.label[some])
        for column, estimator in ((release, fitted.estimator), (f"{release} twin", twin)):
            said = usecase.predict(case, estimator, asked)
            rows[column] = np.where(day > last, said, np.nan)
    return rows


def table(frame: pd.DataFrame, index: bool) -> str:
    """Return a frame as a Markdown table."""
    frame = frame.reset_index(names="") if index else frame
    text = frame.map(
        lambda v: (
            (f"{v:.3f}".rstrip("0").rstrip(".") if v == v else "-") if isinstance(v, float) else v
        )
    )
    lines = [[str(c) for c in text.columns], ["---"] * len(text.columns)]
    lines += [[str(v) for v in row] for row in text.to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Score, measure and write."""
    parts = [
        "# Error rates of the decisions",
        "Written by `python docs/measure_error_rates.py`, which calls "
        "`firstflight.error_rates.measure(rows, metric, rules, pairs=..., twins=..., "
        "better_by=...)` with its defaults (4,000 simulated series a number, 200 windows for the "
        "gate, seed 0) for each use case, with the rules of `process.toml`.",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Measured numbers have a sampling error of about 0.004 "
        "(simulated series) and 0.015 (200 windows); windows of real days overlap, so theirs is "
        "larger.",
        "[What falls outside](#what-falls-outside) is at the end.",
    ]
    for name in RELEASES:
        rules = process.load(process.DEFAULT).usecase(name)
        rows = scored(name)
        twins = {f"twin of {release}": (f"{release} twin", release) for release in RELEASES[name]}
        begun = time.perf_counter()
        found = error_rates.measure(
            rows,
            rules.metric,
            rules,
            pairs=PAIRS[name] | twins,
            twins=list(twins),
            better_by=BETTER_BY[name],
        )
        print(f"{name}: {time.perf_counter() - begun:.0f} s")
        parts.append(f"## {name} ({rules.metric})")
        for what, frame in found.items():
            says = INTRODUCTION[what].format(confidence=rules.gate.confidence)
            parts += [f"### {name}: {what}", says]
            parts.append(table(frame, index=what not in ("rollout", "power")))
    page = ROOT / "docs" / "error-rates.md"
    old = page.read_text() if page.exists() else ""
    kept = old[old.index("## What falls outside") :] if "## What falls outside" in old else ""
    page.write_text("\n\n".join([*parts, kept]).rstrip() + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["FIRSTFLIGHT_HOME"] = home
        main()
