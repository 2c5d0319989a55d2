"""What lesson 08 asks: the rule of a stage, a fair split, honest looks, a rollout by command."""

from __future__ import annotations

import argparse
import shlex
from numbers import Real
from typing import Any, NoReturn

from classroom.equality import is_bool, items, same
from classroom.exercises import Given, exercise

SHARES = (0.1, 0.2, 0.25)
"""Shares of a canary with which version 2 was measured to be promoted, on the same day."""
ROLE = "model_owner"


# Commands


class _WrongLineError(Exception):
    """A command that its program would refuse."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongLineError(message)


def _line(source: str, word: str) -> list[str] | str | None:
    """Return what stands behind the word of a typed command, a hint, or None where none stands."""
    rows = [row.strip() for row in source.splitlines()]
    typed = (row.rstrip("\\") for row in rows if row not in ("", "pass") and row[0] != "#")
    text = " ".join(typed).strip()
    if not text or text == "...":
        return None
    if "firstflight" not in text:
        return f"Type the whole command behind an exclamation mark: firstflight {word} ..."
    if not text.startswith("!"):
        return (
            "Put an exclamation mark before it, and nothing around it: the line is for the shell."
        )
    try:
        words = shlex.split(text[1:])
    except ValueError:
        return "A quotation mark is opened and not closed."
    if words[:1] != ["firstflight"]:
        return "The line begins with another program: firstflight comes first."
    if words[1:2] != [word]:
        return f"The first word behind firstflight says what to do: here it is {word}."
    return words[2:]


def _mistyped(given: Given, word: str, version: bool) -> str:
    """Return what is wrong with a typed change of what serves, or "" where it is well typed."""
    found = _line(given.source, word)
    if not isinstance(found, list):
        return found or ""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("versions", nargs="*")
    for names in (("--by",), ("--reason",), ("--usecase", "-u")):
        parser.add_argument(*names)
    try:
        line, unknown = parser.parse_known_args(found)
    except _WrongLineError as error:
        return f"The shell cannot read it ({error}): each option takes one value."
    if "--help" in unknown:
        return "That shows how it is typed. Now type it with your own values."
    if unknown:
        return f"There is no option {unknown[0]}: `firstflight {word} --help` lists them."
    if line.reason is None:
        return 'The history asks why: --reason "..." is missing.'
    if not version and line.versions == [given.version]:
        return f"{word} takes no version: leave the {given.version} out, there is one candidate."
    if len(line.versions) > version:
        return "There is a word too many: a reason of several words stands in quotation marks."
    if version and not line.versions:
        return f"Which version? Its number stands behind {word}."
    wanted = {given.version, "{version}", "$version", "candidate"}
    if version and line.versions[0] not in wanted:
        return f"Version {line.versions[0]} is not the new one: its number was printed above."
    if line.by is None:
        return "The history asks who decides: --by names a role."
    if line.by != ROLE:
        return f"{line.by} may not: which role may stands in process.toml, in [permissions]."
    if line.usecase not in (None, "flights"):
        return f"It is about the use case flights, and not about {line.usecase}."
    if not line.reason.strip():
        return "The reason is empty: whoever reads it on a bad night needs a sentence."
    return ""


def _changed(given: Given, action: str) -> bool:
    """Tell whether the history says that the new version's stage was begun."""
    from firstflight import history

    alias = "live" if action == "promote" else "candidate"
    return any(
        entry.action == action and entry.after.get(alias) == given.version and entry.by == ROLE
        for entry in history.entries("flights")
    )


def _by_command(given: Given, action: str, version: bool) -> bool | str:
    wrong = _mistyped(given, action, version)
    if wrong:
        return wrong
    return _changed(given, action) or "The history has no such entry: what did the command say?"


@exercise(
    "08-type1",
    hint='!firstflight shadow VERSION --by ROLE --reason "...", as the refused promote above.',
)
def shadow(given: Given) -> bool | str:
    return _by_command(given, "shadow", version=True)


@exercise("08-type2", hint="One word behind !firstflight; `!firstflight --help` lists them.")
def decide_shadow(given: Given) -> bool | str:
    from firstflight import judgements

    found = _line(given.source, "decide")
    if isinstance(found, str):
        return found
    extra = [word for word in found or () if word not in ("--json", "--usecase", "-u", "flights")]
    if extra:
        return f"It takes no {extra[0]}: it knows which rollout is in progress."
    newest = judgements.decision_of("flights", given.version, "shadow")
    if newest is None or newest.decision.n_days < 14:
        return "No decision on 14 days is written down: what did the command say?"
    return True


@exercise(
    "08-type3",
    hint='!firstflight canary --by ROLE --reason "...": there is only one candidate.',
)
def canary(given: Given) -> bool | str:
    return _by_command(given, "canary", version=False)


