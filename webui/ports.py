"""The port to listen at, taken before anything heavy is imported, so that a taken one is told at once."""

from __future__ import annotations

import errno
import os
import socket


class PortTaken(Exception):
    """None of the ports was free; ``port`` is the first of them."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.port = port


def listen(host: str, port: int, tries: int = 1) -> socket.socket:
    """A socket bound to ``port``, or to the first free one of the ``tries`` from there up. Port 0: any free one.

    Raises PortTaken, or OSError where ``host`` is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + tries, 65536)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere it would let two programs have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            listener.set_inheritable(False)
            return listener
    raise PortTaken(port)
