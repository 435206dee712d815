"""Local development with `cargo lambda watch`: one address, and the router's table in Cargo.toml."""

import json
import tomllib
import urllib.error
import urllib.request

import template
from paths import REPOSITORY
from settings import SITE
from watch import Watch


def call(url: str, method: str = "GET", headers: dict | None = None):
    """The answer's status, headers and body, whatever the status."""
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


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


def test_one_address_serves_the_functions(tmp_path):
    with Watch(["health", "auth", "conversations"], tmp_path) as watch:
        status, headers, body = call(f"{watch.url}/api/health")
        assert (status, json.loads(body)["status"]) == (200, "ok")
        assert headers["content-type"] == "application/json"

        status, _, body = call(f"{watch.url}/.well-known/jwks.json")
        assert status == 200, body
        assert len(json.loads(body)["keys"]) == 1

        path = "/api/conversations/00000000-0000-0000-0000-000000000001/messages"
        status, headers, body = call(f"{watch.url}{path}")
        assert (status, json.loads(body)["code"]) == (401, "token_missing")
        assert headers["content-type"] == "application/problem+json"

        asked = {"origin": SITE, "access-control-request-method": "GET"}
        _, headers, _ = call(f"{watch.url}/api/conversations", "OPTIONS", asked)
        assert headers["access-control-allow-origin"] == SITE
