"""Answer requests with the releases that serve: a plain class, without a server around it.

`Answerer` holds up to three releases. It asks the deployment record which ones; a switch is one
reference that is replaced between two requests, so a request is answered wholly by what was held
when its turn came. A release that cannot prove itself is never taken in, and if the registry cannot
be read the answerer keeps what it has and says so.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import hashlib
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import BaseModel

from firstflight import clock, database, deployments, process, registry
from firstflight import usecase as usecases
from firstflight.answers import Answer
from firstflight.errors import FirstFlightError, ServiceError, StateError
from firstflight.prediction_log import PATIENCE, PredictionLog
from firstflight.release import Release
from firstflight.state import Store
from firstflight.usecase import columns_of

POLL_SECONDS = 1.0
SHADOW_SECONDS = 0.05  # the shadow of single requests predicts this much later, many at once

logger = logging.getLogger("bentoml.firstflight")  # below BentoML's: it goes to the server's log


@dataclass(frozen=True)
class Held:
    """What is held at one moment; replaced whole, never changed.

    Attributes
    ----------
    releases : dict of str to Release
        By alias.
    mode, share
        Of the rollout: who else predicts, and for which share of the requests it answers.
    refused : dict of str to str
        Version: why it was not taken in.
    registry_reachable : bool
        Whether the deployment record and MLflow's database could be read.
    n : int
        The deployment entry that was followed last.
    switched_at : float
        When this began to be held, seconds since 1970.
    """

    releases: dict[str, Release] = field(default_factory=dict)
    mode: deployments.Mode = "off"
    share: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)
    registry_reachable: bool = False
    n: int = 0
    switched_at: float = 0.0


def share_of(key: Iterable[Any]) -> float:
    """Return a number from 0 to 1 that depends on the request's key alone.

    A request below the canary's share goes to the candidate: the same flight on every try.
    """
    text = "|".join(str(part) for part in key)
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def follow(usecase: str, held: Held) -> Held:
    """Ask the record what serves, load what is new, and return what to hold from now on.

    A live release that is refused leaves the one that is held in its place. A candidate that is
    refused is absent: nobody decided that the earlier candidate should go on.

    Parameters
    ----------
    usecase : str
    held : Held
        What is held now.
    """
    try:
        database.require()
        serving = deployments.serving(usecase)
    except Exception:
        return replace(held, registry_reachable=False)
    if held.n and not serving.n:  # a record that was there is gone: that is no decision
        return replace(held, registry_reachable=False)
    mode, share = serving.mode, serving.share
    by_version = {release.version: release for release in held.releases.values()}
    releases, refused = {}, {}
    for alias, version in serving.releases.items():
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
    if "live" not in releases and "live" in held.releases and "live" in serving.releases:
        releases["live"] = held.releases["live"]
    if "candidate" not in releases:
        mode, share = "off", 0.0
    new = Held(releases, mode, share, refused, True, serving.n, held.switched_at)
    if _versions(new) != _versions(held) or (mode, share) != (held.mode, held.share):
        new = replace(new, switched_at=time.time())
    return new


def _versions(held: Held) -> dict[str, str | None]:
    return {alias: release.version for alias, release in held.releases.items()}


class Answerer:
    """Hold the releases of one use case, answer, and write every answer down.

    Parameters
    ----------
    name : str
        The use case.
    log : PredictionLog, optional
        By default that of the workspace.
    """

    def __init__(self, name: str, log: PredictionLog | None = None) -> None:
        rules = process.load()
        self.usecase = usecases.get(name)
        self.max_age_days = rules.state.max_age_days
        self.rules = rules.service
        self.log = log or PredictionLog(self.usecase, max_mb=self.rules.log_file_mb)
        self.stores = {
            version: Store(name, version, self.max_age_days) for version in self.usecase.features
        }
        self.answered = 0
        self.shadow_failures = 0
        self.held = follow(name, Held())
        self._stopped = threading.Event()

    def start(self) -> None:
        """Open the log, and follow the deployment record from now on."""
        self.log.open()
        # What is here by now stays: the collector need not look at it again between two answers.
        gc.collect()
        gc.freeze()
        threading.Thread(target=self._poll, daemon=True, name="follow-record").start()

    def stop(self) -> None:
        """Write the last lines and stop following."""
        self._stopped.set()
        self.log.close()

    def _poll(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self.held = follow(self.usecase.name, self.held)
            except Exception:  # without this thread the service would follow nobody, unseen
                self.held = replace(self.held, registry_reachable=False)
                logger.exception("The deployment record could not be followed; asking again.")

    # --- answer ---------------------------------------------------------------------------------

    def unanswerable(self, requests: Sequence[BaseModel]) -> tuple[int, str] | None:
        """Return the first request of a day too far from today, and a sentence; None if all fit.

        Parameters
        ----------
        requests : sequence of BaseModel
        """
        today, most = clock.today(), self.rules.max_days_from_today
        for n, request in enumerate(requests):
            days = abs((request.date - today).days)  # type: ignore[attr-defined]
            if days > most:
                return n, (
                    f"the day is {days:,} days from today ({today}): at most {most} are answered"
                )
        return None

    def answer(self, requests: Sequence[BaseModel], replayed: Sequence[bool]) -> Answered:
        """Answer requests, all by the same releases; the caller passes the records to the log.

        Parameters
        ----------
        requests : sequence of BaseModel, length n
            Of the use case's contract, none of which is `unanswerable`.
        replayed : sequence of bool, length n
            Whether each is a rehearsal, which is logged apart.

        Returns
        -------
        Answered

        Raises
        ------
        ServiceError
            If nothing is live.
        StateError
            If the state of a request's day was altered.
        """
        held = self.held  # one read: all are answered by what is held now
        if "live" not in held.releases:
            raise ServiceError(
                f"No release of {self.usecase.name} is live: register one, pass the gate and "
                "promote it."
            )
        columns = columns_of(self.usecase.request, requests)
        answers: list[Answer] = [None] * len(requests)  # type: ignore[list-item]
        records: list[dict[str, Any]] = []
        for alias, rows in self._arms(held, requests):
            release = held.releases[alias]
            part = (
                columns if len(rows) == len(requests) else {k: v[rows] for k, v in columns.items()}
            )
            predictions, ages = self._predict(release, part)
            for row, prediction, age in zip(rows, predictions, ages, strict=True):
                request = requests[row]
                answers[row] = _answer(release, request, prediction, age)
                role = "replay" if replayed[row] else alias
                records.append(_record(release, request, role, prediction, age))
        self.answered += len(requests)
        return Answered(answers, records, held)

    def shadow(
        self, held: Held, requests: Sequence[BaseModel], replayed: Sequence[bool]
    ) -> list[dict[str, Any]]:
        """Return the records of what the candidate in the shadow says; it may hurt nobody.

        Parameters
        ----------
        held : Held
            What was held when the requests were answered.
        requests, replayed
            As for `answer`.
        """
        if held.mode != "shadow":
            return []
        release = held.releases["candidate"]
        try:
            predictions, ages = self._predict(release, columns_of(self.usecase.request, requests))
        except Exception:
            self.shadow_failures += 1
            logger.exception("The shadow failed; live answers.")
            return []
        return [
            _record(release, request, "replay" if again else "shadow", prediction, age)
            for request, again, prediction, age in zip(
                requests, replayed, predictions, ages, strict=True
            )
        ]

    def answer_and_log(self, requests: Sequence[BaseModel], replayed: bool) -> list[Answer]:
        """Answer a batch, with its shadow, and wait until it is written down (`PATIENCE` at most).

        Parameters
        ----------
        requests : sequence of BaseModel
        replayed : bool

        Raises
        ------
        ServiceError, StateError
            As `answer`.
        """
        if not requests:
            return []
        again = [replayed] * len(requests)
        answered = self.answer(requests, again)
        shadow = self.shadow(answered.held, requests, again)
        self.log.write_and_wait(answered.records + shadow)
        return answered.answers

    def _arms(self, held: Held, requests: Sequence[BaseModel]) -> list[tuple[str, Sequence[int]]]:
        """Return who answers which rows."""
        if held.mode != "canary":
            return [("live", range(len(requests)))]
        arms: dict[str, list[int]] = {"live": [], "candidate": []}
        for row, request in enumerate(requests):
            share = share_of(getattr(request, name) for name in self.usecase.key)
            arms["candidate" if share < held.share else "live"].append(row)
        return [(alias, rows) for alias, rows in arms.items() if rows]

    def _predict(
        self, release: Release, columns: dict[str, np.ndarray]
    ) -> tuple[list[float], list[float]]:
        store = self.stores[release.feature_version]
        return release.predict(columns, store).tolist(), store.ages(columns["date"]).tolist()

    # --- say ------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Say what is held, how it is asked, how old its state is, and how the log does."""
        held, log = self.held, self.log.condition
        return {
            "usecase": self.usecase.name,
            "releases": {alias: self._about(r) for alias, r in held.releases.items()},
            "mode": held.mode,
            "share": held.share,
            "deployment": held.n,
            "registry_reachable": held.registry_reachable,
            "refused": held.refused,
            "max_state_age_days": self.max_age_days,
            "answered": self.answered,
            "logged": log.written,
            "log_failures": log.lost,
            "log_late": log.late,
            "log_problem": log.problem,
            "shadow_failures": self.shadow_failures,
        }

    def _about(self, release: Release) -> dict[str, Any]:
        about = {
            "version": release.version,
            "recipe": release.about["recipe"],
            "feature_version": release.feature_version,
            "trained_to": release.about["trained_to"],
            "asked_with": release.scorer.way,
            "checked": release.scorer.why,
            "state_age_days": None,
        }
        today = clock.today()
        try:
            found = self.stores[release.feature_version].at(today)
        except StateError as error:
            return {**about, "state_error": str(error)}
        if found is not None:
            about["state_age_days"] = (today - found[0]).days
        return about


