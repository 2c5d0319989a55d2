"""What serves: the newest entry of the deployment history, and the one function that writes one.

One file is one change, so a reader sees the whole change or none of it, and a kill leaves either.
MLflow's aliases and tags follow afterwards, for people who look there; if a kill cuts that off,
the next command does it. Who may make a change is asked here, where it is written.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from firstflight import clock, database, evidence, locks, process, records, registry
from firstflight.errors import NotAllowed, RegistryError, RolloutError
from firstflight.records import Mode, Record

ALIASES = ("live", "candidate", "previous")
KIND = "deployments"
REASON_LENGTH = 2000  # characters: MLflow's note, a log line and a terminal take that

Action = Literal["promote", "shadow", "canary", "abort", "waive", "withdraw", "rollback", "alias"]
PERMISSION: dict[str, str] = {
    "promote": "promote",
    "shadow": "shadow",
    "canary": "canary",
    "abort": "abort",
    "waive": "waive",
    "withdraw": "withdraw",
    "rollback": "rollback",
    "alias": "rollback",  # by hand, back to what was live before, without preflight and proof
}
"""The permission of ``process.toml`` that each action needs."""

logger = logging.getLogger(__name__)


class Deployment(Record):
    """One change of what serves.

    Attributes
    ----------
    n : int
        Counts the changes of a use case from 1.
    date : date
        The clock's today; never before that of the entry before.
    action : str
        ``promote``, ``shadow``, ``canary``, ``abort``, ``waive``, ``withdraw``, ``rollback`` or
        ``alias`` (moved by hand).
    before, after : dict of str to str
        Version per alias.
    mode, share
        The rollout after it: who else predicts, and for which share of the traffic it answers.
    rollout : int
        The entry that started the shadow or canary in progress; 0 if there is none.
    reason, by : str
        Why, and which role.
    details : dict
        What it stands on: the number of a verdict, a waiver or a decision, a preflight.
    """

    date: dt.date
    action: Action
    before: dict[str, str]
    after: dict[str, str]
    mode: Mode = "off"
    share: float = 0.0
    rollout: int = 0
    reason: str
    by: str
    details: dict[str, Any] = Field(default_factory=dict)


class Serving(BaseModel):
    """What serves.

    Attributes
    ----------
    n : int
        The entry that says so; 0 before the first.
    releases : dict of str to str
        Version per alias.
    mode, share
        Who else predicts, and for which share of the traffic it answers.
    rollout : int
        The entry that started the shadow or canary in progress; 0 if there is none.
    """

    model_config = ConfigDict(frozen=True)

    n: int = 0
    releases: dict[str, str] = Field(default_factory=dict)
    mode: Mode = "off"
    share: float = 0.0
    rollout: int = 0


# --- read ---------------------------------------------------------------------------------------


def serving(usecase: str) -> Serving:
    """Return what serves: the newest entry of the history, in one read.

    Raises
    ------
    RecordError
        If that entry is damaged.
    """
    entry = newest(usecase)
    if entry is None:
        return Serving()
    return Serving(
        n=entry.n,
        releases=entry.after,
        mode=entry.mode,
        share=entry.share,
        rollout=entry.rollout,
    )


def newest(usecase: str) -> Deployment | None:
    """Return the last change, or None before the first."""
    return records.newest(usecase, KIND, Deployment)


def entry(usecase: str, n: int) -> Deployment:
    """Return the change of this number.

    Raises
    ------
    RecordError
        If there is none, or it is damaged.
    """
    return records.one(usecase, KIND, n, Deployment)


def history(usecase: str) -> list[Deployment]:
    """Return every change of what serves, oldest first.

    Raises
    ------
    RecordError
        If an entry is missing or damaged.
    """
    return records.read(usecase, KIND, Deployment)


def at(usecase: str, day: dt.date) -> Deployment | None:
    """Return the last change up to this day: what was live, and why; None before the first."""
    until = [entry for entry in history(usecase) if entry.date <= day]
    return until[-1] if until else None


def made_live(usecase: str, day: dt.date) -> tuple[Deployment, Deployment] | None:
    """Return what was live on a day, and why.

    Returns
    -------
    entry, cause : Deployment
        The last change up to that day, and the one that made the release live that was live then
        (or took the last one out). None before the first.
    """
    until = [entry for entry in history(usecase) if entry.date <= day]
    if not until:
        return None
    live = until[-1].after.get("live")
    causes = [e for e in until if e.after.get("live") == live and e.before.get("live") != live]
    return until[-1], causes[-1] if causes else until[-1]


def waiver_of(usecase: str, verdict: int) -> Deployment | None:
    """Return the waiver of the verdict of this number, or None.

    It is of this one verdict: a later one on the same version needs its own.
    """
    for entry in history(usecase):
        if entry.action == "waive" and entry.details.get("verdict") == verdict:
            return entry
    return None


def history_table(usecase: str) -> pd.DataFrame:
    """Return the deployment history as a table for people, one row per change."""
    rows = [
        {
            "date": entry.date.isoformat(),
            "action": entry.action,
            **{name: entry.after.get(name, "") for name in ALIASES},
            "rollout": entry.mode if entry.mode != "canary" else f"canary {entry.share:.0%}",
            "by": entry.by,
            "reason": entry.reason,
        }
        for entry in history(usecase)
    ]
    columns = ["date", "action", *ALIASES, "rollout", "by", "reason"]
    return pd.DataFrame(rows, columns=columns)


# --- write --------------------------------------------------------------------------------------


def allow(usecase: str, permission: str, by: str) -> None:
    """Refuse a role that ``process.toml`` does not give a permission.

    Parameters
    ----------
    permission : str
        A key of ``[permissions]``.
    by : str
        The role.

    Raises
    ------
    NotAllowed
        If it is no role of ``[owners]``, or has no such permission.
    """
    rules = process.load()
    if by not in rules.owners:
        raise NotAllowed(
            f"{by!r} is no role: nothing of {usecase} was changed; process.toml knows "
            f"{', '.join(rules.owners)}."
        )
    allowed = getattr(rules.permissions, permission)
    if by not in allowed:
        what = permission.replace("_", " a ").replace("rollback", "roll back")
        what = "force a rollback" if permission == "force_rollback" else what
        raise NotAllowed(
            f"{by!r} may not {what} {usecase}: nothing was changed; permissions.{permission} in "
            f"process.toml allows {', '.join(allowed)}."
        )


def reasoned(usecase: str, action: str, reason: str) -> str:
    """Return a reason without the blanks around it, or refuse it.

    Raises
    ------
    RolloutError
        If it is empty or longer than 2,000 characters.
    """
    reason = reason.strip()
    if not reason:
        raise RolloutError(f"A change of {usecase} ({action}) needs a reason: say why.")
    if len(reason) > REASON_LENGTH:
        raise RolloutError(
            f"The reason for a change of {usecase} ({action}) has {len(reason):,} characters: "
            f"say it in at most {REASON_LENGTH:,}, and link to the rest."
        )
    return reason


def change(
    usecase: str,
    action: str,
    *,
    after: Mapping[str, str | None],
    reason: str,
    by: str,
    mode: Mode = "off",
    share: float = 0.0,
    details: Mapping[str, Any] | None = None,
) -> Deployment:
    """Change what serves: one entry of the history, which MLflow's aliases then follow.

    Parameters
    ----------
    action : str
        What is done; it decides which permission is needed (`PERMISSION`). A rollback whose
        `details` say that it was ``forced`` needs ``force_rollback`` too. ``alias`` moves aliases
        by hand, and only to versions that were live before.
    after : mapping of str to str or None
        The aliases to change; None removes one, an absent one stays.
    reason, by : str
        Why, and which role.
    mode, share
        The rollout after it.
    details : mapping, optional
        What it stands on.

    Returns
    -------
    Deployment
        The entry.

    Raises
    ------
    NotAllowed
        If the role may not.
    RolloutError
        If there is no reason, no such action, or what would serve makes no sense.
    RegistryError
        If a version is not registered, or the clock is before the last change.
    RecordError, BusyError
        If the history cannot be written. Nothing is changed by any of these.
    """
    if action not in PERMISSION:
        raise RolloutError(
            f"There is no action {action!r}: a change of {usecase} is one of "
            f"{', '.join(PERMISSION)}."
        )
    with locks.writing(action):
        allow(usecase, PERMISSION[action], by)
        if action == "rollback" and (details or {}).get("forced"):
            allow(usecase, "force_rollback", by)
        reason = reasoned(usecase, action, reason)
        catch_up(usecase)
        last = newest(usecase)
        _require_order(usecase, last)
        n = (last.n if last else 0) + 1
        before = last.after if last else {}
        merged = {name: v for name, v in {**before, **after}.items() if v is not None}
        _require_sense(usecase, action, before, merged, mode, share)
        rollout = n if action in ("shadow", "canary") else 0
        if action == "waive" and last is not None:
            rollout = last.rollout
        entry = Deployment(
            date=clock.today(),
            action=action,  # type: ignore[arg-type]
            before=before,
            after=merged,
            mode=mode,
            share=share,
            rollout=rollout,
            reason=reason,
            by=by,
            details=dict(details or {}),
        )
        # This is the switch. All before it can be refused, and all after it only follows.
        entry = entry.model_copy(update={"n": records.append(usecase, KIND, entry)})
        follow(usecase)
        return entry


def _require_order(usecase: str, last: Deployment | None) -> None:
    today = clock.today()
    if last is not None and today < last.date:
        raise RegistryError(
            f"The clock says {today} and the last change of {usecase} was made on {last.date}: "
            "nothing was changed, for a history whose days go back names the wrong release; set "
            "the clock right."
        )


def _require_sense(
    usecase: str,
    action: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    mode: Mode,
    share: float,
) -> None:
    """Refuse what cannot serve."""
    for name, version in after.items():
        if name not in ALIASES:
            raise RolloutError(f"{usecase} has no alias {name!r}: there are {', '.join(ALIASES)}.")
        if version == name or registry.resolve(usecase, version) != version:
            raise RolloutError(
                f"{usecase} has no version {version!r}: give its number as `firstflight status` "
                "does; nothing was changed."
            )
    live, candidate = after.get("live"), after.get("candidate")
    if candidate is not None and candidate == live:
        raise RolloutError(
            f"{usecase} version {live} is live: it cannot be its own candidate too; nothing was "
            "changed."
        )
    if mode != "off" and (live is None or candidate is None):
        raise RolloutError(
            f"A {mode} of {usecase} needs a live release and a candidate: nothing was changed."
        )
    if (mode == "canary") != (0 < share < 1):
        raise RolloutError(
            f"A change of {usecase} to mode {mode!r} with a share of {share:g} was asked for: the "
            "candidate's share is between 0 and 1 in a canary, and 0 otherwise; nothing was "
            "changed."
        )
    if action == "alias":
        served = {entry.after.get("live") for entry in history(usecase)}
        new = {v for name, v in after.items() if before.get(name) != v} - served
        if new or mode != "off":
            what = f"version {', '.join(sorted(new))}" if new else f"a {mode}"
            raise RolloutError(
                f"Aliases of {usecase} can be moved by hand between versions that were live before "
                f"only, and {what} was asked for: nothing was changed; use shadow, canary and "
                "promote."
            )


# --- MLflow follows -----------------------------------------------------------------------------


def cut_off(usecase: str) -> Deployment | None:
    """Return the last change if a kill cut it off before MLflow's aliases followed, else None."""
    n = records.count(usecase, KIND)
    return newest(usecase) if n and database.followed(usecase)[0] != n else None


