"""Run the measurements and print them as one page: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    """Make a workspace to measure in, measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workspace", type=Path, help="a workspace to keep; else a temporary one")
    parser.add_argument("--rounds", type=int, default=5, help="of each server, in turns")
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--only", choices=("serving", "switches", "growth"))
    parser.add_argument("--page", type=Path, default=PAGE, help="where the page is written")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (chosen.workspace or Path(folder) / "workspace").resolve()
        os.environ["FIRSTFLIGHT_HOME"] = str(root)
        os.environ["OMP_NUM_THREADS"] = "1"  # before the trees are imported
        from benchmarks import growth, serving, shop, switches

        shop.prepare(root)
        measured = {
            "serving": lambda: serving_page(*serving.run(chosen.rounds)),
            "switches": lambda: switches_page(switches.run(chosen.switches)),
            "growth": lambda: growth_page(growth.run(str(root))),
        }
        for name, measure in measured.items():
            if chosen.only in (None, name):
                part = measure()
                print(part, flush=True)
                write(chosen.page, part)


def write(page: Path, part: str) -> None:
    """Write one part into the page, in the place of what was measured before."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    parts = {text.split("\n", 1)[0]: text for text in ("\n" + old).split("\n## ")[1:]}
    title = part.removeprefix("## ").split("\n", 1)[0]
    parts[title] = part.removeprefix("## ")
    body = "\n".join(f"## {text.rstrip()}\n" for text in parts.values())
    page.write_text(f"{heading()}\n{body}", encoding="utf-8")


def heading() -> str:
    """Return the page's first lines: what was measured, and on what."""
    cores = os.cpu_count()
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`. All servers run in one run on one machine, one worker each, and "
        "take turns; the figures are medians of the rounds. Compare the ratios: the milliseconds "
        f"are this machine's ({cores} cores, {platform.system()}, Python "
        f"{platform.python_version()}), which also runs the callers.\n"
    )


def table(names: list[str], lines: list[list[Any]]) -> str:
    """Return a Markdown table."""
    rows = [names, ["---"] + ["---:"] * (len(names) - 1), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows) + "\n"


def serving_page(rows: dict[str, Any], loud: dict[str, Any], slow: Any) -> str:
    """Return the part about the service beside others."""
    from benchmarks.serving import FIGURES, THEIRS

    base, shadow = rows[THEIRS], rows["First Flight, shadow on"]
    lines = []
    for name, row in rows.items():
        cells = []
        for key in FIGURES:
            if key not in row:
                cells.append("")
                continue
            cells.append(f"{row[key]:,.2f} ({row[key] / base[key]:.2f}x)")
        lines.append([name, *cells])
    off = rows["First Flight, shadow off again"]
    quiet = next(iter(loud.values()))
    return (
        "## Serving\n\n"
        f'In brackets: times the figure of "{THEIRS}", which has the same contract, release, '
        "state and log, and makes a DataFrame of each request (`benchmarks/fastapi_service.py`). "
        "`mlflow models serve` takes features, knows no state and writes no log.\n\n"
        + table(["", *FIGURES.values()], lines)
        + f"\nWith the shadow on, one row takes {shadow['one_ms'] / off['one_ms']:.2f} times and "
        f"1,000 rows {shadow['batch_ms'] / off['batch_ms']:.2f} times what they take without "
        f"(measured one right after the other).\n\n"
        + "### Overload\n\n"
        + table(
            ["", "answers/s", "p99 ms", "told to come again", "their p99 ms", "failed"],
            [
                [
                    name,
                    f"{row['answered']:.0f}",
                    f"{row['p99_ms']:.1f} ({row['p99_ms'] / quiet['p99_ms']:.2f}x)",
                    f"{row['shed_share']:.0%}",
                    f"{row['shed_p99_ms']:.1f}",
                    f"{row['failed']:.0f}",
                ]
                for name, row in loud.items()
            ],
        )
        + f"\nBeside 100 callers who have sent a header and one byte, 50 requests got "
        f"{slow.statuses.get(200, 0)} answers with p50 {slow.p50:.1f} ms.\n"
    )


def switches_page(found: Any) -> str:
    """Return the part about switches under load."""
    return (
        "## Switches under load\n\n"
        f"{found.switches} switches while 50 requests a second come in: {found.requests} requests, "
        f"{found.failed} failed, {found.not_live} answered by a release that had not been live "
        f"for longer than a poll takes (at {found.judged} of them only one release would have been "
        f"right); {found.half_states} of {found.looks} looks at what serves "
        f"saw a half state. p99 {found.p99_before_ms:.1f} ms before, {found.p99_during_ms:.1f} ms "
        f"during ({found.p99_during_ms / found.p99_before_ms:.2f}x).\n"
    )


def growth_page(found: dict[str, Any]) -> str:
    """Return the part about growth."""
    from benchmarks.growth import BASE_DAYS, SIZES, STEPS

    lines = []
    for step, row in found.items():
        seconds = [f"{row['seconds'][size]:.3f}" for size in SIZES]
        does = (STEPS[step].__doc__ or "").splitlines()[0].rstrip(".")
        lines.append([does, *seconds, f"{row['exponent']:.2f}", f"{row['mb'][max(SIZES)]:.0f}"])
    heads = [f"{size}x" for size in SIZES]
    return (
        "## Growth\n\n"
        f"Seconds of each main step; 1x is {BASE_DAYS} days of all flights, {max(SIZES)}x is "
        f"{BASE_DAYS * max(SIZES)} days. The exponent is the slope of log time over log size "
        f"between {SIZES[-2]}x and {SIZES[-1]}x: 1 is linear. Memory is the peak of the process "
        f"at {max(SIZES)}x.\n\n" + table(["", *heads, "exponent", "MB"], lines)
    )


if __name__ == "__main__":
    main()
