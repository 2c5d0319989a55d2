"""Each rule of the gate on a good and a bad case, and input that cannot be judged."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from classroom.naive_gate import point_estimate_verdict
from firstflight import process
from firstflight.errors import GateError
from firstflight.gate import Verdict, Waiver, judge, may_ship

RULES = process.load(process.DEFAULT).usecase("flights").gate
PROCESS = process.load(process.DEFAULT)


def with_waivable(*verdicts):
    waiver = PROCESS.waiver.model_copy(update={"may_waive": verdicts})
    return PROCESS.model_copy(update={"waiver": waiver})


BUDGETS = {"artifact_mb": 0.2, "one_row_ms": 9.0}
ORDER = [
    "enough_data",
    "suspicious",
    "beats_naive",
    "calibration",
    "better_than_live",
    "slices",
    "budgets",
]


def logistic(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def rows():
    """Return 14 days of flights: live knows half of what can be known, the candidate all of it."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(14), 700)
    n = day.size
    weather, known, hidden = rng.normal(0, 0.3, 14)[day], rng.normal(size=n), rng.normal(size=n)
    truth = logistic(-1.3 + weather + 0.8 * known + 0.5 * hidden)
    return pd.DataFrame(
        {
            "date": pd.Timestamp("2013-07-01") + pd.to_timedelta(day, unit="D"),
            "label": (rng.uniform(size=n) < truth).astype(float),
            "candidate": logistic(-1.3 + 0.8 * known + 0.5 * hidden),
            "live": logistic(-1.25 + 0.8 * known),
            "naive": 0.23,
            "origin": rng.choice(["EWR", "JFK", "LGA"], n),
            "carrier": rng.choice(["AA", "UA", "HA"], n, p=[0.6, 0.39, 0.01]),
        }
    )


@pytest.fixture
def tie(rows):
    """Return rows whose candidate wins on eight days of fourteen, by about what it loses by."""
    wins = (rows["date"].dt.day % 2 == 1) | (rows["date"].dt.day == 14)
    toward = np.where(wins, 0.03, -0.03)
    surer = rows["live"] + (rows["label"] - rows["live"]) * toward
    return rows.assign(candidate=surer.clip(0.001, 0.999))


def judged(rows, budgets=BUDGETS, **changes):
    return judge(rows, "log_loss", RULES.model_copy(update=changes), budgets)


def test_a_better_candidate_passes_every_rule(rows):
    verdict = judged(rows)
    assert (verdict.verdict, verdict.decided_by) == ("pass", "all rules")
    assert [check.rule for check in verdict.checks] == ORDER
    assert {check.outcome for check in verdict.checks} == {"pass"}
    assert verdict.check("better_than_live").interval.high < 0
    assert (verdict.n_rows, verdict.n_days) == (9800, 14)
    assert (str(verdict.first_day), str(verdict.last_day)) == ("2013-07-01", "2013-07-14")


def test_the_roles_swapped_fail(rows):
    swapped = rows.rename(columns={"candidate": "live", "live": "candidate"})
    assert not swapped["candidate"].equals(rows["candidate"]), "the inputs differ"
    verdict = judged(swapped)
    assert (verdict.verdict, verdict.decided_by) == ("fail", "better_than_live")
    assert verdict.check("better_than_live").interval.low > 0


def test_a_tie_holds_and_a_point_estimate_ships_it(tie):
    verdict = judged(tie)
    check = verdict.check("better_than_live")
    assert (verdict.verdict, verdict.decided_by) == ("hold", "better_than_live")
    assert check.interval.low < 0 < check.interval.high and check.value < 0
    assert "not proven" in verdict.reason
    naive = point_estimate_verdict(tie, "log_loss", RULES)
    assert (naive.verdict, naive.decided_by) == ("pass", "all rules")
    assert naive.check("better_than_live").value == pytest.approx(check.value)
    assert naive.check("better_than_live").interval is None


