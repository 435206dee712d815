"""A question, and its reply as the AI SDK's UI message stream: `finish` is said once the reply is stored."""

import json
import os
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
from database import Conversation, Message, write
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from identity import User
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import update

router = APIRouter()
provider: aiohttp.ClientSession


@asynccontextmanager
async def opened():
    global provider
    # Every stream has its connection, which is used again.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as provider:
        yield


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    content: str = Field(min_length=1, max_length=100_000)
    model: str = Field(min_length=1, max_length=200)


class Reply:
    def __init__(self):
        self.text, self.finish, self.usage = "", None, {}


def part(value) -> str:
    return f"data: {json.dumps(value, separators=(',', ':'), ensure_ascii=False)}\n\n"


@router.post("/api/chat")
async def send_message(user: User, question: Question):
    conversation_id, question_id, reply_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    now, owner = datetime.now(UTC), uuid.UUID(user)
    both = {"user_id": owner, "conversation_id": conversation_id, "model": question.model, "updated_at": now}
    async with write(user) as session:
        session.add(Conversation(id=conversation_id, user_id=owner, title=question.content[:60], head_id=reply_id,
                                 created_at=now, updated_at=now))
        await session.flush()
        session.add(Message(id=question_id, parent_id=None, role="user", content=question.content, status="complete",
                            created_at=now, **both))
        await session.flush()
        session.add(Message(id=reply_id, parent_id=question_id, role="assistant", content="", status="streaming",
                            alive_until=now + timedelta(minutes=2), created_at=now + timedelta(microseconds=1), **both))
    headers = {"cache-control": "no-cache", "x-vercel-ai-ui-message-stream": "v1"}
    parts = stream(user, question, conversation_id, reply_id)
    return StreamingResponse(parts, media_type="text/event-stream", headers=headers)


async def stream(user: str, question: Question, conversation_id: uuid.UUID, reply_id: uuid.UUID):
    metadata = {"conversationId": str(conversation_id), "model": question.model}
    yield (part({"type": "start", "messageId": str(reply_id), "messageMetadata": metadata})
           + part({"type": "start-step"}) + part({"type": "text-start", "id": "text-1"}))
    reply = Reply()
    try:
        async for deltas in answer(question, reply):
            yield deltas
    finally:
        await end(user, reply_id, reply)
    if reply.finish is None:
        yield part({"type": "error", "errorText": "The reply broke off."})
        return
    usage = {"inputTokens": reply.usage.get("prompt_tokens"), "outputTokens": reply.usage.get("completion_tokens")}
    yield (part({"type": "text-end", "id": "text-1"}) + part({"type": "finish-step"})
           + part({"type": "finish", "finishReason": reply.finish, "messageMetadata": {"usage": usage}})
           + "data: [DONE]\n\n")


async def answer(question: Question, reply: Reply):
    """What the model says, as parts of the stream; collects the whole."""
    body = {"model": question.model.removeprefix("openai/"), "stream": True,
            "messages": [{"role": "user", "content": question.content}], "stream_options": {"include_usage": True}}
    url, headers = f"{os.environ['OPENAI_BASE_URL']}/chat/completions", {"authorization": "Bearer bench"}
    async with provider.post(url, json=body, headers=headers) as response:
        response.raise_for_status()
        rest = b""
        async for data in response.content.iter_any():
            *events, rest = (rest + data).split(b"\n\n")
            deltas = ""
            for event in events:
                if not event.startswith(b"data: ") or event == b"data: [DONE]":
                    continue
                chunk = json.loads(event[6:])
                reply.usage = chunk.get("usage") or reply.usage
                for choice in chunk["choices"]:
                    reply.finish = choice["finish_reason"] or reply.finish
                    if delta := choice["delta"].get("content"):
                        reply.text += delta
                        deltas += part({"type": "text-delta", "id": "text-1", "delta": delta})
            if deltas:
                yield deltas


async def end(user: str, reply_id: uuid.UUID, reply: Reply):
    ended = update(Message).where(Message.user_id == user, Message.id == reply_id, Message.status == "streaming").values(
        content=reply.text, status="complete" if reply.finish else "interrupted", finish_reason=reply.finish,
        input_tokens=reply.usage.get("prompt_tokens"), output_tokens=reply.usage.get("completion_tokens"),
        alive_until=None, updated_at=datetime.now(UTC),
    ).execution_options(synchronize_session=False)
    async with write(user) as session:
        await session.execute(ended)
