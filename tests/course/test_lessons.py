"""What every lesson keeps to, read from its notebooks: acts, density, links, benches."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from classroom import answers, bench, builder, cells, exercises, style
from firstflight.workspace import PROJECT

LESSONS = [path.stem for path in builder.sources(PROJECT)]
WRONG, RIGHT = 8, 3  # answers that a bench has at least
# A command that changes the state cannot be given three times: see the bench's own comment.
COMMANDS = ("type",)


def read(lesson, folder="notebooks"):
    return nbformat.read(PROJECT / folder / f"{lesson}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_keeps_to_the_limits(lesson):
    assert style.measure(read(lesson), lesson[:2]).faults() == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_exercise_has_a_cell_a_check_and_a_bench(lesson):
    known = exercises.of_lesson(lesson[:2])
    tried = bench.of_lesson(lesson[:2])
    for folder in ("notebooks", "solutions"):
        cells = code(read(lesson, folder))
        asked = {c.id for c in cells if exercises.kind_of(c.id) not in ("", "guess", "further")}
        assert asked == set(known)
        checked = re.findall(r'^check\("([\w-]+)"\)$', "\n".join(c.source for c in cells), re.M)
        assert sorted(checked) == sorted(known)
        for cell in cells:
            if cell.id in known:
                assert cell.source.startswith(answers.first_line(cell.id))
    assert set(tried) == set(known)
    for id, found in tried.items():
        assert len(found.wrong) >= WRONG, id
        assert len(found.right) >= (1 if known[id].kind in COMMANDS else RIGHT), id
        assert all(words.strip() for _, words in found.wrong), id


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_name_of_an_exercise_is_bound_in_its_cell_alone(lesson):
    known = exercises.of_lesson(lesson[:2])
    for cell in code(read(lesson)):
        bound = cells.names(cell.source).bound
        for id, one in known.items():
            assert cell.id == id or not bound & set(one.names), (id, cell.source)


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_answer_stands_in_the_learners_notebook(lesson):
    """The call of a tool may be shown in a task; a whole answer stands nowhere."""
    learner = read(lesson)
    given = {cell.id: cell.source for cell in code(learner)}
    text = "\n".join(cell.source for cell in learner.cells)
    for cell in code(read(lesson, "solutions")):
        if cell.id in exercises.of_lesson(lesson[:2]):
            lines = [line.strip() for line in cell.source.splitlines()]
            own = [line for line in lines if len(line) > 24 and line not in given[cell.id]]
            assert not own or not all(line in text for line in own), cell.id


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_closes_with_what_to_take_to_work(lesson):
    notebook = read(lesson)
    heads = [n for n, c in enumerate(notebook.cells) if "## At work tomorrow" in c.source]
    assert len(heads) == 1
    cell = next(c for c in notebook.cells[heads[0] :] if c.cell_type == "code")
    lines = [line for line in cell.source.splitlines() if line.strip()]
    assert len(lines) <= 12
    assert not re.search(r"\b(firstflight|classroom)\b", cell.source)
    assert [c.id for c in code(notebook) if exercises.kind_of(c.id) == "further"] == [
        f"{lesson[:2]}-further"
    ]
    assert code(notebook)[-1].source.endswith(f'end("{lesson[:2]}")')


def targets(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)\s]+)\)", cell.source):
                if not target.startswith(("http:", "https:", "#")):
                    yield target


def test_the_links_of_the_notebooks_lead_somewhere():
    glossary = (PROJECT / "lessons" / "glossary.md").read_text()
    terms = {head.replace(" ", "-") for head in re.findall(r"^## (.+)$", glossary, re.M)}
    assert 20 < len(terms) <= 40
    for n, lesson in enumerate(LESSONS):
        found = list(targets(read(lesson)))
        for target in found:
            name, _, part = target.partition("#")
            assert (PROJECT / "notebooks" / name).exists(), f"{lesson}: {target}"
            if name == "glossary.ipynb" and part:
                assert part in terms, f"{lesson}: {target}"
        assert any(target.startswith("glossary.ipynb") for target in found), lesson
        if lesson != LESSONS[-1]:
            assert f"{LESSONS[n + 1]}.ipynb" in found, f"{lesson} does not link to the next one"


def test_no_sentence_stands_twice():
    for lesson in LESSONS:
        text = "\n".join(c.source for c in read(lesson).cells if c.cell_type == "markdown")
        sentences = [s.strip() for s in re.split(r"(?<=[.?!:])\s+", text) if len(s.split()) > 6]
        twice = {s for s in sentences if sentences.count(s) > 1}
        assert not twice, f"{lesson}: {twice}"


def test_the_notebooks_that_are_opened_are_the_copies(tmp_path):
    from classroom import copies

    (tmp_path / "notebooks").mkdir()
    source = tmp_path / "notebooks" / "00_a.ipynb"
    source.write_text("1")
    assert copies.update(tmp_path) == []
    mine = tmp_path / copies.FOLDER / Path(source.name)
    source.write_text("2")
    assert copies.update(tmp_path) == [] and mine.read_text() == "2"
    mine.write_text("my answer")
    source.write_text("3")
    assert len(copies.update(tmp_path)) == 1 and mine.read_text() == "my answer"


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_beside_the_notebooks_lies_nothing(folder):
    """What an answer of the bench left there once was committed with them."""
    left = [path.name for path in (PROJECT / folder).iterdir() if path.suffix != ".ipynb"]
    assert [name for name in left if name not in {".ipynb_checkpoints", "__pycache__"}] == []
