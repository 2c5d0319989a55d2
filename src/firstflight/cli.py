"""The runbook's commands.

Exit codes: 0 done; 1 refused or failed, with the reason in one sentence; 2 wrong usage; 3 a
decision that is not "go" (a gate that holds or fails, a rollout to be aborted, a page, a release
that does not load, a rollback that was only checked and is not ready, an unproven rollback).
"""

from __future__ import annotations

import atexit
import datetime as dt
import errno
import gc
import io
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from firstflight import clock, database, locks, workspace
from firstflight.errors import BusyError, FirstFlightError, RegistryError, StorageError

if TYPE_CHECKING:
    from firstflight.history import Deployment

app = typer.Typer(
    help=(__doc__ or "").splitlines()[0] + "\n\n" + " ".join((__doc__ or "").splitlines()[2:]),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for stream in (sys.stdout, sys.stderr):
    # A reason may hold any letter, and a terminal may know ASCII alone.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
# Text in a notebook too, where rich would draw HTML.
console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, force_jupyter=False)

NOT_GO = 3
UseCaseName = Annotated[str, typer.Option("--usecase", "-u", help="Which model.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
By = Annotated[str, typer.Option("--by", help="The role that decides (see process.toml).")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes into the history.")]
Version = Annotated[str, typer.Argument(help="Version number or alias.")]


def command(
    name: str, *, opens: bool = True, finishes: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a command that turns the path's errors into one sentence and exit code 1.

    Parameters
    ----------
    name : str
        What is typed after ``firstflight``.
    opens : bool, default True
        Whether the tools are pointed at the workspace in use first.
    finishes : bool, default True
        Whether what a killed command left is finished first. Those that change what serves do it
        themselves: what was cut off may be the very change that they are asked for.

    Returns
    -------
    callable
        A decorator for the command's function; its docstring is the command's help. Errors are
        raised as they are if the variable ``FIRSTFLIGHT_TRACEBACK`` is ``1``.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                if opens:
                    workspace.configure()
                if os.environ.get("FIRSTFLIGHT_TRACEBACK") != "1":
                    # MLflow prints a trace of an error and raises it too: the sentence says it.
                    os.environ["MLFLOW_LOGGING_LEVEL"] = "CRITICAL"  # read when it is imported
                    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
                if opens and finishes:
                    _finish()
                return function(*args, **kwargs)
            except Exception as error:
                if os.environ.get("FIRSTFLIGHT_TRACEBACK") == "1" or isinstance(
                    error, (typer.Exit, typer.Abort, typer.BadParameter)
                ):
                    raise
                _say(sentence(error))
                raise typer.Exit(1) from None

        return app.command(name)(run)

    return register


def _say(text: str) -> None:
    """Print for people, beside the output of the command."""
    Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=False).print(
        f"firstflight: {text}", markup=False
    )


def _finish() -> None:
    """Finish what a killed command left; a registry that is gone is the command's to say."""
    try:
        left, runs = database.cut_off(), database.open_runs()
        if not left and not runs:
            if any(workspace.current().temporary.glob("*")):
                with locks.writing("sweep", patience=0.1):  # which is what it begins with
                    pass
            return
        from firstflight import deployments, judgements, registry

        with locks.writing("finish", patience=1):  # whoever holds it is alive, and does it
            registry.end_dead_runs()
            for usecase in left:
                entry = deployments.settle(usecase)
                judgements.settle(usecase)
                if entry is not None and entry.n not in deployments.unfinished(usecase):
                    _say(f"finished change {entry.n} of {usecase}, which was cut off")
    except (RegistryError, BusyError, StorageError):
        return


def _pending(usecase: str) -> int:
    """Return the number of the last change if a kill cut it off, else 0."""
    from firstflight import deployments

    return max(deployments.unfinished(usecase), default=0)


def _made(text: str, entry: Deployment, pending: int) -> None:
    """Say what a change did, and if a command that was cut off had made it."""
    if entry.n == pending:
        text += f" (change {entry.n} of {entry.date}, made by a command that was cut off)"
    console.print(text, soft_wrap=True, markup=False)


def sentence(error: BaseException) -> str:
    """Return one sentence for whatever ended a command.

    An error of this package says it itself. For any other one, the errors that led to it are looked
    through too: behind it is often a full disk, a database or a file.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        What is wrong, and what to do.

    Examples
    --------
    >>> sentence(PermissionError(13, "Permission denied", "a.json"))
    'a.json cannot be used (Permission denied): check that it is there and that you may write it.'
    """
    if isinstance(error, FirstFlightError):
        return str(error)
    # MLflow and SQLAlchemy wrap what the database or the disk said.
    cause, seen = error, [error]
    while (deeper := cause.__cause__ or cause.__context__) is not None and deeper not in seen:
        seen.append(deeper)
        cause = deeper
    for found in seen:
        if isinstance(found, FirstFlightError):
            return str(found)
        if isinstance(found, OSError) and found.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return (
                f"The disk is full ({found.filename or 'while writing'}): free some space and run "
                "the command again; what was recorded before is whole."
            )
        if isinstance(found, sqlite3.Error):
            return (
                f"The registry's database said {str(found)!r}: free the disk or the file, or "
                "restore it from a backup, and run the command again."
            )
        if isinstance(found, OSError):
            return (
                f"{found.filename or 'A file'} cannot be used ({found.strerror}): check that it "
                "is there and that you may write it."
            )
    first = next(iter(str(error).splitlines()), "")[:300]
    return (
        f"The command failed with {type(error).__name__}: {first} (set FIRSTFLIGHT_TRACEBACK=1 to "
        "see where)."
    )


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day: write it as 2013-08-03.") from None


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=1, sort_keys=True, default=str))


def _table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row])  # no markup: a reason may hold brackets
    console.print(table)


