"""What lesson 09 asks: a comparison, a naive rollback, a question of one's own, the real one."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

from classroom.equality import is_bool, items, same
from classroom.exercises import Given, exercise, not_texts, what_it_is

OCTOBER = (dt.date(2013, 10, 1), dt.date(2013, 10, 31))
MAY_GO_BACK = ("on_call", "model_owner")


@exercise(
    "09-decide1",
    "decision",
    hint='{"verdict": "waive" or "wait", "reason": ..., "roll_back_if": ..., "look_on": a day}',
)
def decision(decision: Any) -> bool | str:
    keys = ("verdict", "reason", "roll_back_if", "look_on")
    if fault := not_texts(decision, keys):
        return fault
    verdict, reason, roll_back_if, day = (decision[key].strip() for key in keys)
    if verdict not in ("waive", "wait"):
        return f'You decide {verdict!r}; there are two ways: "waive" or "wait".'
    for key, said in (("reason", reason), ("roll_back_if", roll_back_if)):
        if len(said) < 10 or len(said.split()) < 3:
            return f"{key}: {said!r} helps nobody on a bad night. Write a sentence."
    if roll_back_if == reason:
        return "Why you decide so, and what would make you go back, are two different sentences."
    try:
        look_on = dt.date.fromisoformat(day)
    except ValueError:
        return f"look_on: {day!r} is no day: write it as 2013-10-31."
    if look_on <= OCTOBER[0]:
        return f"{day} is no day to look on: version 3 has not answered anybody before it."
    if look_on < dt.date(2013, 10, 8):
        return f"On {day} there is not yet a week of labels, and a Sunday is not like a Monday."
    if look_on > OCTOBER[1]:
        return f"Until {day} nobody looks? Choose a day of October."
    return True


@exercise(
    "09-ex1",
    "behind",
    hint="Two calls of metrics.row_loss with the same label, for v3 and for other; then "
    "metrics.difference of the two, with pairs['date'] and **rules.how.",
)
def behind(behind: Any, given: Given) -> bool | str:
    from firstflight import metrics
    from firstflight.metrics import MetricError

    pairs, how = given.pairs, given.rules.how
    days = pairs["date"]
    shown = (
        (pairs, "v2"),
        (pairs, "naive"),
        (pairs[days.between("2013-10-05", "2013-10-14")], "v2"),
        (pairs.rename(columns={"v2": "v3", "v3": "v2"}), "v2"),
    )
    for rows, other in shown:
        label, dates = rows["label"], rows["date"]
        losses = {
            name: metrics.row_loss("log_loss", label, rows[name]) for name in ("v3", "v2", "naive")
        }
        wanted = metrics.difference(losses["v3"], losses[other], dates, **how)
        try:
            found = behind(rows, other)
        except MetricError as error:
            if "Labels" not in str(error):
                raise
            return "row_loss takes the label first, and then what was said about it."
        if not isinstance(found, metrics.Interval):
            return f"It returns {what_it_is(found)}: metrics.difference gives an Interval."
        if same(found.mean, (rows["v3"] - rows[other]).mean()):
            return "That is the difference of the predictions: take that of their losses, row_loss."
        if same(found.mean, -wanted.mean):
            return "Its sign is turned round: version 3 minus the other, so worse is above zero."
        if found.n_rows != wanted.n_rows:
            return f"It takes {found.n_rows} flights, and was given {wanted.n_rows}: take all."
        if not same(found.mean, wanted.mean):
            return _of_another(found, losses, other)
        if found.n_days != wanted.n_days:
            return f"It rests on {found.n_days} days, and there are {wanted.n_days}: pairs['date']."
        for name in ("confidence", "block_days", "autocorrelation"):
            if getattr(found, name) != getattr(wanted, name):
                return (
                    f"Its {name} is {getattr(found, name):g}, and the team's is "
                    f"{getattr(wanted, name):g}: **rules.how hands over all of them."
                )
        if abs(found.standard_error / wanted.standard_error - 1) > 0.12:
            return "Right, but drawn too few times: **rules.how has the number of draws."
    return True


def _of_another(found: Any, losses: dict[str, Any], other: str) -> str:
    """Say which comparison has this mean."""
    for name, loss in losses.items():
        if name not in ("v3", other) and same(found.mean, (losses["v3"] - loss).mean()):
            return f"Asked about {other!r} it answers about {name!r}: use what comes in as other."
    if any(same(found.mean, loss.mean()) for loss in losses.values()):
        return "That is the loss of one alone: the difference of two is wanted."
    if any(same(found.mean, (loss - losses[other]).mean()) for loss in losses.values()):
        return "Version 3 is the one that is judged: pairs['v3'] minus the other."
    return f"Asked about {other!r} its mean is {found.mean:+.4f}: are both losses of these rows?"


@exercise(
    "09-ex2",
    "in_mlflow",
    hint="Two calls of client: the first sets the alias, the second reads it into in_mlflow.",
)
def in_mlflow(in_mlflow: Any) -> bool | str:
    from mlflow import MlflowClient

    points_at = MlflowClient().get_model_version_by_alias("flights", "live").version
    if hasattr(in_mlflow, "version"):
        return "That is all MLflow knows of the version: its number is in .version."
    if not isinstance(in_mlflow, (str, Integral)) or is_bool(in_mlflow):
        return f"It is {what_it_is(in_mlflow)}: the number that get_model_version_by_alias names."
    if str(in_mlflow) == "2" and str(points_at) != "2":
        return f"In MLflow live still is {points_at}: move it, then read it back."
    if str(in_mlflow) != "2":
        return f"You read version {in_mlflow}: the alias live is to point at version 2."
    return True


def _moved(entry: Any, live: str, previous: str) -> bool | str:
    from firstflight import history

    if not isinstance(entry, history.Deployment):
        return f"It is {what_it_is(entry)}: keep the entry that deployments.change returns."
    if entry.action != "alias":
        return f"That is the entry of a {entry.action}, on {entry.date}: write one of your own."
    if entry.after.get("live") != live:
        return f"After it version {entry.after.get('live')} is live: it is to be version {live}."
    if entry.after.get("previous") != previous:
        return (
            f"Live is right, and previous is {entry.after.get('previous', 'nothing')}: the two "
            f"change places, or nobody finds version {previous} again."
        )
    if entry not in history.entries("flights"):
        return "The history has no such entry: let deployments.change write it."
    return True


@exercise(
    "09-ex3",
    "moved",
    hint='deployments.change("flights", "alias", after={"live": ..., "previous": ...}, '
    'by="on_call", reason="...")',
)
def moved(moved: Any) -> bool | str:
    return _moved(moved, "2", "3")


@exercise("09-ex4", "undone", hint="The same call as before, with the two versions changed round.")
def undone(undone: Any) -> bool | str:
    return _moved(undone, "3", "2")


def calls_of(page: str, endpoint: str) -> dict[str, int]:
    """Return from a page of BentoML's metrics how many calls of an endpoint had each code."""
    found: dict[str, int] = {}
    for line in page.splitlines():
        if line.startswith("bentoml_service_request_total{") and f'"{endpoint}"' in line:
            code = re.search(r'http_response_code="(\d+)"', line)
            if code is not None:
                found[code[1]] = found.get(code[1], 0) + int(float(line.split()[-1]))
    return found


