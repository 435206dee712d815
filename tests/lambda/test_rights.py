"""What each function is given: its settings, its secrets, its rights, and nothing else."""

import json
import re

import template
from paths import REPOSITORY

SETTINGS_OF_ALL = {"CORS_ORIGINS", "METRICS", "RELEASE", "RUST_LOG", "SENTRY_DSN", "SSL_CERT_DIR", "SSL_CERT_FILE"}
DATABASE = {"DATABASE_URL", "DATABASE_PIPELINE"}
SERVICE_DATABASE = {"DATABASE_SERVICE_URL", "DATABASE_PIPELINE"}
LIMITS = {"RATE_LIMIT_SCALE", "STORE_TABLE"}
PROVIDERS = {
    f"{provider}_{setting}"
    for provider in ("ANTHROPIC", "OPENAI", "OPENROUTER", "XAI")
    for setting in ("API_KEY", "BASE_URL", "MODEL")
}
TIMEOUTS = {"PROVIDER_FIRST_BYTE_TIMEOUT_MS", "PROVIDER_IDLE_TIMEOUT_MS"}
SETTINGS = {
    "auth": DATABASE | LIMITS | {"AUTH_ACCEPTED_KEY", "AUTH_SIGNING_KEY", "PUBLIC_URL"},
    "changes": DATABASE | {"AUTH_ISSUERS"},
    "chat": DATABASE
    | LIMITS
    | PROVIDERS
    | {"ALMANAC_DEFAULT_MODEL", "AUTH_ISSUERS", "CHAT_LEASE_SECONDS"}
    | TIMEOUTS,
    "clerk-webhook": SERVICE_DATABASE | {"CLERK_ISSUER", "CLERK_WEBHOOK_SECRET", "JOBS_QUEUE_URL"},
    "conversation": LIMITS
    | {"OPENAI_BASE_URL", "REALTIME_INSTRUCTIONS", "REALTIME_MODEL", "REALTIME_VOICE"}
    | TIMEOUTS,
    "conversations": DATABASE | LIMITS | {"AUTH_ISSUERS", "PUBLIC_URL"},
    "health": DATABASE | {"STORE_TABLE"},
    "history": DATABASE | {"AUTH_ISSUERS"},
    "jobs": SERVICE_DATABASE | {"JOBS_QUEUE_URL"},
    "notes": DATABASE | {"AUTH_ISSUERS"},
    "planning": DATABASE | {"AUTH_ISSUERS"},
    "tasks": DATABASE | {"AUTH_ISSUERS"},
    "users": DATABASE | LIMITS | {"AUTH_ISSUERS", "JOBS_QUEUE_URL"},
}
# Read by what the code stands on.
READ_BY_OTHERS = {"SSL_CERT_DIR", "SSL_CERT_FILE"}
SECRET_SETTING = re.compile(r"(_KEY|_SECRET|^DATABASE_URL|^DATABASE_SERVICE_URL)$")

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
LIMIT = {"dynamodb:GetItem", "dynamodb:UpdateItem"}
TABLE = {
    "auth": LIMIT,
    "chat": LIMIT | {"dynamodb:PutItem", "dynamodb:Query"},
    "conversation": LIMIT,
    "conversations": LIMIT,
    "health": LIMIT,
    "users": LIMIT,
}
QUEUE = {
    "clerk-webhook": {"sqs:SendMessage"},
    "jobs": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
    "users": {"sqs:SendMessage"},
}
# It only moves aliases.
DEPLOYER = {"CodeDeployServiceRole": "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"}
# Nothing here runs, or costs, while nobody calls, but for the secret and what is stored.
TYPES = {
    "AWS::ApiGateway::BasePathMapping",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::DomainName",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::DynamoDB::Table",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}
# What would cost by the hour although its type is allowed.
BY_THE_HOUR = {"CacheClusterEnabled", "ProvisionedConcurrencyConfig", "ProvisionedThroughput", "VpcConfig"}


def test_a_function_gets_the_settings_it_needs_and_no_others():
    granted = {
        name: set(function["Environment"]["Variables"]) - SETTINGS_OF_ALL
        for name, function in template.functions().items()
    }
    assert granted == SETTINGS
    for name, function in template.functions().items():
        assert SETTINGS_OF_ALL <= set(function["Environment"]["Variables"]), name


