"""Lambda freezes a function between two events, for seconds or hours, while the world goes on: connections end, and
nobody tells. The first request after the thaw is answered as if nothing had been.

SIGSTOP freezes a process likewise. Its clocks go on, as those of a Lambda environment do.
"""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import events
from model import SENTENCES, Model
from server import Server, whole
from user import User
from wire import Wire

# A connection that was used so lately is trusted without asking, so both ways are tried.
TRUSTED_S = 10
GAPS = pytest.mark.parametrize("gap_s", [0.5, TRUSTED_S + 1], ids=["trusted", "asked"])


@contextmanager
def frozen(*functions):
    """Within, these functions stand still."""
    for function in functions:
        os.kill(function.process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        for function in functions:
            os.kill(function.process_id, signal.SIGCONT)


def end_backends(database) -> None:
    """Ends all connections of the application's logins at the server, as pg_terminate_backend does."""
    backends = [process for process in Path("/proc").glob("[0-9]*") if is_backend(process, database)]
    assert backends, "the functions have connections"
    for process in backends:
        os.kill(int(process.name), signal.SIGTERM)
    deadline = time.monotonic() + 10
    while any(process.exists() for process in backends):
        assert time.monotonic() < deadline, "PostgreSQL ends its backends"
        time.sleep(0.02)


def is_backend(process: Path, database) -> bool:
    try:
        title = (process / "cmdline").read_bytes()
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False  # It has ended meanwhile.
    return title.startswith(b"postgres: almanac_") and parent == database.server_id


def test_a_connection_that_the_network_forgot_is_replaced(start, database):
    user = User(start, database, events.rest)
    with Wire(database.socket) as wire:
        reader = user.start("users", DATABASE_URL=f"postgres://almanac_app@{wire.address}/almanac")
        assert reader.invoke(user.event("GET", "/api/users/me")).status == 200
        with frozen(reader):
            wire.forget()
            time.sleep(TRUSTED_S + 1)
        began = time.monotonic()
        assert reader.invoke(user.event("GET", "/api/users/me")).status == 200, reader.log
        assert time.monotonic() - began < 3, "it does not wait for an answer that cannot come"
        assert wire.connections == 2


@GAPS
def test_connections_to_the_database_that_ended_meanwhile_are_replaced(start, database, gap_s):
    user = User(start, database, events.rest)
    reader, writer = user.start("users"), user.start("tasks")
    jobs = start("jobs", DATABASE_SERVICE_URL=database.service_url)
    assert reader.invoke(user.event("GET", "/api/users/me")).status == 200
    assert writer.invoke(user.event("POST", "/api/tasks", body={"title": "Before"})).status == 201
    jobs.tell(events.schedule("drain"))
    with frozen(reader, writer, jobs):
        end_backends(database)
        time.sleep(gap_s)
    read = reader.invoke(user.event("GET", "/api/users/me"))
    assert read.status == 200, reader.log
    written = writer.invoke(user.event("POST", "/api/tasks", body={"title": "After"}))
    assert written.status == 201, writer.log
    titles = {task["title"] for task in writer.invoke(user.event("GET", "/api/tasks")).json()}
    assert titles == {"Before", "After"}
    assert jobs.tell(events.schedule("drain"))["job"] == "drain"


def test_a_providers_connection_that_was_closed_meanwhile_is_replaced(start, database):
    user = User(start, database, events.rest)
    asked = user.event("POST", "/api/chat", headers={"accept": "text/plain"}, body={"content": "What is done?"})
    with Model() as model:
        chat = user.start("chat", **model.settings)
        assert chat.invoke(asked).body.decode() == "".join(SENTENCES)
        with frozen(chat):
            model.hang_up()
            end_backends(database)
            time.sleep(0.2)
        answer = chat.invoke(asked)
        assert (answer.status, answer.body.decode()) == (200, "".join(SENTENCES)), chat.log
        assert model.connections == 2


class Table(Server):
    """A table of DynamoDB's that admits whoever asks; use it as a context manager."""

    def answer(self, call: BaseHTTPRequestHandler, body: bytes) -> None:
        values = json.loads(body)["ExpressionAttributeValues"]
        admitted = {"Attributes": {"arrival_us": values.get(":next") or values[":latest"]}}
        whole(call, json.dumps(admitted).encode(), "application/x-amz-json-1.0")

    @property
    def settings(self) -> dict[str, str]:
        """The settings by which a function finds it."""
        account = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret"}
        return account | {"STORE_TABLE": "short-lived", "AWS_ENDPOINT_URL_DYNAMODB": f"http://{self.address}"}


def test_a_tables_connection_that_was_closed_meanwhile_is_replaced(start, database):
    deep = events.rest("GET", "/api/health", query={"deep": "1"})
    with Table() as table:
        health = start("health", DATABASE_URL=database.app_url, **table.settings)
        assert health.invoke(deep).status == 200, health.log
        with frozen(health):
            table.hang_up()
            time.sleep(0.2)
        answer = health.invoke(deep)
        assert (answer.status, answer.json()["checks"]["short_lived_store"]) == (200, "ok"), health.log
        assert table.connections == 2
    assert {line["level"] for line in health.lines} == {"INFO"}


def test_a_reply_that_is_frozen_midway_goes_on(start, database):
    """Lambda does not do so, but a machine may; and it shows that no timer takes the gap for a provider's silence."""
    user = User(start, database, events.rest)
    asked = user.event("POST", "/api/chat", headers={"accept": "text/plain"}, body={"content": "What is done?"})
    with Model() as model, ThreadPoolExecutor(1) as caller:
        chat = user.start("chat", **model.settings)
        answering = caller.submit(chat.invoke, asked)
        assert model.speaks.wait(timeout=10)
        with frozen(chat):
            time.sleep(1)
        assert answering.result(timeout=20).body.decode() == "".join(SENTENCES)


def test_an_event_that_comes_while_frozen_is_answered_after_the_thaw(start):
    health = start("health")
    assert health.invoke(events.rest("GET", "/api/health")).status == 200
    answers = []
    with frozen(health):
        call = threading.Thread(target=lambda: answers.append(health.invoke(events.rest("GET", "/api/health"))))
        call.start()
        time.sleep(0.3)
        assert not answers
    call.join(timeout=10)
    [answer] = answers
    assert answer.status == 200