@exercise(
    "09-look1",
    "calls",
    hint="Search the page for bentoml_service_request_total, and of its lines take those with "
    'endpoint="/predict_batch". The number stands at the end: {"200": ...}.',
)
def calls(calls: Any, given: Given) -> bool | str:
    import httpx

    page = httpx.get(f"{given.service.url}/metrics", timeout=10, trust_env=False).text
    wanted = calls_of(page, "/predict_batch")
    if not isinstance(calls, dict):
        return f'It is {what_it_is(calls)}: a dict from code to number, such as {{"404": 7}}.'
    if not all(isinstance(key, (str, Integral)) for key in calls):
        return 'Its keys are codes, as texts: {"404": 7}.'
    if any(is_bool(n) or not isinstance(n, Real) for n in calls.values()):
        return "Behind each code stands a number: how many calls."
    mine = {str(key): float(value) for key, value in calls.items()}
    if _that_came(mine) == _that_came(wanted):
        return True
    more = sorted(set(mine) - set(wanted))
    if more:
        return f"No call of /predict_batch has the code {more[0]}: the page lists those there are."
    if not _that_came(mine):
        return "You have no call at all, and /predict_batch was called every day."
    for endpoint in ("/status", "/predict", "/readyz"):
        if _that_came(mine) == _that_came(calls_of(page, endpoint)):
            return f"Those are the calls of {endpoint}: look for /predict_batch."
    number = max(mine.values())
    if number > 1000:
        return f"{number:.0f} is too many: a call is a batch of flights, not a flight."
    wrong = next(code for code in wanted if mine.get(code, 0) != wanted[code])
    return f"You have {mine.get(wrong, 0):g} calls with the code {wrong}: read it again."