@command("status")
def status_command(usecase: UseCaseName = "flights", as_json: Json = False) -> None:
    """Say where the model is right now."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    found = operations.status(case, operations.landed(case))
    if as_json:
        return _print_json(found)
    rows = []
    for alias in ("live", "candidate", "previous"):
        about = found["releases"].get(alias)
        if about is None:
            rows.append([alias, "-", "", "", "", "", ""])
            continue
        gated = about["gate"] + (f", waived by {about['waived_by']}" if about["waived_by"] else "")
        online = about["online"]
        score = "-" if online is None else f"{online['metric']} {online['value']:.3f}"
        rows.append(
            [
                alias,
                about["version"],
                f"{about['recipe']} (features v{about['feature_version']})"
                if "recipe" in about
                else "?",
                about.get("trained_on", "?"),
                gated,
                about["since"] or "",
                score,
            ]
        )
    columns = ["", "version", "model", "trained on", "gate", "since", "online, 28 days"]
    _table(f"{usecase} on {found['today']}", columns, rows)
    mode, share = found["rollout"]["mode"], found["rollout"]["share"]
    console.print(f"rollout: {mode}" + (f" {share:.0%}" if mode == "canary" else ""))
    console.print(f"last change: {found['last_change'] or 'none'}", markup=False)
    for alias, about in found["releases"].items():
        if "problem" in about:
            console.print(f"{alias}: {about['problem']}", markup=False, soft_wrap=True)
    if found["registry_problem"]:
        console.print(f"registry: {found['registry_problem']}", markup=False, soft_wrap=True)
    for number in found["unfinished_changes"]:
        console.print(
            f"unfinished: MLflow's aliases do not follow change {number} yet; it serves, and the "
            "next command that changes something brings them up to date",
            soft_wrap=True,
        )
    if found["unproven_rollback"]:
        console.print(
            f"unfinished: the rollback of change {found['unproven_rollback']} is not proven; "
            "`firstflight rollback --prove --url ...` does it",
            soft_wrap=True,
        )
    for alias, version in found["aliases_moved_by_hand"].items():
        console.print(
            f"moved by hand: MLflow's alias {alias} is {version or 'not set'}, and nothing follows "
            "it; the history says what serves",
            soft_wrap=True,
        )
    alerts = [f"{a['level']}: {a['sentence']}" for a in found["alerts"]] or ["none"]
    console.print(
        "last alerts: " + alerts[0] + ("" if len(alerts) == 1 else f" (+{len(alerts) - 1})")
    )
    return None


@command("history")
def history_command(
    usecase: UseCaseName = "flights",
    at: Annotated[str | None, typer.Option(help="A day: what was live on it, and why.")] = None,
    as_json: Json = False,
) -> None:
    """Show every change of what serves, or what was live on a day."""
    from firstflight import history

    day = _day(at)
    if day is None:
        if as_json:
            return _print_json([e.model_dump(mode="json") for e in history.entries(usecase)])
        table = history.table(usecase)
        _table(f"deployments of {usecase}", list(table.columns), table.to_numpy().tolist())
        return None
    entry = history.at(usecase, day)
    if as_json:
        return _print_json(entry and entry.model_dump(mode="json"))
    if entry is None:
        console.print(f"On {day} no release of {usecase} was deployed yet.")
        return None
    live = entry.after.get("live")
    made_live = [
        e
        for e in history.entries(usecase)
        if e.n <= entry.n and e.after.get("live") == live and e.before.get("live") != live
    ]
    cause = made_live[-1] if made_live else entry
    console.print(
        f"On {day} {f'version {live}' if live else 'nothing'} of {usecase} was live, since "
        f"{cause.date} ({cause.action} by {cause.by}): {cause.reason}",
        soft_wrap=True,
        markup=False,
    )
    if entry.n != cause.n:
        console.print(
            f"Last change before: {entry.date} {entry.action}: {entry.reason}", markup=False
        )
    return None


@command("land")
def land_command(
    month: Annotated[str, typer.Argument(help="For instance 2013-04.")],
    usecase: UseCaseName = "flights",
) -> None:
    """Verify a month's upstream drops and land them."""
    from firstflight import drops
    from firstflight import usecase as usecases

    ws = workspace.current()
    case = usecases.get(usecase)
    for path in drops.land(workspace.PROJECT / "data", ws.drops, case.sources.values(), month):
        console.print(f"landed {path.parent.name}/{path.name}")


