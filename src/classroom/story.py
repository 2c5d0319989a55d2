"""The story in one picture: what answered, how well, and what was changed when.

    python -m classroom.story docs/story.png

draws it from a workspace in which the whole course ran. Nothing is typed in: the curves come from
the prediction log and the labels, the marks from the deployment history.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from classroom import pictures
from firstflight import history, metrics, operations, predictions, workspace
from firstflight import usecase as usecases

START = dt.date(2013, 4, 1)
COLORS = {"1": "#c2410c", "2": "#0f766e", "3": "#7c3aed"}
NAMES = {
    "1": "version 1: logistic regression, January to mid March",
    "2": "version 2: boosted trees, January to June",
    "3": "version 3: the same on the last 30 days",
}


def weekly() -> pd.DataFrame:
    """Return the mean loss per week and release, beside the naive guess on the same flights.

    Returns
    -------
    DataFrame
        ``week`` (its first day), ``version``, ``loss``, ``naive``, ``n`` (labelled answers),
        ``without_state`` (share of the answers).
    """
    case = usecases.get("flights")
    drops = operations.landed(case)
    rows = predictions.joined(case, drops, START, drops.today - dt.timedelta(days=1))
    rows = rows[rows["role"].isin(("live", "candidate"))].dropna(subset="label")
    rows = rows.assign(
        loss=metrics.row_loss("log_loss", rows["label"], rows["prediction"]),
        naive=metrics.row_loss("log_loss", rows["label"], case.naive(drops, rows)),
        missing=rows["state_age_days"].isna(),
        week=pd.Timestamp(START)
        + pd.to_timedelta((rows["date"] - pd.Timestamp(START)).dt.days // 7 * 7, unit="D"),
    )
    table = rows.groupby(["week", "version"]).agg(
        loss=("loss", "mean"),
        naive=("naive", "mean"),
        n=("loss", "size"),
        without_state=("missing", "mean"),
    )
    return table[table["n"] >= 1000].reset_index()


def draw(table: pd.DataFrame) -> Figure:
    """Draw the weekly losses with every change of what serves."""
    figure, axes = plt.subplots(figsize=(11, 5.2))
    naive = table.groupby("week")["naive"].mean()
    middle = pd.Timedelta(days=3.5)
    axes.plot(
        naive.index + middle,
        naive,
        color="#6b7280",
        ls="--",
        lw=1.4,
        label="no model: last 28 days",
    )
    for version, rows in table.groupby("version"):
        color = COLORS.get(str(version), "black")
        weeks = pd.DatetimeIndex(rows["week"])
        parts = (weeks.to_series().diff() > pd.Timedelta(days=7)).cumsum().to_numpy()
        for part, piece in rows.groupby(parts):
            axes.plot(
                pd.DatetimeIndex(piece["week"]) + middle,
                piece["loss"],
                color=color,
                lw=2.4,
                marker="o",
                ms=4,
                label=NAMES.get(str(version)) if part == 0 else None,
            )
    lost = table[table["without_state"] > 0.5]
    axes.scatter(
        pd.DatetimeIndex(lost["week"]) + middle,
        lost["loss"],
        s=130,
        facecolors="none",
        edgecolors="#b91c1c",
        lw=1.8,
        zorder=4,
        label="answered without its feature state",
    )
    top = max(table["loss"].max(), table["naive"].max()) * 1.02
    for n, entry in enumerate(e for e in history.entries("flights") if e.action != "waive"):
        day = pd.Timestamp(entry.date)
        axes.axvline(day, color="#9ca3af", lw=0.8, zorder=0)
        what = {
            "promote": f"v{entry.after.get('live')} live",
            "alias": f"alias to v{entry.after.get('live')}",
            "rollback": f"rollback to v{entry.after.get('live')}",
            "shadow": f"v{entry.after.get('candidate')} shadow",
            "canary": f"v{entry.after.get('candidate')} canary",
        }.get(entry.action, entry.action)
        axes.text(
            day, top + 0.015 + 0.045 * (n % 3), what, fontsize=8.5, ha="center", color="#374151"
        )
    axes.set_ylim(table["loss"].min() - 0.05, top + 0.17)
    axes.set_title(
        "The winter model fails in summer, its successor mends it, the fresher one must go back",
        loc="left",
    )
    axes.set_ylabel("log loss of the answers, per week (lower is better)")
    axes.set_xlabel("week of 2013")
    axes.xaxis.set_major_locator(mdates.MonthLocator())
    axes.xaxis.set_major_formatter(mdates.DateFormatter("1 %b"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1.0, 0.865))
    return figure


def main() -> None:
    """Write the picture to the path that the command line names."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m classroom.story PICTURE.png")
    workspace.configure()
    Path(sys.argv[1]).write_bytes(pictures.png(draw(weekly())))


if __name__ == "__main__":
    main()
