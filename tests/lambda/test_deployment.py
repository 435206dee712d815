"""How a new version takes the calls over, how it is taken back, and what a person who deploys may say."""

import re
import tomllib

import pytest
from samtranslator.yaml_helper import yaml_parse

import template
from paths import REPOSITORY

CALLERS = {
    "AWS::Events::Rule": lambda rule: rule["Targets"][0]["Arn"],
    "AWS::Lambda::EventSourceMapping": lambda source: source["FunctionName"],
    "AWS::Lambda::Permission": lambda permission: permission["FunctionName"],
}
ROLLBACK_ALARMS = ["ServerErrorsAlarm", "ChatErrorsAlarm", "JobsErrorsAlarm"]
JOBS_TIMEOUT_S = 180


def test_whoever_calls_a_function_calls_its_alias():
    aliases = template.resources("AWS::Lambda::Alias")
    assert sorted(template.folder_behind({"Ref": alias}) for alias in aliases) == sorted(template.functions())
    for kind, called in CALLERS.items():
        for name, properties in template.resources(kind).items():
            assert called(properties)["Ref"] in aliases, name
    # The gateway's are seen by `template.owner`.
    assert all(template.owner(integration) for integration in template.integrations().values())
    [asynchronous] = template.resources("AWS::Lambda::EventInvokeConfig").values()
    assert asynchronous["Qualifier"] == template.ALIAS


def test_a_release_makes_a_version_of_every_function():
    versions = template.blocks("AWS::Lambda::Version").values()
    assert len(versions) == len(template.functions())
    for version in versions:
        # The description cannot be changed in place: CloudFormation makes another version.
        assert version["Properties"]["Description"] == {"Ref": "Release"}, version
        # What still writes replies on the old one goes on.
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain"), version
    for name, function in template.functions().items():
        # A version of a function that did not change is refused.
        assert function["Environment"]["Variables"]["RELEASE"] == {"Ref": "Release"}, name
    assert "Default" not in template.source()["Parameters"]["Release"]


def test_a_changed_parameter_alone_would_make_no_version():
    """Why there is Release; when this fails, SAM has become better, and Release may go."""

    def versions(**parameters: str) -> set[str]:
        resources = template.transform(**parameters)["Resources"]
        return {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}

    assert versions() == versions(CorsOrigins="https://app.example", SecretVersionId="0" * 36)


@pytest.mark.parametrize("kind", ["Canary10Percent5Minutes", "AllAtOnce"])
def test_alarms_take_a_version_back(kind):
    written = template.source()["Parameters"]["DeploymentType"]
    assert written["Default"] == "Canary10Percent5Minutes"
    assert kind in written["AllowedValues"]
    resources = template.transform(DeploymentType=kind)["Resources"]
    groups = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::CodeDeploy::DeploymentGroup"}
    assert len(groups) == len(template.functions())
    alarms = {"Enabled": True, "Alarms": [{"Name": {"Ref": alarm}} for alarm in ROLLBACK_ALARMS]}
    for name, group in groups.items():
        assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": kind}, name
        assert group["AlarmConfiguration"] == {"Fn::If": ["RollsBackOnAlarm", alarms, {}]}, name
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"], name
    updates = [r["UpdatePolicy"] for r in resources.values() if r["Type"] == "AWS::Lambda::Alias"]
    moved = {update["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"] for update in updates}
    assert moved == set(groups)


def test_schedules_call_the_jobs_and_do_not_pile_up():
    rules = template.resources("AWS::Events::Rule").values()
    called = {(rule["ScheduleExpression"], rule["Targets"][0]["Input"]) for rule in rules}
    assert called == {
        ("rate(1 minute)", '{"job": "drain"}'),
        ("rate(1 hour)", '{"job": "tend_recurrences"}'),
        ("rate(1 day)", '{"job": "prune"}'),
    }
    assert {template.folder_behind(rule["Targets"][0]["Arn"]) for rule in rules} == {"jobs"}
    [asynchronous] = template.resources("AWS::Lambda::EventInvokeConfig").values()
    assert asynchronous["MaximumEventAgeInSeconds"] <= 3600


def test_the_queue_hears_of_each_message_that_failed_and_sets_it_aside_in_the_end():
    [source] = template.resources("AWS::Lambda::EventSourceMapping").values()
    assert template.folder_behind(source["FunctionName"]) == "jobs"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queues = template.resources("AWS::SQS::Queue")
    queue = queues[source["EventSourceArn"]["Fn::GetAtt"][0]]
    assert template.functions()["jobs"]["Timeout"] == JOBS_TIMEOUT_S
    assert queue["VisibilityTimeout"] >= 6 * JOBS_TIMEOUT_S
    dead = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert all(each["SqsManagedSseEnabled"] for each in (queue, dead))


