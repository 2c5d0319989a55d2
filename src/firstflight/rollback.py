"""Going back: preflight, switch, proof.

Moving an alias is not a rollback. The old release must still be what it was, its feature state
must be there today, and today's upstream must still fit it: that is the preflight. Then the switch,
and then the proof: requests that the old release answered when it was live are sent again, and
every answer must be the same and by that release.
"""

from __future__ import annotations

import datetime as dt
import functools
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight import (
    contract,
    deployments,
    history,
    locks,
    predictions,
    process,
    records,
    registry,
    snapshot,
)
from firstflight.drops import Drops
from firstflight.errors import DropError, FirstFlightError, RollbackRefused, StateError
from firstflight.release import Release, as_json_rows
from firstflight.state import States, Store, Values
from firstflight.usecase import UseCase

N_PROOF = 200
FROZEN_DAYS = 90  # how far back to look for answers of the old release
WEEK = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
FROZEN, PROOFS = "frozen", "proofs"  # kinds of records
NOT_ASKED = ("version", "role", "prediction", "feature_version", "state_age_days")
NEW_DAYS = 2  # one day is too few for a median of the weather


class Check(BaseModel):
    """One question of the preflight, and its answer."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    sentence: str


class Proof(BaseModel):
    """What the replay of frozen requests showed.

    Attributes
    ----------
    n : int
        Requests replayed.
    equal : int
        Answers exactly equal to the ones the release gave when it was live.
    by_release : int
        Answers that name the restored release.
    seconds : float
        From the switch until the service says that it holds the restored release as live.
    problem : str
        Why nothing could be compared; empty if it could.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    equal: int = 0
    by_release: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether every answer was the old one, by the old release."""
        return self.n > 0 and self.equal == self.n and self.by_release == self.n


class Frozen(BaseModel):
    """Requests that a release answered, with its answers, kept before a switch.

    Attributes
    ----------
    version : str
    requests : list of dict
        The request's fields, as JSON.
    answers : list of float
        What the release answered to each.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    requests: list[dict[str, Any]]
    answers: list[float]

    @classmethod
    def of(cls, version: str, rows: pd.DataFrame) -> Frozen:
        """Return the record of what `frozen_requests` found."""
        if rows.empty:
            return cls(version=version, requests=[], answers=[])
        requests = as_json_rows(rows.drop(columns=[c for c in NOT_ASKED if c in rows]))
        return cls(version=version, requests=requests, answers=rows["prediction"].tolist())

    def table(self) -> pd.DataFrame:
        """Return the requests as `prove` takes them."""
        return pd.DataFrame(self.requests).assign(prediction=self.answers)


class Proven(BaseModel):
    """The proof of one rollback, by the number of its entry in the history."""

    model_config = ConfigDict(frozen=True)

    entry: int
    proof: Proof


