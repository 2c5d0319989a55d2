"""Two states are the same whenever they were made, and differ where what was decided differs."""

from __future__ import annotations

import json

from classroom import sameness
from firstflight.workspace import Workspace


def put(ws, entry):
    folder = ws.records / "flights" / "deployments"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "000001.json").write_text(json.dumps(entry))


def test_what_differs_is_named(tmp_path):
    one, other = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    put(one, {"n": 1, "after": {"live": "1"}, "made_at": "10:00"})
    put(other, {"n": 1, "after": {"live": "1"}, "made_at": "11:00"})
    assert sameness.state(one) == sameness.state(other)
    put(other, {"n": 1, "after": {"live": "2"}, "made_at": "11:00"})
    differs = {k for k, v in sameness.state(one).items() if sameness.state(other)[k] != v}
    assert differs == {"history"}
    (other.state / "flights").mkdir(parents=True)
    (other.state / "flights" / "a.parquet").write_bytes(b"1")
    assert sameness.state(one)["feature state"] != sameness.state(other)["feature state"]
