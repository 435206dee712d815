"""A stand-in for Lambda's Runtime API that notes when each byte of an answer arrives.

It hands the events out one by one, keeps what the function posts, and can tell what an emulator
hides: the time of every chunk and the trailers that follow them.
"""

import json
import queue
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field

METADATA_END = b"\0" * 8


@dataclass
class Answer:
    """What the function posted for one invocation."""

    request_id: str
    path: str
    headers: dict[str, str]
    chunks: list[tuple[int, bytes]] = field(default_factory=list)
    """Each chunk with the time of its arrival, in microseconds since 1970."""
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        return b"".join(chunk for _, chunk in self.chunks)

    @property
    def metadata(self) -> dict:
        return json.loads(self.raw.split(METADATA_END, 1)[0])

    @property
    def body(self) -> bytes:
        return self.raw.split(METADATA_END, 1)[1]


class RuntimeApi:
    """Serves one function on a port of its own; use it as a context manager."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._events: queue.Queue[tuple[str, dict]] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._polled_at_us: queue.Queue[int] = queue.Queue()
        self.hangs_up_at: bytes | None = None
        """When an answer has shown these bytes its connection is closed, as by a gateway that gives up."""
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "RuntimeApi":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings by which a function finds this API."""
        return {
            "AWS_LAMBDA_RUNTIME_API": self.address,
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        }

    def invoke(self, event: dict, timeout_s: float = 20) -> Answer:
        """One invocation, to the end of its answer."""
        self._events.put((str(uuid.uuid4()), event))
        return self._answers.get(timeout=timeout_s)

    def await_poll(self, timeout_s: float = 20) -> int:
        """Waits until the function asks for an event, which it does once for each; tells when, in microseconds since 1970."""
        return self._polled_at_us.get(timeout=timeout_s)

    def hang_up(self) -> None:
        """Is gone, for good."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # The listener was closed: the test is over.
            self._open.append(connection)
            threading.Thread(target=self._serve_until_gone, args=(connection,), daemon=True).start()

    def _serve_until_gone(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except ConnectionError:
            pass  # A function that is ended hangs up.

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while request_line := stream.readline():
            method, path, _ = request_line.decode().split(" ", 2)
            headers = _read_headers(stream)
            if method == "GET":
                self._polled_at_us.put(_now_us())
                request_id, event = self._events.get()
                _reply(connection, 200, json.dumps(event).encode(), request_id)
                continue
            answer = Answer(path.split("/")[-2], path, headers)
            whole = _read_body(stream, answer, self.hangs_up_at)
            self._answers.put(answer)
            if not whole:
                connection.shutdown(socket.SHUT_RDWR)
                return
            _reply(connection, 202, b"")


def _read_headers(stream) -> dict[str, str]:
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


def _read_body(stream, answer: Answer, hangs_up_at: bytes | None) -> bool:
    """Reads to the end, or as far as it is wanted; tells whether that was the end."""
    if "content-length" in answer.headers:
        answer.chunks.append((_now_us(), stream.read(int(answer.headers["content-length"]))))
        return True
    while size := int(stream.readline(), 16):
        chunk = stream.read(size)
        answer.chunks.append((_now_us(), chunk))
        stream.readline()
        if hangs_up_at is not None and hangs_up_at in chunk:
            return False
    answer.trailers = _read_headers(stream)
    return True


def _reply(connection: socket.socket, status: int, body: bytes, request_id: str | None = None) -> None:
    lines = [f"HTTP/1.1 {status} OK", f"content-length: {len(body)}", "content-type: application/json"]
    if request_id is not None:
        deadline_ms = int(time.time() * 1000) + 30_000
        lines += [f"lambda-runtime-aws-request-id: {request_id}", f"lambda-runtime-deadline-ms: {deadline_ms}"]
        lines += ["lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:0:function:function"]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)


def _now_us() -> int:
    return time.time_ns() // 1000
