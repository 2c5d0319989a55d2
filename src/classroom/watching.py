"""What lesson 07 watches: a quarter of real traffic, two models, accidents, false alarms."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pandas as pd

from classroom import traffic
from classroom.servers import Server
from firstflight import clock, contract, metrics, monitor, operations, predictions, state
from firstflight import usecase as usecases
from firstflight.drift import distance
from firstflight.drops import Drops, land
from firstflight.process import UseCaseRules
from firstflight.release import Release
from firstflight.state import States, Store
from firstflight.usecase import UseCase
from firstflight.workspace import PROJECT, current

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

WEEK = pd.Timedelta(weeks=1)
QUARTER = (
    (date(2013, 4, 2), date(2013, 4, 30)),
    (date(2013, 5, 1), date(2013, 5, 31)),
    (date(2013, 6, 1), date(2013, 6, 30)),
    (date(2013, 7, 1), date(2013, 7, 14)),
)
TRAINED_TO = "2013-03-17"  # version 1's last training day
SPENT = r'duration_seconds_sum\{endpoint="/predict_batch",http_response_code="200".*\} (\S+)'


def play_quarter(service: Server, usecase: UseCase) -> pd.DataFrame:
    """Play 2 April to 14 July: each drop lands, each morning has its state, each flight is asked.

    Parameters
    ----------
    service : Server
        The service that answers.
    usecase : UseCase
        Of the requests.

    Returns
    -------
    DataFrame
        One row per month: requests, how many failed or went without state, and the milliseconds
        per flight that the service's own metrics counted.
    """
    rows, before = [], 0.0
    for start, end in QUARTER:
        clock.set_today(end)
        land(PROJECT / "data", current().drops, usecase.sources.values(), f"{end:%Y-%m}")
        known = operations.landed(usecase, end)
        state.publish(usecase, known, 1, start, end)
        sent = traffic.play(service.url, usecase, known, start, end)
        counted = re.search(SPENT, httpx.get(f"{service.url}/metrics", trust_env=False).text)
        spent = float(counted[1]) if counted else float("nan")
        rows.append(
            {
                "month": f"{end:%B}",
                "requests": sent.n,
                "failed": sent.failed,
                "without state": sent.without_state,
                "ms per flight": round(1000 * (spent - before) / sent.n, 2),
            }
        )
        before = spent
    return pd.DataFrame(rows).set_index("month")


def asked(usecase: UseCase, release: Release, first: date, last: date) -> pd.DataFrame:
    """Return what the service was asked on these days, with the features that it made of it.

    Parameters
    ----------
    usecase : UseCase
    release : Release
        Whose features.
    first, last : date
        Both included.

    Returns
    -------
    DataFrame
        Request fields and features, one request a row.
    """
    logged = predictions.read(usecase, first, last)
    requests = logged[list(usecase.request.model_fields)]
    made = release.features(requests, Store(usecase.name, release.feature_version, 2))
    return contract.inputs(requests, made)


def two_models(
    usecase: UseCase, release: Release, drops: Drops
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every flight since January with the answers of version 1 and of boosted trees.

    The trees learn from exactly version 1's rows: the same drift, another model.

    Parameters
    ----------
    usecase : UseCase
    release : Release
        Version 1.
    drops : Drops
        What is known today.

    Returns
    -------
    rows : DataFrame
        Inputs, ``naive``, ``label`` (missing where a flight has none), ``v1``, ``trees``, and
        ``week``, its Monday.
    reference : DataFrame
        The release's reference with both models' answers.
    """
    first, last = date(2013, 1, 1), drops.today - dt.timedelta(days=1)
    features = usecase.features[release.feature_version]
    columns = list(features.columns)
    requests = usecase.requests(drops, first, last)
    states = States(state.by_date(features.compute_state(drops, first, last)))
    rows = contract.inputs(requests, release.features(requests, states))
    rows["naive"] = usecase.naive(drops, requests)
    rows = rows.merge(usecase.labels(drops, first, last), on=list(usecase.key), how="left")
    learned = rows[(rows["date"] <= TRAINED_TO) & rows["label"].notna()]
    trees = usecase.recipes["hist_gradient_boosting"](features)
    models = {"v1": release.estimator, "trees": trees.fit(learned[columns], learned["label"])}
    reference = release.reference.copy()
    for name, model in models.items():
        rows[name] = usecases.predict(usecase, model, rows[columns])
        reference[name] = usecases.predict(usecase, model, reference[columns])
    return rows.assign(week=rows["date"].dt.to_period("W-SUN").dt.start_time), reference


