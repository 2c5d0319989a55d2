"""Weeks that pass while the service is used: the pipeline's mornings, and somebody who asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from classroom import traffic
from firstflight import clock, drops, operations, state
from firstflight.release import as_json_rows
from firstflight.usecase import UseCase
from firstflight.workspace import PROJECT, current

PAUSE = 0.02  # seconds between two requests: somebody asks, and the machine stays usable
N_ROWS = 200


def days(
    url: str, usecase: UseCase, first: dt.date | str, last: dt.date | str, publish: Sequence[int]
) -> traffic.Sent:
    """Let these days pass: land their drops, publish state, send every request.

    Afterwards it is the day after the last one.

    Parameters
    ----------
    url : str
        The service's address.
    usecase : UseCase
        Whose requests are sent.
    first, last : date or str
        The days, both included.
    publish : sequence of int
        The feature versions whose state the pipeline publishes each morning; others get none.

    Returns
    -------
    classroom.traffic.Sent
        How many requests were sent, which release answered, and how many had no state.
    """
    start, end = (dt.date.fromisoformat(str(day)) for day in (first, last))
    for month in drops.months(start, end):
        drops.land(PROJECT / "data", current().drops, usecase.sources.values(), month)
    known = operations.landed(usecase, end)
    for feature_version in publish:
        state.publish(usecase, known, feature_version, start, end)
    return traffic.play(url, usecase, known, start, end)


class Caller:
    """Somebody who asks the service for today's flights, one after the other, until told to stop.

    Parameters
    ----------
    url : str
        The service's address.
    usecase : UseCase
        Whose requests are sent.

    Attributes
    ----------
    failed : int
        Requests without an answer.
    versions : list of str
        The releases that have answered, sorted.
    """

    def __init__(self, url: str, usecase: UseCase) -> None:
        day = clock.today()
        rows = usecase.requests(operations.landed(usecase), day, day).head(N_ROWS)
        for other in _asking:  # a cell that is run twice leaves one caller, not two
            other.stop()
        _asking[:] = [self]
        self._steady = traffic.Steady(url, as_json_rows(rows), pause=PAUSE)
        self._steady.__enter__()

    def stop(self) -> None:
        """End it; what was asked last is answered first. Doing it again changes nothing."""
        self._steady.__exit__()

    @property
    def failed(self) -> int:
        """Requests without an answer."""
        return self._steady.failed

    @property
    def n(self) -> int:
        """Requests sent."""
        return self._steady.n

    @property
    def slowest_ms(self) -> float:
        """Of the answer that took longest, in milliseconds."""
        return self._steady.slowest_ms

    @property
    def versions(self) -> list[str]:
        """The releases that have answered, sorted."""
        return sorted(self._steady.by_release)


_asking: list[Caller] = []
