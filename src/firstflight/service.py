"""The BentoML service: a thin shell around `firstflight.answering`.

    FIRSTFLIGHT_USECASE=flights bentoml serve firstflight.svc:svc --host 127.0.0.1

One process holds up to three releases. A thread looks four times a second which ones; a switch
is one reference that changes between two requests. A release that cannot prove itself is never
swapped in, and if the registry is gone the service keeps what it has and says so.
"""

# No `from __future__ import annotations`: BentoML reads the endpoints' types at definition.
import asyncio
import gc
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import bentoml
from annotated_types import Len
from bentoml.exceptions import BentoMLException, ServiceUnavailable
from pydantic import FailFast, ValidationError

from firstflight import process
from firstflight import usecase as usecases
from firstflight.answering import (
    LOG_SECONDS,
    REPLAY_HEADER,
    Answer,
    Answering,
    Gatherer,
    Held,
    NothingLive,
    follow,
    share_of,
)
from firstflight.errors import StateError
from firstflight.guard import Guard, Load

__all__ = ["REPLAY_HEADER", "Answer", "Held", "follow", "make", "share_of"]

SMALL = 64  # rows that are answered faster than a thread is asked to


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether BentoML's line about a failed request says more than the caller was told."""
    error = record.exc_info[1] if record.exc_info else None
    refused = isinstance(error, ValidationError)
    return not refused and not (isinstance(error, BentoMLException) and error.error_code < 500)


def too_far(name: str, rows: list[int], most: int, many: bool) -> ValidationError:
    """Return the refusal of requests for a day far from the clock's today.

    Parameters
    ----------
    name : str
        The use case, for the title of the error.
    rows : list of int
        Positions of these requests in what was sent, from 0.
    most : int, in days
        How far a day may be.
    many : bool
        Whether a batch was sent: its errors name the position, that of a single request does not.

    Returns
    -------
    ValidationError
        To be raised by the caller; one problem per position.

    Examples
    --------
    >>> (problem,) = too_far("flights", [2], 400, many=True).errors()
    >>> problem["loc"], problem["msg"]
    (('requests', 2, 'date'), 'Value error, the day is more than 400 days from today')
    """
    why = f"the day is more than {most} days from today"
    found = [
        {
            "type": "value_error",
            "loc": ("requests", i, "date") if many else ("request", "date"),
            "input": None,
            "ctx": {"error": ValueError(why)},
        }
        for i in rows
    ]
    return ValidationError.from_exception_data(name, found)  # type: ignore[arg-type]


def make(name: str) -> Any:
    """Return the BentoML service of one use case.

    Parameters
    ----------
    name : str
        The use case.

    Returns
    -------
    bentoml service
        For ``bentoml serve``. Of the workspace only ``process.toml`` is read here; releases, state
        and log are opened when a worker makes the service's instance.

    Raises
    ------
    FirstFlightError
        If there is no such use case.
    ProcessError
        If ``process.toml`` cannot be read, or lacks a decision.
    """
    rules = process.load().service
    Request = usecases.get(name).request
    # The first bad row is enough: a list of 28,000 problems helps nobody.
    Requests = Annotated[list[Request], Len(max_length=rules.max_rows), FailFast()]  # type: ignore[valid-type]
    load = Load()

    @bentoml.service(
        name=f"firstflight-{name.replace('_', '-')}",
        workers=1,  # one process answers, so that a switch is one switch
        # Its own limit counts callers who are still sending, and refuses with 503; ours is Guard.
        # BentoML keeps a timer for each request until this time has passed, answered or not.
        traffic={"timeout": 10},
        logging={"access": {"enabled": False}},
        # Nobody collects its spans, and three for each request cost a fifth of the answer's time.
        tracing={"excluded_urls": ".*"},
    )
    class Service:
        def __init__(self) -> None:
            logging.getLogger("bentoml._internal.server.http_app").addFilter(_is_news)
            self.answering = Answering(name)
            self.answering.start()
            self.gatherer = Gatherer(self.answering, lambda: load.single)
            self.thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
            # The libraries' million objects stay until the end. To look through them for garbage
            # takes a quarter of a second, once a second under load, in which nobody is answered.
            gc.collect()
            gc.freeze()
            gc.set_threshold(700, 10, 100)  # what is left is looked through a tenth as often
            # An answer waits for the log's thread, which waits this long for its turn.
            sys.setswitchinterval(0.0005)

        @bentoml.on_shutdown
        def close(self) -> None:
            self.thread.shutdown()
            self.gatherer.shadow()
            self.answering.stop()

        async def __is_ready__(self) -> bool:
            return "live" in self.answering.held.releases

        @bentoml.api
        async def predict(self, request: Request, ctx: bentoml.Context) -> Answer:  # type: ignore[valid-type]
            """Answer one request."""
            self._check([request], many=False)
            try:
                return await self.gatherer.ask(request, REPLAY_HEADER in ctx.request.headers)
            except (NothingLive, StateError) as error:
                # BentoML keeps the text of a 5xx from the caller and writes it to its log.
                raise ServiceUnavailable(str(error)) from error

        @bentoml.api
        async def predict_batch(self, requests: Requests, ctx: bentoml.Context) -> list[Answer]:
            """Answer many requests at once; one that breaks the contract refuses them all."""
            if not requests:
                return []
            self._check(requests, many=True)
            replayed = [REPLAY_HEADER in ctx.request.headers] * len(requests)
            try:
                if len(requests) <= SMALL:
                    answers, logged = self.answering.answer(requests, replayed)
                else:
                    loop = asyncio.get_running_loop()
                    work = self.answering.answer
                    answers, logged = await loop.run_in_executor(
                        self.thread, work, requests, replayed
                    )
            except (NothingLive, StateError) as error:
                raise ServiceUnavailable(str(error)) from error
            await asyncio.wait([asyncio.wrap_future(logged)], timeout=LOG_SECONDS)
            return answers

        @bentoml.api
        async def status(self) -> dict:
            """Say what is held, how old its state is, and whether the registry answers."""
            return {**self.answering.status(), "shed": load.shed}

        def _check(self, requests: list[Any], many: bool) -> None:
            rows = self.answering.too_far(requests)
            if rows:
                raise too_far(name, rows[:10], rules.max_days_from_today, many)

    class Guarded(type(Service)):  # type: ignore[misc]
        """Its own class, with the guard around all of BentoML's layers.

        As one of its middlewares the guard would stand behind the metrics and the time limit, and
        a service that is asked too much would be busy with saying so (docs/decisions.md, 42).
        """

        __slots__ = ()

        def to_asgi(self, is_main: bool = True) -> Guard:
            return Guard(super().to_asgi(is_main), rules=rules, load=load)

    Service.__class__ = Guarded  # type: ignore[method-assign]
    return Service
