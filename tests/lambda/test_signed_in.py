"""A user's way through the functions, each in an environment of its own as on Lambda, over one database."""

import threading

import pytest

import events
from model import Model
from user import User

EVENTS = pytest.mark.parametrize("event", [events.rest, events.http], ids=["REST", "HTTP"])


@EVENTS
def test_a_chat_is_stored_by_one_function_and_shown_by_the_others(start, database, event):
    user = User(start, database, event)
    chat = user.start("chat")
    asked = user.event("POST", "/api/chat", headers={"accept": "text/plain"}, body={"content": "Plan my Monday."})
    answer = chat.invoke(asked)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/plain")
    [line] = [line for line in chat.lines if line["message"] == "request"]
    assert (line["model"], line["request_id"]) == ("local/demo", chat.request_ids[0])
    assert "Monday" not in chat.log

    # Nothing runs on after an answer has ended, so the reply must be complete by then.
    [reply, question] = user.start("history").invoke(user.event("GET", "/api/chat/history")).json()
    assert (question["role"], question["content"]) == ("user", "Plan my Monday.")
    assert (reply["role"], reply["status"], reply["content"]) == ("assistant", "complete", answer.body.decode())

    conversations = user.start("conversations")
    [conversation] = conversations.invoke(user.event("GET", "/api/conversations")).json()
    messages = f"/api/conversations/{conversation['id']}/messages"
    assert len(conversations.invoke(user.event("GET", messages)).json()) == 2
    assert user.start("users").invoke(user.event("GET", "/api/users/me")).status == 200

    stranger = User(start, database, event)
    assert conversations.invoke(stranger.event("GET", messages)).status == 404


def test_a_reply_is_stopped_from_another_environment(start, database):
    user = User(start, database, events.rest)
    with Model(["Again and again. "] * 200) as model:
        writer, stopper = user.start("chat", **model.settings), user.start("chat", **model.settings)
        asked = user.event("POST", "/api/chat", headers={"accept": "text/plain"}, body={"content": "Speak."})
        answers = []
        writing = threading.Thread(target=lambda: answers.append(writer.invoke(asked)))
        writing.start()
        model.speaks.wait(timeout=10)
        [conversation] = user.start("conversations").invoke(user.event("GET", "/api/conversations")).json()
        stopped = stopper.invoke(user.event("POST", f"/api/chat/{conversation['id']}/stop"))
        writing.join(timeout=20)
    assert stopped.status == 200, stopped.body
    assert stopped.json()["status"] == "stopped"
    [answer] = answers
    assert stopped.json()["content"].startswith("Again and again.")
    assert answer.body.decode().startswith(stopped.json()["content"])