def _that_came(calls: dict[str, Any]) -> dict[str, float]:
    """Return the codes that came at least once: the page also lists those that never did."""
    return {code: float(number) for code, number in calls.items() if number}


def _words(source: str, word: str) -> list[str] | str | None:
    """Return what stands behind the word of a typed command, a hint, or None if none was typed."""
    rows = [row.strip() for row in source.splitlines()]
    typed = [row for row in rows if "firstflight" in row and not row.startswith("#")]
    if not typed:
        return None
    line = typed[0]
    if not line.startswith("!"):
        return "Put an exclamation mark before the command: the line is for the shell."
    try:
        words = shlex.split(line[1:])
    except ValueError:
        return "A quotation mark is opened and not closed."
    if words[:1] != ["firstflight"]:
        return f"The line begins with {words[0]}: firstflight comes first."
    if words[1:2] != [word]:
        return f"The first word behind firstflight says what to do: here it is {word}."
    return words[2:]


def _no_option(words: list[str], known: tuple[str, ...]) -> str:
    """Return the first option of a typed command that the command does not have, or ""."""
    options = (word.split("=")[0] for word in words if word.startswith("--"))
    more = (*known, "--usecase", "--by", "--force", "--no-force", "--prove", "--json", "--help")
    return next((option for option in options if option not in more), "")


def _something_else(given: Given) -> bool:
    """Tell whether the cell holds a command or code, and none of firstflight."""
    rows = (row.strip() for row in given.source.splitlines())
    return any(row and row[0] != "#" and row not in ("...", "pass") for row in rows)


@exercise(
    "09-type1",
    "says_no",
    hint='!firstflight rollback --check, then the word behind NO: says_no = "..."',
)
def preflight_only(says_no: Any, given: Given) -> bool | str:
    words = _words(given.source, "rollback")
    if isinstance(words, str):
        return words
    if words is not None and (unknown := _no_option(words, ("--check", "--reason", "--url"))):
        return f"{unknown} is no option of it: --check asks and changes nothing."
    if words is not None and "--check" not in words:
        return "That would switch if it could: the option --check asks and changes nothing."
    if not isinstance(says_no, str):
        return f"It holds {what_it_is(says_no)}: one word, in quotation marks."
    said = says_no.strip().lower()
    if said in ("release", "snapshot", "upstream", "service"):
        return f"{said} is asked too, and its line begins with ok, or is not there: which says NO?"
    if said.startswith("state"):
        return said == "state" or "Only the word itself, without what follows."
    if said in ("no", "ok"):
        return "The word behind it: which question gets that answer?"
    return f"{says_no!r} is no question of the preflight: it is the first word behind NO."


