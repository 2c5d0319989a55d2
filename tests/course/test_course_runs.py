"""The whole course, twice: as a learner finds it, and solved. nbval then compares the outputs.

Each run is a `course run` in a workspace of its own under workspace-test/, with a line per lesson.
The runs begin with the first test and go on beside the others (conftest.py).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat

from classroom import bench, builder, exercises, runner, workspaces
from firstflight.workspace import PROJECT

TESTED = PROJECT / "workspace-test"
MEMORY_MB = 1600  # Binder gives 2 GB, and JupyterLab needs its part
LESSONS = [path.stem for path in builder.sources(PROJECT)]


def holds(run, capfd) -> None:
    """Wait for a run of all lessons, and check what holds for every one."""
    with capfd.disabled():
        print(f"\n\n{run.folder}/, offline, in {run.ws.root}: waiting for its end", flush=True)
        code = run.wait()
        print(run.said, flush=True)
    assert code == 0, "the run's last lines say which lesson failed, and where"
    assert run.changed() == []
    assert [str(path) for path in run.home.rglob("*")] == []
    log = run.network
    assert not log.exists(), f"the run asked for the outside: {log.read_text()}"
    rows = runner.read_figures(run.ws, run.folder)
    assert [row["lesson"] for row in rows] == LESSONS
    assert workspaces.done(run.ws) == [name[:2] for name in LESSONS]
    too_big = {row["lesson"]: row["peak_mb"] for row in rows if row["peak_mb"] > MEMORY_MB}
    assert not too_big, f"more than {MEMORY_MB} MB: {too_big}"


def test_the_learners_notebooks_run_unsolved(capfd, course_run):
    holds(course_run, capfd)
    said = "".join(
        path.read_text()
        for path in (workspaces.executed(course_run.ws) / "notebooks").glob("*.ipynb")
    )
    asked = [id for name in LESSONS for id in exercises.of_lesson(name[:2])]
    assert {id[:2] for id in asked} == {name[:2] for name in LESSONS}
    for id in asked:
        assert f"{id}: not solved yet." in said
        assert f"{id}: passed." not in said


def test_the_bench_of_answers(capsys):
    """Each wrong answer is refused with the words that help, and each right one passes."""
    tried = bench.results(TESTED / "notebooks")
    wrong = [one for one in tried if one.wanted]
    right = [one for one in tried if not one.wanted]
    assert {one.exercise for one in tried} == {
        id for name in LESSONS for id in exercises.of_lesson(name[:2])
    }
    with capsys.disabled():
        print(
            f"\n{len(wrong)} wrong answers, {sum(one.ok for one in wrong)} refused with the right "
            f"hint; {len(right)} right answers, {sum(one.ok for one in right)} accepted"
        )
    assert [one for one in tried if not one.ok] == []


def test_the_solutions_run(capfd, course_run):
    holds(course_run, capfd)
    said = "".join(
        path.read_text()
        for path in (workspaces.executed(course_run.ws) / "solutions").glob("*.ipynb")
    )
    assert "passed." in said
    assert not re.findall(r"\d\d-[a-z]+\d+: not (?:solved|right) yet", said)


def compare(solutions: Path, tmp_path: Path) -> dict[str, list[str]]:
    """Compare notebooks with the run of the solutions; return outcome -> cells."""
    report = tmp_path / "report.xml"
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(solutions)),
            *("--replay", str(TESTED / "solutions" / "executed" / "solutions")),
            *("--junitxml", str(report)),
        ],
        cwd=PROJECT,
        capture_output=True,
    )
    found: dict[str, list[str]] = {"green": [], "red": []}
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = "green" if next(case.iter("failure"), None) is None else "red"
        found[outcome].append(f"{case.get('classname').split('.')[-2]} {case.get('name')}")
    return found


def numbers_in(path: Path):
    """Yield position, outputs and place of each digit that nbval would compare."""
    for n, cell in enumerate(builder.code_cells(nbformat.read(path, as_version=4))):
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            continue
        for i, output in enumerate(cell.outputs):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            for place, sign in enumerate(text):
                if sign.isdigit():
                    yield n, i, place


def test_one_changed_number_is_red(tmp_path):
    """Change one digit of one committed output in a copy: that cell is red, all others green."""
    copy = tmp_path / "solutions"
    shutil.copytree(PROJECT / "solutions", copy)
    clean = compare(copy, tmp_path)
    assert clean["red"] == [] and len(clean["green"]) > 10 * len(LESSONS)
    path = copy / f"{LESSONS[1]}.ipynb"
    n, i, place = list(numbers_in(path))[-1]
    notebook = nbformat.read(path, as_version=4)
    output = builder.code_cells(notebook)[n].outputs[i]
    holder, key = (output, "text") if "text" in output else (output.data, "text/plain")
    digit = str((int(holder[key][place]) + 1) % 10)
    holder[key] = holder[key][:place] + digit + holder[key][place + 1 :]
    path.write_text(builder.text_of(notebook))
    tampered = compare(copy, tmp_path)
    assert tampered["red"] == [f"{LESSONS[1]} Cell {n}"]
    assert len(tampered["green"]) == len(clean["green"]) - 1


def test_nbval_itself_runs_the_first_lesson(tmp_path, offline):
    """The canary of the replay: one notebook with nbval's own kernel, from a plain copy of it."""
    environment = {
        **offline(tmp_path / "network.txt"),
        "FIRSTFLIGHT_HOME": str(tmp_path / "workspace"),
        "FIRSTFLIGHT_HEADLESS": "1",
    }
    path = PROJECT / "solutions" / f"{LESSONS[0]}.ipynb"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(path)),
            *("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "300"),
        ],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )
    cells = len(builder.code_cells(nbformat.read(path, as_version=4)))
    assert run.returncode == 0, run.stdout
    assert f"{cells} passed" in run.stdout.splitlines()[-1]
    assert json.loads((tmp_path / "workspace" / "done.json").read_text()) == ["00"]


def test_every_excused_output_says_why():
    """`nbval-ignore-output` is an exception: a comment in the cell gives its reason."""
    for path in sorted((PROJECT / "solutions").glob("*.ipynb")):
        for cell in builder.code_cells(nbformat.read(path, as_version=4)):
            tags = cell.metadata.get("tags", [])
            assert "nbval-skip" not in tags and "raises-exception" not in tags, path.name
            if "nbval-ignore-output" in tags:
                assert any(line.startswith("# ") for line in cell.source.splitlines()), (
                    f"{path.name}, cell {cell.id}: say in a comment why its output differs"
                )
