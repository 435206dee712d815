"""The peer: Almanac's chat, history and tasks as FastAPI and SQLAlchemy make them.

app.py: the routes and the log; identity.py: tokens; database.py: transactions under row-level security and the
tables; chat.py, history.py, tasks.py: the routes' own.
"""

import json
import sys
import time
import uuid
from contextlib import asynccontextmanager

import chat
import history
import identity
import tasks
from fastapi import FastAPI


class Log:
    """A line for each request, beneath the framework's own layers, as those cost each chunk of a stream."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun, request_id, status = time.perf_counter(), str(uuid.uuid4()), 0

        async def send_logged(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self.app(scope, receive, send_logged)
        finally:
            line = {"message": "request", "request_id": request_id, "method": scope["method"], "path": scope["path"],
                    "status": status, "ms": (time.perf_counter() - begun) * 1000,
                    "user_id": scope.get("state", {}).get("user")}
            sys.stdout.write(json.dumps(line) + "\n")


@asynccontextmanager
async def lifespan(_):
    async with identity.opened(), chat.opened():
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)
app.add_middleware(Log)
app.include_router(chat.router)
app.include_router(history.router)
app.include_router(tasks.router)


@app.get("/api/health")
async def health():
    return {"status": "ok"}
