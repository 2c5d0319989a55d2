"""What comes in before anything is parsed: who asks, how much, and whether there is room.

A small ASGI middleware. Whatever it refuses changes nothing, costs little, and gets one sentence.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from firstflight.process import ServiceRules

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEALTH = ("/livez", "/readyz", "/healthz")  # they say nothing, and probes ask by address
RETRY_AFTER_SECONDS = 1


class Refusal(Exception):
    """A request that is not let in: status and sentence."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


class Doorkeeper:
    """Let in what may be answered, and refuse the rest with one sentence.

    - 403: a Host name that is not ours, or a request that another web page made a browser send.
    - 405, 415: not a POST of ``application/json``.
    - 408, 413: a body that is too slow or too large; it is not read to its end.
    - 429: `max_concurrent` requests are being worked on. ``Retry-After`` says when to ask again.

    A body is read before its request counts as being worked on, so a slow caller takes no place.

    Parameters
    ----------
    app : ASGI application
    rules : ServiceRules
    paths : collection of str
        The paths of the endpoints.
    free : collection of str
        Those of them that are answered under any load.
    """

    def __init__(
        self, app: App, rules: ServiceRules, paths: Collection[str], free: Collection[str] = ()
    ) -> None:
        self.app, self.rules, self.paths, self.free = app, rules, set(paths), set(free)
        self.max_bytes = int(rules.max_body_mb * 1e6)
        self.hosts = {host.lower() for host in rules.allowed_hosts}
        self.working = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            headers = {k.lower(): v for k, v in scope["headers"]}
            path = scope["path"]
            if path not in HEALTH:
                self._check_origin(headers)
            if path not in self.paths:
                return await self.app(scope, receive, send)
            self._check_form(scope["method"], path, headers)
            counted = path not in self.free
            if counted:
                self._check_room()
            body = await self._body(receive)
            if counted:
                self._check_room()
                self.working += 1
            try:
                await self.app(scope, _again(body, receive), send)
            finally:
                self.working -= counted
        except Refusal as refusal:
            await _refuse(send, refusal)

    def _check_origin(self, headers: dict[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        if name not in self.hosts:
            raise Refusal(
                403,
                "This service is not asked under that Host name: use one of "
                f"{', '.join(sorted(self.hosts))} (service.allowed_hosts in process.toml).",
            )
        origin = headers.get(b"origin")
        ours = origin is None or origin.decode("latin-1").lower().partition("//")[2] == host
        site = headers.get(b"sec-fetch-site", b"none")
        if not ours or site not in (b"none", b"same-origin"):
            raise Refusal(
                403, "Requests from another web page are not answered: ask from a program."
            )

    def _check_form(self, method: str, path: str, headers: dict[bytes, bytes]) -> None:
        if method != "POST":
            raise Refusal(405, f"{path} is asked with POST.", allow="POST")
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refusal(415, "The body must be JSON: send it as application/json.")
        length = headers.get(b"content-length", b"0")
        # What is no number was refused by the server that parsed the header.
        if length.isdigit() and int(length[:18]) > self.max_bytes:
            raise self._too_large()

    def _check_room(self) -> None:
        if self.working >= self.rules.max_concurrent:
            raise Refusal(
                429,
                f"{self.working} requests are being worked on, which is what this service can do: "
                f"ask again in {RETRY_AFTER_SECONDS} s.",
                **{"retry-after": str(RETRY_AFTER_SECONDS)},
            )

    async def _body(self, receive: Receive) -> bytes:
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.rules.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(400, "The caller hung up.")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self.max_bytes:
                        raise self._too_large()
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            raise Refusal(
                408,
                f"The body did not arrive within {self.rules.body_seconds:g} s: send it again.",
                connection="close",
            ) from None

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            f"The body is larger than {self.rules.max_body_mb:g} MB: send smaller batches.",
            connection="close",  # else the server would read the rest of it
        )


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that gives the body that was read, then what else comes."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.sentence}).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refusal.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
