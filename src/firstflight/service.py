"""The BentoML service: it follows the registry, answers, and writes down every answer.

    FIRSTFLIGHT_USECASE=flights bentoml serve firstflight.service:svc --host 127.0.0.1

One process holds up to three releases. A thread asks the registry each second which ones; a switch
is one reference that changes between two requests. A release that cannot prove itself is never
swapped in, and if the registry is gone the service keeps what it has and says so.
"""

# No `from __future__ import annotations`: BentoML reads the endpoints' types at definition.
import datetime as dt
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import bentoml
import numpy as np
import pandas as pd
from bentoml.exceptions import ServiceUnavailable
from pydantic import BaseModel

from firstflight import clock, history, predictions, process, registry, workspace
from firstflight import usecase as usecases
from firstflight.errors import FirstFlightError, StateError
from firstflight.release import Release
from firstflight.state import Store

POLL_SECONDS = 1.0
REPLAY_HEADER = "x-firstflight-replay"
LOG_NAME = "predictions"

logger = logging.getLogger(
    "bentoml.firstflight"
)  # below BentoML's own: it goes to the server's log


class Answer(BaseModel):
    """One prediction, and what made it.

    Attributes
    ----------
    prediction : float
        In the use case's unit.
    release : str
        Version in the registry.
    state_date : date or None
        Day of the feature state that was used; None if none was young enough.
    state_age_days : int or None
        Its age on the request's day.
    """

    prediction: float
    release: str
    state_date: dt.date | None
    state_age_days: int | None


@dataclass(frozen=True)
class Held:
    """What the service holds at one moment; replaced whole, never changed."""

    releases: dict[str, Release] = field(default_factory=dict)  # by alias
    mode: history.Mode = "off"
    share: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)  # version: why
    registry_reachable: bool = False
    switched_at: float = 0.0


def share_of(key: Iterable[Any]) -> float:
    """Return a number from 0 to 1 that depends on the request's key alone.

    A request below the canary's share goes to the candidate: the same flight on every try.
    """
    text = "|".join(str(part) for part in key)
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def follow(usecase: str, held: Held) -> Held:
    """Ask the registry what to hold, load what is new, and return what to hold from now on.

    A live release that is refused leaves the one that is held in its place. A candidate that is
    refused is absent, and the one that was held before it does not stay: it was replaced.
    """
    try:
        registry.require()
        now = history.serving(usecase)
    except Exception:
        return replace(held, registry_reachable=False)
    by_version = {r.version: r for r in held.releases.values()}
    releases, refused = {}, {}
    for alias, version in now.releases.items():
        release = by_version.get(version)
        if release is None:
            try:
                release = registry.load(usecase, version)
            except FirstFlightError as error:
                refused[version] = str(error)
                continue
            except Exception as error:  # it cannot prove itself, whatever the reason
                refused[version] = f"{type(error).__name__}: {error}"
                continue
        releases[alias] = release
        by_version[release.version] = release
    # A live release that was withdrawn goes; one that is refused leaves the one before it.
    refused_live = "live" in now.releases and "live" not in releases
    if refused_live and "live" in held.releases:
        releases["live"] = held.releases["live"]
    mode, share = (now.mode, now.share) if "candidate" in releases else ("off", 0.0)
    new = Held(releases, mode, share, refused, True, held.switched_at)
    if _versions(new) != _versions(held) or (mode, share) != (held.mode, held.share):
        new = replace(new, switched_at=time.time())
    return new


def close_last_lines(usecase: str) -> None:
    """End a line that a killed process left half-written, so that the next one is not lost too."""
    for path in predictions.log_files(usecase):
        with path.open("rb+") as file:
            if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) and file.read(1) != b"\n":
                file.write(b"\n")


def _versions(held: Held) -> dict[str, str | None]:
    return {alias: release.version for alias, release in held.releases.items()}


