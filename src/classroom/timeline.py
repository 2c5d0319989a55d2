"""Read off the deployment history how long each release was live."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def spans(usecase: str) -> pd.DataFrame:
    """Return the stretches in which one release was live, up to today.

    Parameters
    ----------
    usecase : str
        The use case, such as ``"flights"``.

    Returns
    -------
    DataFrame
        A row per stretch of a day or more: ``version``, ``start`` (date), ``days`` and ``gate``,
        the newest verdict about the version that there was when the stretch began. A day on which
        nothing was live is in no row.
    """
    import pandas as pd

    from firstflight import clock, history, judgements

    changes = [e for e in history.entries(usecase) if e.after.get("live") != e.before.get("live")]
    ends = [entry.date for entry in changes[1:]] + [clock.today()]
    rows = [
        {"version": entry.after["live"], "start": entry.date, "days": (end - entry.date).days}
        for entry, end in zip(changes, ends, strict=True)
        if "live" in entry.after and end > entry.date
    ]
    table = pd.DataFrame(rows, columns=["version", "start", "days"])
    judged = judgements.judged(usecase)
    return table.assign(
        gate=[
            next(
                one.verdict.verdict
                for one in reversed(judged)
                if one.version == row.version and one.date <= row.start
            )
            for row in table.itertuples()
        ]
    )
