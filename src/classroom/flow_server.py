"""Prefect's server, for this machine's programs and its own pages only.

    python -m classroom.flow_server PORT

does what ``prefect server start`` does, with one thing before it: a request whose ``Host`` or
``Origin`` is another one's is refused. Prefect's own settings (no foreign origin may read, a token
for each write) do not stop a page whose host name was made to lead to 127.0.0.1, nor a websocket.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

REFUSED = b'{"detail": "This server answers requests of its own machine and pages only."}'


class OwnPagesOnly:
    """Middleware that refuses what another web page asks.

    Parameters
    ----------
    app : ASGI application
    port : int
        The port that the server listens on; with 127.0.0.1 and localhost it makes its own names.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.names = {f"{host}:{port}" for host in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        if scope["type"] not in {"http", "websocket"} or self.ours(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        else:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSED})

    def ours(self, scope: Scope) -> bool:
        """Tell whether a request names this server, and no page of another one sent it."""
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value.decode("latin-1"))
        hosts, origins = headers.get(b"host", []), headers.get(b"origin", [])
        return (
            len(hosts) == 1
            and hosts[0] in self.names
            and all(urlsplit(origin).netloc in self.names for origin in origins)
        )


def main(port: int) -> None:
    """Serve until the process is ended."""
    from prefect.server.api.server import create_app  # seconds

    uvicorn.run(
        OwnPagesOnly(create_app(final=True), port),
        host="127.0.0.1",
        port=port,
        timeout_keep_alive=5,  # as `prefect server start`
        log_level="warning",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
