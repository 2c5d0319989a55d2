"""May we go back: the questions whose "no" means that going back may be worse than staying.

`gather` loads the old release and looks at the last week of upstream data. Each question is a
function of that evidence: it returns a sentence, or raises an error with one. `preflight` asks them
in order. Nothing is changed.

How often it says no on a morning without a fault, and which faults it finds, is measured by
``firstflight rules --measure``; the figures of the course's year are in ``docs/alarm-rates.md``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from firstflight import contract, process, registry, snapshot
from firstflight.contract import Finding, Profile
from firstflight.drops import Drops
from firstflight.errors import FirstFlightError, RollbackRefused, StateError
from firstflight.process import AlertRules
from firstflight.release import Release
from firstflight.state import States, Store, Values
from firstflight.usecase import UseCase

WEEK = dt.timedelta(days=7)
DAY = dt.timedelta(days=1)
NEW_DAYS = 2  # one day is too few for a median of the weather
# The rule that does not judge the two newest days by themselves: a station that is silent for two
# days is ordinary (31 of 351 mornings), and a week's share of gaps has its own limit.
NOT_OF_NEW_DAYS = "null_share"


class Answer(BaseModel):
    """The answer to one question of the preflight.

    Attributes
    ----------
    name : str
        The question: ``release``, ``snapshot``, ``state``, ``upstream`` or ``service``.
    ok : bool
        Whether nothing speaks against going back.
    sentence : str
        What was found, for people.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What the questions are asked about.

    Attributes
    ----------
    usecase : UseCase
    target : str
        The version to go back to.
    drops : Drops
        The upstream as it is known today.
    url : str or None
        Address of the service that is to serve the version.
    feature_version : int
        Of the version.
    snapshot : str
        Digest of its training snapshot.
    release : Release or FirstFlightError
        The loaded release, or why it cannot be loaded.
    findings : tuple of Finding or FirstFlightError
        The promises that the last week breaks, or why the week could not be read. Empty also if the
        release cannot be loaded, since then nothing was looked at.
    """

    usecase: UseCase
    target: str
    drops: Drops
    url: str | None
    feature_version: int
    snapshot: str
    release: Release | FirstFlightError
    findings: tuple[Finding, ...] | FirstFlightError


def preflight(usecase: UseCase, target: str, drops: Drops, url: str | None = None) -> list[Answer]:
    """Ask every question whose "no" means that going back may be worse than staying.

    Parameters
    ----------
    usecase : UseCase
    target : str
        The version to go back to.
    drops : Drops
        The upstream as it is known today.
    url : str, optional
        Address of the service that is to serve it; with one, the service is asked too.

    Returns
    -------
    list of Answer
        ``release``: it is what was saved. ``snapshot``: it could be trained again. ``state``: its
        feature version has state that is young enough, and that covers what was asked in the last
        week. ``upstream``: the last week fits its contract, its newest days do not jump, and its
        outcomes are sound. ``service``: the service would take it.

    Raises
    ------
    RegistryError
        If there is no such version, no registry, or the version was not registered by this path.
    """
    evidence = gather(usecase, target, drops, url)
    return [
        answer(name, question, evidence)
        for name, question in QUESTIONS
        if name != "service" or url is not None
    ]


def answer(name: str, question: Callable[[Evidence], str], evidence: Evidence) -> Answer:
    """Return what a question says of the evidence: its sentence, or that of its error.

    Parameters
    ----------
    name : str
        What the question is called in the answer.
    question : callable
        One of `QUESTIONS`, or one of your own: ``question(evidence)`` returns a sentence, or raises
        a `FirstFlightError` if something speaks against going back. Any other error is not caught.
    evidence : Evidence

    Returns
    -------
    Answer
        ``ok`` if the question raised no error.
    """
    try:
        return Answer(name=name, ok=True, sentence=question(evidence))
    except FirstFlightError as error:
        return Answer(name=name, ok=False, sentence=str(error))


def gather(usecase: UseCase, target: str, drops: Drops, url: str | None = None) -> Evidence:
    """Load the release and look at the last week; what fails is kept, for a question to report.

    Parameters
    ----------
    usecase : UseCase
    target : str
        The version to go back to.
    drops : Drops
        The upstream as it is known today.
    url : str, optional
        Address of the service that is to serve it; nothing is asked of it here.

    Returns
    -------
    Evidence
        What the questions are asked about.

    Raises
    ------
    RegistryError
        If there is no such version, no registry, or the version was not registered by this path.
    """
    made = registry.lineage(usecase.name, target)
    version = int(made["feature_version"])
    release: Release | FirstFlightError
    findings: tuple[Finding, ...] | FirstFlightError = ()
    try:
        release = registry.load(usecase.name, target)
    except FirstFlightError as error:
        release = error
    if isinstance(release, Release):
        try:
            findings = tuple(last_week(release, drops, _state_of_today(usecase, version, drops)))
        except FirstFlightError as error:
            findings = error
    return Evidence(usecase, target, drops, url, version, made["snapshot"], release, findings)


def _state_of_today(usecase: UseCase, feature_version: int, drops: Drops) -> Values:
    """Return the state that a request of today would get, or none: `state_is_there` says why."""
    try:
        found = store_of(usecase, feature_version).at(drops.today)
    except StateError:
        return {}
    return found[1] if found else {}


def store_of(usecase: UseCase, feature_version: int) -> Store:
    """Return the published state of a feature version, as old as ``state.max_age_days`` allows.

    Parameters
    ----------
    usecase : UseCase
    feature_version : int
        Which version's state.

    Returns
    -------
    Store
        Nothing is read yet: a day's state is read when it is asked for.
    """
    return Store(usecase.name, feature_version, process.load().state.max_age_days)


# --- the questions ------------------------------------------------------------------------------


def release_is_whole(evidence: Evidence) -> str:
    """Ask whether the release is the one that was saved, and whether this code can serve it.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    str
        What speaks for it.

    Raises
    ------
    FirstFlightError
        If it cannot be loaded.
    """
    if isinstance(evidence.release, FirstFlightError):
        raise evidence.release
    return "files, types, environment, feature code and frozen answers are those that were saved"


def snapshot_is_there(evidence: Evidence) -> str:
    """Ask whether the release could be trained again.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    str
        Which snapshot it would be trained on.

    Raises
    ------
    SnapshotError
        If its snapshot is missing or altered.
    """
    rows = snapshot.load(evidence.snapshot).manifest["rows"]["labels"]
    return f"training snapshot {evidence.snapshot} is whole ({rows} rows)"


def state_is_there(evidence: Evidence) -> str:
    """Ask whether the feature version has state that is young enough and covers the last week.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    str
        Which day's state it would be served with, or that it needs none.

    Raises
    ------
    RollbackRefused
        If there is none that may be served today, or it does not cover what was asked.
    StateError
        If it was altered or cannot be read.
    """
    version, drops = evidence.feature_version, evidence.drops
    features = evidence.usecase.features.get(version)  # none: `release_is_whole` says so
    if features is not None and not features.needs_state:
        return f"feature version {version} needs no state"
    found = store_of(evidence.usecase, version).at(drops.today)
    if found is None:
        raise RollbackRefused(
            f"feature version {version} has no state that is at most "
            f"{process.load().state.max_age_days} days old on {drops.today}: publish it first "
            f"(`firstflight state --feature-version {version}`)"
        )
    # A week that could not be read is reported by `upstream_fits`.
    findings = () if isinstance(evidence.findings, FirstFlightError) else evidence.findings
    broken = [finding for finding in findings if finding.kind == "state"]
    if broken:
        raise RollbackRefused(
            f"the state of feature version {version} of {found[0]} does not cover what was asked "
            f"in the last 7 days: {broken[0].sentence}"
        )
    return f"feature version {version} has state of {found[0]}"


def upstream_fits(evidence: Evidence) -> str:
    """Ask whether the last week of upstream data is what the release expects.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    str
        That it is.

    Raises
    ------
    RollbackRefused
        If the week breaks a promise, or the release that it must fit cannot be loaded.
    FirstFlightError
        If the week cannot be read.
    """
    if isinstance(evidence.release, FirstFlightError):
        raise RollbackRefused("not asked, because the release that it must fit cannot be loaded")
    if isinstance(evidence.findings, FirstFlightError):
        raise evidence.findings
    broken = [finding for finding in evidence.findings if finding.kind == "contract"]
    if broken:
        raise RollbackRefused(
            "the last 7 days of upstream data break the release's contract (broken promises: "
            f"{len(broken)}); first: {broken[0].sentence}"
        )
    return "the last 7 days of upstream data fit its contract"


def service_follows(evidence: Evidence) -> str:
    """Ask the service whether it would take the release.

    Parameters
    ----------
    evidence : Evidence
        With the service's address.

    Returns
    -------
    str
        As `service_takes` returns it.

    Raises
    ------
    RollbackRefused
        If its address is none, it does not answer, it is no service of ours, it answers for another
        model, or it would not take the release.
    """
    url = require_address(evidence.url)
    try:
        # Never through a proxy: the service is ours.
        with httpx.Client(timeout=10, trust_env=False) as http:
            status = http.post(f"{url}/status", json={}).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise RollbackRefused(
            f"the service at {url} does not answer ({type(error).__name__}): start it, or "
            "leave out the url to switch without a proof"
        ) from error
    return service_takes(status, evidence.usecase.name, evidence.target)


QUESTIONS: tuple[tuple[str, Callable[[Evidence], str]], ...] = (
    ("release", release_is_whole),
    ("snapshot", snapshot_is_there),
    ("state", state_is_there),
    ("upstream", upstream_fits),
    ("service", service_follows),
)
"""In the order in which they are asked."""


def require_address(url: str | None) -> str:
    """Refuse what cannot be the address of a service, before anything is asked or changed.

    Parameters
    ----------
    url : str or None
        What was given.

    Returns
    -------
    str
        The same.

    Raises
    ------
    RollbackRefused
        If it does not begin with ``http://`` or ``https://`` and a host.

    Examples
    --------
    >>> require_address("http://127.0.0.1:3000")
    'http://127.0.0.1:3000'
    """
    try:
        parts = httpx.URL(url or "")
        if url and parts.scheme in ("http", "https") and parts.host:
            return url
    except (httpx.InvalidURL, ValueError):  # the second: a host that no name can be
        pass
    raise RollbackRefused(
        f"{url!r} is no address of a service, so nothing was asked or changed: write it as "
        "http://127.0.0.1:3000."
    )


class _HeldRelease(BaseModel):
    version: str | None


class _ServiceStatus(BaseModel):
    """What is read of the answer of ``/status``."""

    usecase: str
    registry_reachable: bool
    refused: dict[str, str]
    releases: dict[str, _HeldRelease]


def service_takes(status: Any, usecase: str, target: str) -> str:
    """Return how ready a service is for a release, from what it says of itself.

    Parameters
    ----------
    status : dict
        The answer of its ``/status``; anything else is refused.
    usecase : str
        Name of the use case that it must serve.
    target : str
        The version that it is to take.

    Returns
    -------
    str
        Whether it holds the version already or will load it.

    Raises
    ------
    RollbackRefused
        If it would not take the version: it is no service of ours, serves another use case, does
        not reach the registry, or refuses this version.

    Examples
    --------
    >>> status = {"usecase": "flights", "registry_reachable": True, "refused": {}, "releases": {}}
    >>> service_takes(status, "flights", "1")
    'the service follows the registry and will load it'
    """
    try:
        said = _ServiceStatus.model_validate(status)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole of it"
        raise RollbackRefused(
            f"what answers has another status than a service of this path ({where} is missing or "
            f"odd): give the address of the service of {usecase}"
        ) from None
    if said.usecase != usecase:
        raise RollbackRefused(f"the service answers for {said.usecase}: give that of {usecase}")
    if not said.registry_reachable:
        raise RollbackRefused(
            "the service does not reach the registry, so it would not see the switch: mend that, "
            "or leave out the url to switch the registry alone"
        )
    if target in said.refused:
        raise RollbackRefused(f"the service refuses version {target}: {said.refused[target]}")
    held = {about.version for about in said.releases.values()}
    where = "holds it in memory" if target in held else "will load it"
    return f"the service follows the registry and {where}"


# --- the last week ------------------------------------------------------------------------------


def last_week(release: Release, drops: Drops, state: Values) -> list[Finding]:
    """Return the promises that the last 7 days of upstream data break, today among them.

    Parameters
    ----------
    release : Release
        Its contract and reference are what the data must fit.
    drops : Drops
        The upstream as it is known today.
    state : Values
        The state of today. Every request is given it, as if it came now: what state the release
        would have had on the request's own day does not matter any more.

    Returns
    -------
    list of Finding
        Of the inputs (see `newest_days`), of the number of requests of each day, and of outcomes.

    Raises
    ------
    DropError
        If a month has not landed or is not what was promised.
    MonitorError
        If the last 7 days have no requests.
    """
    case, today = release.usecase, drops.today
    first = today - 2 * WEEK + DAY
    requests = case.requests(drops, first, today)
    states = States({day.date(): state for day in pd.date_range(first, today)})
    fortnight = contract.inputs(requests, release.features(requests, states))
    expected = contract.profile(release.reference, case, release.feature_version)
    rules = process.load().usecase(case.name).alerts
    return [
        *newest_days(fortnight, today, expected, rules),
        *contract.traffic_checks(fortnight["date"], today, rules),
        *contract.outcome_checks(case, drops, rules),
    ]


def newest_days(
    fortnight: pd.DataFrame, today: dt.date, expected: Profile, rules: AlertRules
) -> list[Finding]:
    """Return the promises that the inputs of the last 7 days break, and those of the last 2 alone.

    A change of last night does not move the median of a week, so the last two days are also held
    against the seven before them, by every rule about the contract but the share of gaps; rules
    about state look at the week alone. What only a comparison with an earlier week can find (a
    humidity in another unit) is not found here when it is eight days old; the weekly monitor has
    paged by then.

    Parameters
    ----------
    fortnight : DataFrame
        Requests and features of the 14 days that end with `today`, one row per request (see
        `firstflight.contract.inputs`).
    today : date
        The newest day.
    expected : Profile
        What the release expects.
    rules : AlertRules
        The thresholds: ``process.usecase(name).alerts``.

    Returns
    -------
    list of Finding
        Each rule and column once.

    Raises
    ------
    MonitorError
        If the last 7 days have no requests.
    """
    age = (pd.Timestamp(today) - fortnight["date"]).dt.days
    before = fortnight[age >= 7]
    findings = contract.contract_checks(
        fortnight[age < 7], expected, None if before.empty else before, rules
    )
    now, before = fortnight[age < NEW_DAYS], fortnight[(age >= NEW_DAYS) & (age < NEW_DAYS + 7)]
    if now.empty or before.empty:
        return findings
    said = {(finding.rule, finding.column) for finding in findings}
    return findings + [
        finding
        for finding in contract.contract_checks(now, expected, before, rules)
        if finding.rule != NOT_OF_NEW_DAYS
        and finding.kind == "contract"
        and (finding.rule, finding.column) not in said
    ]
