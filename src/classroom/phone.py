"""A phone on 127.0.0.1 that takes messages, so that an alarm has somebody to reach."""

from __future__ import annotations

import http.server
import threading


class Phone:
    """Takes what is posted to it, until the notebook ends.

    Attributes
    ----------
    url : str
        Where to post a message to: any text.
    messages : list of str
        What has come, the first one first.
    """

    def __init__(self) -> None:
        self.messages: list[str] = []
        messages = self.messages

        class Taker(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("content-length", 0)))
                messages.append(text.decode(errors="replace"))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Write nothing: the notebook's output is compared."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def __repr__(self) -> str:
        # No port: it is another one on every run, and outputs are compared.
        return f"a phone with {len(self.messages)} messages"
