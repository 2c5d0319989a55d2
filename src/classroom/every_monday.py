"""The flow that a schedule starts on Mondays: watch the week that is over, and tell its pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import apprise

from firstflight import clock, operations
from firstflight import usecase as usecases
from firstflight.flow import flow


def tell_pages(alerts: Sequence[Any], address: str) -> bool:
    """Send each page to an address, and nothing else.

    Parameters
    ----------
    alerts : sequence of firstflight.monitor.Alert
        As the monitor made them.
    address : str
        Where to, in Apprise's form, such as ``"json://127.0.0.1:8080"``.

    Returns
    -------
    bool
        Whether all of them were delivered.
    """
    post = apprise.Apprise()
    post.add(address)
    urgent = [alert for alert in alerts if alert.level == "page"]
    return all([bool(post.notify(title=one.rule, body=one.sentence)) for one in urgent])


@flow(name="every monday")
def every_monday(usecase: str, address: str) -> bool:
    """Watch the week that ended yesterday, and tell the pages.

    Parameters
    ----------
    usecase : str
        Name of the use case.
    address : str
        As for `tell_pages`.

    Returns
    -------
    bool
        As of `tell_pages`.
    """
    case, yesterday = usecases.get(usecase), clock.today() - dt.timedelta(days=1)
    result = operations.monitor_week(case, operations.landed(case), yesterday)
    return tell_pages(result.alerts, address)
