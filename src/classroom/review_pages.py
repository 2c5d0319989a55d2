"""The pages that a reviewer of a candidate reads: their data, their template, and a mended one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from firstflight.drops import Drops
    from firstflight.usecase import UseCase

READ = """\
import pandas as pd

week = pd.read_csv("days.csv", parse_dates=["date"]).set_index("date").loc[:last_day].tail(days)
print(f"version {candidate} minus live, {len(week)} days to {last_day}")"""
SHOW = """\
for day, row in week.iterrows():
    print(f"{day:%d %B} {row['mean']:+.4f}")"""
SUM = """\
print(f"the week    {week['sum'].sum() / week['count'].sum():+.4f}")"""
# The project's own settings of pytest stay out, and so does what changes with every run.
PYTEST = "[pytest]\naddopts = -q --no-header --color=no -p no:cacheprovider\n"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def daily_gaps(
    case: UseCase, drops: Drops, version: str, live: str, days: tuple[dt.date, dt.date]
) -> pd.DataFrame:
    """Return how much a version's log loss differs from the live one's, by day.

    Parameters
    ----------
    case : UseCase
        Of a classification.
    drops : Drops
        What is known.
    version, live : str
        Two versions in the registry.
    days : tuple of date
        First and last day.

    Returns
    -------
    DataFrame
        Indexed by ``date``: ``sum`` and ``count`` of the flights' differences, and their ``mean``.
    """
    from firstflight import metrics, predictions, registry

    rows = case.labels(drops, *days)
    loss = {}
    for name in (version, live):
        said = predictions.replay(registry.load(case.name, name), drops, *days)
        both = rows[[*case.key]].merge(said[[*case.key, "prediction"]], how="left")
        loss[name] = metrics.row_loss("log_loss", rows["label"], both["prediction"].to_numpy())
    gap = rows.assign(gap=loss[version] - loss[live]).groupby("date")["gap"].agg(["sum", "count"])
    return gap.assign(mean=gap["sum"] / gap["count"])


def write_template(desk: Path, parameters: Any, gaps: pd.DataFrame) -> None:
    """Write the notebook that papermill fills in, and the table that it reads.

    Parameters
    ----------
    desk : Path
        The folder; it is made if it is not there.
    parameters : NotebookNode
        The cell that papermill looks for.
    gaps : DataFrame
        As `daily_gaps` returns it.
    """
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    desk.mkdir(exist_ok=True)
    for old in desk.glob("*.ipynb"):
        old.unlink()
    gaps.to_csv(desk / "days.csv")
    (desk / "pytest.ini").write_text(PYTEST)
    cells = [parameters, *(new_code_cell(text) for text in (READ, SHOW, SUM))]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), desk / "template.ipynb")


def printed(page: Path) -> str:
    """Return what the cells of an executed page have printed."""
    import nbformat

    cells = nbformat.read(page, as_version=4).cells
    return "".join(o.get("text", "") for cell in cells for o in cell.get("outputs", ())).rstrip()


def somebody_mends_a_number(desk: Path, gaps: pd.DataFrame) -> None:
    """Change one sign in one of the pages, as somebody would who wants the candidate to ship.

    Parameters
    ----------
    desk : Path
        The folder with the executed pages.
    gaps : DataFrame
        As `daily_gaps` returns it.
    """
    worst = gaps["mean"].idxmax()
    for page in sorted(desk.glob("week-*.ipynb")):
        text = page.read_text()
        line = f"{worst:%d %B} {gaps.loc[worst, 'mean']:+.4f}"
        page.write_text(text.replace(line, line.replace("+", "-")))
