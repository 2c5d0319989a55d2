"""Two commands at once, many times: no number twice, nothing lost, one truth."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from drills.kills import effects, in_workspace
from drills.shop import COMMANDS, DONE, SENTENCE, Row, Shop, child, faults, open_shop

PAIRS = (
    ("promote", "promote", "canary decided"),
    ("promote", "abort", "canary decided"),
    ("promote", "shadow", "canary decided"),
    ("promote", "withdraw", "canary decided"),
    ("promote", "rollback", "promoted"),
    ("rollback", "rollback", "promoted"),
    ("rollback", "withdraw", "promoted"),
    ("shadow", "shadow", "passed"),
    ("canary", "abort", "shadow decided"),
    ("decide", "abort", "shadow"),
    ("waive", "waive", "held"),
    ("gate", "gate", "live"),
    ("train", "train", "live"),
    ("state", "state", "live"),
    ("land", "land", "live"),
    ("land", "land another", "live"),
    ("land", "state", "live"),
    ("backup", "promote", "canary decided"),
    ("clean", "state", "old"),
)
ROUNDS = 100
# Done twice, these are done once.
FOUND_AGAIN = ("versions", "landed", "states", "snapshots")


def at_once(jobs: Iterable[Callable[[], object]], logs: Iterable[Path]) -> list[int]:
    """Start the jobs in children that all wait for one moment, and return their exit codes."""
    moment = time.monotonic() + 0.15
    pids = []
    for job, log in zip(jobs, logs, strict=True):
        pid = os.fork()
        if pid == 0:
            time.sleep(max(0.0, moment - time.monotonic()))
            os._exit(child(job, log) & 0x7F)
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def drill(shop: Shop, first: str, second: str, start: str, rounds: int) -> Row:
    """Run two commands at once, `rounds` times."""
    row = Row(f"{first} beside {second}")
    logs = [shop.log.with_suffix(f".{n}") for n in range(2)]
    alone = {}
    for name in {first, second}:
        shop.reset(start)
        before = effects(shop)
        child(in_workspace(shop, COMMANDS[name][1]), shop.log)  # it may be refused
        alone[name] = {kind: n - before[kind] for kind, n in effects(shop).items()}
    for _ in range(rounds):
        shop.reset(start)
        row.tried += 1
        jobs = [in_workspace(shop, COMMANDS[name][1]) for name in (first, second)]
        codes = at_once(jobs, logs)
        row.refused += codes.count(SENTENCE)
        for code, log in zip(codes, logs, strict=True):
            if code not in (DONE, SENTENCE):
                row.note("wrong", f"exit {code}: {log.read_text()[-300:]}")
        for kind, text in faults(shop, load=first == "train"):
            row.note(kind, text)
        done = [name for name, code in zip((first, second), codes, strict=True) if code == DONE]
        for kind, n in effects(shop).items():
            each = [alone[name][kind] for name in done]
            once = first == second and kind in FOUND_AGAIN
            expected = before[kind] + (max(each, default=0) if once else sum(each))
            if n != expected:
                row.note(
                    "lost" if n < expected else "wrong",
                    f"{kind}: {n} after {' and '.join(done) or 'nothing'}, not {expected}",
                )
    return row


def run(upstream: Path, rounds: int = ROUNDS, pairs: Iterable[tuple] = PAIRS) -> list[Row]:
    """Run all pairs."""
    with open_shop(upstream) as shop:
        return [drill(shop, *pair, rounds) for pair in pairs]
