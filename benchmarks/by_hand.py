"""The rival: a service as a good engineer writes it in an afternoon, with FastAPI and pandas.

It loads the same release, looks up the same state, and writes the same line for each answer. It
follows no registry, has no shadow, and proves nothing when it starts.

    uvicorn benchmarks.by_hand:app --port 8000
"""

import json
import logging
import os
import threading
from functools import lru_cache
from pathlib import Path

import pandas as pd
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from firstflight import registry
from firstflight.usecases.flights import FlightRequest
from firstflight.workspace import configure

MAX_STATE_AGE = 2
WEATHER = ["temp", "humid", "wind_speed", "precip_3h", "visib", "pressure"]

ws = configure()
release = registry.load("flights", os.environ.get("BENCHMARK_VERSION", "1"))
model, version = release.estimator, release.version
columns = release.about["feature_columns"]
log_path = Path(os.environ["BENCHMARK_LOG"])
log = log_path.open("a", buffering=1, encoding="utf-8")
lock = threading.Lock()
logger = logging.getLogger("uvicorn.error")
app = FastAPI()


class One(BaseModel):
    """The body of one question."""

    request: FlightRequest


class Many(BaseModel):
    """The body of many questions."""

    requests: list[FlightRequest]


class Answer(BaseModel):
    """One answer."""

    prediction: float
    release: str
    state_date: str | None
    state_age_days: int | None


@lru_cache(maxsize=100)
def read_state(path: str) -> dict:
    """Read one day's state."""
    return json.loads(Path(path).read_text())["values"]


def state_of(day: pd.Timestamp) -> tuple[pd.Timestamp, dict] | None:
    """Return the newest state that is young enough."""
    for age in range(MAX_STATE_AGE + 1):
        found = day - pd.Timedelta(days=age)
        path = ws.state / "flights" / f"v{release.feature_version}" / f"{found.date()}.json"
        if path.exists():
            return found, read_state(str(path))
    return None


def predict_frame(requests: list[FlightRequest]) -> list[Answer]:
    """Answer: a DataFrame of requests, a DataFrame of features, the pipeline, the log."""
    df = pd.DataFrame([request.model_dump() for request in requests])
    df["date"] = pd.to_datetime(df["date"])
    features = df[["origin", "carrier"]].copy()
    features["distance"] = df["distance"].astype(float)
    minutes = df["sched_dep_time"] // 100 * 60 + df["sched_dep_time"] % 100
    features["sched_hour"] = minutes / 60
    features["dow"] = df["date"].dt.dayofweek.astype(float)
    features["n_sched_hour"] = df["n_sched_hour"].astype(float)
    features[WEATHER] = df[WEATHER].astype(float)
    ages: dict[pd.Timestamp, int | None] = {}
    for day, part in df.groupby("date"):
        found = state_of(day)
        ages[day] = None if found is None else (day - found[0]).days
        for column in columns[-2:]:
            entity = column.split("_")[0]
            values = {} if found is None else found[1][column]
            features.loc[part.index, column] = part[entity].map(values).astype(float)
    predictions = model.predict_proba(features[columns])[:, 1].round(12)
    answers, lines = [], []
    for record, prediction in zip(df.to_dict("records"), predictions, strict=True):
        age = ages[record["date"]]
        day = record["date"] - pd.Timedelta(days=age) if age is not None else None
        answers.append(
            Answer(
                prediction=float(prediction),
                release=version,
                state_date=str(day.date()) if day is not None else None,
                state_age_days=age,
            )
        )
        record |= {"date": str(record["date"].date()), "role": "live", "release": version}
        record |= {"feature_version": release.feature_version, "prediction": float(prediction)}
        lines.append(json.dumps(record | {"state_age_days": age}))
    with lock:
        log.write("\n".join(lines) + "\n")
    return answers


@app.post("/predict")
def predict(body: One) -> Answer:
    """Answer one question."""
    return predict_frame([body.request])[0]


@app.post("/predict_batch")
def predict_batch(body: Many) -> list[Answer]:
    """Answer many questions."""
    if not body.requests:
        raise HTTPException(400, "no requests")
    return predict_frame(body.requests)


@app.get("/readyz")
def readyz() -> str:
    """Say that the service is there."""
    return "ok"
