"""What goes on after an answer ends before the next event is asked for, which is when Lambda freezes the function."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import events
from function_process import FunctionProcess
from model import SENTENCES, Model
from test_signed_in import User

# How long the collector of reports takes for one.
REPORT_S = 0.4


class Collector:
    """Takes error reports, slowly; use it as a context manager."""

    def __init__(self) -> None:
        self.taken_at_us: list[int] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                time.sleep(REPORT_S)
                collector.taken_at_us.append(time.time_ns() // 1000)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Collector":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self._server.server_address[1]}/1"


def test_a_report_leaves_before_the_freeze_and_the_client_does_not_wait_for_it(tmp_path):
    account = {"email": "ada@example.com", "password": "correct horse battery staple"}
    with Collector() as collector, FunctionProcess("auth", tmp_path, SENTRY_DSN=collector.dsn) as auth:
        auth.api.await_poll()
        answer = auth.api.invoke(events.rest("POST", "/api/auth/login", body=account))
        polled_at_us = auth.api.await_poll()
        assert answer.metadata["statusCode"] >= 500, "there is no database"
        [taken_at_us] = collector.taken_at_us
        assert answer.chunks[-1][0] < taken_at_us < polled_at_us


@pytest.mark.parametrize("hangs_up_at", [None, SENTENCES[0].strip().encode()], ids=["whole", "broken off"])
def test_a_reply_is_written_to_its_end_before_the_freeze(start, database, tmp_path, hangs_up_at):
    user = User(start, database, events.rest)
    asked = user.event("POST", "/api/chat", headers={"accept": "text/plain"}, body={"content": "What is done?"})
    with Model() as model:
        settings = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model.base_url, "ALMANAC_DEFAULT_MODEL": "openai/test"}
        with FunctionProcess("chat", tmp_path, **user.settings, **settings) as chat:
            chat.api.hangs_up_at = hangs_up_at
            chat.api.await_poll()
            answer = chat.api.invoke(asked)
            assert chat.api.await_poll() > model.ended_at_us > 0
            [reply, _question] = user.start("history").invoke(user.event("GET", "/api/chat/history")).json()
            assert (reply["status"], reply["content"]) == ("complete", "".join(SENTENCES))

            assert answer.body.decode().startswith(SENTENCES[0].strip())
            assert ("could not be sent" in chat.log) == (hangs_up_at is not None)
            chat.api.hangs_up_at = None
            assert chat.api.invoke(asked).metadata["statusCode"] == 200, "the environment lives on"
