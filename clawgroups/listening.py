"""The address that a server takes; apart from it, since a taken one is to be told before all that is loaded."""

from __future__ import annotations

import socket

from clawgroups.errors import Invalid


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 picks a free one. Raises Invalid for an address that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(512)
    except OSError as error:
        made.close()
        raise Invalid(
            f"Port {port} on {host} cannot be used: {error.strerror}.",
            hint="Choose another --port, or 0 for a free one.",
        ) from error
    return made
