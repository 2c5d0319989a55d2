"""The team's written decisions: ``process.toml``, read and checked.

Every gate, alert, rollout and rollback takes its thresholds from here, and nothing else in the
package holds one. The file is written by people, so a wrong or missing decision is answered with
one sentence that names the file, the key, what was found and what is allowed.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from firstflight import workspace
from firstflight.errors import ProcessError

Metric = Literal["log_loss", "mae"]
Severity = Literal["page", "ticket", "diagnosis"]

DEFAULT = workspace.PROJECT / "process.toml"


def _number(what: str, **limits: Any) -> Any:
    return Field(description=what, allow_inf_nan=False, **limits)


Share = Annotated[float, _number("a share from 0 to 1", ge=0, le=1)]
Whole = Annotated[int, Field(description="a whole number, 1 or more", ge=1)]
Days = Annotated[int, Field(description="whole days, 1 or more", ge=1)]
TwoDays = Annotated[int, Field(description="whole days, 2 or more", ge=2)]
NotNegative = Annotated[float, _number("a number, 0 or more", ge=0)]
Positive = Annotated[float, _number("a number above 0", gt=0)]
Factor = Annotated[float, _number("a number above 1", gt=1)]
Text = Annotated[str, Field(description="a text that is not empty", min_length=1)]
Names = Annotated[
    tuple[Text, ...],
    # TOML has lists, a frozen record has tuples: the one conversion that strict mode must allow.
    Field(description="a list with at least one name", min_length=1, strict=False),
]


class _Section(BaseModel):
    """One table of the file: no unknown key, no silent conversion, not changed after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StateRules(_Section):
    """How old the feature state may be when a request is answered."""

    max_age_days: Days


class Retention(_Section):
    """How long each kind of record is kept."""

    predictions_days: Days
    reports_days: Days
    snapshots_kept: Whole
    state_days: Days


class ServiceRules(_Section):
    """What the service takes, and from whom; see `firstflight.guard`."""

    hosts: Names
    max_days_from_today: Days
    max_body_mb: Positive
    max_rows: Whole
    max_concurrent: Whole
    retry_after_seconds: Whole
    body_seconds: Positive


class Permissions(_Section):
    """Which roles may do what; asked where the change is written.

    ``force_rollback`` is to switch against a failed preflight.
    """

    promote: Names
    shadow: Names
    canary: Names
    abort: Names
    waive: Names
    withdraw: Names
    rollback: Names
    force_rollback: Names


class WaiverRules(_Section):
    """Which verdicts can be waived at all."""

    may_waive: Annotated[
        tuple[Literal["hold", "fail"], ...],
        Field(description='a list of "hold" and "fail", or an empty list', strict=False),
    ]


class Resampling(_Section):
    """How a standard error is drawn; see `firstflight.intervals`."""

    bootstrap: Annotated[int, Field(description="a whole number, 100 or more", ge=100)]
    seed: Annotated[int, Field(description="a whole number, 0 or more", ge=0)]


class Dependence(_Section):
    """How strongly following days are alike; see `firstflight.intervals`."""

    block_days: Days
    autocorrelation: Annotated[float, _number("a number from 0 to 0.9", ge=0, le=0.9)]


class IntervalRules(Resampling, Dependence):
    """How an interval is made that is looked at once."""

    confidence: Annotated[float, _number("a share from 0.5 to 0.999", ge=0.5, le=0.999)]

    @property
    def how(self) -> dict[str, Any]:
        """The keywords of `firstflight.metrics.interval` and its two differences."""
        return {
            "n": self.bootstrap,
            "confidence": self.confidence,
            "seed": self.seed,
            "block_days": self.block_days,
            "autocorrelation": self.autocorrelation,
        }