@command("state")
def state_command(
    feature_version: Annotated[int, typer.Option(help="Which version of the features.")],
    usecase: UseCaseName = "flights",
    since: Annotated[str | None, typer.Option(help="First day; today if not given.")] = None,
) -> None:
    """Publish the feature state up to today."""
    from firstflight import operations, state
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    if not case.feature_set(feature_version).needs_state:
        console.print(
            f"feature version {feature_version} of {usecase} needs no state: nothing to publish"
        )
        return
    today = clock.today()
    done = state.publish(
        case, operations.landed(case), feature_version, _day(since) or today, today
    )
    days = "1 day" if len(done) == 1 else f"{len(done)} days"
    console.print(f"published state of feature version {feature_version} for {days}")


@command("train")
def train_command(
    recipe: Annotated[str, typer.Argument(help="A recipe of the use case.")],
    start: Annotated[str, typer.Option(help="First training day.")],
    end: Annotated[str, typer.Option(help="Last training day.")],
    feature_version: Annotated[int, typer.Option(help="Which version of the features.")] = 1,
    usecase: UseCaseName = "flights",
) -> None:
    """Take a snapshot, train on it and register the release."""
    from firstflight import operations, registry
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    first, last = _day(start), _day(end)
    assert first is not None and last is not None
    before = registry.versions(usecase)
    version = operations.train_release(
        case, operations.landed(case), recipe, first, last, feature_version
    )
    tags = registry.tags(usecase, version)
    done = "was registered already as" if version in before else "registered as"
    console.print(f"{done} {usecase} version {version} ({recipe}, snapshot {tags['snapshot']})")


@command("gate")
def gate_command(version: Version, usecase: UseCaseName = "flights", as_json: Json = False) -> None:
    """Judge a version offline and write the verdict on it."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    verdict = operations.run_gate(case, version, operations.landed(case))
    if as_json:
        _print_json(verdict.model_dump(mode="json"))
    else:
        rows = [[check.outcome, check.rule, check.sentence] for check in verdict.checks]
        _table(f"{usecase} version {version}: {verdict.verdict}", ["", "rule", ""], rows)
    if verdict.verdict != "pass":
        raise typer.Exit(NOT_GO)


@command("waive", finishes=False)
def waive_command(
    version: Version, by: By, reason: Reason, usecase: UseCaseName = "flights"
) -> None:
    """Let a version ship that is not proven; the history keeps who and why."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.waive(case, version, by=by, reason=reason)
    _made(entry.reason, entry, pending)


@command("shadow", finishes=False)
def shadow_command(
    version: Version, by: By, reason: Reason, usecase: UseCaseName = "flights"
) -> None:
    """Let a version predict beside live, logged and not returned."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.start_shadow(case, version, by=by, reason=reason)
    what = f"version {entry.after['candidate']} shadows version {entry.after['live']}"
    _made(what, entry, pending)


@command("canary", finishes=False)
def canary_command(by: By, reason: Reason, usecase: UseCaseName = "flights") -> None:
    """Let the candidate answer its share of the requests."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.start_canary(case, by=by, reason=reason)
    what = f"version {entry.after['candidate']} answers {entry.share:.0%} of the requests"
    _made(what, entry, pending)