def test_a_tie_on_the_other_side_of_0_holds_too(tie):
    swapped = tie.rename(columns={"candidate": "live", "live": "candidate"})
    verdict = judged(swapped)
    assert verdict.check("better_than_live").value > 0, "a worse mean, and not proven either"
    assert (verdict.verdict, verdict.decided_by) == ("hold", "better_than_live")
    assert point_estimate_verdict(swapped, "log_loss", RULES).verdict == "fail"


def test_the_point_estimate_also_says_no(rows):
    swapped = rows.rename(columns={"candidate": "live", "live": "candidate"})
    verdict = point_estimate_verdict(swapped, "log_loss", RULES)
    assert (verdict.verdict, verdict.decided_by) == ("fail", "better_than_live")
    nothing_live = point_estimate_verdict(rows.drop(columns="live"), "log_loss", RULES)
    assert [check.rule for check in nothing_live.checks] == ["beats_naive"]


def test_the_same_candidate_as_live_is_not_proven_better(rows):
    verdict = judged(rows.assign(candidate=rows["live"]))
    assert (verdict.verdict, verdict.decided_by) == ("hold", "better_than_live")
    assert verdict.check("better_than_live").value == 0


def test_the_first_release_has_no_live_to_beat(rows):
    verdict = judged(rows.drop(columns="live"))
    assert verdict.verdict == "pass"
    assert verdict.check("better_than_live").interval is None
    assert "no live" in verdict.check("slices").sentence


@pytest.mark.parametrize(
    ("candidate", "outcome"), [("candidate", "pass"), ("naive", "hold"), ("noise", "fail")]
)
def test_what_does_not_beat_the_naive_guess_is_not_shipped(rows, candidate, outcome):
    rng = np.random.default_rng(1)
    noise = logistic(-1.3 + rng.normal(size=len(rows)))
    frame = rows.assign(noise=noise).drop(columns="live")
    verdict = judged(frame.assign(candidate=frame[candidate]))
    assert verdict.verdict == outcome
    assert verdict.check("beats_naive").outcome == outcome


def test_beside_live_the_naive_guess_must_only_not_be_better(rows):
    """Live must be beaten with proof; a tie with naive keeps the worse release from serving on."""
    tie = rows.assign(naive=rows["candidate"])
    verdict = judged(tie)
    assert verdict.verdict == "pass"
    assert "live is what must be beaten" in verdict.check("beats_naive").sentence
    assert judged(tie.drop(columns="live")).decided_by == "beats_naive", "the control: a hold"
    worse = judged(rows.rename(columns={"candidate": "naive", "naive": "candidate"}))
    assert worse.check("beats_naive").outcome == "fail"


def test_too_few_rows_or_days_hold_and_no_score_is_judged(rows):
    few_rows = judged(rows, min_rows=len(rows) + 1)
    few_days = judged(rows[rows["date"] <= "2013-07-09"])
    assert RULES.min_rows < (rows["date"] <= "2013-07-09").sum(), "the days decide, not the rows"
    for verdict in (few_rows, few_days):
        assert (verdict.verdict, verdict.decided_by) == ("hold", "enough_data")
        assert [check.rule for check in verdict.checks] == ["enough_data", "budgets"]
        assert "no score was judged" in verdict.reason
    assert judged(rows, min_rows=len(rows), min_days=14).verdict == "pass"
    assert judged(rows[rows["date"] == "2013-07-01"]).verdict == "hold", "one day is no error"


def test_a_leak_is_too_good_to_be_true(rows):
    leak = logistic(3 * (rows["label"] - 0.5) + np.random.default_rng(0).normal(0, 1, len(rows)))
    verdict = judged(rows.assign(candidate=leak))
    assert (verdict.verdict, verdict.decided_by) == ("fail", "suspicious")
    assert verdict.check("suspicious").value > 0.85
    assert verdict.check("better_than_live").outcome == "pass", "every other rule is glad of it"
    assert "future" in verdict.reason
    assert judged(rows).check("suspicious").value < 0.85


