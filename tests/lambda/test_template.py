"""What template.yaml deploys, judged after the transformation: many mistakes pass every linter before it."""

import json
import os
import re
import subprocess
import urllib.request

import pytest

import template
from paths import REPOSITORY, TOOLS
from template import Route

LONG_ANSWERS = {
    Route("POST", "/api/chat"),
    Route("GET", "/api/chat/{id}/stream"),
    Route("POST", "/api/conversation"),
    Route("POST", "/api/conversations/{id}/messages"),
    Route("GET", "/api/users/me/export"),
}
GATEWAY_TIMEOUT_MS = 29_000
STREAM_TIMEOUT_MS = 900_000
# Nobody waits for it.
JOBS_TIMEOUT_MS = 180_000
# CloudFormation stops at 500.
RESOURCES_MAX = 450
# Served by the single program only.
DOCUMENTATION = {"/api/openapi.json", "/docs"}
SETTINGS_OF_ALL = {"CORS_ORIGINS", "METRICS", "SENTRY_DSN"}
DATABASE = {"DATABASE_URL", "DATABASE_PIPELINE"}
PROVIDERS = {
    f"{provider}_{setting}"
    for provider in ("ANTHROPIC", "OPENAI", "OPENROUTER", "XAI")
    for setting in ("API_KEY", "BASE_URL", "MODEL")
}
# The whole of what each function may reach.
SETTINGS = {
    "auth": DATABASE | {"AUTH_SIGNING_KEY", "PUBLIC_URL"},
    "changes": DATABASE | {"AUTH_ISSUERS"},
    "chat": DATABASE | PROVIDERS | {"ALMANAC_DEFAULT_MODEL", "AUTH_ISSUERS"},
    "clerk-webhook": {"DATABASE_SERVICE_URL", "DATABASE_PIPELINE", "CLERK_ISSUER", "CLERK_WEBHOOK_SECRET"},
    "conversation": {"OPENAI_BASE_URL", "REALTIME_INSTRUCTIONS", "REALTIME_MODEL", "REALTIME_VOICE"},
    "conversations": DATABASE | {"AUTH_ISSUERS", "PUBLIC_URL"},
    "health": DATABASE,
    "history": DATABASE | {"AUTH_ISSUERS"},
    "jobs": {"DATABASE_SERVICE_URL", "DATABASE_PIPELINE"},
    "notes": DATABASE | {"AUTH_ISSUERS"},
    "planning": DATABASE | {"AUTH_ISSUERS"},
    "tasks": DATABASE | {"AUTH_ISSUERS"},
    "users": DATABASE | {"AUTH_ISSUERS"},
}
SECRET_SETTING = re.compile(r"(_KEY|_SECRET|^DATABASE_URL|^DATABASE_SERVICE_URL)$")


