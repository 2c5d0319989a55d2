"""A service that was written in a notebook: its text, and its page without calls elsewhere."""

from __future__ import annotations

import linecache
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from _bentoml_impl import server as bentoml_server
from starlette.testclient import TestClient

from classroom import own_service
from classroom.errors import CourseError

CELL = "class Mine:\n    def predict(self):\n        return 1\n"


def made(name, text=None):
    variables = {}
    exec(compile(CELL, name, "exec"), variables)
    if text is not None:
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    mine = variables["Mine"]
    return SimpleNamespace(
        inner=mine, apis={"predict": SimpleNamespace(func=vars(mine)["predict"])}
    )


def test_the_text_of_a_service_is_its_whole_cell():
    text = "import bentoml\n" + CELL
    assert own_service.text_of(made("<cell 1>", text)) == text


def test_a_cell_that_is_not_known_is_the_reference_answer_or_an_error():
    unknown = made("<an answer>")
    with pytest.raises(CourseError, match="Mine is not known"):
        own_service.text_of(unknown)
    assert "class Departures" in own_service.text_of(unknown, "06-ex2")


@pytest.fixture
def page(tmp_path):
    html = (Path(bentoml_server.__file__).parent / "main-openapi.html").read_text()
    (tmp_path / "index.html").write_text(html)
    (tmp_path / "docs.json").write_text('{"info": {"description": "badge"}, "paths": {"/p": {}}}')
    (tmp_path / "metrics").write_text("n 3\n")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with TestClient(own_service.app(f"http://127.0.0.1:{server.server_port}")) as client:
        yield client
    server.shutdown()
    server.server_close()


def test_the_page_of_a_service_calls_nobody(page):
    reply = page.get("/")
    assert "swagger-ui-bundle.js" in reply.text
    assert "google" not in reply.text
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert page.get("/docs.json").json() == {"info": {}, "paths": {"/p": {}}}


def test_everything_else_is_the_service_s(page):
    assert page.get("/metrics").text == "n 3\n"
    assert page.get("/nothing").status_code == 404