def weeks_in_service(
    rows: pd.DataFrame, reference: pd.DataFrame, numeric: Iterable[str], rules: UseCaseRules
) -> pd.DataFrame:
    """Return for each week since April how far it drifted, and what each model lost.

    Parameters
    ----------
    rows, reference : DataFrame
        From `two_models`.
    numeric : iterable of str
        The inputs that are numbers.
    rules : UseCaseRules
        The metric, and from which distance on an input counts as drifted.

    Returns
    -------
    DataFrame
        By the week's Monday: ``number`` of the week, ``drifted inputs``, ``temperature``, and for
        each model ``NAME moved`` and ``NAME loses by`` (its loss minus that of the naive guess).
    """
    found = {}
    for number, (monday, week) in enumerate(rows[rows["date"] >= "2013-04-01"].groupby("week")):
        flown = week.dropna(subset="label")
        naive = metrics.row_loss(rules.metric, flown["label"], flown["naive"])
        far = [distance(reference[name], week[name]) for name in numeric]
        seen = {
            "number": float(number),
            "drifted inputs": float(sum(d >= rules.alerts.feature_drift_max for d in far)),
            "temperature": distance(reference["temp"], week["temp"]),
        }
        for name in ("v1", "trees"):
            loss = metrics.row_loss(rules.metric, flown["label"], flown[name])
            seen[f"{name} moved"] = distance(reference[name], week[name])
            seen[f"{name} loses by"] = float((loss - naive).mean())
        found[monday] = seen
    return pd.DataFrame(found).T