def test_labels_of_one_class_have_no_auc(rows):
    verdict = judged(rows.assign(label=0.0))
    assert verdict.check("suspicious").outcome == "hold"


@pytest.mark.parametrize("shift", [-0.15, 0.15])
def test_a_biased_candidate_fails_on_calibration(rows, shift):
    biased = (rows["candidate"] + shift).clip(0.001, 0.999)
    verdict = judged(rows.assign(candidate=biased))
    check = verdict.check("calibration")
    assert check.outcome == "fail" and np.sign(check.value) == np.sign(shift)
    assert judged(rows).check("calibration").outcome == "pass"


def test_a_better_mean_cannot_hide_a_worse_slice(rows):
    hurt = rows["carrier"] == "UA"
    assert 0.3 < hurt.mean() < 0.5
    shifted = np.where(hurt, logistic(np.log(rows["live"] / (1 - rows["live"])) - 1.2), np.nan)
    frame = rows.assign(candidate=np.where(hurt, shifted, rows["candidate"]))
    verdict = judged(frame, calibration_max=0.5)
    assert verdict.check("slices").outcome == "fail"
    assert verdict.check("slices").interval.low > 0
    assert "carrier UA" in verdict.check("slices").sentence
    assert judged(rows).check("slices").outcome == "pass"
    allowed = judged(frame, calibration_max=0.5, slice_max_regression=0.5)
    assert allowed.check("slices").outcome == "pass"


def test_many_slices_are_one_family(rows):
    """A slice that would fail alone passes as the worst of sixty, and the sentence names Holm."""
    rng = np.random.default_rng(3)
    hurt = rows["carrier"] == "UA"
    day = rows["date"].dt.day.to_numpy()
    toward = 0.4 + 0.35 * rng.normal(size=15)[day]
    spoilt = rows["live"] - (rows["label"] - rows["live"]) * np.clip(toward, -0.9, 0.9)
    frame = rows.assign(
        candidate=np.where(hurt, spoilt.clip(0.001, 0.999), rows["live"]),
        origin=rng.integers(0, 60, len(rows)).astype(str),
    )
    wide = {"calibration_max": 0.9, "slice_max_regression": 0.0, "slice_min_rows": 100}
    alone = judged(frame, slice_columns=("carrier",), **wide).check("slices")
    family = judged(frame, slice_columns=("carrier", "origin"), **wide).check("slices")
    p = alone.interval.p_above()
    assert 0.05 / 60 < p < 0.05 / 2, "shown alone, and not among sixty"
    assert alone.outcome == "fail" and family.outcome == "pass"
    assert "Holm over 3 " in alone.sentence and "Holm over 63 " in family.sentence


def test_an_old_window_holds_and_a_fresh_one_does_not(rows):
    last = dt.date(2013, 7, 14)
    days = dt.timedelta(RULES.window_age_max_days)
    fresh = judge(rows, "log_loss", RULES, BUDGETS, today=last + days)
    old = judge(rows, "log_loss", RULES, BUDGETS, today=last + days + dt.timedelta(1))
    assert fresh.verdict == "pass" and fresh.check("window_age").outcome == "pass"
    assert (old.verdict, old.decided_by) == ("hold", "window_age")
    assert "ended 8 days ago; up to 7" in old.reason
    assert [check.rule for check in old.checks] == [ORDER[0], "window_age", *ORDER[1:]]
    with pytest.raises(GateError, match="reach to 2013-07-14 and today is 2013-07-13"):
        judge(rows, "log_loss", RULES, BUDGETS, today=last - dt.timedelta(1))


def test_the_verdict_says_how_dependent_days_were_taken_to_be(rows):
    sentence = judged(rows, block_days=2, autocorrelation=0.1).check("better_than_live").sentence
    assert "14 days, blocks of 2, autocorrelation 0.1" in sentence
    narrow = judged(rows, autocorrelation=0.0).check("better_than_live").interval
    wide = judged(rows, autocorrelation=0.6).check("better_than_live").interval
    assert wide.low < narrow.low and wide.mean == narrow.mean


