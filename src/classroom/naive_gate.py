"""The gate that most teams start with, to be compared with the real one."""

from __future__ import annotations

import pandas as pd

from firstflight import gate
from firstflight.process import GateRules, Metric


def point_estimate_verdict(rows: pd.DataFrame, metric: Metric, rules: GateRules) -> gate.Verdict:
    """Return what a gate without intervals would say: the smaller mean wins.

    This is how most gates start, and it is wrong: the mean of a fortnight is one draw of fourteen
    days of weather. Two models that are equally good get a different mean each time, so half of
    the candidates that are no better "pass", and those that fit the last fortnight best pass first.
    It is here to be compared with `firstflight.gate.judge`; nothing ships by it. Parameters and
    errors as there.
    """
    gate.require_rows(rows, metric, rules)
    loss = gate.row_losses(rows, metric, rules)
    checks = []
    for other, rule in (
        (rules.must_beat, f"beats_{rules.must_beat}"),
        ("live", "better_than_live"),
    ):
        if other in loss:
            gap = float((loss["candidate"] - loss[other]).mean())
            checks.append(
                gate.Check(
                    rule=rule,
                    outcome="pass" if gap < 0 else "fail",
                    value=gap,
                    threshold=0.0,
                    sentence=f"The candidate's mean loss minus that of {other} is {gap:+.4f}.",
                )
            )
    return gate.verdict_of(checks, rows, metric, rules)
