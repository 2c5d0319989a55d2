"""Change what serves: one permission, one lock, one record, a file that appears in one step.

The entry of the history is the change. MLflow's aliases and tags follow it; `settle`, with which
every change begins, brings them up to date where a command was cut off, so nothing stays half done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from firstflight import clock, history, locks, process, records, registry
from firstflight.errors import ClockError, PermissionRefused, RegistryError, RolloutError
from firstflight.history import Deployment, Mode

REASON_MAX = 2000  # characters; somebody reads it at night

PERMISSION = {
    **{name: name for name in ("promote", "shadow", "canary", "abort", "waive", "withdraw")},
    "rollback": "rollback",
    "alias": "rollback",  # to put another release in place by hand is to go back without checks
}
"""The permission of ``process.toml`` that each action needs."""


def allow(action: str, by: str, permission: str | None = None) -> None:
    """Refuse an action if the team's process does not let this role do it.

    Parameters
    ----------
    action : str
        What is done, for the sentence; without a `permission`, a key of `PERMISSION`.
    by : str
        The role.
    permission : str, optional
        The key below ``[permissions]``; that of the action if not given.

    Raises
    ------
    PermissionRefused
        If the role is unknown or may not do it.
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
    usecase : str
        Its name.
    action : str
        A key of `PERMISSION`. A rollback whose `details` say that it was ``forced`` needs the
        permission ``force_rollback`` too. An ``alias`` is moved by hand, and only to a version
        that was live before: the right to go back is no right to go past the gate.
    after : mapping of str to str or None
        The aliases to change; None removes one, an absent one stays.
    reason, by : str
        Why, in at most 2,000 characters, and which role; neither may be empty.
    mode : {"off", "shadow", "canary"}, default="off"
        The rollout after it.
    share : float, default=0.0
        Share of the requests that the candidate answers: above 0 and below 1 in a canary, else 0.
    details : mapping, optional
        Plain data that the entry keeps as evidence.

    Returns
    -------
    Deployment
        The entry, written. It counts even if MLflow could not follow it: that is logged, and the
        next change tries again.

    Raises
    ------
    PermissionRefused
        If the role is unknown or may not do it.
    RegistryError
        If there is no such action, there is no reason or no role, the reason is too long, a version
        is not registered, or the registry is not there or not whole.
    RolloutError
        If what would serve makes no sense (an alias that there is not, a live release that is its
        own candidate, a rollout without a live release and a candidate, a share without a canary),
        or an alias is moved by hand to a version that was never live, or into a rollout.
    ClockError
        If today is before the newest entry's day: a history that goes back names the wrong release.
    BusyError
        If another command is changing the workspace for too long.
    StorageError
        If the disk does not take the entry.
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
        if action == "rollback" and (details or {}).get("forced"):
            allow("force a rollback", by.strip(), "force_rollback")
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
        merged = {name: v for name, v in {**before, **after}.items() if v is not None}
        _require_sense(usecase, before, merged, mode, share)
        if action == "alias":
            now = newest.mode if newest else "off"
            _require_known(usecase, before, merged, mode if mode != now else "off")
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
        # This is the switch. All before it can be refused, and all after it only follows.
        records.append(usecase, history.KIND, entry)
        with registry.following(usecase):
            _mirror(usecase, entry)
        return entry


def _require_sense(
    usecase: str, before: Mapping[str, str], after: Mapping[str, str], mode: Mode, share: float
) -> None:
    for name, version in after.items():
        if name not in history.ALIASES:
            raise RolloutError(
                f"{usecase} has no alias {name!r}, so nothing was changed: there are "
                f"{', '.join(history.ALIASES)}."
            )
        # An alias that stays was asked about when it was set: if its version was deleted in MLflow
        # since, the others can still be changed.
        if before.get(name) != version and registry.resolve(usecase, version) != version:
            raise RolloutError(
                f"{usecase} has no version {version!r}, so nothing was changed: write its number "
                "as `firstflight status` does."
            )
    live, candidate = after.get("live"), after.get("candidate")
    if candidate is not None and candidate == live:
        raise RolloutError(
            f"{usecase} version {live} would be live and its own candidate, so nothing was changed:"
            " take another version."
        )
    if mode != "off" and None in (live, candidate):
        raise RolloutError(
            f"A {mode} of {usecase} needs a live release and a candidate, so nothing was changed."
        )
    if not (0 < share < 1 if mode == "canary" else share == 0):
        raise RolloutError(
            f"A share of {share:g} in mode {mode!r} makes no sense, so nothing of {usecase} was "
            "changed: it is between 0 and 1 in a canary, and 0 otherwise."
        )


def _require_known(
    usecase: str, before: Mapping[str, str], after: Mapping[str, str], mode: str
) -> None:
    """Refuse an alias that is moved by hand to what was never live, or into a rollout."""
    moved = {version for name, version in after.items() if before.get(name) != version}
    new = sorted(moved - {entry.after.get("live", "") for entry in history.entries(usecase)})
    if new or mode != "off":
        what = f"version {', '.join(new)} was never live" if new else f"a {mode} was asked for"
        raise RolloutError(
            f"Aliases of {usecase} are moved by hand between releases that were live before, and "
            f"{what}, so nothing was changed: use shadow, canary and promote."
        )


def settle(usecase: str) -> Deployment | None:
    """Finish what a command that was cut off has left; return the change that MLflow lacked.

    What serves is not touched: the record is whole. MLflow's aliases and tags are brought up to
    it, and runs that a killed training left open are ended. Doing it twice is the same as once.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    Deployment or None
        The newest change, if MLflow did not follow it when this began; None if it did, or there is
        no change. If MLflow cannot follow it now either, that is logged and not raised.

    Raises
    ------
    RegistryError
        If there are changes, and the registry is not there or not whole.
    BusyError
        If another command is changing the workspace for too long.
    """
    with locks.writing("settle"):
        registry.end_dead_runs()
        newest = history.newest(usecase)
        if newest is None or registry.mirrored(usecase) == newest.n:
            return None
        with registry.following(usecase):
            _mirror(usecase, newest)
        return newest


def unfinished(usecase: str) -> list[int]:
    """Return the number of the change that MLflow has not followed yet, in a list; often empty.

    Parameters
    ----------
    usecase : str
        Its name.

    Returns
    -------
    list of int
        The number of the newest change, or nothing.

    Raises
    ------
    RegistryError
        If there are changes, and the registry is not there or not whole.
    """
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
    """Return a verdict, decision or preflight as plain data for the history.

    Parameters
    ----------
    record : BaseModel
        What was decided or found.

    Returns
    -------
    dict
        Its fields, as JSON would hold them: dates are text, tuples are lists.

    Examples
    --------
    >>> as_details(history.Serving(n=3, releases={"live": "2"}))
    {'n': 3, 'releases': {'live': '2'}, 'mode': 'off', 'share': 0.0}
    """
    return dict(json.loads(record.model_dump_json()))
