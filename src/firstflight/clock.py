"""What day it is. In the course the clock is set; at work it is the real date."""

from __future__ import annotations

import datetime as dt
import json

from firstflight.workspace import current


def today() -> dt.date:
    """Return the clock's today: the workspace's clock file, else the real date."""
    path = current().clock_file
    if path.exists():
        return dt.date.fromisoformat(json.loads(path.read_text())["today"])
    return dt.date.today()


def set_today(day: dt.date | str) -> dt.date:
    """Set the clock of the workspace and return the day."""
    day = dt.date.fromisoformat(str(day))
    path = current().clock_file
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"today": day.isoformat()}) + "\n")
    part.replace(path)
    return day
