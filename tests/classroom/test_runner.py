"""Run a small course: in order, measured, in its own workspace, stopped by the first failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from classroom import builder, checkpoints, freeze, runner, setup_tools, workspaces
from classroom.errors import CourseError, RunError, WorkspaceError
from firstflight.workspace import PROJECT, Workspace

FIRST = """# %%
from classroom import begin, check, end, leaves
from classroom.exercises import exercise

ws = begin("00")
exercise("00-ex9", "late", hint="Ask the DOT.")(lambda late: late == 15);

# %% id="00-ex9"
# BEGIN SOLUTION
late = 15
# END SOLUTION
# STUB: late = ...

# %%
check("00-ex9")

# %%
import random, sys, time

import numpy as np

print(late, random.random(), np.random.rand())
ballast = b"x" * 60_000_000
time.sleep(1)

# %% tags=["nbval-ignore-output"]
# The interpreter's path: another one on every machine, and it shows which kernel ran.
print(sys.executable.rsplit("/", 1)[-1])
(ws.root / "python.txt").write_text(sys.executable)

# %%
leaves("a note")
end("00")
"""
SECOND = """# %%
from classroom import begin, end

begin("01");

# %%
from IPython.display import display

for n in range(3):
    print(n, flush=True)
display({"text/html": "<b>1</b>", "text/plain": "one"}, raw=True)

# %%
end("01")
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "00_agree_on_it.py").write_text(FIRST)
    (tmp_path / "lessons" / "01_do_it.py").write_text(SECOND)
    builder.write(tmp_path)
    return tmp_path


@pytest.fixture
def course(root):
    """Run notebooks of the small course in a workspace under it."""

    def go(folder="solutions", first="00", last="99", **how):
        ws = Workspace(root / "workspace")
        return ws, runner.run(ws, runner.notebooks(folder, first, last, root), root=root, **how)

    return go


def outputs(ws, folder, name):
    cells = nbformat.read(workspaces.executed(ws) / folder / name, as_version=4).cells
    return [o.get("text", o.get("data")) for c in cells for o in c.get("outputs", [])]


