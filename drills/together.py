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
)


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
    shop.reset(start)
    before = effects(shop)
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
        made = sum(effects(shop).values()) - sum(before.values())
        expected = codes.count(DONE)
        if first == second == "train":
            expected = 1  # the same snapshot and recipe is one version
        elif "state" in (first, second):
            expected = 0
        if made < expected:
            row.note("lost", f"{expected} commands were done and {made} recorded")
        elif made > expected:
            row.note("wrong", f"{expected} commands were done and {made} recorded")
    return row


def run(upstream: Path, rounds: int = 100, pairs: Iterable[tuple] = PAIRS) -> list[Row]:
    """Run all pairs."""
    with open_shop(upstream) as shop:
        return [drill(shop, *pair, rounds) for pair in pairs]
