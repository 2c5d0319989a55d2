"""Watch a release: its inputs, its predictions and, once labels are in, whether it is right.

Three questions, in this order, and one policy for who is disturbed by the answers:

1. `contract_checks`: are the inputs what the request contract, the reference and the previous week
   say? It needs no label and no statistics, and it comes first: Evidently stops at an empty column.
2. `drift_report`: how far are inputs and predictions from the reference? Evidently answers.
3. `performance`: where labels have arrived, does the release still beat the naive guess, and is it
   calibrated? Intervals draw days, not rows.

`alerts` turns the answers into pages, tickets and diagnoses by the team's severities in
``process.toml``. Two parts of the policy are fixed here, because the data argues for them: the
share of drifted columns decides nothing (it was no guide to the loss of either model studied),
and prediction drift counts only until the labels of those days are in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from firstflight.contract import Finding, contract_checks, profile
from firstflight.drift import PREDICTION, DriftSummary, drift_report, quality_report
from firstflight.errors import MonitorError
from firstflight.metrics import Interval, difference, interval, row_loss, whole_days
from firstflight.process import AlertRules, Metric, Severity, UseCaseRules
from firstflight.usecase import UseCase

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

LEVELS: tuple[Severity, ...] = ("page", "ticket", "diagnosis")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Performance(_Record):
    """Loss and calibration on the last weeks with labels.

    Attributes
    ----------
    metric : {"log_loss", "mae"}
        Which loss.
    first_day, last_day : date
        First and last day with a label in these weeks.
    n_labels : int
        Rows that were judged.
    loss, naive_loss : float
        Mean loss of the release and of the naive guess, in nats or in the unit of the label.
    excess : Interval
        The loss minus the naive guess's loss on the same rows.
    bias : Interval
        Prediction minus label, in the unit of the label.
    worse_than_naive, miscalibrated : bool
        Whether that is shown; see `performance`.
    """

    metric: Metric
    first_day: dt.date
    last_day: dt.date
    n_labels: int
    loss: float
    naive_loss: float
    excess: Interval
    bias: Interval
    worse_than_naive: bool
    miscalibrated: bool


class Alert(_Record):
    """One line for people: who is disturbed, by what, and what to look at.

    Attributes
    ----------
    level : {"page", "ticket", "diagnosis"}
        Who is disturbed: somebody now, somebody today, nobody.
    kind : {"contract", "state", "performance", "prediction_drift", "feature_drift"}
        What it is about.
    rule : str
        The rule that was broken.
    columns : tuple of str
        The columns meant; empty where no single column is.
    sentence : str
        What was found and what is allowed.
    """

    level: Severity
    kind: str
    rule: str
    columns: tuple[str, ...]
    sentence: str


class MonitorResult(_Record):
    """Everything the monitor says about one week of one release.

    Attributes
    ----------
    name : str
        The use case.
    first_day, last_day : date
        First and last day of the week with requests.
    n_rows : int
        Requests of the week.
    labels_late : bool
        Whether the labels of the last day are not in yet, or too few are in to judge.
    findings : tuple of Finding
        Broken promises about inputs, traffic and outcomes.
    drift : DriftSummary
        How far inputs and predictions are from the reference.
    performance : Performance or None
        None while too few labels are in.
    quality : dict of str to float
        What Evidently measures of the labelled predictions; empty while too few labels are in.
    alerts : tuple of Alert
        Who is disturbed by what, pages first.
    """

    name: str
    first_day: dt.date
    last_day: dt.date
    n_rows: int
    labels_late: bool
    findings: tuple[Finding, ...]
    drift: DriftSummary
    performance: Performance | None
    quality: dict[str, float]
    alerts: tuple[Alert, ...]


def labelled_window(joined: pd.DataFrame, naive: ArrayLike, rules: AlertRules) -> pd.DataFrame:
    """Return the rows with a label of the last ``performance_weeks`` weeks that have any.

    Parameters
    ----------
    joined : DataFrame of shape (n_rows, n_columns)
        Predictions of one release with their labels: ``date``, ``prediction``, ``label`` (missing
        while it has not arrived).
    naive : array_like of shape (n_rows,)
        What would have been said without a model, from what was known at the time.
    rules : AlertRules
        How many weeks; they are counted back from the last day that has a label.

    Returns
    -------
    DataFrame of shape (n_labelled, n_columns + 1)
        The columns of `joined`, with ``date`` as whole days, and ``naive``. Rows that lack a label,
        a prediction or a naive guess are left out.
    """
    rows = joined.assign(naive=np.asarray(naive, dtype=float), date=whole_days(joined["date"]))
    rows = rows.dropna(subset=["label", PREDICTION, "naive"])
    return rows[rows["date"] > rows["date"].max() - pd.Timedelta(weeks=rules.performance_weeks)]


def performance(
    joined: pd.DataFrame, naive: ArrayLike, rules: AlertRules, metric: Metric
) -> Performance | None:
    """Judge a release on the last weeks with labels; None if there are too few labels to judge.

    It is worse than naive if the whole interval of (its loss - the naive loss) is above
    ``performance_margin``, and miscalibrated if the whole interval of (prediction - label) is
    farther than ``calibration_max`` from 0.

    Parameters
    ----------
    joined : DataFrame of shape (n_rows, n_columns)
        As in `labelled_window`.
    naive : array_like of shape (n_rows,)
        As in `labelled_window`.
    rules : AlertRules
        The limits, and how intervals are made.
    metric : {"log_loss", "mae"}
        The use case's metric.

    Returns
    -------
    Performance or None
        None with fewer than ``min_labels`` rows or fewer than 2 days.

    Raises
    ------
    MetricError
        If the labels and the predictions, or the naive guess, cannot be scored.
    """
    rows = labelled_window(joined, naive, rules)
    if len(rows) < rules.min_labels or rows["date"].nunique() < 2:
        return None
    loss = row_loss(metric, rows["label"], rows[PREDICTION])
    naive_loss = row_loss(metric, rows["label"], rows["naive"])
    excess = difference(loss, naive_loss, rows["date"], **rules.how)
    bias = interval(rows[PREDICTION] - rows["label"], rows["date"], **rules.how)
    return Performance(
        metric=metric,
        first_day=pd.Timestamp(rows["date"].min()).date(),
        last_day=pd.Timestamp(rows["date"].max()).date(),
        n_labels=len(rows),
        loss=float(loss.mean()),
        naive_loss=float(naive_loss.mean()),
        excess=excess,
        bias=bias,
        worse_than_naive=excess.low > rules.performance_margin,
        miscalibrated=max(bias.low, -bias.high) > rules.calibration_max,
    )


def alerts(
    findings: Sequence[Finding],
    drift: DriftSummary | None,
    performance: Performance | None,
    rules: AlertRules,
    *,
    labels_late: bool = True,
) -> list[Alert]:
    """Return who is disturbed by what, pages first; findings of one rule make one alert.

    Parameters
    ----------
    findings : sequence of Finding
        Broken promises, each with the severity of its rule.
    drift : DriftSummary or None
        As from `firstflight.drift.drift_report`; None if it was not measured.
    performance : Performance or None
        None while too few labels are in: that alone disturbs nobody.
    rules : AlertRules
        The severities, and the limits for the sentences.
    labels_late : bool, default=True
        Whether the drift is of days whose labels are not in yet. Once they are, they decide, and
        prediction drift is only a diagnosis.

    Returns
    -------
    list of Alert
        Empty if there is nothing to say.
    """
    made: list[Alert] = []

    def add(level: Severity, kind: str, rule: str, columns: Iterable[str], sentence: str) -> None:
        made.append(
            Alert(level=level, kind=kind, rule=rule, columns=tuple(columns), sentence=sentence)
        )

    for rule in dict.fromkeys(finding.rule for finding in findings):
        same = [finding for finding in findings if finding.rule == rule]
        level = min((finding.severity for finding in same), key=LEVELS.index)
        columns = [finding.column for finding in same if finding.column]
        others = f" The same rule: {', '.join(columns[1:])}." if columns[1:] else ""
        add(level, same[0].kind, rule, columns, same[0].sentence + others)

    if performance is not None:
        level = rules.severity.performance
        days = f"{performance.first_day} to {performance.last_day}"
        if performance.worse_than_naive:
            text = (
                f"{days}: {performance.metric} {performance.loss:.3f}, naive guess "
                f"{performance.naive_loss:.3f}, difference {performance.excess}; decide on a "
                "rollback."
            )
            add(level, "performance", "worse_than_naive", (), text)
        if performance.miscalibrated:
            text = (
                f"{days}: predictions are off by {performance.bias} on average, allowed is "
                f"{rules.calibration_max:g}; decide on a rollback."
            )
            add(level, "performance", "miscalibrated", (), text)

    if drift is not None and drift.prediction is not None and drift.prediction.drifted:
        level = rules.severity.prediction_drift if labels_late else "diagnosis"
        text = (
            f"Predictions are {drift.prediction.score:.2f} from the reference, allowed is "
            f"{drift.prediction.threshold:g}: look whether the model still fits."
        )
        add(level, "prediction_drift", "prediction_drift", [PREDICTION], text)
    far = [column for column in drift.columns if column.drifted] if drift is not None else []
    if drift is not None and far:
        far.sort(key=lambda column: -column.score)
        text = (
            f"{len(far)} of {len(drift.columns)} inputs have left the reference, most of all "
            f"{far[0].column} ({far[0].score:.2f}): it may explain another alert."
        )
        names = [column.column for column in far]
        add(rules.severity.feature_drift, "feature_drift", "feature_drift", names, text)
    return sorted(made, key=lambda alert: LEVELS.index(alert.level))


@dataclass(frozen=True)
class Watched:
    """What `weekly` returns.

    Attributes
    ----------
    result : MonitorResult
        The answers.
    runs : mapping of str to Snapshot
        Evidently's runs by name (``"drift"``, ``"quality"``), for `firstflight.drift.page`.
    """

    result: MonitorResult
    runs: Mapping[str, Snapshot]


def weekly(
    current: pd.DataFrame,
    previous: pd.DataFrame | None,
    reference: pd.DataFrame,
    *,
    usecase: UseCase,
    feature_version: int,
    rules: UseCaseRules,
    max_age_days: int,
    joined: pd.DataFrame | None = None,
    naive: ArrayLike | None = None,
    found: Sequence[Finding] = (),
) -> Watched:
    """Ask the three questions about one week of one release.

    Parameters
    ----------
    current : DataFrame
        The week's requests and features (see `contract.inputs`) with ``prediction``, and
        ``state_age_days`` where it is known.
    previous : DataFrame or None
        The same of the last week that broke no promise.
    reference : DataFrame
        The release's reference sample: features and ``prediction``.
    usecase : UseCase
        Of the release.
    feature_version : int
        Of the release.
    rules : UseCaseRules
        The team's decisions.
    max_age_days : int
        How old the state behind an answer may be, in days.
    joined, naive : DataFrame and array_like of shape (n_rows,), optional
        As in `labelled_window`; both or neither.
    found : sequence of Finding, optional
        What was found of the same week elsewhere: of traffic and outcomes (`firstflight.contract`).

    Returns
    -------
    Watched
        The answers, and Evidently's runs.

    Raises
    ------
    MonitorError
        If `current` has no rows, or labels come without the naive guess.
    """
    if joined is not None and naive is None:
        raise MonitorError(
            "Labels came without the naive guess to judge them against: pass the use case's naive "
            "answer for the same rows."
        )
    expected = profile(reference, usecase, feature_version)
    findings = contract_checks(current, expected, previous, rules.alerts, max_age_days=max_age_days)
    findings += found
    day = pd.to_datetime(current["date"])
    first_day, last_day = day.min().date(), day.max().date()
    drift, run = drift_report(
        reference,
        current,
        numeric=expected.numeric,
        categorical=expected.categorical,
        rules=rules.alerts,
    )
    runs: dict[str, Snapshot] = {} if run is None else {"drift": run}
    judged: Performance | None = None
    quality: dict[str, float] = {}
    if joined is not None and naive is not None:
        judged = performance(joined, naive, rules.alerts, rules.metric)
        if judged is not None:
            labelled = labelled_window(joined, naive, rules.alerts)
            quality, runs["quality"] = quality_report(labelled, rules.metric)
    labels_late = judged is None or judged.last_day < last_day
    result = MonitorResult(
        name=usecase.name,
        first_day=first_day,
        last_day=last_day,
        n_rows=len(current),
        labels_late=labels_late,
        findings=tuple(findings),
        drift=drift,
        performance=judged,
        quality=quality,
        alerts=tuple(alerts(findings, drift, judged, rules.alerts, labels_late=labels_late)),
    )
    return Watched(result, runs)
