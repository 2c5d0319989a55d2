"""The BentoML service around an `Answerer`: typed endpoints, health, metrics.

`make` returns it; `firstflight.svc` is the one to serve. Importing this module makes no folder and
sets no variable, and the libraries that load releases are imported where one is served: BentoML's
supervisor imports the service too, and needs none of them.
"""

# No `from __future__ import annotations`: BentoML reads the endpoints' types at definition.
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import anyio
import bentoml
from bentoml.exceptions import BentoMLException
from pydantic import FailFast, Field, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from firstflight import process
from firstflight import usecase as usecases
from firstflight.answers import Answer
from firstflight.doorkeeper import Doorkeeper
from firstflight.errors import ServiceError, StateError

REPLAY_HEADER = "x-firstflight-replay"
SMALL_BATCH = 32  # rows that are answered between two requests; longer ones get a thread
BENTOML_SECONDS = 30  # BentoML's own limit of a request
SWITCH_SECONDS = 0.0005  # a thread that loads a release must hand over quickly

_ANSWERS = TypeAdapter(list[Answer])


def make(name: str) -> Any:
    """Return the BentoML service of one use case.

    Parameters
    ----------
    name : str
        The use case.

    Returns
    -------
    bentoml service
        Endpoints ``predict``, ``predict_batch`` and ``status``; ``inner`` is its class.
    """
    rules = process.load().service
    Request = usecases.get(name).request
    # The first bad row is enough: a list of 28,000 problems helps nobody.
    Requests = Annotated[list[Request], Field(max_length=rules.max_batch_rows), FailFast()]  # type: ignore[valid-type]

    @bentoml.service(
        name=f"firstflight-{name.replace('_', '-')}",
        workers=1,  # one process answers, so that a switch is one switch
        traffic={"timeout": BENTOML_SECONDS},
        logging={"access": {"enabled": False}},
    )
    class Service:
        def __init__(self) -> None:
            from firstflight.answering import Answerer, Together

            sys.setswitchinterval(SWITCH_SECONDS)
            quiet_about_callers()
            self.answerer = Answerer(name)
            self.together = Together(self.answerer)
            self.batches = anyio.CapacityLimiter(1)  # long ones, one after the other
            self.answerer.start()

        @bentoml.on_shutdown
        def stop(self) -> None:
            self.together.shadow_all()
            self.answerer.stop()

        async def __is_ready__(self) -> bool:
            return "live" in self.answerer.held.releases

        @bentoml.api
        async def predict(self, request: Request, ctx: bentoml.Context) -> Answer:  # type: ignore[valid-type]
            """Answer one request."""
            problem = self.answerer.unanswerable([request])
            if problem is not None:
                return refused(ctx, ["request", "date"], problem[1])  # type: ignore[return-value]
            try:
                return await self.together.answer(request, replayed(ctx))
            except (ServiceError, StateError) as error:
                return unavailable(ctx, error)  # type: ignore[return-value]

        @bentoml.api
        async def predict_batch(
            self,
            requests: Requests,
            ctx: bentoml.Context,
        ) -> list[Answer]:
            """Answer many requests at once; one that breaks the contract refuses them all."""
            problem = self.answerer.unanswerable(requests)
            if problem is not None:
                return refused(ctx, ["requests", problem[0], "date"], problem[1])  # type: ignore[return-value]
            try:
                body = await anyio.to_thread.run_sync(
                    self._answer_many, requests, replayed(ctx), limiter=self.batches
                )
            except (ServiceError, StateError) as error:
                return unavailable(ctx, error)  # type: ignore[return-value]
            return Response(body, media_type="application/json")  # type: ignore[return-value]

        @bentoml.api
        async def status(self) -> dict:
            """Say what is held, how old its state is, and whether the registry answers."""
            return self.answerer.status() | {"predictions": self.together.predictions}

        def _answer_many(self, requests: Sequence[Any], again: bool) -> bytes:
            return _ANSWERS.dump_json(self.answerer.answer_and_log(requests, again))

    Service.add_asgi_middleware(  # type: ignore[attr-defined]
        Doorkeeper,
        rules=rules,
        paths=("/predict", "/predict_batch", "/status"),
        free=("/status",),
    )
    return Service


def replayed(ctx: bentoml.Context) -> bool:
    """Tell whether a request is a rehearsal."""
    return ctx.request.headers.get(REPLAY_HEADER) is not None


def refused(ctx: bentoml.Context, where: Sequence[str | int], why: str) -> Response:
    """Return the refusal of a request that fits the contract's types and cannot be answered."""
    detail = [{"type": "value_error", "loc": list(where), "msg": why}]
    ctx.response.status_code = 400  # BentoML takes the status from here
    return JSONResponse({"error": f"{why[0].upper()}{why[1:]}.", "detail": detail})


def unavailable(ctx: bentoml.Context, error: Exception) -> Response:
    """Return what a caller is told when the service cannot answer now."""
    ctx.response.status_code = 503
    return JSONResponse({"error": str(error)})


def quiet_about_callers() -> None:
    """Keep BentoML from writing each refused request, with parts of it, into the server's log."""
    logging.getLogger("bentoml._internal.server.http_app").addFilter(_about_us)


def _about_us(record: logging.LogRecord) -> bool:
    """Tell whether a log record is about a fault of ours, not about a request that was refused."""
    error = record.exc_info[1] if record.exc_info else None
    refusal = isinstance(error, BentoMLException) and error.error_code.value < 500
    return not (refusal or isinstance(error, ValidationError))