def what_orders(weeks: pd.DataFrame, loss: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return how well each column orders the weeks by a loss, and what chance alone reaches.

    Weeks resemble the week before, so fifteen of them tell as much as fewer independent ones:
    ``n (1 - a b) / (1 + a b)`` of them, where a and b are the autocorrelations of the two columns
    from one week to the next (Bartlett). Chance reaches a rank correlation that this many
    independent weeks pass once in twenty times.

    Parameters
    ----------
    weeks : DataFrame
        One row a week, in order.
    loss : str
        The column to be ordered.
    columns : mapping of str to str
        Name to show, and column.

    Returns
    -------
    DataFrame
        ``rank correlation``, ``autocorrelation``, ``weeks' worth`` and ``chance reaches``.
    """
    from scipy.stats import spearmanr
    from scipy.stats import t as student

    made, n = {}, len(weeks)
    for name, column in columns.items():
        own, other = (weeks[each].autocorr(1) for each in (column, loss))
        worth = min(n, n * (1 - own * other) / (1 + own * other))
        bound = student.ppf(0.975, worth - 2) ** 2
        made[name] = {
            "rank correlation": spearmanr(weeks[column], weeks[loss]).statistic,
            "autocorrelation": own,
            "weeks' worth": worth,
            "chance reaches": np.sqrt(bound / (bound + worth - 2)),
        }
    return pd.DataFrame(made).T


def accidents(week: pd.DataFrame, usecase: UseCase) -> dict[str, pd.DataFrame]:
    """Return a week as it was, and as eight accidents would have left it.

    Parameters
    ----------
    week : DataFrame
        From `asked`.
    usecase : UseCase
        Whose feature version 1 names the trailing rates.

    Returns
    -------
    dict of str to DataFrame
        By what happened.
    """
    from firstflight.usecases.flights import WEATHER_FIELDS

    rates = list(usecase.features[1].state_columns)
    two_days = week["date"].dt.day.isin([10, 11])
    one_station = (week["origin"] == "EWR") & (week["date"].dt.day == 12)
    return {
        "clean week": week,
        "no weather": week.assign(**dict.fromkeys(WEATHER_FIELDS, np.nan)),
        "no weather for two days": week.assign(
            **{c: week[c].mask(two_days) for c in WEATHER_FIELDS}
        ),
        "a wind of 1048 mph": week.assign(wind_speed=week["wind_speed"].mask(one_station, 1048.36)),
        "every flight twice": pd.concat([week, week], ignore_index=True),
        "temperature in Celsius": week.assign(temp=(week["temp"] - 32) * 5 / 9),
        "rates in percent": week.assign(**{c: 100 * week[c] for c in rates}),
        "clock four hours off": week.assign(sched_hour=(week["sched_hour"] + 4) % 24),
        "airlines recoded": week.assign(carrier=week["carrier"].astype(str) + "_"),
    }


def moves_between_weeks(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return how far a column's median moved from one week to the next, for weeks of any end.

    Parameters
    ----------
    rows : DataFrame
        ``date`` and the column; every day of the time.
    column : str
        A number.

    Returns
    -------
    Series of float
        By the week's last day, in robust standard deviations of the week before.
    """
    days = pd.date_range(rows["date"].min() + 2 * WEEK - pd.Timedelta(days=1), rows["date"].max())
    by_day = rows[["date", column]].sort_values("date").set_index("date")[column]

    def ending(day: pd.Timestamp) -> pd.Series:
        return by_day.loc[day - WEEK + pd.Timedelta(days=1) : day]

    return pd.Series(
        [contract.shift_vs_previous(ending(day), ending(day - WEEK).dropna()) for day in days],
        index=days,
    )


def findings_of_weeks(
    rows: pd.DataFrame, expected: contract.Profile, rules: UseCaseRules
) -> tuple[list[str], int]:
    """Ask the contract about every calendar week, beside the week before it.

    Parameters
    ----------
    rows : DataFrame
        From `two_models`.
    expected : Profile
        What the release expects.
    rules : UseCaseRules
        The limits.

    Returns
    -------
    sentences : list of str
        What was found, with its week.
    n : int
        Weeks that were asked.
    """
    weeks = [part for _, part in rows.groupby("week")]
    said = [
        f"week of {now['date'].min():%d %B}: {found.sentence}"
        for before, now in pairwise(weeks)
        for found in contract.contract_checks(now, expected, before, rules.alerts)
    ]
    return said, len(weeks) - 1


def judged_by_labels(rows: pd.DataFrame, name: str, rules: UseCaseRules) -> pd.Series:
    """Return whether the labels would have paged on the Monday after each week.

    Parameters
    ----------
    rows : DataFrame
        From `two_models`.
    name : str
        ``"v1"`` or ``"trees"``.
    rules : UseCaseRules
        The limits.

    Returns
    -------
    Series of bool
        By the Monday of the week that had ended.
    """
    served = rows[(rows["date"] >= "2013-04-01") & rows["label"].notna()]
    served = served.assign(prediction=served[name])
    paged = {}
    for monday in sorted(served["week"].unique()):
        window = served[served["date"] < monday + WEEK]
        found = monitor.performance(window, window["naive"], rules.alerts, rules.metric)
        paged[monday] = found is not None and (found.worse_than_naive or found.miscalibrated)
    return pd.Series(paged)


def fires_in(alarms: Mapping[str, pd.Series], losing: pd.Series) -> pd.DataFrame:
    """Return in how many losing and in how many good weeks each alarm fires.

    Parameters
    ----------
    alarms : mapping of str to Series of bool
        By week.
    losing : Series of bool
        Whether the model lost to the naive guess in that week.

    Returns
    -------
    DataFrame
        One row an alarm, with texts such as ``"8 of 9"``.
    """
    return pd.DataFrame(
        {
            name: {
                "losing weeks": f"{int((fired & losing).sum())} of {int(losing.sum())}",
                "good weeks": f"{int((fired & ~losing).sum())} of {int((~losing).sum())}",
            }
            for name, fired in alarms.items()
        }
    ).T


def next_runs(deployment: RunnerDeployment, after: date, n: int = 3) -> list[str]:
    """Return when a deployment's first schedule will run next.

    Parameters
    ----------
    deployment : RunnerDeployment
        As ``flow.to_deployment`` makes it.
    after : date
        From the beginning of this day, UTC.
    n : int, default 3
        How many.

    Returns
    -------
    list of str
        Weekday, day, time and zone, in New York.
    """
    from zoneinfo import ZoneInfo

    from prefect.server.schemas.schedules import CronSchedule

    planned: Any = deployment.schedules
    wanted = planned[0].schedule
    schedule = CronSchedule(cron=wanted.cron, timezone=wanted.timezone, day_or=wanted.day_or)
    begin = dt.datetime.combine(after, dt.time(), tzinfo=dt.UTC)
    with ThreadPoolExecutor(1) as aside:  # a notebook's own thread has a loop that runs
        dates = aside.submit(asyncio.run, schedule.get_dates(n, start=begin)).result()
    zone = ZoneInfo("America/New_York")
    return [f"{day.astimezone(zone):%a %d %b %Y, %H:%M} New York" for day in dates]


def memory_of(module: str) -> float:
    """Return the MB that a fresh Python grows by when it imports a module, beside pandas.

    Parameters
    ----------
    module : str
        Its dotted name.

    Returns
    -------
    float
        In MB.
    """
    code = (
        "import psutil, pandas, sklearn.pipeline, scipy.stats\n"
        "held = psutil.Process().memory_info().rss\n"
        f"import {module}\n"
        "print((psutil.Process().memory_info().rss - held) / 1e6, flush=True)\n"
        "import os; os._exit(0)"  # what is measured is said: Python need not tidy up for a second
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(float(run.stdout.split()[-1]), 1)