@command("decide")
def decide_command(usecase: UseCaseName = "flights", as_json: Json = False) -> None:
    """Decide the rollout in progress by online metrics."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    decision = operations.decide(case, operations.landed(case))
    if as_json:
        _print_json(decision.model_dump(mode="json"))
    else:
        console.print(f"{decision.mode}: {decision.decision}. {decision.reason}", soft_wrap=True)
    if decision.decision == "abort":
        raise typer.Exit(NOT_GO)


@command("promote", finishes=False)
def promote_command(
    version: Version, by: By, reason: Reason, usecase: UseCaseName = "flights"
) -> None:
    """Make a version live."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.promote(case, version, by=by, reason=reason)
    _made(f"version {entry.after['live']} of {usecase} is live", entry, pending)


@command("abort", finishes=False)
def abort_command(by: By, reason: Reason, usecase: UseCaseName = "flights") -> None:
    """Take the candidate out."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.abort(case, by=by, reason=reason)
    what = f"version {entry.details['version']} is out; live answers everything"
    _made(what, entry, pending)


@command("withdraw", finishes=False)
def withdraw_command(by: By, reason: Reason, usecase: UseCaseName = "flights") -> None:
    """Take every release out: nothing answers until another one is promoted."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.withdraw(case, by=by, reason=reason)
    what = (
        f"version {entry.details['version']} of {usecase} is out, and nothing is live: the service "
        "answers 503, so tell the callers to use the naive guess"
    )
    _made(what, entry, pending)


@command("check")
def check_command(usecase: UseCaseName = "flights", as_json: Json = False) -> None:
    """Ask whether this code loads every release that may serve; CI asks it of a branch."""
    from firstflight import history, operations
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    problems = operations.check_releases(case)
    if as_json:
        _print_json(problems)
    else:
        for alias, version in history.serving(usecase).releases.items():
            name = f"{alias} (version {version})"
            console.print(f"{name}: {problems.get(name, 'loads')}", markup=False, soft_wrap=True)
    if problems:
        raise typer.Exit(NOT_GO)


@command("monitor")
def monitor_command(
    week: Annotated[
        str | None, typer.Option(help="Last day of the week; yesterday if not given.")
    ] = None,
    usecase: UseCaseName = "flights",
    as_json: Json = False,
) -> None:
    """Check a week of the live release: contract, drift, performance."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    last = _day(week) or clock.today() - dt.timedelta(days=1)
    result = operations.monitor_week(case, operations.landed(case), last)
    if as_json:
        _print_json(result.model_dump(mode="json"))
    else:
        rows = [[alert.level, alert.rule, alert.sentence] for alert in result.alerts]
        _table(f"{usecase}, week to {last}", ["", "rule", ""], rows or [["quiet", "", ""]])
    if any(alert.level == "page" for alert in result.alerts):
        raise typer.Exit(NOT_GO)


@command("rules")
def rules_command(
    usecase: UseCaseName = "flights",
    measure: Annotated[
        bool, typer.Option("--measure", help="Count false alarms and what is found; takes minutes.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="A folder of drops to measure on, instead of those landed.")
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="Replay accidents in one week of this many.")
    ] = 4,
    alarms_only: Annotated[
        bool, typer.Option("--alarms-only", help="Leave out gate and rollout.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the alert rules with their limits, or measure what each costs and finds."""
    from firstflight import alarm_rates, drops, operations, process
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    left_out: list[str] = []
    if measure:
        known = operations.landed(case) if data is None else drops.whole(data, case.sources)
        tables, left_out = operations.measured_rules(
            case, known, every=every, decisions=not alarms_only
        )
    else:
        tables = {"rules": alarm_rates.rule_list(process.load().usecase(usecase))}
    if as_json:
        return _print_json(
            {name: table.to_dict(orient="records") for name, table in tables.items()}
        )
    for name, table in tables.items():
        _table(f"{usecase}: {name}", list(table.columns), table.to_numpy().tolist())
        console.print()
    for sentence in left_out:
        console.print(f"left out: {sentence}", soft_wrap=True, markup=False)
    return None


