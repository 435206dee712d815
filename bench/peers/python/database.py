"""Transactions that act as one user, so that row-level security decides what they see; and the tables."""

import os
import uuid
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["DATABASE_URL"],
    pool_size=int(os.environ["CONNECTIONS_MAX"]),
    max_overflow=0,
    pool_timeout=120,
    connect_args={"host": os.environ["DATABASE_HOST"]},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)

SETTINGS = """select set_config('role', 'authenticated', true), set_config('request.jwt.claims', :claims, true),
    set_config('request.jwt.claim.sub', :user, true), set_config('statement_timeout', '10000', true),
    set_config('jit', 'off', true)"""
READ = text(SETTINGS)
WRITE = text(
    SETTINGS + """, set_config('almanac.actor', 'user', true), set_config('almanac.action_group', :action, true),
    pg_advisory_xact_lock(hashtextextended('write ' || :user, 0))"""
)


@asynccontextmanager
async def read(user: str):
    """Reads as this user."""
    async with sessions() as session, session.begin():
        await session.execute(READ, {"user": user, "claims": claims(user)})
        yield session


@asynccontextmanager
async def write(user: str):
    """Writes as this user, after the user's other writers, as one action of the change log."""
    async with sessions() as session, session.begin():
        await session.execute(WRITE, {"user": user, "claims": claims(user), "action": str(uuid.uuid4())})
        yield session


def claims(user: str) -> str:
    return f'{{"sub":"{user}","role":"authenticated"}}'


class Table(DeclarativeBase):
    type_annotation_map = {datetime: TIMESTAMP(timezone=True), dict[str, Any]: JSONB, list[str]: JSONB}


class Conversation(Table):
    __tablename__ = "conversations"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID]
    title: Mapped[str]
    head_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Table):
    __tablename__ = "messages"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID]
    conversation_id: Mapped[uuid.UUID]
    parent_id: Mapped[uuid.UUID | None]
    role: Mapped[str]
    content: Mapped[str]
    model: Mapped[str]
    status: Mapped[str]
    finish_reason: Mapped[str | None]
    error_code: Mapped[str | None]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    usage_estimated: Mapped[bool] = mapped_column(default=False)
    alive_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Task(Table):
    __tablename__ = "tasks"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID]
    title: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str]
    priority: Mapped[str]
    due_date: Mapped[date | None]
    due_time: Mapped[time | None]
    estimate_minutes: Mapped[int | None]
    parent_id: Mapped[uuid.UUID | None]
    goal_id: Mapped[uuid.UUID | None]
    source: Mapped[str] = mapped_column(default="user")
    source_reference: Mapped[str | None]
    tags: Mapped[list[str]]
    # The name is taken on the class.
    details: Mapped[dict[str, Any]] = mapped_column("metadata")
    completed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
