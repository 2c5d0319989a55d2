"""What lesson 00 asks: costs, a rule that the file decides, and the team's first decisions."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from classroom.equality import is_bool, items, mistake, same
from classroom.exercises import Given, exercise

ROLES = ("model_owner", "on_call", "data_owner")


@exercise(
    "00-ex1",
    "threshold",
    hint="At the threshold both choices cost the same: standby = uncovered * p. What is p?",
    vary=lambda given: {"standby": 2, "uncovered": 16},
)
def threshold(threshold: Any, given: Given) -> bool | str:
    standby, uncovered = given.standby, given.uncovered
    if same(threshold, standby / uncovered):
        return True
    if same(threshold, standby / (standby + uncovered)):
        return "A crew that stands by is paid for whether the flight is late or not: p times what?"
    if same(threshold, 0.5):
        return "0.5 would be right if a late flight without a crew cost 2: compare the two costs."
    return mistake(threshold, standby / uncovered)


@exercise("00-ex2", "calibrated", hint="Compare abs(mean prediction - mean label) with the limit.")
def calibrated(calibrated: Any, given: Given) -> bool | str:
    import numpy as np
    import pandas as pd

    gate = given.team.usecase("flights").gate
    loose = gate.model_copy(update={"calibration_max": 0.6})
    strict = gate.model_copy(update={"calibration_max": 0.05})
    exact = gate.model_copy(update={"calibration_max": 0.25})
    few, many = pd.Series([0, 0, 0, 1]), pd.Series([0, 1, 1, 1])
    cases = (
        # Equal on average, and wrong on every flight: calibration is about the mean.
        (pd.Series([1, 0, 1, 0]), np.array([0.0, 1, 0, 1]), gate, True, "Means, not flights. "),
        (few, np.full(4, 0.27), strict, True, "Do not divide by the share that was late. "),
        (given.late, given.plain, gate, True, ""),
        (given.late, given.balanced, gate, False, ""),
        (many, few.to_numpy(float), gate, False, "Too low a prediction is a bias too. "),
        (many, few.to_numpy(float), loose, True, "Take the limit from gate_rules. "),
        (few, few.to_numpy(float) + 0.06, strict, False, "Take the limit from gate_rules. "),
        (few, np.full(4, 0.5), exact, True, "At most: the limit itself is allowed. "),
    )
    answers = []
    for label, said, rules, _, _ in cases:
        found = calibrated(label, said, rules)
        if not is_bool(found):
            kind = type(found).__name__
            return f"It returns {'nothing' if found is None else f'a {kind}'}: True or False."
        answers.append(bool(found))
    if len(set(answers)) == 1:
        return f"It should give True or False, by the bias; it gives {answers[0]} for every model."
    # At the limit itself a comparison that is turned round may be right: the last case is left out.
    if all(one is not case[3] for one, case in zip(answers[:-1], cases[:-1], strict=True)):
        return f"It is turned round: a small bias should give True, and gives {answers[0]}."
    for found, (label, said, rules, wanted, why) in zip(answers, cases, strict=True):
        if found is not wanted:
            bias, limit = said.mean() - label.mean(), rules.calibration_max
            return f"{why}A bias of {bias:+.2f} with a limit of {limit} should give {wanted}."
    return True


@exercise(
    "00-decide1",
    "may_force",
    hint='A list of roles, such as ["model_owner"]. The roles are the names in [owners].',
    key="permissions.force_rollback",
)
def may_force(may_force: Any) -> bool | str:
    roles = items(may_force)
    if roles is None:
        return 'A list, even for one role: ["model_owner"].'
    if not roles:
        return "Then nobody may, and the night has no way out: name at least one role."
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        return f"{unknown[0]!r} is no role of [owners]; there are {', '.join(ROLES)}."
    if len(set(roles)) < len(roles):
        return "A role stands there twice."
    return isinstance(may_force, list) or "Write it as a list, in [ ]: it goes into a file."


@exercise(
    "00-decide2",
    "min_days",
    hint="A whole number of days from 7 to 14.",
    key="usecases.flights.gate.min_days",
)
def min_days(min_days: Any) -> bool | str:
    if is_bool(min_days) or not isinstance(min_days, Integral):
        return "A whole number of days, without quotes and without a point."
    if int(min_days) < 7:
        return "That is less than a week, and a Sunday is not like a Monday: from 7 on."
    if int(min_days) > 14:
        return "The window has 14 days: more than that are never there."
    return True


@exercise("00-type1", hint="!firstflight status")
def status(given: Given) -> bool | str:
    text = " ".join(line for line in given.source.splitlines() if not line.startswith("#"))
    if "firstflight status" in text:
        return "!" in text or "Put an exclamation mark before it: the line is for the shell."
    if "firstflight" in text:
        return "The command is there, and its word is another one: status."
    return "Type the whole command behind the exclamation mark: firstflight status."
