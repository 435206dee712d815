"""Which functions there are, and which settings each of them gets: what template.yaml grants it, and nothing else."""

import os
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
# What a person wants to set without it being a parameter of the template.
FOR_PEOPLE = {"LOG_FORMAT", "RUST_LOG"}
# Where things are on AWS only.
OF_AWS = {"METRICS", "RELEASE", "SSL_CERT_DIR", "SSL_CERT_FILE"}
# How emulators of AWS's services are reached, when a store or a queue is named.
AWS = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"}


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's own tags as if they were not there."""


_Template.add_multi_constructor("!", lambda loader, _tag, node: None)


def granted() -> dict[str, set[str]]:
    """The names of each function's settings, by its folder."""
    template = yaml.load((REPOSITORY / "template.yaml").read_text(), _Template)
    of_all = _settings(template["Globals"]["Function"])
    return {
        resource["Properties"]["CodeUri"].removeprefix("functions/"): of_all | _settings(resource["Properties"])
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def environment(names: set[str], local: dict[str, str]) -> dict[str, str]:
    """Values for settings: this machine's, else those of the environment that this program was started in."""
    names = (names | FOR_PEOPLE | (AWS if names & {"STORE_TABLE", "JOBS_QUEUE_URL"} else set())) - OF_AWS
    told = {name: value for name, value in os.environ.items() if name in names}
    return {"PATH": os.environ["PATH"]} | {name: value for name, value in local.items() if name in names} | told


def _settings(properties: dict) -> set[str]:
    return set(properties.get("Environment", {}).get("Variables", {}))
