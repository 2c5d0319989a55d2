"""What lesson 05 asks: intervals of days, one airline, a rule of one's own, and a decision."""

from __future__ import annotations

import re
from numbers import Real
from typing import Any

from classroom.equality import same
from classroom.exercises import Given, exercise, not_texts, what_it_is

RULES = (
    "enough_data",
    "window_age",
    "suspicious",
    "beats_naive",
    "calibration",
    "better_than_live",
    "slices",
    "budgets",
)
ROLES = ("model_owner", "on_call", "data_owner")
# Draws of 1,000 move the width of an interval by 3%; 95% instead of 90% widens it by 19%.
NOISE = 0.12


@exercise(
    "05-ex1",
    "asked",
    hint="Two hours before departure the delay is not known. How does pandas write a number that "
    "is not known? asked = seen.assign(dep_delay=...)",
)
def asked(asked: Any, given: Given) -> bool | str:
    import pandas as pd

    seen = given.seen
    if not isinstance(asked, pd.DataFrame):
        return "A table is wanted: seen, with another dep_delay."
    if "dep_delay" not in asked:
        return "The model was fitted with the column dep_delay and wants it: its value is missing."
    if len(asked) != len(seen):
        return "All flights are asked about: keep every row."
    if sorted(asked) != sorted(seen):
        return "The other columns are known, and the model wants them: keep them all."
    delay = asked["dep_delay"]
    if delay.notna().all() and same(delay.nunique(), 1):
        number = delay.iloc[0]
        said = f"{number:.4g}" if isinstance(number, Real) else str(number)
        what = "that each flight leaves in time" if number == 0 else "the same delay for all"
        return f"{said} claims {what}: that is not known either. Say that it is missing."
    if delay.notna().any():
        return "It still holds delays that nobody knows two hours before departure."
    if delay.dtype == object:
        return "The model takes numbers: use a number that says 'missing', float('nan')."
    rest = [column for column in seen if column != "dep_delay"]
    if not asked[rest].equals(seen[rest]):
        return "Leave the other columns as they are: a caller knows them."
    return list(asked) == list(seen) or "Keep the columns in their order."


@exercise(
    "05-ex2",
    "by_blocks",
    hint="Two lines: bootstrap = CircularBlockBootstrap(rules.block_days, numbers, seed=1), then "
    "its conf_int(np.mean, 1000, method=..., size=...).",
)
def by_blocks(by_blocks: Any, given: Given) -> bool | str:
    import numpy as np

    from firstflight import intervals

    rng, rules = np.random.default_rng(5), given.rules
    # Days that hardly differ from their neighbours tell blocks from single days; days on their own
    # tell a confidence from another one.
    like, own = intervals.autoregression(4, 60, 0.9, rng), rng.normal(size=(4, 60))
    ratios = []
    for numbers in (*(own + 1.5), *(like - 2.5)):
        ends = _two(found := by_blocks(numbers))
        if ends is not None and np.ndim(found) > 1:
            return "It returns a table: two plain numbers are wanted, those of the column [:, 0]."
        if ends is None:
            return f"It returns {what_it_is(found)}, and two numbers are wanted: low and high."
        low, high = ends
        if low > high:
            return "Low comes first, then high."
        if not low < numbers.mean() < high:
            return "The interval does not lie around the mean of the numbers that came in."
        variance = intervals.circular_variance(numbers[None, :], rules.block_days)[0]
        ratios.append((high - low) / (2 * 1.645 * np.sqrt(variance)))
    single, neighbours = np.mean(ratios[:4]), np.mean(ratios[4:])
    if single > 3:
        return "That is where single days lie; the interval of their mean is wanted."
    if neighbours / single > 1 + NOISE:
        return "It draws longer blocks than rules.block_days."
    if neighbours / single < 1 - NOISE:
        return (
            "On days that resemble each other it is too short: draw blocks of rules.block_days "
            "days, not single ones."
        )
    if abs(single / (1.96 / 1.645) - 1) < 0.06:
        return "That is a 95% interval, arch's default: size is the team's confidence."
    if abs(single - 1) > NOISE or abs(neighbours - 1) > NOISE:
        return f"It is {single:.2f} times as wide as it should be: size is the confidence."
    # The team's file may say another length one day.
    return _follows_the_rules(by_blocks, like[0], given)


