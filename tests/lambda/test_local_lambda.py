"""Local development with `tools/lambda`: all functions at one address, behind `cargo lambda watch`."""

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

import template
from local_lambda import LocalLambda
from model import PAUSE_S, SENTENCES, Model
from paths import REPOSITORY, TARGET, TOOLS
from settings import SETTINGS
from user import PASSWORD

SITE = "http://localhost:5173"
# With --watch, cargo looks at every source before the first request of a function is answered.
FIRST_REQUEST_S = 120


@pytest.fixture(scope="module")
def model():
    with Model() as model:
        yield model


@pytest.fixture(scope="module")
def local(model):
    with LocalLambda(until="A first call:", **model.settings) as local:
        yield local


@pytest.fixture(scope="module")
def token(local) -> dict[str, str]:
    """The header of a user who has registered."""
    status, _, body = local.call("POST", "/api/auth/register", {"email": "ada@example.com", "password": PASSWORD})
    assert status == 201, body
    return {"authorization": f"Bearer {json.loads(body)['access_token']}"}


def test_the_routers_table_is_that_of_the_template():
    manifest = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())
    table = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"]
    owners = {}
    for route, integration in template.integrations().items():
        owners.setdefault(route.path, {})[route.method] = template.owner(integration)
    for path, methods in owners.items():
        # One function for all methods is told by its name, several by a list.
        folders = set(methods.values())
        expected = folders.pop() if len(folders) == 1 else methods
        told = table.pop(path)
        assert (told if isinstance(told, str) else {one["method"]: one["function"] for one in told}) == expected, path
    assert not table


def test_one_address_serves_a_users_day(local, token):
    status, headers, body = local.call("GET", "/api/health?deep=1")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert headers["content-type"] == "application/json"

    status, _, body = local.call("POST", "/api/tasks", {"title": "Water the plants"}, token)
    assert status == 201, body
    status, _, body = local.call("GET", "/api/tasks", headers=token)
    assert [task["title"] for task in json.loads(body)] == ["Water the plants"]
    status, headers, body = local.call("GET", "/api/tasks")
    assert (status, json.loads(body)["code"]) == (401, "token_missing")
    assert headers["content-type"] == "application/problem+json"

    asked = {"origin": SITE, "access-control-request-method": "GET"}
    _, headers, _ = local.call("OPTIONS", "/api/conversations", headers=asked)
    assert headers["access-control-allow-origin"] == SITE


def test_a_chat_streams(local, token):
    parts = local.stream("/api/chat", {"content": "What is done?"}, token | {"accept": "text/plain"})
    assert b"".join(part for _, part in parts).decode() == "".join(SENTENCES)
    assert parts[-1][0] - parts[0][0] > PAUSE_S * 1_000_000, "the sentences came one by one"
    status, _, body = local.call("GET", "/api/chat/history", headers=token)
    assert [message["status"] for message in json.loads(body) if message["role"] == "assistant"] == ["complete"], body


def test_who_leaves_midway_loses_nothing(local, model):
    """The gateway closes the function's answer then, which must not end the function."""
    account = {"email": "eve@example.com", "password": PASSWORD}
    told = json.loads(local.call("POST", "/api/auth/register", account)[2])
    token = {"authorization": f"Bearer {told['access_token']}"}
    chat = local.process_ids()["chat"]
    command = ["curl", "-sN", "--max-time", str(2 * PAUSE_S), f"{local.url}/api/chat", "-d", '{"content":"What is done?"}']
    command += ["-H", f"authorization: {token['authorization']}", "-H", "content-type: application/json"]
    assert subprocess.run(command, capture_output=True).returncode == 28, "curl has left"
    parts = local.stream("/api/chat", {"content": "And now?"}, token | {"accept": "text/plain"})
    assert b"".join(part for _, part in parts).decode() == "".join(SENTENCES)
    assert local.process_ids()["chat"] == chat, "the function lives on"
    history = json.loads(local.call("GET", "/api/chat/history", headers=token)[2])
    replies = [message for message in history if message["role"] == "assistant"]
    assert [reply["content"] for reply in replies] == 2 * ["".join(SENTENCES)], replies


def test_jobs_run_by_themselves_and_by_hand(local):
    port = local.url.rpartition(":")[2]
    command = [TOOLS / "cargo-lambda", "lambda", "invoke", "--invoke-address", "127.0.0.1", "--invoke-port", port]
    answer = subprocess.run([*command, "jobs", "--data-ascii", '{"job":"prune"}'], capture_output=True, text=True)
    assert json.loads(answer.stdout)["job"] == "prune", answer.stderr
    refused = subprocess.run([*command, "jobs", "--data-ascii", '{"job":"rest"}'], capture_output=True, text=True)
    assert "malformed" in refused.stderr, refused.stdout
    ran = re.findall(r'"message":"job".*"job":"(\w+)"', local.log)
    assert set(ran) == {"drain", "prune", "tend_recurrences"}


def test_each_function_has_its_own_settings_only(local):
    for function, process_id in local.process_ids().items():
        if function in SETTINGS:
            environment = open(f"/proc/{process_id}/environ").read()
            assert ("AUTH_SIGNING_KEY=" in environment) == (function == "auth"), function
            assert ("OPENAI_API_KEY=" in environment) == (function == "chat"), function
            assert ("DATABASE_SERVICE_URL=" in environment) == (function in {"clerk-webhook", "jobs"}), function


def test_a_function_that_dies_is_started_again(local, token):
    os.kill(local.process_ids()["notes"], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while True:
        try:
            assert local.call("GET", "/api/notes", headers=token, timeout_s=2)[::2] == (200, b"[]")
            break
        except TimeoutError:
            # `cargo lambda watch` hands an event to whoever asked for it, also when that one has died.
            assert time.monotonic() < deadline, local.log
    assert re.search(r"^notes +has ended with status -9; starting it again", local.log, re.MULTILINE)


def test_ctrl_c_ends_everything(local):
    """The last one that uses `local`."""
    started = local.process_ids().values()
    assert len(started) == len(SETTINGS) + 2, "the functions, the gateway and the database"
    assert local.stop() == 0
    assert not [process_id for process_id in started if os.path.exists(f"/proc/{process_id}")]


def test_first_requests_at_once_build_nothing_again():
    """`cargo lambda watch` asks cargo to build and run each function with its first request."""
    paths = {"health": "/api/health", "tasks": "/api/tasks", "notes": "/api/notes", "users": "/api/users/me"}
    built_at = {function: (TARGET / "debug" / function).stat().st_mtime_ns for function in paths}
    with LocalLambda("--watch", until="A first call:") as local, ThreadPoolExecutor(len(paths)) as callers:
        calls = {path: callers.submit(local.call, "GET", path, timeout_s=FIRST_REQUEST_S) for path in paths.values()}
        answers = {path: call.result()[0] for path, call in calls.items()}
        assert answers == {"/api/health": 200, "/api/tasks": 401, "/api/notes": 401, "/api/users/me": 401}, local.log
        assert "Compiling" not in local.log
    assert built_at == {function: (TARGET / "debug" / function).stat().st_mtime_ns for function in paths}
