"""Who works on a key, and what becomes of it. One keeper a process.

The truth is the row; what a keeper remembers is only which claims are its own and alive. A process that ends leaves its
claims behind: on a database of its own nobody else can be alive, on a shared one its silence tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import structlog
import yaml
from pydantic import BaseModel, ConfigDict

from service.database.claims import DONE, NOBODY, Answered, Ask, ClaimStore, Held
from service.errors import Conflict, EnvironmentProblem, InvalidRequest, YouliError, messages
from service.idempotency.keys import HEADER
from service.ids import new_id

_log = structlog.get_logger()
_TRIES = 5
"""Rounds of a race for one row before it counts as lost."""


class Refusals(BaseModel):
    """What says that the work was not done."""

    model_config = ConfigDict(extra="forbid")

    statuses: frozenset[int]
    codes: frozenset[str]


class Policy(BaseModel):
    """``policy.yaml``."""

    model_config = ConfigDict(extra="forbid")

    refusals: Refusals
    secrets: frozenset[str]
    cap_bytes: int
    beat_s: float
    lease_s: float
    retry_after_s: float
    sweep_every_s: float

    def refused(self, status: int, code: str | None) -> bool:
        """Whether an answer says that the work was not done."""
        return status in self.refusals.statuses or code in self.refusals.codes


@cache
def policy() -> Policy:
    """The policy; read once."""
    with Path(__file__).with_name("policy.yaml").open(encoding="utf-8") as file:
        return Policy.model_validate(yaml.load(file, Loader=yaml.CSafeLoader))


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before."""

    answer: Answered
    row: Mapping[str, Any]


class Keeper:
    """Hands claims out and takes answers in.

    Args:
        hours: how long an answer is kept.
    """

    def __init__(self, hours: float) -> None:
        self.owner = new_id("prc")
        self._kept_for = timedelta(hours=hours)
        self._live: dict[str, str] = {}
        self._beating: asyncio.Task[None] | None = None
        self._swept: float | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def begin(self, store: ClaimStore, ask: Ask) -> Held | Kept:
        """The claim, durable before this returns; or the answer that is there already.

        Raises:
            InvalidRequest: ``idempotency_key_reused`` — the key was used for another request.
            Conflict: ``idempotency_in_flight`` — somebody is at it.
            Unavailable: the database is busy or the disk is full.
        """
        under_way = self._live.get(ask.id)
        if under_way is not None:
            raise in_flight() if under_way == ask.digest else reused()
        self._live[ask.id] = ask.digest  # from here on no other task of this process comes in between
        try:
            outcome = await self._claim(store, ask)
        except BaseException:
            self._live.pop(ask.id, None)
            raise
        if isinstance(outcome, Kept):
            self._live.pop(ask.id, None)
        elif not store.alone:
            self._beat(store)
        self._sweep(store)
        return outcome

    async def finish(self, store: ClaimStore, held: Held, answer: Answered) -> bool:
        """Keep the answer. False when the claim was taken from this process, which was silent for too long.

        Where it cannot be kept for want of a part, the answer goes out all the same: the work is done.
        """
        try:
            kept = await store.finish(held, self.owner, answer)
        except YouliError as error:
            _log.error("idempotency_not_kept", operation=held.ask.operation, code=error.code)
            return True
        finally:
            self._live.pop(held.ask.id, None)
        if not kept:
            _log.warning("idempotency_lost", operation=held.ask.operation)
        return kept

    async def answered(self, store: ClaimStore, ask: Ask) -> Kept | None:
        """The answer of whoever took a claim from this process, once it is there."""
        row = await store.find(ask.id)
        return _kept(row) if row is not None and (row["state"], row["digest"]) == (DONE, ask.digest) else None

    async def refuse(self, store: ClaimStore, held: Held) -> None:
        """The work was not done: the key is as good as new."""
        await self._quietly(held, store.forget(held, self.owner))

    async def break_off(self, store: ClaimStore, held: Held) -> None:
        """The work was cut short: the same request may be sent again at once."""
        await self._quietly(held, store.give_back(held, self.owner))

    async def _quietly(self, held: Held, work: Any) -> None:
        try:
            await work
        except YouliError as error:  # it is not alive in this process any more: whoever asks next may take it up
            _log.error("idempotency_not_released", operation=held.ask.operation, code=error.code)
        finally:
            self._live.pop(held.ask.id, None)

    async def _claim(self, store: ClaimStore, ask: Ask) -> Held | Kept:
        for _ in range(_TRIES):
            row, now = await store.find(ask.id), datetime.now(UTC)
            promised, until = new_id("dft"), now + self._kept_for
            if row is None:
                if await store.add(ask, self.owner, promised, now, until):
                    return Held(ask, 0, promised)
            elif row["expires_at"] <= now:
                if await store.renew(row, ask, self.owner, promised, now, until):
                    return Held(ask, row["turn"] + 1, promised)
            elif row["digest"] != ask.digest:
                raise reused()
            elif row["state"] == DONE:
                return _kept(row)
            elif self._alive(store, row, now):
                raise in_flight()
            elif await store.take_up(row, self.owner, now):
                return Held(ask, row["turn"] + 1, row["promised"], fresh=False)
        raise in_flight()

    def _alive(self, store: ClaimStore, row: Mapping[str, Any], now: datetime) -> bool:
        """Whether the owner of a claim can still be at it; a time far off, either way, is a clock that jumped."""
        if row["owner"] in (NOBODY, self.owner) or store.alone:
            return False
        silent: timedelta = now - row["beat_at"]
        return abs(silent.total_seconds()) <= policy().lease_s

    def _beat(self, store: ClaimStore) -> None:
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beats(store), name="idempotency-beat")

    async def _beats(self, store: ClaimStore) -> None:
        """Say that this process lives, as long as it has claims."""
        while self._live:
            await asyncio.sleep(policy().beat_s)
            if self._live:
                with contextlib.suppress(YouliError):  # the next one may come through
                    await store.beat(list(self._live), self.owner, datetime.now(UTC))

    def _sweep(self, store: ClaimStore) -> None:
        now = time.monotonic()
        if self._swept is None or now - self._swept >= policy().sweep_every_s:
            self._swept = now
            self._sweeping = asyncio.create_task(_sweep(store), name="idempotency-sweep")


async def _sweep(store: ClaimStore) -> None:
    """Take away what is past its time, beside the requests."""
    with contextlib.suppress(YouliError):  # the next round may come through
        while await store.sweep(datetime.now(UTC)):
            pass


def in_flight() -> Conflict:
    """The refusal while the same request is under way."""
    error = Conflict("idempotency_in_flight")
    error.retry_after = policy().retry_after_s
    return error


def reused() -> InvalidRequest:
    """The refusal of a key that was used for another request."""
    code = "idempotency_key_reused"
    return InvalidRequest(code, errors=[{"pointer": f"/header/{HEADER}", "message": messages()[code]["detail"]}])


def refused_by(error: BaseException) -> bool:
    """Whether an error says that the work was not done."""
    if isinstance(error, EnvironmentProblem):
        return True
    return isinstance(error, YouliError) and policy().refused(error.status, error.code)


def _kept(row: Mapping[str, Any]) -> Kept:
    names = ("status", "kept", "body", "fate", "draft_id", "document_id")
    return Kept(Answered(headers=row["headers"] or {}, **{name: row[name] for name in names}), row)
