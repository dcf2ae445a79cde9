"""Rates and budgets counted in a real Redis: shared between processes, and never a reason not to answer."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from service.acting import Acting
from service.errors import EnvironmentProblem
from service.ids import new_id
from service.limiting.budget import Meter
from service.limiting.counting import CountingState
from service.limiting.limiter import Limiter
from service.limiting.numbers import numbers
from service.settings import Settings
from service.writing.page import Spent
from tests.engines import Engine, need, start_redis

PATIENCE_S = 30


@pytest.fixture(scope="module")
def server() -> Iterator[Engine]:
    need("redis-server")
    engine = start_redis()
    yield engine
    engine.remove()


@asynccontextmanager
async def _limiter(server: Engine, patience: float = 10.0, **more: Any) -> AsyncIterator[Limiter]:
    limits = numbers()
    rates = limits.rates.model_copy(update={"redis_timeout_s": patience, "redis_retry_s": 0.1})
    url = f"redis://127.0.0.1:{server.port}/0"
    settings = Settings(auth="off", data_dir=Path("unused"), redis_url=url, **more)
    limiter = Limiter(settings, limits.model_copy(update={"rates": rates}))
    await limiter.open()
    yield limiter
    await limiter.close()


def _somebody() -> Acting:
    return Acting(new_id("key"), "agent", "demo", "agent")


async def _allowed(limiter: Limiter, who: Acting) -> bool:
    quota = await limiter.hit(who)
    assert quota is not None
    return quota.allowed


async def _until(limiter: Limiter, up: bool) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while limiter.counting.up != up:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_two_processes_count_as_one(server: Engine) -> None:
    who = _somebody()
    async with (
        _limiter(server, rate_per_minute=4, tokens_per_day=100) as one,
        _limiter(server, rate_per_minute=4, tokens_per_day=100) as other,
    ):
        assert [await _allowed(limiter, who) for limiter in (one, other, one, other, one, other)] == [True] * 4 + [
            False
        ] * 2
        quota = await other.hit(who)
        assert quota is not None and quota.remaining == 0 and 0 < quota.reset_s <= 60
        one.budget.add(who, Meter(0.0, True, bill=Spent(0.0, usage={"total_tokens": 70})))
        await one.budget.close()
        assert await other.budget.left(who) == 30
        assert one.counting == CountingState("redis", True, None)


async def test_many_at_once_get_exactly_the_rate(server: Engine) -> None:
    who = _somebody()
    async with _limiter(server, rate_per_minute=30) as one, _limiter(server, rate_per_minute=30) as other:
        answers = await asyncio.gather(*(_allowed(limiter, who) for limiter in (one, other) for _ in range(40)))
    assert sum(answers) == 30


async def test_redis_gone_is_told_once_and_counted_here_until_it_is_back(server: Engine) -> None:
    who = _somebody()
    async with _limiter(server, rate_per_minute=2) as limiter:
        assert await _allowed(limiter, who)
        with structlog.testing.capture_logs() as logs:
            server.kill()
            assert [await _allowed(limiter, who) for _ in range(4)] == [True, True, False, False]
            assert limiter.counting.up is False
            assert limiter.counting.since is not None
            server.start()
            await _until(limiter, True)
            assert await _allowed(limiter, who)  # a fresh count in a fresh Redis
    assert [line["event"] for line in logs] == ["limits_redis_down", "limits_redis_back"]
    assert all("127.0.0.1" not in str(line) for line in logs)


async def test_redis_that_hangs_holds_a_request_up_for_a_moment_only(server: Engine) -> None:
    async with _limiter(server, patience=0.2, rate_per_minute=9) as limiter:
        await _until(limiter, True)
        server.process.send_signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(PATIENCE_S):
                assert await _allowed(limiter, _somebody())
            assert limiter.counting.up is False
        finally:
            server.process.send_signal(signal.SIGCONT)
        await _until(limiter, True)


async def test_a_redis_that_was_never_there_stops_no_start(server: Engine) -> None:
    nobody = Engine(server.process, 1, server.folder)
    async with _limiter(nobody, rate_per_minute=1) as limiter:
        assert limiter.counting.up is False
        assert await _allowed(limiter, _somebody())


async def test_an_address_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        await Limiter(Settings(auth="off", data_dir=Path("unused"), redis_url="http://secret@nowhere")).open()
    assert "YOULI_REDIS_URL" in str(caught.value)
    assert "secret" not in str(caught.value)
