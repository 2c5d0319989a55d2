"""Are the inputs what was promised: the request contract, the reference, the week before.

It needs no label and no statistics, and comes before any drift report: Evidently stops at an empty
column. Each broken promise is one `Finding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight.errors import FirstFlightError
from firstflight.process import AlertRules, Severity
from firstflight.usecase import UseCase, contract_bounds

STATE_AGE = "state_age_days"  # optional input column: the age of the state that each answer used

Kind = Literal["contract", "state"]
_Broken = tuple[Kind, str, str, float, float, str]  # kind, rule, column, value, limit, sentence


class MonitorError(FirstFlightError):
    """The monitor was given rows that it cannot compare."""


class Finding(BaseModel):
    """One broken promise about the inputs.

    `value` is what was measured and `limit` what is allowed, in the unit that `sentence` names;
    `column` is empty where the whole row is meant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    rule: str
    column: str
    value: float
    limit: float
    severity: Severity
    sentence: str


@dataclass(frozen=True)
class ColumnProfile:
    """What the reference shows of one column: share of nulls, spread, categories."""

    null_share: float
    varies: bool
    categories: frozenset[str] | None


@dataclass(frozen=True)
class Profile:
    """What a release expects of its inputs: the request contract, and what the reference shows.

    Attributes
    ----------
    columns : mapping of str to ColumnProfile
        The features.
    state_columns : tuple of str
        Those of `columns` that come from published state.
    key : tuple of str
        Request fields that name a request for ever.
    bounds : mapping of str to (low, high)
        Allowed values of request fields; None is no bound.
    """

    columns: Mapping[str, ColumnProfile]
    state_columns: tuple[str, ...]
    key: tuple[str, ...]
    bounds: Mapping[str, tuple[float | None, float | None]]

    @property
    def numeric(self) -> list[str]:
        """Names of the features that are numbers."""
        return [name for name, column in self.columns.items() if column.categories is None]

    @property
    def categorical(self) -> list[str]:
        """Names of the features that are categories."""
        return [name for name, column in self.columns.items() if column.categories is not None]


def profile(reference: pd.DataFrame, usecase: UseCase, feature_version: int) -> Profile:
    """Return what a release expects of its inputs.

    Parameters
    ----------
    reference : DataFrame
        The release's reference sample: its features, one row a request.
    usecase : UseCase
    feature_version : int
    """
    features = usecase.features[feature_version]
    columns = {}
    for name in features.columns:
        values = reference[name]
        categories, varies = None, False
        if name in features.categorical:
            categories = frozenset(values.dropna().astype(str))
        else:
            low, high = values.quantile([0.25, 0.75])
            varies = bool(high > low)
        columns[name] = ColumnProfile(float(values.isna().mean()), varies, categories)
    return Profile(columns, features.state_columns, usecase.key, contract_bounds(usecase))


