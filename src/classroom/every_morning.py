"""The flow that a schedule starts: it asks the clock which day it is, and calls the team's."""

from __future__ import annotations

from firstflight import clock
from firstflight.flow import flow, ingest


@flow(name="every morning")
def every_morning(usecase: str = "flights") -> dict[str, int]:
    """Land this month's drops and publish today's feature state.

    Parameters
    ----------
    usecase : str, default "flights"
        Name of the use case.

    Returns
    -------
    dict of str to int
        As `firstflight.flow.ingest` returns it.
    """
    day = clock.today()
    return ingest(usecase, day, day)