class GateRules(IntervalRules):
    """Rules of the offline gate. Losses and biases are in the unit of the metric or the label."""

    window_days: TwoDays
    window_age_max_days: Days
    min_days: TwoDays
    min_rows: Whole
    must_beat: Annotated[Literal["naive"], Field(description='"naive"')]
    calibration_max: Positive
    suspicious_auc: Annotated[
        float | None, _number("a number above 0.5 and up to 1", gt=0.5, le=1)
    ] = None
    suspicious_mae: Annotated[float | None, _number("a number above 0", gt=0)] = None
    slice_columns: Names
    slice_min_rows: Whole
    slice_max_regression: NotNegative
    artifact_mb_max: Positive
    one_row_ms_max: Positive

    @model_validator(mode="after")
    def _window_holds_min_days(self) -> Self:
        if self.min_days > self.window_days:
            raise ValueError(
                f"min_days is {self.min_days}; allowed: at most window_days ({self.window_days})"
            )
        return self


class StageRules(Dependence):
    """Rules of one stage of a rollout. A difference is candidate minus live, in mean loss."""

    min_days: TwoDays
    max_days: TwoDays
    min_labels: Whole
    min_coverage: Share
    promote_below: Annotated[float, _number("a number")]
    abort_above: Annotated[float, _number("a number")]
    undecided: Literal["abort", "continue"]

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        if self.min_days > self.max_days:
            raise ValueError(
                f"min_days is {self.min_days}; allowed: at most max_days ({self.max_days})"
            )
        return self


class RolloutRules(Resampling):
    """Rules of a rollout: first in the shadow, then for a share of the traffic."""

    canary_share: Annotated[float, _number("a share above 0 and below 1", gt=0, lt=1)]
    error_max: Annotated[float, _number("a share from 0.001 to 0.2", ge=0.001, le=0.2)]
    shadow: StageRules
    canary: StageRules


class AlertSeverity(_Section):
    """Who is disturbed by each kind of alert: page now, ticket today, or only shown."""

    contract: Severity
    performance: Severity
    state: Severity
    prediction_drift: Severity
    feature_drift: Severity


class AlertRules(IntervalRules):
    """Thresholds of the monitor: `firstflight.alarm_rates` lists the rule of each and its rates."""

    severity: AlertSeverity
    null_share_max: Share
    null_share_factor: Positive
    duplicate_share_max: Share
    out_of_contract_share_max: Share
    unknown_share_max: Share
    unknown_value_share_max: Share
    changed_constant_share_max: Share
    daily_rows_factor_max: Factor
    outcome_null_share_max: Share
    outcome_scale_max: Factor
    outcome_shift_max: Positive
    state_missing_share_max: Share
    state_shift_max: Positive
    shift_vs_previous_max: Positive
    shift_vs_previous_columns: Annotated[
        dict[str, Positive], Field(description="a table of column = a number above 0")
    ]
    scale_vs_previous_max: Factor
    prediction_drift_max: Positive
    feature_drift_max: Positive
    performance_margin: NotNegative
    performance_weeks: Whole
    calibration_max: Positive
    min_labels: Whole


class UseCaseRules(_Section):
    """All decisions about one use case."""

    metric: Annotated[Metric, Field(description='"log_loss" or "mae"')]
    gate: GateRules
    rollout: RolloutRules
    alerts: AlertRules

    @model_validator(mode="after")
    def _suspicion_fits_metric(self) -> Self:
        wanted, other = "suspicious_auc", "suspicious_mae"
        if self.metric == "mae":
            wanted, other = other, wanted
        if getattr(self.gate, wanted) is None:
            raise ValueError(
                f'gate.{wanted} is missing; allowed with metric "{self.metric}": a '
                "number beyond which a score is too good to be true"
            )
        if getattr(self.gate, other) is not None:
            raise ValueError(
                f"gate.{other} is {getattr(self.gate, other)}; allowed with metric "
                f'"{self.metric}": gate.{wanted} only'
            )
        return self


