"""A small real workspace to break, and children that run one command in it.

Every attempt starts from the same files at the same path, since MLflow's database holds addresses.
Children are forked from a process that has imported everything and has opened no database.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from firstflight import (
    backup,
    clock,
    deployments,
    drops,
    files,
    gate,
    history,
    judgements,
    operations,
    records,
    registry,
    retention,
    rollback,
    rollout,
    snapshot,
    state,
    train,
    workspace,
)
from firstflight.errors import FirstFlightError
from firstflight.usecases.flights import usecase

NAME = usecase.name
TODAY = dt.date(2013, 4, 1)
BY = {"by": "model_owner", "reason": "a drill of the path"}
FAILED, SENTENCE, DONE = 70, 1, 0  # exit codes of a child
PATIENCE = 120  # seconds that a child may take
UPSTREAM = Path(__file__).resolve().parents[1] / "data"


@dataclass
class Row:
    """What one drill found.

    Attributes
    ----------
    drill : str
    tried : int
        Attempts.
    refused : int
        Attempts that ended in a sentence.
    lost : int
        Attempts after which something that was recorded, or asked for, is missing.
    wrong : int
        Attempts after which two records disagree, something happened twice, or a trace was shown.
    left_behind : int
        Attempts that left a temporary file, an open run or a process.
    notes : list of str
        The first few things that were found.
    """

    drill: str
    tried: int = 0
    refused: int = 0
    lost: int = 0
    wrong: int = 0
    left_behind: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, kind: str, text: str) -> None:
        """Count something that should not be."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.notes) < 5:
            self.notes.append(f"{kind}: {text}")