def _follows_the_rules(by_blocks: Any, numbers: Any, given: Given) -> bool | str:
    """Ask again while the notebook's rules are others."""
    import numpy as np

    from firstflight import intervals

    other = given.rules.model_copy(update={"block_days": 4, "confidence": 0.5})
    notebook = getattr(by_blocks, "__wrapped__", by_blocks).__globals__
    before = notebook["rules"]
    try:
        notebook["rules"] = other
        low, high = _two(by_blocks(numbers)) or (0.0, 0.0)
    finally:
        notebook["rules"] = before
    wanted = 2 * 0.6745 * np.sqrt(intervals.circular_variance(numbers[None, :], 4)[0])
    if abs((high - low) / wanted - 1) > 0.25:
        return (
            "Right for today's rules, and typed in: take block length and confidence from rules, "
            "so that it follows when the team decides anew."
        )
    return True


def _two(found: Any) -> tuple[float, float] | None:
    import numpy as np

    try:
        ends = np.asarray(found, dtype=float).ravel()
    except (TypeError, ValueError):
        return None
    return (float(ends[0]), float(ends[1])) if ends.size == 2 and np.isfinite(ends).all() else None


@exercise("05-ex3", "decide", hint="Which side of zero is the whole interval on?")
def decide(decide: Any, given: Given) -> bool | str:
    for low, high, wanted, why in (
        (-0.02, -0.01, "pass", "All of it is below 0, and a lower loss is better."),
        (0.01, 0.02, "fail", "All of it is above 0, and a lower loss is better."),
        (-0.01, 0.01, "hold", "It holds 0."),
        (-0.03, 0.001, "hold", "Its middle is below 0, and it holds 0: not proven."),
        (-0.001, 0.03, "hold", "Its middle is above 0, and it holds 0: not proven."),
        (-0.02, 0.0, "hold", "0 itself still is in the interval."),
        (0.0, 0.02, "hold", "0 itself still is in the interval."),
        (-0.3, -0.2, "pass", "All of it is below 0, however far."),
    ):
        mean = (low + high) / 2
        found = given.by_day.model_copy(update={"low": low, "high": high, "mean": mean})
        said = decide(found)
        if not isinstance(said, str):
            return f'It returns {what_it_is(said)}: one of the words "pass", "hold", "fail".'
        if said != wanted:
            return f"From {low:+g} to {high:+g} it says {said!r}. {why}"
    return True


@exercise(
    "05-ex4",
    "gap_of",
    hint="Which rows are the carrier's? its = (rows['carrier'] == carrier).to_numpy(). Then "
    "metrics.difference, each of its three columns on these rows, and **rules.how.",
)
def gap_of(gap_of: Any, given: Given) -> bool | str:
    from firstflight import metrics

    rows, loss, live, rules = given.rows, given.loss, given.live, given.rules
    for carrier in ("UA", "EV", "B6"):
        its = (rows["carrier"] == carrier).to_numpy()
        mine, dates = loss["no EV"][its], rows["date"][its]
        wanted = metrics.difference(mine, live[its], dates, **rules.how)
        found = gap_of(carrier)
        if not isinstance(found, metrics.Interval):
            return f"It returns {what_it_is(found)}: metrics.difference gives an Interval."
        if found.n_rows != wanted.n_rows:
            of_ev = int((rows["carrier"] == "EV").sum())
            if found.n_rows == len(rows):
                return f"For {carrier} it takes all {len(rows)} flights: only the carrier's."
            if found.n_rows == of_ev:
                return f"For {carrier} it takes EV's flights: use the carrier that comes in."
            if found.n_rows == len(rows) - wanted.n_rows:
                return f"For {carrier} it takes the flights of all the others."
            return f"For {carrier} it takes {found.n_rows} flights; there are {wanted.n_rows}."
        if same(found.mean, -wanted.mean):
            return "Its sign is turned round: the candidate minus live."
        if not same(found.mean, wanted.mean):
            others = {
                name: metrics.difference(each[its], live[its], dates, n=10).mean
                for name, each in loss.items()
            }
            name = next((n for n, mean in others.items() if same(found.mean, mean)), "")
            if name:
                return f"That is the candidate {name!r}; the one asked for is 'no EV'."
            return f"For {carrier} its mean is {found.mean:+.4f}: are all three of the same rows?"
        if found.n_days != wanted.n_days:
            return (
                f"It rests on {found.n_days} days, and there are {wanted.n_days}: rows['date'] of "
                "the same rows says which day each is of."
            )
        for name in ("confidence", "block_days", "autocorrelation"):
            if getattr(found, name) != getattr(wanted, name):
                return (
                    f"Its {name} is {getattr(found, name):g}, and the team's is "
                    f"{getattr(wanted, name):g}: **rules.how hands over all of them."
                )
        if abs(found.standard_error / wanted.standard_error - 1) > NOISE:
            return "Right, but drawn too few times: **rules.how has the number of draws."
    return True


