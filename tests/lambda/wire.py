"""A way to the database that can fall silent, as networks do that forget an idle connection and tell nobody."""

import socket
import threading
from pathlib import Path


class Wire:
    """Carries TCP connections on a port of its own to a Unix socket; use it as a context manager."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._cut: set[socket.socket] = set()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for end in self._open:
            end.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._open) // 2

    def forget(self) -> None:
        """Nothing that is sent over the connections there are arrives any more. New ones work."""
        self._cut.update(self._open)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # The test is over.
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._to))
            self._open += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                if source not in self._cut:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # One end is gone, and so is the other.
