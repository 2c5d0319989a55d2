"""How far inputs and predictions are from the reference, and what the labels say: by Evidently.

Its import takes seconds, so it is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight.contract import as_numbers
from firstflight.process import AlertRules, Metric

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
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DriftedColumnsCount, ValueDrift

    reference, current = (as_numbers(side, numeric) for side in (reference, current))

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
