"""Going back: preflight, switch, proof.

Moving an alias is not a rollback. The old release must still be what it was, its feature state
must be there today, and today's upstream must still fit it: that is the preflight. Then the switch,
and then the proof: requests that the old release answered when it was live are sent again, and
every answer must be the same and by that release.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import httpx
import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight import monitor, predictions, process, registry, snapshot
from firstflight.drops import Drops
from firstflight.errors import FirstFlightError, RegistryError, RollbackRefused
from firstflight.release import Release, as_json_rows
from firstflight.state import Store
from firstflight.usecase import UseCase

N_PROOF = 200
FROZEN_DAYS = 90  # how far back to look for answers of the old release
WEEK = dt.timedelta(days=7)


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
        From the switch to the first answer by the restored release.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    equal: int
    by_release: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every answer was the old one, by the old release."""
        return self.n > 0 and self.equal == self.n and self.by_release == self.n


class Rollback(BaseModel):
    """A rollback that was done."""

    model_config = ConfigDict(frozen=True)

    usecase: str
    left: str
    restored: str
    forced: bool
    preflight: tuple[Check, ...]
    proof: Proof | None
    entry: int


def preflight(usecase: UseCase, target: str, drops: Drops) -> list[Check]:
    """Ask every question whose "no" would make the old release worse than the bad one.

    Parameters
    ----------
    target : str
        The version to go back to.
    drops : Drops
        Today's upstream.
    """
    found: dict[str, Release] = {}

    def loads() -> str:
        found["release"] = registry.load(usecase.name, target)
        return (
            "files, types, environment, feature code and frozen answers are those that were saved"
        )

    def snapshot_there() -> str:
        digest = registry.tags(usecase.name, target)["snapshot"]
        rows = snapshot.load(digest).manifest["rows"]["labels"]
        return f"training snapshot {digest} is whole ({rows} rows)"

    def state_there() -> str:
        version = int(registry.tags(usecase.name, target)["feature_version"])
        most = process.load().state.max_age_days
        store = Store(usecase.name, version, most)
        at = store.at(drops.today)
        wanted = usecase.features[version].state_columns
        if at is None:
            raise RollbackRefused(
                f"feature version {version} has no state younger than {most} days on "
                f"{drops.today}: "
                f"publish it first (`firstflight state --feature-version {version}`)"
            )
        lacking = [column for column in wanted if not at[1].get(column)]
        if lacking:
            raise RollbackRefused(
                f"the state of feature version {version} on {at[0]} lacks {', '.join(lacking)}: "
                f"publish it again (`firstflight state --feature-version {version}`)"
            )
        return f"feature version {version} has state of {at[0]}"

    def upstream_fits() -> str:
        release = found.get("release") or registry.load(usecase.name, target)
        current, before = (
            _upstream(release, drops, last - WEEK + dt.timedelta(days=1), last)
            for last in (drops.today, drops.today - WEEK)
        )
        expected = monitor.profile(release.reference, usecase, release.feature_version)
        rules = process.load().usecase(usecase.name).alerts
        broken = [
            finding
            for finding in monitor.contract_checks(current, expected, before, rules)
            if finding.kind == "contract"
        ]
        if broken:
            raise RollbackRefused(
                f"{len(broken)} promises of the release's contract are broken by the last 7 "
                "days of "
                f"upstream data; first: {broken[0].sentence}"
            )
        return f"the last 7 days of upstream data ({len(current)} requests) fit its contract"

    questions: dict[str, Callable[[], str]] = {
        "release": loads,
        "snapshot": snapshot_there,
        "state": state_there,
        "upstream": upstream_fits,
    }
    checks = []
    for name, question in questions.items():
        try:
            checks.append(Check(name=name, ok=True, sentence=question()))
        except FirstFlightError as error:
            checks.append(Check(name=name, ok=False, sentence=str(error)))
    return checks


def _upstream(release: Release, drops: Drops, start: dt.date, end: dt.date) -> pd.DataFrame:
    requests = release.usecase.requests(drops, start, end)
    states = Store(release.usecase.name, release.feature_version, process.load().state.max_age_days)
    return monitor.inputs(requests, release.features(requests, states))


