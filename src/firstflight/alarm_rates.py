"""What every alert rule costs and finds, measured on real days.

`rule_list` says which rules there are. `measure` replays the days that have landed and the faults
that the use case brings (`firstflight.usecase.Accident`), and counts:

- **False alarms**: quiet weeks and mornings on which a rule fires. A week is quiet if it holds no
  known incident of the data (``usecase.incidents``), a morning if its last 14 days hold none.
  A rule about a release's answers fires falsely in a week in which the release is not worse than
  the naive guess.
- **What is found**: accidents of a week, by the weekly monitor; accidents of the two newest days,
  by the preflight of a rollback; weeks in which a release lost to the naive guess.
- **Controls**: for every rule a case in which it must fire, its clean twin in which it must not,
  and whether the two differ at all.

Rules about inputs need the drops alone; rules about answers need releases, whose answers are made
again from the drops (`firstflight.predictions.replay`). Nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from firstflight import contract, drift, monitor, predictions, preflight
from firstflight.contract import STATE_AGE, Finding
from firstflight.drops import Drops
from firstflight.errors import DropError, MonitorError
from firstflight.metrics import row_loss
from firstflight.process import AlertRules, Process, UseCaseRules
from firstflight.release import N_REFERENCE, SEED, Release
from firstflight.state import States, by_date
from firstflight.usecase import Accident, StateValues, UseCase

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
REFERENCE_DAYS = 90  # without a release, the reference is a sample of this many first days
NEWEST = 2  # days that a short accident lasts before the preflight is asked
ROLLING_WEEKS = 4  # of the rolling reference that is measured beside the training one
FOUND = 0.5  # an accident counts as found by a rule that fires in more than this share of its weeks

RULES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # rule, kind, the settings of its limit
    ("missing_column", "contract", ()),
    ("empty_column", "contract", ()),
    ("null_share", "contract", ("null_share_max", "null_share_factor")),
    ("duplicate_keys", "contract", ("duplicate_share_max",)),
    ("out_of_contract", "contract", ("out_of_contract_share_max",)),
    ("unknown_category", "contract", ("unknown_share_max",)),
    ("unknown_value", "contract", ("unknown_value_share_max",)),
    ("constant_column", "contract", ()),
    ("changed_constant", "contract", ("changed_constant_share_max",)),
    ("shift_vs_previous", "contract", ("shift_vs_previous_max", "shift_vs_previous_columns")),
    ("scale_vs_previous", "contract", ("scale_vs_previous_max",)),
    ("row_count", "contract", ("daily_rows_factor_max",)),
    ("outcome_missing", "contract", ("outcome_null_share_max",)),
    ("outcome_infinite", "contract", ()),
    ("outcome_scale", "contract", ("outcome_scale_max",)),
    ("outcome_shift", "contract", ("outcome_shift_max",)),
    ("state_missing", "state", ("state_missing_share_max",)),
    ("state_stale", "state", ("state_missing_share_max",)),
    ("state_shift", "state", ("state_shift_max",)),
    ("worse_than_naive", "performance", ("performance_margin", "performance_weeks")),
    ("miscalibrated", "performance", ("calibration_max", "performance_weeks")),
    ("prediction_drift", "prediction_drift", ("prediction_drift_max",)),
    ("feature_drift", "feature_drift", ("feature_drift_max",)),
)
"""Every rule that can raise an alert. One without a setting allows nothing at all."""

OF_ANSWERS = ("performance", "prediction_drift", "feature_drift")
FIRES_LOSING, FIRES_GOOD = "losing weeks on which it fires", "good weeks on which it fires"
ROLLING = "prediction_drift, rolling reference"


@dataclass(frozen=True)
class Rates:
    """What was measured, as tables for people: a count is a text such as ``"3 of 52"``.

    Attributes
    ----------
    rules : DataFrame
        One row per rule: severity, limit, quiet weeks and mornings on which it fired, accidents and
        losing weeks that it found.
    accidents : DataFrame
        One row per accident: in how many weeks the weekly monitor found something that it does not
        find without the accident, and by which rules; and on how many mornings the preflight found
        something when the accident was two days old, and by which rules.
    releases : DataFrame
        One row per release and rule about answers: losing and good weeks on which it fired. Empty
        without releases.
    controls : DataFrame
        What `controls` returns: whether a rule fires on its case, is quiet on the clean twin, and
        the two differ.
    quiet : DataFrame
        One row per alarm on a quiet week or morning: ``day`` (of a week its Sunday), ``asked``
        (``"week"`` or ``"morning"``), ``rule`` and ``column``.
    """

    rules: pd.DataFrame
    accidents: pd.DataFrame
    releases: pd.DataFrame
    controls: pd.DataFrame
    quiet: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name, in the order in which they are read; empty ones left out.

        Returns
        -------
        dict of str to DataFrame
            The name of an attribute, and its table.
        """
        named = {
            "rules": self.rules,
            "accidents": self.accidents,
            "releases": self.releases,
            "controls": self.controls,
            "quiet": self.quiet,
        }
        return {name: table for name, table in named.items() if len(table)}


