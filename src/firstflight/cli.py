"""The runbook's commands.

Exit codes: 0 done; 1 refused or failed, with the reason in one sentence; 2 wrong usage; 3 a
decision that is not "go" (a gate that holds or fails, a rollout to be aborted, a page, an unproven
rollback). `FIRSTFLIGHT_TRACEBACK=1` shows where an error came from.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from firstflight import clock, database, records, workspace
from firstflight.errors import BusyError, FirstFlightError, RegistryError

if TYPE_CHECKING:
    from firstflight.deployments import Deployment

app = typer.Typer(
    help=(__doc__ or "").splitlines()[0] + "\n\n" + " ".join((__doc__ or "").splitlines()[2:]),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# Text in a notebook too, where rich would draw HTML.
console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, force_jupyter=False)

NOT_GO = 3
UseCaseName = Annotated[str, typer.Option("--usecase", "-u", help="Which model.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
By = Annotated[str, typer.Option("--by", help="The role that decides (see process.toml).")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes into the history.")]
Version = Annotated[str, typer.Argument(help="Version number or alias.")]


def command(
    name: str, *, finishes: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a command that turns errors into one sentence and exit code 1.

    Parameters
    ----------
    name : str
    finishes : bool, default True
        Whether to finish first what a killed command left. Those that change what serves do it
        themselves: what was cut off may be what they are asked for.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            for stream in (sys.stdout, sys.stderr):
                if hasattr(stream, "reconfigure"):  # a reason may hold what a terminal cannot show
                    stream.reconfigure(errors="backslashreplace")
            try:
                workspace.configure()
                if finishes:
                    _finish()
                return function(*args, **kwargs)
            except Exception as error:
                sentence = _sentence(error)
                if sentence is None or os.environ.get("FIRSTFLIGHT_TRACEBACK"):
                    raise
                _say(f"firstflight: {sentence}")
                raise typer.Exit(1) from None

        return app.command(name)(run)

    return register


def _sentence(error: Exception) -> str | None:
    """Return an error of the path, the system or the registry in one sentence; None for a bug."""
    if isinstance(error, FirstFlightError):
        return str(error)
    home, said = workspace.current().root, str(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = error.filename or home
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"The disk is full ({where}): free some space and run the command again."
        return f"{where}: {error.strerror}; make it readable and writable, and run this again."
    if type(error).__module__.split(".")[0] not in ("sqlalchemy", "mlflow", "sqlite3"):
        return None
    registry = f"The registry ({home / 'mlflow.db'})"
    for sign, what in (
        ("is full", "has no space left on its disk: free some, and run the command again"),
        ("readonly", "may not be written: make it and its folder writable"),
        ("locked", "is held by another program: close it, or try again"),
        ("malformed", "is damaged: restore it from a backup"),
        ("not a database", "is damaged: restore it from a backup"),
        ("no such table", "is not MLflow's: restore it from a backup"),
        ("unable to open", "cannot be opened: make it readable, or restore it from a backup"),
        ("I/O error", "cannot be read or written: look at its disk"),
    ):
        if sign in said:
            return f"{registry} {what}."
    first = (said.splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"{registry} refused: {first}; FIRSTFLIGHT_TRACEBACK=1 shows where."


def _say(text: str) -> None:
    """Print for people, beside the output of the command."""
    Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=False).print(
        text, markup=False
    )


def _finish() -> None:
    """Finish what a killed command left; a registry that is gone is the command's to say."""
    try:
        if not database.cut_off():
            return
        from firstflight import deployments, registry

        for run_id in registry.tidy(patience=1):
            _say(f"firstflight: ended run {run_id}, whose command was killed")
        for usecase in records.usecases():
            entry = deployments.catch_up(usecase, patience=1)
            if entry is not None:
                _say(f"firstflight: finished change {entry.n} of {usecase}, which was cut off")
    except (RegistryError, BusyError):
        return


def _pending(usecase: str) -> int:
    """Return the number of the last change if it was cut off, else 0."""
    from firstflight import deployments

    entry = deployments.cut_off(usecase)
    return entry.n if entry else 0


def _made(text: str, entry: Deployment, pending: int) -> None:
    """Say what a change did, and if a command that was cut off had made it."""
    if entry.n == pending:
        text += f" (change {entry.n} of {entry.date}, which was cut off, is finished)"
    console.print(text, soft_wrap=True, markup=False)


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
                f"{about['recipe']} (features v{about['feature_version']})",
                about["trained_on"],
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
    alerts = [f"{a['level']}: {a['sentence']}" for a in found["alerts"]] or ["none"]
    console.print(
        "last alerts: " + alerts[0] + ("" if len(alerts) == 1 else f" (+{len(alerts) - 1})")
    )
    for sentence in found["unfinished"]:
        console.print(f"unfinished: {sentence}", soft_wrap=True, markup=False)
    return None


