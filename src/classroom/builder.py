"""Turn ``lessons/NN_x.py`` into ``notebooks/NN_x.ipynb`` (open) and ``solutions/NN_x.ipynb``.

One source holds the exercise and its answer:

    # %% id="05-ex1"
    # BEGIN SOLUTION
    late = flights["arr_delay"] >= 15
    # END SOLUTION
    # STUB: late = ...

``solutions/`` gets the answer, ``notebooks/`` the stub. A Markdown cell before it that is tagged
``task`` is shown as a box. ``lessons/glossary.md`` becomes a notebook of its own. Cells tagged
``solution-only`` or ``learner-only`` go to one of the two. Each build gives the same bytes.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from classroom.answers import first_line
from classroom.errors import SourceError
from classroom.exercises import KINDS, kind_of
from firstflight.workspace import PROJECT

FOLDERS = {"notebooks": False, "solutions": True}  # folder -> are the answers in?
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT_METADATA = {"tags", "jupyter", "slideshow"}
GLOSSARY = "glossary.md"
FILE_NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.py")
ANSWER = re.compile(
    r"^[ \t]*# BEGIN SOLUTION[ \t]*\n(.*?)^[ \t]*# END SOLUTION[ \t]*(?:\n|\Z)", re.M | re.S
)
STUB = re.compile(r"^([ \t]*)# STUB: ?(.*)$", re.M)
STUB_LINE = re.compile(r"^[ \t]*# STUB:.*(?:\n|\Z)", re.M)
TASK = "task"  # the tag of the Markdown cell before an answer
# Its own colour of text: JupyterLab's dark theme writes in teal on pale cyan.
BOX = '<div class="alert alert-block alert-info" style="color: #00363a">'
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def sources(root: Path = PROJECT) -> list[Path]:
    """Return the lessons' sources in order.

    Raises
    ------
    SourceError
        If a file is not named ``NN_verb_object.py``, or two lessons have one number.
    """
    found = sorted((root / "lessons").glob("*.py"))
    numbers: dict[str, Path] = {}
    for path in found:
        if not FILE_NAME.fullmatch(path.name):
            raise SourceError(
                f"lessons/{path.name} is not named like 05_gate_with_metrics.py: rename it."
            )
        other = numbers.setdefault(path.name[:2], path)
        if other is not path:
            raise SourceError(f"lessons/{path.name} and {other.name} have one number: rename one.")
    return found


def variant(source: str, solved: bool) -> str:
    r"""Return a cell's text with the answer (`solved`) or with the stub.

    >>> variant("# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n# STUB: x = ...", solved=True)
    'x = 1'
    >>> variant("# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n# STUB: x = ...", solved=False)
    'x = ...'
    """
    if solved:
        text = STUB_LINE.sub("", ANSWER.sub(lambda found: found[1], source))
    else:
        text = STUB.sub(r"\1\2", ANSWER.sub("", source))
    if re.search(r"(BEGIN|END) SOLUTION", text):
        raise SourceError(
            "A cell has BEGIN SOLUTION and END SOLUTION out of balance; it starts with "
            f"{source.splitlines()[0]!r}: give each BEGIN its END."
        )
    return text.strip("\n")


def build(path: Path, solved: bool) -> NotebookNode:
    """Build one notebook without outputs.

    Parameters
    ----------
    path : Path
        The lesson's source, in jupytext's percent format.
    solved : bool
        With the answers, or with the stubs.
    """
    dropped = "learner-only" if solved else "solution-only"
    cells: list[NotebookNode] = []
    read = jupytext.read(path, fmt="py:percent").cells
    ids: list[str] = []
    for cell in read:
        # Ids come from the source, before a variant is made: both notebooks have the same ones.
        ids.append(_cell_id(path, cell, set(ids)))
    next_ids = dict(itertools.pairwise(ids))
    for cell, cell_id in zip(read, ids, strict=True):
        metadata = {k: v for k, v in sorted(cell.metadata.items()) if k in KEPT_METADATA}
        if dropped in metadata.get("tags", []):
            continue
        text = variant(cell.source, solved) if cell.cell_type == "code" else cell.source
        if kind_of(cell_id) not in ("", "guess"):
            if text.lstrip().startswith("%%"):
                raise SourceError(
                    f"lessons/{path.name} has an answer, {cell_id}, that begins with a cell magic: "
                    "the first line is the answer's own, so do without it."
                )
            text = f"{first_line(cell_id)}\n{text}"
        if TASK in metadata.get("tags", []):
            text = _box(path, text, next_ids.get(cell_id, ""))
        make = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")
        cells.append(make(text, metadata=metadata, id=cell_id))
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def _cell_id(path: Path, cell: NotebookNode, seen: set[str]) -> str:
    given = cell.metadata.get("id")
    if given is not None:
        if not CELL_ID.fullmatch(given) or given in seen:
            raise SourceError(
                f'lessons/{path.name} has the cell id "{given}" twice, or it has other signs than '
                "letters, digits, - and _: give each named cell its own id."
            )
        if kind_of(given) and not given.startswith(path.name[:2]):
            raise SourceError(
                f'lessons/{path.name} has the exercise id "{given}": '
                f"those of this lesson are named like {path.name[:2]}-ex1 or {path.name[:2]}-look1."
            )
        return str(given)
    for count in range(len(seen) + 1):
        text = f"{cell.cell_type}\0{cell.source}\0{count}"
        cell_id = hashlib.sha256(text.encode()).hexdigest()[:8]
        if cell_id not in seen:
            return cell_id
    raise AssertionError("unreachable: more cells than counts")


def _box(path: Path, text: str, answer: str) -> str:
    """Return the task of an exercise as a box that names what is to be done and which answer."""
    kind = kind_of(answer)
    if not kind:
        raise SourceError(
            f"lessons/{path.name} has a task that no answer follows; it starts with "
            f"{text.splitlines()[0]!r}: let the cell of the answer, with its id, be the next one."
        )
    heading = f"**{KINDS[kind]}** · {answer}"
    return f"{BOX}\n\n{heading}\n\n{text}\n\n</div>"


def carry_outputs(new: NotebookNode, old: NotebookNode) -> NotebookNode:
    """Put the outputs of `old` into the cells of `new` whose id and text are the same."""
    before = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        match = before.get(cell.id)
        if cell.cell_type == "code" and match is not None and match.source == cell.source:
            cell.outputs, cell.execution_count = match.outputs, match.execution_count
    return new


def text_of(notebook: NotebookNode) -> str:
    """Return the file content of a notebook, ending in a newline."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def rendered(root: Path = PROJECT) -> Iterator[tuple[Path, str]]:
    """Yield each notebook's path and the content that it should have.

    Outputs that are committed in ``solutions/`` are carried over; ``notebooks/`` has none.
    """
    for source in sources(root):
        for folder, solved in FOLDERS.items():
            target = root / folder / f"{source.stem}.ipynb"
            notebook = build(source, solved)
            if solved and target.exists():
                carry_outputs(notebook, nbformat.read(target, as_version=4))
            yield target, text_of(notebook)
    glossary = root / "lessons" / GLOSSARY
    if glossary.exists():
        yield root / "notebooks" / "glossary.ipynb", text_of(_glossary(glossary.read_text()))