class Process(_Section):
    """The whole of ``process.toml``."""

    owners: Annotated[dict[str, Text], Field(description="a table of role = team", min_length=1)]
    state: StateRules
    service: ServiceRules
    retention: Retention
    permissions: Permissions
    waiver: WaiverRules
    usecases: Annotated[
        dict[str, UseCaseRules], Field(description="a table per use case", min_length=1)
    ]
    _source: Path = PrivateAttr(default=DEFAULT)

    @model_validator(mode="after")
    def _roles_have_owners(self) -> Self:
        roles = {
            f"permissions.{key}": getattr(self.permissions, key) for key in Permissions.model_fields
        }
        for key, names in roles.items():
            for name in names:
                if name not in self.owners:
                    raise ValueError(
                        f'{key} is "{name}"; allowed: a role of [owners] ({", ".join(self.owners)})'
                    )
        return self

    @property
    def source(self) -> Path:
        """The file that was read."""
        return self._source

    def usecase(self, name: str) -> UseCaseRules:
        """Return the decisions about one use case.

        Raises
        ------
        ProcessError
            The file has no table for it.
        """
        try:
            return self.usecases[name]
        except KeyError:
            raise ProcessError(
                f"{self._source}: usecases.{name} is missing; allowed: a use case that the file "
                f"decides about ({', '.join(self.usecases)}), so add its table."
            ) from None


def digest(rules: BaseModel) -> str:
    """Return 12 hex digits that name a set of rules, so that a verdict can say what judged it."""
    return hashlib.sha256(rules.model_dump_json().encode()).hexdigest()[:12]


def load(path: Path | None = None) -> Process:
    """Read and check the decisions.

    Parameters
    ----------
    path : Path, optional
        The file to read. By default the team's copy in the workspace if there is one, else the
        project's committed ``process.toml``.

    Returns
    -------
    Process
        Frozen; ``source`` is the file that was read.

    Raises
    ------
    ProcessError
        The file is missing, is not TOML, or lacks a decision or holds a wrong one: one sentence
        with the file, the dotted key, what was found and what is allowed.
    """
    if path is None:
        team = workspace.current().process_file
        path = team if team.exists() else DEFAULT
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProcessError(
            f"{path}: cannot be read ({error.strerror}); copy the project's process.toml there."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProcessError(f"{path}: is not valid TOML ({error}); correct that line.") from error
    try:
        process = Process.model_validate(raw)
    except ValidationError as error:
        raise ProcessError(f"{path}: {_sentence(error)}.") from error
    process._source = path
    return process


def _sentence(error: ValidationError) -> str:
    """Say the first thing that is wrong: key, what was found, what is allowed."""
    first = error.errors(include_url=False)[0]
    where = [part for part in first["loc"] if isinstance(part, str)]
    key = ".".join(where)
    if first["type"] == "value_error":  # ours: it already names the key below `where`
        return ".".join([*where, str(first["ctx"]["error"])])
    if first["type"] == "extra_forbidden":
        known = ", ".join(_model_at(where[:-1]).model_fields)
        return f"{key} is not a known key; allowed here: {known}"
    allowed = _allowed(where) or first["msg"][0].lower() + first["msg"][1:]
    if first["type"] == "missing":
        return f"{key} is missing; allowed: {allowed}"
    return f"{key} is {first['input']!r}; allowed: {allowed}"


def _model_at(where: list[str]) -> type[BaseModel]:
    """Return the model behind a dotted key that leads to a table."""
    model: type[BaseModel] = Process
    for part in where:
        field = model.model_fields.get(part)
        if field is None:  # a name inside a table of tables, such as usecases.<name>
            continue
        annotation = field.annotation
        for inner in (annotation, *get_args(annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                model = inner
    return model


def _allowed(where: list[str]) -> str | None:
    """Return in words what a dotted key may hold."""
    field = _model_at(where[:-1]).model_fields.get(where[-1])
    if field is None:
        return None
    if field.description:
        return field.description
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        return f"a table with {', '.join(field.annotation.model_fields)}"
    choices = get_args(field.annotation)
    return "one of " + ", ".join(f'"{choice}"' for choice in choices) if choices else None
