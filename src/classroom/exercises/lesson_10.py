"""What lesson 10 asks: a change on a branch, what CI asks of it, a retrain, and pages."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from classroom.equality import is_bool, mistake, same
from classroom.exercises import Given, exercise

BRANCH = "celsius"
FAHRENHEIT = (32.0, 212.0, -40.0, 50.0, float("nan"))
# What the temperatures become by a wrong formula, and what that says.
FORMULAS: tuple[tuple[Callable[[float], float], str], ...] = (
    (lambda f: f, "is still in Fahrenheit"),
    (lambda f: f * 1.8 + 32, "is turned the other way round: from Celsius to Fahrenheit"),
    (lambda f: f - 32 / 1.8, "lacks parentheses: the 32 is taken off before the division"),
    (lambda f: f / 1.8 - 32, "is divided before the 32 is taken off"),
    (lambda f: (f - 32) * 1.8, "is multiplied by 1.8: one degree Celsius is 1.8 of Fahrenheit"),
    (lambda f: (f - 32) / 1.8 + 273.15, "is in Kelvin: 32 degrees Fahrenheit are 0 Celsius"),
    (lambda f: f / 1.8, "is only divided: 32 degrees Fahrenheit are 0 Celsius"),
    (lambda f: f - 32, "has only lost the 32: one degree Celsius is 1.8 of Fahrenheit"),
)


# --- features in Celsius ------------------------------------------------------------------------


def _requests() -> Any:
    """Return requests that differ in their temperature, as a table."""
    import pandas as pd

    n = len(FAHRENHEIT)
    return pd.DataFrame(
        {
            "date": pd.to_datetime(["2013-11-01"] * n),
            "carrier": ["EV", "UA", "B6", "DL", "AA"],
            "flight": range(1, n + 1),
            "origin": ["EWR", "JFK", "LGA", "JFK", "EWR"],
            "dest": ["ORD"] * n,
            "distance": [719] * n,
            "sched_dep_time": [615, 900, 1230, 1745, 2359],
            "n_sched_hour": [20] * n,
            "temp": FAHRENHEIT,
            "humid": [60.0] * n,
            "wind_speed": [10.0] * n,
            "precip_3h": [0.0] * n,
            "visib": [10.0] * n,
            "pressure": [1010.0] * n,
        }
    )


def _lookup(column: str, dates: Any, keys: Any) -> Any:
    import numpy as np

    return np.full(len(keys), 0.25)


def _as_arrays(table: Any) -> dict[str, Any]:
    return {name: table[name].to_numpy() for name in table}


def _not_celsius(build: Any, before: Any, which: str) -> str:
    """Return what is wrong with features that should be as `before`, and in Celsius; or ""."""
    import numpy as np

    for form, given, again in (
        ("a table", _requests(), _requests()),
        ("arrays", _as_arrays(_requests()), _as_arrays(_requests())),
    ):
        found, old = build(given, _lookup), before(again, _lookup)
        if found is None:
            return f"The features of {which} are None: does build return them?"
        if not np.array_equal(np.asarray(given["temp"]), FAHRENHEIT, equal_nan=True):
            return f"{which} changes the requests themselves: change the features only."
        if "temp" not in found:
            return f"{which} has no feature temp any more."
        temp = np.asarray(found["temp"], dtype=float)
        if not np.allclose(temp, [(f - 32) / 1.8 for f in FAHRENHEIT], equal_nan=True):
            for formula, words in FORMULAS:
                if np.allclose(temp, [formula(f) for f in FAHRENHEIT], equal_nan=True):
                    return f"The temperature of {which} {words}."
            return f"Of 212 degrees {which} makes {temp[1]:.1f}, given {form}; it should be 100."
        for name in old:
            if name not in found:
                return f"{which} has no feature {name} any more."
            if name != "temp" and not _equal(found[name], old[name]):
                return f"The feature {name} of {which} is another one too: only temp changes."
    return ""


def _equal(left: Any, right: Any) -> bool:
    import pandas as pd

    return bool(pd.Series(left).reset_index(drop=True).equals(pd.Series(right)))


@exercise(
    "10-ex1",
    hint="Three steps: git switch, write the file, git commit. `(temp - 32) / 1.8` is Celsius.",
)
def a_commit(given: Given) -> bool | str:
    from classroom import pull_request

    branches = pull_request.git("branch", "--format", "%(refname:short)").split()
    if pull_request.git("log", "--format=%s", "main").count("\n") != 1:
        return (
            "The branch main has a new commit: a change goes to a branch of its own. Run the cell "
            "that makes the repository, and then yours again."
        )
    if BRANCH not in branches:
        others = [name for name in branches if name != "main"]
        more = f" (there is {others[0]})" if others else ""
        return f"There is no branch {BRANCH}{more}: git switch -c makes one."
    if pull_request.git("rev-list", "--count", f"main..{BRANCH}").strip() == "0":
        if pull_request.git("status", "--porcelain"):
            return "The file has changed, and nothing is committed: `git commit --all` takes it in."
        return f"The branch {BRANCH} is as main is: was the file written before the commit?"
    if pull_request.git("status", "--porcelain"):
        return "There is a change that is not committed: `git commit --all` takes it in."
    if pull_request.git("branch", "--show-current").strip() != BRANCH:
        return f"The branch {BRANCH} is not checked out: git switch {BRANCH}."
    try:
        case = pull_request.case_of(BRANCH)
    except Exception as error:
        return f"flights.py of the branch raises {type(error).__name__}: {error}"
    main = pull_request.case_of("main")
    for version in main.features:
        if version not in case.features:
            return f"The branch has no feature version {version} any more."
        wrong = _not_celsius(
            case.features[version].build, main.features[version].build, f"version {version}"
        )
        if wrong and _twice():
            return (
                "The line of the reference answer is in the file already, and yours comes on top: "
                "run the cell that makes the repository again, and then yours."
            )
        if wrong:
            return wrong
    return True


def _twice() -> bool:
    """Tell whether the branch changes the temperature in more than one line."""
    from classroom import pull_request

    diff = pull_request.git("diff", "--unified=0", f"main..{BRANCH}").splitlines()
    made = [line for line in diff if re.match(r"""\+[^+].*["']temp["']\]\s*[-+*/]?=""", line)]
    return len(made) > 1


@exercise(
    "10-ex3",
    "in_celsius",
    hint="Call old.build, change its temp, and return replace(old, ...) with the three arguments.",
)
def in_celsius(in_celsius: Any, given: Given) -> bool | str:
    from classroom import pull_request
    from firstflight.usecase import FeatureSet

    main = pull_request.case_of("main")
    for number, old in main.features.items():
        digest = old.code_digest
        new = in_celsius(old)
        if new is None:
            return "It returns nothing."
        if not isinstance(new, FeatureSet):
            return f"It returns a {type(new).__name__}: `replace(old, ...)` makes a FeatureSet."
        if new.version != 3:
            return f"Its version is {new.version!r}: the next free number is 3."
        if old.code_digest != digest:
            return "It changes the old feature set: make a new one."
        if new.build is old.build:
            return "Its build is still the old one: give replace your own."
        try:
            wrong = _not_celsius(new.build, old.build, "the new version")
        except AttributeError as error:
            if "'dict'" not in str(error):
                raise
            return f"What old.build returns is a dict of columns and no table: {error}."
        if wrong:
            return wrong
        if not isinstance(new.code, tuple):
            return f"Its code is a {type(new.code).__name__}: it should be a tuple of functions."
        gone = [part for part in old.code if part not in new.code]
        if gone:
            return (
                f"Its code no longer holds {gone[0].__name__}, which it still calls: an edit of it "
                "would not be seen."
            )
        if new.build not in new.code:
            return "Its code does not hold your build: an edit of it would not be seen."
        if (new.columns, new.state_columns) != (old.columns, old.state_columns):
            return "Its columns are other ones: only the meaning of temp changes."
        if number == 1 and new.code_digest == digest:
            return "It has the digest of the old one."
    return True


# --- what the check asks ------------------------------------------------------------------------


def _commands(source: str) -> list[str]:
    """Return the lines of a cell that go to the shell."""
    lines = (line.strip() for line in source.splitlines())
    return [line.lstrip("!").strip() for line in lines if line.startswith("!")]


def _calls(source: str, word: str) -> list[str]:
    """Return the lines that call a command of firstflight."""
    return [line for line in _commands(source) if re.search(rf"firstflight\s+{word}\b", line)]


def _asked_elsewhere(source: str) -> str:
    """Return why a line does not ask the code of the clone, or ""."""
    lines = _calls(source, "check")
    if _commands(source) and not lines:
        return "The command is firstflight check."
    if lines and "PYTHONPATH" not in lines[0]:
        return (
            "That asks the code that is installed, which is main's: PYTHONPATH=src takes the "
            "branch's."
        )
    if lines and "clone" not in lines[0]:
        return "Go to the folder of the clone first, or src is another folder: cd."
    if lines and re.search(r"(\|\||;|\|)", lines[0].split("firstflight", 1)[1]):
        return "What follows the command has an exit code of its own: let firstflight be the last."
    return ""


def _no_exit_code(name: str, value: Any) -> str:
    """Return why a value is no exit code of the check, or ""."""
    if is_bool(value):
        return f"{name} is a number, the exit code, and not a truth value."
    if isinstance(value, str) or hasattr(value, "n"):
        return f"{name} holds what the command printed: the exit code is in _exit_code."
    if same(value, 1) or same(value, 2):
        return f"With {value} the command itself failed: read what it says, and try again."
    if same(value, 126) or same(value, 127):
        return f"With {value} the shell did not find the command: is it firstflight check?"
    return ""


@exercise(
    "10-type1",
    "red",
    hint="Go to the folder, set the variable, call the command; then red = _exit_code.",
)
def red(red: Any, given: Given) -> bool | str:
    wrong = _asked_elsewhere(given.source) or _no_exit_code("red", red)
    if wrong:
        return wrong
    if same(red, 0):
        return (
            "An exit code of 0 means that all is well. Is the branch celsius checked out, and was "
            "it its code that was asked?"
        )
    return same(red, 3) or mistake(red, 3)


@exercise(
    "10-type2",
    "green",
    hint="git commit --all, then the line with firstflight check, then green = _exit_code.",
    changes=True,
)
def green(green: Any, given: Given) -> bool | str:
    from classroom import pull_request

    wrong = _asked_elsewhere(given.source) or _no_exit_code("green", green)
    if wrong:
        return wrong
    if pull_request.git("status", "--porcelain"):
        return "The check reads the files, and a reviewer reads commits: yours is missing."
    if 3 not in pull_request.case_of(BRANCH).features:
        return f"The branch {BRANCH} has no feature version 3: run the cell with put first."
    if same(green, 3):
        return "It is red still: is it the exit code of before, or is a version changed?"
    return same(green, 0) or mistake(green, 0)


EDITS = {
    "a_comment": (
        r"weekday = \(",
        "# Monday is 0\n    weekday = (",
        "has Python still a comment after it has read the code?",
    ),
    "a_new_name": (
        r"\bminutes( = | / 60)",
        r"since_midnight\1",
        "can the name of a local variable change a number?",
    ),
    "eight_days": (
        "STATE_DAYS = 7",
        "STATE_DAYS = 8",
        "it is a constant that the rates are computed with.",
    ),
    "another_way": (
        '"sched_hour": minutes / 60',
        '"sched_hour": minutes * 5 / 300',
        "the digest reads code; it computes nothing.",
    ),
}


def digest_changes(name: str) -> bool:
    """Tell whether one of the edits gives feature version 1 another digest."""
    from classroom import pull_request

    text = pull_request.git("show", f"main:{pull_request.FLIGHTS}")
    old, new, _ = EDITS[name]
    edited = re.sub(old, new, text)
    if edited == text:
        raise LookupError(name)
    digests = [pull_request.case_from(each).features[1].code_digest for each in (text, edited)]
    return digests[0] != digests[1]


@exercise("10-ex2", *EDITS, hint="Ask of each: does it change what Python is told to compute?")
def edits(*answers: Any) -> bool | str:
    for name, answer in zip(EDITS, answers, strict=True):
        if not is_bool(answer):
            return f"{name} is {answer!r}: write True for refused, False for loaded."
    wrong = [n for n, answer in zip(EDITS, answers, strict=True) if answer != digest_changes(n)]
    if not wrong:
        return True
    more = f" ({len(wrong)} of the four are not right yet.)" if len(wrong) > 1 else ""
    return f"{wrong[0]}: {EDITS[wrong[0]][2]}{more}"


@exercise("10-ex4", "step", hint="A dash, a name, and run: with the command that you typed above.")
def step(step: Any, given: Given) -> bool | str:
    import yaml

    from classroom import pull_request, workflow

    if not isinstance(step, str):
        return f"step is a {type(step).__name__}: write the YAML as a text, in three quotes."
    if "\t" in step:
        return "YAML takes no tabs: indent with spaces."
    try:
        read = yaml.safe_load(step)
    except yaml.YAMLError as error:
        return f"This is no YAML: {getattr(error, 'problem', None) or error}."
    if isinstance(read, dict):
        return "A step is an item of a list: it begins with a dash."
    if not isinstance(read, list) or len(read) != 1:
        return "One step is wanted: a dash, and its keys below each other."
    wrong = workflow.step_problems(read[0])
    if wrong:
        return wrong[0]
    one = read[0]
    if "uses" in one:
        return "No ready-made action knows this question: run a command."
    run = str(one["run"])
    if not re.search(r"firstflight\s+check\b", run):
        return f"It runs {run.strip()!r}, which does not ask whether this code loads the release."
    if "PYTHONPATH" in run:
        return "Here the branch is installed, so the command alone asks its code."
    if one.get("continue-on-error"):
        return "With continue-on-error the workflow stays green when the answer is no."
    if re.search(r"firstflight\s+check[^\n]*(\|\||;|\|)", run) or "set +e" in run:
        return "What follows the command hides its exit code: the step would stay green."
    if "if" in one:
        return f"With if: {one['if']} it is not asked of every pull request: leave if out."
    if not one.get("name"):
        return "Give it a name: it is what a reviewer sees beside the red cross."
    wrong = workflow.problems(pull_request.with_step(step))
    return wrong[0] if wrong else True


# --- the retrain --------------------------------------------------------------------------------


def _option(words: list[str], name: str) -> str:
    for n, word in enumerate(words):
        if word == name and n + 1 < len(words):
            return words[n + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


@exercise(
    "10-type3",
    hint="!firstflight train RECIPE --start DAY --end DAY --feature-version NUMBER",
)
def train(given: Given) -> bool | str:
    from firstflight import registry

    lines = _calls(given.source, "train")
    if _commands(given.source) and not lines:
        return "The command is firstflight train."
    if lines:
        words = shlex.split(lines[0])
        if "hist_gradient_boosting" not in words:
            return "The recipe of the live release is wanted: hist_gradient_boosting."
        if "air_time" in words:
            return "That is another use case: leave -u out."
        for option, wanted, words_ in (
            ("--start", "2013-01-01", "the first training day is 1 January"),
            ("--end", "2013-10-31", "the last training day is 31 October"),
            ("--feature-version", "2", "feature version 2 is wanted"),
        ):
            found = _option(words, option)
            if found != wanted:
                return f"{option} is {found or 'not given'}: {words_}.{_another_version_4()}"
    if "4" not in registry.versions("flights"):
        return "There is no version 4 yet: what did the command say?"
    about = registry.load("flights", "4").about
    if (about["trained_to"], about["feature_version"]) != ("2013-10-31", 2):
        return "Version 4 was trained on other days or features: run the lesson from its top."
    return True


def _another_version_4() -> str:
    """Return what to do if a wrong command has trained a version 4, or ""."""
    from firstflight import registry

    if "4" not in registry.versions("flights"):
        return ""
    about = registry.load("flights", "4").about
    asked = ("hist_gradient_boosting", "2013-01-01", "2013-10-31", 2)
    made = tuple(about[key] for key in ("recipe", "trained_from", "trained_to", "feature_version"))
    if made == asked:
        return ""
    return (
        " It is version 4 now, and what follows asks for another one: run the lesson again from "
        "its first cell, with the right command."
    )


@exercise("10-type4", hint="Two commands in one line, with && between them: gate, then promote.")
def gate_then_promote(given: Given) -> bool | str:
    from firstflight import history, judgements

    lines = _calls(given.source, "gate") or _calls(given.source, "promote")
    if _commands(given.source) and not lines:
        return "The line begins with firstflight gate."
    if lines:
        line = lines[0]
        if not re.search(r"firstflight\s+gate\b", line):
            return "Nothing is judged: firstflight gate comes first."
        if not re.search(r"firstflight\s+gate\s+4\b", line):
            return "Version 4 is the one to judge."
        if not re.search(r"firstflight\s+promote\b", line):
            return "The promote is missing: it stands behind &&, in the same line."
        if line.index("gate") > line.index("promote"):
            return "The gate comes first, and the promote behind it."
        between = line[: line.index("promote")]
        if "||" in between:
            return "|| goes on when the first command did NOT end with 0: that is the other way."
        if "&&" not in between:
            return "Only && asks for the exit code of the first command before it goes on."
        after = line[line.index("promote") :]
        if not re.search(r"promote\s+4\b", after):
            return "Version 4 is the one to promote."
        if "--by" not in after or "--reason" not in after:
            return "A promote says by whom and why: --by and --reason."
    if not judgements.judged("flights", "4"):
        return "No verdict on version 4 was written: what did the command say?"
    if history.serving("flights").releases.get("live") != "2":
        return "Version 2 should still be live."
    return True


# --- pages --------------------------------------------------------------------------------------


@exercise("10-look1", "says_no", hint="The page is one sentence: which function does it name?")
def says_no(says_no: Any) -> bool | str:
    if not isinstance(says_no, str):
        return f"says_no is a {type(says_no).__name__}: write the name as a text."
    name = says_no.strip().strip(".").removesuffix("()")
    if name == "__is_ready__":
        return True
    if name.strip("_") == "is_ready":
        return "Nearly: with the underscores on both sides, as it stands on the page."
    if name in {"readyz", "livez"}:
        return f"{name} is the page: what function does its text name?"
    if name in {"False", "503", "200"}:
        return f"{name} is what came back: which function said it?"
    if "Service is not ready" in says_no:
        return "That is the whole sentence: which function does it name?"
    return "The page readyz names a function that returned False."


@exercise(
    "10-ex5",
    "parameters",
    hint='new_code_cell(source, metadata={"tags": [...]}): papermill looks for one certain tag.',
)
def parameters(parameters: Any) -> bool | str:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook
    from papermill.parameterize import parameterize_notebook

    if isinstance(parameters, str):
        return "That is a text: new_code_cell(...) makes a cell of it."
    if getattr(parameters, "cell_type", None) != "code":
        what = getattr(parameters, "cell_type", type(parameters).__name__)
        return f"parameters is a {what}: a code cell is wanted."
    tags = parameters.get("metadata", {}).get("tags")
    if tags is None:
        return "The cell has no tags: they are in its metadata."
    if isinstance(tags, str):
        return "tags is a list, also of one tag."
    if "parameters" not in tags:
        return f"papermill looks for the tag parameters, and the cell has {list(tags)}."
    values: dict[str, Any] = {}
    try:
        exec(parameters.source, values)
    except Exception as error:
        return f"The cell raises {type(error).__name__}: {error}"
    for name, wanted, words in (
        ("candidate", 4, "the version as a number, 4"),
        ("last_day", "2013-11-07", 'a text, "2013-11-07"'),
        ("days", 7, "a number, 7"),
    ):
        if name not in values:
            return f"The cell sets no {name}."
        if not same(values[name], wanted) or type(values[name]) is not type(wanted):
            return f"{name} is {values[name]!r}: it should be {words}."
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    behind = new_code_cell("last_day", metadata={"tags": []})
    page = new_notebook(cells=[parameters, behind], metadata=kernel)
    page.metadata["papermill"] = {}
    with _quiet():
        filled = parameterize_notebook(nbformat.from_dict(page), {"last_day": "2013-11-14"})
    order = [cell.metadata.get("tags", []) for cell in filled.cells]
    if order[1] != ["injected-parameters"]:
        return "papermill does not put its own cell behind this one: look at the tag."
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    import logging

    logger = logging.getLogger("papermill")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextlib.contextmanager
def _without_a_kernel(folders: list[Path]) -> Iterator[None]:
    """Let papermill do all but run the cells, and note the folder it would run them in."""
    from papermill import execute

    engines = execute.papermill_engines
    before = engines.execute_notebook_with_engine

    def note(engine_name: Any, nb: Any, kernel_name: Any, **kwargs: Any) -> Any:
        folders.append(Path.cwd())
        return nb

    engines.execute_notebook_with_engine = note
    try:
        with _quiet():
            yield
    finally:
        engines.execute_notebook_with_engine = before


@exercise(
    "10-ex6",
    "report",
    hint="papermill.execute_notebook(input, output, parameters={...}, cwd=desk).",
)
def report(report: Any, given: Given) -> bool | str:
    desk: Path = given.desk
    there = {path: path.read_bytes() for path in desk.iterdir() if path.is_file()}
    beside = set(Path.cwd().glob("*.ipynb"))
    folders: list[Path] = []
    found: dict[str, str] = {}
    try:
        for day in ("2013-10-12", "2013-10-19"):
            with _without_a_kernel(folders):
                report(day)
            if not folders:
                return "It runs nothing: papermill.execute_notebook(...) does."
            wrong = _page_is_wrong(desk, day, there)
            if wrong:
                return wrong
            found[day] = (desk / f"week-{day}.ipynb").read_text()
    finally:
        for path in set(Path.cwd().glob("*.ipynb")) - beside:
            path.unlink()
        for path in desk.iterdir():
            if path not in there and path.is_file():
                path.unlink()
        for path, content in there.items():
            path.write_bytes(content)
    if any(folder != desk.resolve() for folder in folders):
        return "The cells would run in another folder, where days.csv is not: cwd=desk."
    return True


def _page_is_wrong(desk: Path, day: str, before: dict[Path, bytes]) -> str:
    """Return what is wrong with the page that the learner's function has written, or ""."""
    import nbformat

    if (desk / "template.ipynb").read_bytes() != before[desk / "template.ipynb"]:
        return "It writes over template.ipynb: the page needs a name of its own."
    page = desk / f"week-{day}.ipynb"
    if not page.exists():
        new = [path.name for path in desk.iterdir() if path not in before]
        what = f"it wrote {new[0]}" if new else "nothing new is in the folder desk"
        return f"The page of {day} should be week-{day}.ipynb in the folder desk, and {what}."
    cells = nbformat.read(page, as_version=4).cells
    mine = [c for c in cells if "injected-parameters" in c.metadata.get("tags", [])]
    if not mine:
        return "No parameter was given: parameters={...} sets last_day."
    values: dict[str, Any] = {}
    exec(mine[0].source, values)
    if "last_day" not in values:
        names = ", ".join(name for name in values if not name.startswith("__"))
        return f"It sets {names or 'nothing'}, and the parameter is last_day."
    if values["last_day"] != day:
        return f"For {day} it sets last_day to {values['last_day']!r}."
    for name, wanted in (("candidate", 4), ("days", 7)):
        if name in values and values[name] != wanted:
            return f"It sets {name} to {values[name]!r}, and the cell's own {wanted} is right."
    return ""


@exercise(
    "10-ex7",
    "page",
    "should_be",
    hint="Run pytest --nbval on both pages, and read which cell of which one differs.",
)
def mended(page: Any, should_be: Any, given: Given) -> bool | str:
    gaps = given.gaps
    worst = gaps["mean"].idxmax()
    wanted = round(float(gaps["mean"].max()), 4)
    if not isinstance(page, (str, os.PathLike)):
        return f"page is a {type(page).__name__}: write the file's name as a text."
    name = Path(page).name
    right = "week-2013-11-14.ipynb" if worst.day > 7 else "week-2013-11-07.ipynb"
    if name not in {right, right.removesuffix(".ipynb")}:
        if name.startswith("week-2013-11-"):
            return f"{name} prints what is committed: it is the other page."
        return "page is the name of one of the two files, week-....ipynb."
    if isinstance(should_be, str):
        return "should_be is a number, without quotes."
    if is_bool(should_be):
        return "should_be is the number that a fresh run prints."
    if abs(float(should_be) - wanted) < 1e-9:
        return True
    if same(should_be, -wanted):
        return "That is the number in the committed page: what does a fresh run print?"
    week = gaps.loc[worst.strftime("%Y-%m-01") :].tail(7)
    if abs(float(should_be) - week["sum"].sum() / week["count"].sum()) < 1e-4:
        return "That is the mean of the week, and it is as it was: another line differs."
    if any(abs(float(should_be) - round(float(other), 4)) < 1e-9 for other in gaps["mean"]):
        return "That line is the same in both: look for the one that nbval marks."
    if abs(float(should_be) - 100 * wanted) < 1e-9:
        return "Write it as it is printed, without turning it into percent."
    return "It is not the number that a fresh run prints in the marked line."
