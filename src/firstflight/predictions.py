"""The prediction log joined with the labels that arrive late: what each release really did."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from firstflight import metrics, prediction_log
from firstflight.drops import Drops
from firstflight.errors import FirstFlightError
from firstflight.process import IntervalRules
from firstflight.release import Release
from firstflight.state import States, by_date
from firstflight.usecase import UseCase

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Online:
    """How one release did on the requests that it answered.

    Attributes
    ----------
    version, role : str
        Which release, and as what it answered: "live", "candidate" or "shadow".
    n : int
        Predictions made.
    coverage : float
        Share of them, from 0 to 1, whose label has arrived.
    loss : metrics.Interval or None
        Mean loss with its interval, in nats (log loss) or in the unit of the label (mean absolute
        error); None with labels of fewer than two days.
    calibration : float
        Mean prediction minus mean label, on the labelled rows, in the unit of the label; NaN
        without labels.
    state_missing : float
        Share of predictions, from 0 to 1, made without feature state.
    """

    version: str
    role: str
    n: int
    coverage: float
    loss: metrics.Interval | None
    calibration: float
    state_missing: float


def log_files(usecase: str) -> list[Path]:
    """Return the files of the prediction log, oldest first.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    list of Path
        As `firstflight.prediction_log.files` returns them.
    """
    return prediction_log.files(usecase)


def read(usecase: UseCase, start: dt.date, end: dt.date, *, replays: bool = False) -> pd.DataFrame:
    """Return the logged predictions for requests of these days.

    Parameters
    ----------
    usecase : UseCase
    start, end : date
        The days that the requests are for, both included.
    replays : bool, default False
        Whether to return the answers to replayed requests instead of the real ones.

    Returns
    -------
    DataFrame of shape (n_predictions, n_columns)
        One row a (request, release, role): the request's fields, ``version``, ``role`` ("live",
        "candidate", "shadow" or "replay"), ``prediction``, ``feature_version``,
        ``state_age_days`` (missing where there was no state). A request that was sent twice counts
        once, with its first answer. ``attrs["bad_lines"]`` is the number of lines that could not be
        read; if there are any, a warning is logged too.
    """
    damage = prediction_log.Damage()
    columns = [*usecase.request.model_fields, "version", "role", "prediction"]
    columns += ["feature_version", "state_age_days"]
    kept = [
        line
        for line in prediction_log.lines(usecase, start, end, damage)
        if (line["role"] == "replay") == replays
    ]
    kept = prediction_log.in_order(kept)
    if damage.n:
        logger.warning("%s", damage)
    if not kept:
        records = pd.DataFrame(columns=columns)
    else:
        records = pd.DataFrame(kept).rename(columns={"release": "version"})
        records["date"] = pd.to_datetime(records["date"]).astype("datetime64[s]")
        records["state_age_days"] = records["state_age_days"].astype(float)
        unique = [*usecase.key, "version", "role"]
        records = records.drop_duplicates(unique, keep="first")
        records = records.sort_values(unique, ignore_index=True)[columns]
    records.attrs["bad_lines"] = damage.n
    return records


def joined(usecase: UseCase, drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return the logged predictions with the labels known by the drops' today.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        What is known today.
    start, end : date
        The days that the requests are for, both included; `end` may be after the drops' today.

    Returns
    -------
    DataFrame of shape (n_predictions, n_columns)
        The rows of `read` without its ``attrs``, and ``label``: missing where it has not arrived or
        never will (a cancelled flight).

    Raises
    ------
    ClockError
        If `end` is before `start`, or `start` is after the drops' today.
    DropError
        If a month of these days has not landed or is not what was promised.
    """
    rows = read(usecase, start, end)
    labels = usecase.labels(drops, start, min(end, drops.today))
    rows["date"] = pd.to_datetime(rows["date"]).astype(labels["date"].dtype)
    return rows.merge(labels, on=list(usecase.key), how="left", validate="m:1")


def online(rows: pd.DataFrame, metric: str, rules: IntervalRules) -> list[Online]:
    """Return how each release did, per role, from joined predictions.

    Parameters
    ----------
    rows : DataFrame
        As `joined` returns them.
    metric : {"log_loss", "mae"}
        The use case's metric.
    rules : IntervalRules
        How the interval of the loss is made, such as ``process.usecase(name).gate``.

    Returns
    -------
    list of Online
        One for each version and role that has rows, sorted by both as text.

    Raises
    ------
    MetricError
        If the loss cannot be computed: the metric is unknown, or a label or a prediction is not one
        that it takes.
    """
    found = []
    for (version, role), part in rows.groupby(["version", "role"], sort=True):
        known = part.dropna(subset="label")
        loss = None
        if metrics.whole_days(known["date"]).nunique() >= 2:
            loss = metrics.interval(
                metrics.row_loss(metric, known["label"], known["prediction"]),
                known["date"],
                **rules.how,
            )
        found.append(
            Online(
                version=str(version),
                role=str(role),
                n=len(part),
                coverage=len(known) / len(part),
                loss=loss,
                calibration=float(np.mean(known["prediction"] - known["label"]))
                if len(known)
                else float("nan"),
                state_missing=float(part["state_age_days"].isna().mean()),
            )
        )
    return found


def replay(release: Release, drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    """Return what a release would have answered, with its own state computed from the drops.

    This is the fair comparison when the release's state was not published at the time: the same
    requests, the same code, the state it should have had.

    Parameters
    ----------
    release : Release
    drops : Drops
        What is known today.
    start, end : date
        The days that the requests are for, both included.

    Returns
    -------
    DataFrame of shape (n_requests, n_columns)
        The request's fields, ``version``, ``prediction``.

    Raises
    ------
    FirstFlightError
        If `end` is before `start`.
    ClockError
        If `end` is after the drops' today.
    DropError
        If a month has not landed or is not what was promised.
    """
    if end < start:
        raise FirstFlightError(f"A replay from {start} to {end} was asked for: swap the days.")
    case = release.usecase
    requests = case.requests(drops, start, end)
    table = case.features[release.feature_version].compute_state(drops, start, end)
    predictions = release.predict(requests, States(by_date(table)))
    return requests.assign(version=release.version, prediction=predictions)
