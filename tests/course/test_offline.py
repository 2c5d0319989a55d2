"""The watch over the network: it sees an outside name, and is quiet about this machine."""

import os
import subprocess
import sys
from pathlib import Path

WATCH = Path(__file__).parents[1] / "offline"


def asked(code: str, tmp_path: Path) -> list[str]:
    """Run code in a watched Python and return what it asked outside this machine."""
    log = tmp_path / "net.log"
    log.touch()
    env = {**os.environ, "PYTHONPATH": str(WATCH), "FIRSTFLIGHT_NET_LOG": str(log)}
    subprocess.run([sys.executable, "-c", code], env=env, check=False, capture_output=True)
    return log.read_text().splitlines()


def test_an_outside_name_is_seen(tmp_path):
    found = asked("import socket; socket.getaddrinfo('example.invalid', 443)", tmp_path)
    assert len(found) == 1 and "example.invalid" in found[0]


def test_an_outside_address_is_seen_in_a_child_process_too(tmp_path):
    code = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', "
        "'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        's.sendto(b"", ("192.0.2.1", 9))\'])'
    )
    found = asked(code, tmp_path)
    assert len(found) == 1 and "192.0.2.1" in found[0]


def test_this_machine_is_not(tmp_path):
    code = (
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "socket.create_connection(('localhost', s.getsockname()[1]))"
    )
    assert asked(code, tmp_path) == []
