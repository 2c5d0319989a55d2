"""Promote, continue and abort, each for its own reason, in the shadow and in the canary."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from firstflight import process
from firstflight.errors import RolloutError
from firstflight.rollout import decide

DEFAULT = process.load(process.DEFAULT).usecase("flights").rollout
KEY = ("date", "carrier", "flight", "origin")


def rules(mode, **changes):
    """Return the default rules with changes to one stage, and small enough for these frames."""
    small = {"min_labels": 500, "min_days": 7, "max_days": 14, "min_coverage": 0.9}
    stage = getattr(DEFAULT, mode).model_copy(update=small | changes)
    return DEFAULT.model_copy(update={mode: stage, "bootstrap": 300})


def flights(n_days=14, a_day=900, seed=0):
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(n_days), a_day)
    chance = np.clip(0.25 + 0.1 * rng.normal(size=n_days)[day] + 0.1 * rng.normal(size=day.size),
                     0.02, 0.98)  # fmt: skip
    return pd.DataFrame(
        {
            "date": pd.Timestamp("2013-07-15") + pd.to_timedelta(day, unit="D"),
            "carrier": "UA",
            "flight": np.tile(np.arange(a_day), n_days),
            "origin": "EWR",
            "chance": chance,
            "label": (rng.uniform(size=day.size) < chance).astype(float),
        }
    )


def log(frame, mode, candidate="better", noise=0.0):
    """Return the joined predictions of live "1" and candidate "2"."""
    rng = np.random.default_rng(9)
    live = np.clip(frame["chance"] - 0.15, 0.01, 0.99)
    other = {
        "better": frame["chance"],
        "worse": np.clip(frame["chance"] - 0.22, 0.002, 0.99),
        "same": np.clip(live + noise * rng.normal(size=len(frame)), 0.01, 0.99),
    }[candidate]
    one = frame.assign(version="1", prediction=live)
    two = frame.assign(version="2", prediction=other)
    if mode == "canary":
        mine = frame["flight"] % 5 == 0
        one, two = one[~mine], two[mine]
    return pd.concat([one, two], ignore_index=True)


def decided(joined, mode, due=None, **changes):
    return decide(
        joined, mode, rules(mode, **changes), "log_loss", live="1", candidate="2", key=KEY, due=due
    )


MODES = pytest.mark.parametrize("mode", ["shadow", "canary"])


@MODES
def test_better_promotes_and_worse_aborts(mode):
    good, bad = log(flights(), mode), log(flights(), mode, "worse")
    assert not good["prediction"].equals(bad["prediction"]), "the inputs differ"
    promote, abort = decided(good, mode), decided(bad, mode)
    assert promote.decision == "promote" and promote.interval.high < 0
    assert abort.decision == "abort" and abort.interval.low > 0
    assert promote.coverage == 1 and promote.n_days == 14
    assert promote.n_labels == (12600 if mode == "shadow" else 2520)
    assert (promote.outcome, abort.outcome) == ("better", "worse")
    assert promote.look_day == 14 and promote.boundary == promote.interval.critical
    assert promote.interval.confidence == pytest.approx(0.9), "5% on either side"


@MODES
def test_a_tie_continues_and_ends_at_max_days(mode):
    tie = log(flights(), mode, "same", noise=0.02)
    waiting = decided(tie, mode, promote_below=0.0, max_days=15)
    assert (waiting.decision, waiting.outcome) == ("continue", "waiting")
    assert "on day 14 of 15" in waiting.reason and "not proven yet" in waiting.reason
    assert waiting.interval.low < 0 < waiting.interval.high
    over = decided(tie, mode, promote_below=0.0, max_days=14)
    assert (over.decision, over.outcome) == ("abort", "undecided")
    assert "these were all its days" in over.reason
    kept = decided(tie, mode, promote_below=0.0, max_days=14, undecided="continue")
    assert (kept.decision, kept.outcome) == ("continue", "undecided")


@MODES
def test_days_after_the_last_change_no_decision(mode):
    tie = log(flights(12), mode, "same", noise=0.02)
    later = log(flights(16, seed=3), mode, "worse")
    longer = pd.concat([tie, later[later["date"] > tie["date"].max()]])
    changes = {"max_days": 12, "promote_below": 0.0}
    assert decided(longer, mode, **changes).interval == decided(tie, mode, **changes).interval
    assert decided(longer, mode, max_days=16, promote_below=0.0).n_days == 16, "the control"


def test_the_boundary_falls_from_day_to_day_and_is_above_that_of_one_look():
    good = log(flights(), "shadow")
    seen = [decided(good, "shadow", due=dt.date(2013, 7, 14 + day)) for day in range(5, 15)]
    assert [look.look_day for look in seen] == [None, None, *range(7, 15)]
    assert seen[0].boundary is None and seen[0].interval is not None
    limits = [look.boundary for look in seen[2:]]
    assert limits[0] > limits[4] > limits[-1] > 2
    assert [look.decision for look in seen[:2]] == ["continue"] * 2


def test_a_canary_may_be_promoted_when_it_does_no_harm():
    tie = log(flights(), "canary", "same")
    assert decided(tie, "canary", promote_below=0.0).decision == "abort", "after all its days"
    assert decided(tie, "canary", promote_below=0.2).decision == "promote"
    harm = log(flights(), "canary", "worse")
    assert decided(harm, "canary", promote_below=5.0).decision == "abort", "shown harm is harm"


@MODES
def test_too_few_days_labels_or_coverage_wait(mode):
    good = log(flights(), mode)
    first_week = good[good["date"] < "2013-07-21"]
    late = good["date"] >= "2013-07-21"
    unlabelled = good.assign(label=good["label"].mask(good["flight"] % 7 == 1))
    cases = {
        "6 of at least 7 days": decided(first_week, mode),
        "labels have come": decided(good, mode, min_labels=10**6),
        "can be compared": decided(unlabelled, mode),
    }
    for part, decision in cases.items():
        assert decision.decision == "continue" and part in decision.reason
    assert cases["can be compared"].coverage < 0.9
    assert decided(unlabelled, mode, min_coverage=0.8).decision == "promote"
    assert decided(good.assign(label=good["label"].mask(late)), mode).decision == "continue"


@MODES
def test_no_label_at_all_waits_without_an_interval(mode):
    decision = decided(log(flights(), mode).assign(label=np.nan), mode)
    assert decision.decision == "continue" and decision.interval is None
    assert (decision.n_labels, decision.n_days, decision.coverage) == (0, 0, 0)


@MODES
def test_labels_that_are_not_due_do_not_count(mode):
    good = log(flights(), mode)
    good["label"] = good["label"].mask(good["date"] > "2013-07-25")
    assert decided(good, mode).coverage < 0.9
    due = decided(good, mode, due=dt.date(2013, 7, 25))
    assert due.decision == "promote" and due.coverage == 1 and due.n_days == 11


def test_a_shadow_pairs_by_key_and_not_by_order():
    joined = log(flights(), "shadow")
    mixed = joined.sample(frac=1, random_state=0, ignore_index=True)
    ordered, shuffled = decided(joined, "shadow"), decided(mixed, "shadow")
    assert shuffled.interval.mean == pytest.approx(ordered.interval.mean)
    assert shuffled.n_labels == ordered.n_labels


def test_a_shadow_that_missed_requests_has_less_coverage():
    joined = log(flights(), "shadow")
    missed = joined[~((joined["version"] == "2") & (joined["flight"] % 4 == 0))]
    decision = decided(missed, "shadow")
    assert decision.decision == "continue" and decision.coverage == pytest.approx(0.75)


def test_other_versions_are_ignored():
    joined = log(flights(), "canary")
    third = joined.assign(version="3", prediction=0.99)
    assert decided(pd.concat([joined, third]), "canary") == decided(joined, "canary")


def test_a_shadow_is_surer_than_a_canary_of_the_same_days():
    frame = flights()
    shadow, canary = (decided(log(frame, mode), mode).interval for mode in ("shadow", "canary"))
    assert shadow.high - shadow.low < canary.high - canary.low


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: f.drop(columns=["label", "flight"]), "lack flight, label"),
        (lambda f: f[f["version"] == "1"], r"no due prediction of version 2 \(candidate\)"),
        (lambda f: f[:0], r"no due prediction of version 1 \(live\)"),
        (lambda f: pd.concat([f, f[:3]]), "3 predictions of version 1"),
        (lambda f: f.assign(prediction=f["prediction"].mask(f["flight"] == 5)), "cannot be scored"),
        (lambda f: f.assign(label=f["label"] * 2), "must be 0 or 1"),
    ],
)
@MODES
def test_rows_that_cannot_be_decided_on_are_a_sentence(mode, spoil, said):
    with pytest.raises(RolloutError, match=said) as error:
        decided(spoil(log(flights(), mode)), mode)
    assert "\n" not in str(error.value)


def test_a_canary_with_two_answers_to_one_request_is_refused():
    with pytest.raises(RolloutError, match="12600 requests of the canary have an answer of both"):
        decided(log(flights(), "shadow"), "canary")


def test_wrong_questions_are_sentences():
    joined = log(flights(), "shadow")
    with pytest.raises(RolloutError, match='mode "blue-green" is unknown'):
        decide(joined, "blue-green", DEFAULT, "log_loss", live="1", candidate="2", key=KEY)
    with pytest.raises(RolloutError, match="both version 1"):
        decide(joined, "shadow", DEFAULT, "log_loss", live="1", candidate="1", key=KEY)
    with pytest.raises(RolloutError, match='metric "auc" is unknown'):
        decide(joined, "shadow", DEFAULT, "auc", live="1", candidate="2", key=KEY)