def test_a_run_and_what_it_leaves(course, root, tmp_path, monkeypatch):
    # A kernel named python3 that cannot start, where Jupyter looks before the environment.
    bad = tmp_path / "user" / "kernels" / "python3"
    bad.mkdir(parents=True)
    (bad / "kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "user"))
    committed = {p: p.read_bytes() for p in root.rglob("solutions/*.ipynb")}
    before, reported = dict(os.environ), []
    ws, figures = course(report=reported.append)
    assert dict(os.environ) == before
    assert (ws.root / "python.txt").read_text() == sys.executable
    assert {p: p.read_bytes() for p in committed} == committed
    assert figures == reported
    assert [(f.lesson, f.cells, f.left) for f in figures] == [
        ("00_agree_on_it", 6, "a note"),
        ("01_do_it", 3, ""),
    ]
    assert all(40 < f.peak_mb < 1600 and f.seconds > 0 for f in figures)
    assert figures[0].peak_mb > figures[1].peak_mb + 40  # the ballast is seen
    assert workspaces.done(ws) == ["00", "01"]
    told = json.loads((ws.root / "run.json").read_text())
    assert [row["lesson"] for row in told["solutions"]] == ["00_agree_on_it", "01_do_it"]
    assert told["machine"]["cpus"] == os.cpu_count()
    assert not workspaces.holds_own_work(ws)
    first = outputs(ws, "solutions", "00_agree_on_it.ipynb")
    assert first[0]["text/plain"] == "00-ex9: passed."

    # Frozen twice: the same bytes, without times; a second run gives them again.
    changed = freeze.freeze(ws, root)
    assert len(changed) == 2 and freeze.freeze(ws, root) == []
    assert builder.differences(root) == []
    frozen = {p: p.read_bytes() for p in committed}
    for path in frozen:
        cells = builder.code_cells(nbformat.read(path, as_version=4))
        assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
        assert "papermill" not in path.read_text() and "iopub" not in path.read_text()
    ws, _ = course()
    assert freeze.freeze(ws, root) == []

    # The learners' notebooks, unsolved, in a fresh workspace.
    ws, figures = course("notebooks")
    assert outputs(ws, "notebooks", "00_agree_on_it.ipynb")[0]["text/plain"] == (
        "00-ex9: not solved yet.\n"
        "  Hint: Ask the DOT.\n"
        "  The notebook goes on with the reference answer."
    )
    assert "solutions" not in json.loads((ws.root / "run.json").read_text())
    assert outputs(ws, "notebooks", "00_agree_on_it.ipynb")[1] == first[1]  # same seeds


HOLD = """
import sys
from pathlib import Path
from classroom import workspaces
from firstflight.workspace import Workspace
ws = Workspace(Path(sys.argv[1]))
with workspaces.alone(ws, "course run"):
    if sys.argv[2] == "emptied":
        workspaces.prepare(ws)
        workspaces.empty(ws)
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["begun", "emptied"])
def busy(root, request):
    """A workspace in which another process runs the course, perhaps having emptied it just now."""
    ws = Workspace(root / "workspace")
    argv = [sys.executable, "-c", HOLD, str(ws.root), request.param]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        yield ws, other
        other.kill()


def test_a_second_run_on_a_workspace_is_told_and_changes_nothing(busy, course, root):
    ws, other = busy
    before = {p: p.read_bytes() for p in ws.root.rglob("*") if p.is_file()}
    told = rf"course run \(process {other.pid}\) is at work in .*, so course"
    with pytest.raises(WorkspaceError, match=told):
        course()
    with pytest.raises(WorkspaceError, match=told):
        course(keep=True, what="course start 01")
    with pytest.raises(WorkspaceError, match=told):
        workspaces.remove(ws)
    assert {p: p.read_bytes() for p in ws.root.rglob("*") if p.is_file()} == before
    other.kill()  # the control: a dead process holds nothing
    other.wait()
    with workspaces.alone(ws, "course run"):
        workspaces.prepare(ws)
    workspaces.remove(ws)
    assert not ws.root.exists()


def test_two_runs_at_once_end_with_one_whole_run(root, tmp_path):
    """Both started together: one runs to its end, the other is refused; no file is lost."""
    go = tmp_path / "go"
    wait = f"from pathlib import Path\nwhile not Path({str(go)!r}).exists():\n    time.sleep(0.1)\n"
    (root / "lessons" / "00_agree_on_it.py").write_text(FIRST.replace("ballast", wait + "ballast"))
    builder.write(root)
    code = (
        "import sys; from pathlib import Path; from classroom import runner;"
        "from firstflight.workspace import Workspace; root = Path(sys.argv[1]);"
        "paths = runner.notebooks('solutions', root=root);"
        "runner.run(Workspace(root / 'workspace'), paths, root=root)"
    )
    argv = [sys.executable, "-c", code, str(root)]
    runs = [subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    while all(run.poll() is None for run in runs):
        time.sleep(0.1)
    go.touch()  # one has been refused: now the other may end
    said = [run.communicate()[1] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1], said
    assert sum("is at work in" in text for text in said) == 1
    ws = Workspace(root / "workspace")
    assert workspaces.done(ws) == ["00", "01"]
    assert len(list((workspaces.executed(ws) / "solutions").iterdir())) == 2


FULL = """
import resource, sys
from pathlib import Path
from classroom import runner, setup_tools
from firstflight.workspace import Workspace
root, limit = Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[3] == "lesson":
    setup_tools.seed = lambda ws: None  # its databases are larger than any notebook
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    runner.run(Workspace(root / "workspace"), runner.notebooks("solutions", root=root), root=root)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize(
    ("limit", "where", "said"),
    [
        (1_000, "lesson", "RunError: Lesson 00_agree_on_it stopped: "),  # papermill's own file
        (1_500_000, "lesson", "RunError: Lesson 00_agree_on_it failed in cell 4: OSError: "),
        (20_000, "seed", "StorageError: "),
    ],
)
def test_a_full_disk_in_a_run_is_one_sentence_that_says_where(root, limit, where, said):
    source = FIRST.replace(
        "ballast = ", '(ws.root / "big").write_bytes(b"x" * 2_000_000)\nballast = '
    )
    (root / "lessons" / "00_agree_on_it.py").write_text(source)
    builder.write(root)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(root), str(limit), where],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 1 and lines[0].startswith(said) and "File too large" in lines[0], done
    assert "Traceback" not in done.stderr
    if where == "seed":
        assert not list((root / "workspace").rglob("*.db"))  # no half of a database


