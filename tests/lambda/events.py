"""HTTP requests as API Gateway and function URLs hand them to a function."""

import json
import time

HOST = "api.example"
ADDRESS = "203.0.113.7"


def rest(method: str, path: str, *, query: dict | None = None, headers: dict | None = None, body=None) -> dict:
    """An event of a REST API (payload version 1), as template.yaml deploys one: the stage is not in the path."""
    headers = _headers(headers, body)
    query = query or {}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
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
            "requestId": "11111111-2222-3333-4444-555555555555",
            "requestTimeEpoch": int(time.time() * 1000),
            "identity": {"sourceIp": ADDRESS, "userAgent": "tests"},
        },
        "body": _text(body),
        "isBase64Encoded": False,
    }


def http(method: str, path: str, *, query: dict | None = None, headers: dict | None = None, body=None) -> dict:
    """An event of an HTTP API or a function URL (payload version 2)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
        "headers": _headers(headers, body),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3",
            "domainName": HOST,
            "requestId": "11111111-2222-3333-4444-555555555555",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:00:00:00 +0000",
            "timeEpoch": int(time.time() * 1000),
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": ADDRESS,
                "userAgent": "tests",
            },
        },
        "body": _text(body),
        "isBase64Encoded": False,
    }


def _headers(headers: dict | None, body) -> dict[str, str]:
    of_body = {"content-type": "application/json"} if body is not None else {}
    return {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": ADDRESS} | of_body | (headers or {})


def _text(body) -> str | None:
    return body if body is None or isinstance(body, str) else json.dumps(body)
