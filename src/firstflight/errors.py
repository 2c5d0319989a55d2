"""Errors of the path. Each message is one sentence: what is wrong, where, and what to do."""


class FirstFlightError(Exception):
    """Base of every error that the path raises on purpose."""


class BusyError(FirstFlightError):
    """Another command is changing the workspace."""


class StorageError(FirstFlightError):
    """The disk, or the folder that holds the workspace, does not let this be done."""


class BackupError(FirstFlightError):
    """A backup cannot be written, or is not one that can be restored."""


class DropError(FirstFlightError):
    """An upstream drop is missing or is not what its description promises."""


class ProcessError(FirstFlightError):
    """``process.toml`` lacks a decision or holds one that cannot be read."""


class ClockError(FirstFlightError):
    """Something asked for data from after the clock's today, or the clock cannot be read."""


class StateError(FirstFlightError):
    """The feature state for a feature version and date is missing, stale or altered."""


class MonitorError(FirstFlightError):
    """The monitor was given rows that it cannot compare."""


class SnapshotError(FirstFlightError):
    """A training snapshot is missing or its content does not match its digest."""


class ReleaseError(FirstFlightError):
    """A release cannot be saved or loaded as it was made."""


class RecordError(FirstFlightError):
    """A record of what was decided is missing or damaged."""


class PermissionRefused(FirstFlightError):
    """The role may not do this, by the team's ``process.toml``."""


class RegistryError(FirstFlightError):
    """The registry does not hold what was asked for."""


class GateError(FirstFlightError):
    """The gate cannot judge: no window, no labels, or no such version."""


class RolloutError(FirstFlightError):
    """A change of what serves is not allowed in the present state."""


class RollbackRefused(FirstFlightError):
    """The preflight of a rollback failed, and nothing was changed."""