@exercise(
    "09-type2", hint="!firstflight state --feature-version ... --since ..., a day as 2013-10-31."
)
def publish_again(given: Given) -> bool | str:
    from firstflight import state

    words = _words(given.source, "state")
    if isinstance(words, str):
        return words
    if words is None and _something_else(given):
        return "Type the command that the preflight named: firstflight state ..."
    line = " ".join(words or ()).replace("=", " ")
    if words is not None and not re.search(r"--feature-version \d", line):
        return "Whose state? --feature-version and its number are missing."
    if words is not None and "--feature-version 1" not in line:
        return "Version 2 of the release has feature version 1: its state is missing."
    days = [dt.date(2013, 10, 1) + dt.timedelta(days=n) for n in range(43)]
    there = [state.state_file("flights", 1, day).exists() for day in days]
    since = re.search(r"--since (\S+)", line)
    if words is not None and since is None:
        return "That publishes today alone: --since and a day say from when on."
    if since is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", since[1]):
        return f"{since[1]!r} is no day: write it as 2013-10-31."
    if since is not None and since[1] > "2013-10-01":
        return f"The pipeline forgot it since 1 October, and you begin on {since[1]}."
    if not all(there):
        return f"No state of {days[there.index(False)]}: what did the command say?"
    return True


@exercise(
    "09-ex5",
    "my_question",
    "broken",
    hint='def my_question(evidence): if something is wrong, raise RollbackRefused("..."); else '
    "return a sentence. broken is evidence, such as about_1.",
)
def my_question(my_question: Any, broken: Any, given: Given) -> bool | str:
    from firstflight import preflight
    from firstflight.errors import FirstFlightError

    if not callable(my_question):
        return f"my_question is {what_it_is(my_question)}: write a function of the evidence."
    if not isinstance(broken, preflight.Evidence):
        return f"broken is {what_it_is(broken)}: give evidence, such as replace(evidence, ...)."
    if re.search(r"target\s*(==|!=|in\b)\s*[\"'\[({\d]", given.source):
        return "It asks for the number of a version. What is wrong with that version?"
    fine = given.evidence

    def asked(evidence: Any) -> tuple[bool, Any]:
        try:
            return True, my_question(evidence)
        except FirstFlightError as error:
            return False, str(error)

    try:
        asked(fine)
    except TypeError as error:
        if not {"'datetime.date'", "'str'"} <= set(str(error).split()):
            raise
        return "The days in about are texts: date.fromisoformat(...) makes a date of one."
    for name, evidence, wanted in (("of today", fine, True), ("broken", broken, False)):
        ok, said = asked(evidence)
        what = "version 2 of today" if name == "of today" else "broken"
        if ok is not wanted and not wanted:
            if said is False:
                return "It returns False for broken: a refusal is raised, RollbackRefused(...)."
            return f"It lets broken through, and says {str(said)[:80]!r}: it must refuse it."
        if ok is not wanted:
            return f"It refuses {what} ({said[:80]!r}), and should let it through."
        if not isinstance(said, str):
            return f"For {what} it returns {what_it_is(said)}: a sentence is wanted, for people."
        if len(said.split()) < 3:
            return f"For {what} it says {said!r}: whoever reads it at night needs a sentence."
    return _let_through(broken, given, asked)


def _let_through(broken: Any, given: Given, asked: Any) -> bool | str:
    """Ask the team's questions about the broken evidence, and the new one without the number."""
    from firstflight import preflight

    for name, question in preflight.QUESTIONS[:4]:
        found = preflight.answer(name, question, broken)
        if not found.ok:
            return (
                f"The team's question {name!r} refuses broken already ({found.sentence[:80]}): "
                "choose a failure that they let through."
            )
    said = asked(broken)
    if any(asked(broken) != said for _ in range(2)):
        return "It answers another time otherwise: the same evidence must get the same answer."
    if broken.release is not given.evidence.release and asked(replace(broken, target="2"))[0]:
        return "It asks for the number of a version. What is wrong with that version?"
    return True


