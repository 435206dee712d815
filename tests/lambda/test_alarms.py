"""Alarms and the dashboard: on metrics that somebody writes, with dimensions that they have."""

import json
import re
from functools import cache

import template
from paths import REPOSITORY

STACK = "${AWS::StackName}"
# The number of metrics in alarms that cost nothing in an account.
FREE_ALARMS = 10
# What a dashboard may show to cost nothing, when it is one of three.
DASHBOARD_METRICS_MAX = 50
# Metrics that AWS writes without being paid, and the dimensions that they have.
OF_AWS = {
    "AWS/ApiGateway": ({"4XXError", "5XXError", "Count"}, {("ApiName", "Stage")}),
    "AWS/DynamoDB": ({"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}, {("TableName",)}),
    "AWS/Lambda": ({"ConcurrentExecutions", "Errors", "Invocations", "Throttles"}, {("FunctionName",), ()}),
    "AWS/SQS": (
        {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "NumberOfMessagesSent"},
        {("QueueName",)},
    ),
}
OURS = "Almanac"
# Name: metric, dimensions, statistic, comparison, threshold, over how many of how many periods, in seconds.
ALARMS = {
    "chat-errors": ("AWS/Lambda Errors", [f"{STACK}-chat"], "Sum", ">=", 3, (1, 1, 300)),
    "jobs-dead-letters": (
        "AWS/SQS ApproximateNumberOfMessagesVisible", ["JobsDeadLetters.QueueName"], "Maximum", ">=", 1, (1, 1, 300),
    ),
    "jobs-errors": ("AWS/Lambda Errors", [f"{STACK}-jobs"], "Sum", ">=", 3, (1, 1, 300)),
    "jobs-queue-age": (
        "AWS/SQS ApproximateAgeOfOldestMessage", ["JobsQueue.QueueName"], "Maximum", ">=", 3600, (1, 1, 300),
    ),
    "jobs-silent": ("AWS/Lambda Invocations", [f"{STACK}-jobs"], "Sum", "<", 1, (1, 1, 900)),
    "outbox-given-up": ("Almanac outbox_given_up", [f"{STACK}-jobs"], "Maximum", ">=", 1, (1, 1, 300)),
    "outbox-waiting": ("Almanac outbox_waiting_seconds", [f"{STACK}-jobs"], "Maximum", ">=", 900, (3, 3, 300)),
    "server-errors": (
        "AWS/ApiGateway 5XXError", ["AWS::StackName", "live"], "Sum", ">=", "ServerErrorsPerMinuteMax", (2, 3, 60),
    ),
    "throttles": ("AWS/Lambda Throttles", [], "Sum", ">=", 1, (3, 5, 60)),
}  # fmt: skip
PLACEHOLDERS = {"STACK", "REGION", "ACCOUNT"}
COMPARISONS = {"GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}
# The alarm for which silence is the fault.
SILENCE = "jobs-silent"


@cache
def written_metrics() -> dict[str, set[str]]:
    """The metrics that the code writes to CloudWatch, and the folders of the code that names them."""
    found = {}
    for folder in ("functions", "shared"):
        for path in (REPOSITORY / folder).rglob("*.rs"):
            # What a file's own tests write is no metric.
            code = path.read_text().split("#[cfg(test)]")[0]
            # Metrics of requests all have one unit, which is not said beside them.
            unit = "" if path.match("http/metrics.rs") else r"\s*Unit::"
            for name in re.findall(rf'\("([a-z_]+)",{unit}', code):
                found.setdefault(name, set()).add("/".join(path.relative_to(REPOSITORY).parts[:2]))
    return found


def is_written(namespace: str, metric: str, dimensions: tuple[str, ...]) -> bool:
    """Whether anybody writes this metric with these dimensions."""
    if namespace == OURS:
        return metric in written_metrics() and dimensions == ("function",)
    metrics, known = OF_AWS[namespace]
    return metric in metrics and dimensions in known


def alarms() -> dict[str, dict]:
    """The alarms' properties, by their names without the stack's."""
    found = template.resources("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"]["Fn::Sub"].removeprefix(f"{STACK}-"): alarm for alarm in found}


def text(value) -> str:
    """A value or what it refers to."""
    if isinstance(value, dict):
        [value] = value.values()
    return ".".join(value) if isinstance(value, list) else value


def test_alarms_sound_when_they_should():
    actual = {
        name: (
            f"{alarm['Namespace']} {alarm['MetricName']}",
            [text(dimension["Value"]) for dimension in alarm.get("Dimensions", [])],
            alarm["Statistic"],
            COMPARISONS[alarm["ComparisonOperator"]],
            text(alarm["Threshold"]),
            (
                alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
                alarm["EvaluationPeriods"],
                alarm["Period"],
            ),
        )
        for name, alarm in alarms().items()
    }
    assert actual == ALARMS
    for name, alarm in alarms().items():
        silence = "breaching" if name == SILENCE else "notBreaching"
        assert alarm["TreatMissingData"] == silence, name


def test_alarms_watch_metrics_that_somebody_writes():
    for name, alarm in alarms().items():
        dimensions = tuple(dimension["Name"] for dimension in alarm.get("Dimensions", []))
        assert is_written(alarm["Namespace"], alarm["MetricName"], dimensions), name
    # The jobs' own metrics are written by the jobs, whose name is the dimension.
    for name in ("outbox_given_up", "outbox_waiting_seconds"):
        assert "functions/jobs" in written_metrics()[name]
    functions = {f"{STACK}-{function}" for function in template.functions()}
    named = [text(d["Value"]) for a in alarms().values() for d in a.get("Dimensions", []) if "unction" in d["Name"]]
    assert set(named) <= functions


def test_the_gateways_alarm_names_the_gateway():
    # By its text, as a reference would close a circle: the alarm, deployments, aliases, the gateway.
    [api] = template.resources("AWS::ApiGateway::RestApi").values()
    [stage] = template.resources("AWS::ApiGateway::Stage").values()
    named = [dimension["Value"] for dimension in alarms()["server-errors"]["Dimensions"]]
    assert named == [api["Name"], stage["StageName"]]


def test_alarms_are_told_and_are_free():
    [(topic, _)] = template.resources("AWS::SNS::Topic").items()
    for name, alarm in alarms().items():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([{"Ref": topic}], [{"Ref": topic}]), name
        assert alarm["AlarmDescription"], name
        # Each of several metrics in one alarm counts.
        assert "Metrics" not in alarm, name
    assert len(alarms()) <= FREE_ALARMS
    [subscription] = template.blocks("AWS::SNS::Subscription").values()
    assert subscription["Condition"] == "HasAlarmEmail"
    assert subscription["Properties"]["TopicArn"] == {"Ref": topic}


def test_the_runbook_explains_each_alarm():
    runbook = (REPOSITORY / "operations/runbook.md").read_text()
    assert {name for name in alarms() if f"`{name}`" not in runbook} == set()


@cache
def widgets() -> list[dict]:
    """The dashboard's widgets."""
    return json.loads((REPOSITORY / "operations/dashboard.json").read_text())["widgets"]


def shown() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Each metric of the dashboard: namespace, name, names of dimensions, values of dimensions in one text."""
    found = []
    for widget in widgets():
        last: list[str] = []
        for metric in widget["properties"].get("metrics", []):
            if "expression" in metric[0]:
                found.append(_searched(metric[0]["expression"]))
                continue
            names = [part for part in metric if isinstance(part, str)]
            # A dot repeats what the line above says.
            last = [above if part == "." else part for part, above in zip(names, last or names)]
            namespace, name, *dimensions = last
            found.append((namespace, name, tuple(dimensions[::2]), " ".join(dimensions[1::2])))
    return found


def _searched(expression: str) -> tuple[str, str, tuple[str, ...], str]:
    search = r"SEARCH\('\{([^,}]+),([^}]+)\} MetricName=\"(\w+)\" ([^']+)', '(\w+)', \d+\)"
    namespace, dimensions, name, terms, _ = re.fullmatch(search, expression).groups()
    names = {term.split("=")[0] for term in terms.split()}
    assert names == {dimensions}
    return namespace, name, tuple(dimensions.split(",")), " ".join(term.split("=")[1] for term in terms.split())


def test_the_dashboard_shows_metrics_that_somebody_writes():
    assert {metric[:3] for metric in shown() if not is_written(*metric[:3])} == set()
    assert {name for namespace, name, *_ in shown() if namespace == OURS} >= set(written_metrics()) - {"client_errors"}


def test_the_dashboard_names_things_of_the_stack():
    queues = {queue["QueueName"]["Fn::Sub"].replace(STACK, "STACK") for queue in _queues()}
    tables = {f"STACK {name}" for name in template.resources("AWS::DynamoDB::Table")}
    known = {f"STACK-{name}" for name in template.functions()} | queues | tables | {"STACK", "STACK live"}
    assert {of for *_, of in shown()} <= known
    alarm_arns = [arn for widget in widgets() for arn in widget["properties"].get("alarms", [])]
    assert sorted(arn.split(":alarm:STACK-")[1] for arn in alarm_arns) == sorted(alarms())


def _queues() -> list[dict]:
    return list(template.resources("AWS::SQS::Queue").values())


def test_the_dashboard_reads_every_log():
    for widget in (widget for widget in widgets() if widget["type"] == "log"):
        sources = re.findall(r"SOURCE '/aws/lambda/STACK-([\w-]+)'", widget["properties"]["query"])
        assert sources == sorted(template.functions())


def test_the_dashboard_shows_fields_that_log_lines_have():
    sources = ("shared/base/src/http/record.rs", "shared/base/src/run/event_function.rs", "shared/base/src/log.rs")
    code = "".join((REPOSITORY / source).read_text() for source in sources)
    queries = [widget["properties"]["query"] for widget in widgets() if widget["type"] == "log"]
    [fields] = [found[1] for query in queries if (found := re.search(r"\| fields ([^|]+) \|", query))]
    # The time is CloudWatch's, the message is the line's own.
    named = set(fields.split(", ")) - {"@timestamp", "message"}
    assert {field for field in named if not re.search(rf"\b{field}( =|,\n)", code)} == set()


def test_the_dashboard_fits_and_is_free():
    assert len(shown()) <= DASHBOARD_METRICS_MAX
    for widget in widgets():
        assert widget["x"] + widget["width"] <= 24
    places = [(w["x"], w["y"], w["x"] + w["width"], w["y"] + w["height"]) for w in widgets()]
    for i, (left, top, right, bottom) in enumerate(places):
        for other_left, other_top, other_right, other_bottom in places[:i]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def test_the_dashboard_is_made_ones_own_by_three_words():
    text = (REPOSITORY / "operations/dashboard.json").read_text()
    # The command that puts the names in replaces these words wherever they are, so nothing else may hold them.
    assert set(re.findall(r"[A-Z]{5,}", text)) == PLACEHOLDERS | {"SEARCH", "SOURCE", "ERROR"}
    assert not re.search(r"\b[a-z]{2}-[a-z]+-\d\b|\b\d{12}\b", text)