def test_the_first_failure_stops_the_run_and_is_kept(course, root):
    source = root / "lessons" / "00_agree_on_it.py"
    source.write_text(FIRST.replace("ballast = ", "1 / 0\nballast = "))
    builder.write(root)
    with pytest.raises(RunError) as error:
        course()
    ws = Workspace(root / "workspace")
    kept = workspaces.executed(ws) / "solutions" / "00_agree_on_it.ipynb"
    assert str(error.value) == (
        "Lesson 00_agree_on_it failed in cell 4: ZeroDivisionError: division by zero "
        f"(the executed notebook: {kept})."
    )
    assert "division by zero" in kept.read_text()
    assert not (workspaces.executed(ws) / "solutions" / "01_do_it.ipynb").exists()
    assert workspaces.done(ws) == []
    with pytest.raises(CourseError, match="did not run to its end"):
        freeze.freeze(ws, root, only="00")


def test_a_dead_kernel_and_a_left_process_are_sentences(course, root):
    source = root / "lessons" / "00_agree_on_it.py"
    source.write_text(FIRST.replace("ballast = ", "import os; os._exit(1)\nballast = "))
    builder.write(root)
    with pytest.raises(RunError, match="00_agree_on_it failed in cell 4: its kernel ended"):
        course()
    source.write_text("# %%\nx = 1\n")
    builder.write(root)
    assert len(course(last="00")[1]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps an orphan in sight")
def test_a_process_that_stays_is_ended_and_a_failure(course, root, monkeypatch):
    monkeypatch.setattr(runner, "LEAVE", 0.5)
    (root / "lessons" / "00_agree_on_it.py").write_text(
        "# %%\nimport subprocess\n"
        'subprocess.Popen(["sleep", "300"], start_new_session=True)\nx = 1\n'
    )
    builder.write(root)
    with pytest.raises(RunError, match=r"left a process behind \(sleep 300\)"):
        course(last="00")
    assert not [p for p in psutil.Process().children() if p.name() == "sleep"]  # ended


def test_a_lesson_asks_for_the_state_before_it(course, root):
    with pytest.raises(RunError) as error:
        course(first="01")
    assert (
        "failed in cell 1: CourseError: Lesson 01 needs the state of lesson 00, which is not in "
        "this workspace: run `course start 01` in a terminal, then this cell again."
    ) in str(error.value)


def test_start_runs_only_what_is_missing(course, root):
    ws = Workspace(root / "workspace")
    workspaces.prepare(ws)
    names = [path.name for path in runner.missing_lessons(ws, "02", root)]
    assert names == ["00_agree_on_it.ipynb", "01_do_it.ipynb"]
    workspaces.note(ws, "done.json", ["00"])  # its state may be gone: what is kept counts
    assert len(runner.missing_lessons(ws, "02", root)) == 2
    checkpoints.save(ws, "00")
    assert [p.name for p in runner.missing_lessons(ws, "02", root)] == ["01_do_it.ipynb"]
    checkpoints.save(ws, "01")
    assert runner.missing_lessons(ws, "02", root) == []
    checkpoints.forget(ws)
    checkpoints.save(ws, "05")  # of a later lesson: no help for an earlier one
    assert len(runner.missing_lessons(ws, "02", root)) == 2
    assert runner.missing_lessons(ws, "00", root) == []
    with pytest.raises(CourseError, match=r"notebooks/ has no lesson from 05 to 09"):
        runner.notebooks("notebooks", "05", "09", root)


def test_own_work_is_never_deleted_by_a_run(root):
    ws = Workspace(root / "workspace")
    workspaces.prepare(ws)
    workspaces.note(ws, "done.json", ["00", "01"])
    assert workspaces.holds_own_work(ws)
    with pytest.raises(WorkspaceError, match=r"your own work \(lessons: 00, 01\)"):
        runner.fresh(ws)
    assert workspaces.done(ws) == ["00", "01"]


@pytest.mark.parametrize("what", ["a file", "a folder", "the project", "known names only"])
def test_a_folder_that_is_not_ours_is_left_alone(tmp_path, what):
    folder = tmp_path / "theirs"
    if what == "a file":
        folder.write_text("mine")
    elif what == "a folder":
        (folder / "thesis").mkdir(parents=True)
    elif what == "known names only":
        (folder / "reports").mkdir(parents=True)
    else:
        folder = PROJECT
    before = sorted(folder.iterdir()) if folder.is_dir() else folder.read_text()
    with pytest.raises(WorkspaceError, match="was not deleted"):
        workspaces.remove(Workspace(folder))
    with pytest.raises(WorkspaceError, match="holds other files"):
        workspaces.prepare(Workspace(folder))
    assert before == (sorted(folder.iterdir()) if folder.is_dir() else folder.read_text())


def test_a_workspace_is_removed_whole_and_nothing_beside_it(tmp_path):
    (tmp_path / "beside").write_text("stays")
    for made in (lambda: None, lambda: (tmp_path / "w").mkdir()):
        made()
        ws = Workspace(tmp_path / "w")
        workspaces.prepare(ws)
        (ws.root / "mlflow.db").write_text("x")
        workspaces.remove(ws)
        assert [p.name for p in tmp_path.iterdir()] == ["beside"]
    workspaces.remove(ws)  # nothing there: nothing to do


def test_a_workspace_that_the_command_made_first_is_taken_over(ws):
    workspaces.prepare(ws)
    assert workspaces.is_ours(ws.root)


def test_seeding_copies_and_never_overwrites(tmp_path, monkeypatch):
    templates = tmp_path / "templates"
    (templates / "pages").mkdir(parents=True)
    for name in ("prefect.db", "mlflow.db"):
        (templates / name).write_text("template")
    ws = Workspace(tmp_path / "w")
    setup_tools.seed(ws, templates)
    assert not ws.root.exists()  # not marked as whole: not used
    (templates / "versions.json").write_text(json.dumps(setup_tools.versions()))
    ws.root.mkdir()
    (ws.root / "mlflow.db").write_text("mine")
    setup_tools.seed(ws, templates)
    assert (ws.prefect_home / "prefect.db").read_text() == "template"
    assert (ws.root / "mlflow.db").read_text() == "mine"
    monkeypatch.setattr(setup_tools, "versions", lambda: {"prefect": "4", "mlflow": "4"})
    assert not setup_tools.ready(templates)  # made by other versions: made anew


def output(**kind):
    return nbformat.v4.new_output(**kind)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at 0x7f00aa11bb", "a memory address"),
        ("http://127.0.0.1:41234/", "a port"),
        ("in {home}/data", "a path of this machine"),
    ],
)
@pytest.mark.parametrize("kind", ["stream", "data"])
def test_freeze_refuses_what_another_machine_would_not_print(root, text, said, kind):
    text = text.format(home=root)
    if kind == "stream":
        shown = output(output_type="stream", name="stdout", text=text)
    else:
        shown = output(output_type="display_data", data={"text/html": text})
    ws = executed_by_hand(root, shown)
    with pytest.raises(CourseError, match=f"prints {said}"):
        freeze.freeze(ws, root, only="01")
    assert builder.differences(root)[0].startswith("solutions/00")  # nothing was written
    ws = executed_by_hand(root, output(output_type="stream", name="stdout", text="0.560"))
    assert len(freeze.freeze(ws, root, only="01")) == 1