@exercise(
    "05-ex5",
    "choice",
    hint="Which assumption makes days tell the most? A dict with the keys block_days and "
    "autocorrelation.",
)
def choice(choice: Any, given: Given) -> bool | str:
    from numbers import Integral, Real

    from firstflight import metrics

    if not isinstance(choice, dict):
        return f'It is {what_it_is(choice)}: write {{"block_days": ..., "autocorrelation": ...}}.'
    wanted = {"block_days", "autocorrelation"}
    more = sorted(map(str, choice.keys() - wanted))
    if more:
        return f"Leave {more[0]} as the team has it: only block_days and autocorrelation."
    if wanted - choice.keys():
        return f"{min(wanted - choice.keys())} is missing."
    block, memory = choice["block_days"], choice["autocorrelation"]
    if isinstance(block, bool) or not isinstance(block, Integral) or int(block) < 1:
        return "block_days is a whole number of days, 1 or more."
    if isinstance(memory, bool) or not isinstance(memory, Real) or not 0 <= float(memory) <= 0.9:
        return "autocorrelation is a number from 0 to 0.9."
    ev, loss = given.ev, given.loss["no EV"]
    dates = given.rows["date"][ev]
    found = metrics.difference(loss[ev], given.live[ev], dates, **given.rules.how | choice)
    if found.low > 0:
        return True
    cut = f" (blocks of {found.block_days}: at most half of the days)" if int(block) > 7 else ""
    return f"With these it is {found}{cut}: it holds 0, so nothing is proven. Narrower, or wider?"


