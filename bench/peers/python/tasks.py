"""Tasks: a page of them, and a new one."""

import uuid
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from database import Task, read, write
from fastapi import APIRouter, Query, Response
from identity import User
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, tuple_

router = APIRouter()

Status = Literal["pending", "in_progress", "done", "cancelled", "archived"]
Priority = Literal["low", "medium", "high", "urgent"]
Tag = Annotated[str, Field(min_length=1, max_length=50)]


class NewTask(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    title: str = Field(min_length=1, max_length=500)
    description: str | None = Field(None, max_length=20_000)
    status: Status = "pending"
    priority: Priority = "medium"
    due_date: date | None = None
    due_time: time | None = None
    estimate_minutes: int | None = Field(None, ge=1, le=10_080)
    parent_id: uuid.UUID | None = None
    goal_id: uuid.UUID | None = None
    tags: list[Tag] = Field([], max_length=20)
    metadata: dict[str, Any] = {}


class TaskOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    title: str
    description: str | None
    status: str
    priority: str
    due_date: date | None
    due_time: time | None
    estimate_minutes: int | None
    parent_id: uuid.UUID | None
    goal_id: uuid.UUID | None
    source: str
    source_reference: str | None
    tags: list[str]
    metadata: dict[str, Any] = Field(validation_alias="details")
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime


@router.get("/api/tasks", response_model=list[TaskOut])
async def list_tasks(
    user: User, response: Response, limit: Annotated[int, Query(ge=1, le=100)] = 20, before: uuid.UUID | None = None
):
    rows = select(Task).where(Task.user_id == user, Task.status != "archived")
    if before is not None:
        place = select(Task.created_at, Task.id).where(Task.user_id == user, Task.id == before).scalar_subquery()
        rows = rows.where(tuple_(Task.created_at, Task.id) < place)
    rows = rows.order_by(Task.created_at.desc(), Task.id.desc()).limit(limit + 1)
    async with read(user) as session:
        tasks = list((await session.scalars(rows)).all())
    if len(tasks) > limit:
        tasks = tasks[:limit]
        response.headers["link"] = f'</api/tasks?limit={limit}&before={tasks[-1].id}>; rel="next"'
    return tasks


@router.post("/api/tasks", response_model=TaskOut, status_code=201)
async def create_task(user: User, new: NewTask):
    now = datetime.now(UTC)
    fields = new.model_dump()
    details = fields.pop("metadata")
    task = Task(id=uuid.uuid4(), user_id=uuid.UUID(user), details=details, created_at=now, updated_at=now, source="user",
                completed_at=now if new.status == "done" else None, **fields)
    async with write(user) as session:
        session.add(task)
    return task