@exercise(
    "09-type3", hint='!firstflight rollback --reason "..." --url {service.url}, and no --force.'
)
def rolled_back(given: Given) -> bool | str:
    from firstflight import history, rollback

    words = _words(given.source, "rollback")
    if isinstance(words, str):
        return words
    if words is None and _something_else(given):
        return "Type the command behind an exclamation mark: firstflight rollback ..."
    if words is not None:
        wrong = _not_a_rollback([part for word in words for part in word.split("=", 1)])
        if wrong:
            return wrong
    entries = [entry for entry in history.entries("flights") if entry.action != "waive"]
    if not entries or entries[-1].action != "rollback":
        return "The history's last change is no rollback: what did the command say?"
    if rollback.unproven("flights") is not None:
        return "It switched and is not proven: `firstflight rollback --prove --url ...` does it."
    return True


def _not_a_rollback(words: list[str]) -> str:
    """Return what is wrong with the words behind `firstflight rollback`, or ""."""
    for option, why in (
        ("--check", "That asks and changes nothing: leave --check away now."),
        ("--prove", "There is nothing to prove yet: first the switch, without --prove."),
        ("--force", "Nothing says no, so nothing need be forced: leave --force away."),
    ):
        if option in words:
            return why
    for option, why in (
        ("--reason", 'The history asks why: --reason "..." is missing.'),
        ("--url", "Without --url it switches and proves nothing: give the service's address."),
    ):
        if option not in words:
            return why
    values = {
        option: next(iter(words[words.index(option) + 1 :]), "")
        for option in ("--reason", "--url", "--by")
        if option in words
    }
    reason = values["--reason"]
    if not reason.strip() or reason.startswith("--"):
        return "The reason is empty: whoever reads it on a bad night needs a sentence."
    if len(reason.split()) < 2:
        return f"{reason!r} is no sentence. Several words stand in quotation marks."
    if not re.match(r"\{.+\}|\$.+|http://", values["--url"]):
        return "The address begins with http://, or is {service.url} in curly brackets."
    if values.get("--by", "on_call") not in MAY_GO_BACK:
        return f"{values['--by']} may not: [permissions] of process.toml says who may roll back."
    return ""


@exercise(
    "09-type4",
    "on_that_day",
    hint='!firstflight history --at ..., then on_that_day = ("version", "since", "role").',
)
def who_did_it(on_that_day: Any, given: Given) -> bool | str:
    words = _words(given.source, "history")
    if isinstance(words, str):
        return words
    if words is not None and (unknown := _no_option(words, ("--at",))):
        return f"{unknown} is no option of it: --at and a day ask about one day."
    if words is not None and "--at" not in " ".join(words):
        return "That lists every change: --at and a day ask about one day."
    three = items(on_that_day)
    if three is None or len(three) != 3:
        return "Three texts in ( ): the version, the day since when, the role."
    version, since, by = (str(one).strip().removeprefix("version ") for one in three)
    if (version, since, by) == ("2", "2013-10-29", "on_call"):
        return True
    if version == "3":
        return "Version 3 was left on 29 October: ask about 2013-11-01, a Friday."
    if version != "2":
        return f"{version!r} is not the version that was live: it is the first word behind the day."
    if since == "2013-11-01":
        return "That is the day you asked about; since when was it live?"
    if since == "2013-08-15":
        return (
            "It was live then for the first time; on 1 October it was replaced. Since when again?"
        )
    if since != "2013-10-29":
        return f"{since!r} is not the day since when it was live; write it as 2013-10-31."
    if by == "model_owner":
        return "Not the owner: who moved it on 29 October stands in brackets."
    return f"{by!r} is no role that the history names for it: it stands in brackets, behind by."