@exercise(
    "05-ex6",
    "carrier_calibration",
    hint="bias.abs().idxmax() is the carrier furthest off, bias[worst] its bias. Return "
    "gate.Check(rule=..., outcome=..., value=..., threshold=..., sentence=...).",
)
def carrier_calibration(carrier_calibration: Any, given: Given) -> bool | str:
    from firstflight import gate

    rows, rules, said = given.rows, given.rules, given.predictions
    strict = rules.model_copy(update={"calibration_max": 0.02})
    loose = rules.model_copy(update={"calibration_max": 0.5})
    few = rules.model_copy(update={"slice_min_rows": 20})
    many = rules.model_copy(update={"slice_min_rows": 2100})
    high = (rows["live"] + 0.2).clip(upper=1).where(rows["carrier"] == "DL", rows["live"])
    asks = (
        ("no EV", said["no EV"], rules, ""),
        ("trees", said["trees"], rules, ""),
        ("balanced", said["balanced"], rules, "Too high is a bias too. "),
        ("version 1 with DL 0.2 higher", high, rules, "Too high is a bias too. "),
        ("trees, with a limit of 0.02", said["trees"], strict, "The limit is rules'. "),
        ("no EV, with a limit of 0.5", said["no EV"], loose, "The limit is rules'. "),
        ("trees, judging small carriers too", said["trees"], few, ""),
        ("no EV, judging large carriers only", said["no EV"], many, ""),
    )
    for name, answers, its, why in asks:
        scored = rows.assign(candidate=answers)
        off = (scored["candidate"] - scored["label"]).groupby(scored["carrier"])
        bias = off.mean()[off.size() >= its.slice_min_rows]
        worst = bias.abs().idxmax()
        wanted = "fail" if abs(bias[worst]) > its.calibration_max else "pass"
        found = carrier_calibration(scored, its)
        if not isinstance(found, gate.Check):
            return f"It returns {what_it_is(found)}: return a gate.Check, as the team's rules do."
        if found.rule in RULES or not found.rule.strip():
            return f"The team has a rule {found.rule!r} already: name yours carrier_calibration."
        if found.outcome != wanted:
            return (
                f"{why}Of {name} it says {found.outcome!r}, and {worst} is off by "
                f"{bias[worst]:+.3f} with a limit of {its.calibration_max:g}."
            )
        if found.value is None or not same(float(found.value), float(bias[worst])):
            if found.value is not None and same(float(found.value), abs(float(bias[worst]))):
                return "Its value has lost the sign: too high, or too low? Keep it for the reader."
            small = off.mean()[off.size() < its.slice_min_rows]
            if any(same(float(one), found.value) for one in small):
                return "It takes a carrier with few flights: keep to those of rules.slice_min_rows."
            return (
                f"{why}Of {name} its value is {found.value}: give the bias of the carrier that is "
                "furthest off."
            )
        if found.threshold is None or not same(found.threshold, its.calibration_max):
            return "Its threshold is the limit of the rules that came in: rules.calibration_max."
        if not re.search(rf"\b{re.escape(worst)}\b", found.sentence):
            return f"Of {name} its sentence does not name the carrier: who is off is the reason."
        if not re.search(r"\d", found.sentence.replace(worst, "")):
            return "Its sentence has no number in it: off by how much?"
    exact = rows.assign(candidate=rows["label"].astype(float))
    exact.loc[exact["carrier"] == "EV", "label"] = 0
    exact.loc[exact["carrier"] == "EV", "candidate"] = 0.125
    at = rules.model_copy(update={"calibration_max": 0.125})
    if carrier_calibration(exact, at).outcome != "pass":
        return "Exactly at the limit it says 'fail': up to the limit is allowed."
    return True


@exercise(
    "05-ex7",
    "broken",
    hint="Take rows['live'] and raise it for one large airline: rows.assign(candidate=...). "
    "Series.where(condition, other) changes some rows and keeps the others.",
)
def broken(broken: Any, given: Given) -> bool | str:
    import pandas as pd

    from firstflight import metrics

    rows, rules = given.rows, given.rules
    if not isinstance(broken, pd.DataFrame):
        return f"It is {what_it_is(broken)}: a table is wanted, rows.assign(candidate=...)."
    if "candidate" not in broken:
        return "It has no column candidate."
    if len(broken) != len(rows):
        return f"It has {len(broken)} rows: all {len(rows)} flights are to be judged."
    for column in ("label", "carrier", "date"):
        if column not in broken or not same(broken[column], rows[column]):
            return f"The column {column} is what happened: leave it, and change only candidate."
    said = pd.to_numeric(broken["candidate"], errors="coerce")
    if said.isna().any():
        return "A candidate has to say something about each flight: some values are missing."
    if said.min() < 0 or said.max() > 1:
        return (
            f"It says probabilities from {said.min():.2f} to {said.max():.2f}: clip(0, 1) keeps "
            "them between 0 and 1."
        )
    everybody = metrics.calibration(rows["label"], said)
    off = (said - rows["label"]).groupby(rows["carrier"])
    bias = off.mean()[off.size() >= rules.slice_min_rows]
    worst = bias.abs().idxmax()
    if abs(bias[worst]) <= rules.calibration_max:
        small = off.mean()[off.size() < rules.slice_min_rows].abs()
        of_small = "" if small.empty else " Carriers with few flights are not judged."
        return f"Your rule lets it pass: {worst} is furthest off, by {bias[worst]:+.3f}.{of_small}"
    if abs(everybody) > rules.calibration_max:
        return (
            f"The team's own rule stops it too: over everybody it is off by {everybody:+.3f}. "
            "Change one airline, not all."
        )
    return True


COMMAND = re.compile(r"firstflight\s+gate\b(.*)")


