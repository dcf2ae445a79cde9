"""Any order of requests, keys, bodies, accidents, deaths and restarts: an answer, once given, is the key's answer."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import update

from service.database.tables_idempotency import idempotency
from service.errors import Unavailable
from tests.once import Shop, code_of, empty, shop_on

T = TypeVar("T")
KEYS = st.sampled_from(["k1", "k2", "k3"])
BODIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "explained": {"explain": True},
    "streamed": {"stream": True},
    "wrong": {"order": {"amount": "much"}},
}
WHICH = st.sampled_from(sorted(BODIES))
OUTCOMES = st.sampled_from(["fine", "busy", "accident", "busy after", "cancelled"])


@dataclass
class Known:
    """What a key stands for: the body it was used with, and its answer once there is one."""

    body: str
    answer: httpx2.Response | None = None


class Requests(RuleBasedStateMachine):
    """The doors beside what they must have answered."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.path = empty(self.folder)
        self.known: dict[str, Known] = {}
        self.drafts: set[str] = set()
        self._start()

    def teardown(self) -> None:
        self._stop()
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def _start(self) -> None:
        self.stack = AsyncExitStack()
        self.shop: Shop = self.run(self.stack.enter_async_context(shop_on(self.path)))

    def _stop(self) -> None:
        self.run(self.stack.aclose())

    @rule(key=KEYS, which=WHICH, outcome=OUTCOMES)
    def send(self, key: str, which: str, outcome: str) -> None:
        drafter = self.shop.drafter
        drafter.before = {"busy": Unavailable("db_busy"), "accident": RuntimeError("x")}.get(outcome)
        drafter.after = Unavailable("db_busy") if outcome == "busy after" else None
        asked = drafter.asked
        if outcome == "cancelled":
            self.run(self._cancelled(key, which))
            answer = None
        else:
            answer = self.run(self.shop.draft(key, **BODIES[which]))
        self._judge(key, which, outcome, answer, drafter.asked - asked)

    async def _cancelled(self, key: str, which: str) -> None:
        self.shop.drafter.gate = asyncio.Event()
        self.shop.drafter.waiting.clear()
        sending = asyncio.create_task(self.shop.draft(key, **BODIES[which]))
        waiting = asyncio.create_task(self.shop.drafter.waiting.wait())
        await asyncio.wait({sending, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, waiting):
            task.cancel()
        await asyncio.gather(sending, waiting, return_exceptions=True)
        self.shop.drafter.gate = None

    def _judge(self, key: str, which: str, outcome: str, answer: httpx2.Response | None, asked: int) -> None:
        known = self.known.get(key)
        if known is not None and known.body != which:
            assert answer is None or code_of(answer) == "idempotency_key_reused"
            assert asked == 0
        elif known is not None and known.answer is not None:
            assert asked == 0
            assert answer is None or (answer.status_code, answer.content) == _said(known.answer)
            assert answer is None or answer.headers["idempotency-replayed"] == "true"
        else:
            assert asked == (which != "wrong")
            self._first(key, which, outcome, answer)

    def _first(self, key: str, which: str, outcome: str, answer: httpx2.Response | None) -> None:
        """What the work itself came to."""
        if which == "wrong":  # refused before anything else can go wrong
            assert answer is None or answer.status_code == 422
        elif outcome in ("busy", "busy after", "cancelled"):
            assert answer is None or b"db_busy" in answer.content
            self.known[key] = Known(which)
        else:
            assert answer is not None
            assert (b"internal_error" in answer.content) == (outcome == "accident")
            self.known[key] = Known(which, answer)

    @rule(key=KEYS)
    def race(self, key: str) -> None:
        known = self.known.get(key)
        if known is None or known.answer is None:
            return
        self.shop.drafter.before = self.shop.drafter.after = None
        answers = self.run(self._many(key, BODIES[known.body]))
        told = {(one.status_code, one.content) for one in answers if one.status_code != 409}
        assert told == {_said(known.answer)}

    async def _many(self, key: str, body: dict[str, Any]) -> list[httpx2.Response]:
        return list(await asyncio.gather(*(self.shop.draft(key, **body) for _ in range(5))))

    @rule()
    def restart(self) -> None:
        self._stop()
        self._start()

    @rule()
    def die(self) -> None:
        """The process ends; whatever was not answered is left behind as its own."""

        async def left() -> None:
            async with self.shop.database.engine.begin() as connection:
                mine = idempotency.c.state == "running"
                await connection.execute(update(idempotency).where(mine).values(owner="prc_gone"))

        self.run(left())
        self.restart()

    @rule()
    def a_day_later(self) -> None:
        async def later() -> None:
            past = datetime.now(UTC) - timedelta(seconds=1)
            async with self.shop.database.engine.begin() as connection:
                await connection.execute(update(idempotency).values(expires_at=past))

        self.run(later())
        self.known.clear()

    @invariant()
    def nothing_is_left_alive(self) -> None:
        assert self.shop.app.state.keeper._live == {}

    @invariant()
    def every_answer_has_one_draft(self) -> None:
        self.drafts |= {
            one.answer.json()["id"]
            for one in self.known.values()
            if one.answer is not None and one.answer.status_code == 201
        }
        kept = self.run(self.shop.rows("drafts"))
        assert kept >= len(self.drafts)


def _said(answer: httpx2.Response) -> tuple[int, bytes]:
    return answer.status_code, answer.content


Requests.TestCase.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
TestRequests = Requests.TestCase
