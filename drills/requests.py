"""Generated requests: of the contract, nearly of the contract, and garbage of every kind.

Each is sent over HTTP to the real service and compared with what the contract itself says of it.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from firstflight.usecase import UseCase

JSON = "application/json"
PATHS = ("/predict", "/predict_batch")
REPLAY = {"x-firstflight-replay": "drill"}


@dataclass(frozen=True)
class Case:
    """One request, as bytes on the wire."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Row:
    """The drill's row: what was tried and what came of it; the last three must be 0 and empty."""

    tried: int = 0
    answered: int = 0
    refused: int = 0
    without_sentence: int = 0
    server_errors: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)


def row_strategy(contract: type[BaseModel], today: dt.date) -> st.SearchStrategy[dict[str, Any]]:
    """Return rows that the contract accepts, made from its JSON schema."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, spec in contract.model_json_schema()["properties"].items():
        options = [_of(part, today) for part in spec.get("anyOf", [spec])]
        fields[name] = st.one_of(options)
    # A time has minutes below 60, which no JSON schema can say.
    if "sched_dep_time" in fields:
        times = st.tuples(st.integers(0, 23), st.integers(0, 59))
        fields["sched_dep_time"] = times.map(lambda hm: hm[0] * 100 + hm[1])
    return st.fixed_dictionaries(fields)


def _of(spec: dict[str, Any], today: dt.date) -> st.SearchStrategy[Any]:
    if "enum" in spec:
        return st.sampled_from(spec["enum"])
    if spec.get("format") == "date":
        near = st.integers(-366, 366).map(lambda n: (today + dt.timedelta(days=n)).isoformat())
        return near
    if spec["type"] == "string":
        return st.from_regex(spec["pattern"].rstrip("$") + r"\Z")
    if spec["type"] == "integer":
        return st.integers(spec["minimum"], spec["maximum"])
    if spec["type"] == "number":
        return st.floats(spec["minimum"], spec["maximum"], allow_nan=False, width=32)
    return st.none()


DAYS = ["0001-01-01", "9999-12-31", "2013-02-30", "2013-4-1", "2013-04-01T00:00:00", "", "today"]
DAYS += ["2300-01-01", "-001-01-01", "\uff12\uff10\uff11\uff13-04-01", "2013-04-01\n", "1900-02-29"]
GARBAGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), 2**63, 1e308, -0.0, 5e-324])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*DAYS, "\x00", "\ud800", "A" * 5000, "<script>", "1", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@st.composite
def near(draw: Any, good: st.SearchStrategy[dict[str, Any]]) -> Any:
    """A good row, spoilt: fields of another value, missing or too many."""
    row = dict(draw(good))
    for name in draw(st.lists(st.sampled_from(sorted(row)), min_size=0, max_size=3)):
        what = draw(st.sampled_from(["garbage", "day", "missing", "limit"]))
        if what == "missing":
            row.pop(name, None)
        elif what == "day":
            row[name] = draw(st.sampled_from(DAYS))
        elif what == "limit":
            row[name] = draw(st.sampled_from([-1, 0, 1, 1e9, -1e9, 2359, 2360, 9999, 10000, 12.5]))
        else:
            row[name] = draw(GARBAGE)
    if draw(st.integers(0, 9)) == 0:
        row[draw(st.text(max_size=8))] = draw(GARBAGE)
    return row


def _dumped(value: Any) -> bytes:
    # NaN and Infinity are written as Python writes them, which is no JSON.
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def cases(draw: Any, good: st.SearchStrategy[dict[str, Any]], port: int) -> Case:
    """Draw one request."""
    rows = st.one_of(good, near(good), near(good), GARBAGE)
    path = draw(st.sampled_from(PATHS))
    kind = draw(st.sampled_from(["whole"] * 8 + ["wrapped", "raw", "cut", "deep", "bytes"]))
    if kind == "deep":
        body = draw(st.sampled_from([b"[", b'{"request":', b'{"a":['])) * draw(
            st.integers(1, 20_000)
        )
    elif kind == "bytes":
        body = draw(st.binary(max_size=200))
    else:
        row = draw(rows)
        whole = {"request": row} if path == "/predict" else {"requests": [row]}
        if path == "/predict_batch":
            whole["requests"] += draw(st.lists(rows, max_size=3))
        if kind == "wrapped":
            whole = draw(
                st.sampled_from([{"requests": row}, [whole], row, {**whole, "more": 1}, None])
            )
        body = _dumped(whole)
        if kind == "cut":
            body = body[: draw(st.integers(0, len(body)))]
        if kind == "raw":
            body = draw(st.sampled_from([b"\xff\xfe", b"\xef\xbb\xbf", b"null", b" "])) + body
    method, headers = "POST", [("content-type", JSON), ("host", f"127.0.0.1:{port}")]
    odd = draw(st.integers(0, 19))
    if odd == 0:
        method = draw(st.sampled_from(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "X"]))
    elif odd == 1:
        kinds = ["text/plain", "multipart/form-data", "multipart/form-data; boundary=x"]
        kinds += ["application/x-www-form-urlencoded", "", "application/vnd.bentoml+pickle"]
        headers[0] = ("content-type", draw(st.sampled_from([*kinds, "image/png", "json"])))
    elif odd == 2:
        headers = headers[1:]
    elif odd == 3:
        hosts = ["evil.example", "127.0.0.1.evil.example", "[", "", "localhost@evil.example:80"]
        headers[1] = ("host", draw(st.sampled_from(hosts)))
    elif odd == 4:
        origins = ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", ""]
        headers.append(("origin", draw(st.sampled_from(origins))))
    elif odd == 5:
        headers.append(("sec-fetch-site", draw(st.sampled_from(["cross-site", "same-site"]))))
    elif odd == 6:
        headers[0] = (
            "content-type",
            draw(st.sampled_from([f"{JSON}; charset=utf-8", JSON.upper()])),
        )
    return Case(method, path, tuple(headers), body)


def run(
    usecase: UseCase,
    port: int,
    *,
    n: int,
    today: dt.date,
    expected: Callable[[list[BaseModel]], list[float]],
    max_days: int = 366,
) -> Row:
    """Send generated requests to a service and compare each reply with what it should be.

    Parameters
    ----------
    usecase : UseCase
    port : int
        Of the service on 127.0.0.1, which holds one live release.
    n : int
        How many.
    today : date
        The clock's today.
    expected : callable
        ``expected(requests)`` returns the predictions of the live release.
    max_days : int
        ``service.max_days_from_today`` of the process.

    Returns
    -------
    Row
    """
    contract = usecase.request
    config = ConfigDict(extra="ignore")
    one = create_model("One", __config__=config, request=(contract, ...))
    many = create_model("Many", __config__=config, requests=(list[contract], ...))  # type: ignore[valid-type]
    found = Row()
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def asked(case: Case) -> list[BaseModel] | None:
        """Return the requests that must be answered, or None for one that must be refused."""
        given_headers = dict(case.headers)
        kind = given_headers.get("content-type", "").split(";")[0].strip().lower()
        foreign = "sec-fetch-site" in given_headers or "origin" in given_headers
        ours = given_headers["host"] == f"127.0.0.1:{port}"
        if case.method != "POST" or kind != JSON or foreign or not ours:
            return None
        try:
            if case.path == "/predict":
                rows = [one.model_validate_json(case.body).request]  # type: ignore[attr-defined]
            else:
                rows = many.model_validate_json(case.body).requests  # type: ignore[attr-defined]
        except ValidationError:
            return None
        return rows if all(abs((row.date - today).days) <= max_days for row in rows) else None

    @settings(
        max_examples=n,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(row_strategy(contract, today), port))
    def send(case: Case) -> None:
        found.tried += 1
        status, reply = _send(link, case)
        rows = asked(case)
        problem = ""
        if status >= 500:
            found.server_errors += 1
            problem = f"{status}"
        elif status == 200:
            found.answered += 1
            answers = json.loads(reply)
            said = [a["prediction"] for a in (answers if case.path != "/predict" else [answers])]
            if rows is None or said != (expected(rows) if rows else []):
                found.wrong += 1
                problem = "an answer that is not right"
        else:
            found.refused += 1
            if rows is not None:
                found.wrong += 1
                problem = f"{status} for a good request"
            elif case.method != "HEAD" and (not reply.strip() or b"Traceback" in reply):
                found.without_sentence += 1
                problem = f"{status} without a sentence"
        if problem and len(found.examples) < 10:
            found.examples.append(f"{problem}: {case}"[:500] + f" -> {reply[:200]!r}")

    send()
    link.close()
    return found


def _send(link: http.client.HTTPConnection, case: Case) -> tuple[int, bytes]:
    for attempt in (1, 2):
        try:
            link.putrequest(case.method, case.path, skip_host=True, skip_accept_encoding=True)
            for name, value in (*case.headers, *REPLAY.items()):
                link.putheader(name, value)
            link.putheader("content-length", str(len(case.body)))
            link.endheaders(case.body)
            reply = link.getresponse()
            return reply.status, reply.read()
        except (http.client.HTTPException, ConnectionError):
            link.close()  # the server may close a connection after a refusal
            if attempt == 2:
                raise
    raise AssertionError("not reached")