@exercise("05-type1", "code", hint="!firstflight gate 1, and below it: code = _exit_code")
def typed(code: Any, given: Given) -> bool | str:
    from firstflight import judgements

    lines = [line for line in given.source.splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines)
    found = COMMAND.search(text)
    if "firstflight" in text and not found:
        return "The command is there, and its word is another one: firstflight gate 1."
    if found:
        if not re.search(r"!\s*firstflight\s+gate", text):
            return "Put an exclamation mark before it: the line is for the shell."
        words = re.split(r"[;&|]", found[1])[0].split()
        options = [word.partition("=")[0] for word in words if word.startswith("-")]
        unknown = [one for one in options if one not in {"--json", "-u", "--usecase", "--help"}]
        if unknown:
            return f"gate has no {unknown[0]}, since judging needs no role: firstflight gate 1."
        if "1" not in words:
            return "Which version? firstflight gate 1."
    if not judgements.judged("flights", "1"):
        return "Version 1 was not judged yet: type firstflight gate 1, here or in a terminal."
    if isinstance(code, bool) or not isinstance(code, int):
        return f"The exit code is a number, and you have {what_it_is(code)}: code = _exit_code."
    if code == 1:
        return (
            "1 is a refusal, as on 28 March. Run the cell above again, which ends on 1 April, and "
            "then your own command."
        )
    if code == 3:
        return "3 would be a hold or a fail: read the verdict again."
    if code == 127:
        return "127 says that the shell found no such command: look at its spelling."
    if code != 0:
        return "Read it right after the command: _exit_code is of the last line with an !."
    return True


@exercise(
    "05-look1",
    "judged_by",
    hint="On the version's page, among the tags: gate.rules_digest.",
)
def judged_by(judged_by: Any, given: Given) -> bool | str:
    from firstflight import registry

    tags = registry.tags("flights", "1")
    wanted = tags["gate.rules_digest"]
    if not isinstance(judged_by, str):
        return "A text, in quotes: the digest has letters in it."
    if judged_by == wanted:
        return True
    if judged_by.strip().lower() == wanted:
        return "Nearly: without spaces, and in small letters, as it stands there."
    if not judged_by.strip():
        return "It is empty: copy the value of the tag that speaks of the rules."
    if judged_by in tags:
        return f"{judged_by} is the name of a tag: copy its value."
    name = next((key for key, value in tags.items() if value == judged_by), "")
    if name:
        return f"That is the value of {name}: which tag speaks of the rules?"
    if len(judged_by) >= 4 and wanted.startswith(judged_by.rstrip(".… ")):
        return f"That is its beginning: copy all {len(wanted)} characters."
    return "No tag of version 1 has this value: look for the tag that speaks of rules."


@exercise(
    "05-decide1",
    "decision",
    hint='{"verdict": "ship" or "wait", "by": a role, "reason": a sentence, "look_again": a day}',
)
def decision(decision: Any) -> bool | str:
    import datetime as dt

    from firstflight import process

    keys = ("verdict", "by", "reason", "look_again")
    if fault := not_texts(decision, keys):
        return fault
    verdict, by, reason, day = (decision[key].strip() for key in keys)
    if verdict not in ("ship", "wait"):
        return f'You decide {verdict!r}; there are two ways: "ship" or "wait".'
    if by not in ROLES:
        return f"{by!r} is no role of [owners]; there are {', '.join(ROLES)}."
    may = process.load().permissions.waive
    if verdict == "ship" and by not in may:
        return f"To ship a hold takes a waiver, and only {' or '.join(may)} may: not {by}."
    if len(reason) < 10 or len(reason.split()) < 3:
        return f"{reason!r} helps nobody on a bad night: say in a sentence why."
    try:
        again = dt.date.fromisoformat(day)
    except ValueError:
        return f"{day!r} is no day: write it as 2013-06-30."
    if again <= dt.date(2013, 4, 1):
        return f"{day} is over: look again later than today, 1 April 2013."
    if again < dt.date(2013, 4, 15):
        return (
            f"On {day} the next fortnight is not over, or its last labels are missing: it is 1 to "
            "14 April, and a label comes a day later."
        )
    if again > dt.date(2013, 7, 15):
        return f"Until {day} nobody looks? Choose a day within the next three months."
    return True
