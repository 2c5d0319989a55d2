"""The command `course`: run, start, status, doctor, reset, build, freeze, setup."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from classroom import (
    builder,
    copies,
    doctor,
    environment,
    exercises,
    guesses,
    journal,
    ledger,
    map,
    runner,
    setup_tools,
    style,
    workspaces,
)
from classroom import freeze as freezer
from classroom.errors import CourseError
from firstflight.errors import FirstFlightError
from firstflight.workspace import PROJECT, Workspace, configure, current

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    help="Run and look after the course. Exit codes: 0 done, 1 something is wrong, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Where = Annotated[
    Path | None,
    typer.Option("--workspace", help="The workspace; default $FIRSTFLIGHT_HOME, else workspace/."),
]


@contextmanager
def sentences() -> Iterator[None]:
    """Turn an error that is one sentence into that sentence and exit code 1."""
    try:
        yield
    except FirstFlightError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


RUN = "workspace-course"  # of `course run`: what a learner does by hand has another


def _workspace(folder: Path | None) -> Workspace:
    if folder is not None:
        os.environ["FIRSTFLIGHT_HOME"] = str(folder.expanduser().resolve())
    return current()


def _number(text: str) -> str:
    if not re.fullmatch(r"\d{1,2}", text):
        raise typer.BadParameter(f"a lesson is a number such as 05, not {text!r}")
    return text.zfill(2)


@app.command()
def run(
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Run solutions/ instead of notebooks/.")
    ] = False,
    first: Annotated[str, typer.Option("--from", help="First lesson; implies --keep.")] = "00",
    last: Annotated[str, typer.Option("--to", help="Last lesson.")] = "99",
    workspace: Where = None,
    keep: Annotated[bool, typer.Option("--keep", help="Do not empty the workspace.")] = False,
    bench: Annotated[
        bool,
        typer.Option("--bench", help="Also try the answers of tests/bench/ where they belong."),
    ] = False,
) -> None:
    """Run the lessons in order in a fresh workspace of its own, and print what each took.

    The workspace is $FIRSTFLIGHT_HOME where it is set, else workspace-course/.
    """
    first, last = _number(first), _number(last)
    folder = "solutions" if solutions else "notebooks"
    if workspace is None and not os.environ.get("FIRSTFLIGHT_HOME"):
        workspace = PROJECT / RUN
    ws = _workspace(workspace)
    with sentences():
        setup_tools.run()
        paths = runner.notebooks(folder, first, last)
        runner.run(ws, paths, keep=keep or first > "00", report=_line, bench=bench)
        _print_run(ws, folder)


@app.command()
def start(
    lesson: Annotated[str, typer.Argument(help="The lesson you want to do, such as 05.")],
    workspace: Where = None,
) -> None:
    """Build the state that a lesson starts from, if this workspace does not keep it yet.

    The lessons before it are run with their solutions, from the first one whose end is not kept.
    """
    number = _number(lesson)
    ws = _workspace(workspace)
    with sentences():
        map.part_of(number)
        setup_tools.run()
        todo = runner.missing_lessons(ws, number)
        if todo:
            runner.run(ws, todo, keep=True, report=_line, what=f"course start {number}")
        copies.update()
    path = next((PROJECT / "notebooks").glob(f"{number}_*.ipynb"), None)
    what = f"open {copies.FOLDER}/{path.name}" if path else "its notebook is not there yet"
    typer.echo(f"The state that lesson {number} starts from is there: {what}.")


@app.command("copy")
def copy_command() -> None:
    """Copy the notebooks to my-notebooks/, where you work; what you have changed is kept."""
    with sentences():
        for line in copies.update():
            typer.echo(line)
    typer.echo(f"Your notebooks are in {copies.FOLDER}/.")


@app.command("answers")
def answers_command(
    workspace: Where = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List your exercises, passed and open, and your guesses beside what came."""
    ws = _workspace(workspace)
    journal_ = journal.read(ws)
    rows = [
        {
            "lesson": part.lesson,
            "exercise": id,
            "kind": exercises.KINDS[one.kind].lower(),
            "passed": journal_["exercises"].get(id, {}).get("passed", False),
            "checks": journal_["exercises"].get(id, {}).get("checks", 0),
        }
        for part in sorted(map.PARTS, key=lambda part: part.lesson)
        for id, one in exercises.of_lesson(part.lesson).items()
    ]
    if as_json:
        answer = {
            "workspace": str(ws.root),
            "open": workspaces.begun(ws),
            "done": workspaces.done(ws),
            "exercises": rows,
            "guesses": journal_["guesses"],
            "decisions": journal_["decisions"],
        }
        typer.echo(runner.dumps(answer))
        return
    table = Table("lesson", "exercise", "kind", "state", "checked", box=None, header_style="bold")
    for row in rows:
        state = "passed" if row["passed"] else "open" if row["checks"] else ""
        table.add_row(row["lesson"], row["exercise"], row["kind"], state, str(row["checks"] or ""))
    _console().print(table)
    guessed = [row for part in map.PARTS for row in guesses.table(part.lesson, ws)]
    if guessed:
        table = Table(*guessed[0], box=None, header_style="bold")
        for row in sorted(guessed, key=lambda row: row["id"]):
            table.add_row(*row.values())
        _console().print(table)


