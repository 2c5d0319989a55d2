"""Put on PYTHONPATH: every Python process notes which outside names and addresses it asks.

The file that ``FIRSTFLIGHT_NET_LOG`` names gets one line for each, and the call fails, as it would
without a network. Loopback is neither noted nor refused. Kernels, servers and workers inherit both.
"""

import ipaddress
import os
import sys

LOG = os.environ.get("FIRSTFLIGHT_NET_LOG")
HERE = {"localhost", "", "None", "0.0.0.0", "::"}  # the last two: asking for any local port


def _outside(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in HERE:
        return False
    try:
        return not ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return True


def _watch(event: str, args: tuple) -> None:
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = args[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if _outside(host):
        with open(LOG, "a", encoding="utf-8") as log:  # type: ignore[arg-type]
            log.write(f"{event} {host} by {' '.join(sys.orig_argv)[:120]}\n")
        raise OSError(f"offline: {host}")


if LOG:
    sys.addaudithook(_watch)
