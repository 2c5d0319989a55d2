"""nbval compares committed outputs with a run that was made before: strictly, and nothing slips."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest

from classroom.builder import METADATA, text_of


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


@pytest.fixture
def compare(tmp_path):
    """Write a committed and an executed notebook, compare, return exit code, counts and text."""

    def go(committed, executed):
        for folder, content in (("solutions", committed), ("executed", executed)):
            (tmp_path / folder).mkdir(exist_ok=True)
            if content is not None:
                (tmp_path / folder / "01_x.ipynb").write_text(text_of(content))
        run = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    "-p",
                    "classroom.replay",
                    "-p",
                    "no:cacheprovider",
                ),
                *("--rootdir", str(tmp_path), "-c", os.devnull, "--color=no", "-q"),
                *(str(tmp_path / "solutions"), "--replay", str(tmp_path / "executed")),
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        return run.returncode, run.stdout.strip().splitlines()[-1], run.stdout

    return go


def test_equal_outputs_are_green(compare):
    code, last, _ = compare(notebook(), notebook())
    assert code == 0 and last.startswith("6 passed")


def changed(n, outs, source=None):
    cells = list(CELLS)
    cells[n] = (source or cells[n][0], outs)
    return notebook(cells)


@pytest.mark.parametrize(
    ("n", "outs"),
    [
        (0, [stream("something\n")]),
        (1, [stream("0.823\n")]),
        (1, []),
        (1, [stream("0.822\n", name="stderr")]),
        (2, [result("v1  0.821")]),
        (2, [result("v1  0.822"), stream("Warning\n", name="stderr")]),
        (3, [shown(image_png="aGVsbG8=", text_plain="A line that falls.")]),
        (4, [stream("b\n"), stream("a\n"), result("3")]),
        (5, [shown(text_html="<b>0.823</b>", text_plain="0.822")]),
        (5, [shown(text_plain="0.822")]),
    ],
)
def test_each_kind_of_difference_is_red(compare, n, outs):
    code, last, text = compare(notebook(), changed(n, outs))
    assert code == 1 and last.startswith("1 failed, 5 passed")
    assert f"Cell {n}: Cell outputs differ" in text


def test_pictures_and_pieces_of_a_stream_are_not_compared(compare):
    other = shown(image_png="b3RoZXI=", text_plain="A line that rises.")
    assert compare(notebook(), changed(3, [other]))[0] == 0
    assert compare(notebook(), changed(4, [stream("a\nb\n"), result("3")]))[0] == 0


def test_an_excused_cell_is_executed_and_not_compared(compare):
    committed, executed = notebook(), changed(1, [stream("0.9\n")])
    for one in (committed, executed):
        one.cells[2].metadata["tags"] = ["nbval-ignore-output"]
    assert compare(committed, executed)[0] == 0


def test_another_source_is_red(compare):
    code, _, text = compare(notebook(), changed(2, CELLS[2][1], source="other"))
    assert code == 1 and "ran with another text here" in text
    code, _, text = compare(notebook(), notebook(CELLS[:-1]))
    assert code == 1 and "has 5 cells and 01_x.ipynb 6: run the course again" in text


def test_a_run_that_stopped_or_is_missing_is_red(compare):
    stopped = notebook()
    for cell in stopped.cells[4:]:
        cell.outputs, cell.execution_count = [], None
    code, last, text = compare(notebook(), stopped)
    assert code == 1 and "stopped before this cell" in text and "3 passed" in last
    errored = changed(5, [output(output_type="error", ename="E", evalue="no", traceback=["no"])])
    assert compare(notebook(), errored)[0] == 1


def test_a_missing_run_is_red(compare):
    code, _, text = compare(notebook(), None)
    assert code == 1 and "is missing: run the course first" in text


def test_cells_that_nbval_would_pass_over_are_red(compare):
    committed = notebook()
    committed.cells[2].execution_count, committed.cells[2].outputs = None, []
    code, _, text = compare(committed, notebook())
    assert code == 1 and "cells without committed outputs" in text
