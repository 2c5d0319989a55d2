"""A caller asks until it is told to stop, and there is only one of them."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from classroom import busy


class Stand(BaseHTTPRequestHandler):
    asked = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        type(self).asked += 1
        text = json.dumps({"release": "2", "prediction": 0.1}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class OneFlight:
    def requests(self, drops, first, last):
        return pd.DataFrame({"date": [pd.Timestamp(first)], "flight": [1]})


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stand)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_second_caller_ends_the_first(url, monkeypatch):
    monkeypatch.setattr(busy.operations, "landed", lambda usecase: None)
    first = busy.Caller(url, OneFlight())
    second = busy.Caller(url, OneFlight())
    asked = first.n
    deadline = time.monotonic() + 20
    while second.n < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    second.stop()
    second.stop()
    assert first.n == asked and second.n >= 3
    assert second.failed == 0 and second.versions == ["2"] and second.slowest_ms > 0
    asked = Stand.asked
    time.sleep(0.1)
    assert Stand.asked == asked
