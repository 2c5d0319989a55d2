"""What BentoML costs by itself: the same contract, and an answer that asks no model."""

# No `from __future__ import annotations`: BentoML reads the endpoints' types at definition.
import bentoml

from firstflight import usecase as usecases
from firstflight import workspace
from firstflight.answering import Answer

workspace.configure()
Request = usecases.get("flights").request


@bentoml.service(name="echo", workers=1, logging={"access": {"enabled": False}})
class Echo:
    """Answers everything with a half."""

    @bentoml.api
    async def predict(self, request: Request) -> Answer:  # type: ignore[valid-type]
        """Answer one request."""
        return Answer(prediction=0.5, release="1", state_date=request.date, state_age_days=0)

    @bentoml.api
    async def predict_batch(self, requests: list[Request]) -> list[Answer]:  # type: ignore[valid-type]
        """Answer many requests at once."""
        return [
            Answer(prediction=0.5, release="1", state_date=r.date, state_age_days=0)
            for r in requests
        ]
