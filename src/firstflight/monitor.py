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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from firstflight import workspace
from firstflight.errors import FirstFlightError
from firstflight.metrics import Interval, difference, interval, row_loss
from firstflight.process import AlertRules, Metric, Severity, UseCaseRules
from firstflight.usecase import UseCase, contract_bounds

STATE_AGE = "state_age_days"  # optional input column: the age of the state that each answer used
PREDICTION = "prediction"
LEVELS: tuple[Severity, ...] = ("page", "ticket", "diagnosis")
# Rows that a drift report reads at most from each side; more cost seconds and change no verdict.
SAMPLE_ROWS = 10_000
SEED = 20130401
# Evidently's defaults for large samples, named so that the sample's size cannot change the method:
# its tests for small ones flag random halves of the same month in nine reports of ten.
NUMERIC_METHOD = "wasserstein"
CATEGORICAL_METHOD = "jensenshannon"


Kind = Literal["contract", "state"]
_Broken = tuple[Kind, str, str, float, float, str]  # kind, rule, column, value, limit, sentence


class MonitorError(FirstFlightError):
    """The monitor was given rows that it cannot compare."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Record):
    """One broken promise about the inputs.

    `value` is what was measured and `limit` what is allowed, in the unit that `sentence` names;
    `column` is empty where the whole row is meant.
    """

    kind: Kind
    rule: str
    column: str
    value: float
    limit: float
    severity: Severity
    sentence: str


class ColumnDrift(_Record):
    """Distance of one column from the reference; `drifted` means at or above its threshold."""

    column: str
    method: str
    score: float
    threshold: float
    drifted: bool


class DriftSummary(_Record):
    """What Evidently found.

    `share` is the share of drifted inputs: it is reported and decides nothing. `prediction` is not
    one of them. `skipped` are inputs without a single value on one of the two sides.
    """

    columns: tuple[ColumnDrift, ...]
    share: float
    prediction: ColumnDrift | None
    skipped: tuple[str, ...]


class Performance(_Record):
    """Loss and calibration on the last weeks with labels.

    `excess` is the loss minus the naive guess's loss on the same rows; `bias` is prediction minus
    label, in the unit of the label.
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
    """One line for people: who is disturbed, by what, and what to look at."""

    level: Severity
    kind: str
    rule: str
    columns: tuple[str, ...]
    sentence: str


class MonitorResult(_Record):
    """Everything the monitor says about one week of one release."""

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


@dataclass(frozen=True)
class ColumnProfile:
    """What the reference shows of one column: share of nulls, spread, categories."""

    null_share: float
    varies: bool
    categories: frozenset[str] | None


@dataclass(frozen=True)
class Profile:
    """What a release expects of its inputs: the request contract, and what the reference shows.

    Attributes
    ----------
    columns : mapping of str to ColumnProfile
        The features.
    state_columns : tuple of str
        Those of `columns` that come from published state.
    key : tuple of str
        Request fields that name a request for ever.
    bounds : mapping of str to (low, high)
        Allowed values of request fields; None is no bound.
    """

    columns: Mapping[str, ColumnProfile]
    state_columns: tuple[str, ...]
    key: tuple[str, ...]
    bounds: Mapping[str, tuple[float | None, float | None]]

    @property
    def numeric(self) -> list[str]:
        """Names of the features that are numbers."""
        return [name for name, column in self.columns.items() if column.categories is None]

    @property
    def categorical(self) -> list[str]:
        """Names of the features that are categories."""
        return [name for name, column in self.columns.items() if column.categories is not None]


def profile(reference: pd.DataFrame, usecase: UseCase, feature_version: int) -> Profile:
    """Return what a release expects of its inputs.

    Parameters
    ----------
    reference : DataFrame
        The release's reference sample: its features, one row a request.
    usecase : UseCase
    feature_version : int
    """
    features = usecase.features[feature_version]
    columns = {}
    for name in features.columns:
        values = reference[name]
        categories, varies = None, False
        if name in features.categorical:
            categories = frozenset(values.dropna().astype(str))
        else:
            low, high = values.quantile([0.25, 0.75])
            varies = bool(high > low)
        columns[name] = ColumnProfile(float(values.isna().mean()), varies, categories)
    return Profile(columns, features.state_columns, usecase.key, contract_bounds(usecase))