def make(name: str) -> Any:
    """Return the BentoML service of one use case."""
    ws = workspace.configure()
    # A connection of its own for each look: a pooled one goes on reading a database file that was
    # moved away or replaced by a backup.
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
    case = usecases.get(name)
    Request = case.request

    @bentoml.service(
        name=f"firstflight-{name.replace('_', '-')}",
        workers=1,  # one process answers, so that a switch is one switch
        traffic={"timeout": 30, "max_concurrency": 64},
        logging={"access": {"enabled": False}},
    )
    class Service:
        def __init__(self) -> None:
            self.max_age_days = process.load().state.max_age_days
            self.stores = {
                version: Store(name, version, self.max_age_days) for version in case.features
            }
            self.answered = 0
            self.logging = False
            self.log_failures = 0
            self.shadow_failures = 0
            self.lock = threading.Lock()
            close_last_lines(name)
            self.held = follow(name, Held())
            threading.Thread(target=self._poll, daemon=True, name="follow-registry").start()

        def _poll(self) -> None:
            while True:
                time.sleep(POLL_SECONDS)
                try:
                    self.held = follow(name, self.held)
                except Exception:  # without this thread the service would follow nobody, unseen
                    self.held = replace(self.held, registry_reachable=False)
                    logger.exception("The registry could not be followed; asking again.")

        async def __is_ready__(self) -> bool:
            return "live" in self.held.releases

        @bentoml.api
        def predict(self, request: Request, ctx: bentoml.Context) -> Answer:  # type: ignore[valid-type]
            """Answer one request."""
            return self._answer([request], ctx)[0]

        @bentoml.api
        def predict_batch(
            self,
            requests: list[Request],  # type: ignore[valid-type]
            ctx: bentoml.Context,
        ) -> list[Answer]:
            """Answer many requests at once; one that breaks the contract refuses them all."""
            return self._answer(requests, ctx) if requests else []

        @bentoml.api
        def status(self) -> dict:
            """Say what is held, how old its state is, and whether the registry answers."""
            held = self.held
            return {
                "usecase": name,
                "releases": {alias: self._about(r) for alias, r in held.releases.items()},
                "mode": held.mode,
                "share": held.share,
                "registry_reachable": held.registry_reachable,
                "refused": held.refused,
                "max_state_age_days": self.max_age_days,
                "answered": self.answered,
                "log_failures": self.log_failures,
                "shadow_failures": self.shadow_failures,
            }

        def _about(self, release: Release) -> dict[str, Any]:
            about = {
                "version": release.version,
                "recipe": release.about["recipe"],
                "feature_version": release.feature_version,
                "trained_to": release.about["trained_to"],
                "state_age_days": None,
            }
            try:
                found = self.stores[release.feature_version].at(clock.today())
            except StateError as error:
                return {**about, "state_error": str(error)}
            if found is not None:
                about["state_age_days"] = (clock.today() - found[0]).days
            return about

        def _answer(self, requests: list[Any], ctx: bentoml.Context) -> list[Answer]:
            held = self.held  # one read: the whole batch is answered by the same releases
            if "live" not in held.releases:
                # BentoML keeps the text of a 5xx from the caller and writes it to its log.
                raise ServiceUnavailable(
                    f"No release of {name} is live: register one, pass the gate and promote it."
                )
            rows = pd.DataFrame([request.model_dump() for request in requests])
            rows["date"] = pd.to_datetime(rows["date"]).astype("datetime64[s]")
            n = len(rows)
            side = np.full(n, "live", dtype=object)
            if held.mode == "canary":
                keys = rows[list(case.key)].assign(date=rows["date"].dt.strftime("%Y-%m-%d"))
                shares = np.array([share_of(key) for key in keys.itertuples(index=False)])
                side[shares < held.share] = "candidate"
            answers: list[Answer | None] = [None] * n
            records = []
            replayed = ctx.request.headers.get(REPLAY_HEADER) is not None
            for alias in ("live", "candidate"):
                chosen = np.flatnonzero(side == alias)
                shadow = alias == "candidate" and held.mode == "shadow"
                if shadow:
                    chosen = np.arange(n)
                if not len(chosen):
                    continue
                release, part = held.releases[alias], rows.iloc[chosen]
                store = self.stores[release.feature_version]
                try:
                    said = release.predict(part, store)
                    ages = store.ages(part["date"]).to_numpy()
                except Exception as error:
                    if shadow:  # it answers nobody, so it may hurt nobody
                        self.shadow_failures += 1
                        logger.exception("The shadow failed; live answers.")
                        continue
                    if isinstance(error, StateError):
                        raise ServiceUnavailable(str(error)) from error
                    raise
                role = "replay" if replayed else "shadow" if shadow else alias
                records.append(
                    part.assign(
                        role=role,
                        release=release.version,
                        feature_version=release.feature_version,
                        prediction=said,
                        state_age_days=ages,
                    )
                )
                if shadow:
                    continue
                for i, prediction, age, day in zip(chosen, said, ages, part["date"], strict=True):
                    known = not np.isnan(age)
                    answers[i] = Answer(
                        prediction=float(prediction),
                        release=str(release.version),
                        state_date=day.date() - dt.timedelta(days=int(age)) if known else None,
                        state_age_days=int(age) if known else None,
                    )
            self._log(pd.concat(records, ignore_index=True))
            return [answer for answer in answers if answer is not None]

        def _log(self, records: pd.DataFrame) -> None:
            """Write every prediction down; a full disk must not stop the answers."""
            records = records.assign(date=records["date"].dt.strftime("%Y-%m-%d"))
            with self.lock:
                self.answered += int((records["role"] != "shadow").sum())
                # One row alone first: BentoML learns the columns from the first record, and warns
                # of each further row in it.
                parts = [records] if self.logging else [records.head(1), records.iloc[1:]]
                try:
                    for part in parts:
                        self._write(part)
                        self.logging = True
                except Exception:
                    self._log_failed()
                for handler in logging.getLogger("bentoml_monitor_data").handlers:
                    # Python's handlers swallow what goes wrong while they write.
                    handler.handleError = self._log_failed  # type: ignore[method-assign]

        def _write(self, records: pd.DataFrame) -> None:
            if records.empty:
                return
            plain = records.astype(object).where(records.notna(), None)
            # The path is given here and not in the service's settings: those are written into a
            # Bento, and a path of the machine that built it has no place there.
            options = {"log_path": str(ws.predictions / name)}
            with bentoml.monitor(LOG_NAME, monitor_options=options) as monitor:
                for column in plain.columns:
                    numeric = pd.api.types.is_numeric_dtype(records[column])
                    monitor.log_batch(
                        plain[column].tolist(),
                        name=column,
                        role="prediction" if column == "prediction" else "feature",
                        data_type="numerical" if numeric else "categorical",
                    )

        def _log_failed(self, record: logging.LogRecord | None = None) -> None:
            self.log_failures += 1
            if self.log_failures == 1:  # one is enough for people; the status counts them all
                logger.exception("A prediction could not be written down.")

    return Service


svc = make(os.environ.get("FIRSTFLIGHT_USECASE", "flights"))
