"""How far inputs and predictions are from a reference, and how good predictions are, by Evidently.

`drift_report` and `quality_report` return numbers and Evidently's own run, and `page` makes the
run's HTML. `distance` gives one of these numbers without Evidently. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight.contract import as_numbers
from firstflight.process import AlertRules, Metric

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

PREDICTION = "prediction"
# Rows that a drift report reads at most from each side; more cost seconds and change no verdict.
SAMPLE_ROWS = 10_000
SEED = 20130401
# Evidently's defaults for large samples, named so that the sample's size cannot change the method:
# its tests for small ones flag random halves of the same month in nine reports of ten.
NUMERIC_METHOD = "wasserstein"
CATEGORICAL_METHOD = "jensenshannon"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnDrift(_Record):
    """Distance of one column from the reference.

    Attributes
    ----------
    column : str
        Name of the input, or ``prediction``.
    method : {"wasserstein", "jensenshannon"}
        How the distance was measured: the first for numbers, the second for categories.
    score, threshold : float
        The distance, and from where on it counts: in standard deviations of the reference
        (numbers), or from 0 to 0.83 without a unit (categories).
    drifted : bool
        Whether `score` is at or above `threshold`.
    """

    column: str
    method: str
    score: float
    threshold: float
    drifted: bool


class DriftSummary(_Record):
    """What Evidently found.

    Attributes
    ----------
    columns : tuple of ColumnDrift
        The inputs that were compared.
    share : float
        Share of them, 0 to 1, that drifted: it is reported and decides nothing.
    prediction : ColumnDrift or None
        The predictions, which are no input; None if one side has none.
    skipped : tuple of str
        Inputs without a single value on one of the two sides.
    """

    columns: tuple[ColumnDrift, ...]
    share: float
    prediction: ColumnDrift | None
    skipped: tuple[str, ...]


def distance(reference: pd.Series, current: pd.Series) -> float:
    """Return how far the numbers of a column are from a reference, as `drift_report` does.

    The same score as Evidently's, in milliseconds instead of seconds: for many weeks at once. All
    rows count, where a report reads at most `SAMPLE_ROWS` of them.

    Parameters
    ----------
    reference, current : Series of float
        Any lengths; missing values are left out.

    Returns
    -------
    float
        Wasserstein distance in standard deviations of the reference; missing if a side has no
        value or the reference no spread.

    Examples
    --------
    >>> reference = pd.Series([-1.0, 1.0])
    >>> distance(reference, reference + 3)
    3.0
    """
    then, now = reference.dropna(), current.dropna()
    spread = float(np.std(then)) if len(then) else 0.0
    if now.empty or not spread > 0:
        return float("nan")
    from scipy.stats import wasserstein_distance  # half a second, which most commands do not need

    return float(wasserstein_distance(then, now) / spread)


def drift_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
    rules: AlertRules,
) -> tuple[DriftSummary, Snapshot | None]:
    """Compare inputs and predictions with the reference, by Evidently.

    Numbers are compared by the Wasserstein distance in standard deviations of the reference,
    categories by the Jensen-Shannon distance, on at most `SAMPLE_ROWS` rows of each side. Evidently
    cannot read an empty column, so a column without any value on one side is skipped and named;
    that it is empty is for `contract.contract_checks` to say.

    Parameters
    ----------
    reference, current : DataFrame
        Both hold the columns to compare and, where predictions are to be compared,
        ``prediction``.
    numeric, categorical : sequence of str
        The inputs to compare: numbers and categories.
    rules : AlertRules
        Has the thresholds.

    Returns
    -------
    summary : DriftSummary
        The distances.
    run : Snapshot or None
        Evidently's own run, for `page`; None if there was nothing to compare.
    """
    from evidently import DataDefinition, Dataset, Report  # its import takes seconds
    from evidently.metrics import DriftedColumnsCount, ValueDrift

    reference, current = (as_numbers(side, numeric) for side in (reference, current))

    def has_values(column: str) -> bool:
        return all(column in side and side[column].notna().any() for side in (reference, current))

    kept = [column for column in (*numeric, *categorical) if has_values(column)]
    skipped = tuple(column for column in (*numeric, *categorical) if column not in kept)
    with_prediction = [PREDICTION] if has_values(PREDICTION) else []
    if not kept and not with_prediction:
        return DriftSummary(columns=(), share=0.0, prediction=None, skipped=skipped), None
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
    summary = DriftSummary(
        columns=tuple(columns.values()),
        share=round(share, 6),
        prediction=prediction,
        skipped=skipped,
    )
    return summary, run


def quality_report(labelled: pd.DataFrame, metric: Metric) -> tuple[dict[str, float], Snapshot]:
    """Return what Evidently measures of the predictions whose labels are in.

    Parameters
    ----------
    labelled : DataFrame
        Columns ``prediction`` and ``label``, both complete; with ``"log_loss"`` a probability and
        0 or 1, with ``"mae"`` values in the unit of the label.
    metric : {"log_loss", "mae"}
        Log loss and AUC, or mean absolute error and mean error (prediction minus label).

    Returns
    -------
    found : dict of str to float
        ``{"LogLoss": ..., "RocAuc": ...}`` or ``{"MAE": ..., "MeanError": ...}``; AUC only where
        both labels occur.
    run : Snapshot
        Evidently's own run, for `page`.
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
    found = {}
    for result in run.dict()["metrics"]:
        value = result["value"]
        name = result["config"]["type"].rsplit(":", 1)[-1]
        found[name] = round(float(value["mean"] if isinstance(value, dict) else value), 6)
    return found, run


def page(run: Snapshot) -> str:
    """Return the HTML page of a run (4 MB, not the same bytes twice: never commit one).

    Parameters
    ----------
    run : Snapshot
        From `drift_report` or `quality_report`.

    Returns
    -------
    str
        A page of its own, not a part of one.
    """
    return str(run.get_html_str(as_iframe=False))
