"""The contract of the inputs: whether the data is what the release was promised.

`profile` says what a release expects: the request contract of its use case, and what its reference
sample shows. Three functions return a `Finding` for each broken promise, and need no model:

- `contract_checks` holds requests and features against the profile and against the week before;
- `traffic_checks` holds the number of requests of each day against the same weekday a week before;
- `outcome_checks` holds outcomes, from which labels and state are made, against the weeks before.

What each rule costs in false alarms and what it finds is printed by ``firstflight rules --measure``
(`firstflight.alarm_rates`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from firstflight.drops import Drops
from firstflight.errors import MonitorError
from firstflight.process import AlertRules, Severity
from firstflight.usecase import UseCase, contract_bounds

STATE_AGE = "state_age_days"  # optional input column: the age of the state that each answer used

GRID_DECIMALS = 4  # values are compared to this many digits below the size of their spread
GRID_UNKNOWN_MAX = 0.01  # a column has a grid if half its reference knows 99% of the other half
GRID_TAILS = 0.01  # rare values at both ends are not all in a reference, so they are not judged
GRID_ROWS = 20  # fewer rows inside the grid's range, or less than a tenth of them, say nothing
WEEK = dt.timedelta(days=7)
OUTCOME_DAYS = 2  # the newest days whose outcomes are known; one day of bad weather is no fault
OUTCOME_BASE_DAYS = 28  # the days before them
OUTCOME_BASE_LEAST = 7  # fewer days than this are nothing to compare with
NORMAL_50 = 1.349  # the interquartile range of a normal distribution of standard deviation 1
NORMAL_90 = 3.290  # the 5-95% range of a normal distribution of standard deviation 1

Kind = Literal["contract", "state"]
_Broken = tuple[Kind, str, str, float, float, str]  # kind, rule, column, value, limit, sentence


class Finding(BaseModel):
    """One broken promise about the inputs.

    Attributes
    ----------
    kind : {"contract", "state"}
        Whether upstream data or published state broke it.
    rule : str
        Name of the rule, such as ``"null_share"`` (`firstflight.alarm_rates.RULES` has all).
    column : str
        The column; empty where whole rows are meant.
    value, limit : float
        What was measured and what is allowed, in the unit that `sentence` names, rounded to 6
        digits after the point.
    severity : {"page", "ticket", "diagnosis"}
        Who is disturbed, by the team's decisions.
    sentence : str
        What was found and what to do, for people.
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
class Grid:
    """The few values that a number takes: a scale in whole knots, a list of distances.

    Attributes
    ----------
    values : frozenset of float
        The values of the reference, rounded to `decimals`.
    usual : float
        The most frequent one; it is not judged (a zero is zero in every unit).
    low, high : float
        The range that is judged: the reference's without its rarest hundredth at each end.
    decimals : int
        Digits after the point to which values are compared.
    """

    values: frozenset[float]
    usual: float
    low: float
    high: float
    decimals: int


@dataclass(frozen=True)
class ColumnProfile:
    """What the reference shows of one column.

    Attributes
    ----------
    null_share : float
        Share of rows without a value.
    varies : bool
        Whether the middle half of a number's values is more than one value.
    categories : frozenset of str or None
        Its values, for a category.
    grid : Grid or None
        Its values, for a number that takes few.
    middle, spread : float
        Median and robust standard deviation of a number, in its own unit (see
        `middle_and_spread`); missing for a category. `middle` is missing without values too, and
        `spread` if it would be 0.
    """

    null_share: float
    varies: bool
    categories: frozenset[str] | None
    grid: Grid | None = None
    middle: float = float("nan")
    spread: float = float("nan")


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
    constants : mapping of str to tuple of str
        Request fields that depend on nothing but other fields, which are ``constants[field]``.
    """

    columns: Mapping[str, ColumnProfile]
    state_columns: tuple[str, ...]
    key: tuple[str, ...]
    bounds: Mapping[str, tuple[float | None, float | None]]
    constants: Mapping[str, tuple[str, ...]]

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
        The release's reference sample: its features, one row per request, in random order.
    usecase : UseCase
        Has the request contract.
    feature_version : int
        The version of the features in `reference`.

    Returns
    -------
    Profile
        The expectations.

    Raises
    ------
    FirstFlightError
        If the use case has no such feature version.
    """
    features = usecase.feature_set(feature_version)
    columns = {}
    for name in features.columns:
        values = reference[name]
        categories, varies, known = None, False, None
        middle = spread = float("nan")
        if name in features.categorical:
            categories = frozenset(values.dropna().astype(str))
        else:
            low, high = values.quantile([0.25, 0.75])
            varies = bool(high > low)
            middle, spread = middle_and_spread(values)
            # Rates and means take another set of values each day: state has no grid.
            known = None if name in features.state_columns else grid(values)
        columns[name] = ColumnProfile(
            float(values.isna().mean()), varies, categories, known, middle, spread
        )
    return Profile(
        columns,
        features.state_columns,
        usecase.key,
        contract_bounds(usecase),
        usecase.constants,
    )


