"""The map of the system and the checklist "state of our deployment", from one definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from classroom.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Part:
    """One part of the system, and the lesson that builds it.

    Attributes
    ----------
    lesson : str
        Two digits.
    name, tool : str
        What stands in the box: the part, and below it the tool or file that carries it.
    have, missing : str
        Its line in the checklist, once it is there and while it is not.
    box : tuple of float
        Left, bottom, width, height in the grid of five columns.
    """

    lesson: str
    name: str
    tool: str
    have: str
    missing: str
    box: tuple[float, float, float, float]


W, H = 1.0, 0.78  # of a box
PARTS = (
    Part(
        "00",
        "Process",
        "what is good enough, and who decides",
        "We agreed, in writing, what is good enough and who decides.",
        "Nobody has written down what is good enough, or who decides.",
        (0, 4.25, 5.8, 0.5),
    ),
    Part(
        "01",
        "Model",
        "an honest baseline",
        "An honest baseline has a fixed score.",
        "The score changes from run to run and knows the future.",
        (1.2, 2.2, W, H),
    ),
    Part(
        "02",
        "Data + features",
        "snapshot, state",
        "One snapshot made the model, and one feature code feeds training and service.",
        "Nobody can say which data made the model.",
        (0, 2.2, W, H),
    ),
    Part(
        "03",
        "Pipeline",
        "each month, once, in order (Prefect)",
        "A flow runs every month once, retries, and resumes where it stopped.",
        "The monthly run is a script, and it dies halfway.",
        (0, 3.4, 4.6, 0.5),
    ),
    Part(
        "04",
        "Registry",
        "MLflow",
        "Runs, versions and aliases say which model is where, and why.",
        "Where the model is right now has no answer.",
        (2.4, 2.2, W, H),
    ),
    Part(
        "05",
        "Offline gate",
        "log loss + intervals",
        "A gate compares with the live model, with intervals, and writes its verdict.",
        "Every model that somebody likes can ship.",
        (3.6, 2.2, W, H),
    ),
    Part(
        "06",
        "Service",
        "BentoML",
        "A service answers by a typed contract and logs what it said.",
        "The model answers only in a notebook.",
        (4.8, 2.2, W, H),
    ),
    Part(
        "07",
        "Drift monitor",
        "Evidently",
        "Alerts watch inputs, predictions and late labels, with a known false-alarm rate.",
        "The dashboard is green while the model is wrong.",
        (4.8, 0.9, W, H),
    ),
    Part(
        "08",
        "Rollout",
        "shadow, canary",
        "A new version meets real traffic step by step, and online metrics decide.",
        "A new version takes all traffic at once.",
        (3.6, 0.9, W, H),
    ),
    Part(
        "09",
        "Rollback",
        "one command",
        "One command brings the old release back, with proof.",
        "Going back is a hope.",
        (2.4, 0.9, W, H),
    ),
    Part(
        "10",
        "CI",
        "every pull request",
        "The same path runs on every pull request, and a person approves.",
        "It has worked on one laptop.",
        (0, 0.9, W, H),
    ),
    Part(
        "11",
        "Second model",
        "the same path",
        "A second model went the same way, at a measured part of the cost.",
        "The next model starts from nothing.",
        (1.2, 0.9, W, H),
    ),
    Part(
        "12",
        "Ledger",
        "what each tool cost and prevented",
        "We know what every tool cost and what it prevented.",
        "Whether the tools are worth it is an opinion.",
        (0, 0.05, 5.8, 0.5),
    ),
)

# Where the data and the decisions go, in order.
FLOWS = (
    ("02", "01"),
    ("01", "04"),
    ("04", "05"),
    ("05", "06"),
    ("06", "07"),
    ("07", "08"),
    ("08", "09"),
    ("09", "04"),
    ("11", "01"),
    ("10", "02"),
)

DONE = {"face": "#1f5f8b", "edge": "#1f5f8b", "text": "white"}
HERE = {"face": "#ffb000", "edge": "#7a4b00", "text": "#1a1a1a"}
LATER = {"face": "#f4f4f4", "edge": "#9a9a9a", "text": "#5f5f5f"}


def part_of(lesson: str) -> Part:
    """Return the part that a lesson builds.

    Raises
    ------
    CourseError
        If no lesson has this number.
    """
    for part in PARTS:
        if part.lesson == lesson:
            return part
    raise CourseError(f"There is no lesson {lesson} on the map: the lessons are 00 to 12.")


def alt_text(lesson: str) -> str:
    """Return the map of a lesson in words."""
    here = part_of(lesson)
    built = [part.name.lower() for part in PARTS if part.lesson < lesson]
    later = [part.name.lower() for part in PARTS if part.lesson > lesson]
    return (
        f"Map of the system. This lesson: {here.name.lower()}. "
        f"Built: {', '.join(built) or 'nothing yet'}. "
        f"Not built yet: {', '.join(later) or 'nothing'}."
    )


def draw(lesson: str) -> Figure:
    """Draw the map: this lesson's part bright, what is built solid, the rest grey and dashed."""
    from matplotlib.figure import Figure

    part_of(lesson)
    figure = Figure(figsize=(9, 4.6), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-0.12, 5.92)
    axes.set_ylim(-0.1, 4.9)
    axes.set_axis_off()
    for start, stop in FLOWS:
        _arrow(axes, part_of(start), part_of(stop), lesson)
    for under in ("02", "01", "04", "05"):
        _arrow(axes, part_of("03"), part_of(under), lesson)
    for part in PARTS:
        _box(axes, part, lesson)
    return figure


