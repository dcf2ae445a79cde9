"""The worker that empties the outbox, one in every process: each delivery is leased, so one works on it at a time.

At least once: whoever dies between sending and writing it down leaves a lease that runs out, and the event is sent
again with the same id. In no order: one that has to be tried again comes after those behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError

from evals.results import RunInfo
from evals.runs import all_runs
from service.database.outbox import GIVE_UP, Happened, Outbox
from service.database.session import Database
from service.errors import YouliError
from service.hooks.addresses import Allowed, target_of
from service.hooks.forms import accepted, letter
from service.hooks.hooks import Sealer, sealer_for
from service.hooks.sending import Answer, post
from service.settings import Settings

_log = structlog.get_logger()
_LEASE_S = 20.0
"""Longer than a batch takes: five seconds a POST, all of them at once."""
_AT_ONCE = 8
_LOOK_S, _RUNS_S, _FORGET_S = 0.5, 5.0, 3600.0
_KEPT_DAYS = 7.0


class Deliverer:
    """Sends what is due."""

    def __init__(self, database: Database, settings: Settings, sealer: Sealer) -> None:
        self.outbox, self._sealer = Outbox(database), sealer
        self._allowed = Allowed(settings.webhook_allow)
        self._data_dir = settings.data_dir
        self._seen: set[str] = set()

    async def once(self) -> int:
        """Send what is due now; how many were tried."""
        if not await self.outbox.due():
            return 0
        rows = await self.outbox.lease(_AT_ONCE, _LEASE_S)
        await asyncio.gather(*(self._deliver(row) for row in rows))
        return len(rows)

    async def runs(self) -> None:
        """Tell of eval runs that have ended; a run is a folder and has no transaction, so its event's id is its own."""
        for info in await asyncio.to_thread(_ended, self._data_dir, frozenset(self._seen)):
            data = {"run": info.id, "state": info.state, "total": info.total}
            event_id = f"evt_{info.id}"[:80]
            with suppress(IntegrityError):  # another process has just told of it
                await self.outbox.tell(
                    Happened("eval.run.completed", info.shop, data, event_id, info.finished_at or info.started_at)
                )
            self._seen.add(info.id)

    async def _deliver(self, row: Any) -> None:
        hook = row["hook"]
        there = hook is not None and hook["active"]
        status, error = await self._post(hook, row) if there else (None, "hook_gone")
        await self.outbox.settle(row, status, error)
        _log.info("webhook", delivery=row["id"], event_kind=row["event"], status=status, error=error)

    async def _post(self, hook: Any, row: Any) -> tuple[int | None, str | None]:
        try:
            url, secret = self._sealer.open(hook["sealed"])
            made = letter(hook["format"], target_of(url), secret, row)
        except (ValueError, YouliError):
            return None, "sealed_elsewhere"
        answer: Answer = await post(made.target, self._allowed, made.headers, made.body)
        return answer.status, accepted(hook["format"], answer)


def _ended(data_dir: Path, seen: frozenset[str]) -> list[RunInfo]:
    """Runs that ended within a day and were not told of; older ones concern nobody who was not there."""
    since = datetime.now(UTC) - GIVE_UP
    found = (one for one in all_runs(data_dir) if one.id not in seen and one.state in ("done", "failed"))
    return [one for one in found if (one.finished_at or one.started_at) >= since]


@asynccontextmanager
async def delivering(database: Database, settings: Settings) -> AsyncIterator[None]:
    """Deliver beside whatever else goes on; what is under way at the end is finished by whoever comes next."""
    task = asyncio.create_task(_keep(database, settings), name="webhooks")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep(database: Database, settings: Settings) -> None:
    deliverer = Deliverer(database, settings, await sealer_for(settings, database))
    loop = asyncio.get_running_loop()
    runs_at = forget_at = loop.time()
    while True:
        try:
            if loop.time() >= runs_at:
                runs_at = loop.time() + _RUNS_S
                await deliverer.runs()
            if loop.time() >= forget_at:
                forget_at = loop.time() + _FORGET_S
                await deliverer.outbox.forget(_KEPT_DAYS)
            tried = await deliverer.once()
        except YouliError as error:
            _log.warning("webhooks_wait", code=error.code)
            tried = 0
        except Exception as error:
            _log.error("webhooks_failed", kind=type(error).__name__)
            tried = 0
        if not tried:
            await asyncio.sleep(_LOOK_S)
