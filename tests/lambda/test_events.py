"""Every function with every kind of event, in one environment each: those it serves it answers, the others it refuses,
and it lives on. In the end its log is read: all lines are JSON with their ids, and nothing that was sent is in them."""

import re
from dataclasses import dataclass
from itertools import product

import pytest

import events
from emulator import Answer, Emulator, FunctionError
from settings import EVENT_FUNCTIONS, SECRETS, SETTINGS, SITE

# In every part of what is sent; the log must not show it.
MARKER = "cerulean-pelican"
NOT_HTTP = {
    "queue": events.queue(MARKER, '{"job": "drain"}'),
    "schedule": events.schedule("drain"),
    "EventBridge": events.event_bridge(),
    "$connect": events.web_socket("CONNECT"),
    "message": events.web_socket("MESSAGE"),
    "$disconnect": events.web_socket("DISCONNECT"),
}
# Paths as people and attackers type them, encoded or not: gateways differ in what they decode.
ODD_PATHS = ["/%20", "/a b", "/é%C3%A9", "/%2F..%2F..%2Fetc", "/100%", "/%00", "//", f"/{MARKER}?x=1", "/%ff\u2603"]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass(frozen=True)
class Case:
    """A request that needs no database, and its answer; and a method that the same address does not take."""

    method: str
    path: str
    status: int
    code: str
    other_method: str
    body: object = None
    query: dict | None = None


CASES = {
    # Read to the field at fault, so whole and decoded; unread it would be malformed.
    "auth": Case("POST", "/api/auth/login", 422, "invalid", "GET", {"email": MARKER, "passwort": MARKER}),
    "changes": Case("GET", "/api/changes", 401, "token_missing", "PUT"),
    "chat": Case("POST", "/api/chat", 401, "token_missing", "GET", {"content": MARKER}),
    "clerk-webhook": Case("POST", "/api/webhooks/clerk", 401, "signature_invalid", "GET", {"type": MARKER}),
    "conversation": Case("POST", "/api/conversation", 422, "invalid", "DELETE", {"message": 1, "apiKey": f"sk-{MARKER}"}),
    "conversations": Case("GET", "/api/conversations", 401, "token_missing", "PATCH", query={"q": MARKER}),
    "health": Case("GET", "/api/health", 422, "invalid", "POST", query={"deep": f"{MARKER}&more=é"}),
    "history": Case("GET", "/api/chat/history", 401, "token_missing", "POST", query={"limit": "2"}),
    "notes": Case("GET", "/api/notes", 401, "token_missing", "DELETE", query={"q": f"{MARKER} & more"}),
    "planning": Case("GET", "/api/goals", 401, "token_missing", "PATCH", query={"timeframe": ["week", "year"]}),
    "tasks": Case("GET", "/api/tasks", 401, "token_missing", "DELETE", query={"status": "pending,in_progress"}),
    "users": Case("GET", "/api/users/me", 401, "token_missing", "POST"),
}


@pytest.fixture
def function(start, request, memory):
    """A function's environment; when the test has gone well, its memory is noted and its log is read."""
    emulator: Emulator = start(request.param)
    yield emulator
    memory[request.param] = emulator.resident_kb
    check_log(emulator)


@pytest.mark.parametrize("function", sorted(CASES), indirect=True)
def test_http_in_every_shape(function, request):
    case = CASES[request.node.callspec.params["function"]]
    for kind, event in events.HTTP_KINDS.items():
        answers_a_problem(function, event, case, kind)
        tells_browsers_that_they_may_call(function, event, case, kind)
        withstands_odd_paths(function, event, case, kind)
        lives_on_after_a_panic(function, event, case, kind)
    for kind, event in NOT_HTTP.items():
        process_id = function.process_id
        with pytest.raises(FunctionError) as refusal:
            function.invoke(event)
        assert refusal.value.kind == "NotAnHttpEvent", kind
        check(function.invoke(request_of(events.rest, case)), case.status, case.code, kind)
        assert function.process_id == process_id, f"{kind}: the environment lives on"


