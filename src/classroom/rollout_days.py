"""The days of a rollout: the upstream delivers, state is published, flights ask, the rule looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from classroom import traffic
from firstflight import clock, drops, operations, process, rollout, state
from firstflight.answering import share_of
from firstflight.process import Metric, RolloutRules
from firstflight.usecase import UseCase
from firstflight.workspace import PROJECT, current

LOOK_EVERY = 7
"""Days between two looks of `until_decided`."""


def fly(url: str, usecase: UseCase, first: dt.date | str, last: dt.date | str) -> traffic.Sent:
    """Let these days pass: land their drops, publish their state, send every request.

    Afterwards it is the day after the last one. Doing it again sends the same requests again, and
    the prediction log counts each once.

    Parameters
    ----------
    url : str
        The service's address.
    usecase : UseCase
        Whose requests are sent.
    first, last : date or str
        The days, both included.

    Returns
    -------
    classroom.traffic.Sent
        How many requests were sent, and which release answered them.
    """
    start, end = (day if isinstance(day, dt.date) else dt.date.fromisoformat(day)
                  for day in (first, last))  # fmt: skip
    for month in drops.months(start, end):
        drops.land(PROJECT / "data", current().drops, usecase.sources.values(), month)
    known = operations.landed(usecase, end)
    for feature_version in operations.feature_versions(usecase):
        state.publish(usecase, known, feature_version, start, end)
    return traffic.play(url, usecase, known, start, end)


def until_decided(url: str, usecase: UseCase) -> pd.DataFrame:
    """Let weeks pass until the rule decides the stage in progress, with a look after each.

    Parameters
    ----------
    url : str
        The service's address.
    usecase : UseCase
        Whose rollout it is.

    Returns
    -------
    DataFrame of shape (n_looks, 6)
        Per look: ``day``, ``requests``, ``failed``, ``days``, ``decision`` and ``interval``. The
        last one is not ``continue``, unless the stage has had all its days with too few labels.
    """
    rules = process.load().usecase(usecase.name).rollout
    found = []
    while True:
        first = clock.today()
        sent = fly(url, usecase, first, first + dt.timedelta(days=LOOK_EVERY - 1))
        seen = operations.decide(usecase, operations.landed(usecase))
        found.append(
            {
                "day": str(clock.today()),
                "requests": sent.n,
                "failed": sent.failed,
                "days": seen.n_days,
                "decision": seen.decision,
                "interval": str(seen.interval),
            }
        )
        if seen.decision != "continue" or seen.n_days >= getattr(rules, seen.mode).max_days:
            return pd.DataFrame(found)


def as_canary(
    rows: pd.DataFrame, key: Sequence[str], share: float, live: str, candidate: str
) -> pd.DataFrame:
    """Return of a shadow's predictions those that a canary with this share would have returned.

    Parameters
    ----------
    rows : DataFrame of shape (n_predictions, n_columns)
        The columns of `key`, with ``date``, and ``version``: two predictions per request.
    key : sequence of str
        Columns that name a request, as the service hashes them.
    share : float
        From 0 to 1.
    live, candidate : str
        The two versions.

    Returns
    -------
    DataFrame of shape (n_requests, n_columns)
        Per request the row of the release that would have answered.
    """
    texts = rows.assign(date=pd.to_datetime(rows["date"]).dt.strftime("%Y-%m-%d"))
    numbers = [share_of(parts) for parts in texts[list(key)].itertuples(index=False)]
    answers = np.where(np.array(numbers) < share, candidate, live)
    return rows[rows["version"].astype(str).to_numpy() == answers]


def what_a_share_buys(
    rows: pd.DataFrame,
    key: Sequence[str],
    shares: Sequence[float],
    rules: RolloutRules,
    metric: Metric,
    live: str,
    candidate: str,
) -> pd.DataFrame:
    """Return for some shares of a canary what they cost and what they tell, from a shadow's rows.

    Parameters
    ----------
    rows : DataFrame
        As for `as_canary`, with ``prediction`` and ``label``, of at least two days.
    key : sequence of str
        Columns that name a request.
    shares : sequence of float
        Each from 0 to 1.
    rules : RolloutRules
        ``process.usecase(name).rollout``.
    metric : {"log_loss", "mae"}
        The use case's metric.
    live, candidate : str
        The two versions.

    Returns
    -------
    DataFrame of shape (n_shares, 3)
        Per share: ``flights per day`` that hear from the candidate, ``days to enough labels``
        (until ``min_labels`` of the canary is reached), and ``standard error`` of the difference on
        the days of the rows.
    """
    n_days = pd.to_datetime(rows["date"]).dt.normalize().nunique()
    table = {}
    for share in shares:
        answered = as_canary(rows, key, share, live, candidate)
        seen = rollout.decide(
            answered, "canary", rules, metric, live=live, candidate=candidate, key=key
        )
        assert seen.interval is not None
        arm = answered["version"].astype(str) == candidate
        table[share] = {
            "flights per day": round(arm.sum() / n_days),
            "days to enough labels": int(np.ceil(rules.canary.min_labels * n_days / seen.n_labels)),
            "standard error": seen.interval.standard_error,
        }
    return pd.DataFrame(table).T.rename_axis("share")


def daily_looks(
    rows: pd.DataFrame,
    mode: rollout.Mode,
    rules: RolloutRules,
    metric: Metric,
    key: Sequence[str],
    live: str,
    candidate: str,
) -> pd.DataFrame:
    """Return what the rule would have said on each day of a stage.

    Parameters
    ----------
    rows : DataFrame
        As for `firstflight.rollout.decide`, of at least two days.
    mode : {"shadow", "canary"}
        The stage.
    rules : RolloutRules
        ``process.usecase(name).rollout``.
    metric : {"log_loss", "mae"}
        The use case's metric.
    key : sequence of str
        Columns that name a request.
    live, candidate : str
        The two versions.

    Returns
    -------
    DataFrame of shape (n_days - 1, 9)
        From the second day on: ``mode``, ``labels up to``, ``days``, ``labels``, ``coverage``,
        ``mean``, ``low``, ``high`` and ``decision``.
    """
    table = []
    for day in sorted(pd.to_datetime(rows["date"]).dt.normalize().unique())[1:]:
        seen = rollout.decide(
            rows, mode, rules, metric, live=live, candidate=candidate, key=key, due=day.date()
        )
        assert seen.interval is not None
        table.append(
            {
                "mode": mode,
                "labels up to": str(day.date()),
                "days": seen.n_days,
                "labels": seen.n_labels,
                "coverage": seen.coverage,
                "mean": seen.interval.mean,
                "low": seen.interval.low,
                "high": seen.interval.high,
                "decision": seen.decision,
            }
        )
    return pd.DataFrame(table)
