"""Loaded by every Python of a course run under test: whoever asks for the outside is noted.

The folder stands in PYTHONPATH, so kernels, servers and their workers have it too. An outside
address is refused, as it would be without a network, and written to $FIRSTFLIGHT_NETWORK_LOG.
"""

import ipaddress
import os
import socket
import sys

HERE = {"", "localhost", socket.gethostname()}


def _outside(host: object) -> bool:
    if host is None:
        return False
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return not ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name not in HERE


def _watch(event: str, args: tuple) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        host = args[0] if event != "socket.sendto" else args[1][0]
    else:
        return
    if _outside(host):
        with open(os.environ["FIRSTFLIGHT_NETWORK_LOG"], "a") as log:
            log.write(f"{event} {host} by {' '.join(sys.orig_argv)[:120]}\n")
        raise OSError(f"offline: {host}")


if "FIRSTFLIGHT_NETWORK_LOG" in os.environ:
    sys.addaudithook(_watch)
