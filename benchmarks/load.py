"""Callers: keep-alive connections that send ready-made bodies, as cheap as Python allows.

The client shares the machine with the service, so it must cost little: bodies are made before the
clock starts, and answers are not parsed until it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Load:
    """What came back.

    Attributes
    ----------
    ms : list of float
        Milliseconds of each answered request (status 200).
    seconds : float
        From the first request to the last answer.
    statuses : dict of int to int
        Replies by status; 0 counts lost connections.
    answers : list of (float, float, bytes)
        When each 200 was asked and came (``time.time()``), and its body.
    """

    ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    answers: list[tuple[float, float, bytes]] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """Median, milliseconds."""
        return float(np.percentile(self.ms, 50))

    @property
    def p99(self) -> float:
        """99th percentile, milliseconds."""
        return float(np.percentile(self.ms, 99))

    @property
    def per_second(self) -> float:
        """Requests answered with 200 in a second."""
        return len(self.ms) / self.seconds


class Caller:
    """One keep-alive connection."""

    def __init__(self, port: int, path: str, headers: dict[str, str] | None = None) -> None:
        self.port = port
        lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}"]
        lines += ["content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.head = ("\r\n".join(lines) + "\r\ncontent-length: ").encode()
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, body: bytes) -> tuple[int, bytes]:
        """Send one body; return status and answer, (0, b"") for a lost connection."""
        try:
            if self.writer is None or self.reader is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.writer.write(self.head + str(len(body)).encode() + b"\r\n\r\n" + body)
            head = await self.reader.readuntil(b"\r\n\r\n")
            low = head.lower()
            at = low.index(b"content-length:") + 15
            size = int(low[at : low.index(b"\r\n", at)])
            answer = await self.reader.readexactly(size) if size else b""
            if b"connection: close" in low:
                self.close()
            return int(head[9:12]), answer
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return 0, b""

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


def closed(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    n: int,
    callers: int = 1,
    headers: dict[str, str] | None = None,
    keep: bool = False,
) -> Load:
    """Let callers ask one after the other, each waiting for its answer (a closed loop)."""
    load = Load()
    turn = iter(range(n))

    async def one() -> None:
        caller = Caller(port, path, headers)
        for i in turn:
            asked, begun = time.time(), time.perf_counter()
            status, answer = await caller.ask(bodies[i % len(bodies)])
            load.statuses[status] = load.statuses.get(status, 0) + 1
            if status == 200:
                load.ms.append(1000 * (time.perf_counter() - begun))
                if keep:
                    load.answers.append((asked, time.time(), answer))
        caller.close()

    async def whole() -> None:
        begun = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(callers)))
        load.seconds = time.perf_counter() - begun

    asyncio.run(whole())
    return load


def steady(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    headers: dict[str, str] | None = None,
    keep: bool = True,
) -> Load:
    """Ask at a fixed rate, whether or not the answers come (an open loop).

    A request that had to wait for a connection counts from the moment it was due.
    """
    load = Load()

    async def whole() -> None:
        idle: list[Caller] = []
        tasks = []
        begun = time.perf_counter()

        async def one(i: int, due: float) -> None:
            asked = time.time()
            caller = idle.pop() if idle else Caller(port, path, headers)
            status, answer = await caller.ask(bodies[i % len(bodies)])
            load.statuses[status] = load.statuses.get(status, 0) + 1
            idle.append(caller)
            if status == 200:
                load.ms.append(1000 * (time.perf_counter() - due))
                if keep:
                    load.answers.append((asked, time.time(), answer))

        for i in range(int(rate * seconds)):
            due = begun + i / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.ensure_future(one(i, due)))
        await asyncio.gather(*tasks)
        load.seconds = time.perf_counter() - begun
        for caller in idle:
            caller.close()

    asyncio.run(whole())
    return load