def inputs(requests: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return requests and the features made of them side by side, each column once."""
    return requests.join(features[[name for name in features if name not in requests]])


def shift_vs_previous(current: pd.Series, previous: pd.Series) -> float:
    """Return how far the median moved, in robust standard deviations of the previous values.

    The spread is the larger of the interquartile range and the 5-95% range, each divided by its
    value for a normal distribution of standard deviation 1 (1.349 and 3.290): a column that is
    mostly one value still has one. Missing if either side has no value or `previous` no spread.
    """
    q05, q25, q50, q75, q95 = previous.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    spread = max((q75 - q25) / 1.349, (q95 - q05) / 3.290)
    return float(abs(current.median() - q50) / spread) if spread > 0 else float("nan")


def contract_checks(
    current: pd.DataFrame,
    reference: Profile,
    previous: pd.DataFrame | None,
    rules: AlertRules,
    *,
    max_age_days: int | None = None,
) -> list[Finding]:
    """Return every promise about the inputs that `current` breaks; empty if none.

    A missing or empty column is said once and no other rule looks at it; text where a number
    belongs counts as missing. A unit change is found by comparison with the previous week, not
    with the reference: a season moves a column far from the reference, and little in a week.

    Parameters
    ----------
    current : DataFrame
        One row a request: request fields and features (see `inputs`), and, if it is known,
        ``state_age_days``: the age of the state behind each answer, missing where there was none.
    reference : Profile
    previous : DataFrame or None
        The same columns a week earlier, from a week that broke no promise itself: against a
        broken week the return to normal looks like a change.
    rules : AlertRules
    max_age_days : int, optional
        How old the state behind an answer may be; not checked if not given.

    Raises
    ------
    MonitorError
        If there are no rows.
    """
    if current.empty:
        raise MonitorError(
            "There are no requests to check in this window: ask for days on which the service was "
            "used, or find out why it was not."
        )
    current = _as_numbers(current, (*reference.numeric, *reference.bounds))
    broken = [*_requests(current, reference, rules)]
    for column, expected in reference.columns.items():
        kind: Kind = "state" if column in reference.state_columns else "contract"
        if column not in current or not current[column].notna().any():
            broken.append(_absent(kind, column, column in current, rules))
            continue
        broken += _gaps(kind, current[column], expected, rules)
        if expected.categories is not None:
            broken += _unknown(current[column].dropna(), expected.categories, rules)
        else:
            before = None if previous is None or column not in previous else previous[column]
            broken += _numbers(kind, current[column].dropna(), before, expected, rules)
    for column, (low, high) in reference.bounds.items():
        if column in current:
            broken += _bounds(current[column], low, high, rules)
    if STATE_AGE in current:
        broken += _state_age(current[STATE_AGE], max_age_days, rules)
    return [
        Finding(
            kind=kind,
            rule=rule,
            column=column,
            value=round(float(value), 6),
            limit=round(float(limit), 6),
            severity=getattr(rules.severity, kind),
            sentence=sentence,
        )
        for kind, rule, column, value, limit, sentence in broken
    ]


def _as_numbers(rows: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the rows with what is not a number in these columns as missing."""
    texts = {c for c in columns if c in rows and not pd.api.types.is_numeric_dtype(rows[c])}
    return rows.assign(**{c: pd.to_numeric(rows[c], errors="coerce") for c in texts})


def _requests(current: pd.DataFrame, reference: Profile, rules: AlertRules) -> Iterator[_Broken]:
    absent = [column for column in reference.key if column not in current]
    if absent:
        yield from (_absent("contract", column, False, rules) for column in absent)
        return
    share, limit = current.duplicated(list(reference.key)).mean(), rules.duplicate_share_max
    if share > limit:
        yield (
            *("contract", "duplicate_keys", "", share, limit),
            f"{share:.1%} of the requests repeat the key ({', '.join(reference.key)}) of another: "
            "find out what sends or logs them twice.",
        )


def _absent(kind: Kind, column: str, empty: bool, rules: AlertRules) -> _Broken:
    word = "empty" if empty else "missing"
    if kind == "state":
        text = f"{column} is {word} in all requests: publish its state for these days."
        return kind, "state_missing", column, 1.0, rules.state_missing_share_max, text
    text = f"{column} is {word} in all requests: ask upstream for it before you trust an answer."
    return kind, f"{word}_column", column, 1.0, rules.null_share_max, text


def _gaps(
    kind: Kind, column: pd.Series, expected: ColumnProfile, rules: AlertRules
) -> Iterator[_Broken]:
    share = column.isna().mean()
    rule, limit = "state_missing", rules.state_missing_share_max
    if kind == "contract":
        rule = "null_share"
        limit = max(rules.null_share_max, rules.null_share_factor * expected.null_share)
    if share > limit:
        source = "publish the state of these days" if kind == "state" else "ask upstream for them"
        text = f"{share:.1%} of {column.name} is missing, allowed is {limit:.1%}: {source}."
        yield kind, rule, str(column.name), share, limit, text


def _unknown(values: pd.Series, categories: frozenset[str], rules: AlertRules) -> Iterator[_Broken]:
    unknown = values[~values.astype(str).isin(categories)]
    share, limit = len(unknown) / len(values), rules.unknown_share_max
    if share > limit:
        example = unknown.astype(str).value_counts().index[0]
        yield (
            *("contract", "unknown_category", str(values.name), share, limit),
            f"{share:.1%} of {values.name} has a value that the reference does not know, such as "
            f"{example!r}: ask upstream whether its codes changed.",
        )


def _numbers(
    kind: Kind,
    values: pd.Series,
    previous: pd.Series | None,
    expected: ColumnProfile,
    rules: AlertRules,
) -> Iterator[_Broken]:
    name = str(values.name)
    if expected.varies and values.nunique() == 1:
        only = values.iloc[0]
        text = f"{name} is {only:g} in every request: ask upstream what this default stands for."
        yield kind, "constant_column", name, only, only, text
    shift = float("nan") if previous is None else shift_vs_previous(values, previous.dropna())
    limit = rules.shift_vs_previous_columns.get(name, rules.shift_vs_previous_max)
    if previous is not None and shift > limit:
        yield (
            *(kind, "shift_vs_previous", name, shift, limit),
            f"The median of {name} is {values.median():.4g}, a week ago it was "
            f"{previous.median():.4g}: {shift:.1f} robust standard deviations, allowed are "
            f"{limit:g}; ask upstream whether its unit or clock changed.",
        )


def _bounds(
    values: pd.Series, low: float | None, high: float | None, rules: AlertRules
) -> Iterator[_Broken]:
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    outside = values[(values < low) | (values > high)]
    share, limit = len(outside) / len(values), rules.out_of_contract_share_max
    if share > limit:
        yield (
            *("contract", "out_of_contract", str(values.name), share, limit),
            f"{share:.1%} of {values.name} is outside the contract ({low:g} to {high:g}), such as "
            f"{outside.iloc[0]:g}: ask upstream for the right values.",
        )


def _state_age(ages: pd.Series, max_age_days: int | None, rules: AlertRules) -> Iterator[_Broken]:
    limit = rules.state_missing_share_max
    # The features may have been made again from state that was published since; the age was logged
    # with the answer.
    share = ages.isna().mean()
    if share > limit:
        text = f"{share:.1%} of the answers were given without state: publish it for these days."
        yield "state", "state_missing", STATE_AGE, share, limit, text
    if max_age_days is None:
        return
    share = (ages > max_age_days).mean()
    if share > limit:
        yield (
            *("state", "state_stale", STATE_AGE, share, limit),
            f"{share:.1%} of the answers used state older than {max_age_days} days, up to "
            f"{ages.max():g}: publish the state of these days.",
        )


def drift_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
    rules: AlertRules,
    out_html: Path | None = None,
) -> DriftSummary:
    """Compare inputs and predictions with the reference, by Evidently.

    Numbers by the Wasserstein distance in standard deviations of the reference, categories by the
    Jensen-Shannon distance. Evidently cannot read an empty column, so a column without any value
    on one side is skipped and named; that it is empty is for `contract_checks` to say.

    Parameters
    ----------
    reference, current : DataFrame
        Both hold the columns to compare and, where predictions are to be compared,
        ``prediction``.
    numeric, categorical : sequence of str
        The inputs to compare.
    rules : AlertRules
    out_html : Path, optional
        Where to save Evidently's page (4 MB, not the same bytes twice: never commit one).
    """
    from evidently import DataDefinition, Dataset, Report  # its import takes seconds
    from evidently.metrics import DriftedColumnsCount, ValueDrift

    reference, current = (_as_numbers(side, numeric) for side in (reference, current))

    def has_values(column: str) -> bool:
        return all(column in side and side[column].notna().any() for side in (reference, current))

    kept = [column for column in (*numeric, *categorical) if has_values(column)]
    skipped = tuple(column for column in (*numeric, *categorical) if column not in kept)
    with_prediction = [PREDICTION] if has_values(PREDICTION) else []
    if not kept and not with_prediction:
        return DriftSummary(columns=(), share=0.0, prediction=None, skipped=skipped)
    strings = [column for column in kept if column in categorical]
    definition = DataDefinition(
        numerical_columns=[c for c in (*kept, *with_prediction) if c not in strings],
        categorical_columns=strings,
    )

    def dataset(side: pd.DataFrame) -> Dataset:
        rows = side[[*kept, *with_prediction]]
        if len(rows) > SAMPLE_ROWS:
            rows = rows.sample(SAMPLE_ROWS, random_state=SEED)
        return Dataset.from_pandas(rows.reset_index(drop=True), data_definition=definition)

    def limit(column: str) -> float:
        return rules.prediction_drift_max if column == PREDICTION else rules.feature_drift_max

    def method(column: str) -> str:
        return CATEGORICAL_METHOD if column in strings else NUMERIC_METHOD

    metrics = [
        ValueDrift(column=c, method=method(c), threshold=limit(c))
        for c in (*kept, *with_prediction)
    ]
    if kept:
        count = DriftedColumnsCount(
            columns=kept,
            num_method=NUMERIC_METHOD,
            cat_method=CATEGORICAL_METHOD,
            num_threshold=rules.feature_drift_max,
            cat_threshold=rules.feature_drift_max,
        )
        metrics = [count, *metrics]
    run = Report(metrics).run(dataset(current), dataset(reference))
    if out_html is not None:
        out_html.parent.mkdir(parents=True, exist_ok=True)
        run.save_html(str(out_html))  # given a Path, Evidently 0.7.23 saves nothing

    share, scores = 0.0, {}
    for result in run.dict()["metrics"]:
        if "column" in result["config"]:
            scores[result["config"]["column"]] = float(result["value"])
        else:
            share = float(result["value"]["share"])
    columns = {
        column: ColumnDrift(
            column=column,
            method=method(column),
            score=round(score, 6),
            threshold=limit(column),
            drifted=score >= limit(column),
        )
        for column, score in scores.items()
    }
    prediction = columns.pop(PREDICTION, None)
    return DriftSummary(
        columns=tuple(columns.values()),
        share=round(share, 6),
        prediction=prediction,
        skipped=skipped,
    )


