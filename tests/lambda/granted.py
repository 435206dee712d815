"""The environment that a function gets once CloudFormation has put in parameters, conditions and secrets."""

import re

import template

# Long ones, as vendors hand them out today.
SECRETS_BYTES = {"OPENAI_API_KEY": 164, "ANTHROPIC_API_KEY": 108, "OPENROUTER_API_KEY": 73, "XAI_API_KEY": 84}
# What Lambda itself adds that the code asks for.
OF_LAMBDA = {
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "token",
}
DYNAMIC = re.compile(r"{{resolve:secretsmanager:[^:]+:SecretString:(\w+)::[^}]*}}")


def environment(function: str, secrets: dict[str, str], **parameters: str) -> dict[str, str]:
    """The settings of a function, with defaults where a parameter is not given. A secret not given is empty."""
    written = template.source()["Parameters"]
    values = {name: str(parameter.get("Default", "")) for name, parameter in written.items()}
    values |= template.NEEDED | parameters

    def resolved(value) -> str:
        match value:
            case {"Ref": name} if name in values:
                return values[name]
            case {"Ref": name}:
                # A queue is known by its address, other resources by their names.
                is_queue = template.source()["Resources"][name]["Type"] == "AWS::SQS::Queue"
                return f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}" if is_queue else f"almanac-{name}"
            case {"Fn::Sub": text}:
                text = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text)
                return DYNAMIC.sub(lambda found: secrets.get(found[1], ""), text)
            case {"Fn::If": [condition, then, otherwise]}:
                return resolved(then if holds(template.source()["Conditions"][condition]) else otherwise)
            case _:
                return str(value)

    def holds(condition: dict) -> bool:
        match condition:
            case {"Fn::Not": [negated]}:
                return not holds(negated)
            case {"Fn::Equals": [left, right]}:
                return resolved(left) == resolved(right)
        raise NotImplementedError(condition)

    given = template.functions()[function]["Environment"]["Variables"]
    return {name: resolved(value) for name, value in given.items()}