def _look(part: Part, lesson: str) -> dict[str, str]:
    if part.lesson == lesson:
        return HERE
    return DONE if part.lesson < lesson else LATER


def _box(axes: Axes, part: Part, lesson: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    look = _look(part, lesson)
    x, y, w, h = part.box
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            w,
            h,
            boxstyle="round,pad=0,rounding_size=0.09",
            facecolor=look["face"],
            edgecolor=look["edge"],
            linewidth=2.6 if look is HERE else 1.2,
            linestyle=(0, (4, 3)) if look is LATER else "solid",
            zorder=2,
        )
    )
    here = look is HERE
    axes.text(
        x + 0.07,
        y + h - 0.07,
        part.lesson,
        ha="left",
        va="top",
        fontsize=8.5,
        color=look["text"],
        zorder=3,
    )
    wide = w > 2
    middle = x + w / 2
    if wide:
        words = [(y + h / 2, f"{part.name}: {part.tool}", 11.5, "bold" if here else "normal")]
    else:
        words = [
            (y + h * 0.52, part.name, 11.5, "bold" if here else "normal"),
            (y + h * 0.22, part.tool, 9.0, "normal"),
        ]
    for height, text, size, weight in words:
        axes.text(
            middle,
            height,
            text,
            ha="center",
            va="center",
            fontsize=size,
            fontweight=weight,
            color=look["text"],
            zorder=3,
        )


def _arrow(axes: Axes, start: Part, stop: Part, lesson: str) -> None:
    from matplotlib.patches import FancyArrowPatch

    built = max(start.lesson, stop.lesson) <= lesson
    tail, head = _ends(start.box, stop.box)
    axes.add_patch(
        FancyArrowPatch(
            tail,
            head,
            arrowstyle="-|>",
            mutation_scale=12,
            linewidth=1.6 if built else 1.1,
            linestyle="solid" if built else (0, (4, 3)),
            color="#333333" if built else "#b0b0b0",
            shrinkA=1,
            shrinkB=1,
            zorder=1,
        )
    )


Box = tuple[float, float, float, float]


def _ends(a: Box, b: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where an arrow leaves box a and enters box b, straight along a row or a column."""
    ax, ay, aw, ah = a
    bx, by, bw, bh = b
    if ay < by + bh and by < ay + ah:  # the same row
        y = by + bh / 2
        return ((ax + aw, y), (bx, y)) if ax < bx else ((ax, y), (bx + bw, y))
    left, right = max(ax, bx), min(ax + aw, bx + bw)
    x = (left + right) / 2
    return ((x, ay), (x, by + bh)) if ay > by else ((x, ay + ah), (x, by))


def show_map(lesson: str) -> None:
    """Display the map of a lesson, with its words."""
    from classroom.pictures import show

    show(draw(lesson), alt_text(lesson))


def checklist_text(lesson: str) -> str:
    """Return what a lesson has added to the deployment, as Markdown, and what comes next.

    Parameters
    ----------
    lesson : str
        The lesson's two digits.

    Returns
    -------
    str
        A table: what is there since this lesson, what the next one adds, and how much is missing.
    """
    now = part_of(lesson)
    ordered = sorted(PARTS, key=lambda part: part.lesson)
    later = [part for part in ordered if part.lesson > lesson]
    lines = ["| | part | state of our deployment |", "|:-:|:--|:--|"]
    lines.append(f"| ✓ | **{now.name}** ({now.lesson}) | {now.have} |")
    if later:
        lines.append(f"| ○ | {later[0].name} ({later[0].lesson}) | *Missing.* {later[0].missing} |")
    lines.append(f"| | {len(ordered) - len(later)} of {len(ordered)} parts are there | |")
    return "\n".join(lines) + "\n"


def checklist(lesson: str) -> None:
    """Display what a lesson has added to the state of our deployment, and what comes next."""
    from IPython.display import display

    have = sum(part.lesson <= lesson for part in PARTS)
    words = f"State of our deployment after lesson {lesson}: {have} of {len(PARTS)} parts."
    display({"text/markdown": checklist_text(lesson), "text/plain": words}, raw=True)