def test_each_setting_is_read_by_the_code():
    folders = ("functions", "shared")
    code = "".join(path.read_text() for folder in folders for path in (REPOSITORY / folder).rglob("*.rs"))
    granted = set().union(*(function["Environment"]["Variables"] for function in template.functions().values()))
    settings = granted - READ_BY_OTHERS - PROVIDERS
    assert {setting for setting in settings if f'"{setting}"' not in code} == set()


def test_secrets_come_from_the_secret_store_and_its_keys_are_listed():
    used = set()
    for name, function in template.functions().items():
        for setting, value in function["Environment"]["Variables"].items():
            if SECRET_SETTING.search(setting):
                place = f"${{SecretName}}:SecretString:{setting}::${{SecretVersionId}}"
                assert value == {"Fn::Sub": "{{resolve:secretsmanager:" + place + "}}"}, name
                used.add(setting)
    listed = template.source()["Parameters"]["SecretName"]["Description"]
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", listed)) == used


def test_a_function_may_do_what_it_does_and_no_more():
    roles = template.resources("AWS::IAM::Role")
    for name, function in template.functions().items():
        [role, _] = function["Role"]["Fn::GetAtt"]
        log = function["LoggingConfig"]["LogGroup"]["Ref"]
        expected = {log: LOGS, "ShortLived": TABLE.get(name), "JobsQueue": QUEUE.get(name)}
        assert _rights(roles[role]) == {thing: actions for thing, actions in expected.items() if actions}, name
        assert "ManagedPolicyArns" not in roles[role], name
        assert _trusted(roles[role]) == "lambda.amazonaws.com", name


def test_rights_are_on_calls_that_the_code_makes():
    store = (REPOSITORY / "shared/base/src/store/dynamodb.rs").read_text()
    called = {f"dynamodb:{''.join(map(str.capitalize, call.split('_')))}" for call in re.findall(r"\.(\w+)\(\)", store)}
    assert set().union(*TABLE.values()) - called == set()
    queue = (REPOSITORY / "shared/base/src/queue/jobs_queue.rs").read_text()
    # The right to send one is the right to send ten; taking them is done by Lambda in the name of the function.
    assert ".send_message_batch()" in queue


def test_no_role_is_shared_or_too_much():
    roles = template.resources("AWS::IAM::Role")
    own = [function["Role"]["Fn::GetAtt"][0] for function in template.functions().values()]
    assert sorted([*own, *DEPLOYER]) == sorted(roles)
    for name, policy in DEPLOYER.items():
        assert roles[name]["ManagedPolicyArns"] == [policy]
        assert "Policies" not in roles[name]
    assert '"*"' not in json.dumps([roles[name] for name in own])


def _rights(role: dict) -> dict[str, set[str]]:
    """What the role may do to which resource of the template."""
    [policy] = role["Policies"]
    rights = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        assert set(statement) == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        [resource, attribute] = statement["Resource"]["Fn::GetAtt"]
        assert attribute == "Arn"
        assert resource not in rights
        rights[resource] = set(statement["Action"])
    return rights


def _trusted(role: dict) -> str:
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    return statement["Principal"]["Service"]


def test_nothing_runs_while_nobody_calls():
    kinds = {resource["Type"] for resource in template.transformed()["Resources"].values()}
    assert kinds == TYPES
    assert {name for name in BY_THE_HOUR if f'"{name}"' in json.dumps(template.transformed())} == set()


def test_the_table_is_paid_by_request_and_forgets():
    [block] = template.blocks("AWS::DynamoDB::Table").values()
    assert (block["DeletionPolicy"], block["UpdateReplacePolicy"]) == ("Delete", "Delete")
    assert block["Properties"] == {
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
    }


def test_logs_do_not_stay_for_ever_and_are_filtered_by_the_program_alone():
    groups = template.resources("AWS::Logs::LogGroup")
    named = {group["LogGroupName"]["Fn::Sub"]: group for group in groups.values()}
    for name, function in template.functions().items():
        logging = function["LoggingConfig"]
        assert (logging["LogFormat"], logging["ApplicationLogLevel"]) == ("JSON", "TRACE"), name
        group = groups[logging["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
        assert named[f"/aws/lambda/${{AWS::StackName}}-{name}"] is group, name


def test_roots_of_tls_are_found_in_the_layer():
    [(layer, _)] = template.resources("AWS::Lambda::LayerVersion").items()
    for name, function in template.functions().items():
        assert function["Layers"] == [{"Ref": layer}], name
        settings = function["Environment"]["Variables"]
        assert (settings["SSL_CERT_DIR"], settings["SSL_CERT_FILE"]) == ("/opt/roots", "/dev/null"), name
