"""A model provider that speaks one sentence at a time and notes when."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SENTENCES = ["One thing is done. ", "Two things are done. ", "Three things are done. ", "All things are done. "]
PAUSE_S = 0.06


class Model:
    """OpenAI's chat completions on a port of its own; use it as a context manager."""

    def __init__(self, sentences: list[str] = SENTENCES) -> None:
        self.sent_at_us: list[int] = []
        """When each sentence of the newest reply was sent."""
        self.speaks = threading.Event()
        """Set once a first sentence was sent."""
        self.ended_at_us = 0
        """When the newest reply was sent to its end."""
        self.connections = 0
        """How many connections there have been."""
        self._open: set[socket.socket] = set()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                model.connections += 1
                model._open.add(self.connection)

            def finish(self) -> None:
                super().finish()
                model._open.discard(self.connection)

            def do_POST(self) -> None:
                try:
                    self._reply()
                except ConnectionError:
                    self.close_connection = True  # The function has hung up, as it does when told to stop.

            def _reply(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                model.sent_at_us = []
                for sentence in sentences:
                    time.sleep(PAUSE_S)
                    model.sent_at_us.append(time.time_ns() // 1000)
                    self._send(_chunk({"content": sentence}))
                    model.speaks.set()
                self._send(_chunk({}, finish_reason="stop"))
                self._send("data: [DONE]\n\n")
                model.ended_at_us = time.time_ns() // 1000
                self.wfile.write(b"0\r\n\r\n")

            def _send(self, text: str) -> None:
                data = text.encode()
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hang_up(self) -> None:
        """Closes the connections that callers have kept for later."""
        for connection in list(self._open):
            connection.shutdown(socket.SHUT_RDWR)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"


def _chunk(delta: dict, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "test", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"
