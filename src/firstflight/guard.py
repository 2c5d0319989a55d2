"""Who may ask and how much: what is settled before a request is parsed. An ASGI middleware.

Each refusal is one sentence; nothing of the request is written into any log.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from firstflight.process import ServiceRules

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PROBES = ("/livez", "/readyz", "/healthz")  # asked by machines that know an address and no name
COUNTED = ("/predict", "/predict_batch")


class Load:
    """How many requests are being answered, and how many were sent away.

    Attributes
    ----------
    single : int
        Requests to ``/predict`` that are being answered.
    all : int
        These, and requests to ``/predict_batch``.
    shed : int
        Requests that were sent away since the start because too many were being answered.
    """

    def __init__(self) -> None:
        self.single = self.all = self.shed = 0


class Guard:
    """Refuses what the service does not take, and hands on the rest with its body read.

    It refuses with one of these statuses and a sentence: 403 (asked under another name, or by a web
    page from elsewhere), 415 (the body is not plain JSON), 413 (it is too long), 408 (it comes too
    slowly) and 429 (as many requests are being answered as the service takes). The `PROBES` may be
    asked under any name.

    Parameters
    ----------
    app : ASGI application
        What answers the requests that are not refused.
    rules : ServiceRules
        ``[service]`` of ``process.toml``: the names, the limits and the times.
    load : Load
        Is kept up to date.
    """

    def __init__(self, app: App, rules: ServiceRules, load: Load) -> None:
        self.app, self.rules, self.load = app, rules, load
        self.most_bytes = int(rules.max_body_mb * 1e6)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request of an ASGI server; what is no HTTP request is handed on as it is.

        Parameters
        ----------
        scope : mapping of str to object
            What ASGI says of the request: type, method, path, headers.
        receive, send : callable
            ASGI's ways to read the body and to answer.
        """
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            return await _refuse(send, *refusal)
        if scope["method"] != "POST":
            return await self.app(scope, receive, send)
        try:
            async with asyncio.timeout(self.rules.body_seconds):
                body = await self._read(receive)
        except TimeoutError:
            why = f"The body did not arrive within {self.rules.body_seconds:g} s: send it at once."
            return await _refuse(send, 408, why)
        if body is None:
            return await _refuse(send, 413, self._too_long())
        if scope["path"] not in COUNTED:
            return await self.app(scope, _whole(body, receive), send)
        if self.load.all >= self.rules.max_concurrent:
            self.load.shed += 1
            again = str(self.rules.retry_after_seconds)
            why = (
                f"{self.rules.max_concurrent} requests are being answered, which is as many as "
                f"this service takes: ask again in {again} s."
            )
            return await _refuse(send, 429, why, {"retry-after": again})
        single = scope["path"] == "/predict"
        self.load.all += 1
        self.load.single += single
        try:
            await self.app(scope, _whole(body, receive), send)
        finally:
            self.load.all -= 1
            self.load.single -= single

    def _refusal(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        if scope["path"] in PROBES:
            return None
        if not self._is_ours(headers.get("host", "")):
            return 403, (
                "This service is not asked under that name: use one of "
                f"{', '.join(self.rules.hosts)}, or add the name to [service] hosts."
            )
        origin = headers.get("origin")
        foreign = origin is not None and not self._is_ours(urlsplit(origin).netloc)
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return 403, "A web page from elsewhere may not ask this service."
        if scope["method"] != "POST":
            return None
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            return 415, "The body must be JSON: send it with content-type: application/json."
        if headers.get("content-encoding", "identity") != "identity":
            return 415, "The body must not be compressed."
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self.most_bytes:
            return 413, self._too_long()
        return None

    def _is_ours(self, host: str) -> bool:
        return re.sub(r":\d*$", "", host).lower() in self.rules.hosts

    def _too_long(self) -> str:
        return f"The body is longer than {self.rules.max_body_mb:g} MB: send it in smaller batches."

    async def _read(self, receive: Receive) -> bytes | None:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b""  # the caller hung up
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.most_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


def _whole(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(send: Send, status: int, why: str, more: dict[str, str] | None = None) -> None:
    content = json.dumps({"error": why}).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(content)),
        # What was not read of the body must not be taken for the next request.
        **({"connection": "close"} if status in (403, 408, 413, 415) else {}),
        **(more or {}),
    }
    pairs = [(k.encode(), v.encode()) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
