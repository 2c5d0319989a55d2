"""Calls to ourselves go to ourselves, whatever the environment says about proxies (fault 37)."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from classroom import traffic
from firstflight import preflight, rollback

ROW = {"flight": 1}
CALLS = ("httpx.get", "httpx.post", "httpx.request", "httpx.Client", "httpx.AsyncClient")


class Stand(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = {"releases": {"live": {"version": "1"}}, "mode": "off", "release": "1"}
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def url(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Stand)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_our_calls_use_no_proxy(url):
    with pytest.raises(httpx.HTTPError):  # the control: the proxy does count for others
        httpx.post(f"{url}/status", json={}, timeout=5)
    assert traffic.wait_until(url, live="1")["mode"] == "off"
    with traffic.Steady(url, [ROW]) as caller:
        while caller.n < 3:
            pass
    assert caller.failed == 0 and set(caller.by_release) == {"1"}


def test_a_socks_proxy_hurts_nobody(url, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert traffic.wait_until(url, live="1")["mode"] == "off"


def test_no_call_of_ours_reads_the_environment():
    """Every client made in these modules says so."""
    import ast
    import inspect

    n = 0
    for module in (traffic, preflight, rollback):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("trust_env") == "False", ast.unparse(node)
                n += 1
    assert n >= 5