@exercise("08-type4", hint="As the promote that was refused at the top; now the reason is another.")
def promote(given: Given) -> bool | str:
    return _by_command(given, "promote", version=True)


# A page


@exercise(
    "08-look1",
    "seen",
    hint="On the page: status, Try it out, Execute. Two numbers in ( ): shadow_failures first.",
)
def service_status(seen: Any, given: Given) -> bool | str:
    import httpx

    status = httpx.post(f"{given.service.url}/status", json={}, timeout=10, trust_env=False).json()
    failures, answered = status["shadow_failures"], status["answered"]
    found = items(seen)
    if found is None or len(found) != 2:
        return "Two numbers in ( ), with a comma between them."
    if any(is_bool(one) or not isinstance(one, Real) for one in found):
        return "Two numbers, without quotes: read them off the answer of status."
    if same(found, [failures, answered]):
        return True
    if same(found, [answered, failures]):
        return "The right numbers, in another order: the failures of the shadow come first."
    if same(found[1], status["log_failures"]) or same(found[1], given.sent.failed):
        return "The second number is how many requests were answered: answered."
    if same(found[1], 2 * answered):
        return "The predictions of the shadow are no answers: read what stands at answered."
    if not same(found[1], answered):
        return "The second number is another one: it counts since the service's start; ask again."
    return "The first number is not that of shadow_failures."


# The rule


@exercise(
    "08-ex1",
    "step",
    hint="First ask whether there is enough, then for harm, then for the proof, then for the days.",
)
def step(step: Any, given: Given) -> bool | str:
    from firstflight.metrics import Interval

    def gap(low: float, high: float) -> Interval:
        return Interval(
            mean=(low + high) / 2,
            low=low,
            high=high,
            n_rows=9000,
            n_days=10,
            confidence=0.9,
            standard_error=(high - low) / 8,
            critical=4.0,
            block_days=2,
            autocorrelation=0.4,
        )

    shadow, canary = given.rules.rollout.shadow, given.rules.rollout.canary
    quick = shadow.model_copy(
        update={"min_days": 3, "max_days": 9, "min_labels": 50, "min_coverage": 0.6}
    )
    lenient = canary.model_copy(update={"undecided": "continue"})
    bold = canary.model_copy(update={"undecided": "promote"})
    harsh = canary.model_copy(update={"promote_below": -0.1, "abort_above": 0.05})
    better, worse, open_ = gap(-0.3, -0.1), gap(0.1, 0.3), gap(-0.2, 0.2)
    early = "There is not enough yet, however good it looks. "
    cases = (
        (better, 10, 9000, 0.95, shadow, "promote", ""),
        (worse, 10, 9000, 0.95, shadow, "abort", ""),
        (open_, 10, 9000, 0.95, shadow, "continue", "Neither is shown, and there are days left. "),
        (better, 6, 9000, 0.95, shadow, "continue", early),
        (better, 10, 3999, 0.95, shadow, "continue", early),
        (better, 10, 9000, 0.89, shadow, "continue", "Labels are missing: wait for them. "),
        (worse, 6, 9000, 0.95, shadow, "continue", "Not enough for harm is not enough either. "),
        (None, 1, 900, 0.95, shadow, "continue", "One day has no interval (gap is None). "),
        (better, 7, 4000, 0.9, shadow, "promote", "At least: the limits themselves are enough. "),
        (better, 4, 60, 0.7, quick, "promote", "Take the limits from stage. "),
        (open_, 28, 9000, 0.95, shadow, "abort", "The stage has had its max_days. "),
        (open_, 9, 9000, 0.95, quick, "abort", "Take max_days from stage. "),
        (open_, 28, 9000, 0.95, lenient, "continue", "What then happens stands in stage. "),
        (open_, 28, 9000, 0.95, bold, "promote", "What then happens stands in stage. "),
        (better, 28, 9000, 0.95, shadow, "promote", "Proven on the last day is proven. "),
        (open_, 28, 3000, 0.95, shadow, "continue", early),
        (gap(-0.1, 0.005), 10, 9000, 0.95, canary, "promote", "Take promote_below from stage. "),
        (gap(0.002, 0.008), 10, 9000, 0.95, canary, "abort", "Harm that is shown is harm. "),
        (gap(-0.2, 0.0), 10, 9000, 0.95, shadow, "continue", "Below: not on the limit. "),
        (gap(0.0, 0.2), 10, 9000, 0.95, shadow, "continue", "Above: not on the limit. "),
        (gap(-0.09, -0.01), 10, 9000, 0.95, harsh, "continue", "Take promote_below from stage. "),
        (gap(0.01, 0.09), 10, 9000, 0.95, harsh, "continue", "Take abort_above from stage. "),
        (gap(-0.3, 0.1), 10, 9000, 0.95, shadow, "continue", "The whole interval counts. "),
        (gap(-0.1, 0.3), 10, 9000, 0.95, shadow, "continue", "The whole interval counts. "),
    )
    for found, n_days, n_labels, coverage, stage, wanted, why in cases:
        said = step(found, n_days, n_labels, coverage, stage)
        if said is None:
            return "In some case it returns nothing: each way through must end in a return."
        if not isinstance(said, str):
            return f'It returns {said!r}: one of "promote", "continue" and "abort" is wanted.'
        if said != wanted:
            where = "no interval" if found is None else f"[{found.low:+g}, {found.high:+g}]"
            return (
                f"{why}{where}, {n_days} of {stage.min_days} to {stage.max_days} days, {n_labels} "
                f"labels, coverage {coverage}: it says {said!r}."
            )
    return True


