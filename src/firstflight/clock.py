"""What day it is. In the course the clock is set; at work it is the real date."""

from __future__ import annotations

import datetime as dt
import json
import os

from firstflight import files
from firstflight.errors import ClockError
from firstflight.workspace import current

PINNED = "FIRSTFLIGHT_TODAY"
"""A variable that pins the day for one process, whatever the workspace's clock says."""


def today() -> dt.date:
    """Return the clock's today: ``$FIRSTFLIGHT_TODAY``, the workspace's clock, the real date.

    Returns
    -------
    date
        The day.

    Raises
    ------
    ClockError
        If the clock file is damaged or cannot be read, or the variable does not hold a day.
    """
    if pinned := os.environ.get(PINNED):
        try:
            return dt.date.fromisoformat(pinned)
        except ValueError:
            raise ClockError(
                f"{PINNED} is {pinned!r}, which is no day: set it to one such as 2013-04-01, or "
                "unset it to go by the workspace's clock."
            ) from None
    path = current().clock_file
    try:
        return dt.date.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["today"])
    except FileNotFoundError:
        return dt.date.today()
    except (OSError, ValueError, TypeError, KeyError):
        raise ClockError(
            f"{path} does not hold a day: set it again with `firstflight today 2013-04-01` (the "
            "day that it is), or delete the file to go by the real date."
        ) from None


def set_today(day: dt.date | str) -> dt.date:
    """Set the clock of the workspace and return the day.

    Where ``$FIRSTFLIGHT_TODAY`` pins this process, it moves too. It may be set back; a change of
    what serves is refused on a day before the newest one.

    Parameters
    ----------
    day : date or str
        The day that it is from now on, such as ``"2013-04-01"``.

    Returns
    -------
    date
        The day that was set.

    Raises
    ------
    ValueError
        If `day` is not a date such as ``"2013-04-01"``.
    StorageError
        If the file cannot be written; the clock is as it was then.
    """
    day = dt.date.fromisoformat(str(day))
    files.write(current().clock_file, json.dumps({"today": day.isoformat()}) + "\n")
    if PINNED in os.environ:
        os.environ[PINNED] = day.isoformat()
    return day