def catch_up(usecase: str, patience: float = locks.PATIENCE) -> Deployment | None:
    """Let MLflow follow what was cut off; return the change that was, None if there was none.

    Parameters
    ----------
    patience : float
        Seconds to wait for a command that is alive.
    """
    if not database.behind(usecase):
        return None
    with locks.writing("finish a change", patience):
        entry = cut_off(usecase)  # asked under the lock: the command that made it may be alive
        mirror(usecase)
    return entry


def mirror(usecase: str) -> None:
    """Make MLflow's aliases and tags say what the records say; twice is the same as once.

    Raises
    ------
    RegistryError
        If the registry is not there, or does not know the use case.
    """
    with locks.writing("mirror"):
        now, client = serving(usecase), registry.client()
        model, numbers = registry.model(usecase), records.counts(usecase)
        for name in ALIASES:
            wanted, found = now.releases.get(name), model.aliases.get(name)
            if wanted is None and found is not None:
                client.delete_registered_model_alias(usecase, name)
            elif wanted is not None and str(found) != wanted:
                client.set_registered_model_alias(usecase, name, wanted)
        for version in sorted(_touched(usecase)):
            _mirror_version(usecase, version)
        tags = {
            "rollout_mode": now.mode,
            "rollout_share": str(now.share),
            database.FOLLOWED: " ".join(
                str(n) for n in numbers
            ),  # the last one: it says that all is done
        }
        for key, value in tags.items():
            if model.tags.get(key) != value:
                client.set_registered_model_tag(usecase, key, value)


