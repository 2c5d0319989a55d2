"""A place where alerts arrive: a webhook on 127.0.0.1 that keeps what it was sent.

It stands for the team's chat, pager or mailbox. Whatever is posted as JSON is one message; its
first page lists them.
"""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from classroom import servers
from classroom.servers import Server
from firstflight.workspace import current

MOST = 100_000  # bytes of a message
PAGE = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>on call</title><body style="font-family:sans-serif;max-width:50em;margin:2em auto">
<h1>On call: {n}</h1>{messages}"""


def box() -> Path:
    """Return the file in which the messages of this workspace are kept."""
    return current().root / "on-call.jsonl"


def start() -> Server:
    """Start the receiver with an empty box.

    Returns
    -------
    Server
        Its ``url`` takes messages, and ``at("")`` is a link to the page that lists them.
    """
    box().unlink(missing_ok=True)
    return servers.start(
        "on-call", [sys.executable, "-m", "classroom.receiver", "{port}", str(box())], ready="/"
    )


def messages(path: Path | None = None) -> list[dict[str, Any]]:
    """Return what has arrived, oldest first.

    Parameters
    ----------
    path : Path, optional
        The file; that of the workspace by default.

    Returns
    -------
    list of dict
        The JSON bodies.
    """
    path = path or box()
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def aside() -> Iterator[list[dict[str, Any]]]:
    """Take what arrives meanwhile out of the box again: a check's own messages.

    Yields
    ------
    list of dict
        Filled at the end with what arrived.
    """
    before = box().read_text() if box().exists() else ""
    arrived: list[dict[str, Any]] = []
    try:
        yield arrived
    finally:
        arrived += messages()[len(before.splitlines()) :]
        box().write_text(before)


class Receiver(BaseHTTPRequestHandler):
    """Takes a message by POST, and lists all of them at GET."""

    path_of_box: Path

    def do_POST(self) -> None:
        """Keep one message; a page from elsewhere cannot send this content type unasked."""
        length = int(self.headers.get("content-length") or 0)
        if "application/json" not in self.headers.get("content-type", "") or length > MOST:
            self._answer(415, "")
            return
        try:
            message = json.loads(self.rfile.read(length))
        except ValueError:
            self._answer(400, "")
            return
        with self.path_of_box.open("a") as file:
            file.write(json.dumps(message) + "\n")
        self._answer(204, "")

    def do_GET(self) -> None:
        """List the messages."""
        found = messages(self.path_of_box)
        parts = [
            f"<h3>{html.escape(str(one.get('title', '')))}</h3>"
            f"<p>{html.escape(str(one.get('message', one)))}</p>"
            for one in found
            if isinstance(one, dict)
        ]
        n = f"{len(found)} message{'' if len(found) == 1 else 's'}"
        self._answer(200, PAGE.format(n=n, messages="".join(parts)))

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(port: int, path: Path) -> None:
    """Receive until the process ends.

    Parameters
    ----------
    port : int
        Of 127.0.0.1.
    path : Path
        Where the messages are kept.
    """
    handler = type("Bound", (Receiver,), {"path_of_box": path})
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