@dataclass(frozen=True)
class DamagedDrops(Drops):
    """Drops whose rows of the newest days are damaged when they are read.

    Parameters
    ----------
    root, sources, today
        As in `firstflight.drops.Drops`.
    damage : callable
        ``damage(source, rows)`` returns the rows of an upstream table as the fault makes them: the
        part ``drops`` of a `firstflight.usecase.Accident`.
    since : date
        The first damaged day.
    """

    damage: Callable[[str, pd.DataFrame], pd.DataFrame] = field(kw_only=True)
    since: dt.date = field(kw_only=True)

    def read(
        self, name: str, start: dt.date, end: dt.date, *, lookback: bool = False
    ) -> pd.DataFrame:
        """Return the rows as `Drops.read` does, damaged from `since` on.

        Parameters
        ----------
        name : str
            The source.
        start, end : date
            Local days, both included.
        lookback : bool, default=False
            Whether `start` may lie before the source begins.

        Returns
        -------
        DataFrame
            The undamaged rows, and after them what the damage made of those from `since` on. The
            errors are those of `Drops.read`.
        """
        rows = super().read(name, start, end, lookback=lookback)
        newest = rows["date"] >= pd.Timestamp(self.since)
        if not newest.any():
            return rows
        return pd.concat([rows[~newest], self.damage(name, rows[newest])], ignore_index=True)


def rule_list(rules: UseCaseRules) -> pd.DataFrame:
    """Return every alert rule with its limit and its severity.

    Parameters
    ----------
    rules : UseCaseRules
        The team's decisions about one use case.

    Returns
    -------
    DataFrame
        Columns ``rule``, ``severity`` and ``limit`` (text: the settings of ``process.toml`` and
        their values), one row per rule.
    """
    rows = []
    for name, kind, settings in RULES:
        limits = [_limit(rules.alerts, setting) for setting in settings]
        rows.append(
            {
                "rule": name,
                "severity": getattr(rules.alerts.severity, kind),
                "limit": ", ".join(limits) or "none allowed",
            }
        )
    return pd.DataFrame(rows)


def _limit(rules: AlertRules, setting: str) -> str:
    value = getattr(rules, setting)
    if isinstance(value, Mapping):
        return ", ".join(f"{column} {limit:g}" for column, limit in value.items()) or "no column"
    return f"{setting} {value:g}"


def measure(
    usecase: UseCase,
    drops: Drops,
    process: Process,
    releases: Sequence[Release] = (),
    *,
    every: int = 4,
) -> Rates:
    """Measure every alert rule on the days that have landed.

    A year of 320,000 flights with 27 accidents and three releases takes about ten minutes on one
    core.

    Parameters
    ----------
    usecase : UseCase
        Brings the accidents and the known incidents.
    drops : Drops
        Their today is the first day that is not looked at.
    process : Process
        The decisions to measure: ``firstflight.process.load()``, or a changed copy of it.
    releases : sequence of Release, optional
        Releases whose answers are judged, on the weeks after the days that they learned from; one
        that has no such week yet, from Monday to Sunday, adds nothing. The first one's reference is
        what inputs are held against; without any, a sample of the first 90 days.
    every : int, default=4
        Accidents are replayed in one quiet week of this many, 1 or more; false alarms are counted
        in all quiet weeks.

    Returns
    -------
    Rates
        The tables.

    Raises
    ------
    MonitorError
        If `every` is below 1, fewer than 16 weeks have landed, or no two quiet weeks follow one
        another.
    DropError
        If no source names its first month, or a month has not landed or is not what was promised.
    ProcessError
        If the process decides nothing about the use case.
    """
    if every < 1:
        raise MonitorError(
            f"Accidents cannot be replayed in one quiet week of {every}: give `every` as 1 or more."
        )
    days = Replayed.of(usecase, drops, process, releases[0] if releases else None)
    checked = controls(days)  # first: it refuses what cannot be measured, and the rest takes long
    weekly = {sunday: days.week(sunday) for sunday in days.sundays}
    quiet = [_row(s, "week", f) for s in days.quiet_sundays for f in weekly[s]]
    mornings = days.quiet_mornings
    quiet += [_row(m, "morning", f) for m in mornings for f in days.morning(m)]
    quiet_table = pd.DataFrame(quiet, columns=["day", "asked", "rule", "column"])
    sundays = days.quiet_sundays[every - 1 :: every]
    accidents = [
        _accident(days, name, accident, sundays, weekly)
        for name, accident in usecase.accidents.items()
    ]
    answers = pd.concat(
        [answered_weeks(release, drops, days.rules) for release in releases], ignore_index=True
    ) if releases else pd.DataFrame(columns=["release", "losing", *_answer_rules()])  # fmt: skip
    return Rates(
        rules=_rules_table(days, quiet_table, len(mornings), accidents, answers),
        accidents=pd.DataFrame([_accident_row(*found) for found in accidents]),
        releases=_releases_table(answers),
        controls=checked,
        quiet=quiet_table,
    )


