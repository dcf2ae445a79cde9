"""Two processes on one PostgreSQL: the row decides who works, and silence who is dead."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from service.database.tables_idempotency import idempotency
from service.idempotency.keeper import policy
from tests import engines
from tests.once import KEY, Shop, code_of, shop_on

pytestmark = pytest.mark.xdist_group("engines")
_names = (f"once{n}" for n in itertools.count())


@pytest.fixture
async def two() -> AsyncIterator[tuple[Shop, Shop]]:
    url = engines.postgres().fresh(next(_names))
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(shop_on(url)), await stack.enter_async_context(shop_on(url))


async def test_of_duplicates_at_two_processes_one_is_worked_on(two: tuple[Shop, Shop]) -> None:
    keys = [f"k{number}" for number in range(5)]
    racing = [shop.draft(key) for _ in range(10) for key in keys for shop in two]
    answers = await asyncio.gather(*racing)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 5
    assert two[0].drafter.asked + two[1].drafter.asked == 5
    assert (await two[0].rows("drafts"), await two[1].rows("idempotency")) == (5, 5)
    again = [(await shop.draft("k1")).content for shop in two]
    assert again[0] == again[1]


async def test_what_one_process_works_on_the_other_leaves_alone_until_it_is_silent(two: tuple[Shop, Shop]) -> None:
    one, other = two
    one.drafter.gate = asyncio.Event()
    working = asyncio.create_task(one.draft())
    await one.drafter.waiting.wait()
    assert code_of(await other.draft()) == "idempotency_in_flight"
    assert code_of(await other.draft(explain=True)) == "idempotency_key_reused"
    async with other.database.engine.begin() as connection:
        silent = datetime.now(UTC) - timedelta(seconds=policy().lease_s + 1)
        await connection.execute(update(idempotency).values(beat_at=silent))
    taken = await other.draft()
    assert taken.status_code == 201
    one.drafter.gate.set()  # it was only slow: the draft of this key is there already
    late = await working
    assert (late.status_code, late.json()["id"]) == (201, taken.json()["id"])
    assert await other.rows("drafts") == 1
    assert (await one.draft()).content == taken.content


@pytest.mark.parametrize(("length", "status"), [(200, 404), (201, 422), (2_000, 422)])
async def test_a_longer_name_than_any_document_has_is_refused(two: tuple[Shop, Shop], length: int, status: int) -> None:
    where = f"/v1/knowledge/documents/{'0' * length}/publish"
    answers = [await shop.client.post(where, json={}, headers={KEY: "long"}) for shop in two]
    assert [answer.status_code for answer in answers] == [status, status]