def answers_a_problem(function: Emulator, event, case: Case, kind: str) -> None:
    headers = {
        "x-request-id": f"{kind.split()[0]}-request",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        "cookie": [f"a={MARKER}", "b=2"],
        "x-many": ["one", MARKER],
    }
    answer = function.invoke(request_of(event, case, headers=headers))
    check(answer, case.status, case.code, kind)
    assert answer.headers["x-request-id"] == headers["x-request-id"], kind
    assert TRACE in answer.headers["traceparent"], kind
    # The same as bytes, which is how a gateway with binary media types hands a body over.
    check(function.invoke(request_of(event, case, in_base64=case.body is not None)), case.status, case.code, kind)
    check(function.invoke(event("GET", f"/{MARKER}")), 404, "no_route", kind)
    refused = function.invoke(event(case.other_method, case.path))
    check(refused, 405, "method_not_allowed", kind)
    assert case.method in refused.headers["allow"].split(","), kind


def tells_browsers_that_they_may_call(function: Emulator, event, case: Case, kind: str) -> None:
    asked = {"origin": SITE, "access-control-request-method": case.method, "access-control-request-headers": "authorization"}
    answer = function.invoke(event("OPTIONS", case.path, headers=asked))
    assert answer.status in {200, 204}, (kind, answer)
    assert answer.headers["access-control-allow-origin"] == SITE, kind
    assert case.method in answer.headers["access-control-allow-methods"], kind
    # Several values of one header arrive as one list.
    assert "origin" in answer.headers["vary"].split(", "), kind
    stranger = function.invoke(event("OPTIONS", case.path, headers=asked | {"origin": "https://elsewhere.example"}))
    assert "access-control-allow-origin" not in stranger.headers, kind
    assert function.invoke(request_of(event, case, headers={"origin": SITE})).headers["access-control-allow-origin"] == SITE


def withstands_odd_paths(function: Emulator, event, case: Case, kind: str) -> None:
    for start, odd in product(["", case.path], ODD_PATHS):
        answer = function.invoke(event("GET", start + odd))
        assert 400 <= answer.status < 500, (kind, start + odd, answer)


def lives_on_after_a_panic(function: Emulator, event, case: Case, kind: str) -> None:
    process_id, panics = function.process_id, len(panics_of(function))
    # lambda_http builds an address from the host that the caller names, and does not expect a space in it.
    check(function.invoke(request_of(event, case, headers={"host": "not a host"})), 500, "internal", kind)
    check(function.invoke(request_of(event, case)), case.status, case.code, kind)
    assert (function.process_id, len(panics_of(function))) == (process_id, panics + 1), kind


@pytest.mark.parametrize("function", sorted(EVENT_FUNCTIONS), indirect=True)
def test_no_http_in_any_shape(function):
    """What the jobs do is shown in test_jobs.py; here, that nothing else makes them do anything."""
    failed = {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert function.tell(NOT_HTTP["queue"]) == failed, "one names no job, and there is no database for the other"
    others = {kind: event for kind, event in NOT_HTTP.items() if kind not in {"queue", "schedule"}}
    others |= {kind: event("GET", f"/{MARKER}", body=MARKER) for kind, event in events.HTTP_KINDS.items()}
    process_id = function.process_id
    for kind, event in others.items():
        with pytest.raises(FunctionError) as refusal:
            function.tell(event)
        assert refusal.value.kind == "malformed", kind
        assert function.tell(events.queue()) == {"batchItemFailures": []}, kind
    assert function.process_id == process_id


def request_of(event, case: Case, **more) -> dict:
    return event(case.method, case.path, body=case.body, query=case.query, **more)


def check(answer: Answer, status: int, code: str, kind: str) -> None:
    assert answer.status == status, (kind, answer)
    assert answer.headers["content-type"] == "application/problem+json", kind
    assert answer.json()["code"] == code, (kind, answer)
    assert answer.json()["request_id"] == answer.headers["x-request-id"], kind


def panics_of(function: Emulator) -> list[dict]:
    return [line for line in function.lines if line["message"] == "panic"]


def check_log(function: Emulator) -> None:
    """Each line is JSON (or `lines` fails) and belongs to an invocation; what was sent, and what is secret, is in none."""
    invocations = set(function.request_ids)
    assert invocations
    for line in function.lines:
        assert re.fullmatch(r"[0-9a-f]{32}", line.get("trace_id", "")), line
        assert line["request_id"] in invocations or line["request_id"].endswith("-request"), line
    for secret in [MARKER, *SECRETS]:
        assert secret not in function.log


def test_every_function_has_its_case():
    assert CASES.keys() | EVENT_FUNCTIONS == SETTINGS.keys()