@command("history")
def history_command(
    usecase: UseCaseName = "flights",
    at: Annotated[str | None, typer.Option(help="A day: what was live on it, and why.")] = None,
    as_json: Json = False,
) -> None:
    """Show every change of what serves, or what was live on a day."""
    from firstflight import deployments

    day = _day(at)
    if day is None:
        if as_json:
            entries = deployments.history(usecase)
            return _print_json([entry.model_dump(mode="json") for entry in entries])
        table = deployments.history_table(usecase)
        _table(f"deployments of {usecase}", list(table.columns), table.to_numpy().tolist())
        return None
    found = deployments.made_live(usecase, day)
    if as_json:
        return _print_json(found and found[0].model_dump(mode="json"))
    if found is None:
        console.print(f"On {day} no release of {usecase} was deployed yet.")
        return None
    entry, cause = found
    live = entry.after.get("live")
    console.print(
        f"On {day} {f'version {live}' if live else 'nothing'} of {usecase} was live, since "
        f"{cause.date} ({cause.action} by {cause.by}): {cause.reason}",
        soft_wrap=True,
        markup=False,
    )
    if entry.n != cause.n:
        console.print(
            f"Last change before: {entry.date} {entry.action}: {entry.reason}",
            soft_wrap=True,
            markup=False,
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
    if feature_version not in case.features:
        raise FirstFlightError(
            f"{usecase} has no feature version {feature_version}: it has "
            f"{', '.join(str(v) for v in case.features)}."
        )
    today = clock.today()
    done = state.publish(
        case, operations.landed(case), feature_version, _day(since) or today, today
    )
    console.print(f"published state of feature version {feature_version} for {len(done)} days")


@command("train")
def train_command(
    recipe: Annotated[str, typer.Argument(help="A recipe of the use case.")],
    start: Annotated[str, typer.Option(help="First training day.")],
    end: Annotated[str, typer.Option(help="Last training day.")],
    feature_version: Annotated[int, typer.Option(help="Which version of the features.")] = 1,
    usecase: UseCaseName = "flights",
) -> None:
    """Take a snapshot, train on it and register the release."""
    from firstflight import operations, snapshot
    from firstflight import usecase as usecases

    case = usecases.get(usecase)
    first, last = _day(start), _day(end)
    assert first is not None and last is not None
    taken = snapshot.take(case, operations.landed(case), first, last, feature_version)
    version, new = operations.train(case, taken, recipe)
    what = f"{usecase} version {version} ({recipe}, snapshot {taken.digest})"
    console.print(f"registered {what}" if new else f"{what} is registered already")


@command("gate")
def gate_command(version: Version, usecase: UseCaseName = "flights", as_json: Json = False) -> None:
    """Judge a version offline and write the verdict down."""
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
    """Take every release out of service; nothing answers until another is promoted."""
    from firstflight import operations
    from firstflight import usecase as usecases

    case, pending = usecases.get(usecase), _pending(usecase)
    entry = operations.withdraw(case, by=by, reason=reason)
    out = ", ".join(f"{version} ({alias})" for alias, version in entry.before.items())
    what = f"version {out} of {usecase} is out: nothing is live, and the service answers 503"
    _made(what, entry, pending)


@command("check")
def check_command(usecase: UseCaseName = "flights", as_json: Json = False) -> None:
    """Ask whether this code loads every release that may serve; what CI asks before a merge."""
    from firstflight import operations, registry
    from firstflight import usecase as usecases

    found = operations.check(usecases.get(usecase))
    if as_json:
        _print_json(found)
    versions = registry.aliases(usecase)
    for alias, problem in {} if as_json else found.items():
        said = problem or "loads, and repeats its frozen answers"
        console.print(f"{alias} (version {versions[alias]}): {said}", soft_wrap=True, markup=False)
    if not found and not as_json:
        console.print(f"no release of {usecase} may serve")
    if any(found.values()):
        raise typer.Exit(1)


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
    if check:
        target = registry.resolve(usecase, "previous")
        checks = rollback.preflight(case, target, operations.landed(case), url)
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
        drops = operations.landed(case)
        done = rollback.rollback(case, drops, reason=reason, by=by, url=url, force=force)
    if as_json:
        _print_json(done.model_dump(mode="json"))
    else:
        before = f" (change {done.entry}, made before)" if done.done_before else ""
        console.print(
            f"version {done.restored} of {usecase} is live again; version {done.left} is out"
            + before
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


if __name__ == "__main__":
    app()
