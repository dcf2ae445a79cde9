"""Rates, budgets, admission and turns, by themselves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from service.acting import LOCAL, Acting
from service.errors import TooMany
from service.limiting.budget import Budget, Meter
from service.limiting.counting import Counting
from service.limiting.limiter import COUNTS, Allowance, Limiter, allow
from service.limiting.numbers import numbers
from service.limiting.turns import turns
from service.settings import Settings
from service.writing.page import Spent

ANNA = Acting("key_anna", "agent", "demo", "agent")
BEN = Acting("key_ben", "agent", "demo", "agent")


@pytest.fixture(autouse=True)
async def _let_go(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Whatever connections a test's limiters have end with its loop."""
    opened: list[Limiter] = []
    begin = Limiter.__init__

    def noted(self: Limiter, *given: Any, **more: Any) -> None:
        begin(self, *given, **more)
        opened.append(self)

    monkeypatch.setattr(Limiter, "__init__", noted)
    yield
    for limiter in opened:
        await limiter.close()


def _settings(**more: Any) -> Settings:
    return Settings(**{"auth": "off", "data_dir": Path("unused")} | more)


def _short(window: int) -> Any:
    limits = numbers()
    return limits.model_copy(update={"rates": limits.rates.model_copy(update={"window_s": window})})


async def test_a_key_gets_its_rate_and_no_more() -> None:
    limiter = Limiter(_settings(rate_per_minute=3))
    quotas = [await limiter.hit(ANNA) for _ in range(5)]
    assert [quota is not None and quota.allowed for quota in quotas] == [True, True, True, False, False]
    last = quotas[-1]
    assert last is not None
    assert last.remaining == 0
    assert 59 < last.reset_s <= 60
    headers = last.headers()
    assert headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    assert headers["RateLimit"] == '"requests";r=0;t=60'
    other = await limiter.hit(BEN)
    assert other is not None and other.allowed and other.remaining == 2


async def test_the_window_moves() -> None:
    limiter = Limiter(_settings(rate_per_minute=2), limits=_short(1))
    first = [await limiter.hit(ANNA) for _ in range(3)]
    assert [quota is not None and quota.allowed for quota in first] == [True, True, False]
    assert first[-1] is not None
    await asyncio.sleep(first[-1].reset_s + 0.05)  # as long as it said
    again = await limiter.hit(ANNA)
    assert again is not None and again.allowed


async def test_a_key_s_own_numbers_go_before_the_settings() -> None:
    limiter = Limiter(_settings(rate_per_minute=9, tokens_per_day=7))
    assert (limiter.rate(), limiter.tokens_per_day()) == (9, 7)
    allow(Allowance(rate_per_minute=1, tokens_per_day=0))
    assert (limiter.rate(), limiter.tokens_per_day()) == (1, 0)
    assert await limiter.budget.left(ANNA) is None  # a key that may spend without limit


async def test_the_person_at_this_machine_has_neither_rate_nor_budget() -> None:
    limiter = Limiter(_settings(rate_per_minute=1, tokens_per_day=1))
    assert [await limiter.hit(LOCAL) for _ in range(3)] == [None] * 3
    limiter.budget.add(LOCAL, Meter(0.0, True, bill=Spent(0.0, usage={"total_tokens": 99})))
    assert await limiter.budget.left(LOCAL) is None


@pytest.mark.parametrize(
    ("spent", "tokens"),
    [
        (Spent(0.0, usage={"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}), 42),
        (Spent(0.0, usage={"prompt_tokens": 30, "completion_tokens": 12}), 42),
        (Spent(0.0, unreported=1, chars=1000), 1000 + numbers().tokens.per_answer),
        (Spent(0.0, usage={"total_tokens": 42}, unreported=2, chars=10), 52 + 2 * numbers().tokens.per_answer),
        (None, 0),
    ],
)
async def test_what_is_reported_counts_and_what_is_not_is_estimated(
    spent: Spent | None, tokens: int, tmp_path: Path
) -> None:
    limiter = Limiter(_settings(tokens_per_day=100_000, redis_url=None, data_dir=tmp_path))
    limiter.budget.add(ANNA, Meter(0.0, True, bill=spent))
    await limiter.budget.close()
    assert await limiter.budget.left(ANNA) == 100_000 - tokens
    assert await limiter.budget.left(BEN) == 100_000


async def test_a_restart_gives_nobody_a_second_budget(tmp_path: Path) -> None:
    settings = Settings(auth="off", data_dir=tmp_path, redis_url=None, tokens_per_day=100)
    for left in (70, 40, 10):
        limiter = Limiter(settings)
        await limiter.open()
        assert await limiter.budget.left(ANNA) == left + 30
        limiter.budget.add(ANNA, Meter(0.0, True, bill=Spent(0.0, usage={"total_tokens": 30})))
        await limiter.close()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text().replace(numbers().tokens.day(datetime.now(UTC)), "2020-01-01"))
    for text in (None, "{", "[1]", "\x00"):
        if text is not None:
            file.write_text(text)
        limiter = Limiter(settings)
        await limiter.open()  # of another day, or broken: nothing is taken up, and it starts
        assert await limiter.budget.left(ANNA) == 100
        await limiter.close()


async def test_a_count_is_kept_a_moment_after_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.limiting.kept.WAIT_S", 0.01)
    limiter = Limiter(Settings(auth="off", data_dir=tmp_path, redis_url=None, tokens_per_day=100))
    limiter.budget.add(ANNA, Meter(0.0, True, bill=Spent(0.0, usage={"total_tokens": 30})))
    file = tmp_path / COUNTS
    async with asyncio.timeout(20):
        while not file.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert list(json.loads(file.read_text()).values()) == [30]
    await limiter.close()


async def test_a_folder_that_cannot_be_written_costs_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.limiting.kept.WAIT_S", 0.01)
    limiter = Limiter(_settings(data_dir=tmp_path / "gone", redis_url=None, tokens_per_day=100))
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            limiter.budget.add(ANNA, Meter(0.0, True, bill=Spent(0.0, usage={"total_tokens": 30})))
            await asyncio.sleep(0.05)
        await limiter.close()
    assert await limiter.budget.left(ANNA) == 10
    assert [line["event"] for line in logs] == ["token_counts_not_kept"]


async def test_a_budget_begins_anew_at_the_shops_midnight() -> None:
    now = datetime(2026, 11, 22, 15, 59, 30, tzinfo=UTC)  # 23:59:30 in Beijing
    clock = [now]
    budget = Budget(Counting(None, numbers().rates), numbers().tokens, lambda: 10, lambda: clock[0])
    budget.add(ANNA, Meter(0.0, True, bill=Spent(0.0, usage={"total_tokens": 25})))
    await budget.close()
    assert await budget.left(ANNA) == 0
    assert budget.spent_up().retry_after == 30
    clock[0] = now + timedelta(seconds=30)
    assert await budget.left(ANNA) == 10


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)))
def test_the_next_day_begins_when_it_is_said_to(at: datetime) -> None:
    tokens = numbers().tokens
    left = tokens.left_of_day(at)
    assert 0 < left <= 86_400
    assert tokens.day(at + timedelta(seconds=left)) > tokens.day(at) == tokens.day(at + timedelta(seconds=left - 1e-3))