def child(work: Callable[[], object], log: Path | None = None) -> int:
    """Run something in a forked process; return its exit code, or minus a signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = FAILED
        signal.alarm(PATIENCE)
        try:
            sink = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            work()
            code = DONE
        except FirstFlightError as error:
            os.write(2, f"{error}\n".encode())
            code = SENTENCE
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


class Shop:
    """The workspace, and copies of it as it was before each command."""

    def __init__(self, root: Path) -> None:
        self.ws = workspace.Workspace(root / "workspace")
        self.kept = root / "kept"
        self.log = root / "child.log"

    def run(self, work: Callable[[], object]) -> int:
        """Run something in a child in this workspace; it must not fail."""
        code = child(work, self.log)
        if code != DONE:
            raise RuntimeError(f"exit {code}: {self.log.read_text()[-3000:]}")
        return code

    def keep(self, name: str) -> None:
        """Keep the workspace as it is now under a name."""
        shutil.copytree(self.ws.root, self.kept / name)

    def reset(self, name: str) -> None:
        """Put the workspace back as it was kept."""
        shutil.rmtree(self.ws.root, ignore_errors=True)
        shutil.rmtree(outside(self.ws), ignore_errors=True)
        shutil.copytree(self.kept / name, self.ws.root)
        if name == "backed up":
            self.run(lambda: (workspace.configure(self.ws), backup.backup(archive(self.ws))))


def outside(ws: workspace.Workspace | None = None) -> Path:
    """Return the folder beside the workspace where backups are made and restored."""
    return (ws or workspace.current()).root.parent / "outside"


def archive(ws: workspace.Workspace | None = None) -> Path:
    """Return the backup of the workspace."""
    return outside(ws) / "backup"


def grow_old() -> None:
    """Put feature state and reports into the workspace that are older than `[retention]` keeps."""
    ws = workspace.current()
    made = next((ws.state / NAME).glob("v1/*.json"))
    for day in ("2012-09-01", "2012-09-02", "2012-09-03"):
        old = ws.state / NAME / "v2" / f"{day}.json"
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, old)
        report = ws.reports / f"{NAME}-{day}"
        report.mkdir(parents=True)
        (report / "drift.html").write_text("An old report.")
    for day in ("2013-03-30", "2013-03-31"):  # the newest result stays
        (ws.reports / f"{NAME}-{day}").mkdir()


def passed(version: str, outcome: gate.Outcome = "pass") -> None:
    """Write a verdict down without the arithmetic."""
    check = gate.Check(rule="by hand", outcome=outcome, sentence="By hand, for a drill.")
    verdict = gate.Verdict.model_construct(
        verdict=outcome,
        decided_by="by hand",
        metric="log_loss",
        n_rows=1,
        n_days=1,
        first_day=dt.date(2013, 3, 18),
        last_day=dt.date(2013, 3, 31),
        checks=(check,),
        rules_digest="by hand",
    )
    judgements.record_verdict(NAME, version, "", verdict)


def decided(what: str = "promote") -> None:
    """Write a decision about the stage in progress down without the arithmetic."""
    now = history.serving(NAME)
    fields = rollout.Decision.model_fields.items()
    rest = {name: f.get_default() for name, f in fields if not f.is_required()}
    known = {
        "decision": what,
        "reason": "by hand",
        "mode": now.mode,
        "interval": None,
        "n_labels": 1,
        "n_days": 1,
        "coverage": 1.0,
        "outcome": "better",
    }
    known = {k: v for k, v in known.items() if k in rollout.Decision.model_fields}
    judgements.record_decision(
        NAME, now.releases["candidate"], rollout.Decision.model_construct(**{**rest, **known})
    )


def landed() -> drops.Drops:
    """Return the drops as today knows them."""
    return operations.landed(usecase)


def build(shop: Shop, upstream: Path) -> None:
    """Make the workspace: two releases of real flights, version 1 live."""

    def make() -> None:
        ws = workspace.configure(shop.ws)
        clock.set_today(TODAY)
        for month in ("2013-01", "2013-02", "2013-03"):
            drops.land(upstream, ws.drops, usecase.sources.values(), month)
        drops.land(upstream, ws.drops, usecase.sources.values(), "2013-04")
        for recipe in ("logistic_regression", "hist_gradient_boosting"):
            taken = snapshot.take(usecase, landed(), dt.date(2013, 2, 1), dt.date(2013, 3, 17), 1)
            registry.register(train.fit(usecase, taken, recipe))
        state.publish(usecase, landed(), 1, dt.date(2013, 3, 25), TODAY)
        passed("1")
        operations.promote(usecase, "1", **BY)

    def grow(*steps: Callable[[], object]) -> Callable[[], None]:
        def work() -> None:
            workspace.configure(shop.ws)
            for step in steps:
                step()

        return work

    shop.run(make)
    shop.keep("live")
    shop.run(grow(lambda: passed("2", "hold")))
    shop.keep("held")
    shop.reset("live")
    shop.run(grow(grow_old))
    shop.keep("old")
    shop.reset("live")
    shutil.copytree(shop.kept / "live", shop.kept / "backed up")
    shop.run(grow(lambda: passed("2")))
    shop.keep("passed")
    shop.run(grow(lambda: operations.start_shadow(usecase, "2", **BY)))
    shop.keep("shadow")
    shop.run(grow(decided))
    shop.keep("shadow decided")
    shop.run(grow(lambda: operations.start_canary(usecase, **BY), decided))
    shop.keep("canary decided")
    shop.run(grow(lambda: operations.promote(usecase, "2", **BY)))
    shop.keep("promoted")


def land(month: str) -> None:
    """Land one month of the data that ships with the course."""
    drops.land(UPSTREAM, workspace.current().drops, usecase.sources.values(), month)


COMMANDS: dict[str, tuple[str, Callable[[], object]]] = {
    "gate": ("live", lambda: operations.run_gate(usecase, "2", landed())),
    "waive": ("held", lambda: operations.waive(usecase, "2", **BY)),
    "shadow": ("passed", lambda: operations.start_shadow(usecase, "2", **BY)),
    "decide": ("shadow", decided),
    "canary": ("shadow decided", lambda: operations.start_canary(usecase, **BY)),
    "promote": ("canary decided", lambda: operations.promote(usecase, "2", **BY)),
    "abort": ("canary decided", lambda: operations.abort(usecase, **BY)),
    "withdraw": ("live", lambda: operations.withdraw(usecase, **BY)),
    "rollback": ("promoted", lambda: rollback.rollback(usecase, landed(), **BY)),
    "train": (
        "live",
        lambda: operations.train_release(
            usecase,
            landed(),
            "logistic_regression",
            dt.date(2013, 2, 1),
            dt.date(2013, 3, 20),
            1,
        ),
    ),
    "state": ("live", lambda: state.publish(usecase, landed(), 2, TODAY, TODAY)),
    "settle": ("promoted", lambda: deployments.settle(NAME)),
    "land": ("live", lambda: land("2013-05")),
    "land another": ("live", lambda: land("2013-06")),
    "clean": ("old", lambda: retention.clean([NAME])),
    "backup": ("live", lambda: backup.backup(archive())),
    "restore": ("backed up", lambda: backup.restore(archive(), outside() / "restored")),
}
"""Command: the state of the workspace that it starts from, and what it does."""


@contextmanager
def open_shop(upstream: Path) -> Iterator[Shop]:
    """Give a workspace to break in a temporary folder."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="firstflight-drill-") as folder:
        shop = Shop(Path(folder))
        os.environ["FIRSTFLIGHT_HOME"] = str(shop.ws.root)
        try:
            build(shop, upstream)
            # The parent opens MLflow's store once, without keeping a connection, so that children
            # inherit it ready and each opens the database for itself.
            workspace.configure(shop.ws)
            os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"
            registry.aliases(NAME)
            registry.versions(NAME)
            registry.client().search_experiments()
            yield shop
        finally:
            os.environ.clear()
            os.environ.update(before)