def test_freeze_refuses_stderr_and_another_source(root):
    ws = executed_by_hand(root, output(output_type="stream", name="stderr", text="Warning: x\n"))
    with pytest.raises(CourseError, match=r"writes to stderr \('Warning: x'\)"):
        freeze.freeze(ws, root, only="01")
    (root / "lessons" / "01_do_it.py").write_text(SECOND.replace("range(3)", "range(4)"))
    with pytest.raises(CourseError, match="ran with another text"):
        freeze.freeze(ws, root, only="01")
    with pytest.raises(CourseError, match="has not run"):
        freeze.freeze(ws, root, only="00")


def test_freeze_keeps_an_excused_output_and_joins_streams(root):
    excused = SECOND.replace(
        "# %%\nfrom IPython", '# %% tags=["nbval-ignore-output"]\nfrom IPython'
    )
    (root / "lessons" / "01_do_it.py").write_text(excused)

    def frozen(*texts):
        pieces = [output(output_type="stream", name="stdout", text=text) for text in texts]
        freeze.freeze(executed_by_hand(root, *pieces), root, only="01")
        notebook = nbformat.read(root / "solutions" / "01_do_it.ipynb", as_version=4)
        return [o.text for o in builder.code_cells(notebook)[1].outputs]

    assert frozen("took 1.", "2 s") == ["took 1.2 s"]
    assert frozen("took 3.4 s") == ["took 1.2 s"]
    (root / "lessons" / "01_do_it.py").write_text(excused.replace("range(3)", "range(4)"))
    assert frozen("took 5.6 s") == ["took 5.6 s"]


