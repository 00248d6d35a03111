"""Notes, kept in Redis. Their words are counted by the worker."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import RedisError

database = Redis.from_url(os.environ["DATABASE_URL"], decode_responses=True, retry=None)


class Draft(BaseModel):
    """What a reader sends."""

    text: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Where the migrations would be. Without a database this fails, and so does the start."""
    await database.setnx("schema", 1)
    yield
    await database.aclose()


app = FastAPI(title="Notebook", lifespan=lifespan)


@app.exception_handler(RedisError)
async def away(_: Request, __: Exception) -> PlainTextResponse:
    """Whoever asks while the database is away is told so."""
    return PlainTextResponse("the database does not answer\n", 503)


@app.get("/api/config")
async def config() -> dict[str, str]:
    """How the API is: what its readiness probe asks for."""
    try:
        await database.ping()
    except RedisError:
        return {"dbStatus": "offline"}
    return {"dbStatus": "online"}


@app.post("/api/notes", status_code=201)
async def add(draft: Draft) -> dict[str, str]:
    """A new note, and a job for the worker."""
    number = str(await database.incr("notes"))
    await database.hset(f"note:{number}", "text", draft.text)
    await database.lpush("jobs", number)
    return {"id": number}


@app.get("/api/notes/{number}")
async def read(number: str) -> dict[str, str]:
    """One note; `words` is there once the worker was."""
    if note := await database.hgetall(f"note:{number}"):
        return note
    raise HTTPException(404, "there is no such note")
