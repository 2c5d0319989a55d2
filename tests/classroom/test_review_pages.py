"""The reviewer's pages: the template, and the one sign that somebody changes."""

from __future__ import annotations

import nbformat
import pandas as pd
from nbformat.v4 import new_code_cell, new_output

from classroom import review_pages

DAYS = pd.date_range("2013-11-01", periods=14, name="date")
MEANS = [-0.01] * 13 + [0.0116]
GAPS = pd.DataFrame({"sum": [m * 100 for m in MEANS], "count": 100, "mean": MEANS}, index=DAYS)


def write_page(desk, first, last):
    lines = [f"{day:%d %B} {GAPS.loc[day, 'mean']:+.4f}" for day in pd.date_range(first, last)]
    page = nbformat.v4.new_notebook(cells=[new_code_cell("...")])
    page.cells[0].outputs = [new_output("stream", text="\n".join(lines) + "\n")]
    nbformat.write(page, desk / f"week-{last}.ipynb")


def test_the_template_holds_the_learners_cell_first_and_old_pages_go(tmp_path):
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "week-2013-11-07.ipynb").write_text("old")
    cell = new_code_cell("days = 7", metadata={"tags": ["parameters"]})
    review_pages.write_template(desk, cell, GAPS)
    page = nbformat.read(desk / "template.ipynb", as_version=4)
    assert page.cells[0].source == "days = 7" and len(page.cells) == 4
    assert sorted(p.name for p in desk.iterdir()) == ["days.csv", "pytest.ini", "template.ipynb"]


def test_one_sign_of_one_page_is_changed(tmp_path):
    write_page(tmp_path, "2013-11-01", "2013-11-07")
    write_page(tmp_path, "2013-11-08", "2013-11-14")
    before = [review_pages.printed(page) for page in sorted(tmp_path.glob("*.ipynb"))]
    review_pages.somebody_mends_a_number(tmp_path, GAPS)
    after = [review_pages.printed(page) for page in sorted(tmp_path.glob("*.ipynb"))]
    assert before[0] == after[0] and before[1].endswith("14 November +0.0116")
    assert after[1] == before[1].replace("+0.0116", "-0.0116")