def quality_report(
    labelled: pd.DataFrame, metric: Metric, *, out_html: Path | None = None
) -> dict[str, float]:
    """Return what Evidently measures of the predictions whose labels are in.

    Parameters
    ----------
    labelled : DataFrame
        Columns ``prediction`` and ``label``, both complete.
    metric : {"log_loss", "mae"}
        Log loss and AUC, or mean absolute error and mean error (prediction minus label).
    out_html : Path, optional
        Where to save Evidently's page.

    Returns
    -------
    dict of str to float
        ``{"LogLoss": ..., "RocAuc": ...}`` or ``{"MAE": ..., "MeanError": ...}``; AUC only where
        both labels occur.
    """
    from evidently import BinaryClassification, DataDefinition, Dataset, Regression, Report
    from evidently.metrics import MAE, LogLoss, MeanError, RocAuc

    rows = labelled[[PREDICTION, "label"]].reset_index(drop=True)
    if metric == "log_loss":
        rows = rows.astype({"label": int})
        task = BinaryClassification(target="label", prediction_probas=PREDICTION, pos_label=1)
        definition = DataDefinition(classification=[task])
        measures = [LogLoss(), *([RocAuc()] if rows["label"].nunique() == 2 else [])]
    else:
        definition = DataDefinition(regression=[Regression(target="label", prediction=PREDICTION)])
        measures = [MAE(), MeanError()]
    run = Report(measures).run(Dataset.from_pandas(rows, data_definition=definition), None)
    if out_html is not None:
        out_html.parent.mkdir(parents=True, exist_ok=True)
        run.save_html(str(out_html))
    found = {}
    for result in run.dict()["metrics"]:
        value = result["value"]
        name = result["config"]["type"].rsplit(":", 1)[-1]
        found[name] = round(float(value["mean"] if isinstance(value, dict) else value), 6)
    return found


