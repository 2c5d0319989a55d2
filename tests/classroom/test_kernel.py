"""In a real kernel, as JupyterLab runs one: ids of cells, the Stop button, `await`."""

from __future__ import annotations

import json
import time

import pytest

SETUP = """
from classroom import answers, check
from classroom.exercises import exercise
exercise("99-ex1", "n", hint="h", vary=lambda given: {"five": 6})(
    lambda n: n == 5 or "Count again."
)
answers.watch("99")
five = 5
"""


@pytest.fixture
def kernel(ws, tmp_path, monkeypatch):
    """Start a kernel; return a function that runs a cell and returns what it showed."""
    from jupyter_client.manager import start_new_kernel

    cell = {"id": "99-ex1", "cell_type": "code", "source": ["n = five"]}
    (tmp_path / "99_try.ipynb").write_text(json.dumps({"cells": [cell]}))
    monkeypatch.setenv("FIRSTFLIGHT_SOLUTIONS", str(tmp_path))
    manager, client = start_new_kernel(kernel_name="python3")

    def run(code, cell_id=None, stop_after=None):
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        message = client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        client.shell_channel.send(message)
        shown, began = [], time.monotonic()
        while True:
            reply = client.get_iopub_msg(timeout=60)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, what = reply["msg_type"], reply["content"]
            if kind == "status" and what["execution_state"] == "busy" and stop_after:
                time.sleep(max(0, stop_after - (time.monotonic() - began)))
                manager.interrupt_kernel()
            if kind == "stream":
                shown.append(what["text"])
            elif kind in ("display_data", "execute_result"):
                shown.append(what["data"]["text/plain"])
            elif kind == "error":
                shown.append(what["ename"])
            elif kind == "status" and what["execution_state"] == "idle":
                return " | ".join(shown)

    run(SETUP)
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_answers_in_a_kernel(kernel):
    def tried(text, **how):
        kernel(text, "99-ex1", **how)
        return kernel('check("99-ex1")', "abcdef12")

    said = tried("n = 4")  # known by the id of its cell
    assert "Count again." in said and kernel('check("99-ex1")') == said
    assert "typed in" in tried("n = 5")
    assert tried("n = five") == "99-ex1: passed."
    assert "stopped before its end" in tried("import time\ntime.sleep(30)\nn = 5", stop_after=1)
    wait = "import asyncio\nawait asyncio.sleep(30)\nn = 5"
    assert "stopped before its end" in tried(wait, stop_after=1)
    assert "SyntaxError" in tried("n = = 5")
    assert tried("n = five\nimport asyncio\nawait asyncio.sleep(0)") == "99-ex1: passed."
    assert tried("%%time\nn = five") == "99-ex1: passed."
    assert "changes five" in tried("five = 5.0\nn = five")
    assert kernel("print(five, type(five))") == "5 <class 'int'>\n"
    assert tried("n = five\nn") == "99-ex1: passed."
