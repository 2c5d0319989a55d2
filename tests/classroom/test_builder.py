"""From one source to two notebooks: the same bytes each time, answers in one of them only."""

from __future__ import annotations

import json
import shutil

import nbformat
import pytest

from classroom import builder
from classroom.errors import SourceError
from firstflight.workspace import PROJECT

SOURCE = """# ---
# jupyter:
#   jupytext:
#     format: py:percent
# ---

# %% [markdown]
# # 03 · Try a thing

# %%
x = 1

# %%
x = 1

# %% id="03-ex1"
given = 2
# BEGIN SOLUTION
answer = given + 40
# END SOLUTION
# STUB: answer = ...

# %% id="03-ex2" tags=["exercise"] collapsed=true
# BEGIN SOLUTION
def late(minutes):
    return minutes >= 15
# END SOLUTION
# STUB: def late(minutes):
# STUB:     return ...

# %% [markdown] tags=["solution-only"]
# Why 42.

# %% tags=["learner-only"]
print("try it")
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "03_try_things.py").write_text(SOURCE)
    return tmp_path


def read(root, folder):
    return nbformat.read(root / folder / "03_try_things.ipynb", as_version=4)


def freeze_by_hand(root):
    """Put an output under each code cell of the solution, as a run would."""
    path = root / "solutions" / "03_try_things.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for n, cell in enumerate(builder.code_cells(notebook), start=1):
        cell.execution_count = n
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{n}\n")]
    path.write_text(builder.text_of(notebook))


def test_answer_and_stub(root):
    builder.write(root)
    solved = {cell.id: cell.source for cell in read(root, "solutions").cells}
    opened = {cell.id: cell.source for cell in read(root, "notebooks").cells}
    first = "# 03-ex1: your answer\ngiven = 2\n"
    assert solved["03-ex1"] == f"{first}answer = given + 40"
    assert opened["03-ex1"] == f"{first}answer = ..."
    second = "# 03-ex2: your answer\ndef late(minutes):\n"
    assert solved["03-ex2"] == f"{second}    return minutes >= 15"
    assert opened["03-ex2"] == f"{second}    return ..."
    assert "Why 42." in solved.values() and "Why 42." not in opened.values()
    assert 'print("try it")' in opened.values() and 'print("try it")' not in solved.values()
    for text in (*solved.values(), *opened.values()):
        assert "SOLUTION" not in text and "STUB" not in text


def test_no_answer_reaches_a_learner(root):
    builder.write(root)
    assert "given + 40" in (root / "solutions" / "03_try_things.ipynb").read_text()
    assert "given + 40" not in (root / "notebooks" / "03_try_things.ipynb").read_text()


def test_two_builds_are_byte_identical(root, tmp_path_factory):
    builder.write(root)
    first = {p: p.read_bytes() for p in root.rglob("*.ipynb")}
    assert builder.write(root) == []
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(root / "lessons", other / "lessons")
    builder.write(other)
    assert len(first) == 2
    for path, content in first.items():
        assert (other / path.relative_to(root)).read_bytes() == content


def test_ids_are_given_or_come_from_the_text(root):
    builder.write(root)
    ids = [cell.id for cell in read(root, "solutions").cells]
    assert len(set(ids)) == len(ids)  # the two cells `x = 1` are told apart
    shared = {cell.id for cell in read(root, "notebooks").cells} & set(ids)
    assert {"03-ex1", "03-ex2"} <= shared and len(shared) == 5
    # A cell in front leaves the ids of the others alone.
    source = SOURCE.replace("# %%\nx = 1", "# %%\ny = 2\n\n# %%\nx = 1", 1)
    (root / "lessons" / "03_try_things.py").write_text(source)
    builder.write(root)
    assert set(ids) < {cell.id for cell in read(root, "solutions").cells}


def test_notebooks_hold_only_what_is_meant(root):
    builder.write(root)
    notebook = json.loads((root / "notebooks" / "03_try_things.ipynb").read_text())
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    exercise = next(cell for cell in notebook["cells"] if cell["id"] == "03-ex2")
    assert exercise["metadata"] == {"tags": ["exercise"]}


def test_outputs_stay_while_the_text_is_unchanged(root):
    builder.write(root)
    freeze_by_hand(root)
    assert builder.write(root) == []
    assert builder.differences(root) == []
    source = SOURCE.replace("given + 40", "40 + given")
    (root / "lessons" / "03_try_things.py").write_text(source)
    assert builder.write(root) == [root / "solutions" / "03_try_things.ipynb"]
    without = [c.id for c in builder.code_cells(read(root, "solutions")) if not c.outputs]
    assert without == ["03-ex1"]
    assert builder.differences(root) == [
        "solutions/03_try_things.ipynb has 1 cells without committed outputs: run `make freeze`."
    ]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda r: _edit(r / "lessons" / "03_try_things.py", "x = 1", "x = 2"), "differs"),
        (lambda r: _edit(r / "notebooks" / "03_try_things.ipynb", "x = 1", "x = 2"), "differs"),
        (lambda r: _edit(r / "solutions" / "03_try_things.ipynb", "+ 40", "+ 41"), "differs"),
        (lambda r: (r / "notebooks" / "03_try_things.ipynb").unlink(), "is missing"),
        (lambda r: (r / "notebooks" / "04_x.ipynb").write_text("{}"), "has no source"),
        (lambda r: _add_output(r / "notebooks" / "03_try_things.ipynb"), "differs"),
    ],
)
def test_check_finds_what_is_out_of_date(root, break_it, said):
    builder.write(root)
    freeze_by_hand(root)
    assert builder.differences(root) == []
    break_it(root)
    found = builder.differences(root)
    assert found and all("run `course build`" in sentence for sentence in found)
    assert any(said in sentence for sentence in found)


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _add_output(path):
    notebook = nbformat.read(path, as_version=4)
    builder.code_cells(notebook)[0].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="1\n")
    ]
    path.write_text(builder.text_of(notebook))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# END SOLUTION\n# STUB: answer", "# STUB: answer", "out of balance"),
        ('id="03-ex2"', 'id="03-ex1"', "twice"),
        ('id="03-ex2"', 'id="04-ex2"', "named like 03-ex1"),
        ('id="03-ex2"', 'id="04-look2"', "named like 03-ex1"),
        ("given = 2", "%%time\ngiven = 2", "begins with a cell magic"),
        ('tags=["solution-only"]', 'tags=["task"]', "a task that no answer follows"),
        ('id="03-ex2"', 'id="03 ex2"', "other signs"),
    ],
)
def test_a_bad_source_is_refused_and_nothing_is_written(root, old, new, said):
    _edit(root / "lessons" / "03_try_things.py", old, new)
    with pytest.raises(SourceError, match=said):
        builder.write(root)
    assert not (root / "notebooks").exists()


def test_file_names(root):
    (root / "lessons" / "03_other_thing.py").write_text("x = 1\n")
    with pytest.raises(SourceError, match="one number"):
        builder.sources(root)
    (root / "lessons" / "03_other_thing.py").rename(root / "lessons" / "Draft.py")
    with pytest.raises(SourceError, match="is not named like"):
        builder.sources(root)


TASKS = """# %% [markdown] tags=["task"]
# Add *two* numbers.
#
# - one
# - two

