"""Each function's binary under AWS's own emulator, with the events of both kinds of gateway."""

import subprocess

import pytest

import events
from emulator import FunctionError
from paths import BINARIES
from settings import EVENT_FUNCTIONS, SETTINGS, SITE

EVENTS = pytest.mark.parametrize("event", [events.rest, events.http], ids=["REST", "HTTP"])
# One request for each function that needs no database, and what it is answered.
ANONYMOUS = {
    "auth": (("POST", "/api/auth/login", {"body": "{"}), 400, "malformed"),
    "changes": (("GET", "/api/changes", {}), 401, "token_missing"),
    "chat": (("POST", "/api/chat", {"body": {"content": "Hello"}}), 401, "token_missing"),
    "clerk-webhook": (("POST", "/api/webhooks/clerk", {"body": "{}"}), 401, "signature_invalid"),
    "conversation": (("POST", "/api/conversation", {"body": {"message": 1}}), 422, "invalid"),
    "conversations": (("GET", "/api/conversations", {}), 401, "token_missing"),
    "health": (("GET", "/api/health", {"query": {"deep": "2"}}), 422, "invalid"),
    "history": (("GET", "/api/chat/history", {"query": {"limit": "2"}}), 401, "token_missing"),
    "notes": (("GET", "/api/notes", {}), 401, "token_missing"),
    "planning": (("GET", "/api/goals", {"query": {"timeframe": "week"}}), 401, "token_missing"),
    "tasks": (("GET", "/api/tasks", {"query": {"sort": "due"}}), 401, "token_missing"),
    "users": (("GET", "/api/users/me", {}), 401, "token_missing"),
}


def check_problem(answer, status: int, code: str) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@EVENTS
def test_answers_with_status_headers_and_body(start, event):
    health = start("health")
    answer = health.invoke(event("GET", "/api/health"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    assert answer.json()["status"] == "ok"


@pytest.mark.parametrize("function", sorted(SETTINGS.keys() - EVENT_FUNCTIONS))
@EVENTS
def test_every_function_answers_a_problem(start, function, event):
    emulator = start(function)
    (method, path, more), status, code = ANONYMOUS[function]
    check_problem(emulator.invoke(event(method, path, **more)), status, code)
    check_problem(emulator.invoke(event("GET", "/elsewhere")), 404, "no_route")
    assert [line["status"] for line in emulator.lines if line["message"] == "request"] == [status, 404]


@EVENTS
def test_logs_json_lines_with_lambdas_request_id(start, event):
    health = start("health")
    answer = health.invoke(event("GET", "/api/health"))
    [request_id] = health.request_ids
    [line] = [line for line in health.lines if line["message"] == "request"]
    assert line["request_id"] == answer.headers["x-request-id"] == request_id
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/health", 200)


def test_measures_each_request_for_cloudwatch(start):
    health = start("health")
    health.invoke(events.rest("GET", "/api/health"))
    health.invoke(events.rest("GET", "/api/health", query={"deep": "2"}))
    first, second = health.metrics
    assert (first["route"], first["requests"], first["client_errors"]) == ("/api/health", 1, 0)
    assert (second["route"], second["requests"], second["client_errors"]) == ("/api/health", 1, 1)
    [directive] = first["_aws"]["CloudWatchMetrics"]
    assert all(isinstance(first[metric["Name"]], int) for metric in directive["Metrics"])


@EVENTS
def test_a_clients_request_id_is_kept(start, event):
    answer = start("health").invoke(event("GET", "/api/health", headers={"x-request-id": "mine-12345"}))
    assert answer.headers["x-request-id"] == "mine-12345"


@EVENTS
def test_tells_browsers_of_configured_origins_that_they_may_call(start, event):
    health = start("health")
    asked = {"origin": SITE, "access-control-request-method": "GET"}
    assert health.invoke(event("OPTIONS", "/api/health", headers=asked)).headers["access-control-allow-origin"] == SITE
    asked["origin"] = "https://elsewhere.example"
    assert "access-control-allow-origin" not in health.invoke(event("OPTIONS", "/api/health", headers=asked)).headers


@EVENTS
def test_auth_publishes_its_key(start, event):
    answer = start("auth").invoke(event("GET", "/.well-known/jwks.json"))
    assert answer.status == 200
    [key] = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    assert "d" not in key


@EVENTS
def test_a_panic_answers_500_and_the_environment_lives_on(start, event):
    health = start("health")
    # lambda_http builds an address from the host that the caller names, and does not expect a space in it.
    check_problem(health.invoke(event("GET", "/api/health", headers={"host": "not a host"})), 500, "internal")
    assert health.invoke(event("GET", "/api/health")).status == 200
    assert [line["place"] for line in health.lines if line["message"] == "panic"]


def test_an_event_that_is_no_request_is_an_error_and_the_environment_lives_on(start):
    health = start("health")
    with pytest.raises(FunctionError, match="NotAnHttpEvent"):
        health.invoke({"Records": []})
    assert health.invoke(events.rest("GET", "/api/health")).status == 200
    assert len(health.lines) == 2


@pytest.mark.parametrize(
    ("function", "setting"),
    [("auth", "AUTH_SIGNING_KEY"), ("chat", "DATABASE_URL"), ("clerk-webhook", "CLERK_WEBHOOK_SECRET"), ("users", "DATABASE_URL")],
)
def test_a_missing_setting_is_named_in_one_line(function, setting):
    settings = SETTINGS[function] | {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}
    del settings[setting]
    ended = subprocess.run([BINARIES / function], env=settings, capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0
    [line] = (ended.stdout + ended.stderr).splitlines()
    assert f'"error":"{setting}: ' in line