def frozen_requests(usecase: UseCase, version: str, today: dt.date) -> pd.DataFrame:
    """Return the last requests that a release answered as live, with its answers.

    Only answers that had feature state count: an answer without it is not one to go back to.
    """
    rows = predictions.read(usecase, today - dt.timedelta(days=FROZEN_DAYS), today)
    served = (rows["version"] == version) & (rows["role"] == "live")
    return rows[served & rows["state_age_days"].notna()].tail(N_PROOF).reset_index(drop=True)


def prove(
    url: str, usecase: UseCase, version: str, frozen: pd.DataFrame, timeout: float = 30.0
) -> Proof:
    """Replay frozen requests against the service and compare the answers exactly.

    Raises
    ------
    RollbackRefused
        If the service does not hold the release as live within `timeout` seconds.
    """
    fields = list(usecase.request.model_fields)
    begun = time.perf_counter()
    with httpx.Client(base_url=url, timeout=timeout) as http:
        while True:
            live = http.post("/status", json={}).json()["releases"].get("live", {})
            if live.get("version") == version:
                break
            if time.perf_counter() - begun > timeout:
                raise RollbackRefused(
                    f"The service at {url} does not serve version {version} after {timeout:.0f} s: "
                    "ask its status for the reason."
                )
            time.sleep(0.05)
        seconds = time.perf_counter() - begun
        reply = http.post(
            "/predict_batch",
            json={"requests": as_json_rows(frozen[fields])},
            headers={"x-firstflight-replay": "rollback"},
        )
        answers = pd.DataFrame(reply.raise_for_status().json())
    return Proof(
        n=len(frozen),
        equal=int((answers["prediction"].to_numpy() == frozen["prediction"].to_numpy()).sum()),
        by_release=int((answers["release"] == version).sum()),
        seconds=seconds,
    )


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

    Parameters
    ----------
    reason, by : str
        Why, and which role; the process says who may.
    url : str, optional
        The service to prove it on. Without one the switch is done and not proven.
    force : bool
        Switch although the preflight failed; recorded with what failed.

    Raises
    ------
    RollbackRefused
        If the role may not, there is no previous release, or the preflight fails. Nothing is
        changed then.
    """
    rules = process.load().rollback
    registry.repair(usecase.name)
    if by not in rules.who:
        raise RollbackRefused(
            f"{by!r} may not roll back {usecase.name}: rollback.who in process.toml allows "
            f"{', '.join(rules.who)}."
        )
    if force and by not in rules.may_force:
        raise RollbackRefused(
            f"{by!r} may not force a rollback: rollback.may_force in process.toml allows "
            f"{', '.join(rules.may_force)}."
        )
    aliases = registry.aliases(usecase.name)
    if "previous" not in aliases:
        raise RollbackRefused(
            f"{usecase.name} has no previous release to go back to: train and roll out a better "
            "one."
        )
    left, target = aliases["live"], aliases["previous"]
    checks = preflight(usecase, target, drops)
    failed = [check for check in checks if not check.ok]
    if failed and not force:
        raise RollbackRefused(
            f"Rolling {usecase.name} back to version {target} was refused, and nothing was "
            "changed: " + "; ".join(f"{check.name}: {check.sentence}" for check in failed) + "."
        )
    frozen = frozen_requests(usecase, target, drops.today) if url else pd.DataFrame()
    entry = registry.change(
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
        },
    )
    proof = None
    if url is not None:
        if frozen.empty:
            raise RegistryError(
                f"{usecase.name} is back on version {target}, but no request is known that it "
                "answered "
                "while it was live: the switch is done and could not be proven."
            )
        proof = prove(url, usecase, target, frozen)
        registry.client().set_tag(entry.run_id, "proof", proof.model_dump_json())
    return Rollback(
        usecase=usecase.name,
        left=left,
        restored=target,
        forced=bool(failed),
        preflight=tuple(checks),
        proof=proof,
        entry=entry.n,
    )
