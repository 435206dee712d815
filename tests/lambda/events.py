"""What calls a function: requests as API Gateway and function URLs hand them over, and all other kinds of events."""

import base64
import json
import time
from urllib.parse import quote, urlencode

HOST = "api.example"
ADDRESS = "203.0.113.7"
GATEWAY_REQUEST_ID = "11111111-2222-3333-4444-555555555555"

# A header or a query parameter with several values is given as a list.
Values = dict[str, str | list[str]]


def rest(method: str, path: str, *, query: Values | None = None, headers: Values | None = None, body=None, in_base64=False) -> dict:
    """An event of a REST API (payload version 1), as template.yaml deploys one: the stage is not in the path."""
    headers, query = _headers(headers, body), query or {}
    text = _text(body)
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": _last(headers),
        "multiValueHeaders": _lists(headers),
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": _lists(query) or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": path,
            "httpMethod": method,
            "path": f"/live{path}",
            "stage": "live",
            "accountId": "123456789012",
            "apiId": "a1b2c3",
            "domainName": HOST,
            "protocol": "HTTP/1.1",
            "requestId": GATEWAY_REQUEST_ID,
            "requestTimeEpoch": _now_ms(),
            "identity": {"sourceIp": ADDRESS, "userAgent": "tests"},
        },
        "body": _in_base64(text) if in_base64 else text,
        "isBase64Encoded": in_base64,
    }


def http(method: str, path: str, *, stage: str = "$default", **request) -> dict:
    """An event of an HTTP API (payload version 2): a named stage is in the path."""
    event = _version_2(method, path if stage == "$default" else f"/{stage}{path}", **request)
    event["requestContext"]["stage"] = stage
    return event


def staged(method: str, path: str, **request) -> dict:
    """An event of an HTTP API with a named stage."""
    return http(method, path, stage="live", **request)


def function_url(method: str, path: str, **request) -> dict:
    """An event of a function URL: version 2 as well, with an address of its own and no name for the stage."""
    event = _version_2(method, path, **request)
    event["requestContext"] |= {
        "accountId": "anonymous",
        "apiId": "url123",
        "authentication": None,
        "authorizer": None,
        "domainName": "url123.lambda-url.us-east-1.on.aws",
        "domainPrefix": "url123",
    }
    return event


HTTP_KINDS = {"REST": rest, "HTTP": http, "HTTP stage": staged, "URL": function_url}


def _version_2(method: str, path: str, *, query: Values | None = None, headers: Values | None = None, body=None, in_base64=False) -> dict:
    headers = _headers(headers, body)
    cookies = headers.pop("cookie", None)
    text = _text(body)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}, doseq=True, quote_via=quote),
        **({"cookies": cookies if isinstance(cookies, list) else [cookies]} if cookies else {}),
        # Several values of a header come joined.
        "headers": {name: ",".join(values) for name, values in _lists(headers).items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3",
            "domainName": HOST,
            "requestId": GATEWAY_REQUEST_ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:00:00:00 +0000",
            "timeEpoch": _now_ms(),
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": ADDRESS, "userAgent": "tests"},
        },
        "body": _in_base64(text) if in_base64 else text,
        "isBase64Encoded": in_base64,
    }


def queue(*bodies: str) -> dict:
    """A batch as SQS shapes it; the messages are called m0, m1, …"""
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795219200000"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:almanac-jobs",
                "awsRegion": "us-east-1",
            }
            for index, body in enumerate(bodies)
        ]
    }


def schedule(job: str) -> dict:
    """What a rule of template.yaml sends: its constant input, and nothing of EventBridge's own."""
    return {"job": job}


def event_bridge() -> dict:
    """What a rule without such an input would send: EventBridge's whole envelope."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-21T00:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/almanac-drain"],
        "detail": {},
    }


def web_socket(kind: str) -> dict:
    """An event of a WebSocket API: CONNECT, MESSAGE or DISCONNECT."""
    headers = _headers({"sec-websocket-version": "13"}, None)
    route = {"CONNECT": "$connect", "MESSAGE": "$default", "DISCONNECT": "$disconnect"}[kind]
    context = {
        "routeKey": route,
        "eventType": kind,
        "extendedRequestId": "ext=",
        "requestTime": "21/Nov/2026:00:00:00 +0000",
        "messageDirection": "IN",
        "stage": "live",
        "connectedAt": _now_ms(),
        "requestTimeEpoch": _now_ms(),
        "identity": {"sourceIp": ADDRESS, "userAgent": "tests"},
        "requestId": "req=",
        "domainName": "ws.example",
        "connectionId": "conn=",
        "apiId": "ws123",
    }
    event = {"requestContext": context, "isBase64Encoded": False}
    if kind == "MESSAGE":
        context["messageId"] = "msg="
        return event | {"body": '{"say":"hello"}'}
    return event | {"headers": headers, "multiValueHeaders": _lists(headers)}


def _headers(headers: Values | None, body) -> Values:
    of_body = {"content-type": "application/json"} if body is not None else {}
    return {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": ADDRESS} | of_body | (headers or {})


def _lists(values: Values) -> dict[str, list[str]]:
    return {name: value if isinstance(value, list) else [value] for name, value in values.items()}


def _last(values: Values) -> dict[str, str]:
    return {name: of_name[-1] for name, of_name in _lists(values).items()}


def _text(body) -> str | None:
    return body if body is None or isinstance(body, str) else json.dumps(body)


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _now_ms() -> int:
    return int(time.time() * 1000)
