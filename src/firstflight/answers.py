"""What the service says: the typed answer to one request."""

# No `from __future__ import annotations`: BentoML reads these types at definition.
import datetime as dt

from pydantic import BaseModel


class Answer(BaseModel):
    """One prediction, and what made it.

    Attributes
    ----------
    prediction : float
        In the use case's unit.
    release : str
        Version in the registry.
    state_date : date or None
        Day of the feature state that was used; None if none was young enough.
    state_age_days : int or None
        Its age on the request's day.
    """

    prediction: float
    release: str
    state_date: dt.date | None
    state_age_days: int | None