def test_one_bad_day_of_a_slice_is_no_proof(rows):
    hurt = (rows["carrier"] == "UA") & (rows["date"] == "2013-07-05")
    verdict = judged(rows.assign(candidate=np.where(hurt, 0.98, rows["candidate"])))
    check = verdict.check("slices")
    assert check.value > RULES.slice_max_regression and check.interval.low < 0
    assert check.outcome == "pass"


def test_rows_of_one_day_count_together_whatever_the_hour(rows):
    timed = rows.assign(date=rows["date"] + pd.to_timedelta(np.arange(len(rows)) % 24, unit="h"))
    assert judged(timed) == judged(rows)
    first = rows["date"] == rows["date"].min()
    frame = timed.assign(carrier=timed["carrier"].mask(first, "ZZ"))
    assert first.sum() >= RULES.slice_min_rows
    assert "too small to judge: 2" in judged(frame).check("slices").sentence  # HA, and ZZ's one day
    late = rows.assign(date=rows["date"] + pd.to_timedelta(np.where(first, 23, 1), unit="h"))
    with pytest.raises(GateError, match=r"over 14 days .* a window of 13"):
        judged(late, window_days=13)


def test_a_small_slice_is_not_judged(rows):
    small = rows["carrier"] == "HA"
    assert 0 < small.sum() < RULES.slice_min_rows
    frame = rows.assign(candidate=np.where(small, 0.9, rows["candidate"]))
    assert judged(frame).check("slices").outcome == "pass"
    assert "too small to judge: 1." in judged(frame).check("slices").sentence
    assert judged(frame, slice_min_rows=50).check("slices").outcome == "fail"
    assert "No slice has" in judged(frame, slice_min_rows=10**6).check("slices").sentence


@pytest.mark.parametrize("name", ["artifact_mb", "one_row_ms"])
def test_a_budget_that_is_exceeded_fails(rows, name):
    limit = getattr(RULES, f"{name}_max")
    assert judged(rows, BUDGETS | {name: limit}).verdict == "pass"
    verdict = judged(rows, BUDGETS | {name: limit * 1.01})
    assert (verdict.verdict, verdict.decided_by) == ("fail", "budgets")
    assert f"{name} is" in verdict.reason


def test_a_fail_outranks_a_hold_that_comes_before_it(tie):
    verdict = judged(tie, BUDGETS | {"one_row_ms": 10**6})
    assert (verdict.verdict, verdict.decided_by) == ("fail", "budgets")


def test_a_regression_is_judged_in_its_own_unit(rows):
    rng = np.random.default_rng(0)
    frame = rows.assign(label=rng.normal(100, 20, len(rows)))
    for column, error in (("candidate", 5), ("live", 8), ("naive", 12)):
        frame[column] = frame["label"] + rng.normal(0, error, len(rows))
    rules = RULES.model_copy(
        update={"suspicious_auc": None, "suspicious_mae": 2.0, "calibration_max": 3.0}
    )
    assert judge(frame, "mae", rules, BUDGETS).verdict == "pass"
    early = frame.assign(candidate=frame["candidate"] - 4)
    assert judge(early, "mae", rules, BUDGETS).check("calibration").outcome == "fail"
    leak = frame.assign(candidate=frame["label"] + rng.normal(0, 1, len(rows)))
    assert judge(leak, "mae", rules, BUDGETS).decided_by == "suspicious"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: f.drop(columns="naive"), "lack naive"),
        (lambda f: f.drop(columns=["origin", "label"]), "lack label, origin"),
        (lambda f: f[:0], "no rows"),
        (lambda f: f.assign(candidate=f["candidate"].mask(f.index == 3)), "cannot score candidate"),
        (lambda f: f.assign(live=f["live"].mask(f.index == 3)), "cannot score live: 1 of 9800"),
        (lambda f: f.assign(label=f["label"].mask(f.index < 2)), "2 of 9800 values of label"),
        (lambda f: f.assign(label=f["label"] + 1), "must be 0 or 1"),
        (lambda f: f.assign(candidate=f["candidate"] * 9), "must be probabilities"),
        (lambda f: f.assign(date=f["date"].mask(f.index == 0)), "1 of the gate's 9800 rows"),
        (lambda f: f.assign(date=f["date"].replace("2013-07-01", "2013-06-25")), "over 20 days"),
    ],
)
def test_rows_that_cannot_be_judged_are_a_sentence(rows, spoil, said):
    before = rows.copy()
    for gate in (lambda f: judged(f), lambda f: point_estimate_verdict(f, "log_loss", RULES)):
        with pytest.raises(GateError, match=said) as error:
            gate(spoil(rows))
        assert "\n" not in str(error.value)
    pd.testing.assert_frame_equal(rows, before)