class Rollback(BaseModel):
    """A rollback that was done; without a service to ask, `proof` is None."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    left: str
    restored: str
    forced: bool
    preflight: tuple[Check, ...]
    proof: Proof | None
    entry: int


def preflight(usecase: UseCase, target: str, drops: Drops, url: str | None = None) -> list[Check]:
    """Ask every question whose "no" would make the old release worse than the bad one.

    Parameters
    ----------
    target : str
        The version to go back to.
    drops : Drops
        Today's upstream.
    url : str, optional
        The service that is to serve it; with one, it is asked too.

    Returns
    -------
    list of Check
        ``release``: it is what was saved. ``snapshot``: it could be trained again. ``state``: its
        feature version has state that is young enough, and covers what was asked in the last week.
        ``upstream``: the last week fits its contract and does not jump against the week before.
        ``service``: the service would take it.
    """
    rules = process.load()
    tags = registry.tags(usecase.name, target)
    version = int(tags["feature_version"])
    store = Store(usecase.name, version, rules.state.max_age_days)
    loaded: list[Release] = []

    def release_whole() -> str:
        loaded.append(registry.load(usecase.name, target))
        return (
            "files, types, environment, feature code and frozen answers are those that were saved"
        )

    def snapshot_there() -> str:
        rows = snapshot.load(tags["snapshot"]).manifest["rows"]["labels"]
        return f"training snapshot {tags['snapshot']} is whole ({rows} rows)"

    @functools.cache
    def findings() -> list[contract.Finding]:
        try:
            at = store.at(drops.today)
        except StateError:
            at = None  # for the question about state to say
        return last_week(loaded[0], drops, at[1] if at else {})

    def state_there() -> str:
        at = store.at(drops.today)
        publish = f"publish it first (`firstflight state --feature-version {version}`)"
        if at is None:
            raise RollbackRefused(
                f"feature version {version} has no state that is at most "
                f"{rules.state.max_age_days} days old on {drops.today}: {publish}"
            )
        try:
            broken = [f for f in findings() if f.kind == "state"] if loaded else []
        except DropError:
            broken = []  # for the question about upstream to say
        if broken:
            raise RollbackRefused(
                f"the state of feature version {version} of {at[0]} does not cover what was asked "
                f"in the last 7 days: {broken[0].sentence}"
            )
        return f"feature version {version} has state of {at[0]}"

    def upstream_fits() -> str:
        if not loaded:
            raise RollbackRefused("not asked, for the release that it must fit cannot be loaded")
        broken = [f for f in findings() if f.kind == "contract"]
        if broken:
            raise RollbackRefused(
                "the last 7 days of upstream data break the release's contract (broken promises: "
                f"{len(broken)}); first: {broken[0].sentence}"
            )
        return "the last 7 days of upstream data fit its contract"

    def service_follows() -> str:
        assert url is not None
        try:
            reply = httpx.post(f"{url}/status", json={}, timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            raise RollbackRefused(
                f"the service at {url} does not answer ({type(error).__name__}): start it, or "
                "leave out the url to switch without a proof"
            ) from error
        return _service_takes(reply.json(), usecase.name, target)

    questions: dict[str, Callable[[], str]] = {
        "release": release_whole,
        "snapshot": snapshot_there,
        "state": state_there,
        "upstream": upstream_fits,
    }
    if url is not None:
        questions["service"] = service_follows
    checks = []
    for name, question in questions.items():
        try:
            checks.append(Check(name=name, ok=True, sentence=question()))
        except FirstFlightError as error:
            checks.append(Check(name=name, ok=False, sentence=str(error)))
    return checks


def last_week(release: Release, drops: Drops, state: Values) -> list[contract.Finding]:
    """Return what a release's contract says of the last 7 days of requests, today among them.

    The week is held against the week before it. A unit that changed last night does not move the
    median of a week, so the last two days are also held against the seven before them, for jumps
    alone: gaps of two days are ordinary. A change that is eight days old is on both sides and is
    not found here; the weekly monitor has paged by then.

    Of the 332 mornings from February to December 2013 this says no on 18: nine days of real faults,
    three of the Thanksgiving timetable, six of odd weather.

    Parameters
    ----------
    state : Values
        The state of today. The requests are given it as if they came now: what the release would
        have had on their own days does not matter any more.
    """
    first = drops.today - 2 * WEEK + DAY
    requests = release.usecase.requests(drops, first, drops.today)
    states = States({day.date(): state for day in pd.date_range(first, drops.today)})
    inputs = contract.inputs(requests, release.features(requests, states))
    age = (pd.Timestamp(drops.today) - inputs["date"]).dt.days
    expected = contract.profile(release.reference, release.usecase, release.feature_version)
    rules = process.load().usecase(release.usecase.name).alerts
    week = contract.contract_checks(inputs[age < 7], expected, inputs[age >= 7], rules)
    newest = contract.contract_checks(
        inputs[age < NEW_DAYS], expected, inputs[(age >= NEW_DAYS) & (age < NEW_DAYS + 7)], rules
    )
    said = {(finding.rule, finding.column) for finding in week}
    return week + [
        finding
        for finding in newest
        if (finding.kind, finding.rule) == ("contract", "shift_vs_previous")
        and (finding.rule, finding.column) not in said
    ]


def _service_takes(status: dict, usecase: str, target: str) -> str:
    """Return how ready a service is for a release, from what it says of itself."""
    if status["usecase"] != usecase:
        raise RollbackRefused(
            f"the service answers for {status['usecase']}: give that of {usecase}"
        )
    if not status["registry_reachable"]:
        raise RollbackRefused(
            "the service does not reach the registry, so it would not see the switch: mend that, "
            "or leave out the url to switch the registry alone"
        )
    if target in status["refused"]:
        raise RollbackRefused(f"the service refuses version {target}: {status['refused'][target]}")
    held = {about["version"] for about in status["releases"].values()}
    where = "holds it in memory" if target in held else "will load it"
    return f"the service follows the registry and {where}"


def frozen_requests(usecase: UseCase, version: str, today: dt.date) -> pd.DataFrame:
    """Return requests that a release answered as live, with its answers.

    They are spread over the last seven days on which it served with the state of the day. Answers
    without state are none to go back to, and an answer with older state would be another one today,
    if the day's state was published after it.
    """
    rows = predictions.read(usecase, today - dt.timedelta(days=FROZEN_DAYS), today)
    served = (rows["version"] == version) & (rows["role"] == "live") & (rows["state_age_days"] == 0)
    rows = rows[served]
    if rows.empty:
        return rows
    rows = rows[rows["date"] > rows["date"].max() - pd.Timedelta(WEEK)]
    spread = np.linspace(0, len(rows) - 1, min(N_PROOF, len(rows))).round().astype(int)
    return rows.iloc[spread].reset_index(drop=True)


def prove(
    url: str, usecase: UseCase, version: str, frozen: pd.DataFrame, timeout: float = 30.0
) -> Proof:
    """Replay frozen requests against the service and compare the answers exactly.

    What goes wrong on the way is in the proof, not raised: the switch is done by now.

    Parameters
    ----------
    frozen : DataFrame
        Of `frozen_requests`.
    timeout : float
        Seconds that the service has to take the release.
    """
    n, begun = len(frozen), time.perf_counter()
    if frozen.empty:
        return Proof(n=0, problem=f"no request is known that version {version} answered as live")
    with httpx.Client(base_url=url, timeout=timeout) as http:
        try:
            while (held := _live(http)) != version:
                if time.perf_counter() - begun > timeout:
                    said = f"the service holds version {held} after {timeout:.0f} s: ask its status"
                    return Proof(n=n, seconds=timeout, problem=said)
                time.sleep(0.05)
            seconds = time.perf_counter() - begun
            reply = http.post(
                "/predict_batch",
                json={"requests": as_json_rows(frozen[list(usecase.request.model_fields)])},
                headers={"x-firstflight-replay": "rollback"},
            )
            answers = pd.DataFrame(reply.raise_for_status().json())
        except httpx.HTTPError as error:
            return Proof(n=n, problem=f"the service does not answer ({type(error).__name__})")
    return Proof(
        n=n,
        equal=int((answers["prediction"].to_numpy() == frozen["prediction"].to_numpy()).sum()),
        by_release=int((answers["release"] == version).sum()),
        seconds=seconds,
    )


def _live(http: httpx.Client) -> str | None:
    status = http.post("/status", json={}).raise_for_status().json()
    return status["releases"].get("live", {}).get("version")


def rollback(
    usecase: UseCase,
    drops: Drops,
    *,
    reason: str,
    by: str,
    url: str | None = None,
    force: bool = False,
) -> Rollback:
    """Restore the previous release, with its features, state and snapshot.

    A rollback that was cut off before its proof is proven now instead of beginning another one,
    on the requests that were frozen before the switch.

    Parameters
    ----------
    usecase : UseCase
    drops : Drops
        What is known today.
    reason, by : str
        Why, and which role; the process says who may.
    url : str, optional
        The service to prove it on. Without one the switch is done and not proven.
    force : bool
        Switch although the preflight failed; recorded with what failed.

    Raises
    ------
    RollbackRefused
        If there is no reason or no previous release, or the preflight fails. Nothing is changed
        then.
    PermissionRefused
        If the role may not.
    """
    deployments.allow("rollback", by)
    if force:
        deployments.allow("force a rollback", by, "force_rollback")
    if not reason.strip():
        raise RollbackRefused(f"A rollback of {usecase.name} needs a reason: say what was seen.")
    with locks.writing("rollback"):
        deployments.settle(usecase.name)
        entry = history.newest(usecase.name)
        if entry is None or not _to_be_proven(usecase.name, entry, url):
            entry = _switch(usecase, drops, reason=reason, by=by, url=url, force=force)
    proof = None
    if url is not None:
        frozen = records.read(usecase.name, FROZEN, entry.details["frozen"], Frozen)
        proof = prove(url, usecase, entry.after["live"], frozen.table())
        records.append(usecase.name, PROOFS, Proven(entry=entry.n, proof=proof))
    return Rollback(
        usecase=usecase.name,
        left=entry.details["left"],
        restored=entry.after["live"],
        forced=entry.details["forced"],
        preflight=tuple(Check.model_validate(check) for check in entry.details["preflight"]),
        proof=proof,
        entry=entry.n,
    )


def _to_be_proven(usecase: str, entry: history.Deployment, url: str | None) -> bool:
    """Tell whether the newest change is a rollback that nothing has proven yet, and can be."""
    if entry.action != "rollback" or url is None or entry.details.get("frozen") is None:
        return False
    proofs = records.all_of(usecase, PROOFS, Proven)
    return not any(found.entry == entry.n and found.proof.ok for found in proofs)


def _switch(
    usecase: UseCase, drops: Drops, *, reason: str, by: str, url: str | None, force: bool
) -> history.Deployment:
    """Ask the preflight, freeze requests for the proof, and write the entry."""
    left, target = _ends(usecase)
    checks = preflight(usecase, target, drops, url)
    failed = [check for check in checks if not check.ok]
    if failed and not force:
        raise RollbackRefused(
            f"Rolling {usecase.name} back to version {target} was refused, and nothing was "
            "changed: "
            + "; ".join(f"{check.name}: {check.sentence.rstrip('.')}" for check in failed)
            + "."
        )
    # Frozen before the switch: its own new answers would prove nothing.
    frozen = records.append(
        usecase.name, FROZEN, Frozen.of(target, frozen_requests(usecase, target, drops.today))
    )
    return deployments.change(
        usecase.name,
        "rollback",
        # The bad release does not become "previous": a second rollback must not bring it back.
        after={"live": target, "previous": None, "candidate": None},
        reason=reason,
        by=by,
        details={
            "left": left,
            "forced": bool(failed),
            "preflight": [check.model_dump() for check in checks],
            "frozen": frozen,
        },
    )


def _ends(usecase: UseCase) -> tuple[str, str]:
    """Return the version to leave and the one to go back to."""
    releases = history.serving(usecase.name).releases
    for alias in ("live", "previous"):
        if alias not in releases:
            raise RollbackRefused(
                f"{usecase.name} has no {alias} release, so there is nothing to go back "
                f"{'from' if alias == 'live' else 'to'}: train and roll out a better one."
            )
    return releases["live"], releases["previous"]
