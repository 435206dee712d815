"""What goes on after an answer ends before the next event is asked for, which is when Lambda freezes the function."""

import time
from http.server import BaseHTTPRequestHandler

import pytest

import events
from function_process import FunctionProcess
from model import SENTENCES, Model
from server import Server, whole
from user import User

# How long the collector of reports takes for one.
REPORT_S = 0.4


class Collector(Server):
    """Takes error reports, slowly; use it as a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self.taken_at_us: list[int] = []

    def answer(self, call: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(REPORT_S)
        self.taken_at_us.append(time.time_ns() // 1000)
        whole(call, b"{}", "application/json")

    @property
    def dsn(self) -> str:
        return f"http://key@{self.address}/1"


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
        with FunctionProcess("chat", tmp_path, **user.settings, **model.settings) as chat:
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


def test_it_ends_when_lambda_is_gone(tmp_path):
    with FunctionProcess("health", tmp_path) as health:
        health.api.await_poll()
        assert health.api.invoke(events.rest("GET", "/api/health")).metadata["statusCode"] == 200
        health.api.await_poll()
        health.api.hang_up()
        health.await_end()
        assert '"message":"the function stopped"' in health.log