def test_an_unknown_metric_and_rules_without_suspicion_are_sentences(rows):
    with pytest.raises(GateError, match='metric "auc" is unknown'):
        judge(rows, "auc", RULES, BUDGETS)
    with pytest.raises(GateError, match="no suspicious_mae"):
        judge(rows, "mae", RULES, BUDGETS)
    with pytest.raises(GateError, match="no suspicious_auc"):
        judged(rows, suspicious_auc=None)


@pytest.mark.parametrize("budgets", [{}, BUDGETS | {"one_row_ms": float("nan")}])
def test_budgets_that_were_not_measured_are_a_sentence(rows, budgets):
    with pytest.raises(GateError, match=r"budgets lack .*one_row_ms"):
        judged(rows, budgets)


def test_a_verdict_survives_json_and_tags_are_text(tie):
    verdict = judged(tie)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    tags = verdict.tags()
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in tags.items())
    assert tags["gate.verdict"] == "hold" and tags["gate.decided_by"] == "better_than_live"
    assert tags["gate.check.better_than_live"].startswith("hold -0.00")
    assert tags["gate.rules_digest"] == process.digest(RULES)
    json.dumps(tags)
    with pytest.raises(ValidationError):
        verdict.verdict = "pass"
    with pytest.raises(GateError, match='no rule "beauty"'):
        verdict.check("beauty")


def test_the_verdict_names_the_rules_that_judged(rows):
    assert judged(rows).rules_digest != judged(rows, calibration_max=0.2).rules_digest


def test_a_waiver_lets_a_hold_ship_and_changes_no_verdict(rows, tie):
    waiver = Waiver(by="model_owner", reason="the freshest month is worth the risk")
    passed, held = judged(rows), judged(tie)
    failed = judged(rows.rename(columns={"candidate": "live", "live": "candidate"}))
    assert [may_ship(v, None, PROCESS) for v in (passed, held, failed)] == [True, False, False]
    assert [may_ship(v, waiver, PROCESS) for v in (passed, held, failed)] == [True, True, False]
    assert held.verdict == "hold"
    lenient = with_waivable("hold", "fail")
    assert may_ship(failed, waiver, lenient), "only if the process says so"
    assert not may_ship(held, waiver, with_waivable())


def test_a_waiver_needs_a_role_that_may_and_a_reason(tie):
    with pytest.raises(GateError, match=r'by "on_call" does not count.*model_owner'):
        may_ship(judged(tie), Waiver(by="on_call", reason="it is late at night"), PROCESS)
    with pytest.raises(GateError, match="needs the role"):
        Waiver(by="  ", reason="a reason that is long enough")
    with pytest.raises(GateError, match="at least 10 characters"):
        Waiver(by="model_owner", reason="because    ")
    with pytest.raises(GateError, match="needs the role"):
        Waiver()
    assert Waiver(by="model_owner", reason="long enough").tags() == {
        "waiver.by": "model_owner",
        "waiver.reason": "long enough",
    }