def _row(day: dt.date, asked: str, finding: Finding) -> tuple[dt.date, str, str, str]:
    return day, asked, finding.rule, finding.column


# --- replaying days -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Replayed:
    """The landed days as the monitor and the preflight would have met them.

    Attributes
    ----------
    usecase : UseCase
        Brings the accidents and the known incidents.
    drops : Drops
        The landed drops; their today is the first day that is not looked at.
    rules : UseCaseRules
        The team's decisions about the use case.
    max_age_days : int
        How old the state behind an answer may be, in days.
    feature_version : int
        Which version of the features the inputs are made with.
    expected : Profile
        What the reference shows; inputs are held against it.
    requests : DataFrame
        Every request of the landed days, by date.
    states : mapping of date to values
        The right state of each day: ``states[day][column][key]``.
    first : date
        The first landed day.
    """

    usecase: UseCase
    drops: Drops
    rules: UseCaseRules
    max_age_days: int
    feature_version: int
    expected: contract.Profile
    requests: pd.DataFrame
    states: Mapping[dt.date, StateValues]
    first: dt.date

    @classmethod
    def of(
        cls, usecase: UseCase, drops: Drops, process: Process, release: Release | None = None
    ) -> Replayed:
        """Read all landed days.

        Parameters
        ----------
        usecase : UseCase
            Whose requests and state.
        drops : Drops
            Their today is the first day that is not looked at.
        process : Process
            The decisions to measure.
        release : Release, optional
            Brings the reference and the feature version; else a sample of the first 90 days is the
            reference, and the lowest feature version is used.

        Returns
        -------
        Replayed
            The days from the newest ``first_month`` of the sources to the day before today.

        Raises
        ------
        MonitorError
            If fewer than 16 weeks have landed.
        DropError
            If no source names its first month, or a month has not landed or is not what was
            promised.
        ProcessError
            If the process decides nothing about the use case.
        """
        last = drops.today - DAY
        first = min(_first_day(usecase, drops), last)
        if last - first < 16 * WEEK:
            raise MonitorError(
                f"Alarms of {usecase.name} are measured on at least 16 weeks, and "
                f"{(last - first).days + 1} days have landed: land more months, or name a folder "
                "of drops."
            )
        version = release.feature_version if release else min(usecase.features)
        features = usecase.features[version]
        requests = usecase.requests(drops, first, last).sort_values("date", kind="stable")
        requests = requests.reset_index(drop=True)
        states = by_date(features.compute_state(drops, first, last))
        if release is None:
            early = requests[requests["date"] < pd.Timestamp(first + REFERENCE_DAYS * DAY)]
            sample = early.sample(min(N_REFERENCE, len(early)), random_state=SEED)
            reference = features.build(sample, States(states).lookup)
        else:
            reference = release.reference
        return cls(
            usecase=usecase,
            drops=drops,
            rules=process.usecase(usecase.name),
            max_age_days=process.state.max_age_days,
            feature_version=version,
            expected=contract.profile(reference, usecase, version),
            requests=requests,
            states=states,
            first=first,
        )

    @property
    def sundays(self) -> list[dt.date]:
        """Sundays of the calendar weeks that have a whole week before them and known outcomes."""
        days = pd.date_range(self.first + 2 * WEEK - DAY, self.drops.today - 2 * DAY, freq="W-SUN")
        return [day.date() for day in days]

    @property
    def quiet_sundays(self) -> list[dt.date]:
        """Those of `sundays` whose week holds no known incident."""
        return [day for day in self.sundays if self._quiet(day, 7)]

    @property
    def quiet_fortnights(self) -> list[dt.date]:
        """Those of `sundays` whose week and the week before it hold no known incident."""
        return [day for day in self.sundays if self._quiet(day, 14)]

    @property
    def quiet_mornings(self) -> list[dt.date]:
        """Every day whose 14 days up to it hold no known incident."""
        days = pd.date_range(self.first + 2 * WEEK - DAY, self.drops.today - DAY)
        return [day.date() for day in days if self._quiet(day.date(), 14)]

    def _quiet(self, last: dt.date, n: int) -> bool:
        return not any(last - n * DAY < day <= last for day in self.usecase.incidents)

    def between(self, rows: pd.DataFrame, first: dt.date, last: dt.date) -> pd.DataFrame:
        """Return the rows of the days from `first` to `last`.

        Parameters
        ----------
        rows : DataFrame
            Sorted by ``date``.
        first, last : date
            Both included.

        Returns
        -------
        DataFrame
            A part of `rows`, with its index; empty if there are none.
        """
        edges = rows["date"].searchsorted([pd.Timestamp(first), pd.Timestamp(last + DAY)])
        return rows.iloc[edges[0] : edges[1]]

    def inputs(
        self,
        requests: pd.DataFrame,
        given: Callable[[dt.date], tuple[int, StateValues] | None] | None = None,
    ) -> pd.DataFrame:
        """Return requests with their features and the age of the state behind each.

        Parameters
        ----------
        requests : DataFrame of shape (n_requests, n_fields)
            The fields of each request.
        given : callable, optional
            ``given(day)`` returns the age in days and the values of the state that a day's requests
            get, or None; the right state of the day if not given.

        Returns
        -------
        DataFrame of shape (n_requests, n_columns)
            The request's fields, its features, and ``state_age_days``, which is missing where there
            is no state. The index counts from 0.
        """
        requests = requests.reset_index(drop=True)
        features = self.usecase.features[self.feature_version]
        found = {}
        for stamp in requests["date"].unique():
            day = pd.Timestamp(stamp).date()
            right = (0, self.states[day]) if day in self.states else None
            found[day] = right if given is None else given(day)
        known = {day: values for day, values in ((d, f[1]) for d, f in found.items() if f)}
        ages = {pd.Timestamp(d): float(f[0]) if f else np.nan for d, f in found.items()}
        made = contract.inputs(requests, features.build(requests, States(known).lookup))
        return made.assign(**{STATE_AGE: requests["date"].map(ages).astype(float)})

    def damaged(self, accident: Accident, first: dt.date, last: dt.date) -> pd.DataFrame:
        """Return the requests of some days as an accident makes them.

        Parameters
        ----------
        accident : Accident
            Its parts for drops and for requests are used; the one for state is not.
        first, last : date
            Both included; all of these days are damaged.

        Returns
        -------
        DataFrame
            One row per request, with its fields; there may be fewer or more than happened.
        """
        rows = self.between(self.requests, first, last)
        if accident.drops is not None:
            drops = DamagedDrops(
                self.drops.root, self.drops.sources, self.drops.today,
                damage=accident.drops, since=self.first,
            )  # fmt: skip
            rows = self.usecase.requests(drops, first, last).sort_values("date", kind="stable")
        return rows if accident.requests is None else accident.requests(rows)

    def week(self, sunday: dt.date, accident: Accident | None = None) -> list[Finding]:
        """Return what the weekly monitor finds of the inputs of a week.

        Parameters
        ----------
        sunday : date
            The last day of the week.
        accident : Accident, optional
            Happens on the last `accident.days` days of the week.

        Returns
        -------
        list of Finding
            About the inputs, the number of requests of each day, and the outcomes.
        """
        previous = self.inputs(self.between(self.requests, sunday - 13 * DAY, sunday - 7 * DAY))
        drops, current = self._known(sunday + DAY), self.between(
            self.requests, sunday - 6 * DAY, sunday
        )  # fmt: skip
        made = [] if current.empty else [self.inputs(current)]
        if accident is not None:
            since = sunday - (accident.days - 1) * DAY
            drops = self._known(sunday + DAY, accident, since)
            requests = self.damaged(accident, since, sunday)
            given = accident.state and _given(accident, self.states)
            whole = self.between(self.requests, sunday - 6 * DAY, since - DAY)
            made = [self.inputs(whole)] if len(whole) else []
            made += [self.inputs(requests, given)] if len(requests) else []
        alerts = self.rules.alerts
        dates = pd.concat([previous["date"], *(part["date"] for part in made)])
        return [
            *(
                contract.contract_checks(
                    pd.concat(made, ignore_index=True),
                    self.expected,
                    previous,
                    alerts,
                    max_age_days=self.max_age_days,
                )
                if made
                else []
            ),
            *contract.traffic_checks(dates, sunday, alerts),
            *contract.outcome_checks(self.usecase, drops, alerts),
        ]

    def morning(self, today: dt.date, accident: Accident | None = None) -> list[Finding]:
        """Return what the preflight of a rollback finds on a morning.

        Parameters
        ----------
        today : date
            The day of the morning.
        accident : Accident, optional
            Happens on the two newest days: of requests today and yesterday, of outcomes the two
            newest days that have any.

        Returns
        -------
        list of Finding
            About the inputs, the number of requests of each day, and the outcomes.

        Raises
        ------
        MonitorError
            If the 7 days up to today have no request.
        """
        since = today - (NEWEST - 1) * DAY
        requests = self.between(self.requests, today - 13 * DAY, today)
        drops, at = self._known(today), (0, self.states.get(today, {}))
        if accident is not None:
            whole = self.between(self.requests, today - 13 * DAY, since - DAY)
            requests = pd.concat([whole, self.damaged(accident, since, today)], ignore_index=True)
            drops = self._known(today, accident, today - NEWEST * DAY)
            if accident.state is not None:
                found = accident.state(today, self.states)
                at = found if found and found[0] <= self.max_age_days else (0, {})
        alerts = self.rules.alerts
        # The preflight gives every request the state of today.
        fortnight = self.inputs(requests, lambda _: at).drop(columns=STATE_AGE)
        return [
            *preflight.newest_days(fortnight, today, self.expected, alerts),
            *contract.traffic_checks(fortnight["date"], today, alerts),
            *contract.outcome_checks(self.usecase, drops, alerts),
        ]

    def _known(
        self, today: dt.date, accident: Accident | None = None, since: dt.date | None = None
    ) -> Drops:
        """Return the drops as they are known on a day, damaged by the accident if there is one."""
        root, sources = self.drops.root, self.drops.sources
        if accident is None or accident.drops is None or since is None:
            return Drops(root, sources, today)
        return DamagedDrops(root, sources, today, damage=accident.drops, since=since)


