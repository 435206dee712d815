"""template.yaml as CloudFormation sees it: transformed by AWS's own code, offline."""

from dataclasses import dataclass
from functools import cache

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from paths import REPOSITORY

LOGGING_POLICY = "service-role/AWSLambdaBasicExecutionRole"
QUEUE_POLICY = "service-role/AWSLambdaSQSQueueExecutionRole"


@dataclass(frozen=True)
class Route:
    """One method of one path, as the gateway knows it."""

    method: str
    path: str


@cache
def source() -> dict:
    """The template as it is written."""
    return yaml_parse((REPOSITORY / "template.yaml").read_text())


@cache
def transformed() -> dict:
    """The template after the transformation, with pure CloudFormation resources."""
    template = yaml_parse((REPOSITORY / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # Packaging puts an address in the place of the folder; the transformation wants to see one.
            resource["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    policies = {policy.split("/")[1]: f"arn:aws:iam::aws:policy/{policy}" for policy in (LOGGING_POLICY, QUEUE_POLICY)}
    translator = Translator(policies, Parser(), boto_session=boto3.session.Session(region_name="us-east-1"))
    return translator.translate(template, {"PublicUrl": "https://api.example"})


def resources(kind: str) -> dict[str, dict]:
    """The transformed resources of one type, by name."""
    return {name: r["Properties"] for name, r in transformed()["Resources"].items() if r["Type"] == kind}


def functions() -> dict[str, dict]:
    """The properties of each function, by its folder."""
    found = resources("AWS::Lambda::Function").values()
    return {function["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): function for function in found}


def integrations() -> dict[Route, dict]:
    """What the gateway does for each route."""
    [api] = resources("AWS::ApiGateway::RestApi").values()
    return {
        Route(method.upper(), path): operation["x-amazon-apigateway-integration"]
        for path, operations in api["Body"]["paths"].items()
        for method, operation in operations.items()
    }