def grid(values: pd.Series) -> Grid | None:
    """Return the grid of a column of numbers, or None if it takes too many values to have one.

    Parameters
    ----------
    values : Series of float, shape (n_rows,)
        A sample in random order, of which the finite values count: a column has a grid if 99% of
        the second half's rows have a value that occurs in the first half.

    Returns
    -------
    Grid or None
        None also if there are fewer than 40 values, or all of them are the same.

    Examples
    --------
    >>> knots = pd.Series([5.0, 7.0, 9.0, 7.0, 8.0, 5.0, 9.0, 8.0] * 10)
    >>> sorted(grid(knots).values)
    [5.0, 7.0, 8.0, 9.0]
    >>> grid(pd.Series(np.random.default_rng(0).normal(size=80))) is None
    True
    """
    values = values.dropna().astype(float)
    values = values[np.isfinite(values)]
    spread = float(values.std()) if len(values) >= 2 * GRID_ROWS else 0.0
    if not spread > 0:
        return None
    decimals = GRID_DECIMALS - int(np.floor(np.log10(spread)))
    rounded = values.round(decimals)
    half = len(rounded) // 2
    unknown = ~rounded.iloc[half:].isin(frozenset(rounded.iloc[:half]))
    if unknown.mean() > GRID_UNKNOWN_MAX:
        return None
    low, high = rounded.quantile([GRID_TAILS, 1 - GRID_TAILS])
    usual = float(rounded.mode().iloc[0])
    return Grid(frozenset(rounded), usual, float(low), float(high), decimals)


