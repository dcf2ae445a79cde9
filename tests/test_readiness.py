"""Readiness under stress: cheap for a storm of probes, quick when a part hangs, no at once when the service stops."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from service.api import parts, readiness
from service.api.readiness import Audited, Looker
from service.app import create_app
from service.assembly import Desk
from service.database.drafts import DraftStore
from service.database.session import Database
from service.errors import Unavailable
from service.settings import Settings
from tests.desk import inquiry
from tests.fake_desk import FakeDesk, FakeStore, a_draft, client_of
from tests.watched import value


class Counting(FakeStore):
    """A store that counts how often it is asked, and may hang."""

    def __init__(self, hangs: bool = False) -> None:
        super().__init__()
        self.asked, self.hangs = 0, hangs

    async def reach(self) -> str:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return await super().reach()


def _app(desk: FakeDesk) -> Any:
    return create_app(desk.settings, desk=cast(Desk, desk), hosts={"testserver"})


async def test_a_storm_of_probes_costs_one_look() -> None:
    store = Counting()
    desk = FakeDesk(store=store)
    app, looker = _app(desk), Looker()
    looks = await asyncio.gather(*(looker.look(app, cast(Desk, desk)) for _ in range(500)))
    assert store.asked == 1
    assert all(look["database"].state == "up" for look in looks)


async def test_a_database_that_hangs_is_down_and_is_not_asked_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.01)
    monkeypatch.setattr(readiness, "FRESH_S", 0.0)
    store = Counting(hangs=True)
    desk = FakeDesk(store=store)
    app, looker = _app(desk), Looker()
    for _ in range(3):
        found = await looker.look(app, cast(Desk, desk))
        assert (found["database"].state, found["database"].details["code"]) == ("down", "timeout")
    assert store.asked == 1
    await looker.close()


def test_a_service_that_stops_says_no_at_once() -> None:
    desk = FakeDesk()
    app = _app(desk)
    from starlette.testclient import TestClient

    client = TestClient(app)
    assert client.get("/readyz").status_code == 200
    app.state.draining = True
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["service"]["state"] == "down"


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "database", "state"),
    [
        (10**9, None, "up"),
        (150 * 2**20, None, "degraded"),
        (2**20, None, "down"),
        (2**20, "postgresql://elsewhere/desk", "degraded"),
    ],
)
def test_room_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, database: str | None, state: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, free))
    settings = Settings(auth="off", data_dir=tmp_path / "not" / "there", database_url=database)
    answer = client_of(FakeDesk(settings=settings)).get("/readyz")
    assert answer.json()["parts"]["disk"]["state"] == state
    assert answer.status_code == (503 if state == "down" else 200)


def test_a_clock_that_was_moved_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts.clock().state == "up"
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    told = parts.clock()
    assert (told.state, told.details["moved_s"]) == ("degraded", -3600.0)


def test_what_was_found_in_the_audit_trail_is_told() -> None:
    desk = FakeDesk()
    app, now = _app(desk), datetime(2026, 11, 22, tzinfo=UTC)
    looker: Looker = app.state.looker
    states = []
    for seen in (None, Audited(now, 7, 0, True), Audited(now, 7, 2, True), Audited(now, 7, 0, False)):
        looker.audited = seen
        states.append(looker._audit().state)
    assert states == ["off", "up", "degraded", "degraded"]


def test_states_are_numbers_too() -> None:
    client = client_of(FakeDesk(store=FakeStore(broken=Unavailable("db_busy"))))
    client.get("/metrics")
    assert value("youli_part_state", part="database") == 3
    assert value("youli_part_state", part="rulebook") == 1


async def test_a_write_that_failed_makes_the_next_look_try_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'x.sqlite3'}")
    store = DraftStore(database)
    asked = inquiry("在吗")
    await store.save_draft(a_draft(asked), asked)
    assert database.writer.trouble is None

    async def full(rows: Any, deeds: Any) -> bool:
        raise Unavailable("disk_full", path="x")

    works = database.writer._put_down
    monkeypatch.setattr(database.writer, "_put_down", full)
    with pytest.raises(Unavailable):
        await store.save_draft(a_draft(asked, "dft_02fake"), asked)
    assert database.writer.trouble == "disk_full"
    monkeypatch.setattr(database.writer, "_put_down", works)
    await store.reach()
    assert database.writer.trouble is None
    await database.close()
