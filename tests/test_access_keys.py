"""Keys: how they look, what is kept of them, when they stop opening anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.access import tokens
from service.access.keys import Keys
from service.access.verifying import TRUST_S, USED_S, Verifier
from service.acting import LOCAL, Acting, act_as
from service.database.keys import own_secret
from service.database.session import Database
from service.errors import InvalidRequest, NotFound, Unavailable
from service.schemas.keys import KeyIn, KeyMade


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'y.sqlite3'}")
    yield opened
    await opened.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def make(database: Database, **more: Any) -> KeyMade:
    told = {"name": "客服台", "role": "agent", "shop": "demo"} | more
    return await Keys(database).create(KeyIn.model_validate(told))


async def test_a_key_opens_and_its_secret_is_nowhere_in_the_files(database: Database, tmp_path: Path) -> None:
    made = await make(database, rate_per_minute=30, tokens_per_day=5_000)
    assert re.fullmatch(r"yl_[0-9A-Za-z]{12}\.[0-9A-Za-z]{43}", made.key)
    bearer = await Verifier(database).verify(made.key)
    assert bearer is not None
    assert (bearer.id, bearer.role, bearer.shop, bearer.context_role) == (made.id, "agent", "demo", "agent")
    assert (bearer.rate_per_minute, bearer.tokens_per_day) == (30, 5_000)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    prefix, secret = made.key.removeprefix("yl_").split(".")
    assert prefix.encode() in kept
    assert secret.encode() not in kept
    listed = (await Keys(database).list()).model_dump_json()
    assert made.id in listed
    assert secret not in listed
    assert tokens.digest(secret) not in listed


@pytest.mark.parametrize("spoil", ["", None, "yl_", "secret", "other", "prefix", "longer", "space", "no mark"])
async def test_anything_else_opens_nothing(database: Database, spoil: str | None) -> None:
    made, other = await make(database), await make(database)
    prefix, secret = made.key.removeprefix("yl_").split(".")
    wrong = {
        "secret": f"yl_{prefix}.{secret[:-1]}{'a' if secret[-1] != 'a' else 'b'}",
        "other": f"yl_{prefix}.{other.key.split('.')[1]}",
        "prefix": f"yl_{'0' * 12}.{secret}",
        "longer": f"{made.key}0",
        "space": f" {made.key}",
        "no mark": f"{prefix}.{secret}",
    }
    assert await Verifier(database).verify(wrong.get(spoil or "", spoil)) is None


async def test_a_bad_key_costs_one_question_like_any_other(database: Database) -> None:
    made = await make(database)
    gone = await make(database)
    await Keys(database).revoke(gone.id)
    soon = await make(database, expires_at=(datetime.now(UTC) + timedelta(seconds=0.3)).isoformat())
    await asyncio.sleep(0.4)
    asked: list[str] = []
    verifier = Verifier(database)
    table: Any = verifier._table
    find = table.find

    async def counted(prefix: str) -> Any:
        asked.append(prefix)
        return await find(prefix)

    table.find = counted
    for token in (
        None,
        "",
        "nonsense",
        made.key[:-1] + "_",
        f"yl_{'0' * 12}.{'0' * 43}",
        gone.key,
        gone.key,
        soon.key,
        soon.key,
    ):
        before = len(asked)
        assert await verifier.verify(token) is None
        assert len(asked) == before + 1


async def test_revoked_here_it_is_over_at_once_and_elsewhere_within_seconds(database: Database) -> None:
    clock, made = Clock(), await make(database)
    here, elsewhere = Verifier(database, clock), Verifier(database, clock)
    assert await here.verify(made.key)
    assert await elsewhere.verify(made.key)
    left = await Keys(database).revoke(made.id)
    assert left.revoked_at is not None
    here.forget(made.id)
    assert await here.verify(made.key) is None
    clock.now += TRUST_S
    assert await elsewhere.verify(made.key) is None
    assert (await Keys(database).revoke(made.id)).revoked_at == left.revoked_at
    await here.close()
    await elsewhere.close()


async def test_an_expired_key_opens_nothing_though_it_is_remembered(database: Database) -> None:
    made = await make(database, expires_at=(datetime.now(UTC) + timedelta(seconds=0.6)).isoformat())
    verifier = Verifier(database)
    assert await verifier.verify(made.key)
    await asyncio.sleep(0.7)
    assert await verifier.verify(made.key) is None
    await verifier.close()


async def test_a_key_says_when_it_was_last_used_once_a_minute(database: Database) -> None:
    clock, made = Clock(), await make(database)
    verifier = Verifier(database, clock)
    writes: list[str] = []
    table: Any = verifier._table
    used = table.used

    async def counted(key_id: str, at: datetime) -> None:
        writes.append(key_id)
        await used(key_id, at)

    table.used = counted
    for step in (0.0, 1.0, USED_S - 2, 2.0):
        clock.now += step
        await verifier.verify(made.key)
        await verifier.close()
    assert len(writes) == 2
    (listed,) = (await Keys(database).list("demo")).keys
    assert listed.last_used_at is not None
    assert listed.last_used_at.second == 0


async def test_that_a_use_cannot_be_noted_stops_nobody(database: Database) -> None:
    made = await make(database)
    verifier = Verifier(database)
    table: Any = verifier._table

    async def broken(key_id: str, at: datetime) -> None:
        raise Unavailable("db_busy")

    table.used = broken
    assert await verifier.verify(made.key)
    await verifier.close()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"shop": "*"}, "key_all_shops"),
        ({"shop": "*", "role": "editor"}, "key_all_shops"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "key_expired"),
    ],
)
async def test_what_a_key_may_not_be(database: Database, told: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await make(database, **told)
    assert caught.value.code == code
    assert (await Keys(database).list()).keys == []


async def test_a_key_lasts_a_year_unless_somebody_says_how_long(database: Database) -> None:
    usual, ever = await make(database), await make(database, expires_at=None)
    assert usual.expires_at is not None
    assert timedelta(days=364) < usual.expires_at - datetime.now(UTC) < timedelta(days=366)
    assert ever.expires_at is None


async def test_it_is_written_down_who_made_it(database: Database) -> None:
    with act_as(Acting("key_boss", "admin", "*", "manager")):
        made = await make(database)
    assert (made.created_by, (await make(database)).created_by) == ("key_boss", LOCAL.key)


async def test_keys_of_another_shop_are_neither_listed_nor_revoked(database: Database) -> None:
    mine, other = await make(database), await make(database, shop="default")
    keys = Keys(database)
    assert [key.id for key in (await keys.list("demo")).keys] == [mine.id]
    with pytest.raises(NotFound):
        await keys.revoke(other.id, "demo")
    assert (await keys.revoke(other.id)).revoked_at is not None


async def test_of_many_who_start_at_once_one_makes_the_first_key(database: Database) -> None:
    made = [key for key in await asyncio.gather(*(Keys(database).first("first") for _ in range(8))) if key]
    assert [(key.role, key.shop, key.context_role, key.expires_at) for key in made] == [("admin", "*", "manager", None)]
    assert await Keys(database).first("first") is None
    await Keys(database).revoke(made[0].id)
    await make(database, role="admin")
    assert await Keys(database).first("first") is not None  # an admin of one shop cannot give out others' keys


async def test_everybody_signs_with_the_same_secret(database: Database) -> None:
    got = await asyncio.gather(*(own_secret(database, "own", f"fresh{n}") for n in range(8)))
    assert len(set(got)) == 1
    assert await own_secret(database, "other", "else") == "else"
