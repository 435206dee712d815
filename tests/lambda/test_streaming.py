"""Streamed answers leave a function as they are made."""

import re
import statistics

import pytest

import events
from emulator import Emulator
from function_process import FunctionProcess
from model import PAUSE_S, SENTENCES, Model
from settings import SETTINGS

EXCHANGE = {"apiKey": "sk-0123456789abcdefghijklmn", "message": "What is done?", "stream": True}
SPOKEN = re.compile(rb'"type":"sentence","text":"([^"]*)"')
# Linux acknowledges the first answers of a connection at once. Held-back chunks show in later ones only.
ANSWERS = 4
# Nagle's algorithm would hold a chunk back for about 42 ms. The quickest answer counts: others may keep the machine busy.
DELAY_MS_MAX = 20


@pytest.fixture
def model():
    with Model() as model:
        yield model


def test_each_sentence_is_sent_at_once(model, tmp_path):
    medians_ms = []
    with FunctionProcess("conversation", tmp_path, OPENAI_BASE_URL=model.base_url) as conversation:
        for _ in range(ANSWERS):
            answer = conversation.api.invoke(events.rest("POST", "/api/conversation", body=EXCHANGE))
            arrivals = [at for at, chunk in answer.chunks if SPOKEN.search(chunk)]
            # A sentence is known to be one when the next begins; the last two may come together, at the end.
            delays_ms = [(at - sent) / 1000 for at, sent in zip(arrivals, model.sent_at_us[1:])]
            assert len(delays_ms) == len(SENTENCES) - 1
            medians_ms.append(statistics.median(delays_ms))
    assert min(medians_ms) < DELAY_MS_MAX, medians_ms
    assert arrivals[-1] - arrivals[0] > PAUSE_S * 1_000_000, "the sentences came one by one"
    assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert answer.metadata["statusCode"] == 200
    assert answer.metadata["headers"]["content-type"] == "text/event-stream"


@pytest.mark.parametrize("event", [events.rest, events.http], ids=["REST", "HTTP"])
def test_the_emulator_takes_the_whole_stream(model, tmp_path, event):
    settings = SETTINGS["conversation"] | {"OPENAI_BASE_URL": model.base_url}
    with Emulator("conversation", settings, tmp_path) as conversation:
        answer = conversation.invoke(event("POST", "/api/conversation", body=EXCHANGE))
        assert answer.status == 200
        assert b"".join(SPOKEN.findall(answer.body)).decode() == "".join(SENTENCES)
        assert EXCHANGE["apiKey"] not in conversation.log
        assert EXCHANGE["message"] not in conversation.log