# %% id="03-ex1"
# BEGIN SOLUTION
x = 1 + 2
# END SOLUTION
# STUB: x = ...

# %% [markdown] tags=["task"]
# What do you expect?

# %% id="03-guess1"
guess("03-guess1", "x", ...)
"""


def test_a_task_is_a_box_that_names_its_answer(root):
    (root / "lessons" / "03_try_things.py").write_text(TASKS)
    builder.write(root)
    for folder in ("notebooks", "solutions"):
        task, answer, look, guess = read(root, folder).cells
        assert task.source == (
            f"{builder.BOX}\n\n**Write** · 03-ex1\n\nAdd *two* numbers.\n\n- one\n- two\n\n</div>"
        )
        assert task.metadata == {"tags": ["task"]}
        assert answer.source.startswith("# 03-ex1: your answer\n")
        assert "**Guess** · 03-guess1" in look.source
        assert guess.source == 'guess("03-guess1", "x", ...)'  # no comment: it is no answer


def test_a_task_at_the_end_or_before_another_cell_is_refused(root):
    source = root / "lessons" / "03_try_things.py"
    for text in (TASKS.split("# %% id")[0], TASKS.replace(' id="03-ex1"', "")):
        source.write_text(text)
        with pytest.raises(
            SourceError, match=r"'Add \*two\* numbers.': let the cell of the answer"
        ):
            builder.write(root)


def test_the_glossary_is_a_notebook_among_the_open_ones(root):
    glossary = root / "lessons" / "glossary.md"
    glossary.write_text("# Glossary\n\nWords.\n\n## AUC\n\nA rank.\n\n## canary\n\nA bird.\n")
    assert root / "notebooks" / "glossary.ipynb" in builder.write(root)
    assert builder.write(root) == []
    made = nbformat.read(root / "notebooks" / "glossary.ipynb", as_version=4)
    assert [c.source.splitlines()[0] for c in made.cells] == ["# Glossary", "## AUC", "## canary"]
    assert {c.cell_type for c in made.cells} == {"markdown"}
    assert not (root / "solutions" / "glossary.ipynb").exists()
    _edit(glossary, "A bird.", "A release.")
    assert "notebooks/glossary.ipynb differs from its source: run `course build`." in (
        builder.differences(root)
    )
    glossary.unlink()
    assert builder.write(root) == [root / "notebooks" / "glossary.ipynb"]  # removed


def test_the_committed_notebooks_are_current():
    assert builder.differences(PROJECT) == []
