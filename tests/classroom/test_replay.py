"""nbval compares committed outputs with a run that was made before: strictly, and nothing slips."""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest

from classroom.builder import METADATA, code_cells, text_of


def output(**kind):
    return nbformat.v4.new_output(**kind)


def stream(text, name="stdout"):
    return output(output_type="stream", name=name, text=text)


def shown(**data):
    return output(
        output_type="display_data", data={k.replace("_", "/"): v for k, v in data.items()}
    )


def result(text, count=1):
    return output(output_type="execute_result", data={"text/plain": text}, execution_count=count)


CELLS = (
    ("x = 1", []),
    ("print(0.822)", [stream("0.822\n")]),
    ("frame", [result("v1  0.822")]),
    ("figure", [shown(image_png="aGVsbG8=", text_plain="A line that rises.")]),
    ("several", [stream("a\n"), stream("b\n"), result("3")]),
    ("page", [shown(text_html="<b>0.822</b>", text_plain="0.822")]),
)


def notebook(cells=CELLS):
    made = [
        nbformat.v4.new_code_cell(source, outputs=outs, execution_count=n, id=f"cell-{n}")
        for n, (source, outs) in enumerate(cells, start=1)
    ]
    made.insert(1, nbformat.v4.new_markdown_cell("Prose.", id="prose"))
    return nbformat.v4.new_notebook(cells=made, metadata=METADATA)


def changed(n, outs, source=None):
    cells = list(CELLS)
    cells[n] = (source or cells[n][0], outs)
    return notebook(cells)


def stopped():
    made = notebook()
    for cell in made.cells[4:]:
        cell.outputs, cell.execution_count = [], None
    return made


def excused(made):
    made.cells[2].metadata["tags"] = ["nbval-ignore-output"]
    return made


def never_frozen():
    made = notebook()
    made.cells[2].execution_count, made.cells[2].outputs = None, []
    return made


DIFFERENT = {
    "output where none was": changed(0, [stream("something\n")]),
    "one digit": changed(1, [stream("0.823\n")]),
    "nothing printed": changed(1, []),
    "printed to stderr": changed(1, [stream("0.822\n", name="stderr")]),
    "one digit in a result": changed(2, [result("v1  0.821")]),
    "a warning too": changed(2, [result("v1  0.822"), stream("Warning\n", name="stderr")]),
    "another alt text": changed(3, [shown(image_png="aGVsbG8=", text_plain="It falls.")]),
    "another order": changed(4, [stream("b\n"), stream("a\n"), result("3")]),
    "one digit in a page": changed(5, [shown(text_html="<b>0.823</b>", text_plain="0.822")]),
    "no page": changed(5, [shown(text_plain="0.822")]),
}
EQUAL = {
    "the same": (notebook(), notebook()),
    "another picture": (
        notebook(),
        changed(3, [shown(image_png="b3RoZXI=", text_plain="A line that rises.")]),
    ),
    "a stream in other pieces": (notebook(), changed(4, [stream("a\nb\n"), result("3")])),
    "an excused cell": (excused(notebook()), excused(changed(1, [stream("0.9\n")]))),
}
WRONG_RUN = {
    "another source": (
        notebook(),
        changed(2, CELLS[2][1], source="other"),
        "ran with another text here",
    ),
    "fewer cells": (notebook(), notebook(CELLS[:-1]), "run the course again"),
    "a run that stopped": (notebook(), stopped(), "stopped before this cell"),
    "a run that is missing": (notebook(), None, "is missing: run the course first"),
    "an error": (
        notebook(),
        changed(5, [output(output_type="error", ename="E", evalue="no", traceback=["no"])]),
        "exception",
    ),
    "cells nbval would pass over": (never_frozen(), notebook(), "cells without committed outputs"),
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Compare all cases in one session; return for each the failures: cell -> message."""
    folder = tmp_path_factory.mktemp("replay")
    cases = {name: (notebook(), executed) for name, executed in DIFFERENT.items()}
    cases |= EQUAL | {name: pair[:2] for name, pair in WRONG_RUN.items()}
    for name, pair in cases.items():
        for where, content in zip(("solutions", "executed"), pair, strict=True):
            (folder / where).mkdir(exist_ok=True)
            if content is not None:
                (folder / where / f"{name.replace(' ', '_')}.ipynb").write_text(text_of(content))
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "classroom.replay", "-p", "no:cacheprovider"),
            *("--rootdir", str(folder), "-c", os.devnull, "--color=no", "-q"),
            *("--junitxml", str(folder / "report.xml")),
            *(str(folder / "solutions"), "--replay", str(folder / "executed")),
        ],
        capture_output=True,
        cwd=folder,
    )
    found = {name: {} for name in cases}
    seen = dict.fromkeys(cases, 0)
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        name = case.get("classname").split(".")[1].replace("_", " ")
        seen[name] += 1
        for problem in (*case.iter("failure"), *case.iter("error")):
            found[name][case.get("name")] = problem.get("message") + (problem.text or "")
    assert set(seen.values()) == {len(CELLS)}  # every cell of every case was looked at
    return found


@pytest.mark.parametrize("name", EQUAL)
def test_equal_outputs_are_green(compared, name):
    assert compared[name] == {}


@pytest.mark.parametrize("name", DIFFERENT)
def test_each_kind_of_difference_is_red_in_its_cell(compared, name):
    pairs = zip(code_cells(DIFFERENT[name]), code_cells(notebook()), strict=True)
    n = next(i for i, (new, old) in enumerate(pairs) if new.outputs != old.outputs)
    assert list(compared[name]) == [f"Cell {n}"]
    assert "Cell outputs differ" in compared[name][f"Cell {n}"]


@pytest.mark.parametrize("name", WRONG_RUN)
def test_a_run_that_is_not_this_one_is_red(compared, name):
    assert compared[name]
    assert any(WRONG_RUN[name][2] in message for message in compared[name].values())
