"""A page of the user's messages, newest first."""

import uuid
from datetime import datetime
from typing import Annotated

from database import Message, read
from fastapi import APIRouter, Query, Response
from identity import User
from pydantic import BaseModel, ConfigDict
from sqlalchemy import case, func, select, tuple_

router = APIRouter()


class Usage(BaseModel):
    input_tokens: int
    output_tokens: int
    estimated: bool


class MessageOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    conversation_id: uuid.UUID
    parent_id: uuid.UUID | None
    role: str
    content: str
    model: str
    status: str
    finish_reason: str | None
    error_code: str | None
    usage: Usage | None
    created_at: datetime
    updated_at: datetime


# A reply whose writer has not been heard of in time is interrupted, whatever its row still says.
STATUS = case(
    ((Message.status == "streaming") & (Message.alive_until < func.now()), "interrupted"), else_=Message.status
)


@router.get("/api/chat/history", response_model=list[MessageOut])
async def list_history(
    user: User, response: Response, limit: Annotated[int, Query(ge=1, le=100)] = 20, before: uuid.UUID | None = None
):
    m = Message
    rows = select(
        m.id, m.conversation_id, m.parent_id, m.role, m.content, m.model, STATUS.label("status"), m.finish_reason,
        m.error_code, m.input_tokens, m.output_tokens, m.usage_estimated, m.created_at, m.updated_at,
    ).where(m.user_id == user)
    if before is not None:
        place = select(m.created_at, m.id).where(m.user_id == user, m.id == before).scalar_subquery()
        rows = rows.where(tuple_(m.created_at, m.id) < place)
    rows = rows.order_by(m.created_at.desc(), m.id.desc()).limit(limit + 1)
    async with read(user) as session:
        found = (await session.execute(rows)).mappings().all()
    messages = [{**row, "usage": usage_of(row)} for row in found[:limit]]
    if len(found) > limit:
        response.headers["link"] = f'</api/chat/history?limit={limit}&before={messages[-1]["id"]}>; rel="next"'
    return messages


def usage_of(row):
    if row["input_tokens"] is None and row["output_tokens"] is None:
        return None
    return {"input_tokens": row["input_tokens"] or 0, "output_tokens": row["output_tokens"] or 0,
            "estimated": row["usage_estimated"]}
