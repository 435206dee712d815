"""What a function says: answers, log lines, metrics, and what is wrong with its settings."""

import subprocess

import pytest

import events
from paths import binary
from settings import SETTINGS

EVENTS = pytest.mark.parametrize("event", events.HTTP_KINDS.values(), ids=events.HTTP_KINDS)


@EVENTS
def test_answers_with_status_headers_and_body(start, event):
    health = start("health")
    answer = health.invoke(event("GET", "/api/health", query={"deep": "0"}))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    assert answer.json()["status"] == "ok"

    [request_id] = health.request_ids
    [line] = [line for line in health.lines if line["message"] == "request"]
    assert line["request_id"] == answer.headers["x-request-id"] == request_id
    assert line["trace_id"] in answer.headers["traceparent"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/health", 200)


def test_measures_each_request_for_cloudwatch(start):
    health = start("health")
    health.invoke(events.rest("GET", "/api/health"))
    health.invoke(events.rest("GET", "/api/health", query={"deep": "2"}))
    first, second = health.metrics
    assert (first["route"], first["requests"]) == ("/api/health", 1)
    assert (second["route"], second["requests"], second["client_errors"]) == ("/api/health", 1, 1)
    # What did not happen is not told, since each number told costs something.
    assert "client_errors" not in first
    for told in (first, second):
        [directive] = told["_aws"]["CloudWatchMetrics"]
        assert directive["Dimensions"] == [["function"]]
        assert all(isinstance(told[metric["Name"]], int) for metric in directive["Metrics"])


@EVENTS
def test_auth_publishes_its_key(start, event):
    answer = start("auth").invoke(event("GET", "/.well-known/jwks.json"))
    assert answer.status == 200
    [key] = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    assert "d" not in key


@pytest.mark.parametrize(
    ("function", "setting"),
    [("auth", "AUTH_SIGNING_KEY"), ("chat", "DATABASE_URL"), ("clerk-webhook", "CLERK_WEBHOOK_SECRET"), ("jobs", "DATABASE_SERVICE_URL")],
)
def test_a_missing_setting_is_named_in_one_line(function, setting):
    settings = SETTINGS[function] | {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"}
    del settings[setting]
    ended = subprocess.run([binary(function)], env=settings, capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0
    [line] = (ended.stdout + ended.stderr).splitlines()
    assert f'"error":"{setting}: ' in line