def labelled_window(joined: pd.DataFrame, naive: ArrayLike, rules: AlertRules) -> pd.DataFrame:
    """Return the rows with a label of the last `performance_weeks` that have any.

    Parameters
    ----------
    joined : DataFrame
        Predictions of one release with their labels: ``date``, ``prediction``, ``label`` (missing
        while it has not arrived).
    naive : array_like of shape (n_rows,)
        What would have been said without a model, from what was known at the time.
    """
    rows = joined.assign(naive=np.asarray(naive, dtype=float))
    rows = rows.dropna(subset=["label", PREDICTION, "naive"])
    day = pd.to_datetime(rows["date"])
    return rows[day > day.max() - pd.Timedelta(weeks=rules.performance_weeks)]


def performance(
    joined: pd.DataFrame, naive: ArrayLike, rules: AlertRules, metric: Metric
) -> Performance | None:
    """Judge a release on the last weeks with labels; None if there are too few labels to judge.

    It is worse than naive if the whole interval of (its loss - the naive loss) is above
    ``performance_margin``, and miscalibrated if the whole interval of (prediction - label) is
    farther than ``calibration_max`` from 0. Parameters as in `labelled_window`.
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
    drift : DriftSummary or None
    performance : Performance or None
        None while too few labels are in: that alone disturbs nobody.
    rules : AlertRules
    labels_late : bool, default=True
        Whether the drift is of days whose labels are not in yet. Once they are, they decide, and
        prediction drift is only a diagnosis.
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
    out: Path | None = None,
    name: str | None = None,
) -> MonitorResult:
    """Run the three questions on one week of one release, and write the answers.

    Writes ``<name>-<last day>.json`` (a `MonitorResult`) and Evidently's pages beside it.

    Parameters
    ----------
    current : DataFrame
        The week's requests and features (see `inputs`) with ``prediction``, and ``state_age_days``
        where it is known.
    previous : DataFrame or None
        The same of the last week that broke no promise.
    reference : DataFrame
        The release's reference sample: features and ``prediction``.
    usecase, feature_version
        Of the release.
    rules : UseCaseRules
        The team's decisions.
    max_age_days : int
        How old the state behind an answer may be.
    joined, naive : DataFrame and array_like, optional
        As in `labelled_window`; both or neither.
    out : Path, optional
        The folder to write to; the workspace's reports if not given.
    name : str, optional
        Names the files; the use case's name if not given.

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
    day = pd.to_datetime(current["date"])
    first_day, last_day = day.min().date(), day.max().date()
    name = name or usecase.name
    folder = out if out is not None else workspace.current().reports
    stem = f"{name}-{last_day}"
    drift = drift_report(
        reference,
        current,
        numeric=expected.numeric,
        categorical=expected.categorical,
        rules=rules.alerts,
        out_html=folder / f"{stem}-drift.html",
    )
    judged, quality = None, {}
    if joined is not None and naive is not None:
        judged = performance(joined, naive, rules.alerts, rules.metric)
        if judged is not None:
            quality = quality_report(
                labelled_window(joined, naive, rules.alerts),
                rules.metric,
                out_html=folder / f"{stem}-quality.html",
            )
    labels_late = judged is None or judged.last_day < last_day
    result = MonitorResult(
        name=name,
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
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{stem}.json.part"
    part.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(folder / f"{stem}.json")
    return result
