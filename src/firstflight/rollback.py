"""Going back: preflight, switch, proof.

Moving an alias is not a rollback. The old release must still be what it was, its feature state
must be there today, and today's upstream must still fit it: that is the preflight. Then the switch,
and then the proof: requests that the old release answered when it was live are sent again, and
every answer must be the same and by that release.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import httpx
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from firstflight import (
    deployments,
    history,
    locks,
    predictions,
    records,
)
from firstflight.drops import Drops
from firstflight.errors import RollbackRefused
from firstflight.preflight import WEEK, Answer, preflight, require_address
from firstflight.release import as_json_rows
from firstflight.usecase import UseCase

N_PROOF = 200
FROZEN_DAYS = 90  # how far back to look for answers of the old release
FROZEN, PROOFS = "frozen", "proofs"  # kinds of records
NOT_ASKED = ("version", "role", "prediction", "feature_version", "state_age_days")


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
    seconds : float, in seconds
        From the beginning of the proof, which right after a switch is the switch, until the service
        says that it holds the restored release as live.
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
        Of the release.
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
        """Return the record of what `frozen_requests` found.

        Parameters
        ----------
        version : str
            Of the release.
        rows : DataFrame of shape (n_requests, n_columns)
            What `frozen_requests` returned; may be empty.

        Returns
        -------
        Frozen
        """
        if rows.empty:
            return cls(version=version, requests=[], answers=[])
        requests = as_json_rows(rows.drop(columns=[c for c in NOT_ASKED if c in rows]))
        return cls(version=version, requests=requests, answers=rows["prediction"].tolist())

    def table(self) -> pd.DataFrame:
        """Return the requests as `prove` takes them."""
        return pd.DataFrame(self.requests).assign(prediction=self.answers)


class Proven(BaseModel):
    """The proof of one rollback, by the number of its entry in the history.

    Attributes
    ----------
    entry : int
        That number.
    proof : Proof
        What was shown, whether it succeeded or not.
    """

    model_config = ConfigDict(frozen=True)

    entry: int
    proof: Proof


class Rollback(BaseModel):
    """A rollback that was done.

    Attributes
    ----------
    usecase : str
        Its name.
    left, restored : str
        The version that was live, and the one that is.
    forced : bool
        Whether it was done against a failed preflight.
    preflight : tuple of Answer
        What was found before the switch.
    proof : Proof or None
        None without a service to ask.
    entry : int
        Its number in the history.
    done_before : bool
        Whether an earlier command made that change, and was cut off or did not prove it.
    """

    model_config = ConfigDict(frozen=True)

    usecase: str
    left: str
    restored: str
    forced: bool
    preflight: tuple[Answer, ...]
    proof: Proof | None
    entry: int
    done_before: bool = False


def frozen_requests(usecase: UseCase, version: str, today: dt.date) -> pd.DataFrame:
    """Return requests that a release answered as live, with its answers.

    They are spread over the seven days up to the last one on which it served with the state of the
    day, or with features that need no state. Other answers would prove nothing: one that was given
    without state, or with older state, would be another one today, if the day's state was published
    after it.

    Parameters
    ----------
    usecase : UseCase
    version : str
        Of the release.
    today : date
        The last day to look at; the first is `FROZEN_DAYS` days before.

    Returns
    -------
    DataFrame of shape (n_requests, n_columns)
        Rows of `firstflight.predictions.read`, at most `N_PROOF`; empty if there are none.
    """
    rows = predictions.read(usecase, today - dt.timedelta(days=FROZEN_DAYS), today)
    stateless = [v for v, features in usecase.features.items() if not features.needs_state]
    same_today = (rows["state_age_days"] == 0) | rows["feature_version"].isin(stateless)
    rows = rows[(rows["version"] == version) & (rows["role"] == "live") & same_today]
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
    url : str
        Address of the service.
    usecase : UseCase
    version : str
        The restored version, which must give every answer.
    frozen : DataFrame of shape (n_requests, n_columns)
        Of `frozen_requests`, or a `Frozen.table`.
    timeout : float, default 30
        Seconds that the service has to take the release, and for each call to it.

    Returns
    -------
    Proof
        Its ``problem`` says why nothing could be compared.

    Raises
    ------
    RollbackRefused
        If `url` is no address of a service; nothing is asked then.
    """
    require_address(url)
    n, begun = len(frozen), time.perf_counter()
    patience = Retrying(
        stop=stop_after_delay(timeout),
        wait=wait_fixed(0.05),
        retry=retry_if_result(lambda held: held != version),
    )
    if frozen.empty:
        return Proof(n=0, problem=f"no request is known that version {version} answered as live")
    with httpx.Client(base_url=url, timeout=timeout, trust_env=False) as http:
        try:
            patience(_live, http)
            seconds = time.perf_counter() - begun
            reply = http.post(
                "/predict_batch",
                json={"requests": as_json_rows(frozen[list(usecase.request.model_fields)])},
                headers={"x-firstflight-replay": "rollback"},
            )
            answers = pd.DataFrame(reply.raise_for_status().json())
        except RetryError as error:
            held = error.last_attempt.result()
            said = f"the service holds version {held} after {timeout:.0f} s: ask its status"
            return Proof(n=n, seconds=timeout, problem=said)
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
            # The last four: something answers there, and it is no service of ours.
            return Proof(n=n, problem=f"the service does not answer ({type(error).__name__})")
    if len(answers) != n or not {"prediction", "release"} <= set(answers):
        return Proof(n=n, seconds=seconds, problem="the service gave other answers than asked for")
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
        Address of the service to prove it on. Without one the switch is done and not proven.
    force : bool, default False
        Switch also if the preflight fails; it is recorded with what failed. The role needs the
        permission ``force_rollback`` too.

    Returns
    -------
    Rollback
        What was done. Whether it is proven is for its ``proof`` to say: a proof that fails raises
        no error.

    Raises
    ------
    RollbackRefused
        If there is no reason, no live or no previous release, `url` is no address of a service, or
        the preflight fails and `force` is false. Nothing is changed then.
    PermissionRefused
        If the role may not.
    RegistryError
        If the registry does not hold the previous release or cannot be read, or the reason has over
        2,000 characters.
    ClockError
        If today is before the day of the last change.
    """
    deployments.allow("rollback", by)
    if force:
        deployments.allow("force a rollback", by, "force_rollback")
    if not reason.strip():
        raise RollbackRefused(f"A rollback of {usecase.name} needs a reason: say what was seen.")
    if url is not None:
        require_address(url)
    with locks.writing("rollback"):
        begun = deployments.settle(usecase.name)  # of a command that was cut off
        entry = unproven(usecase.name)
        done_before = entry is not None and (url is not None or entry == begun)
        if entry is None or not done_before:
            entry = _switch(usecase, drops, reason=reason, by=by, url=url, force=force)
        return _proven(usecase, entry, url, done_before=done_before)


def prove_again(usecase: UseCase, *, url: str, by: str) -> Rollback:
    """Prove the last rollback, on the requests that were frozen before its switch.

    Parameters
    ----------
    usecase : UseCase
    url : str
        Address of the service to prove it on.
    by : str
        The role; ``permissions.rollback`` says who may.

    Returns
    -------
    Rollback
        The one that was done before, with the new proof.

    Raises
    ------
    RollbackRefused
        If the last change of what serves is no rollback, or `url` is no address of a service.
    PermissionRefused
        If the role may not.
    """
    deployments.allow("rollback", by)
    require_address(url)
    with locks.writing("prove a rollback"):
        deployments.settle(usecase.name)
        entry = _last(usecase.name)
        if entry is None or entry.action != "rollback":
            raise RollbackRefused(
                f"The last change of {usecase.name} is no rollback, so there is nothing to prove: "
                "`firstflight history` lists the changes."
            )
        return _proven(usecase, entry, url, done_before=True)


def unproven(usecase: str) -> history.Deployment | None:
    """Return the last change if it is a rollback without a proof that succeeded, else None.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    history.Deployment or None
        The entry of the rollback. A waiver changes nothing that serves, so one that was written
        after the rollback is not the last change.

    Raises
    ------
    RecordError
        If an entry of the history, or a proof, is missing or damaged.
    """
    entry = _last(usecase)
    if entry is None or entry.action != "rollback":
        return None
    proofs = records.all_of(usecase, PROOFS, Proven)
    return None if any(one.entry == entry.n and one.proof.ok for one in proofs) else entry


def _last(usecase: str) -> history.Deployment | None:
    """Return the last change of what serves; a waiver is none."""
    for number in reversed(records.numbers(usecase, history.KIND)):
        entry = records.read(usecase, history.KIND, number, history.Deployment)
        if entry.action != "waive":
            return entry
    return None


def _proven(
    usecase: UseCase, entry: history.Deployment, url: str | None, *, done_before: bool
) -> Rollback:
    """Prove a rollback that is done, if there is a service to ask, and write the proof down.

    The lock is held: another command that switches in the meantime would spoil the proof.
    """
    proof = None
    if url is not None:
        kept = entry.details.get("frozen")
        if kept is None:
            proof = Proof(n=0, problem="no requests were frozen before its switch")
        else:
            frozen = records.read(usecase.name, FROZEN, kept, Frozen)
            proof = prove(url, usecase, entry.after["live"], frozen.table())
        records.append(usecase.name, PROOFS, Proven(entry=entry.n, proof=proof))
    return Rollback(
        usecase=usecase.name,
        left=entry.details.get("left", entry.before.get("live", "")),
        restored=entry.after["live"],
        forced=bool(entry.details.get("forced")),
        preflight=tuple(Answer.model_validate(one) for one in entry.details.get("preflight", ())),
        proof=proof,
        entry=entry.n,
        done_before=done_before,
    )


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