def inputs(requests: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Return requests and the features made of them side by side, each column once.

    Parameters
    ----------
    requests : DataFrame, shape (n_requests, n_fields)
        The fields of each request.
    features : DataFrame, shape (n_requests, n_features)
        The features of each request, with the index of `requests`.

    Returns
    -------
    DataFrame, shape (n_requests, n_columns)
        A feature that has the name of a request field is left out.

    Examples
    --------
    >>> requests = pd.DataFrame({"hour": [6, 18], "distance": [187, 2475]})
    >>> features = pd.DataFrame({"distance": [187, 2475], "late_7d": [0.1, 0.3]})
    >>> list(inputs(requests, features))
    ['hour', 'distance', 'late_7d']
    """
    return requests.join(features[[name for name in features if name not in requests]])


def middle_and_spread(values: pd.Series) -> tuple[float, float]:
    """Return the median and the robust standard deviation of a column.

    The spread is the larger of the interquartile range and the 5-95% range, each divided by its
    value for a normal distribution of standard deviation 1 (1.349 and 3.290): a column that is
    mostly one value still has one.

    Parameters
    ----------
    values : Series of float, shape (n_rows,)
        The column; missing values are passed over.

    Returns
    -------
    middle, spread : float
        Both in the unit of the values; `spread` is missing if it would be 0, and both are if there
        are no values.

    Examples
    --------
    >>> middle_and_spread(pd.Series(np.arange(101.0)))[0]
    50.0
    """
    q05, q25, q50, q75, q95 = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    spread = max((q75 - q25) / NORMAL_50, (q95 - q05) / NORMAL_90)
    return float(q50), float(spread) if spread > 0 else float("nan")


def shift_vs_previous(current: pd.Series, previous: pd.Series) -> float:
    """Return how far the median moved, in robust standard deviations of the previous values.

    Parameters
    ----------
    current, previous : Series of float
        Values of one column, of any lengths.

    Returns
    -------
    float
        0 or more, without a unit; missing if either side has no value or `previous` no spread.

    Examples
    --------
    >>> fahrenheit = pd.Series(np.linspace(60.0, 80.0, 101))
    >>> round(shift_vs_previous((fahrenheit - 32) / 1.8, fahrenheit), 1)
    6.6
    """
    middle, spread = middle_and_spread(previous)
    return float(abs(current.median() - middle) / spread)


def scale_vs_previous(current: pd.Series, previous: pd.Series) -> float:
    """Return the factor between the 5-95% ranges of two samples of a column, 1 or more.

    Parameters
    ----------
    current, previous : Series of float
        Values of one column, of any lengths.

    Returns
    -------
    float
        Without a unit; missing if a side has no range.

    Examples
    --------
    >>> percent = pd.Series(np.linspace(30.0, 90.0, 101))
    >>> round(scale_vs_previous(percent / 100, percent))
    100
    """
    now, before = (values.quantile(0.95) - values.quantile(0.05) for values in (current, previous))
    return float(max(now / before, before / now)) if now > 0 and before > 0 else float("nan")


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
    belongs counts as missing, and so does infinity.

    A change of unit is found in three ways, since none finds all. A number that takes few values
    (whole knots, a list of distances) takes others in another unit, and the reference knows them.
    A field that depends on others only, as a distance on its two ends, must not change. Any other
    number is held against the previous week and not against the reference: a season moves a column
    far from the reference, and little in a week; how wide it spreads must not change by an order of
    magnitude either. State is held against both, with a wide limit for the reference: a week before
    may have the same wrong unit.

    Parameters
    ----------
    current : DataFrame
        One row per request: request fields and features (see `inputs`), and, if it is known,
        ``state_age_days``: the age in days of the state behind each answer, missing where there was
        none.
    reference : Profile
        What the release expects.
    previous : DataFrame or None
        The same columns a week earlier, from a week that broke no promise itself: against a
        broken week the return to normal looks like a change.
    rules : AlertRules
        The team's limits and severities.
    max_age_days : int, optional
        How old the state behind an answer may be, in days; not checked if not given.

    Returns
    -------
    list of Finding
        Those about keys, then those about each feature, then those about request fields, then those
        about the age of the state.

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
            if expected.grid is not None:
                broken += _off_grid(current[column].dropna(), expected.grid, rules)
    for column, (low, high) in reference.bounds.items():
        if column in current:
            broken += _bounds(current[column], low, high, rules)
    if previous is not None:
        for column, given in reference.constants.items():
            broken += _constants(current, previous, column, given, rules)
    if STATE_AGE in current and reference.state_columns:
        broken += _state_age(current[STATE_AGE], max_age_days, rules)
    return _findings(broken, rules)


def _findings(broken: Iterable[_Broken], rules: AlertRules) -> list[Finding]:
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
    """Return the rows with what is not a finite number in these columns as missing.

    Parameters
    ----------
    rows : DataFrame
        Any rows; they are not changed.
    columns : iterable of str
        Columns in which numbers belong; those that `rows` lacks are passed over.

    Returns
    -------
    DataFrame
        The same rows and columns. Text that is a number becomes that number; other text and
        infinity are missing.

    Examples
    --------
    >>> wind = pd.DataFrame({"wind_speed": ["5.5", "calm", np.inf]})
    >>> as_numbers(wind, ["wind_speed"])["wind_speed"].tolist()
    [5.5, nan, nan]
    """
    made = {}
    for name in dict.fromkeys(c for c in columns if c in rows):
        values = pd.to_numeric(rows[name], errors="coerce")
        if values is not rows[name] or np.isinf(values.to_numpy(dtype=float)).any():
            made[name] = values.where(~np.isinf(values.astype(float)))
    return rows.assign(**made)


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
    limit = rules.state_shift_max
    if (
        kind == "state"
        and (far := abs(values.median() - expected.middle) / expected.spread) > limit
    ):
        yield (
            *(kind, "state_shift", name, far, limit),
            f"The median of {name} is {values.median():.4g}, in the reference it is "
            f"{expected.middle:.4g}: {far:.1f} robust standard deviations, allowed are {limit:g}; "
            "find out whether its unit changed, and publish its state again.",
        )
    shift = float("nan") if previous is None else shift_vs_previous(values, previous.dropna())
    limit = rules.shift_vs_previous_columns.get(name, rules.shift_vs_previous_max)
    if previous is not None and shift > limit:
        yield (
            *(kind, "shift_vs_previous", name, shift, limit),
            f"The median of {name} is {values.median():.4g}, a week ago it was "
            f"{previous.median():.4g}: {shift:.1f} robust standard deviations, allowed are "
            f"{limit:g}; ask upstream whether its unit or clock changed.",
        )
    elif previous is not None and expected.varies:
        scale, limit = scale_vs_previous(values, previous.dropna()), rules.scale_vs_previous_max
        if scale > limit:
            yield (
                *(kind, "scale_vs_previous", name, scale, limit),
                f"The spread of {name} differs from that of a week ago by a factor of {scale:.3g}, "
                f"allowed are {limit:g}; ask upstream whether its unit changed.",
            )


def _off_grid(values: pd.Series, known: Grid, rules: AlertRules) -> Iterator[_Broken]:
    rounded = values.astype(float).round(known.decimals)
    rounded = rounded[rounded != known.usual]
    inside = rounded[(rounded >= known.low) & (rounded <= known.high)]
    if len(inside) < max(GRID_ROWS, len(rounded) / 10):
        return
    unknown = inside[~inside.isin(known.values)]
    share, limit = len(unknown) / len(inside), rules.unknown_value_share_max
    if share > limit:
        yield (
            *("contract", "unknown_value", str(values.name), share, limit),
            f"{share:.1%} of {values.name} is a number that the reference never shows, such as "
            f"{values[unknown.index[0]]:.6g}: ask upstream whether its unit or rounding changed.",
        )


def _constants(
    current: pd.DataFrame,
    previous: pd.DataFrame,
    column: str,
    given: tuple[str, ...],
    rules: AlertRules,
) -> Iterator[_Broken]:
    fields = [column, *given]
    if not all(field in side for side in (current, previous) for field in fields):
        return  # a request without them is refused, and a column that is gone is said elsewhere
    known, now = previous[fields].dropna(), current[fields].dropna()
    now = now[_row_keys(now, given).isin(_row_keys(known, given))]
    if now.empty:
        return
    changed = now[~_row_keys(now, fields).isin(_row_keys(known, fields))]
    share, limit = len(changed) / len(now), rules.changed_constant_share_max
    if share > limit:
        example = changed.iloc[0]
        which = ", ".join(f"{field} {example[field]}" for field in given)
        yield (
            *("contract", "changed_constant", column, share, limit),
            f"{share:.1%} of {column} is not what it was a week ago, such as {example[column]:g} "
            f"for {which}: ask upstream whether its unit changed.",
        )


def _row_keys(rows: pd.DataFrame, fields: Sequence[str]) -> pd.Index:
    return pd.MultiIndex.from_frame(rows[list(fields)])


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


def traffic_checks(
    dates: pd.Series, last_day: dt.date, rules: AlertRules, *, days: int = 7
) -> list[Finding]:
    """Return a finding if a day has far fewer or far more requests than its weekday a week before.

    The day that is farthest off is named. A day on which nobody asked is judged too, and counts as
    half a request; a day whose weekday a week before had none is not judged (the service was not in
    use yet).

    Parameters
    ----------
    dates : Series of datetime64, shape (n_requests,)
        The day of each request, by whichever release it was answered: of the days to judge, and of
        the same weekdays a week before.
    last_day : date
        The newest day to judge.
    rules : AlertRules
        ``daily_rows_factor_max`` is allowed in both directions.
    days : int, default=7
        How many days to judge.

    Returns
    -------
    list of Finding
        With one finding, or empty.

    Examples
    --------
    >>> from firstflight import process
    >>> rules = process.load(process.DEFAULT).usecase("flights").alerts
    >>> dates = pd.Series(pd.date_range("2013-04-01", periods=14)).repeat(100)
    >>> traffic_checks(dates, dt.date(2013, 4, 14), rules)
    []
    >>> lost = dates[dates < "2013-04-14"]
    >>> [found.rule for found in traffic_checks(lost, dt.date(2013, 4, 14), rules)]
    ['row_count']
    """
    counts = dates.dt.normalize().value_counts()
    judged = pd.date_range(end=pd.Timestamp(last_day), periods=days)
    now = counts.reindex(judged, fill_value=0).astype(float)
    before = counts.reindex(judged - WEEK, fill_value=0).to_numpy(dtype=float)
    now, before = now[before > 0], before[before > 0]
    if now.empty:
        return []
    # A day without any request is infinitely far off; half a request keeps it a number.
    factor = pd.Series(np.maximum(now.clip(lower=0.5) / before, before / now.clip(lower=0.5)))
    worst, limit = int(factor.to_numpy().argmax()), rules.daily_rows_factor_max
    if factor.iloc[worst] <= limit:
        return []
    n, was, day = now.iloc[worst], before[worst], now.index[worst].date()
    sentence = (
        f"{day} has {n:.0f} requests and the same weekday a week before had {was:.0f}, more than "
        f"{limit:g} times {'as few' if n < was else 'as many'}: find out what was lost or doubled."
    )
    found = ("contract", "row_count", "", float(factor.iloc[worst]), limit, sentence)
    return _findings([found], rules)  # type: ignore[list-item]


def outcome_checks(
    usecase: UseCase, drops: Drops, rules: AlertRules, *, last_day: dt.date | None = None
) -> list[Finding]:
    """Return every promise about outcomes that the newest days with known outcomes break.

    State and labels are made of outcomes, so a fault in them reaches the model a day later. The
    newest two days together are asked for their share of missing values and for infinite ones, and
    are held against the 28 days before: how wide they spread (their 5-95% range against the median
    of the days' ranges, which a minority of bad days does not move) and where their median lies.

    Parameters
    ----------
    usecase : UseCase
        Its sources name their outcomes.
    drops : Drops
        The upstream as it is known today.
    rules : AlertRules
        The team's limits and severities.
    last_day : date, optional
        The newest day to judge; by default, and at the latest, the day before the drops' today: the
        newest whose outcomes are known.

    Returns
    -------
    list of Finding
        At most one per outcome.

    Raises
    ------
    DropError
        If a month has not landed or is not what was promised.
    """
    yesterday = drops.today - dt.timedelta(days=1)
    last = min(last_day or yesterday, yesterday)
    first = last - dt.timedelta(days=OUTCOME_DAYS + OUTCOME_BASE_DAYS - 1)
    return [
        finding
        for source in usecase.sources.values()
        if source.outcomes
        for rows in [drops.read(source.name, first, last, lookback=True)]
        for column in source.outcomes
        for finding in outcome_findings(rows, column, last, rules)
    ]


def outcome_findings(
    rows: pd.DataFrame, column: str, last: dt.date, rules: AlertRules
) -> list[Finding]:
    """Return every promise about one outcome that the two days up to `last` break.

    Parameters
    ----------
    rows : DataFrame
        ``date`` and the outcome, of 30 days to `last`: the two to judge and the 28 before them.
    column : str
        The outcome.
    last : date
        The newest day with outcomes.
    rules : AlertRules
        The team's limits and severities.

    Returns
    -------
    list of Finding
        With one finding, or empty: after the first nothing else about the column can be trusted.
    """
    return _findings(_outcome(rows["date"], rows[column], last, rules), rules)


def _outcome(
    dates: pd.Series, outcome: pd.Series, last: dt.date, rules: AlertRules
) -> Iterator[_Broken]:
    name, newest = str(outcome.name), dates > pd.Timestamp(last) - pd.Timedelta(days=OUTCOME_DAYS)
    now = outcome[newest].astype(float)
    if now.empty:
        return  # no rows at all are for the number of requests to say
    days = f"the {OUTCOME_DAYS} days to {last}"
    share, limit = float(now.isna().mean()), rules.outcome_null_share_max
    if share > limit:
        yield (
            *("contract", "outcome_missing", name, share, limit),
            f"{share:.1%} of {name} is missing on {days}, allowed is {limit:.0%}: ask upstream for "
            "it before state or labels are made of it.",
        )
        return
    infinite = float(np.isinf(now).mean())
    if infinite > 0:
        yield (
            *("contract", "outcome_infinite", name, infinite, 0.0),
            f"{infinite:.1%} of {name} is infinite on {days}: ask upstream for the right values.",
        )
        return
    before = outcome[~newest].astype(float).groupby(dates[~newest])
    ranges = (before.quantile(0.95) - before.quantile(0.05))[before.count() >= GRID_ROWS]
    if len(ranges) < OUTCOME_BASE_LEAST or not ranges.median() > 0:
        return
    usual, middle = float(ranges.median()), float(before.median()[ranges.index].median())
    wide = float(now.quantile(0.95) - now.quantile(0.05))
    scale, limit = (
        (max(wide / usual, usual / wide) if wide > 0 else np.inf),
        rules.outcome_scale_max,
    )
    if scale > limit:
        yield (
            *("contract", "outcome_scale", name, min(scale, 1e6), limit),
            f"{name} spreads over {wide:.4g} on {days}, usual are {usual:.4g}: ask upstream "
            "whether its unit changed.",
        )
        return
    shift = abs(float(now.median()) - middle) / (usual / NORMAL_90)
    limit = rules.outcome_shift_max
    if shift > limit:
        yield (
            *("contract", "outcome_shift", name, shift, limit),
            f"The median of {name} is {now.median():.4g} on {days}, usual are {middle:.4g}: "
            f"{shift:.1f} robust standard deviations, allowed are {limit:g}; ask upstream whether "
            "its clock or meaning changed.",
        )
