"""Telling the service manager how the mount is: systemd's notify protocol, sd_notify(3).

Where nobody listens nothing is said, and whatever becomes of a word, the mount goes on.
"""

import logging
import os
import socket

log = logging.getLogger(__name__)

SOCKET_VARIABLE = "NOTIFY_SOCKET"
VARIABLES = frozenset({SOCKET_VARIABLE, "WATCHDOG_USEC", "WATCHDOG_PID"})
"""What the service manager tells its process alone: children are not to speak for it."""

_PATIENCE_S = 1.0
"""Only a manager that is swamped does not take a word at once."""


def is_wanted() -> bool:
    """Say whether a service manager waits for word of this process."""
    return bool(os.environ.get(SOCKET_VARIABLE))


def tell(*lines: str) -> bool:
    """Send ``READY=1``, ``STATUS=…`` and the like, in one message; say whether it was taken."""
    address = os.environ.get(SOCKET_VARIABLE, "")
    if not address.startswith(("/", "@")):  # a machine's own manager may be beyond a vsock
        return False
    # An abstract name (unix(7)) begins with a zero byte, which no variable can hold.
    name = "\0" + address[1:] if address.startswith("@") else address
    message = "\n".join(line.replace("\n", " ") for line in lines)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_PATIENCE_S)
            channel.connect(name)
            channel.sendall(message.encode(errors="replace"))
    except OSError as error:
        log.warning("the service manager does not hear us: %s", error)
        return False
    return True


def watchdog_period_s() -> float | None:
    """Return how often the manager must hear ``WATCHDOG=1``; None where it does not ask for it.

    Twice as often as it asks for, as sd_watchdog_enabled(3) advises.
    """
    asked, whom = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not asked.isdigit() or int(asked) == 0 or whom not in ("", str(os.getpid())):
        return None
    return int(asked) / 1e6 / 2
