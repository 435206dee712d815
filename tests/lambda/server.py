"""An HTTP server on a port of its own, the ground for stand-ins of other parties."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Hands each POST to `answer`; use it as a context manager."""

    def __init__(self) -> None:
        self.connections = 0
        """How many connections there have been."""
        self._open: set[socket.socket] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server.connections += 1
                server._open.add(self.connection)

            def finish(self) -> None:
                server._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                try:
                    server.answer(self, self.rfile.read(int(self.headers["content-length"])))
                except ConnectionError:
                    self.close_connection = True  # The function has hung up.

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def answer(self, call: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answers one request."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Closes the connections that callers have kept for later."""
        for connection in list(self._open):
            connection.shutdown(socket.SHUT_RDWR)


def whole(call: BaseHTTPRequestHandler, body: bytes, media_type: str) -> None:
    """An answer of known length."""
    call.send_response(200)
    call.send_header("content-type", media_type)
    call.send_header("content-length", str(len(body)))
    call.end_headers()
    call.wfile.write(body)