# Looks


@exercise(
    "08-ex2",
    "peeked",
    hint="For each day: ttest_1samp(series[:, :day], 0, axis=1, ...).pvalue; then any of them.",
)
def peeked(peeked: Any) -> bool | str:
    import numpy as np
    from scipy.stats import ttest_1samp

    def wanted(series: Any, days: Any, side: str = "less", size: float = 0.05) -> Any:
        tests = [ttest_1samp(series[:, :day], 0, axis=1, alternative=side) for day in days]
        return np.any([test.pvalue < size for test in tests], axis=0)

    rng = np.random.default_rng(8)
    for days in ([12], [7, 14, 21], range(5, 25)):
        series = rng.normal(size=(400, 30)) - 0.1
        right = wanted(series, days)
        try:
            found = peeked(series, days)
        except AttributeError as error:
            if "loc" not in str(error):
                raise
            return "series is a NumPy array, not a table: series[:, :day]."
        except np.exceptions.AxisError:
            return "series[:, day] is one day alone: the days so far are series[:, :day]."
        if found is None:
            return "It returns nothing: what comes out must be returned."
        got = np.asarray(found)
        if got.ndim == 0:
            return "One truth value per rollout is wanted, and it returns a single value."
        if got.shape != right.shape:
            return (
                f"{len(right)} rollouts and {len(days)} days came in, and a result of the shape "
                f"{got.shape} came out: one truth value per rollout is wanted (which axis?)."
            )
        if got.dtype != bool:
            return "It returns numbers: a truth value per rollout is wanted, p-value below 0.05."
        if np.array_equal(got, right):
            continue
        others = {
            'It tests both sides: better is a mean below 0, so alternative="less".': wanted(
                series, days, "two-sided"
            ),
            "It counts the worse ones: better is a mean below 0.": wanted(series, days, "greater"),
            "It is the other way round: True where the p-value is below 0.05.": ~right,
            "On day k only the first k days are known: series[:, :day].": wanted(series, [30]),
            "It is a day short: the first `day` days are series[:, :day].": wanted(
                series, [day - 1 for day in days]
            ),
            "It is a day too long: the first `day` days are series[:, :day].": wanted(
                series, [day + 1 for day in days]
            ),
            "Only the last look counts in it: one good look on any day is enough.": wanted(
                series, [max(days)]
            ),
            "Only the first look counts in it: one good look on any day is enough.": wanted(
                series, [min(days)]
            ),
            "It asks for all looks: who stops at the first good one needs any of them.": np.all(
                [wanted(series, [day]) for day in days], axis=0
            ),
            "The limit of the p-value is 0.05.": wanted(series, days, "less", 0.1),
        }
        for why, other in others.items():
            if np.array_equal(got, other):
                return why
        return f"For looks on days {list(days)[:3]} it is wrong for some rollouts: use these days."
    return True


# The split


@exercise(
    "08-decide1",
    "share",
    hint="One of 0.1, 0.2 and 0.25: with these three this rollout was measured.",
    key="usecases.flights.rollout.canary_share",
)
def canary_share(share: Any) -> bool | str:
    from firstflight import history

    if is_bool(share) or not isinstance(share, Real):
        return "A number, without quotes and brackets: such as 0.1."
    value = float(share)
    now = history.serving("flights")
    if now.mode == "canary" and not same(value, now.share):
        return f"The canary is under way with {now.share:g}: to decide anew, begin the lesson anew."
    if any(same(value, allowed) for allowed in SHARES):
        return True
    if value > 1:
        return "That is in percent: a share is a number from 0 to 1."
    if value <= 0:
        return "Then nobody would hear from it, and a canary is there to be heard."
    if value < min(SHARES):
        return (
            "Measured: with 0.05 nothing is proven in 28 days, and with 0.02 the labels are short."
        )
    if value > max(SHARES):
        return "Many would hear from it, and the standard error says that you gain nothing by it."
    return "It would work too, perhaps: only 0.1, 0.2 and 0.25 were measured on these weeks."


