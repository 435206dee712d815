"""The jobs under AWS's own emulator: called by a schedule, and by batches of a queue, on a database of its own."""

import json

import pytest

from emulator import FunctionError
from events import event_bridge, queue, schedule

SCHEDULED = ["drain", "prune", "tend_recurrences"]


@pytest.fixture
def jobs(start, database):
    return start("jobs", DATABASE_SERVICE_URL=database.service_url)


@pytest.mark.parametrize("job", SCHEDULED)
def test_a_schedule_runs_a_job(jobs, job):
    answer = jobs.tell(schedule(job))
    assert answer["job"] == job
    [line] = [line for line in jobs.lines if line["message"] == "job"]
    assert (line["job"], line["count"]) == (job, answer["count"])
    assert line["request_id"] == jobs.request_ids[0]


def test_a_batch_tells_which_messages_failed(jobs):
    deliver = {"job": "deliver", "user_id": "01a1fdf6-e4d3-7cc1-b9e9-4de7b7d37e32"}
    bodies = [json.dumps(deliver), "no JSON", json.dumps({"job": "unheard_of"}), json.dumps({"job": "prune"})]
    answer = jobs.tell(queue(*bodies))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
    assert {line["request_id"] for line in jobs.lines} == set(jobs.request_ids)


def test_without_a_database_each_message_comes_again(start):
    jobs = start("jobs")
    answer = jobs.tell(queue(json.dumps({"job": "drain"})))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_another_event_is_an_error_and_the_environment_lives_on(jobs):
    with pytest.raises(FunctionError, match="malformed"):
        jobs.tell(event_bridge())
    assert jobs.tell(schedule("drain"))["job"] == "drain"
