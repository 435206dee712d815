"""A model provider that speaks one sentence at a time and notes when."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler

from server import Server

SENTENCES = ["One thing is done. ", "Two things are done. ", "Three things are done. ", "All things are done. "]
PAUSE_S = 0.06


class Model(Server):
    """OpenAI's chat completions; use it as a context manager."""

    def __init__(self, sentences: list[str] = SENTENCES) -> None:
        super().__init__()
        self._sentences = sentences
        self.sent_at_us: list[int] = []
        """When each sentence of the newest reply was sent."""
        self.ended_at_us = 0
        """When the newest reply was sent to its end."""
        self.speaks = threading.Event()
        """Set once a first sentence was sent."""

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def settings(self) -> dict[str, str]:
        """The settings by which a function finds it."""
        return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": self.base_url, "ALMANAC_DEFAULT_MODEL": "openai/test"}

    def answer(self, call: BaseHTTPRequestHandler, body: bytes) -> None:
        call.send_response(200)
        call.send_header("content-type", "text/event-stream")
        call.send_header("transfer-encoding", "chunked")
        call.end_headers()
        self.sent_at_us = []
        for sentence in self._sentences:
            time.sleep(PAUSE_S)
            self.sent_at_us.append(_now_us())
            _send(call, _chunk({"content": sentence}))
            self.speaks.set()
        _send(call, _chunk({}, finish_reason="stop"))
        _send(call, "data: [DONE]\n\n")
        self.ended_at_us = _now_us()
        call.wfile.write(b"0\r\n\r\n")


def _send(call: BaseHTTPRequestHandler, text: str) -> None:
    data = text.encode()
    call.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    call.wfile.flush()


def _chunk(delta: dict, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "test", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


def _now_us() -> int:
    return time.time_ns() // 1000
