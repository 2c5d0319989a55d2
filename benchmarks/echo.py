"""The floor: a BentoML service with the same contract that computes nothing."""

# No `from __future__ import annotations`: BentoML reads the endpoints' types at definition.
import bentoml

from firstflight.answers import Answer
from firstflight.usecases.flights import FlightRequest

ANSWER = Answer(prediction=0.5, release="0", state_date=None, state_age_days=None)


@bentoml.service(
    name="echo", workers=1, traffic={"timeout": 30}, logging={"access": {"enabled": False}}
)
class Echo:
    """Validate, and give the same answer to everybody."""

    @bentoml.api
    async def predict(self, request: FlightRequest) -> Answer:
        """Answer one request."""
        return ANSWER

    @bentoml.api
    async def predict_batch(self, requests: list[FlightRequest]) -> list[Answer]:
        """Answer many requests."""
        return [ANSWER] * len(requests)


svc = Echo
