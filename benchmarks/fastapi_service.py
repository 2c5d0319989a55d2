"""What a careful colleague writes in an afternoon: the same release behind FastAPI.

It does the same work for each request: the typed contract, the published state, the answer with
what made it, and a line of JSON in a log. It follows no registry.
"""

# No `from __future__ import annotations`: FastAPI reads the endpoints' types at definition.
import datetime as dt
import json
import os
import threading

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

from firstflight import process, registry, workspace
from firstflight import usecase as usecases
from firstflight.state import Store

NAME = os.environ.get("FIRSTFLIGHT_USECASE", "flights")
ws = workspace.configure()
case = usecases.get(NAME)
Request = case.request
release = registry.load(NAME, os.environ.get("BENCH_VERSION", "1"))
store = Store(NAME, release.feature_version, process.load().state.max_age_days)
folder = ws.root / "fastapi"
folder.mkdir(exist_ok=True)
log = (folder / "predictions.jsonl").open("a", encoding="utf-8")
lock = threading.Lock()
app = FastAPI()


class Answer(BaseModel):
    """One prediction, and what made it."""

    prediction: float
    release: str
    state_date: dt.date | None
    state_age_days: int | None


class One(BaseModel):
    """The body of one request."""

    request: Request  # type: ignore[valid-type]


class Many(BaseModel):
    """The body of a batch."""

    requests: list[Request]  # type: ignore[valid-type]


def answer(requests: list) -> list[Answer]:
    """Answer the requests with one frame, and write each down."""
    frame = pd.DataFrame([request.model_dump() for request in requests])
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[s]")
    predictions = release.predict(frame, store)
    ages = store.ages(frame["date"])
    frame["date"] = frame["date"].dt.strftime("%Y-%m-%d")
    frame["prediction"], frame["release"] = predictions, release.version
    frame["state_age_days"], frame["role"] = ages, "live"
    frame["feature_version"], frame["timestamp"] = release.feature_version, str(dt.datetime.now())
    plain = frame.astype(object).where(frame.notna(), None)
    with lock:
        for record in plain.to_dict(orient="records"):
            log.write(json.dumps(record) + "\n")
        log.flush()
    return [
        Answer(
            prediction=prediction,
            release=str(release.version),
            state_date=None if age != age else request.date - dt.timedelta(days=int(age)),
            state_age_days=None if age != age else int(age),
        )
        for request, prediction, age in zip(requests, predictions, ages, strict=True)
    ]


@app.get("/readyz")
def ready() -> dict:
    """Say that it is there."""
    return {}


@app.post("/predict")
def predict(body: One) -> Answer:
    """Answer one request."""
    return answer([body.request])[0]


@app.post("/predict_batch")
def predict_batch(body: Many) -> list[Answer]:
    """Answer many requests at once."""
    return answer(body.requests)
