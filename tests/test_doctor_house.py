"""What the doctor says of keys, the trail, the clock, the machine, and settings that do not fit each other."""

from __future__ import annotations

import asyncio
import resource
import shutil
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.access.keys import Keys
from service.commands.doctor import Line, diagnose
from service.commands.doctor_house import look_at_house
from service.commands.doctor_stores import look_at_servers
from service.database.session import Database
from service.database.tables import drafts
from service.schemas.keys import KeyIn
from service.settings import Settings, read_settings
from tests.engines import database_at, on_engines, url_of
from tests.forging import forge
from tests.prepared import ready
from tests.test_database import row


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = ready(tmp_path / "data")
    monkeypatch.setenv("YOULI_DATA_DIR", str(folder))
    for name in ("YOULI_AUTH", "YOULI_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "YOULI_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield folder


def _said(part: str, online: bool | None = None) -> list[Line]:
    """Lines of a part; a server is only asked when told to, here wherever there is one."""
    return [
        line for line in diagnose(on_engines() if online is None else online, only="knowledge") if line.part == part
    ]


def _house(**settings: object) -> dict[str, tuple[str, str]]:
    made = Settings.model_validate({"data_dir": Path("unused"), **settings})
    return {part: (state, text) for part, state, text in look_at_house(made)}


async def _with_keys(folder: Path, *keys: dict[str, object]) -> None:
    database = await Database.open(url_of(database_at(folder)))
    for key in keys:
        await Keys(database).create(KeyIn.model_validate(key))
    await database.close()


async def _with_a_draft(folder: Path, at: datetime) -> None:
    database = await Database.open(url_of(database_at(folder)))
    await database.insert(drafts, row("dft_x") | {"created_at": at})
    await database.close()


def test_keys_that_are_missing_or_end_soon(data: Path) -> None:
    (line,) = _said("keys")
    assert line.state == "note" and "youli keys create" in line.text
    soon = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    admin = {"name": "老板", "role": "admin", "shop": "*"}
    asyncio.run(_with_keys(data, admin, {"name": "晚班", "role": "agent", "shop": "default", "expires_at": soon}))
    (line,) = _said("keys")
    assert line.state == "note" and "晚班" in line.text and "老板" not in line.text


def test_a_trail_somebody_changed_fails_the_gate(data: Path) -> None:
    asyncio.run(_with_keys(data, {"name": "a", "role": "admin", "shop": "*"}))
    (line,) = _said("audit")
    assert line.state == "ok"
    forge(database_at(data), leave=False)
    (line,) = _said("audit")
    assert line.state == "gate" and "触发器" in line.text
    forge(database_at(data), "UPDATE audit SET action = 'nothing.done'")
    (line,) = _said("audit")
    assert line.state == "gate" and "youli audit verify" in line.text


def test_a_row_of_tomorrow_means_a_clock_that_is_wrong(data: Path) -> None:
    assert [line.state for line in _said("clock")] == ["ok"]
    asyncio.run(_with_a_draft(data, datetime(2199, 1, 1, tzinfo=UTC)))
    (line,) = _said("clock")
    assert line.state == "gate" and "对时" in line.text


def test_several_workers_need_stores_they_can_share() -> None:
    state, text = _house(workers=4, redis_url="redis://x", chroma_url=None, database_url=None)["workers"]
    assert state == "broken"
    assert "YOULI_DATABASE_URL、YOULI_CHROMA_URL" in text and "YOULI_REDIS_URL" not in text
    whole = _house(workers=4, redis_url="redis://x", chroma_url="http://x", database_url="postgresql://x")
    assert whole["workers"][0] == "ok"


@pytest.mark.parametrize(
    ("given", "state"),
    [("", "ok"), ("10.0.0.1, 10.1.0.0/16", "ok"), ("0.0.0.0/0", "gate"), ("::/0", "gate"), ("nginx", "broken")],
)
def test_proxies(given: str, state: str) -> None:
    assert _house(trusted_proxies=given)["proxies"][0] == state


def test_secret_and_retention() -> None:
    assert _house(secret="kurz")["secret"][0] == "note"
    assert _house(secret="x" * 40)["secret"][0] == "ok"
    assert "x" * 10 not in str(_house(secret="x" * 40))
    assert "YOULI_RETENTION_DAYS" in _house(retention_days=0)["retention"][1]


def test_descriptors_and_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    assert _house()["files"][0] == "note"
    usage = namedtuple("usage", "total used free")
    states = []
    for free in (100, 500, 50_000):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: usage(0, 0, free * 2**20))
        states.append(_house()["disk"][0])
    assert states == ["gate", "note", "ok"]


def test_servers_are_asked_only_when_told_to(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOULI_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("YOULI_CHROMA_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("YOULI_DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/x")
    (line,) = _said("database", online=False)
    assert line.state == "note"
    (away,) = _said("database", online=True)
    assert away.state == "broken" and "geheim" not in away.text
    settings = read_settings()
    assert [state for _, state, _ in look_at_servers(settings, False)] == ["ok", "ok"]
    assert [state for _, state, _ in look_at_servers(settings, True)] == ["gate", "gate"]
