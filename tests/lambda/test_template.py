"""What template.yaml deploys, judged after the transformation: many mistakes pass every linter before it."""

import json
import os
import re
import subprocess
import urllib.request

import pytest

import template
from paths import REPOSITORY, TOOLS
from template import ANY, Route

GATEWAY_TIMEOUT_MS = 29_000
STREAM_TIMEOUT_MS = 900_000
# Replies that stream, and documents of all that a user has.
LONG_ANSWERS = {
    Route("/api/chat"): STREAM_TIMEOUT_MS,
    Route("/api/chat/{id}/stream"): STREAM_TIMEOUT_MS,
    Route("/api/conversation"): STREAM_TIMEOUT_MS,
    Route("/api/conversations/import"): 300_000,
    Route("/api/conversations/{id}/export"): 300_000,
    Route("/api/conversations/{id}/messages", "POST"): STREAM_TIMEOUT_MS,
    Route("/api/users/me/export"): STREAM_TIMEOUT_MS,
    Route("/api/users/me/import"): STREAM_TIMEOUT_MS,
}
# Nobody waits for it.
JOBS_TIMEOUT_MS = 180_000
# The one path that two functions share.
SHARED = {
    Route("/api/conversations/{id}/messages", "GET"): "conversations",
    Route("/api/conversations/{id}/messages", "OPTIONS"): "conversations",
    Route("/api/conversations/{id}/messages", "POST"): "chat",
}
METHODS = {"get", "post", "put", "patch", "delete"}
# Served by the single program only.
DOCUMENTATION = {"/api/openapi.json", "/docs"}
# CloudFormation stops at 500.
RESOURCES_MAX = 450
# What is planned beside what there is.
FUNCTIONS_TO_COME = 10
PATHS_TO_COME = 45
# As the code names them (RFC 9110).
TITLES = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}


def test_there_is_one_block_for_each_folder_in_the_same_order():
    folders = sorted(path.parent.name for path in REPOSITORY.glob("functions/*/Cargo.toml"))
    written = template.source()["Resources"]
    blocks = [name for name, resource in written.items() if resource["Type"] == "AWS::Serverless::Function"]
    assert [template.folder(block) for block in blocks] == folders
    assert sorted(template.functions()) == folders
    for block in blocks:
        # A function's log and role follow it.
        at, stem = list(written).index(block), block.removesuffix("Function")
        assert list(written)[at + 1 : at + 3] == [f"{stem}Logs", f"{stem}Role"]


def test_functions_are_binaries_that_cargo_lambda_builds_for_arm64_unless_told():
    assert template.source()["Parameters"]["Architecture"]["Default"] == "arm64"
    for name, function in template.functions().items():
        assert function["Architectures"] == [{"Ref": "Architecture"}], name
        assert function["Runtime"] == "provided.al2023", name
        assert function["Handler"] == "bootstrap", name
    for name, resource in template.source()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert resource["Metadata"] == {"BuildMethod": "rust-cargolambda"}, name


def test_every_route_streams():
    for route, integration in template.integrations().items():
        assert integration["responseTransferMode"] == "STREAM", route
        assert integration["uri"]["Fn::Sub"].endswith("/response-streaming-invocations"), route


def test_only_long_answers_may_take_long():
    routes = template.integrations().items()
    long = {route: integration["timeoutInMillis"] for route, integration in routes if "timeoutInMillis" in integration}
    assert long == LONG_ANSWERS


def test_a_function_ends_no_later_than_the_gateway_waits():
    waits = {"jobs": JOBS_TIMEOUT_MS}
    for integration in template.integrations().values():
        folder = template.owner(integration)
        waits[folder] = max(waits.get(folder, 0), integration.get("timeoutInMillis", GATEWAY_TIMEOUT_MS))
    ends = {name: function["Timeout"] * 1000 for name, function in template.functions().items()}
    assert {name for name in ends if ends[name] > waits[name]} == set()


def test_a_path_takes_all_methods_unless_functions_share_it():
    named = {
        route: template.owner(integration)
        for route, integration in template.integrations().items()
        if route.method != ANY
    }
    assert named == SHARED


