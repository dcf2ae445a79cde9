"""What is so now, for Prometheus: looked at when somebody asks, and every few seconds where several processes serve."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from importlib import metadata
from typing import TYPE_CHECKING

import psutil
import structlog
from fastapi import FastAPI

from service import watching
from service.logs import frames

if TYPE_CHECKING:
    from service.assembly import Desk

BEAT_S = 5.0
"""How old the numbers of a process nobody asked may be where another one answers for it."""

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
        watching.level("youli_disk_free_bytes", shutil.disk_usage(desk.settings.data_dir).free)
    except Exception as error:  # a scrape must not fail for the one number that cannot be had
        _log.warning("gauges", where=frames(error))


@contextlib.asynccontextmanager
async def beating(app: FastAPI) -> AsyncIterator[None]:
    """Look every few seconds where another process may be asked for our numbers."""
    kept = watching.meters()
    if kept is None or kept.folder is None:
        try:
            yield
        finally:
            await watching.stop()
        return

    async def beat() -> None:
        while True:
            await look(app)
            await asyncio.sleep(BEAT_S)

    task = asyncio.create_task(beat(), name="gauges")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await watching.stop()


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
