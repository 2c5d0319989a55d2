"""Callers that cost little: the load and the service share the machine."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

HEADERS = "content-type: application/json\r\nx-firstflight-replay: bench\r\n"


@dataclass
class Outcome:
    """What callers saw.

    Attributes
    ----------
    ms : list of float
        Milliseconds from the request to the last byte of each answer.
    statuses : dict of int to int
        Answers per status; 0 stands for a connection that ended without one.
    seconds : float
        From the first request to the last answer.
    """

    ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    each: list[int] = field(default_factory=list)  # status per entry of `ms`

    def of(self, status: int) -> Outcome:
        """Return the requests that were answered with this status."""
        ms = [ms for ms, seen in zip(self.ms, self.each, strict=True) if seen == status]
        return Outcome(ms, {status: len(ms)}, self.seconds, [status] * len(ms))

    def add(self, status: int, ms: float) -> None:
        """Count one answer."""
        self.ms.append(ms)
        self.each.append(status)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    @property
    def p50(self) -> float:
        """Median, milliseconds."""
        return statistics.median(self.ms)

    @property
    def p99(self) -> float:
        """The 99th percentile, milliseconds."""
        return sorted(self.ms)[min(len(self.ms) - 1, int(len(self.ms) * 0.99))]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.ms) / self.seconds


class Caller:
    """One connection that is kept open.

    Parameters
    ----------
    port : int
    headers : str
        Header lines to send, each with its line end.
    """

    def __init__(self, port: int, headers: str = HEADERS) -> None:
        self.port, self.headers = port, headers
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one body, and return status and content of the answer."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self.port, limit=1 << 26
            )
        assert self.reader is not None
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{self.headers}"
        self.writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(lines.split(b" ", 2)[1])
        at = lines.find(b"content-length:")
        if at >= 0:
            length = int(lines[at + 15 : lines.find(b"\r", at)])
            content = await self.reader.readexactly(length)
        else:
            content = b""
            while (size := int(await self.reader.readline(), 16)) > 0:
                content += await self.reader.readexactly(size)
                await self.reader.readline()
            await self.reader.readline()
        if b"connection: close" in lines:
            await self.close()
        return status, content

    async def close(self) -> None:
        """End the connection."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def one_after_the_other(port: int, path: str, bodies: Sequence[bytes]) -> Outcome:
    """Send the bodies over one connection, each when the one before it was answered."""
    return together(port, path, bodies, callers=1)


def together(port: int, path: str, bodies: Sequence[bytes], callers: int) -> Outcome:
    """Send the bodies by `callers` callers at once, each asking again when it was answered."""
    return asyncio.run(_together(port, path, bodies, callers))


async def _together(port: int, path: str, bodies: Sequence[bytes], callers: int) -> Outcome:
    outcome, left = Outcome(), iter(bodies)
    gc.disable()  # the caller's own pauses are not the service's

    async def ask() -> None:
        caller = Caller(port)
        for body in left:
            begun = time.perf_counter()
            try:
                status, _ = await caller.post(path, body)
            except (OSError, asyncio.IncompleteReadError):
                status = 0
                await caller.close()
            outcome.add(status, 1000 * (time.perf_counter() - begun))
        await caller.close()

    begun = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(callers)))
    outcome.seconds = time.perf_counter() - begun
    gc.enable()
    return outcome


def at_a_rate(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    per_second: float,
    seconds: float,
    seen: Callable[[float, float, int, bytes], None] | None = None,
    connections: int = 200,
) -> Outcome:
    """Send requests at a rate that does not wait for answers.

    Parameters
    ----------
    seen : callable, optional
        Is told start and end (seconds of the wall clock), status and content of each answer.
    connections : int
        Most requests underway; beyond that the rate is not held.
    """
    return asyncio.run(_at_a_rate(port, path, bodies, per_second, seconds, seen, connections))


async def _at_a_rate(
    port: int,
    path: str,
    bodies: Sequence[bytes],
    per_second: float,
    seconds: float,
    seen: Callable[[float, float, int, bytes], None] | None,
    connections: int,
) -> Outcome:
    outcome, free = Outcome(), [Caller(port) for _ in range(connections)]
    tasks = set()
    gc.disable()

    async def ask(caller: Caller, body: bytes) -> None:
        begun, at = time.perf_counter(), time.time()
        try:
            status, content = await caller.post(path, body)
        except (OSError, asyncio.IncompleteReadError):
            status, content = 0, b""
            await caller.close()
        outcome.add(status, 1000 * (time.perf_counter() - begun))
        if seen is not None:
            seen(at, time.time(), status, content)
        free.append(caller)

    begun, sent, bodies_again = time.perf_counter(), 0, itertools.cycle(bodies)
    while (passed := time.perf_counter() - begun) < seconds:
        while sent < passed * per_second and free:
            task = asyncio.create_task(ask(free.pop(), next(bodies_again)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(0.001)
    while tasks:
        await asyncio.gather(*tasks)
    outcome.seconds = time.perf_counter() - begun
    gc.enable()
    for caller in free:
        await caller.close()
    return outcome


def who_come_again(
    port: int, path: str, bodies: Sequence[bytes], callers: int, seconds: float, after: float
) -> Outcome:
    """Let more callers ask than are served at once; who is told so (429) comes again later.

    Parameters
    ----------
    after : float
        Seconds that a caller who was sent away waits, as ``Retry-After`` says.
    """

    async def ask_all() -> Outcome:
        outcome, again = Outcome(), itertools.cycle(bodies)
        gc.disable()
        begun = time.perf_counter()

        async def ask() -> None:
            caller = Caller(port)
            while time.perf_counter() - begun < seconds:
                at = time.perf_counter()
                try:
                    status, _ = await caller.post(path, next(again))
                except (OSError, asyncio.IncompleteReadError):
                    status = 0
                    await caller.close()
                outcome.add(status, 1000 * (time.perf_counter() - at))
                if status == 429:
                    await asyncio.sleep(after)
            await caller.close()

        await asyncio.gather(*(ask() for _ in range(callers)))
        outcome.seconds = time.perf_counter() - begun
        gc.enable()
        return outcome

    return asyncio.run(ask_all())


@contextlib.contextmanager
def half_sent(port: int) -> Iterator[None]:
    """Hold a connection open that has sent its header and one byte of its body."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        head = f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{HEADERS}"
        link.sendall(f"{head}content-length: 400\r\n\r\n{{".encode())
        yield
