"""Who asks a service: odd requests, and many callers at once."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from classroom import callers
from classroom.exercises import lesson_06
from firstflight.usecases.flights import FlightRequest


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        windy = body["flights"][0]["wind_speed"] > 120
        problem = {"loc": ["flights", 0, "wind_speed"], "msg": "too much"}
        reply = json.dumps({"detail": [problem]} if windy else [0.25]).encode()
        self.send_response(400 if windy else 200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args):
        pass


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_odd_requests_leave_the_good_one_as_it_is():
    before = dict(lesson_06.GOOD)
    odd = callers.odd_requests(lesson_06.GOOD)
    assert before == lesson_06.GOOD
    FlightRequest.model_validate(lesson_06.GOOD)
    refused = []
    for name, row in odd.items():
        try:
            FlightRequest.model_validate(row)
        except ValueError:
            refused.append(name)
    assert set(odd) - set(refused) == {"airline nobody knows"}


def test_ask_each_says_what_came(url):
    odd = {"windy": {"wind_speed": 1048.0}, "good": {"wind_speed": 3.0}}
    table = callers.ask_each(url, odd)
    assert table["status"].to_dict() == {"windy": 400, "good": 200}
    assert table["what came"].to_dict() == {"windy": "wind_speed: too much", "good": "0.250"}


def test_load_counts_answers_and_refusals(url):
    table = callers.compare({"one": url}, [{"wind_speed": 3.0}], callers=(1, 3))
    assert list(table.index) == [("one", 1), ("one", 3)]
    assert (table["answers per second"] > 0).all()
    assert (table["refused"] == 0).all()
    refused = callers.load(url, [{"wind_speed": 1048.0}], callers=2, seconds=0.5)
    assert refused["answers per second"] == 0
    assert refused["refused"] > 0
