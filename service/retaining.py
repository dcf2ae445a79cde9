"""Drafts let go when their time is over: a few at a time, one process at a time, never by a clock that jumped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from evals.forgetting import forget
from service.database.cutting import cut_trail, rows_to_cut
from service.database.entries import Entry
from service.database.sweeps import claim, give_back, last_sweep
from service.database.unmaking import batches, count_hanging, drafts_before, unmake
from service.database.verifying import head_of, verify
from service.errors import EnvironmentProblem, YouliError
from service.ids import new_id
from service.keeping import Days, Keeping, keeping

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from service.database.session import Database
    from service.settings import Settings

_log = structlog.get_logger()
_AT_ONCE = 2_000
"""Drafts looked for at once; the run folders are read once for all of them."""
_FIRST_S, _EVERY_S = 60.0, 600.0
"""Seconds after the start, and between two looks at whether it is time."""


@dataclass(slots=True)
class Swept:
    """What was let go, or would be."""

    days: Days | None
    drafts: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    eval_lines: int = 0
    trail: int = 0
    """Rows of the audit trail."""
    trail_unsound: bool = False
    """The trail does not verify: nothing of it was cut."""
    folders: list[Path] = field(default_factory=list)


async def retain(
    database: Database, settings: Settings, *, apply: bool, clock_is_right: bool = False, now: datetime | None = None
) -> Swept:
    """Let go what is older than the settings and the law's floors say.

    Args:
        database: whose drafts.
        settings: how long, and where the runs are.
        apply: False only counts.
        clock_is_right: a person says so, whatever the last sweep's time was.
        now: the clock.

    Raises:
        EnvironmentProblem: ``clock_jumped`` — the clock is not near where it was at the last sweep.
        Unavailable: the database is busy or the disk is full.
    """
    rules, now = keeping(), now or datetime.now(UTC)
    if not clock_is_right:
        _plausible(now, await last_sweep(database), rules)
    swept = Swept(rules.days(settings.retention_days))
    if swept.days is not None:
        await _drafts(database, settings.data_dir, rules, swept, now, apply)
        await _trail(database, swept, now - timedelta(days=swept.days.trail), apply)
    if apply:
        await give_back(database, now)
    return swept


def _plausible(now: datetime, last: datetime, rules: Keeping) -> None:
    if not -timedelta(hours=1) <= now - last <= timedelta(days=rules.sweep.jump_days):
        at = {"now": now.isoformat(timespec="minutes"), "last": last.isoformat(timespec="minutes")}
        raise EnvironmentProblem("clock_jumped", **at)


async def _drafts(database: Database, data_dir: Path, rules: Keeping, swept: Swept, now: datetime, apply: bool) -> None:
    assert swept.days is not None
    unused, sent = (now - timedelta(days=days) for days in (swept.days.unused, swept.days.sent))
    while ids := [draft for _, draft in await drafts_before(database, unused, sent, _AT_ONCE if apply else None)]:
        found = await asyncio.to_thread(forget, data_dir, ids, dry_run=not apply)
        swept.eval_lines += found.lines
        swept.folders += [folder for folder in found.folders if folder not in swept.folders]
        if not apply:
            _add(swept, await count_hanging(database, ids))
            return
        for some in batches(ids, rules.sweep.batch):
            _add(swept, await database.write(_unmaking(some), audit=_told))
            await asyncio.sleep(rules.sweep.pause_s)


def _unmaking(ids: Sequence[str]) -> Callable[[AsyncConnection], Awaitable[dict[str, int]]]:
    return lambda connection: unmake(connection, ids, forget_talks=False)


def _told(rows: dict[str, int]) -> list[Entry]:
    return [Entry("retention.applied", new_id("ret"), "*", {name: number for name, number in rows.items() if number})]


def _add(swept: Swept, rows: dict[str, int]) -> None:
    swept.drafts += rows["drafts"]
    for name in rows.keys() - {"drafts"}:
        swept.rows[name] = swept.rows.get(name, 0) + rows[name]


async def _trail(database: Database, swept: Swept, before: datetime, apply: bool) -> None:
    upto = await rows_to_cut(database, before)
    if not upto:
        return
    found = await verify(database)
    if not found.sound:  # rows somebody tampered with are evidence
        swept.trail_unsound = True
        return
    swept.trail = await cut_trail(database, upto) if apply else upto - found.first + 1


@asynccontextmanager
async def sweeping(database: Database, settings: Settings, again: Callable[[Path], None]) -> AsyncIterator[None]:
    """Look every few hours, beside whatever else goes on; several processes take turns.

    Args:
        database: whose drafts.
        settings: how long they are kept.
        again: told of run folders whose pages are to be written again.
    """
    task = asyncio.create_task(_keep_sweeping(database, settings, again), name="retention")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_sweeping(database: Database, settings: Settings, again: Callable[[Path], None]) -> None:
    await _note_head(database)
    await asyncio.sleep(_FIRST_S)
    while True:
        try:
            await _note_head(database)
            for folder in (await sweep_once(database, settings)).folders:
                again(folder)
        except YouliError as error:
            _log.warning("retention_waits", code=error.code)
        except Exception as error:
            _log.error("retention_failed", kind=type(error).__name__)
        await asyncio.sleep(_EVERY_S)


async def _note_head(database: Database) -> None:
    """Write the end of the trail into the log, which is usually kept where who writes the database cannot write."""
    with suppress(YouliError):
        _log.info("audit_head", head=await head_of(database))


async def sweep_once(database: Database, settings: Settings, now: datetime | None = None) -> Swept:
    """:func:`retain`, if it is time and nobody else is at it.

    Raises:
        EnvironmentProblem: ``clock_jumped``.
        Unavailable: the database is busy or the disk is full.
    """
    rules, now = keeping(), now or datetime.now(UTC)
    every, lease = timedelta(hours=rules.sweep.every_hours), timedelta(minutes=rules.sweep.claim_minutes)
    if not await claim(database, now, every, lease):
        return Swept(None)
    try:
        swept = await retain(database, settings, apply=True, now=now)
    except BaseException:
        await give_back(database, None)
        raise
    _log.info("retention_applied", drafts=swept.drafts, trail=swept.trail, trail_unsound=swept.trail_unsound)
    return swept