def not_as_promised(ws: workspace.Workspace) -> Iterator[str]:
    """Yield what of the landed drops, the feature state and the backups is not whole."""
    sums = drops.read_sums(ws.drops)
    found = {p.relative_to(ws.drops).as_posix() for p in ws.drops.rglob("*.parquet")}
    for name, digest in sums.items():
        if name not in found or files.sha256(ws.drops / name) != digest:
            yield f"{name} is not what landed"
    for path in (ws.state / NAME).rglob("*.json"):
        json.loads(path.read_bytes())
    if archive(ws).exists():
        with tempfile.TemporaryDirectory(dir=ws.root.parent) as folder:
            backup.restore(archive(ws), Path(folder) / "again")
    restored = workspace.Workspace(outside(ws) / "restored")
    if restored.root.exists():
        there = {p.relative_to(restored.root) for p in restored.root.rglob("*") if p.is_file()}
        if not there >= {Path("mlflow.db"), Path("drops") / drops.SUMS}:
            yield f"the restored workspace holds {len(there)} files only"


def faults(shop: Shop, *, load: bool = False, beside: bool = True) -> list[tuple[str, str]]:
    """Look at the workspace, and return what is not as it must be, by kind.

    With `load`, every registered release must also load and repeat its frozen answers; with
    `beside`, nothing unfinished may lie beside the workspace.
    """
    found: list[tuple[str, str]] = []
    report = shop.log.with_suffix(".faults")
    report.unlink(missing_ok=True)

    def look() -> None:
        workspace.configure(shop.ws)
        lines = []
        for kind, model in (
            (history.KIND, history.Deployment),
            (judgements.VERDICTS, judgements.Judgement),
            (judgements.DECISIONS, judgements.RolloutDecision),
        ):
            entries = records.all_of(NAME, kind, model)
            if [e.n for e in entries] != list(range(1, len(entries) + 1)):
                lines.append(f"wrong\t{kind} are numbered {[e.n for e in entries]}")
        now = history.serving(NAME)
        if registry.aliases(NAME) != now.releases:
            lines.append(f"wrong\taliases {registry.aliases(NAME)}, record {now.releases}")
        if registry.mirrored(NAME) != now.n:
            lines.append(f"wrong\tMLflow follows {registry.mirrored(NAME)}, the record is {now.n}")
        left = [p.name for p in shop.ws.temporary.glob("*")] if shop.ws.temporary.exists() else []
        left += [p.name for p in shop.ws.root.rglob("*.part")]
        left += [p.name for p in shop.ws.snapshots.glob(".*")]
        if left:
            lines.append(f"left_behind\tfiles {left}")
        experiment = registry.client().get_experiment_by_name(NAME)
        runs = registry.client().search_runs(
            [experiment.experiment_id], filter_string="attributes.status = 'RUNNING'"
        )
        if runs:
            lines.append(f"left_behind\t{len(runs)} open runs")
        for version in registry.versions(NAME) if load else ():
            registry.load(NAME, version)
        lines += [f"wrong\t{text}" for text in not_as_promised(shop.ws)]
        left = [p.name for p in outside(shop.ws).glob(".*")] if beside else []
        if left:
            lines.append(f"left_behind\tbeside the workspace {left}")
        report.write_text("\n".join(lines))

    if child(look, shop.log) != DONE:
        found.append(("wrong", shop.log.read_text()[-400:].strip()))
    elif report.read_text():
        for line in report.read_text().splitlines():
            kind, text = line.split("\t", 1)
            found.append((kind, text))
    return found