def _first_day(usecase: UseCase, drops: Drops) -> dt.date:
    firsts = [source.first_month for source in usecase.sources.values() if source.first_month]
    if not firsts:
        raise DropError(
            f"No source of {usecase.name} names its first month, so nothing says where to begin: "
            "set Source.first_month."
        )
    return dt.date.fromisoformat(f"{max(firsts)}-01")


def _given(
    accident: Accident, states: Mapping[dt.date, StateValues]
) -> Callable[[dt.date], tuple[int, StateValues] | None]:
    damage = accident.state
    assert damage is not None
    return lambda day: damage(day, states)


# --- accidents ----------------------------------------------------------------------------------

_Found = tuple[str, Accident, int, dict[str, int], int, dict[str, int]]


def _accident(
    days: Replayed,
    name: str,
    accident: Accident,
    sundays: Sequence[dt.date],
    clean: Mapping[dt.date, Sequence[Finding]],
) -> _Found:
    """Count per rule the weeks and the mornings on which it finds an accident."""
    weekly: dict[str, int] = {}
    newest: dict[str, int] = {}
    for sunday in sundays:
        usual = {(finding.rule, finding.column) for finding in clean[sunday]}
        found = {f.rule for f in days.week(sunday, accident) if (f.rule, f.column) not in usual}
        for rule in (*found, *(["any"] if found else [])):
            weekly[rule] = weekly.get(rule, 0) + 1
        found = {f.rule for f in days.morning(sunday, accident)}
        for rule in (*found, *(["any"] if found else [])):
            newest[rule] = newest.get(rule, 0) + 1
    return name, accident, len(sundays), weekly, len(sundays), newest