@app.command("style")
def style_command(
    folder: Annotated[str, typer.Argument(help="notebooks, or solutions.")] = "notebooks",
) -> None:
    """Measure how the lessons read: acts, passive stretches, lines of code, words."""
    rows = style.all_lessons(folder)
    names = {
        "lesson": "lesson", "cells": "cells", "acts": "acts", "passive": "passive min",
        "minutes": "reading min", "lines_median": "lines, median", "lines_90": "90%",
        "lines_max": "max", "words": "words", "words_a_cell": "words a cell",
    }  # fmt: skip
    table = Table(box=None, header_style="bold")
    for name in names.values():
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{v:g}" if isinstance(v, float) else str(v) for v in vars(row).values()))
    _console().print(table)
    found = [fault for row in rows for fault in row.faults()]
    for fault in found:
        typer.echo(fault)
    if found:
        raise typer.Exit(1)


@app.command()
def status(
    workspace: Where = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which lessons are done in the workspace, and what is next."""
    ws = _workspace(workspace)
    done = workspaces.done(ws)
    left = workspaces.noted(ws, "left_behind.json", {})
    open_lessons = [part.lesson for part in sorted(map.PARTS, key=lambda p: p.lesson)]
    following = next((n for n in open_lessons if n not in done), None)
    if as_json:
        answer = {"workspace": str(ws.root), "done": done, "next": following, "left": left}
        typer.echo(runner.dumps(answer))
        return
    table = Table("lesson", "part", "state", "left behind", box=None, header_style="bold")
    for part in sorted(map.PARTS, key=lambda part: part.lesson):
        state = "done" if part.lesson in done else "next" if part.lesson == following else ""
        table.add_row(part.lesson, part.name, state, left.get(part.lesson, ""))
    typer.echo(f"Workspace: {ws.root}")
    _console().print(table)


@app.command("doctor")
def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Skip the imports.")] = False,
    unlocked: Annotated[
        bool, typer.Option("--unlocked", help="Other versions than the lock's are meant.")
    ] = False,
) -> None:
    """Look at everything the course needs: Python, packages, memory, disk, ports, set-up."""
    findings = doctor.examine(imports=not quick, locked_versions=not unlocked)
    if as_json:
        typer.echo(runner.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            typer.echo(f"{'ok ' if finding.ok else 'NOT'}  {finding.what}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def reset(
    workspace: Where = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the workspace: all state of the course, and nothing else."""
    ws = _workspace(workspace)
    with sentences():
        if not ws.root.exists():
            typer.echo(f"There is no workspace at {ws.root}.")
            return
        if not yes:
            names = ", ".join(workspaces.done(ws)) or "none"
            typer.confirm(f"Delete {ws.root} (lessons done: {names})?", abort=True)
        workspaces.remove(ws)
        typer.echo(f"{ws.root} is deleted.")


@app.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if something is out of date.")
    ] = False,
) -> None:
    """Write notebooks/ and solutions/ from lessons/."""
    with sentences():
        if check:
            found = builder.differences()
            if found:
                raise CourseError("\n".join(found))
            typer.echo(f"{len(builder.sources())} lessons: notebooks/ and solutions/ are current.")
            return
        changed = builder.write()
    for path in changed:
        typer.echo(f"{'wrote' if path.exists() else 'removed'} {path.relative_to(PROJECT)}")
    typer.echo(f"{len(changed)} notebooks changed.")