def test_there_is_one_block_for_each_folder_in_the_same_order():
    folders = sorted(path.parent.name for path in REPOSITORY.glob("functions/*/Cargo.toml"))
    blocks = [
        resource["Properties"]["CodeUri"].removeprefix("functions/")
        for resource in template.source()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert blocks == folders
    assert sorted(template.functions()) == folders


def test_functions_are_arm64_binaries_that_cargo_lambda_builds():
    for name, function in template.functions().items():
        assert function["Architectures"] == ["arm64"], name
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
    for route, integration in template.integrations().items():
        expected = STREAM_TIMEOUT_MS if route in LONG_ANSWERS else GATEWAY_TIMEOUT_MS
        assert integration.get("timeoutInMillis", GATEWAY_TIMEOUT_MS) == expected, route


def test_a_function_ends_no_later_than_the_gateway_waits():
    longest = dict.fromkeys(("chat", "conversation", "users"), STREAM_TIMEOUT_MS) | {"jobs": JOBS_TIMEOUT_MS}
    for name, function in template.functions().items():
        assert function["Timeout"] * 1000 <= longest.get(name, GATEWAY_TIMEOUT_MS), name


def test_browsers_may_ask_before_they_call():
    routes = set(template.integrations())
    paths = {route.path for route in routes if "/webhooks/" not in route.path}
    assert {route.path for route in routes if route.method == "OPTIONS"} == paths


def test_each_route_belongs_to_one_function_that_the_gateway_may_invoke():
    permissions = template.resources("AWS::Lambda::Permission").values()
    allowed = {
        (permission["FunctionName"]["Ref"], permission["SourceArn"]["Fn::Sub"][0].split("${__Stage__}/")[1])
        for permission in permissions
        if permission["Principal"] == "apigateway.amazonaws.com"
    }
    needed = {
        (re.search(r"\$\{(\w+)\.Arn\}", integration["uri"]["Fn::Sub"])[1], f"{route.method}{_pattern(route.path)}")
        for route, integration in template.integrations().items()
    }
    assert needed == allowed


def _pattern(path: str) -> str:
    return re.sub(r"{[^}]+}", "*", path)


def test_routes_are_those_of_the_api_description(database):
    with urllib.request.urlopen(f"{database.program_url}/api/openapi.json", timeout=10) as response:
        document = json.load(response)
    described = {
        Route(method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"} and path not in DOCUMENTATION
    }
    deployed = {route for route in template.integrations() if route.method != "OPTIONS"}
    assert deployed == described


def test_a_function_gets_the_settings_it_needs_and_no_others():
    granted = {
        name: set(function["Environment"]["Variables"]) - SETTINGS_OF_ALL
        for name, function in template.functions().items()
    }
    assert granted == SETTINGS


def test_secrets_come_from_the_secret_store():
    for name, function in template.functions().items():
        for setting, value in function["Environment"]["Variables"].items():
            if SECRET_SETTING.search(setting):
                expected = f"{{{{resolve:secretsmanager:${{SecretName}}:SecretString:{setting}::${{SecretVersionId}}}}}}"
                assert value == {"Fn::Sub": expected}, name


def test_a_function_may_do_nothing_but_log_and_read_its_queue():
    roles = template.resources("AWS::IAM::Role")
    for name, function in template.functions().items():
        role = roles[function["Role"]["Fn::GetAtt"][0]]
        expected = [template.LOGGING_POLICY] + ([template.QUEUE_POLICY] if name == "jobs" else [])
        assert [arn.split(":policy/")[1] for arn in role["ManagedPolicyArns"]] == expected, name
        assert "Policies" not in role, name


def test_schedules_call_the_jobs():
    rules = template.resources("AWS::Events::Rule").values()
    called = {(rule["ScheduleExpression"], rule["Targets"][0]["Input"]) for rule in rules}
    assert called == {
        ("rate(1 minute)", '{"job": "drain"}'),
        ("rate(1 hour)", '{"job": "tend_recurrences"}'),
        ("rate(1 day)", '{"job": "prune"}'),
    }


def test_the_queue_hears_of_each_message_that_failed_and_sets_it_aside_in_the_end():
    [source] = template.resources("AWS::Lambda::EventSourceMapping").values()
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queues = template.resources("AWS::SQS::Queue")
    queue = queues[source["EventSourceArn"]["Fn::GetAtt"][0]]
    assert queue["VisibilityTimeout"] * 1000 >= 6 * JOBS_TIMEOUT_MS
    assert queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in queues


def test_logs_do_not_stay_for_ever():
    groups = template.resources("AWS::Logs::LogGroup")
    for name, function in template.functions().items():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_the_gateways_own_errors_are_problems():
    [api] = template.resources("AWS::ApiGateway::RestApi").values()
    answers = api["Body"]["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED"} <= set(answers)
    for name, answer in answers.items():
        headers = answer["responseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'", name
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'", name
        problem = json.loads(answer["responseTemplates"]["application/json"])
        assert {"type", "title", "detail", "code", "request_id"} <= set(problem), name
        assert str(problem.get("status")) == str(answer.get("statusCode")), name


def test_the_stack_is_regional_and_small_enough():
    [api] = template.resources("AWS::ApiGateway::RestApi").values()
    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    assert len(template.transformed()["Resources"]) < RESOURCES_MAX


@pytest.mark.parametrize("which", ["written", "transformed"])
def test_cfn_lint_finds_nothing(which, tmp_path):
    path = REPOSITORY / "template.yaml"
    if which == "transformed":
        path = tmp_path / "transformed.json"
        path.write_text(json.dumps(template.transformed()))
    found = subprocess.run([TOOLS / "cfn-lint", "-r", "us-east-1", "--", path], capture_output=True, text=True)
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
