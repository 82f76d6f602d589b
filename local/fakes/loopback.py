"""What every fake's HTTP has in common: a server that takes a burst, and a door that is quiet and can hang up."""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """On loopback only; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 256  # the default of 5 refuses a burst of calls

    def __init__(self, port: int, door: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), door)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is no news; anything else is a bug of the fake and is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class LoopbackDoor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every call takes 40 ms

    def hang_up(self) -> None:
        """A plain close() would leave the client waiting."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the fake's own books tell what happened."""
