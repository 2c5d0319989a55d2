"""What lesson 03 asks: a step that may run twice, a task, a flow, a schedule, a backfill."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from numbers import Integral, Real
from types import FunctionType
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from classroom import prefect_runs, upstream
from classroom.equality import is_bool, items, mistake
from classroom.exercises import Given, exercise

NEW_YORK = ZoneInfo("America/New_York")


# 03-ex1: the step


@lru_cache
def _months(source: str) -> dict[str, Any]:
    """Return the first three months, and a corrected March: every 20th hour and the last three.

    A local month's last hours lie in the next month of UTC.
    """
    import pandas as pd

    found = {}
    for n, name in enumerate(("january", "february", "march"), start=1):
        rows = pd.read_parquet(upstream.DATA / source / f"2013-{n:02}.parquet")
        hours = rows["time_hour"].astype("int64") // (3600 * _per_second(rows["time_hour"]))
        found[name] = rows[(hours % 20 == 0) | (hours > hours.max() - 3)].reset_index(drop=True)
    march = found["march"]
    number = "arr_delay" if source == "flights" else "temp"
    corrected = march.assign(**{number: march[number].fillna(0) + 1})
    # The sender has also taken rows out, of hours that keep others.
    out = corrected.index[corrected["time_hour"].duplicated()][::7]
    found["corrected"] = corrected.drop(index=out)
    return found


def _per_second(times: Any) -> int:
    return int({"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[times.dt.unit])


def _cases(source: str) -> Iterator[tuple[str, Any, Any, Any]]:
    import pandas as pd

    def table(*names: str) -> Any:
        return pd.concat([found[name] for name in names], ignore_index=True)

    found = _months(source)
    winter, march, right = (
        table("january", "february"),
        found["march"],
        table("january", "february", "march"),
    )
    half = pd.concat([winter, march.iloc[: len(march) // 2]], ignore_index=True)
    yield "A first run", winter, march, right
    yield "A run over a table that has all of March", right, march, right
    yield "A run over a table that has half of March", half, march, right
    yield (
        "A corrected March over the old one",
        right,
        found["corrected"],
        table("january", "february", "corrected"),
    )
    yield "A month for a table without a row", winter.iloc[:0], march, march
    yield "February once more, over a table with March", right, found["february"], right
    yield (
        "March for a table that has it twice",
        table("march", "january", "march"),
        march,
        table("january", "march"),
    )


def _bag(rows: Any) -> Any:
    import pandas as pd

    hashed = pd.util.hash_pandas_object(rows.astype(object).astype(str), index=False)
    return hashed.sort_values(ignore_index=True)


@exercise(
    "03-ex1",
    "append_once",
    hint="Before you append: take out of the table what lies in the days of this month.",
)
def append_once(append_once: Any) -> bool | str:
    import pandas as pd

    for source in ("flights", "weather"):
        for what, table, month, wanted in _cases(source):
            found = append_once(table, month)
            if not isinstance(found, pd.DataFrame):
                kind = "nothing" if found is None else f"a {type(found).__name__}"
                return f"It returns {kind}: return the new table."
            if list(found) != list(wanted):
                return (
                    f"{what} ({source}): the columns are not those of the table. Return a table "
                    "with the same columns and no others."
                )
            in_utc = table["time_hour"].dt.month.isin(month["time_hour"].dt.month).sum()
            if what == "A first run" and len(wanted) - len(found) == in_utc:
                return (
                    f"{what} ({source}) loses {in_utc} rows of February's last evening: time_hour "
                    "is in UTC, where that is March already. Cut at the first and the last hour "
                    "of the new file, or take the month in New York's time."
                )
            if len(found) != len(wanted):
                more = (
                    "too many: an earlier run's rows are still there"
                    if len(found) > len(wanted)
                    else "too few: rows are lost"
                )
                return (
                    f"{what} ({source}) makes {len(found)} rows of {len(table)} and "
                    f"{len(month)}, and {len(wanted)} are wanted; that is {more}."
                )
            if not _bag(found).equals(_bag(wanted)):
                return (
                    f"{what} ({source}) has the right number of rows, and not the right ones: the "
                    "month's rows are those of the new file."
                )
    return True


# 03-ex2 and 03-ex3: the task and the flow


class _Late(Exception):
    pass


@contextmanager
def _replaced(variables: dict[str, Any], **others: Any) -> Iterator[None]:
    """Let a function of the notebook meet other things under these names."""
    before = {name: variables[name] for name in others if name in variables}
    variables.update(others)
    try:
        yield
    finally:
        for name in others:
            del variables[name]
        variables.update(before)


@exercise(
    "03-ex2",
    "land",
    hint="@task(...) above a function that gives upstream.fetch(month) to drops.land.",
)
def land(land: Any, given: Given) -> bool | str:
    from prefect import Flow, Task

    from firstflight import drops

    if isinstance(land, Flow):
        return "That is a flow: a step of it is a task."
    if isinstance(land, FunctionType):
        return "It is a plain function, and nothing tries it again: put @task(...) above it."
    if not isinstance(land, Task):
        return f"It is a {type(land).__name__}: write a function with @task(...) above it."
    if land.retries != 3:
        return _wrong_retries(land.retries)
    delays = items(land.retry_delay_seconds) or [land.retry_delay_seconds]
    if any(not isinstance(one, Real) or abs(float(one) - 0.5) > 1e-9 for one in delays):
        return (
            f"It waits {land.retry_delay_seconds!r} between attempts: retry_delay_seconds is in "
            "seconds, and half a second is wanted."
        )
    if land.task_run_name != "land {month}":
        return (
            f"Its runs are named {land.task_run_name!r}: give task_run_name a plain text with "
            "{month} in braces, and no f before it."
        )
    where = given.ws.root / "rehearsal"
    if given.rehearsal != where:
        return "rehearsal is no longer the folder of the cell above: run that cell again."
    return _lands(land.fn, drops, where)


def _wrong_retries(retries: Any) -> str:
    if retries in (0, None):
        return "Without retries it is tried once: give the argument retries to @task(...)."
    if retries == 4:
        return "retries counts the attempts after the first one: with 4 there are five attempts."
    return f"It has retries={retries!r}, and up to three more attempts are wanted."


def _lands(fn: Callable[[str], Any], drops: Any, where: Any) -> bool | str:
    for month in ("2013-02", "2013-03"):
        with (
            mock.patch.object(upstream, "fetch", return_value="the upstream") as fetch,
            mock.patch.object(drops, "land") as put,
        ):
            fn(month)
        if not fetch.called:
            return (
                "It does not ask the upstream what is there now: call upstream.fetch(month) in "
                "the task, so that each attempt fetches anew."
            )
        if [tuple(c.args) + tuple(c.kwargs.values()) for c in fetch.mock_calls] != [(month,)]:
            return f"For {month} it fetches something else, or twice: fetch the month it is given."
        if put.call_count != 1:
            return f"It calls drops.land {put.call_count} times, and once is wanted."
        names = ("upstream", "drops", "sources", "month")
        got = {**dict(zip(names, put.call_args.args, strict=False)), **put.call_args.kwargs}
        if got.get("upstream") != "the upstream":
            return "Give drops.land the folder that upstream.fetch returns."
        if got.get("drops") != where:
            return "It does not land in rehearsal: that is the second argument of drops.land."
        if {getattr(one, "name", one) for one in got.get("sources") or ()} != {
            "flights",
            "weather",
        }:
            return "A month has two sources: give drops.land all of sources."
        if got.get("month") != month:
            return f"For {month} it lands {got.get('month')}: land the month it is given."
    with (
        mock.patch.object(upstream, "fetch", return_value="the upstream") as fetch,
        mock.patch.object(drops, "land", side_effect=drops.DropError("not there")) as put,
    ):
        try:
            fn("2013-03")
        except drops.DropError:
            if put.call_count == 1:
                return True
            return "It tries again in a loop of its own: leave that to Prefect's retries."
    return (
        "It catches the error of drops.land. Prefect tries again only what raises: let the error "
        "through."
    )


class _Future:
    def __init__(self, value: Any, error: Exception | None) -> None:
        self.value, self.error, self.asked = value, error, False
        self.task_run_id = object()

    def wait(self, *args: Any, **kwargs: Any) -> None:
        self.asked = True

    def result(self, *args: Any, **kwargs: Any) -> Any:
        self.asked = True
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def _final_state(self) -> object:  # what Prefect's list of futures asks for
        self.asked = True
        return object()

    def add_done_callback(self, call: Callable[[Any], Any]) -> None:
        self.asked = True
        call(self)


class _Step:
    """Stands for a task: notes what it is called with, and does nothing."""

    def __init__(self, calls: list[tuple[str, Any]], name: str, broken: str = "") -> None:
        self.calls, self.name, self.broken = calls, name, broken
        self.futures: list[_Future] = []
        self.waited: list[_Future] = []
        self.kept_states = False

    def __call__(self, *args: Any, return_state: bool = False, **kwargs: Any) -> Any:
        future = self.submit(*args, **kwargs)
        self.kept_states = self.kept_states or return_state
        return future if return_state else future.result()

    def submit(self, *args: Any, wait_for: Any = None, **kwargs: Any) -> _Future:
        given = [*args, *kwargs.values()]
        self.calls.append((self.name, given[0] if len(given) == 1 else tuple(given)))
        self.waited = list(wait_for or [])
        for one in self.waited:
            one.result()
        late = given[:1] == [self.broken]
        future = _Future(f"digest of {given}", _Late("late") if late else None)
        self.futures.append(future)
        return future

    def map(self, values: Any, **kwargs: Any) -> Any:
        from prefect.futures import PrefectFutureList

        futures: Any = PrefectFutureList  # mypy takes it for an abstract class
        return futures([self.submit(value) for value in values])

    def with_options(self, **options: Any) -> _Step:
        return self


@exercise(
    "03-ex3",
    "month_end",
    hint="@flow(...) above a function: a loop that calls land, then take_snapshot.",
)
def month_end(month_end: Any) -> bool | str:
    from prefect import Flow, Task

    if isinstance(month_end, Task):
        return "That is a task: what calls tasks, and is started, is a flow."
    if isinstance(month_end, FunctionType):
        return "It is a plain function, of which Prefect keeps no run: put @flow(...) above it."
    if not isinstance(month_end, Flow):
        return f"It is a {type(month_end).__name__}: write a function with @flow(...) above it."
    if month_end.flow_run_name != "month end {month}":
        return (
            f"Its runs are named {month_end.flow_run_name!r}: give flow_run_name a plain text with "
            "{month} in braces, and no f before it."
        )
    wanted = {
        "2013-03": ["2013-01", "2013-02", "2013-03"],
        "2013-02": ["2013-01", "2013-02"],
        "2013-01": ["2013-01"],
    }
    for month, months in wanted.items():
        problem = _runs(month_end.fn, month, months)
        if problem:
            return problem
    calls: list[tuple[str, Any]] = []
    steps = {"land": _Step(calls, "land", "2013-02"), "take_snapshot": _Step(calls, "snapshot")}
    with _replaced(month_end.fn.__globals__, **steps):
        try:
            month_end.fn("2013-03")
        except _Late:
            return True
    return (
        "When February does not land, the flow goes on as if it had: do not catch the error of a "
        "step, and ask for what it returns."
    )


def _runs(fn: Callable[[str], Any], month: str, months: list[str]) -> str:
    calls: list[tuple[str, Any]] = []
    steps = {"land": _Step(calls, "land"), "take_snapshot": _Step(calls, "snapshot")}
    with _replaced(fn.__globals__, **steps):
        returned = fn(month)
    landed = [value for name, value in calls if name == "land"]
    taken = [value for name, value in calls if name == "snapshot"]
    if sorted(map(str, landed)) != months:
        said = ", ".join(map(str, landed)) or "nothing"
        return f"Month end {month} lands {said}; wanted are {', '.join(months)}."
    if landed != months:
        return f"Month end {month} lands {', '.join(landed)}: the oldest first."
    if taken != [month]:
        if not taken:
            return "It takes no snapshot: call take_snapshot(month) at the end."
        return f"Month end {month} takes a snapshot of {taken}: one, of its own month."
    if calls[-1][0] != "snapshot":
        return "The snapshot comes before all months have landed: take it after the loop."
    if not all(one.asked for one in steps["land"].futures):
        if steps["land"].kept_states:
            return "With return_state=True a step that fails raises nothing: leave it out here."
        return "The snapshot does not wait for what you submitted: call result() of each before."
    if isinstance(returned, _Future):
        returned = returned.value
    if returned != steps["take_snapshot"].futures[0].value:
        return "It does not return the digest: return what take_snapshot returns."
    return ""


# 03-look1: Prefect's page


@exercise(
    "03-look1",
    "attempt",
    "repeated",
    hint="Page of the run > Task Runs > land 2013-03 > Logs: one line for each failed attempt.",
)
def doubled_attempt(attempt: Any, repeated: Any) -> bool | str:
    import pyarrow.parquet as pq

    for name, value in (("attempt", attempt), ("repeated", repeated)):
        if is_bool(value) or not isinstance(value, Integral):
            return f"{name} is not a whole number: write it without quotes."
    wanted = upstream.BAD_MORNING.index("doubled") + 1
    keys = pq.read_metadata(upstream.DATA / upstream.MARCH).num_rows
    if int(attempt) == keys and int(repeated) == wanted:
        return "The two are the wrong way round."
    if int(attempt) != wanted:
        if not 1 <= int(attempt) <= 4:
            return "There are four attempts; the first one is 1."
        found = {"late": "no file", "half": "a file that cannot be read", "right": "what it should"}
        return (
            f"Attempt {attempt} found {found[upstream.BAD_MORNING[int(attempt) - 1]]}: read each "
            "line of the log, from the top."
        )
    if int(repeated) == keys:
        return True
    wrong = mistake(repeated, keys)
    return (
        f"repeated: {wrong}"
        if isinstance(wrong, str) and wrong
        else "repeated: the line says 'found ... repeated'."
    )


# 03-ex4: the schedule


@exercise(
    "03-ex4",
    "deployment",
    hint='RunnerDeployment.from_flow(every_morning, "a name", schedule=Cron("...", timezone=...)).',
)
def deployment(deployment: Any) -> bool | str:
    from uuid import UUID

    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Schedule

    if inspect.iscoroutine(deployment):
        deployment.close()
        return "In a notebook this call needs the word await before it."
    if isinstance(deployment, UUID):
        return "That has registered it already: leave apply() to a later cell."
    if isinstance(deployment, (str, Schedule)):
        return "That is only the schedule: give it to RunnerDeployment.from_flow(...)."
    if not isinstance(deployment, RunnerDeployment):
        kind = type(deployment).__name__
        return f"It is a {kind}: RunnerDeployment.from_flow(...) returns a deployment."
    if deployment.flow_name != "every morning":
        return f"It deploys the flow {deployment.flow_name!r}: give from_flow every_morning."
    if deployment.parameters.get("usecase", "flights") != "flights":
        return "It runs for another use case than flights."
    schedules = [one for one in deployment.schedules or [] if one.active]
    if not schedules or deployment.paused:
        return "It has no schedule that is active, so it never runs: give it schedule=Cron(...)."
    if len(schedules) > 1:
        return "It has more than one schedule, and would run several times: one is enough."
    return _wrong_times(schedules[0].schedule)


def _wrong_times(schedule: Any) -> bool | str:
    # Days in winter and summer, weekends, both changes of the clocks. Not 2013: some kinds of
    # schedule begin with the year in which they are made.
    for start, days in (("2031-01-30", 4), ("2031-03-06", 8), ("2031-07-01", 4), ("2031-10-31", 4)):
        begin = dt.datetime.fromisoformat(start).replace(tzinfo=NEW_YORK)
        wanted = [
            dt.datetime.combine(begin.date() + dt.timedelta(days=n), dt.time(6), NEW_YORK)
            for n in range(days)
        ]
        times = prefect_runs.run_times(schedule, begin, days)
        there = [time.astimezone(NEW_YORK) for time in times]
        if there == wanted:
            continue
        if not there:
            return "Its schedule has no times."
        zone = getattr(schedule, "timezone", None)
        first = there[0]
        off = next((time for time in there if time.hour != 6), first)
        if len(there) > 1 and there[1] - first < dt.timedelta(hours=20):
            return (
                f"It runs at {first:%H:%M} and again at {there[1]:%H:%M}: a * for the minute or "
                "the hour means each of them."
            )
        if (first.hour, first.minute) == (0, 6):
            return "It runs at six minutes past midnight: the minute comes first, then the hour."
        if first.minute:
            return f"It runs at {first:%H:%M}: minute 0 is the full hour."
        if {time.hour for time in there} == {6}:
            gap = next((t for t, w in zip(there, wanted, strict=False) if t != w), there[0])
            return f"It leaves out days: from one it skips to {gap:%A %d %B}; each day is wanted."
        if zone in (None, "UTC", "Etc/UTC"):
            return (
                f"On {off:%d %B} it runs at {off:%H:%M} in New York: the fields count in UTC. "
                "Give Cron a timezone."
            )
        if start != "2031-01-30":
            return (
                f"In winter it is right, and on {there[-1]:%d %B} it runs at {there[-1]:%H:%M}: "
                f"{zone} does not follow New York's summer time."
            )
        return f"On {first:%d %B} it runs at {first:%H:%M} in New York: look at hour and timezone."
    return True


# 03-ex5: the backfill


@exercise(
    "03-ex5",
    "backfill",
    hint='Two dicts in a list, each with the keys "usecase", "start", "end", "feature_versions".',
)
def backfill(backfill: Any, given: Given) -> bool | str:
    from firstflight.flow import ingest

    if isinstance(backfill, dict):
        return "One dict is one run: put the two of them into a list."
    runs = items(backfill)
    if runs is None or not all(isinstance(one, dict) for one in runs):
        return "It is a list of dicts: one dict of parameters for each run."
    found = []
    for one in runs:
        missing = [key for key in ("usecase", "start", "end") if key not in one]
        if missing:
            return f"A run has no {missing[0]!r}."
        unknown = [key for key in one if key not in ingest.parameters.properties]
        if unknown:
            return f"ingest has no parameter {unknown[0]!r}; look at the names in the task."
        try:
            found.append(ingest.validate_parameters(one))
        except Exception as error:
            days = f"{one['start']} to {one['end']}"
            return f"Prefect refuses the parameters of {days}: {_first_reason(error)}."
    return _wrong_days(found)


def _first_reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reasons = [line for line in lines if "[type=" in line]
    if reasons:
        return reasons[0].partition(" [type=")[0]
    # Prefect names the parameters below a first line that says no more than that they are invalid.
    return lines[-1].removeprefix("- ").rstrip(".")[:120]


def _wrong_days(runs: list[dict[str, Any]]) -> bool | str:
    for run in runs:
        if run["usecase"] != "flights":
            return f"The use case is flights, and not {run['usecase']!r}."
        if run.get("feature_versions") is None:
            return (
                "Without feature_versions nothing is published before the first release: say for "
                "which version of the features."
            )
        if list(run["feature_versions"]) != [1]:
            return f"feature_versions is the list [1], and not {run['feature_versions']!r}."
        if run.get("upstream"):
            return "Leave upstream out: then it is the real one."
        if run["end"] < run["start"]:
            return f"From {run['start']} to {run['end']}: the end comes first."
        if (run["start"].year, run["start"].month) != (run["end"].year, run["end"].month):
            if run["end"].day == 1:
                return f"end is included: {run['end']} is a day of the next month already."
            return (
                "One run goes over two months: one run for each, so that one that failed can be "
                "run again alone."
            )
    days = [(run["start"], run["end"]) for run in runs]
    wanted = [
        (dt.date(2013, 2, 1), dt.date(2013, 2, 28)),
        (dt.date(2013, 3, 1), dt.date(2013, 3, 31)),
    ]
    if days == wanted:
        return True
    if days == wanted[::-1]:
        return "The right runs, in another order: February first."
    if len(days) != 2:
        return (
            f"It has {len(days)} run{'s' * (len(days) != 1)}: one for February and one for March."
        )
    for (start, end), (first, last) in zip(days, wanted, strict=True):
        if (start.year, start.month) != (first.year, first.month):
            return f"A run goes from {start} to {end}: the months are February and March 2013."
        if start != first:
            return f"It begins on {start}: all days of the month."
        if end != last:
            return f"It stops on {end}, before the month is over: all days, the last one included."
    return True
