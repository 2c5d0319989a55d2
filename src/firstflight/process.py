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
    """How old the feature state may be when a request is answered.

    Attributes
    ----------
    max_age_days : int, in days
        Older state is not served: the feature is missing.
    """

    max_age_days: Days


class Retention(_Section):
    """How long each kind of file is kept; see `firstflight.retention` for what stays longer.

    Attributes
    ----------
    predictions_days, reports_days, state_days : int, in days
        How old logged predictions, monitor reports and feature state get.
    snapshots_kept : int
        How many training snapshots of each use case, the newest ones.
    """

    predictions_days: Days
    reports_days: Days
    snapshots_kept: Whole
    state_days: Days


class ServiceRules(_Section):
    """What the service takes, and from whom; see `firstflight.guard`.

    Attributes
    ----------
    hosts : tuple of str
        Names under which callers may address it.
    max_days_from_today : int, in days
        How far from the clock's today the day of a request may be.
    max_body_mb : float, in megabytes
        Largest body of a request.
    max_rows : int
        Most requests in one batch.
    max_concurrent : int
        Most requests that are answered at the same time; a batch counts as one.
    retry_after_seconds : int, in seconds
        How long a caller that comes when there are too many is told to wait.
    body_seconds : float, in seconds
        How long a caller may take to send a body.
    log_file_mb : float, in megabytes
        Size at which a file of the prediction log is full.
    """

    hosts: Names
    max_days_from_today: Days
    max_body_mb: Positive
    max_rows: Whole
    max_concurrent: Whole
    retry_after_seconds: Whole
    body_seconds: Positive
    log_file_mb: Positive


