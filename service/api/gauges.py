"""What is so now, for Prometheus: looked at when somebody asks, and every few seconds where several processes serve."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

import psutil
import structlog
from fastapi import FastAPI

from service import watching
from service.api.parts import free_bytes
from service.api.readiness import Audited
from service.logs import frames

if TYPE_CHECKING:
    from service.assembly import Desk

BEAT_S = 5.0
"""How old the numbers of a process nobody asked may be where another one answers for it."""

AUDIT_FIRST_S, AUDIT_S = 60.0, 6 * 3600.0
"""When the audit trail is looked through after the start, and how often then."""
STATES = ("off", "up", "degraded", "down")
"""A part's state as a number: its place here."""

_GENERATION = re.compile(r"g(\d+)\.")
_process = psutil.Process()
_spent = 0.0
_version = ""
_log = structlog.get_logger()


async def look(app: FastAPI) -> None:
    """Set all gauges of this process; a part that cannot be looked at keeps its last value."""
    _this_process()
    desk: Desk | None = getattr(app.state, "desk", None)
    if desk is None:
        return
    try:
        _knowledge(desk)
        watching.level("youli_rulebook_broken", float(desk.broken is not None))
        resting = desk.model is not None and desk.model.breaker.state.resting
        watching.level("youli_model_resting", float(resting))
        _limits(desk)
        watching.level("youli_disk_free_bytes", free_bytes(desk.settings.data_dir))
        for name, part in (await app.state.looker.look(app, desk)).items():
            watching.level("youli_part_state", STATES.index(part.state), name)
    except Exception as error:  # a scrape must not fail for the one number that cannot be had
        _log.warning("gauges", where=frames(error))


@contextlib.asynccontextmanager
async def beating(app: FastAPI) -> AsyncIterator[None]:
    """What is looked at beside requests, for the time of the block; at its end the last spans are sent."""
    beats = [_again(AUDIT_S, lambda: _audit(app), AUDIT_FIRST_S)]
    kept = watching.meters()
    if kept is not None and kept.folder is not None:  # another process may be asked for our numbers
        beats.append(_again(BEAT_S, lambda: look(app)))
    tasks = [asyncio.create_task(beat, name="watching") for beat in beats]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await watching.stop()


async def _again(every: float, work: Callable[[], Awaitable[None]], first: float = 0.0) -> None:
    await asyncio.sleep(first)
    while True:
        try:
            await work()
        except Exception as error:  # the next time it may do
            _log.warning("gauges", where=frames(error))
        await asyncio.sleep(every)


async def _audit(app: FastAPI) -> None:
    """Look through the whole audit trail, for readiness and for an alert."""
    desk: Desk | None = app.state.desk
    if desk is None:
        return
    from service.database.verifying import verify

    found = await verify(desk.library.database)
    seen = Audited(datetime.now(UTC), found.rows, len(found.problems), found.guarded)
    app.state.looker.audited = seen
    watching.level("youli_audit_problems", seen.problems + (not seen.guarded))
    watching.level("youli_audit_checked_timestamp_seconds", seen.at.timestamp())
    if seen.problems or not seen.guarded:
        _log.error("audit_broken", problems=seen.problems, guarded=seen.guarded, rows=seen.rows)


def _knowledge(desk: Desk) -> None:
    global _version
    health, version = desk.library.health(), desk.knowledge_version
    kept = watching.meters()
    if kept is not None and version != _version:
        kept.allow("knowledge", [version])  # of our own making: a generation and two digests
        if _version:
            watching.level("youli_knowledge_info", 0, _version)
        watching.level("youli_knowledge_info", 1, version)
        _version = version
    for name in ("documents", "chunks", "held", "conflicts"):
        watching.level(f"youli_knowledge_{name}", health[name])
    if found := _GENERATION.match(health["pointer"]):
        watching.level("youli_knowledge_generation", int(found[1]))
    watching.level("youli_knowledge_lacking", health["vectors"]["lacking"])
    watching.level("youli_queue", health["vectors"]["waiting"], "uploads")
    watching.level("youli_queue", desk.store.waiting, "database")


def _limits(desk: Desk) -> None:
    if desk.limiter is None:
        return
    state = desk.limiter.state()
    watching.level("youli_queue", state["turns"]["waiting"], "turns")
    for work, pool in state["admission"].items():
        watching.level("youli_admission_under_way", pool.under_way, work)
        watching.level("youli_admission_at_once", pool.at_once, work)


def _this_process() -> None:
    global _spent
    with _process.oneshot():
        times = _process.cpu_times()
        memory, started = _process.memory_info().rss, _process.create_time()
    watching.level("youli_workers", 1)
    watching.level("youli_build_info", 1, metadata.version("youli"))
    watching.level("youli_process_memory_bytes", memory)
    watching.level("youli_process_start_time_seconds", started)
    if hasattr(_process, "num_fds"):
        watching.level("youli_process_open_files", _process.num_fds())
        watching.level("youli_process_max_files", _process.rlimit(psutil.RLIMIT_NOFILE)[0])
    now = times.user + times.system
    watching.count("youli_process_cpu_seconds_total", by=max(0.0, now - _spent))
    _spent = now