def test_paths_are_those_of_the_api_description(database):
    with urllib.request.urlopen(f"{database.program_url}/api/openapi.json", timeout=10) as response:
        document = json.load(response)
    described = {path: METHODS & set(operations) for path, operations in document["paths"].items()}
    deployed = template.integrations()
    assert {route.path for route in deployed} == set(described) - DOCUMENTATION
    for path in {route.path for route in SHARED}:
        methods = {route.method.lower() for route in deployed if route.path == path} - {"options"}
        assert methods == described[path], path


def test_the_gateway_may_call_what_it_has_routes_for():
    permissions = template.resources("AWS::Lambda::Permission").values()
    allowed = {
        (
            template.folder_behind(permission["FunctionName"]),
            permission["SourceArn"]["Fn::Sub"][0].split("${__Stage__}/")[1],
        )
        for permission in permissions
        if permission["Principal"] == "apigateway.amazonaws.com"
    }
    needed = {
        (template.owner(integration), _pattern(route)) for route, integration in template.integrations().items()
    }
    assert needed == allowed


def _pattern(route: Route) -> str:
    method = "*" if route.method == ANY else route.method
    return method + re.sub(r"{[^}]+}", "*", route.path)


def test_the_gateways_own_errors_are_problems_as_the_code_writes_them():
    [api] = template.resources("AWS::ApiGateway::RestApi").values()
    answers = api["Body"]["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED"} <= set(answers)
    code = "".join(path.read_text() for path in (REPOSITORY / "shared/base/src").rglob("*.rs"))
    for name, answer in answers.items():
        headers = {key.split(".")[-1].lower(): value for key, value in answer["responseParameters"].items()}
        assert headers.pop("content-type") == "'application/problem+json'", name
        assert headers.pop("cache-control") == "'no-store'", name
        assert headers.pop("access-control-allow-origin") == "'*'", name
        problem = json.loads(answer["responseTemplates"]["application/json"])
        expected = {"type", "title", "status", "detail", "code", "request_id"}
        if name == "THROTTLED":
            expected.add("retry_after_seconds")
            assert headers.pop("retry-after") == f"'{problem['retry_after_seconds']}'"
            # A browser shows a program only what is exposed.
            assert headers.pop("access-control-expose-headers") == "'retry-after'"
        assert (set(problem), headers) == (expected, {}), name
        assert (str(problem["status"]), problem["type"]) == (str(answer["statusCode"]), "about:blank"), name
        assert problem["title"] == TITLES[problem["status"]], name
        assert problem["code"].startswith("gateway_") or f'"{problem["code"]}"' in code, name
    missing = answers["MISSING_AUTHENTICATION_TOKEN"]
    assert (int(missing["statusCode"]), '"no_route"' in missing["responseTemplates"]["application/json"]) == (404, True)


def test_the_gateway_is_regional_and_turns_too_much_away():
    [api] = template.resources("AWS::ApiGateway::RestApi").values()
    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    [stage] = template.resources("AWS::ApiGateway::Stage").values()
    [settings] = stage["MethodSettings"]
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottlingBurst"}
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottlingRate"}


def test_there_is_room_for_what_is_planned():
    everything = template.transformed()["Resources"]
    of_one = [name for name in everything if name.startswith("Health")]
    # Beside what each function has, a path is a permission.
    per_function = len([name for name in of_one if "Permission" not in name])
    projected = len(everything) + FUNCTIONS_TO_COME * per_function + PATHS_TO_COME
    assert projected < RESOURCES_MAX, (len(everything), projected)


@pytest.mark.parametrize("which", ["written", "transformed"])
def test_cfn_lint_finds_nothing(which, tmp_path):
    path, ignored = REPOSITORY / "template.yaml", []
    if which == "transformed":
        path = tmp_path / "transformed.json"
        path.write_text(json.dumps(template.transformed()))
        # The transformation reads one parameter itself and leaves no use of it; the other the template ignores, too.
        ignored = ["--ignore-checks", "W2001", "W3011"]
    command = [TOOLS / "cfn-lint", "-r", "us-east-1", *ignored, "--", path]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_sam_validates(tmp_path):
    environment = {
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AWS_DEFAULT_REGION": "us-east-1",
        "SAM_CLI_TELEMETRY": "0",
    }
    found = subprocess.run(
        [TOOLS / "sam", "validate", "--lint"], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