class Permissions(_Section):
    """Which roles may do what; asked where the change is written.

    Attributes
    ----------
    promote, shadow, canary, abort, waive, withdraw, rollback : tuple of str
        The roles that may do this.
    force_rollback : tuple of str
        The roles that may switch although the preflight said no.
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
    """Which verdicts can be waived at all.

    Attributes
    ----------
    may_waive : tuple of {"hold", "fail"}
        May be empty: then none can.
    """

    may_waive: Annotated[
        tuple[Literal["hold", "fail"], ...],
        Field(description='a list of "hold" and "fail", or an empty list', strict=False),
    ]


class Resampling(_Section):
    """How a standard error is drawn; see `firstflight.intervals`.

    Attributes
    ----------
    bootstrap : int
        Number of resamples.
    seed : int
        The same rows and seed give the same interval.
    """

    bootstrap: Annotated[int, Field(description="a whole number, 100 or more", ge=100)]
    seed: Annotated[int, Field(description="a whole number, 0 or more", ge=0)]


class Dependence(_Section):
    """How strongly following days are alike; see `firstflight.intervals`.

    Attributes
    ----------
    block_days : int, in days
        Days that are drawn together.
    autocorrelation : float
        Lag-1 autocorrelation of the daily numbers that an interval allows for, from 0 to 0.9.
    """

    block_days: Days
    autocorrelation: Annotated[float, _number("a number from 0 to 0.9", ge=0, le=0.9)]


class IntervalRules(Resampling, Dependence):
    """How an interval is made that is looked at once.

    Attributes
    ----------
    confidence : float
        Chance that the interval holds the true mean.
    """

    confidence: Annotated[float, _number("a share from 0.5 to 0.999", ge=0.5, le=0.999)]

    @property
    def how(self) -> dict[str, Any]:
        """The keyword arguments of the functions in `firstflight.metrics` that make intervals."""
        return {
            "n": self.bootstrap,
            "confidence": self.confidence,
            "seed": self.seed,
            "block_days": self.block_days,
            "autocorrelation": self.autocorrelation,
        }


class GateRules(IntervalRules):
    """Rules of the offline gate; `firstflight.gate.judge` says how they are asked.

    Attributes
    ----------
    window_days : int, in days
        Length of the window that is judged, right after the training days.
    window_age_max_days : int, in days
        How long ago the window may have ended for a verdict that is not ``hold``.
    min_days, min_rows : int
        Fewest days and rows with labels.
    must_beat : {"naive"}
        The guess that the candidate must beat.
    calibration_max : float, in the unit of the label
        Largest distance of the mean prediction from the mean label.
    suspicious_auc : float or None
        With log loss: above this AUC a score is too good to be true.
    suspicious_mae : float or None, in the unit of the label
        With mean absolute error: below this error a score is too good to be true.
    slice_columns : tuple of str
        Columns whose values divide the rows into slices.
    slice_min_rows : int
        Smaller slices are not judged.
    slice_max_regression : float, in the unit of the loss
        How much worse than live a slice may be.
    artifact_mb_max : float, in megabytes
        Largest size of a release's files.
    one_row_ms_max : float, in milliseconds
        Longest time for one prediction.
    """

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
    """Rules of one stage of a rollout; `firstflight.rollout.decide` says how they are asked.

    A difference is candidate minus live, in mean loss.

    Attributes
    ----------
    min_days, max_days : int, in days
        First and last day of the stage on which it may be decided, counted in days with labels.
    min_labels : int
        Fewest requests with labels: in the shadow those that both releases predicted, in the canary
        those of the release that has fewer.
    min_coverage : float
        Smallest share, from 0 to 1, of the due predictions that can be compared.
    promote_below, abort_above : float, in the unit of the loss
        An interval of the difference that is wholly below the one promotes, and wholly above the
        other aborts.
    undecided : {"abort", "continue"}
        What is done when `max_days` have shown neither.
    """

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
    """Rules of a rollout: first in the shadow, then for a share of the traffic.

    Attributes
    ----------
    canary_share : float
        Share of the requests that the candidate answers in the canary, above 0 and below 1.
    error_max : float
        Largest chance, over all days of a stage, to promote a candidate that is just not good
        enough; and to abort one that is just not bad enough.
    shadow, canary : StageRules
        The rules of each stage.
    """

    canary_share: Annotated[float, _number("a share above 0 and below 1", gt=0, lt=1)]
    error_max: Annotated[float, _number("a share from 0.001 to 0.2", ge=0.001, le=0.2)]
    shadow: StageRules
    canary: StageRules


class AlertSeverity(_Section):
    """Who is disturbed by each kind of alert: page now, ticket today, or only shown.

    Attributes
    ----------
    contract, performance, state, prediction_drift, feature_drift : {"page", "ticket", "diagnosis"}
        The severity of that kind.
    """

    contract: Severity
    performance: Severity
    state: Severity
    prediction_drift: Severity
    feature_drift: Severity


class AlertRules(IntervalRules):
    """Thresholds of the monitor: `firstflight.alarm_rates` lists the rule of each and its rates.

    Shares are from 0 to 1 and, where nothing else is said, of the rows that are looked at.

    Attributes
    ----------
    severity : AlertSeverity
        Who is disturbed by each kind.
    null_share_max : float
        Share of missing values in an input.
    null_share_factor : float
        A column that had gaps in the reference may have this many times as many.
    duplicate_share_max : float
        Share of requests that repeat the key of another.
    out_of_contract_share_max : float
        Share of values outside the bounds of the request contract.
    unknown_share_max : float
        Share of categories that the reference does not know.
    unknown_value_share_max : float
        Share of unknown values, of a number that takes few values.
    changed_constant_share_max : float
        Share of values that changed in a week although they depend on other fields only.
    daily_rows_factor_max : float
        Factor between the requests of a day and of its weekday a week before, in both directions.
    outcome_null_share_max : float
        Share of missing outcomes on the two newest days that have outcomes.
    outcome_scale_max : float
        Factor between an outcome's 5-95% range on these days and its usual one, either way.
    outcome_shift_max : float, in robust standard deviations
        Distance of an outcome's median on these days from its usual one.
    state_missing_share_max : float
        Share of requests without a value of state, and of answers with state that is too old.
    state_shift_max : float, in robust standard deviations
        Distance of a state column's median from that of the reference.
    shift_vs_previous_max : float, in robust standard deviations
        Distance of a column's median from that of the week before.
    shift_vs_previous_columns : dict of str to float, in robust standard deviations
        The same for single columns, instead of `shift_vs_previous_max`.
    scale_vs_previous_max : float
        Factor between a column's 5-95% range and that of the week before, either way.
    prediction_drift_max, feature_drift_max : float
        Distance from the reference at which the predictions, or an input, count as drifted.
    performance_margin : float, in the unit of the loss
        How much worse than the naive guess live may be.
    performance_weeks : int, in weeks
        The last weeks with labels on which this is judged.
    calibration_max : float, in the unit of the label
        Largest distance of the mean prediction from the mean label in these weeks.
    min_labels : int
        With fewer labels performance is not judged.
    """

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
    """All decisions about one use case.

    Attributes
    ----------
    metric : {"log_loss", "mae"}
        The loss that gate, rollout and monitor count.
    gate : GateRules
    rollout : RolloutRules
    alerts : AlertRules
    """

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
    """The whole of ``process.toml``.

    Attributes
    ----------
    owners : dict of str to str
        The team behind each role.
    state : StateRules
    service : ServiceRules
    retention : Retention
    permissions : Permissions
        Every role in it is one of `owners`.
    waiver : WaiverRules
    usecases : dict of str to UseCaseRules
        By name.
    """

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

        Parameters
        ----------
        name : str
            The use case.

        Returns
        -------
        UseCaseRules

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
    """Return 12 hex digits that name a set of rules, so that a verdict can say what judged it.

    Parameters
    ----------
    rules : BaseModel
        A part of the decisions, such as ``process.usecase(name).gate``.

    Returns
    -------
    str
        Equal rules give equal digits; another value of any key gives others.

    Examples
    --------
    >>> digest(StateRules(max_age_days=2)) == digest(StateRules(max_age_days=2))
    True
    >>> digest(StateRules(max_age_days=2)) == digest(StateRules(max_age_days=3))
    False
    """
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
        The file is missing, is not TOML, lacks a decision, or holds a wrong or an unknown one: one
        sentence with the file, the dotted key, what was found and what is allowed.
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