def test_parameters_take_their_defaults_and_say_what_else_they_take():
    for name, parameter in template.source()["Parameters"].items():
        default = str(parameter.get("Default", ""))
        if pattern := parameter.get("AllowedPattern"):
            assert "Default" not in parameter or re.fullmatch(pattern, default), name
            assert parameter["ConstraintDescription"], name
        if "AllowedValues" in parameter:
            assert default in map(str, parameter["AllowedValues"]), name
        if parameter["Type"] == "Number" and "AllowedValues" not in parameter:
            assert float(parameter["MinValue"]) <= float(default), name
            assert float(default) <= float(parameter.get("MaxValue", default)), name
    needed = {name for name, parameter in template.source()["Parameters"].items() if "Default" not in parameter}
    assert needed == set(template.NEEDED)


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("CorsOrigins", "https://app.example, http://localhost:3000", True),
        ("CorsOrigins", "https://app.example/", False),
        ("PublicUrl", "https://abc.execute-api.eu-central-1.amazonaws.com/live", True),
        ("PublicUrl", "https://api.example/", False),
        ("PublicUrl", "http://api.example", False),
        ("Release", "8bb428d-20261121T1200", True),
        ("Release", "", False),
        ("DefaultModel", "openrouter/anthropic/claude-sonnet-4.5", True),
        ("DefaultModel", "gpt-5", False),
        ("OpenAIBaseUrl", "http://10.0.0.4:11434/v1", True),
        ("OpenAIBaseUrl", "https://api.openai.com/v1/", False),
        ("SentryDsn", "https://key@sentry.example/7", True),
        ("SentryDsn", "sentry.example", False),
        ("AuthIssuers", '[{"issuer":"https://a.example"}]', True),
        ("AuthIssuers", "https://a.example", False),
        ("DomainName", "api.example.com", True),
        ("DomainName", "https://api.example.com", False),
        ("CertificateArn", "arn:aws:acm:eu-central-1:123456789012:certificate/0f1e", True),
        ("CertificateArn", "0f1e", False),
        ("SecretName", "production/almanac", True),
        ("SecretName", "arn:aws:secretsmanager:eu-central-1:1:secret:almanac", False),
        ("RateLimitScale", "20", True),
        ("RateLimitScale", "1.5", False),
        ("RateLimitScale", "0", False),
        ("ProviderIdleTimeoutMs", "1000", True),
        ("ProviderIdleTimeoutMs", "280000", True),
        ("ProviderIdleTimeoutMs", "999", False),
        ("ProviderIdleTimeoutMs", "280001", False),
        ("ProviderIdleTimeoutMs", "300000", False),
        ("ProviderFirstByteTimeoutMs", "120000", True),
        ("ProviderFirstByteTimeoutMs", "300000", False),
        ("ChatLeaseSeconds", "5", True),
        ("ChatLeaseSeconds", "300", True),
        ("ChatLeaseSeconds", "4", False),
        ("ChatLeaseSeconds", "301", False),
        ("AlarmEmail", "on-call@example.com", True),
        ("AlarmEmail", "on-call", False),
    ],
)
def test_parameters_refuse_what_would_fail_later(name, value, taken):
    pattern = template.source()["Parameters"][name]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, value)) == taken


def test_a_function_reads_no_number_that_could_have_a_fraction():
    numbers = {name for name, parameter in template.source()["Parameters"].items() if parameter["Type"] == "Number"}
    for name, function in template.functions().items():
        read = {value.get("Ref") for value in function["Environment"]["Variables"].values() if isinstance(value, dict)}
        assert read.isdisjoint(numbers), name


def test_a_domain_has_a_certificate():
    [rule] = template.source()["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]}
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "CertificateArn"}, ""]}]}
    for kind in ("AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping"):
        [block] = template.blocks(kind).values()
        assert block["Condition"] == "HasDomain"
    [mapping] = template.resources("AWS::ApiGateway::BasePathMapping").values()
    [stage] = template.resources("AWS::ApiGateway::Stage")
    assert mapping["Stage"] == {"Ref": stage}


def test_a_build_sees_changes_outside_of_a_functions_folder():
    # SAM's cache would not.
    assert samconfig("build")["cached"] is False
    manifest = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())
    # What SAM builds brings its own OpenSSL; SAM itself can pass no feature.
    assert manifest["workspace"]["metadata"]["lambda"]["build"] == {"features": ["vendored-openssl"]}


def test_few_things_must_be_said_to_deploy():
    [file] = samconfig("build")["parameter_overrides"]
    assert file == "file://parameters.yaml"
    assert "/parameters.yaml" in (REPOSITORY / ".gitignore").read_text().splitlines()
    deploy = samconfig("deploy")
    # Roles are made, but none with a name of ours.
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert not any("RoleName" in role for role in template.resources("AWS::IAM::Role").values())
    assert deploy["resolve_s3"]


def test_the_example_of_parameters_is_taken():
    example = yaml_parse((REPOSITORY / "parameters.example.yaml").read_text())
    written = template.source()["Parameters"]
    for name, value in example.items():
        assert re.fullmatch(written[name].get("AllowedPattern", ".*"), str(value)), name
    # Release is new each time, and so not in a file.
    assert set(template.NEEDED) - {"Release"} <= set(example)
    assert "Release" not in example
    template.transform(**example)


def samconfig(command: str) -> dict:
    """What samconfig.toml says for one command."""
    return tomllib.loads((REPOSITORY / "samconfig.toml").read_text())["default"][command]["parameters"]