@app.command()
def freeze(
    workspace: Where = None,
    lesson: Annotated[str | None, typer.Option("--only", help="One lesson, such as 05.")] = None,
) -> None:
    """Copy the outputs of the last run of the solutions into solutions/."""
    ws = _workspace(workspace)
    with sentences():
        changed = freezer.freeze(ws, only=_number(lesson) if lesson else None)
    for path in changed:
        typer.echo(f"froze {path.relative_to(PROJECT)}")
    typer.echo(f"{len(changed)} notebooks changed.")


@app.command()
def setup() -> None:
    """Do what is done once after the install: databases, kernel, JupyterLab's settings."""
    with sentences():
        for line in setup_tools.run():
            typer.echo(line)


@app.command("environment")
def environment_command() -> None:
    """Write the conda environment files from requirements.txt."""
    for path in environment.write():
        typer.echo(f"wrote {path.relative_to(PROJECT)}")


def _line(row: runner.Figures) -> None:
    """Say that a lesson is done, where no progress bar says it."""
    if not sys.stderr.isatty():
        typer.echo(
            f"{row.lesson:<40} {row.cells:>3} cells {row.seconds:>6.1f} s {row.peak_mb:>5.0f} MB"
        )


def _print_run(ws: Workspace, folder: str) -> None:
    console = _console()
    rows = runner.read_figures(ws, folder)
    table = Table(box=None, header_style="bold")
    for name in ("lesson", "cells", "seconds", "peak MB", "left behind"):
        figure = name in {"cells", "seconds", "peak MB"}
        table.add_column(name, justify="right" if figure else "left", no_wrap=figure)
    for row in rows:
        table.add_row(
            str(row["lesson"]),
            str(row["cells"]),
            f"{row['seconds']:.1f}",
            f"{row['peak_mb']:.0f}",
            str(row["left"]),
        )
    seconds = sum(_float(row["seconds"]) for row in rows)
    peak = max(_float(row["peak_mb"]) for row in rows)
    cells = sum(_float(row["cells"]) for row in rows)
    table.add_section()
    table.add_row("in all", f"{cells:.0f}", f"{seconds:.1f}", f"{peak:.0f}", "")
    console.print()
    console.print(table)
    facts = runner.machine()
    console.print(
        f"{facts['cpus']} CPUs, {facts['memory_gb']} GB, Python {facts['python']}, "
        f"{facts['system']}.",
        highlight=False,
    )
    _print_ledger(console)
    _print_history(console, ws)


def _console() -> Console:
    """Return a console; a log that is no terminal gets room for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def _float(value: Any) -> float:
    return float(value)


def _print_ledger(console: Console) -> None:
    console.print("\n[bold]The ledger[/bold]")
    rows = ledger.rows()
    if not rows:
        console.print("No lesson has written a row yet.")
        return
    # The words last: they wrap, the figures do not.
    names = [*(name for name in ledger.COLUMNS if name != "prevented"), "prevented"]
    table = Table(box=None, header_style="bold")
    for name in names:
        words = name in {"tool", "prevented"}
        table.add_column(
            ledger.COLUMNS[name], justify="left" if words else "right", no_wrap=name != "prevented"
        )
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _print_history(console: Console, ws: Workspace) -> None:
    console.print("\n[bold]The deployment history[/bold]")
    deployed = _history(ws)
    if deployed.empty:
        console.print("No lesson has deployed anything yet.")
        return
    table = Table(*deployed.columns, box=None, header_style="bold")
    for row in deployed.itertuples(index=False):
        table.add_row(*(str(value) for value in row))
    console.print(table)


def _history(ws: Workspace) -> pd.DataFrame:
    """Return the deployment history of the flights model, a change a row."""
    configure(ws)
    from firstflight import history

    return history.table("flights")


if __name__ == "__main__":
    app()
