"""The jobs under AWS's own emulator: called by a schedule, and by batches of a queue, on a database of its own."""

import json

import pytest

from emulator import FunctionError

SCHEDULED = ["drain", "prune", "tend_recurrences"]


def queue(*bodies: str) -> dict:
    """A batch as SQS shapes it; the messages are called m0, m1, …"""
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795219200000"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:almanac-jobs",
                "awsRegion": "us-east-1",
            }
            for index, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def jobs(start, database):
    return start("jobs", DATABASE_SERVICE_URL=database.service_url)


@pytest.mark.parametrize("job", SCHEDULED)
def test_a_schedule_runs_a_job(jobs, job):
    assert jobs.tell({"job": job}) == {"job": job, "count": 0}
    [line] = [line for line in jobs.lines if line["message"] == "job"]
    assert (line["job"], line["count"]) == (job, 0)


def test_a_batch_tells_which_messages_failed(jobs):
    bodies = [json.dumps({"job": "drain"}), "no JSON", json.dumps({"job": "unheard_of"}), json.dumps({"job": "prune"})]
    answer = jobs.tell(queue(*bodies))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}


def test_without_a_database_each_message_comes_again(start):
    jobs = start("jobs")
    answer = jobs.tell(queue(json.dumps({"job": "drain"})))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_another_event_is_an_error_and_the_environment_lives_on(jobs):
    with pytest.raises(FunctionError, match="malformed"):
        jobs.tell({"detail-type": "Scheduled Event"})
    assert jobs.tell({"job": "drain"}) == {"job": "drain", "count": 0}