@dataclass(frozen=True)
class Answered:
    """Answers, the records to log, and what was held when they were given."""

    answers: list[Answer]
    records: list[dict[str, Any]]
    held: Held


def _answer(release: Release, request: Any, prediction: float, age: float) -> Answer:
    known = age == age  # not nan
    return Answer.model_construct(
        prediction=prediction,
        release=str(release.version),
        state_date=request.date - dt.timedelta(days=int(age)) if known else None,
        state_age_days=int(age) if known else None,
    )


def _record(
    release: Release, request: BaseModel, role: str, prediction: float, age: float
) -> dict[str, Any]:
    return {
        **request.__dict__,
        "role": role,
        "release": release.version,
        "feature_version": release.feature_version,
        "prediction": prediction,
        "state_age_days": age if age == age else None,
    }


class Together:
    """Let requests that are here at the same time be answered in one prediction.

    The first that comes waits for the end of this turn of the event loop, and all that came by then
    are answered at once. A model that needs .6 ms for one row needs hardly more for sixteen, so
    callers who wait for each other's turns wait less. Alone, a request waits for nobody.

    Parameters
    ----------
    answerer : Answerer
    """

    def __init__(self, answerer: Answerer) -> None:
        self.answerer = answerer
        self._waiting: list[_Waiting] = []
        self._shadowed: list[tuple[Held, _Waiting]] = []
        self.predictions = 0  # how often the model was asked, for all requests

    async def answer(self, request: BaseModel, replayed: bool) -> Answer:
        """Answer one request, with whoever else is here.

        Raises
        ------
        ServiceError, StateError
            As `Answerer.answer`.
        """
        loop = asyncio.get_running_loop()
        one = _Waiting(request, replayed, loop.create_future())
        self._waiting.append(one)
        if len(self._waiting) == 1:
            loop.call_soon(self._answer_all, loop)
        return await one.future

    def _answer_all(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []
        try:
            self._answer_batch(loop, batch)
        except Exception:  # one of them may be the reason: each for itself
            for one in batch:
                try:
                    self._answer_batch(loop, [one])
                except Exception as error:
                    if not one.future.done():
                        one.future.set_exception(error)

    def _answer_batch(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting]) -> None:
        answered = self.answerer.answer(
            [one.request for one in batch], [one.replayed for one in batch]
        )
        self.predictions += 1

        def give(late: bool = False) -> None:
            if late and not all(one.future.done() for one in batch):
                self.answerer.log.note_late()
            for one, answer in zip(batch, answered.answers, strict=True):
                if not one.future.done():  # it may be gone: a caller that hung up
                    one.future.set_result(answer)

        timer = loop.call_later(PATIENCE, give, True)

        def written() -> None:
            timer.cancel()
            give()

        def wake() -> None:  # in the log's thread
            loop.call_soon_threadsafe(written)

        self.answerer.log.write(answered.records, wake)
        if answered.held.mode == "shadow":
            if not self._shadowed:
                loop.call_later(SHADOW_SECONDS, self.shadow_all)
            self._shadowed += [(answered.held, one) for one in batch]

    def shadow_all(self) -> None:
        """Let the candidate predict for the single requests of the last moment."""
        waiting, self._shadowed = self._shadowed, []
        for held in {id(held): held for held, _ in waiting}.values():
            ones = [one for of, one in waiting if of is held]
            records = self.answerer.shadow(
                held, [one.request for one in ones], [one.replayed for one in ones]
            )
            if records:
                self.answerer.log.write(records)


@dataclass(frozen=True)
class _Waiting:
    request: BaseModel
    replayed: bool
    future: asyncio.Future[Answer]
