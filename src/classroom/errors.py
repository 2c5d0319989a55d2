"""Errors of the course's machinery. Each message is one sentence: what, where, what to do."""

from __future__ import annotations

from firstflight.errors import FirstFlightError


class CourseError(FirstFlightError):
    """Base of every error that the course's machinery raises on purpose."""


class SourceError(CourseError):
    """A lesson's source cannot be turned into notebooks."""


class WorkspaceError(CourseError):
    """The workspace folder is not what the course needs, and was left as it is."""


class ServerError(CourseError):
    """A server did not start, or its port is taken."""


class CheckError(CourseError):
    """An exercise has no reference answer, or the reference answer fails its own check."""


class SetupError(CourseError):
    """The one-off set-up could not be done."""


class RunError(CourseError):
    """A lesson failed while the course ran it."""
