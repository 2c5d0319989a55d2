"""May we go back: the questions whose "no" would make the old release worse than the bad one.

Each question is a function that returns a sentence, or raises with one. `preflight` asks them in
order and collects the answers; it changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import httpx
import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight import contract, process, registry, snapshot
from firstflight.contract import Finding
from firstflight.drops import Drops
from firstflight.errors import FirstFlightError, RollbackRefused, StateError
from firstflight.release import Release
from firstflight.state import States, Store, Values
from firstflight.usecase import UseCase

WEEK = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
NEW_DAYS = 2  # one day is too few for a median of the weather


class Question(BaseModel):
    """One question of the preflight, and its answer.

    Attributes
    ----------
    name : str
    ok : bool
    sentence : str
        What was found, for people.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    sentence: str


def preflight(
    usecase: UseCase, target: str, drops: Drops, url: str | None = None
) -> list[Question]:
    """Ask every question whose "no" would make the old release worse than the bad one.

    Parameters
    ----------
    usecase : UseCase
    target : str
        The version to go back to.
    drops : Drops
        Today's upstream.
    url : str, optional
        The service that is to serve it; with one, it is asked too.

    Returns
    -------
    list of Question
        ``release``: it is what was saved. ``snapshot``: it could be trained again. ``state``: its
        feature version has state that is young enough, and covers what was asked in the last week.
        ``upstream``: the last week fits its contract and does not jump against the week before.
        ``service``: the service would take it.
    """
    answers: list[Question] = []

    def ask(name: str, question: Callable[[], str]) -> None:
        try:
            answers.append(Question(name=name, ok=True, sentence=question()))
        except FirstFlightError as error:
            answers.append(Question(name=name, ok=False, sentence=str(error)))

    release = _load(usecase, target)
    found = _findings(release, drops)
    ask("release", lambda: release_is_whole(release))
    ask("snapshot", lambda: snapshot_is_there(usecase, target))
    ask("state", lambda: state_is_there(usecase, target, drops, found))
    ask("upstream", lambda: upstream_fits(release, found))
    if url is not None:
        ask("service", lambda: service_follows(usecase, target, url))
    return answers


def _load(usecase: UseCase, target: str) -> Release | FirstFlightError:
    """Return the release, or why it cannot be loaded, which `release_is_whole` says."""
    try:
        return registry.load(usecase.name, target)
    except FirstFlightError as error:
        return error


def _findings(
    release: Release | FirstFlightError, drops: Drops
) -> Sequence[Finding] | FirstFlightError:
    """Return the promises that the last week breaks, or why that could not be asked."""
    if isinstance(release, FirstFlightError):
        return []
    try:
        at = store_of(release.usecase, release.feature_version).at(drops.today)
    except StateError:
        at = None  # `state_is_there` says so
    try:
        return last_week(release, drops, at[1] if at else {})
    except FirstFlightError as error:
        return error


def store_of(usecase: UseCase, feature_version: int) -> Store:
    """Return the published state of a feature version, as old as the team allows."""
    return Store(usecase.name, feature_version, process.load().state.max_age_days)


def release_is_whole(release: Release | FirstFlightError) -> str:
    """Ask whether the release is the one that was saved, and this code can serve it."""
    if isinstance(release, FirstFlightError):
        raise release
    return "files, types, environment, feature code and frozen answers are those that were saved"


def snapshot_is_there(usecase: UseCase, target: str) -> str:
    """Ask whether the release could be trained again."""
    digest = registry.tags(usecase.name, target)["snapshot"]
    rows = snapshot.load(digest).manifest["rows"]["labels"]
    return f"training snapshot {digest} is whole ({rows} rows)"


def state_is_there(
    usecase: UseCase,
    target: str,
    drops: Drops,
    findings: Sequence[Finding] | FirstFlightError,
) -> str:
    """Ask whether the release's feature version has state, young enough and for what is asked."""
    version = int(registry.tags(usecase.name, target)["feature_version"])
    at = store_of(usecase, version).at(drops.today)
    if at is None:
        raise RollbackRefused(
            f"feature version {version} has no state that is at most "
            f"{process.load().state.max_age_days} days old on {drops.today}: publish it first "
            f"(`firstflight state --feature-version {version}`)"
        )
    broken = []
    if not isinstance(findings, FirstFlightError):  # else it is for `upstream_fits` to say
        broken = [finding for finding in findings if finding.kind == "state"]
    if broken:
        raise RollbackRefused(
            f"the state of feature version {version} of {at[0]} does not cover what was asked "
            f"in the last 7 days: {broken[0].sentence}"
        )
    return f"feature version {version} has state of {at[0]}"


def upstream_fits(
    release: Release | FirstFlightError, findings: Sequence[Finding] | FirstFlightError
) -> str:
    """Ask whether the last week of upstream data fits what the release expects of its inputs."""
    if isinstance(release, FirstFlightError):
        raise RollbackRefused("not asked, for the release that it must fit cannot be loaded")
    if isinstance(findings, FirstFlightError):
        raise findings
    broken = [finding for finding in findings if finding.kind == "contract"]
    if broken:
        raise RollbackRefused(
            "the last 7 days of upstream data break the release's contract (broken promises: "
            f"{len(broken)}); first: {broken[0].sentence}"
        )
    return "the last 7 days of upstream data fit its contract"


def service_follows(usecase: UseCase, target: str, url: str) -> str:
    """Ask the service whether it would take the release."""
    try:
        # Never through a proxy: the service is ours.
        with httpx.Client(timeout=10, trust_env=False) as http:
            reply = http.post(f"{url}/status", json={}).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RollbackRefused(
            f"the service at {url} does not answer ({type(error).__name__}): start it, or "
            "leave out the url to switch without a proof"
        ) from error
    return service_takes(reply.json(), usecase.name, target)


def service_takes(status: dict, usecase: str, target: str) -> str:
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


def last_week(release: Release, drops: Drops, state: Values) -> list[contract.Finding]:
    """Return what a release's contract says of the last 7 days of requests, today among them.

    The week is held against the week before it. A unit that changed last night does not move the
    median of a week, so the last two days are also held against the seven before them, for jumps
    alone: gaps of two days are ordinary. A change that is eight days old is on both sides and is
    not found here; the weekly monitor has paged by then.

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