def inputs(requests: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return requests and the features made of them side by side, each column once."""
    return requests.join(features[[name for name in features if name not in requests]])


def shift_vs_previous(current: pd.Series, previous: pd.Series) -> float:
    """Return how far the median moved, in robust standard deviations of the previous values.

    The spread is the larger of the interquartile range and the 5-95% range, each divided by its
    value for a normal distribution of standard deviation 1 (1.349 and 3.290): a column that is
    mostly one value still has one. Missing if either side has no value or `previous` no spread.
    """
    q05, q25, q50, q75, q95 = previous.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    spread = max((q75 - q25) / 1.349, (q95 - q05) / 3.290)
    return float(abs(current.median() - q50) / spread) if spread > 0 else float("nan")


def contract_checks(
    current: pd.DataFrame,
    reference: Profile,
    previous: pd.DataFrame | None,
    rules: AlertRules,
    *,
    max_age_days: int | None = None,
) -> list[Finding]:
    """Return every promise about the inputs that `current` breaks; empty if none.

    A missing or empty column is said once and no other rule looks at it; text where a number
    belongs counts as missing. A unit change is found by comparison with the previous week, not
    with the reference: a season moves a column far from the reference, and little in a week.

    Parameters
    ----------
    current : DataFrame
        One row a request: request fields and features (see `inputs`), and, if it is known,
        ``state_age_days``: the age of the state behind each answer, missing where there was none.
    reference : Profile
    previous : DataFrame or None
        The same columns a week earlier, from a week that broke no promise itself: against a
        broken week the return to normal looks like a change.
    rules : AlertRules
    max_age_days : int, optional
        How old the state behind an answer may be; not checked if not given.

    Raises
    ------
    MonitorError
        If there are no rows.
    """
    if current.empty:
        raise MonitorError(
            "There are no requests to check in this window: ask for days on which the service was "
            "used, or find out why it was not."
        )
    current = as_numbers(current, (*reference.numeric, *reference.bounds))
    broken = [*_requests(current, reference, rules)]
    for column, expected in reference.columns.items():
        kind: Kind = "state" if column in reference.state_columns else "contract"
        if column not in current or not current[column].notna().any():
            broken.append(_absent(kind, column, column in current, rules))
            continue
        broken += _gaps(kind, current[column], expected, rules)
        if expected.categories is not None:
            broken += _unknown(current[column].dropna(), expected.categories, rules)
        else:
            before = None if previous is None or column not in previous else previous[column]
            broken += _numbers(kind, current[column].dropna(), before, expected, rules)
    for column, (low, high) in reference.bounds.items():
        if column in current:
            broken += _bounds(current[column], low, high, rules)
    if STATE_AGE in current:
        broken += _state_age(current[STATE_AGE], max_age_days, rules)
    return [
        Finding(
            kind=kind,
            rule=rule,
            column=column,
            value=round(float(value), 6),
            limit=round(float(limit), 6),
            severity=getattr(rules.severity, kind),
            sentence=sentence,
        )
        for kind, rule, column, value, limit, sentence in broken
    ]


def as_numbers(rows: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the rows with what is not a number in these columns as missing."""
    texts = {c for c in columns if c in rows and not pd.api.types.is_numeric_dtype(rows[c])}
    return rows.assign(**{c: pd.to_numeric(rows[c], errors="coerce") for c in texts})


def _requests(current: pd.DataFrame, reference: Profile, rules: AlertRules) -> Iterator[_Broken]:
    absent = [column for column in reference.key if column not in current]
    if absent:
        yield from (_absent("contract", column, False, rules) for column in absent)
        return
    share, limit = current.duplicated(list(reference.key)).mean(), rules.duplicate_share_max
    if share > limit:
        yield (
            *("contract", "duplicate_keys", "", share, limit),
            f"{share:.1%} of the requests repeat the key ({', '.join(reference.key)}) of another: "
            "find out what sends or logs them twice.",
        )


def _absent(kind: Kind, column: str, empty: bool, rules: AlertRules) -> _Broken:
    word = "empty" if empty else "missing"
    if kind == "state":
        text = f"{column} is {word} in all requests: publish its state for these days."
        return kind, "state_missing", column, 1.0, rules.state_missing_share_max, text
    text = f"{column} is {word} in all requests: ask upstream for it before you trust an answer."
    return kind, f"{word}_column", column, 1.0, rules.null_share_max, text


def _gaps(
    kind: Kind, column: pd.Series, expected: ColumnProfile, rules: AlertRules
) -> Iterator[_Broken]:
    share = column.isna().mean()
    rule, limit = "state_missing", rules.state_missing_share_max
    if kind == "contract":
        rule = "null_share"
        limit = max(rules.null_share_max, rules.null_share_factor * expected.null_share)
    if share > limit:
        source = "publish the state of these days" if kind == "state" else "ask upstream for them"
        text = f"{share:.1%} of {column.name} is missing, allowed is {limit:.1%}: {source}."
        yield kind, rule, str(column.name), share, limit, text


def _unknown(values: pd.Series, categories: frozenset[str], rules: AlertRules) -> Iterator[_Broken]:
    unknown = values[~values.astype(str).isin(categories)]
    share, limit = len(unknown) / len(values), rules.unknown_share_max
    if share > limit:
        example = unknown.astype(str).value_counts().index[0]
        yield (
            *("contract", "unknown_category", str(values.name), share, limit),
            f"{share:.1%} of {values.name} has a value that the reference does not know, such as "
            f"{example!r}: ask upstream whether its codes changed.",
        )


def _numbers(
    kind: Kind,
    values: pd.Series,
    previous: pd.Series | None,
    expected: ColumnProfile,
    rules: AlertRules,
) -> Iterator[_Broken]:
    name = str(values.name)
    if expected.varies and values.nunique() == 1:
        only = values.iloc[0]
        text = f"{name} is {only:g} in every request: ask upstream what this default stands for."
        yield kind, "constant_column", name, only, only, text
    shift = float("nan") if previous is None else shift_vs_previous(values, previous.dropna())
    limit = rules.shift_vs_previous_columns.get(name, rules.shift_vs_previous_max)
    if previous is not None and shift > limit:
        yield (
            *(kind, "shift_vs_previous", name, shift, limit),
            f"The median of {name} is {values.median():.4g}, a week ago it was "
            f"{previous.median():.4g}: {shift:.1f} robust standard deviations, allowed are "
            f"{limit:g}; ask upstream whether its unit or clock changed.",
        )


def _bounds(
    values: pd.Series, low: float | None, high: float | None, rules: AlertRules
) -> Iterator[_Broken]:
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    outside = values[(values < low) | (values > high)]
    share, limit = len(outside) / len(values), rules.out_of_contract_share_max
    if share > limit:
        yield (
            *("contract", "out_of_contract", str(values.name), share, limit),
            f"{share:.1%} of {values.name} is outside the contract ({low:g} to {high:g}), such as "
            f"{outside.iloc[0]:g}: ask upstream for the right values.",
        )


def _state_age(ages: pd.Series, max_age_days: int | None, rules: AlertRules) -> Iterator[_Broken]:
    limit = rules.state_missing_share_max
    # The features may have been made again from state that was published since; the age was logged
    # with the answer.
    share = ages.isna().mean()
    if share > limit:
        text = f"{share:.1%} of the answers were given without state: publish it for these days."
        yield "state", "state_missing", STATE_AGE, share, limit, text
    if max_age_days is None:
        return
    share = (ages > max_age_days).mean()
    if share > limit:
        yield (
            *("state", "state_stale", STATE_AGE, share, limit),
            f"{share:.1%} of the answers used state older than {max_age_days} days, up to "
            f"{ages.max():g}: publish the state of these days.",
        )