def executed_by_hand(root, *shown):
    """Make an executed copy of lesson 01 whose second cell shows these outputs."""
    ws = Workspace(root / "workspace")
    notebook = builder.build(root / "lessons" / "01_do_it.py", solved=True)
    for n, cell in enumerate(builder.code_cells(notebook), start=1):
        cell.execution_count = n
    builder.code_cells(notebook)[1].outputs = list(shown)
    target = workspaces.executed(ws) / "solutions" / "01_do_it.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(builder.text_of(notebook))
    return ws


def test_folders_that_a_set_up_made_are_replaced_and_a_file_among_them_is_kept(tmp_path):
    """`make test` or a first command may leave empty folders; `make course` must still start."""
    root = tmp_path / "workspace"
    for name in ("mlartifacts", "bentoml", "prefect"):
        (root / name).mkdir(parents=True)
    (root / "mlflow.db").write_text("somebody's runs")
    with pytest.raises(WorkspaceError, match="was not deleted"):
        workspaces.remove(Workspace(root))
    assert (root / "mlflow.db").exists()
    (root / "mlflow.db").unlink()
    workspaces.remove(Workspace(root))
    assert not root.exists()


def test_the_kernel_that_the_setup_writes_is_quiet_on_stderr(tmp_path):
    spec = json.loads((setup_tools.kernelspec(tmp_path) / "kernel.json").read_text())
    argv = [part.format(connection_file=tmp_path / "connection.json") for part in spec["argv"]]
    said = tmp_path / "stderr.txt"
    with said.open("wb") as stderr:
        kernel = subprocess.Popen(argv, stderr=stderr, stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if (tmp_path / "connection.json").exists():
                    break
                time.sleep(0.1)
            time.sleep(0.5)
        finally:
            kernel.kill()
            kernel.wait()
    assert (tmp_path / "connection.json").exists()
    assert "without encryption" not in said.read_text()
