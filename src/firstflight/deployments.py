"""Change what serves: one permission, one lock, one record written by one commit.

The entry of the history is the change. MLflow's aliases and tags follow it; `settle`, with which
every change begins, brings them up to date where a command was cut off, so nothing stays half done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from firstflight import clock, history, locks, process, records, registry
from firstflight.errors import ClockError, PermissionRefused, RegistryError
from firstflight.history import Deployment, Mode

REASON_MAX = 2000  # characters; somebody reads it at night

PERMISSION = {
    **{name: name for name in ("promote", "shadow", "canary", "abort", "waive", "withdraw")},
    "rollback": "rollback",
    "alias": "rollback",  # to put another release in place by hand is to go back without checks
}
"""The permission of ``process.toml`` that each action needs."""


def allow(action: str, by: str, permission: str | None = None) -> None:
    """Refuse an action of a role that the team's process does not let do it.

    Parameters
    ----------
    action : str
        What is done, for the sentence.
    by : str
        The role.
    permission : str, optional
        The key below ``[permissions]``; that of the action if not given.

    Raises
    ------
    PermissionRefused
        If the role is unknown or may not.
    """
    rules = process.load()
    key = permission or PERMISSION[action]
    allowed = getattr(rules.permissions, key)
    if by not in rules.owners:
        raise PermissionRefused(
            f"{by!r} is no role of [owners] in process.toml, so it may not {action}: "
            f"permissions.{key} allows {', '.join(allowed)}."
        )
    if by not in allowed:
        raise PermissionRefused(
            f"{by!r} may not {action}: permissions.{key} in process.toml allows "
            f"{', '.join(allowed)}."
        )


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
    """Write the entry that changes what serves, and let MLflow's aliases follow.

    Parameters
    ----------
    action : str
        A key of `PERMISSION`.
    after : mapping of str to str or None
        The aliases to change; None removes one, an absent one stays.
    reason, by : str
        Why, in at most 2,000 characters, and which role; neither may be empty.
    mode, share
        The rollout after it.
    details : mapping, optional
        Plain data that the entry keeps as evidence.

    Returns
    -------
    Deployment
        The entry, done.

    Raises
    ------
    PermissionRefused
        The role may not.
    RegistryError
        No reason, a reason that is too long, or a version that is not registered.
    ClockError
        Today is before the newest entry's day: a history that goes back names the wrong release.
    """
    with locks.writing(action):
        if action not in PERMISSION:
            raise RegistryError(
                f"There is no change {action!r} of what serves: choose one of "
                f"{', '.join(PERMISSION)}."
            )
        if not reason.strip() or not by.strip():
            raise RegistryError(
                f"A change of {usecase} ({action}) needs a reason and a role: say why, and who "
                "decided."
            )
        if len(reason.strip()) > REASON_MAX:
            raise RegistryError(
                f"The reason for the change of {usecase} ({action}) has {len(reason.strip())} "
                f"characters: keep it to {REASON_MAX}, and put the rest where it can be linked."
            )
        allow(action, by.strip())
        settle(usecase)
        newest = history.newest(usecase)
        today = clock.today()
        if newest is not None and today < newest.date:
            raise ClockError(
                f"Today is {today} and the last change of {usecase} is of {newest.date}: a change "
                "cannot be older than the one before it; set the clock right "
                "(`firstflight today DAY`)."
            )
        before = dict(newest.after) if newest else {}
        for version in after.values():
            if version is not None:
                registry.tags(usecase, version)
        merged = {name: v for name, v in {**before, **after}.items() if v is not None}
        entry = Deployment(
            n=(newest.n if newest else 0) + 1,
            date=today,
            action=action,
            before=before,
            after={name: merged[name] for name in history.ALIASES if name in merged},
            mode=mode,
            share=share,
            reason=reason.strip(),
            by=by.strip(),
            details=dict(details or {}),
        )
        records.append(usecase, history.KIND, entry)
        _mirror(usecase, entry)
        return entry


def settle(usecase: str) -> Deployment | None:
    """Finish what a command that was cut off has left; return the change that was finished.

    What serves is not touched: the record is whole. MLflow's aliases and tags are brought up to
    it, and runs that a killed training left open are ended. Doing it twice is the same as once.
    """
    with locks.writing("settle"):
        registry.end_dead_runs(usecase)
        newest = history.newest(usecase)
        if newest is None or registry.mirrored(usecase) == newest.n:
            return None
        _mirror(usecase, newest)
        return newest


def unfinished(usecase: str) -> list[int]:
    """Return the number of the change that MLflow has not followed yet, in a list; often empty."""
    newest = history.newest(usecase)
    return [] if newest is None or registry.mirrored(usecase) == newest.n else [newest.n]


def _mirror(usecase: str, entry: Deployment) -> None:
    """Let MLflow's aliases and tags follow an entry; its number is written last."""
    if entry.action == "waive":
        waiver = {"waiver.by": entry.by, "waiver.verdict": str(entry.details["verdict"])}
        waiver["waiver.reason"] = entry.details["reason"]
        registry.set_tags(usecase, entry.details["version"], waiver)
    registry.mirror(usecase, entry.after, mode=entry.mode, share=entry.share, n=entry.n)


def as_details(record: BaseModel) -> dict[str, Any]:
    """Return a verdict, decision or preflight as plain data for the history."""
    return dict(json.loads(record.model_dump_json()))
