"""Servers of tools, for this machine's programs and their own pages only.

    python -m classroom.own_pages prefect PORT
    python -m classroom.own_pages mlflow PORT

do what ``prefect server start`` and ``mlflow server`` with one worker do, with one thing before it:
a request whose ``Host`` or ``Origin`` is another one's is refused. Prefect's own settings (no
foreign origin may read, a token for each write) do not stop a page whose host name was made to lead
to 127.0.0.1, nor a websocket; MLflow's take the pages of every program of this machine.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from firstflight.workspace import current

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


def prefect() -> ASGIApp:
    """Return Prefect's server, its pages and its services."""
    from prefect.server.api.server import create_app  # seconds

    return create_app(final=True)


def mlflow() -> ASGIApp:
    """Return MLflow's server and its pages, on the database of the workspace in use."""
    from mlflow import server

    # What `mlflow server` tells its workers with --backend-store-uri and --default-artifact-root.
    ws = current()
    os.environ[server.BACKEND_STORE_URI_ENV_VAR] = ws.tracking_uri
    os.environ[server.ARTIFACT_ROOT_ENV_VAR] = ws.artifacts.as_uri()
    from mlflow.server.fastapi_app import app

    return app


def main(tool: str, port: int) -> None:
    """Serve until the process is ended."""
    app = {"prefect": prefect, "mlflow": mlflow}[tool]()
    uvicorn.run(
        OwnPagesOnly(app, port),
        host="127.0.0.1",
        port=port,
        timeout_keep_alive=5,  # as both tools' own commands
        log_level="warning",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