def follow(usecase: str) -> None:
    """Mirror what was just written. What goes wrong now does not undo it, and is said."""
    try:
        mirror(usecase)
    except Exception as error:
        logger.warning(
            "What was asked of %s is written and counts; MLflow's aliases and tags could not "
            "follow (%s: %s), and the next command tries again.",
            usecase,
            type(error).__name__,
            (str(error).splitlines() or [""])[0],
        )


def _touched(usecase: str) -> set[str]:
    """Return the versions about which there are records that MLflow does not follow yet."""
    changes, verdicts, decisions = database.followed(usecase)
    entries = records.read(usecase, KIND, Deployment, after=changes)
    judged = records.read(usecase, evidence.VERDICTS, evidence.VerdictRecord, after=verdicts)
    decided = records.read(usecase, evidence.DECISIONS, evidence.DecisionRecord, after=decisions)
    waived = [entry.details["version"] for entry in entries if entry.action == "waive"]
    return {*waived, *(r.version for r in judged), *(r.version for r in decided)}


def _mirror_version(usecase: str, version: str) -> None:
    wanted, found = evidence.tags(usecase, version), registry.tags(usecase, version)
    waiver = waiver_of(usecase, int(wanted.get("gate.record", 0)))
    if waiver is not None:
        wanted |= {"waiver.by": waiver.by, "waiver.reason": waiver.details["reason"]}
    registry.set_tags(usecase, version, {k: v for k, v in wanted.items() if found.get(k) != v})
    for key in found:
        if key.startswith(("gate.", "waiver.", "rollout.")) and key not in wanted:
            registry.client().delete_model_version_tag(usecase, version, key)


def moved_by_hand(usecase: str) -> dict[str, str] | None:
    """Return MLflow's aliases if somebody moved them past the history, else None.

    What serves is the history all the same, and the next change puts them right.
    """
    now = serving(usecase)
    if not now.n or database.behind(usecase):
        return None
    found = registry.model(usecase).aliases
    aliases = {name: str(found[name]) for name in ALIASES if name in found}
    return None if aliases == now.releases else aliases


def as_details(record: BaseModel) -> dict[str, Any]:
    """Return a verdict, decision or preflight as plain data for the history."""
    return dict(json.loads(record.model_dump_json()))