def _glossary(text: str) -> NotebookNode:
    """Return the glossary as a notebook, so that a link to a term opens it rendered."""
    parts = re.split(r"^(?=#+ )", text.strip() + "\n", flags=re.M)
    cells = [
        nbformat.v4.new_markdown_cell(part.strip(), id=f"term-{n}")
        for n, part in enumerate(part for part in parts if part.strip())
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    notebook.nbformat_minor = 5
    return notebook


def orphans(root: Path = PROJECT) -> list[Path]:
    """Return notebooks that have no source any more."""
    stems = {path.stem for path in sources(root)}
    found = [path for folder in FOLDERS for path in sorted((root / folder).glob("*.ipynb"))]
    glossary = (
        root / "notebooks" / "glossary.ipynb" if (root / "lessons" / GLOSSARY).exists() else None
    )
    return [path for path in found if path.stem not in stems and path != glossary]


def write(root: Path = PROJECT) -> list[Path]:
    """Write all notebooks, remove those without a source, and return what changed."""
    changed = []
    for target, text in list(rendered(root)):
        if not target.exists() or target.read_text() != text:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)
            changed.append(target)
    for target in orphans(root):
        target.unlink()
        changed.append(target)
    return changed


def differences(root: Path = PROJECT) -> list[str]:
    """Return one sentence for each way in which the committed notebooks are not up to date."""
    found = []
    for target, text in rendered(root):
        name = f"{target.parent.name}/{target.name}"
        if not target.exists():
            found.append(f"{name} is missing: run `course build`.")
        elif target.read_text() != text:
            found.append(f"{name} differs from its source: run `course build`.")
        elif target.parent.name == "solutions":
            found += _without_outputs(name, nbformat.read(target, as_version=4))
    return found + [
        f"{path.parent.name}/{path.name} has no source in lessons/: run `course build`."
        for path in orphans(root)
    ]


def _without_outputs(name: str, notebook: NotebookNode) -> list[str]:
    """Return a sentence if cells were never executed: nbval would pass over them."""
    open_cells = [c for c in code_cells(notebook) if c.source and c.execution_count is None]
    if not open_cells:
        return []
    return [f"{name} has {len(open_cells)} cells without committed outputs: run `make freeze`."]


def code_cells(notebook: NotebookNode) -> list[Any]:
    """Return the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
