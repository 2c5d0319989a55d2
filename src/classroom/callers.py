"""Who asks a service in the lessons: odd requests, many callers at once, and what the way costs."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

from firstflight.workspace import current

if TYPE_CHECKING:
    import pandas as pd

    from firstflight.release import Release
    from firstflight.state import States

REHEARSAL = {"x-firstflight-replay": "lesson 06"}  # logged as a replay, not as traffic
Row = Mapping[str, Any]


def odd_requests(row: Row) -> dict[str, dict[str, Any]]:
    """Return seven requests that make no sense, or that nobody expected, made of a good one.

    Parameters
    ----------
    row : mapping
        A request of the use case flights. It stays as it is.

    Returns
    -------
    dict of str to dict
        By what is odd about it.
    """
    good = dict(row)
    return {
        "temperature as text": good | {"temp": "75"},
        "temperature in words": good | {"temp": "mild"},
        "wind of 1048 mph": good | {"wind_speed": 1048.0},
        "airline by its name": good | {"carrier": "United"},
        "airline nobody knows": good | {"carrier": "ZZ"},
        "no temperature": {k: v for k, v in good.items() if k != "temp"},
        "no departure time": {k: v for k, v in good.items() if k != "sched_dep_time"},
    }


def ask_each(url: str, requests: Mapping[str, Row]) -> pd.DataFrame:
    """Ask a service's ``/predict`` for one flight after the other, and say what came.

    Parameters
    ----------
    url : str
        The service's address; its ``predict`` takes ``flights``, a list.
    requests : mapping of str to mapping
        The requests by name.

    Returns
    -------
    DataFrame
        Indexed by the names: the ``status``, and ``what came``: the answer, or the reason.
    """
    import pandas as pd

    found = {}
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        for name, row in requests.items():
            reply = http.post("/predict", json={"flights": [dict(row)]})
            found[name] = {"status": reply.status_code, "what came": _came(reply.json())}
    return pd.DataFrame(found).T.rename_axis(index="request")


def _came(body: Any) -> str:
    if isinstance(body, list):
        return f"{body[0]:.3f}"
    if "detail" in body:
        first = body["detail"][0]
        return f"{first['loc'][-1]}: {first['msg']}"
    return str(body["error"])


def load(url: str, rows: Sequence[Row], callers: int, seconds: float = 1.0) -> dict[str, float]:
    """Let many callers ask a service, each for one flight after the other without a pause.

    Parameters
    ----------
    url : str
        The service's address; its ``predict`` takes ``flights``, a list.
    rows : sequence of mapping
        The flights to ask for, in turn.
    callers : int
        How many ask at the same time.
    seconds : float, default 1
        How long.

    Returns
    -------
    dict
        ``callers``, ``answers per second``, ``median, ms``, ``slowest, ms`` and ``refused``, the
        requests that got no answer. Twenty requests before are not counted: a server gets warm.
    """

    def caller(first: int, until: Callable[[int], bool]) -> list[tuple[float, bool]]:
        took: list[tuple[float, bool]] = []
        while until(len(took)):
            row = dict(rows[(first + callers * len(took)) % len(rows)])
            begun = time.perf_counter()
            reply = http.post("/predict", json={"flights": [row]})
            took.append((time.perf_counter() - begun, reply.status_code == 200))
        return took

    # One client for all, with a connection for each: to make one costs as much as some answers.
    with (
        httpx.Client(base_url=url, timeout=60, trust_env=False) as http,
        ThreadPoolExecutor(callers) as pool,
    ):
        caller(0, lambda n: n < 20)
        end = time.monotonic() + seconds
        each = list(pool.map(lambda n: caller(n, lambda _: time.monotonic() < end), range(callers)))
    took = [1000 * t for one in each for t, good in one if good] or [float("nan")]
    return {
        "callers": callers,
        "answers per second": round(sum(good for one in each for _, good in one) / seconds),
        "median, ms": round(statistics.median(took), 1),
        "slowest, ms": round(max(took), 1),
        "refused": sum(not good for one in each for _, good in one),
    }


def compare(services: Mapping[str, str], rows: Sequence[Row], callers: Sequence[int]) -> Any:
    """Put services under load, one after the other; see `load`.

    Parameters
    ----------
    services : mapping of str to str
        Name and address of each.
    rows : sequence of mapping
        The flights to ask for.
    callers : sequence of int
        How many ask at the same time, one number after the other.

    Returns
    -------
    DataFrame
        What `load` returns, a row per service and number of callers.
    """
    import pandas as pd

    found = [
        {"service": name, **load(url, rows, n)} for name, url in services.items() for n in callers
    ]
    return pd.DataFrame(found).set_index(["service", "callers"])


def added_ms(
    url: str, release: Release, states: States, rows: Sequence[Row], times: int = 40
) -> float:
    """Return what the way to the service adds to one answer: HTTP, contract, line in the log.

    Like is compared with like: the same rows, one at a time, by the same arrays, once in this
    process (`Release.answer`) and once over HTTP. One caller, nobody beside.

    Parameters
    ----------
    url : str
        The address of the project's service; it gets the header of a replay.
    release : Release
        The one that is live there.
    states : States
        The published state.
    rows : sequence of mapping
        Requests.
    times : int, default 40
        How many of them to ask for, each way.

    Returns
    -------
    float
        Milliseconds: the median over HTTP less the median in this process.
    """
    from firstflight import usecase as usecases

    contract = release.usecase.request
    types = usecases.field_types(contract)
    asked = [contract.model_validate(row) for row in rows[:times]]

    def here(n: int) -> None:
        columns = usecases.columns(types, [asked[n]])
        release.answer(columns, states.met(columns["date"]))

    with httpx.Client(base_url=url, headers=REHEARSAL, timeout=60, trust_env=False) as http:

        def there(n: int) -> None:
            http.post("/predict", json={"request": dict(rows[n])}).raise_for_status()

        return _median_ms(there, len(asked)) - _median_ms(here, len(asked))


def _median_ms(call: Callable[[int], None], times: int) -> float:
    call(0)  # the first one opens the connection, and reads the state
    took = []
    for n in range(times):
        begun = time.perf_counter()
        call(n)
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


@contextlib.contextmanager
def registry_away(url: str, timeout: float = 30.0) -> Iterator[dict[str, Any]]:
    """Move MLflow's database away while a service runs, and put it back afterwards.

    Parameters
    ----------
    url : str
        The address of the project's service.
    timeout : float, default 30
        Seconds to wait until the service has seen it, each way.

    Yields
    ------
    dict
        The service's status once it has seen it.
    """
    database = current().root / "mlflow.db"
    away = database.rename(database.with_name("mlflow.db.away"))
    try:
        yield _seen(url, False, timeout)
    finally:
        away.rename(database)
    _seen(url, True, timeout)


def _seen(url: str, reachable: bool, timeout: float) -> dict[str, Any]:
    end = time.monotonic() + timeout
    while True:
        status = httpx.post(f"{url}/status", json={}, timeout=10, trust_env=False).json()
        if status["registry_reachable"] is reachable or time.monotonic() > end:
            return dict(status)
        time.sleep(0.1)
