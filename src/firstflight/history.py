"""What serves, and what served when: the deployment history, read.

The newest entry is what serves. The service follows it; MLflow's aliases and tags follow it for
people who look there. Entries are written by `firstflight.deployments` alone.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from firstflight import records

KIND = "deployments"
ALIASES = ("live", "candidate", "previous")
Mode = Literal["off", "shadow", "canary"]


class Deployment(BaseModel):
    """One change of what serves.

    Attributes
    ----------
    n : int
        Counts the changes of a use case from 1.
    date : date
        The clock's today.
    action : str
        ``promote``, ``shadow``, ``canary``, ``abort``, ``rollback``, ``waive``, ``withdraw`` or
        ``alias``.
    before, after : dict of str to str
        Version per alias, before the change and after it.
    mode : {"off", "shadow", "canary"}
        The rollout after it: whether the candidate predicts too, and whether it answers.
    share : float
        The share of the traffic (0 to 1) that the candidate answers in a canary; 0 otherwise.
    reason, by : str
        Why, and which role.
    details : dict
        Evidence, such as the numbers of the verdict and of the decision that it stands on, or a
        preflight.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    date: dt.date
    action: str
    before: dict[str, str]
    after: dict[str, str]
    mode: Mode = "off"
    share: float = 0.0
    reason: str
    by: str
    details: dict[str, Any] = Field(default_factory=dict)


class Serving(BaseModel):
    """What serves now.

    Attributes
    ----------
    n : int
        Number of the entry that says so; 0 before the first.
    releases : dict of str to str
        Version per alias: ``live``, ``candidate``, ``previous``.
    mode : {"off", "shadow", "canary"}
        As in `Deployment`.
    share : float
        As in `Deployment`.
    """

    model_config = ConfigDict(frozen=True)

    n: int = 0
    releases: dict[str, str] = Field(default_factory=dict)
    mode: Mode = "off"
    share: float = 0.0


def newest(usecase: str) -> Deployment | None:
    """Return the last change of what serves, or None before the first.

    Parameters
    ----------
    usecase : str
        Name of the use case.

    Returns
    -------
    Deployment or None
        The entry with the highest number.

    Raises
    ------
    RecordError
        If it cannot be read.
    """
    return records.newest(usecase, KIND, Deployment)


def serving(usecase: str) -> Serving:
    """Return what serves now: what the newest entry says.

    Parameters
    ----------
    usecase : str
        Name of the use case.

    Returns
    -------
    Serving
        Without any release before the first entry.

    Raises
    ------
    RecordError
        If the newest entry cannot be read.
    """
    last = newest(usecase)
    if last is None:
        return Serving()
    return Serving(n=last.n, releases=last.after, mode=last.mode, share=last.share)


def entries(usecase: str) -> list[Deployment]:
    """Return every change of what serves, oldest first.

    Parameters
    ----------
    usecase : str
        Name of the use case.

    Returns
    -------
    list of Deployment
        Empty before the first.

    Raises
    ------
    RecordError
        If an entry cannot be read, or a number is missing.
    """
    return records.all_of(usecase, KIND, Deployment)


def at(usecase: str, day: dt.date) -> Deployment | None:
    """Return the last change up to this day: what was live, and why; None before the first.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    day : date
        Changes of this day count.

    Returns
    -------
    Deployment or None
        The entry that says what served at the end of the day.

    Raises
    ------
    RecordError
        If an entry cannot be read, or a number is missing.
    """
    past = [entry for entry in entries(usecase) if entry.date <= day]
    return past[-1] if past else None


def table(usecase: str) -> pd.DataFrame:
    """Return the deployment history as a table for people, one change per row.

    Parameters
    ----------
    usecase : str
        Name of the use case.

    Returns
    -------
    DataFrame of shape (n_changes, 8)
        Texts, oldest change first: ``date``, ``action``, the versions that were ``live``,
        ``candidate`` and ``previous`` after it, ``rollout``, ``by`` and ``reason``.

    Raises
    ------
    RecordError
        If an entry cannot be read, or a number is missing.
    """
    rows = [
        {
            "date": entry.date.isoformat(),
            "action": entry.action,
            **{name: entry.after.get(name, "") for name in ALIASES},
            "rollout": entry.mode if entry.mode != "canary" else f"canary {entry.share:.0%}",
            "by": entry.by,
            "reason": entry.reason,
        }
        for entry in entries(usecase)
    ]
    columns = ["date", "action", *ALIASES, "rollout", "by", "reason"]
    return pd.DataFrame(rows, columns=columns)