def _accident_row(
    name: str,
    accident: Accident,
    n_weeks: int,
    weekly: Mapping[str, int],
    n_mornings: int,
    newest: Mapping[str, int],
) -> dict[str, str]:
    def rules(found: Mapping[str, int]) -> str:
        named = sorted((rule for rule in found if rule != "any"), key=lambda r: -found[r])
        return ", ".join(f"{rule} {found[rule]}" for rule in named) or "-"

    return {
        "accident": name,
        "days": str(accident.days),
        "found by the weekly monitor": f"{weekly.get('any', 0)} of {n_weeks} weeks",
        "by": rules(weekly),
        "found by the preflight at two days": f"{newest.get('any', 0)} of {n_mornings} mornings",
        "by ": rules(newest),
    }


# --- answers ------------------------------------------------------------------------------------


def _answer_rules() -> list[str]:
    return ["worse_than_naive", "miscalibrated", "prediction_drift", ROLLING, "feature_drift"]


def answered_weeks(release: Release, drops: Drops, rules: UseCaseRules) -> pd.DataFrame:
    """Return per calendar week what the rules about a release's answers say, and what was true.

    The answers are made again from the drops, with the state that the release should have had.

    Parameters
    ----------
    release : Release
        Judged on the weeks after its training days.
    drops : Drops
        The upstream as it is known today; the last day that is judged is the day before yesterday.
    rules : UseCaseRules
        The team's decisions about the release's use case.

    Returns
    -------
    DataFrame
        One row per week, none before the first whole one: ``release``, ``week`` (its Sunday),
        ``excess`` (loss minus naive loss in the unit of the metric), ``losing`` (whether that is
        above 0), the distance of the predictions from the reference (``distance``) and from the
        four weeks before (``distance, rolling``; missing until there are four), and a column per
        rule with whether it fires. Distances are in standard deviations of what they are measured
        from. The rules about labels look at ``performance_weeks`` up to that Sunday.

    Raises
    ------
    FirstFlightError
        If the release learned from days up to the drops' day before yesterday, or later ones.
    DropError
        If a month has not landed or is not what was promised.
    """
    case = release.usecase
    first = dt.date.fromisoformat(release.about["trained_to"]) + DAY
    last = drops.today - 2 * DAY
    said = predictions.replay(release, drops, first, last)
    said["naive"] = case.naive(drops, said)
    said = said.merge(case.labels(drops, first, last), on=list(case.key), how="left")
    states = States(
        by_date(case.features[release.feature_version].compute_state(drops, first, last))
    )
    features = release.features(said[list(case.request.model_fields)], states)
    expected = contract.profile(release.reference, case, release.feature_version)
    sundays = [d.date() for d in pd.date_range(first + 6 * DAY, last, freq="W-SUN")]
    rows = []
    for sunday in sundays:
        inside = (said["date"] > pd.Timestamp(sunday - WEEK)) & (
            said["date"] <= pd.Timestamp(sunday)
        )
        week = said[inside].dropna(subset=["label", "naive"])
        before = said[
            (said["date"] > pd.Timestamp(sunday - (ROLLING_WEEKS + 1) * WEEK))
            & (said["date"] <= pd.Timestamp(sunday - WEEK))
        ]
        until = said[said["date"] <= pd.Timestamp(sunday)]
        judged = monitor.performance(until, until["naive"], rules.alerts, rules.metric)
        far = drift.distance(release.reference["prediction"], said.loc[inside, "prediction"])
        rolling = (
            drift.distance(before["prediction"], said.loc[inside, "prediction"])
            if before["date"].nunique() == 7 * ROLLING_WEEKS
            else np.nan
        )
        moved = [
            drift.distance(release.reference[name], features.loc[inside, name])
            for name in expected.numeric
        ]
        excess = float(
            (
                row_loss(rules.metric, week["label"], week["prediction"])
                - row_loss(rules.metric, week["label"], week["naive"])
            ).mean()
        )
        rows.append(
            {
                "release": f"{case.name} {release.version}",
                "week": sunday,
                "excess": excess,
                "losing": excess > 0,
                "distance": far,
                "distance, rolling": rolling,
                "worse_than_naive": judged is not None and judged.worse_than_naive,
                "miscalibrated": judged is not None and judged.miscalibrated,
                "prediction_drift": far >= rules.alerts.prediction_drift_max,
                ROLLING: rolling >= rules.alerts.prediction_drift_max,
                "feature_drift": any(score >= rules.alerts.feature_drift_max for score in moved),
            }
        )
    columns = ["release", "week", "excess", "losing", "distance", "distance, rolling"]
    return pd.DataFrame(rows, columns=[*columns, *_answer_rules()])


