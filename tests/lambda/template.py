"""template.yaml as CloudFormation sees it: transformed by AWS's own code, offline."""

import re
from dataclasses import dataclass
from functools import cache

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from paths import REPOSITORY

ALIAS = "live"
ANY = "ANY"
NEEDED = {"PublicUrl": "https://api.example", "Release": "1"}
"""The parameters without defaults."""
PACKAGED = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


@dataclass(frozen=True, order=True)
class Route:
    """One method of one path, or any, as the gateway knows it."""

    path: str
    method: str = ANY


@cache
def source() -> dict:
    """The template as it is written."""
    return yaml_parse((REPOSITORY / "template.yaml").read_text())


def transform(**parameters: str) -> dict:
    """The template after the transformation, with pure CloudFormation resources."""
    template = yaml_parse((REPOSITORY / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if folder := PACKAGED.get(resource["Type"]):
            # Packaging puts an address in the place of the folder; the transformation wants to see one.
            resource["Properties"][folder] = "s3://bucket/package.zip"
    translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name="us-east-1"))
    return translator.translate(template, NEEDED | parameters)


@cache
def transformed() -> dict:
    """The template after the transformation, with its defaults."""
    return transform()


def blocks(kind: str) -> dict[str, dict]:
    """The transformed resources of one type, whole, by name."""
    return {name: resource for name, resource in transformed()["Resources"].items() if resource["Type"] == kind}


def resources(kind: str) -> dict[str, dict]:
    """The properties of the transformed resources of one type, by name."""
    return {name: block["Properties"] for name, block in blocks(kind).items()}


def functions() -> dict[str, dict]:
    """The properties of each function, by its folder."""
    found = resources("AWS::Lambda::Function").values()
    return {function["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): function for function in found}


def folder(logical_id: str) -> str:
    """The folder of the function with this name in the template."""
    return source()["Resources"][logical_id]["Properties"]["CodeUri"].removeprefix("functions/")


def folder_behind(alias: dict) -> str:
    """The folder of the function that a reference to an alias calls."""
    logical_id, _, name = alias["Ref"].rpartition("Alias")
    assert name == ALIAS, alias
    return folder(logical_id)


def owner(integration: dict) -> str:
    """The folder of the function that the gateway calls."""
    called = re.search(r"/functions/\$\{(\w+)\}/", integration["uri"]["Fn::Sub"])[1]
    return folder_behind({"Ref": called})


def integrations() -> dict[Route, dict]:
    """What the gateway does for each route."""
    [api] = resources("AWS::ApiGateway::RestApi").values()
    return {
        Route(path, ANY if method == "x-amazon-apigateway-any-method" else method.upper()): operation[
            "x-amazon-apigateway-integration"
        ]
        for path, operations in api["Body"]["paths"].items()
        for method, operation in operations.items()
    }
