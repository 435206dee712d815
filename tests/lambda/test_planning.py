"""A user's plans: what one function writes the others know, count, tell of and take back."""

from datetime import date, timedelta

import pytest

import events
from user import User

EVENTS = pytest.mark.parametrize("event", [events.rest, events.http], ids=["REST", "HTTP"])
CHECK_BOX = {"type": "checkListItem", "props": {"checked": False}, "content": [{"type": "text", "text": "Call Ada"}]}


@EVENTS
def test_a_check_box_is_a_task_that_brings_a_goal_on_and_can_be_undone(start, database, event):
    user = User(start, database, event)
    planning, notes, tasks = (user.start(function) for function in ("planning", "notes", "tasks"))
    goal = sent(planning, user.event("POST", "/api/goals", body={"title": "Keep in touch", "timeframe": "week"}), 201)
    note = sent(notes, user.event("POST", "/api/notes", body={"title": "Monday", "content": [CHECK_BOX]}), 201)

    [task] = sent(tasks, user.event("GET", "/api/tasks", query={"source": "note"}))
    assert task["title"] == "Call Ada"
    path = f"/api/tasks/{task['id']}"
    sent(tasks, user.event("PUT", path, body={"goal_id": goal["id"]}))
    done = tasks.invoke(user.event("PUT", f"{path}/status", body={"status": "done"}))
    assert done.status == 200, done.body

    assert progress(planning, user, goal) == 100
    assert is_checked(notes, user, note)

    changes = user.start("changes")
    group = done.headers["action-group"]
    told = sent(changes, user.event("GET", "/api/changes", query={"limit": "500"}))
    assert {"task", "note"} <= {change["entity"] for change in told if change["action_group"] == group}
    sent(changes, user.event("POST", f"/api/undo/{group}"))
    assert progress(planning, user, goal) == 0
    assert not is_checked(notes, user, note)


@EVENTS
def test_a_stale_write_is_refused_and_a_doubled_one_counts_once(start, database, event):
    user = User(start, database, event)
    tasks = user.start("tasks")
    asked = user.event("POST", "/api/tasks", headers={"idempotency-key": "once"}, body={"title": "Water the plants"})
    first, second = tasks.invoke(asked), tasks.invoke(asked)
    assert (first.status, first.body) == (201, second.body)
    path = f"/api/tasks/{first.json()['id']}"

    read = tasks.invoke(user.event("GET", path))
    condition = {"if-match": read.headers["etag"]}
    sent(tasks, user.event("PUT", path, headers=condition, body={"title": "Water the garden"}))
    stale = tasks.invoke(user.event("PUT", path, headers=condition, body={"title": "Water the roof"}))
    assert (stale.status, stale.json()["code"]) == (412, "precondition_failed")
    assert sent(tasks, user.event("GET", path))["title"] == "Water the garden"


@EVENTS
def test_a_task_recurs(start, database, event):
    user = User(start, database, event)
    tasks = user.start("tasks")
    task = sent(tasks, user.event("POST", "/api/tasks", body={"title": "Stretch"}), 201)
    path = f"/api/tasks/{task['id']}"
    tomorrow = date.today() + timedelta(days=1)
    rule = {"preset": "daily", "start": f"{tomorrow}T09:00", "time_zone": "Asia/Tokyo"}
    assert sent(tasks, user.event("PUT", f"{path}/recurrence", body=rule), 201)["rule"] == "FREQ=DAILY"
    [first, second] = sent(tasks, user.event("GET", f"{path}/occurrences", query={"limit": "2"}))
    # Nine in the morning there is midnight here.
    assert first["starts_at"] == f"{tomorrow}T00:00:00Z"
    assert second["starts_at"] == f"{tomorrow + timedelta(days=1)}T00:00:00Z"

    status = f"{path}/occurrences/{first['id']}/status"
    assert sent(tasks, user.event("PUT", status, body={"status": "done"}))["completed_at"] is not None
    [shown] = sent(tasks, user.event("GET", "/api/occurrences", query={"limit": "1"}))
    assert (shown["id"], shown["status"], shown["task"]["title"]) == (first["id"], "done", "Stretch")


def sent(function, event: dict, status: int = 200):
    """The JSON of the answer, which has this status."""
    answer = function.invoke(event)
    assert answer.status == status, answer.body
    return answer.json()


def progress(planning, user: User, goal: dict) -> int:
    return sent(planning, user.event("GET", f"/api/goals/{goal['id']}"))["progress"]


def is_checked(notes, user: User, note: dict) -> bool:
    [block] = sent(notes, user.event("GET", f"/api/notes/{note['id']}"))["content"]
    return block["props"]["checked"]
