"""Who answers, with which release: everything the service does between a request and its answer.

It knows nothing of HTTP or BentoML. `Answering` holds up to three releases and follows the
registry; `Gatherer` brings requests together that wait at the same time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from firstflight import clock, history, process, workspace
from firstflight import usecase as usecases
from firstflight.errors import FirstFlightError, StateError
from firstflight.history import Mode
from firstflight.prediction_log import PredictionLog
from firstflight.state import Store

if TYPE_CHECKING:
    from firstflight.release import Release

POLL_SECONDS = 0.25
REPLAY_HEADER = "x-firstflight-replay"
NO_CLOCK, UNKNOWN = -1, -2  # in place of the time at which the clock's file was changed
LOG_SECONDS = 1.0  # an answer waits this long for its line in the log, and then goes without

logger = logging.getLogger("bentoml.firstflight")  # below BentoML's own: the server's log


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


class NothingLive(FirstFlightError):
    """No release is live, so nobody can be answered."""


@dataclass(frozen=True)
class Held:
    """What the service holds at one moment; replaced whole, never changed.

    Attributes
    ----------
    releases : dict of str to Release
        Loaded releases by alias: ``live``, ``candidate``, ``previous``.
    mode : {"off", "shadow", "canary"}
        The rollout in progress; ``"off"`` too while its candidate is refused.
    share : float
        Share of the requests, 0 to 1, that the candidate of a canary answers.
    refused : dict of str to str
        Versions that should be held and could not be loaded, and why.
    registry_reachable : bool
        Whether the registry and the history could be read the last time.
    switched_at : float
        When the releases or the rollout last changed, in seconds since 1970 (Unix time).
    """

    releases: dict[str, Release] = field(default_factory=dict)  # by alias
    mode: Mode = "off"
    share: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)  # version: why
    registry_reachable: bool = False
    switched_at: float = 0.0


def share_of(key: Iterable[Any]) -> float:
    """Return a number from 0 to below 1 that depends on the request's key alone.

    A request whose number is below the canary's share goes to the candidate. The same request gets
    the same number on every try, so while the share stays the same release answers it.

    Parameters
    ----------
    key : iterable
        The values of the request's key fields, in the order of the use case's `key`.

    Returns
    -------
    float
        From 0 to below 1; many different keys are spread evenly.

    Examples
    --------
    >>> share_of(["2013-04-01", "UA", 1545]) == share_of(["2013-04-01", "UA", 1545])
    True
    >>> keys = [("2013-04-01", "UA", number) for number in range(1000)]
    >>> round(sum(share_of(key) < 0.1 for key in keys) / 1000, 1)
    0.1
    """
    text = "|".join(str(part) for part in key)
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def follow(usecase: str, held: Held) -> Held:
    """Ask the registry what to hold, load what is new, and return what to hold from now on.

    What serves is what the newest entry of the deployment history says. A live release that was
    withdrawn goes; one that is refused leaves the one that is held in its place. A candidate that
    is refused is absent, and the one that was held before it does not stay: it was replaced.

    Nothing that goes wrong is raised: a service that answers goes on answering.

    Parameters
    ----------
    usecase : str
        Its name.
    held : Held
        What is held until now; a release in it is not loaded again.

    Returns
    -------
    Held
        What to hold. If the registry or the history cannot be read, or the history is gone, that is
        `held` with `registry_reachable` false.
    """
    # Needs scikit-learn, which the process that only starts the workers does not.
    from firstflight import registry

    try:
        registry.require()
        now = history.serving(usecase)
    except Exception:  # gone, locked, damaged: what is held goes on serving
        return replace(held, registry_reachable=False)
    if held.releases and not now.n:  # a history that was there is gone: that is no decision
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
    refused_live = "live" in now.releases and "live" not in releases
    if refused_live and "live" in held.releases:
        releases["live"] = held.releases["live"]
    mode, share = (now.mode, now.share) if "candidate" in releases else ("off", 0.0)
    new = Held(releases, mode, share, refused, True, held.switched_at)
    if _versions(new) != _versions(held) or (mode, share) != (held.mode, held.share):
        new = replace(new, switched_at=time.time())
    return new


def _versions(held: Held) -> dict[str, str | None]:
    return {alias: release.version for alias, release in held.releases.items()}


class Answering:
    """Answers requests of one use case, and writes down every answer.

    Parameters
    ----------
    usecase : str
        Its name.

    Raises
    ------
    FirstFlightError
        If there is no such use case.
    ProcessError
        If the team's decisions cannot be read.
    """

    def __init__(self, usecase: str) -> None:
        decisions = process.load()
        self.usecase = usecases.get(usecase)
        self.rules = decisions.service
        self.max_age_days = decisions.state.max_age_days
        self.types = usecases.field_types(self.usecase.request)
        self.stores = {v: Store(usecase, v, self.max_age_days) for v in self.usecase.features}
        self.counts: Counter[str] = Counter()
        self.log = PredictionLog(usecase, self.rules.log_file_mb)
        self.held = follow(usecase, Held())
        self._clock: tuple[int, dt.date] = (NO_CLOCK, dt.date.today())
        self._ended = threading.Event()

    def start(self) -> None:
        """Follow the registry from now on, in a thread of its own."""
        threading.Thread(target=self._poll, daemon=True, name="follow-registry").start()

    def stop(self) -> None:
        """Stop following, and write down what waits to be written."""
        self._ended.set()
        self.log.close()

    def _poll(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                self.held = follow(self.usecase.name, self.held)
            except Exception:  # without this thread the service would follow nobody, unseen
                self.held = replace(self.held, registry_reachable=False)
                logger.exception("The registry could not be followed; asking again.")

    def today(self) -> dt.date:
        """Return the clock's today; a clock file that is no use leaves the last day that it gave.

        Returns
        -------
        date
            The real date where there is no clock file.
        """
        try:
            changed = workspace.current().clock_file.stat().st_mtime_ns
        except FileNotFoundError:
            self._clock = (NO_CLOCK, dt.date.today())
            return self._clock[1]
        except OSError:
            changed = UNKNOWN
        if changed != self._clock[0]:
            try:
                self._clock = (changed, clock.today())
            except Exception:
                logger.exception("The clock cannot be read; its last day counts.")
                self._clock = (changed, self._clock[1])
        return self._clock[1]

    def too_far(self, requests: Sequence[Any]) -> list[int]:
        """Return the positions of requests for a day that no caller can mean.

        Parameters
        ----------
        requests : sequence of BaseModel
            Objects of the use case's contract.

        Returns
        -------
        list of int
            Counted from 0: requests for a day that is more than ``max_days_from_today`` of
            ``process.toml`` before or after the clock's today.
        """
        today, most = self.today().toordinal(), self.rules.max_days_from_today
        days = [request.date.toordinal() for request in requests]
        return [i for i, day in enumerate(days) if abs(day - today) > most]

    def answer(
        self,
        requests: Sequence[Any],
        replayed: Sequence[bool],
        *,
        held: Held | None = None,
        shadow: bool = True,
    ) -> tuple[list[Answer], Future[bool]]:
        """Answer requests, all by the same releases.

        Parameters
        ----------
        requests : sequence of BaseModel
            Objects of the use case's contract.
        replayed : sequence of bool
            For each, whether it is a replay: answered as any other, and logged with the role
            ``replay``.
        held : Held, optional
            Who answers; by default what is held now.
        shadow : bool, default True
            Whether a candidate in the shadow predicts before this returns. If not, `shadow` is to
            be called afterwards.

        Returns
        -------
        answers : list of Answer
            In the order of the requests.
        logged : Future of bool
            Whether they were written down; set when that is known.

        Raises
        ------
        NothingLive
            If no release is live.
        StateError
            If the published state cannot be read or was altered.
        """
        held = held or self.held  # one read: the whole batch is answered by the same releases
        if "live" not in held.releases:
            raise NothingLive(
                f"No release of {self.usecase.name} is live: register one, pass the gate and "
                "promote it."
            )
        columns = usecases.columns(self.types, requests)
        everybody = np.arange(len(requests))
        to_candidate = np.zeros(len(requests), dtype=bool)
        if held.mode == "canary":
            keys = zip(*(columns[part].tolist() for part in self.usecase.key), strict=True)
            to_candidate = np.array([share_of(key) < held.share for key in keys])
        answers: list[Answer | None] = [None] * len(requests)
        records: list[dict[str, Any]] = []
        for alias, chosen in (("live", ~to_candidate), ("candidate", to_candidate)):
            rows = everybody[chosen]
            if not len(rows):
                continue
            release = held.releases[alias]
            said, ages = self._ask(release, columns, rows)
            records += self._records(release, alias, requests, replayed, rows, said, ages)
            for i, prediction, age in zip(rows.tolist(), said.tolist(), ages, strict=True):
                day = None if age is None else requests[i].date - dt.timedelta(days=age)
                answers[i] = Answer.model_construct(
                    prediction=prediction,
                    release=str(release.version),
                    state_date=day,
                    state_age_days=age,
                )
        if shadow:
            records += self._shadow(held, columns, requests, replayed)
        self.counts["answered"] += len(requests)
        return [answer for answer in answers if answer is not None], self.log.add(records)

    def shadow(self, held: Held, requests: Sequence[Any], replayed: Sequence[bool]) -> None:
        """Let the candidate predict for requests that were answered, and write down what it says.

        Outside a shadow nothing is done. A candidate that fails is counted and logged, and raises
        nothing: it answers nobody.

        Parameters
        ----------
        held : Held
            What was held when they were answered.
        requests : sequence of BaseModel
            As for `answer`.
        replayed : sequence of bool
            As for `answer`.
        """
        columns = usecases.columns(self.types, requests)
        records = self._shadow(held, columns, requests, replayed)
        if records:
            self.log.add(records)

    def _shadow(
        self,
        held: Held,
        columns: dict[str, np.ndarray],
        requests: Sequence[Any],
        replayed: Sequence[bool],
    ) -> list[dict[str, Any]]:
        if held.mode != "shadow":
            return []
        release, everybody = held.releases["candidate"], np.arange(len(requests))
        try:
            said, ages = self._ask(release, columns, everybody)
        except Exception:
            self.counts["shadow_failures"] += 1  # it answers nobody, so it may hurt nobody
            logger.exception("The shadow failed; live answers.")
            return []
        return self._records(release, "shadow", requests, replayed, everybody, said, ages)

    def _records(
        self,
        release: Release,
        role: str,
        requests: Sequence[Any],
        replayed: Sequence[bool],
        rows: np.ndarray,
        said: np.ndarray,
        ages: list[int | None],
    ) -> list[dict[str, Any]]:
        now = dt.datetime.now(dt.UTC).isoformat()
        return [
            {
                **requests[i].__dict__,
                "role": "replay" if replayed[i] else role,
                "release": release.version,
                "feature_version": release.feature_version,
                "prediction": prediction,
                "state_age_days": age,
                "timestamp": now,
            }
            for i, prediction, age in zip(rows.tolist(), said.tolist(), ages, strict=True)
        ]

    def _ask(
        self, release: Release, columns: dict[str, np.ndarray], chosen: np.ndarray
    ) -> tuple[np.ndarray, list[int | None]]:
        if len(chosen) < len(columns["date"]):
            columns = {name: values[chosen] for name, values in columns.items()}
        met = self.stores[release.feature_version].met(columns["date"])
        ages = [None if age != age else int(age) for age in met.ages.tolist()]
        return release.answer(columns, met), ages

    def status(self) -> dict[str, Any]:
        """Say what is held, how old its state is, and whether the registry answers.

        Returns
        -------
        dict
            Data that JSON can hold: the use case, ``releases`` by alias, the rollout, what was
            refused and why, how many requests were answered, and how many lines of the log and
            predictions of the shadow failed.
        """
        held = self.held
        return {
            "usecase": self.usecase.name,
            "releases": {alias: self._about(r) for alias, r in held.releases.items()},
            "mode": held.mode,
            "share": held.share,
            "registry_reachable": held.registry_reachable,
            "refused": held.refused,
            "max_state_age_days": self.max_age_days,
            "answered": self.counts["answered"],
            "log_failures": self.log.failed,
            "shadow_failures": self.counts["shadow_failures"],
        }

    def _about(self, release: Release) -> dict[str, Any]:
        about = {
            "version": release.version,
            "recipe": release.about["recipe"],
            "feature_version": release.feature_version,
            "trained_to": release.about["trained_to"],
            "path": release.path,
            "state_age_days": None,
        }
        today = self.today()
        try:
            found = self.stores[release.feature_version].at(today)
        except StateError as error:
            return {**about, "state_error": str(error)}
        if found is not None:
            about["state_age_days"] = (today - found[0]).days
        return about


class Gatherer:
    """Answers single requests that wait at the same time together, in one call of the model.

    A request that is alone is answered at once. While others are on their way in (`underway` says
    how many), it waits for them, `WAIT_SECONDS` at the most.

    Parameters
    ----------
    answering : Answering
        Answers the requests.
    underway : callable
        ``underway()`` returns how many single requests were received and are not answered yet.
    """

    WAIT_SECONDS = 0.002
    SHADOW_SECONDS = 0.05  # the shadow predicts this much later, for all that came meanwhile

    def __init__(self, answering: Answering, underway: Callable[[], int]) -> None:
        self.answering, self.underway = answering, underway
        self._shadowed: list[tuple[Held, Any, bool]] = []
        self._waiting: list[tuple[Any, bool, asyncio.Future[Answer]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, request: Any, replayed: bool) -> Answer:
        """Return the answer to one request, once it is written down.

        It waits `LOG_SECONDS` for the log at the most. If requests cannot be answered together,
        each is answered alone, so an error is the request's own.

        Parameters
        ----------
        request : BaseModel
            An object of the use case's contract.
        replayed : bool
            Whether it is a replay: answered as any other, and logged with the role ``replay``.

        Returns
        -------
        Answer
            The prediction, and what made it.

        Raises
        ------
        NothingLive
            If no release is live.
        StateError
            If the published state cannot be read or was altered.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((request, replayed, done))
        if len(self._waiting) >= self.underway():
            self._answer()
        elif self._timer is None:
            self._timer = loop.call_later(self.WAIT_SECONDS, self._answer)
        return await done

    def _answer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken, self._waiting = self._waiting, []
        try:
            self._answer_together(taken)
        except Exception:
            for one in taken:  # who is to blame must not be a matter of who waited beside it
                try:
                    self._answer_together([one])
                except Exception as error:
                    if not one[2].done():
                        one[2].set_exception(error)

    def _answer_together(self, taken: list[tuple[Any, bool, asyncio.Future[Answer]]]) -> None:
        held = self.answering.held  # one read: the poll's thread may replace it in between
        answers, logged = self.answering.answer(
            [t[0] for t in taken], [t[1] for t in taken], held=held, shadow=False
        )
        pairs = list(zip(taken, answers, strict=True))
        loop = asyncio.get_running_loop()
        if held.mode == "shadow":
            if not self._shadowed:
                loop.call_later(self.SHADOW_SECONDS, self.shadow)
            self._shadowed += [(held, request, replayed) for request, replayed, _ in taken]

        def give() -> None:
            for (_, _, done), answer in pairs:
                if not done.done():
                    done.set_result(answer)

        late = loop.call_later(LOG_SECONDS, give)

        def written() -> None:
            late.cancel()
            give()

        logged.add_done_callback(lambda _: loop.call_soon_threadsafe(written))

    def shadow(self) -> None:
        """Let the candidate predict for the single requests that were answered since the last time.

        Each is predicted by the candidate that was held when it was answered.
        """
        waiting, self._shadowed = self._shadowed, []
        for held in {id(held): held for held, _, _ in waiting}.values():
            of = [(request, replayed) for then, request, replayed in waiting if then is held]
            self.answering.shadow(held, [request for request, _ in of], [again for _, again in of])
