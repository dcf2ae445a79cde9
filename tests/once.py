"""A desk on a real database whose work is counted, for tests of requests that are sent more than once."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx2
from fastapi import FastAPI

from service.app import create_app
from service.assembly import Desk
from service.database.drafts import DraftStore
from service.database.session import Database
from service.drafting import Drafter
from service.errors import NotFound
from service.schemas import DocumentIngested, DocumentState, Event, Inquiry
from tests.desk import EmptyLibrary, shipped
from tests.engines import on_engines, url_of
from tests.fake_desk import FakeDesk, FakeLibrary

ASKED: dict[str, Any] = {"messages": [{"role": "customer", "content": "我想退货，不喜欢这个颜色"}]}
KEY = "Idempotency-Key"


@dataclass
class CountedLibrary(FakeLibrary):
    """Uploads are counted."""

    database: Any = None

    async def publish(self, document_id: str, *given: Any, **more: Any) -> DocumentState:
        raise NotFound("document_not_found", id=document_id)

    async def add(self, name: str, data: bytes, **form: Any) -> DocumentIngested:
        self.added.append((name, data, form))
        number = len(self.added)
        return DocumentIngested(id=f"doc_{number}", version=1, state="draft", chunks=1, held=0, warnings=[])


@dataclass
class CountedDrafter:
    """The real drafter; how often it was asked, and what goes wrong before or after its draft is kept."""

    real: Drafter
    asked: int = 0
    before: BaseException | None = None
    after: BaseException | None = None
    gate: asyncio.Event | None = None
    """Drafts wait for it."""
    closed: int = 0
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
        self.asked += 1
        events = self.real.draft(inquiry)
        try:
            yield await anext(events)
            if self.gate is not None:
                self.waiting.set()
                await self.gate.wait()
            if self.before is not None:
                raise self.before
            async for event in events:
                if event.draft is not None and self.after is not None:
                    raise self.after
                yield event
        finally:
            self.closed += 1
            await events.aclose()  # type: ignore[attr-defined]


@dataclass
class Shop:
    """The doors on one database."""

    app: FastAPI
    client: httpx2.AsyncClient
    drafter: CountedDrafter
    library: CountedLibrary
    database: Database

    async def draft(self, key: str | None = "k1", **body: Any) -> httpx2.Response:
        """POST /v1/drafts."""
        headers = {} if key is None else {KEY: key}
        return await self.client.post("/v1/drafts", json=ASKED | body, headers=headers)

    async def rows(self, table: str) -> int:
        """How many rows a table has."""
        from sqlalchemy import text

        async with self.database.reading() as connection:
            return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as beside:  # there may be a loop in this thread
        path = Path(folder) / "d.sqlite3"

        async def make() -> None:
            await (await Database.open(f"sqlite+aiosqlite:///{path}")).close()

        beside.submit(asyncio.run, make()).result()
        return path.read_bytes()


def empty(folder: Path) -> Path:
    """A database with nothing in it, migrated once a process."""
    path = folder / "d.sqlite3"
    if not on_engines():
        path.write_bytes(_migrated())
    return path


@asynccontextmanager
async def shop_on(where: Path | str) -> AsyncIterator[Shop]:
    """A process, as it were: everything but the database, a file or at an address, is new."""
    database = await Database.open(url_of(where) if isinstance(where, Path) else where)
    store = DraftStore(database)
    drafter = CountedDrafter(Drafter(shipped(), EmptyLibrary(), store=store))
    library = CountedLibrary(database=database)
    desk = FakeDesk(library=library, store=cast(Any, store), drafter=cast(Any, drafter), rulebook=cast(Any, shipped()))
    app = create_app(desk.settings, desk=cast(Desk, desk), hosts={"testserver"})
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield Shop(app, client, drafter, library, database)
    await database.close()


def code_of(answer: httpx2.Response) -> str:
    """The code of a problem."""
    told: str = answer.json()["code"]
    return told