@exercise(
    "08-ex3",
    "to_candidate",
    hint="share_of(key) is a number from 0 to below 1: compare it with share.",
)
def to_candidate(to_candidate: Any) -> bool | str:
    from firstflight.service import share_of

    keys = [(f"2013-11-{day:02}", "XX", number, "EWR") for day in (3, 4) for number in range(400)]
    numbers = [share_of(key) for key in keys]
    for share in (0.2, 0.5, 0.03):
        said = [to_candidate(key, share) for key in keys]
        if any(one is None for one in said):
            return "It returns nothing: return True or False."
        if not all(is_bool(one) for one in said):
            return f"It returns {said[0]!r}: True or False is wanted."
        if said == [number < share for number in numbers]:
            continue
        if said != [to_candidate(key, share) for key in keys]:
            return (
                "Asked twice about the same flight, it says two things: let the key alone decide."
            )
        if said == [number >= share for number in numbers]:
            return f"With a share of {share}, {sum(said) / len(said):.0%} go to the candidate."
        if said == [number > 1 - share for number in numbers]:
            return "The right number of flights, and others than the service's: compare from below."
        if share != 0.2 and said == [number < 0.2 for number in numbers]:
            return "With another share it sends the same flights: take the share that comes in."
        return (
            f"With a share of {share} it sends other flights than the service: use share_of(key)."
        )
    return True


@exercise(
    "08-ex4",
    "fair",
    hint="binomtest(how many, of how many, share).pvalue; chi2_contingency(crosstab).pvalue.",
)
def fair(fair: Any) -> bool | str:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(4)
    n = 1500
    carrier = np.array(["AA", "BB", "CC", "DD"])[rng.integers(0, 4, n)]

    def split(first: Any, again: Any = None) -> pd.DataFrame:
        again = first if again is None else again
        return pd.DataFrame({"carrier": carrier, "first": first, "again": again})

    hashed, other = rng.random(n) < 0.2, rng.random(n) < 0.2
    one_late = hashed.copy()
    one_late[-1] = ~one_late[-1]
    half, tenth = rng.random(n) < 0.5, rng.random(n) < 0.1
    whole = (carrier == "AA") & (rng.random(n) < 0.8)  # a fifth, and of one airline alone
    leaning = rng.random(n) < np.where(carrier == "BB", 0.35, 0.15)
    # By chance, with p-values between 0.001 and 0.05.
    many = np.random.default_rng(1).permutation(n) < 340
    uneven = np.random.default_rng(1).random(n) < np.where(carrier == "BB", 0.26, 0.185)
    hidden = split(hashed).assign(again=rng.permutation(hashed))  # as many, and others
    cases = (
        ("a fair split of 0.2", split(hashed), 0.2, (True, True, True)),
        ("a fair split of 0.5", split(half), 0.5, (True, True, True)),
        ("lots, drawn anew", split(hashed, other), 0.2, (False, True, True)),
        ("one flight that changed sides", split(hashed, one_late), 0.2, (False, True, True)),
        ("as many again, but other flights", hidden, 0.2, (False, True, True)),
        ("half of the flights, where 0.2 was decided", split(half), 0.2, (True, False, True)),
        ("a tenth, where 0.2 was decided", split(tenth), 0.2, (True, False, True)),
        ("0.2, where half was decided", split(hashed), 0.5, (True, False, True)),
        ("one airline alone", split(whole), 0.2, (True, True, False)),
        ("an arm that leans to one airline", split(leaning), 0.2, (True, True, False)),
        ("340 of 1,500 at 0.2 (p is 0.01, allowed)", split(many), 0.2, (True, True, True)),
        ("airlines a little apart (p is 0.03, allowed)", split(uneven), 0.2, (True, True, True)),
    )
    names = ("same side", "share", "same kind")
    for what, asked, share, wanted in cases:
        try:
            found = fair(asked, share)
        except TypeError as error:
            if "must be an integer" not in str(error):
                raise
            return "binomtest counts: give it how many went to the candidate, not their share."
        if not isinstance(found, dict):
            got = "nothing" if found is None else f"a {type(found).__name__}"
            return f"It returns {got}: a dict with {', '.join(names)} is wanted."
        missing = [name for name in names if name not in found]
        if missing:
            return f"The dict has no {missing[0]!r}."
        for name, right in zip(names, wanted, strict=True):
            said = found[name]
            if not is_bool(said):
                return f"{name!r} is a {type(said).__name__}: True or False is wanted."
            if bool(said) is not right:
                return f"On {what} it says {bool(said)} for {name!r}."
    return True