@command("rollback", finishes=False)
def rollback_command(
    reason: Reason = "",
    by: By = "on_call",
    usecase: UseCaseName = "flights",
    url: Annotated[
        str | None, typer.Option(help="The service to prove it on.", envvar="FIRSTFLIGHT_URL")
    ] = None,
    force: Annotated[bool, typer.Option(help="Switch although the preflight failed.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only the preflight; change nothing.")
    ] = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="Only the proof of the last rollback, again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Restore the previous release with its features, state and snapshot, and prove it."""
    from firstflight import operations, registry, rollback
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    drops = operations.landed(case)
    if check:
        target = registry.resolve(usecase, "previous")
        checks = rollback.preflight(case, target, drops, url)
        if as_json:
            _print_json([c.model_dump() for c in checks])
        else:
            rows = [["ok" if c.ok else "NO", c.name, c.sentence] for c in checks]
            _table(f"back to version {target} of {usecase}?", ["", "", ""], rows)
        if not all(c.ok for c in checks):
            raise typer.Exit(NOT_GO)
        return
    if prove:
        if url is None:
            raise typer.BadParameter("--prove needs the --url of the service.")
        done = rollback.prove_again(case, url=url, by=by)
    else:
        done = rollback.rollback(case, drops, reason=reason, by=by, url=url, force=force)
    if as_json:
        _print_json(done.model_dump(mode="json"))
    else:
        console.print(
            f"version {done.restored} of {usecase} is live again; version {done.left} is out"
            + (f" (change {done.entry}, made before)" if done.done_before else "")
        )
        if done.proof is None:
            console.print("not proven: give --url of the service to replay frozen requests")
        elif done.proof.problem:
            console.print(f"not proven: {done.proof.problem}", soft_wrap=True)
        else:
            console.print(
                f"proof: {done.proof.equal} of {done.proof.n} frozen requests got the old answer, "
                f"{done.proof.seconds:.1f} s after the switch"
            )
    if done.proof is None or not done.proof.ok:
        raise typer.Exit(NOT_GO)


@command("today")
def today_command(
    day: Annotated[
        str | None, typer.Argument(help="Set the workspace's clock to this day.")
    ] = None,
) -> None:
    """Show the clock's today, or set it."""
    wanted = _day(day)
    console.print(str(clock.set_today(wanted) if wanted else clock.today()))


@command("clean")
def clean_command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what is older than process.toml's retention says; what may serve keeps its own."""
    from firstflight import retention

    gone = retention.expired() if dry_run else retention.clean()
    root = workspace.current().root
    if as_json:
        return _print_json(
            [
                {
                    "kind": one.kind,
                    "path": one.path.relative_to(root).as_posix(),
                    "bytes": one.size,
                    "lines": one.lines,
                }
                for one in gone
            ]
        )
    rows = []
    for kind in ("predictions", "reports", "snapshots", "state"):
        of_kind = [one for one in gone if one.kind == kind]
        rows.append([kind, len(of_kind), f"{sum(one.size for one in of_kind) / 1e6:.1f}"])
    _table("would be removed" if dry_run else "removed", ["", "files", "MB"], rows)
    return None


@command("backup")
def backup_command(
    file: Annotated[Path, typer.Argument(help="The archive to make, for instance july.tar.gz.")],
) -> None:
    """Write the whole workspace into one file."""
    from firstflight import backup

    done = backup.backup(file)
    console.print(
        f"backed up {done.files} files ({done.size / 1e6:.1f} MB) of {done.root} to {done.file}",
        soft_wrap=True,
    )


@command("restore", opens=False)  # the workspace in use may be what was lost
def restore_command(
    file: Annotated[Path, typer.Argument(help="What `firstflight backup` made.")],
    to: Annotated[
        Path | None, typer.Option(help="An empty or a new folder; the workspace's if not given.")
    ] = None,
) -> None:
    """Unpack a backup into an empty folder, after every byte of it was verified."""
    from firstflight import backup

    done = backup.restore(file, to)
    console.print(f"restored {done.files} files to {done.root}", soft_wrap=True)
    if done.root != workspace.current().root:
        console.print(f"use it with FIRSTFLIGHT_HOME={done.root}", soft_wrap=True)


def main() -> None:
    """Run the command that was typed.

    MLflow, pandas and scikit-learn are 400,000 objects that live as long as the command. Looking
    through them for garbage, again and again while they are made and once more at the end, took
    half of the time of `firstflight status`.
    """
    gc.set_threshold(200_000, 10, 10)
    atexit.register(gc.freeze)
    app()


if __name__ == "__main__":
    main()