def _releases_table(weeks: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for release, part in weeks.groupby("release", sort=False):
        losing = part["losing"].astype(bool)
        for rule in _answer_rules():
            fired = part[rule].astype(bool)
            rows.append(
                {
                    "release": release,
                    "rule": rule,
                    FIRES_LOSING: f"{(fired & losing).sum()} of {losing.sum()}",
                    FIRES_GOOD: f"{(fired & ~losing).sum()} of {(~losing).sum()}",
                }
            )
    return pd.DataFrame(rows, columns=["release", "rule", FIRES_LOSING, FIRES_GOOD])


def _rules_table(
    days: Replayed,
    quiet: pd.DataFrame,
    n_mornings: int,
    accidents: Sequence[_Found],
    answers: pd.DataFrame,
) -> pd.DataFrame:
    n_weeks = len(days.quiet_sundays)
    rows = []
    losing = answers["losing"].astype(bool)
    for line, (rule, kind, _) in zip(
        rule_list(days.rules).to_dict(orient="records"), RULES, strict=True
    ):
        if kind in OF_ANSWERS:
            fired = answers[rule].astype(bool)
            good = f"{(fired & ~losing).sum()} of {(~losing).sum()} good" if len(answers) else "-"
            found = f"{(fired & losing).sum()} of {losing.sum()}" if len(answers) else "-"
            line |= {
                "false weeks": good,
                "false mornings": "-",
                "accidents of a week": "-",
                "accidents of two days": "-",
                "losing weeks": found,
            }
        else:
            fires = quiet[quiet["rule"] == rule].drop_duplicates(["day", "asked"])["asked"]
            week = [weekly.get(rule, 0) > FOUND * n for _, _, n, weekly, _, _ in accidents]
            two = [newest.get(rule, 0) > FOUND * n for _, _, _, _, n, newest in accidents]
            line |= {
                "false weeks": f"{(fires == 'week').sum()} of {n_weeks}",
                "false mornings": f"{(fires == 'morning').sum()} of {n_mornings}",
                "accidents of a week": f"{sum(week)} of {len(week)}",
                "accidents of two days": f"{sum(two)} of {len(two)}",
                "losing weeks": "-",
            }
        rows.append(line)
    return pd.DataFrame(rows)


# --- controls -----------------------------------------------------------------------------------


def controls(days: Replayed) -> pd.DataFrame:
    """Return for every rule whether it fires on a case made for it, and is quiet on the clean twin.

    The cases are made of the newest quiet weeks, by damage that any use case can have; none knows
    its subject.

    Parameters
    ----------
    days : Replayed
        The landed days. They must hold two quiet weeks, one after the other.

    Returns
    -------
    DataFrame
        One row per case: ``rule``, ``case``, ``fires``, ``twin is quiet``, ``inputs differ``. A
        rule that does not apply (no category, no state) has no row; one that is tried on several
        columns has several.

    Raises
    ------
    MonitorError
        If no two quiet weeks follow one another.
    """
    if not days.quiet_fortnights:
        raise MonitorError(
            f"Alarms of {days.usecase.name} are tried on two quiet weeks, one after the other, and "
            f"from {days.first} on there are none: land more months."
        )
    rows = []
    for rule, case, damaged, clean, ask in _cases(days):
        rows.append(
            {
                "rule": rule,
                "case": case,
                "fires": rule in ask(damaged),
                "twin is quiet": rule not in ask(clean),
                "inputs differ": not damaged.equals(clean),
            }
        )
    return pd.DataFrame(rows)


_Case = tuple[str, str, pd.DataFrame, pd.DataFrame, Callable[[pd.DataFrame], set[str]]]


def _cases(days: Replayed) -> Iterator[_Case]:
    yield from _input_cases(days)
    yield from _outcome_cases(days)
    yield from _answer_cases(days)


def _input_cases(days: Replayed) -> Iterator[_Case]:
    sunday = days.quiet_fortnights[-1]
    alerts, expected = days.rules.alerts, days.expected
    clean = days.inputs(days.between(days.requests, sunday - 6 * DAY, sunday))
    previous = days.inputs(days.between(days.requests, sunday - 13 * DAY, sunday - 7 * DAY))

    def ask(rows: pd.DataFrame) -> set[str]:
        found = contract.contract_checks(
            rows, expected, previous, alerts, max_age_days=days.max_age_days
        )
        dates = pd.concat([previous["date"], rows["date"]])
        return {f.rule for f in (*found, *contract.traffic_checks(dates, sunday, alerts))}

    plain = [name for name in expected.columns if name not in expected.state_columns]
    numbers = [name for name in plain if name in expected.numeric]
    filled = min(plain, key=lambda name: expected.columns[name].null_share)
    part = clean.index % 2 == 0
    yield "missing_column", f"without {filled}", clean.drop(columns=filled), clean, ask
    yield "empty_column", f"{filled} empty", clean.assign(**{filled: np.nan}), clean, ask
    yield (
        *("null_share", f"half of {filled} missing"),
        *(clean.assign(**{filled: clean[filled].mask(part)}), clean, ask),
    )
    doubled = pd.concat([clean, clean], ignore_index=True)
    yield "duplicate_keys", "every request twice", doubled, clean, ask
    yield "row_count", "every other request", clean[part], clean, ask
    for name, (_, high) in expected.bounds.items():
        if high is not None:
            beyond = clean[name].astype(float).mask(part, high + 1)
            yield (
                "out_of_contract",
                f"{name} {high + 1:g}",
                clean.assign(**{name: beyond}),
                clean,
                ask,
            )
            break
    for name in [n for n in plain if n in expected.categorical][:1]:
        new = clean[name].astype(str) + "_"
        yield "unknown_category", f"{name} recoded", clean.assign(**{name: new}), clean, ask
    grids = {n: expected.columns[n].grid for n in numbers}
    for name in [n for n, grid in grids.items() if grid and len(grid.values) > 20][:1]:
        other = clean[name] * (1 + 1e-3)
        yield (
            "unknown_value",
            f"{name} in a unit near its own",
            clean.assign(**{name: other}),
            clean,
            ask,
        )
    for name in expected.constants:
        other = clean[name] + 1
        yield "changed_constant", f"{name} one more", clean.assign(**{name: other}), clean, ask
    for name in [n for n in numbers if expected.columns[n].varies][:1]:
        one = clean.assign(**{name: float(clean[name].median())})
        yield "constant_column", f"{name} always the same", one, clean, ask
        limit = alerts.shift_vs_previous_columns.get(name, alerts.shift_vs_previous_max)
        _, spread = contract.middle_and_spread(previous[name])
        moved = clean.assign(**{name: clean[name] + 2 * limit * spread})
        yield "shift_vs_previous", f"{name} moved by twice the limit", moved, clean, ask
        center, factor = clean[name].median(), 2 * alerts.scale_vs_previous_max
        wider = clean.assign(**{name: center + (clean[name] - center) * factor})
        yield "scale_vs_previous", f"{name} spread by twice the limit", wider, clean, ask
    for name in expected.state_columns[:1]:
        gone = clean.assign(**{name: clean[name].mask(part)})
        yield "state_missing", f"half of {name} missing", gone, clean, ask
        old = clean.assign(**{STATE_AGE: days.max_age_days + 1.0})
        yield "state_stale", f"state of {days.max_age_days + 1} days", old, clean, ask
        far = 2 * alerts.state_shift_max * expected.columns[name].spread
        moved = clean.assign(**{name: clean[name] + far})
        yield "state_shift", f"{name} moved by twice the limit", moved, clean, ask


def _outcome_cases(days: Replayed) -> Iterator[_Case]:
    alerts = days.rules.alerts
    last = days.quiet_sundays[-1]
    first = last - (contract.OUTCOME_DAYS + contract.OUTCOME_BASE_DAYS - 1) * DAY
    for source in days.usecase.sources.values():
        for column in source.outcomes[:1]:
            clean = days.drops.read(source.name, first, last, lookback=True)[["date", column]]
            newest = clean["date"] > pd.Timestamp(last - contract.OUTCOME_DAYS * DAY)
            values = clean[column].astype(float)
            clean = clean.assign(**{column: values})

            def ask(rows: pd.DataFrame, column: str = column) -> set[str]:
                return {f.rule for f in contract.outcome_findings(rows, column, last, alerts)}

            _, spread = contract.middle_and_spread(values)
            for rule, case, changed in (
                ("outcome_missing", "missing", values * np.nan),
                ("outcome_infinite", "infinite", values * 0 + np.inf),
                ("outcome_scale", "in a unit 60 times as small", values * 60),
                ("outcome_shift", "moved", values + 3 * alerts.outcome_shift_max * spread),
            ):
                bad = clean.assign(**{column: values.mask(newest, changed)})
                yield rule, f"{column} {case}", bad, clean, ask


def _answer_cases(days: Replayed) -> Iterator[_Case]:
    """Make answers that are right by construction, and answers that are off."""
    alerts, metric = days.rules.alerts, days.rules.metric
    usecase, drops = days.usecase, days.drops
    last = days.quiet_sundays[-1]
    first = last - (7 * alerts.performance_weeks - 1) * DAY
    rows = usecase.requests(drops, first, last)
    rows["naive"] = usecase.naive(drops, rows)
    rows = rows.merge(usecase.labels(drops, first, last), on=list(usecase.key))
    # Half way from the naive guess to the outcome, and as far on its other side.
    right = (rows["naive"] + rows["label"]) / 2
    wrong = 2 * rows["naive"] - rows["label"]
    high = right + 3 * alerts.calibration_max
    if usecase.kind == "classification":
        wrong, high = wrong.clip(0.01, 0.99), high.clip(0.01, 0.99)

    def judge(joined: pd.DataFrame) -> set[str]:
        found = monitor.performance(joined, joined["naive"], alerts, metric)
        made = monitor.alerts([], None, found, alerts)
        return {alert.rule for alert in made}

    clean = rows.assign(prediction=right)
    yield "worse_than_naive", "wrong answers", rows.assign(prediction=wrong), clean, judge
    yield "miscalibrated", "answers too high", rows.assign(prediction=high), clean, judge

    rng = np.random.default_rng(alerts.seed)
    reference = pd.DataFrame({"x": rng.normal(size=4000), drift.PREDICTION: rng.normal(size=4000)})

    def compare(current: pd.DataFrame) -> set[str]:
        summary, _ = drift.drift_report(
            reference[::2], current, numeric=["x"], categorical=[], rules=alerts
        )
        return {alert.rule for alert in monitor.alerts([], summary, None, alerts)}

    same = reference[1::2].reset_index(drop=True)
    for rule, column, limit in (
        ("prediction_drift", drift.PREDICTION, alerts.prediction_drift_max),
        ("feature_drift", "x", alerts.feature_drift_max),
    ):
        moved = same.assign(**{column: same[column] + 2 * limit})
        yield rule, "moved by twice the limit", moved, same, compare