async def test_places_are_given_up_to_the_number_and_come_back() -> None:
    limiter = Limiter(_settings(max_drafts=2))
    pool = limiter.admission.pool_of("POST", "/v1/drafts")
    assert pool is limiter.admission.pool_of("POST", "/v1/chat/completions")
    assert pool is not None
    first, second = pool.take(), pool.take()
    with pytest.raises(TooMany) as caught:
        pool.take()
    assert caught.value.code == "too_many"
    assert caught.value.retry_after is not None and 0 < caught.value.retry_after <= numbers().busy.retry_most_s
    first.release()
    first.release()
    pool.take()
    with pytest.raises(TooMany):
        pool.check()
    second.release()
    state = limiter.state()["admission"]["draft"]
    assert (state.at_once, state.under_way, state.admitted, state.refused) == (2, 1, 3, 2)


async def test_every_door_has_its_class_and_health_has_none() -> None:
    of = Limiter(_settings()).admission.pool_of
    named = {
        ("POST", "/v1/drafts"): "draft",
        ("POST", "/v1/checks/batch"): "batch",
        ("POST", "/v1/checks"): "check",
        ("PUT", "/v1/knowledge/documents/law/a b"): "upload",
        ("POST", "/v1/evals/runs"): "eval",
        ("POST", "/v1/erasures"): "heavy",
        ("POST", "/v1/proposals"): "heavy",
        ("POST", "/v1/evals/live"): "heavy",
        ("GET", "/v1/analytics"): "heavy",
        ("GET", "/v1/drafts"): "other",
        ("BREW", "/x\ny"): "other",
    }
    for (method, path), name in named.items():
        pool = of(method, path)
        assert pool is not None and pool.name == name, path
    assert [of("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/version")] == [None] * 4


async def test_turns_are_one_a_round_and_the_oldest_first() -> None:
    ran: list[tuple[int, int]] = []
    rounds = 0

    def count() -> None:
        nonlocal rounds
        rounds += 1
        if len(ran) < 5:
            asyncio.get_running_loop().call_soon(count)

    async def work(since: int) -> None:
        await turns().turn(since)
        ran.append((rounds, since))

    count()
    tasks = [asyncio.create_task(work(since)) for since in (9, 4, 7, 1, 3)]
    await asyncio.sleep(0)
    assert turns().waiting == 4
    await asyncio.gather(*tasks)
    assert [since for _, since in ran] == [9, 1, 3, 4, 7]  # the first found nobody before it
    assert len({at for at, _ in ran}) == 5
    assert (turns().waiting, turns().longest_wait()) == (0, 0.0)


async def test_whoever_gives_up_waiting_holds_nobody_up() -> None:
    async def work() -> None:
        await turns().turn(time.monotonic())

    first, left, stays = (asyncio.create_task(work()) for _ in range(3))
    await asyncio.sleep(0)
    assert (first.done(), turns().waiting) == (True, 2)
    left.cancel()
    await asyncio.wait_for(stays, 5)
    assert left.cancelled()


async def test_drafts_that_wait_too_long_for_the_processor_keep_new_ones_out() -> None:
    limits = numbers()
    busy = limits.busy.model_copy(update={"longest_turn_s": 0.05})
    limiter = Limiter(_settings(), limits=limits.model_copy(update={"busy": busy}))
    pool = limiter.admission.pools["draft"]
    pool.check()

    async def work() -> None:
        await turns().turn(0.0)

    _, waiting = (asyncio.create_task(work()) for _ in range(2))
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251 - somebody works on the loop
    with pytest.raises(TooMany):
        pool.check()
    await waiting
    pool.check()
