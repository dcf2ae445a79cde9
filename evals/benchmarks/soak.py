"""Hours in minutes: a service under load whose model misbehaves, looked at again and again for what grows.

The load is half of what the service takes at once, so that it is busy and never full. Every few seconds its memory,
files, sockets and threads are noted. After a warm-up (a fifth of the time, two minutes at most) a line is fitted
through the memory; its rise over the rest is the growth. At the end the load stops, and what is still open then is
compared with what was open before it began.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from evals.benchmarks.crowd import Crowd, Stage
from evals.benchmarks.overload import Costs
from evals.benchmarks.processes import Served, control, held, memory_of

LOOK_S = 5.0
REST_S = 20.0
"""After the load: connections that are kept are let go by then."""
GROWTH = 0.05
"""Most that memory may grow after the warm-up, as a share of what it was."""


@dataclass(frozen=True)
class Look:
    """What one look found."""

    at: float
    rss: int
    files: int
    sockets: int
    threads: int


def look(pid: int) -> Look:
    """Look at a process."""
    return Look(time.monotonic(), memory_of(pid), **held(pid))


def growth(looks: list[Look]) -> float:
    """Rise of a line fitted through the memory, from its beginning to its end, as a share of its beginning."""
    if len(looks) < 3:
        return 0.0
    slope, start = statistics.linear_regression([one.at - looks[0].at for one in looks], [one.rss for one in looks])
    return slope * (looks[-1].at - looks[0].at) / start


async def _soaked(crowd: Crowd, pid: int, given: argparse.Namespace) -> tuple[list[Look], Stage]:
    looks: list[Look] = []

    async def watch() -> None:
        while True:
            looks.append(look(pid))
            await asyncio.sleep(LOOK_S)

    watching = asyncio.create_task(watch())
    try:
        stage = await crowd.ask(max(1, given.at_once // 2), seconds=60 * given.soak)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return looks, stage


def soak(crowd: Crowd, costs: Costs, endpoint: Served | None, given: argparse.Namespace) -> int:
    """Run it; 1 when memory grew too much, something stayed open, or an answer was an error."""
    if "server" not in costs.pids:
        print("--soak needs --pid beside --url", file=sys.stderr)
        return 2
    pid = costs.pids["server"]
    asyncio.run(crowd.ask(given.at_once, count=3 * given.at_once))
    time.sleep(REST_S)
    before = look(pid)
    if endpoint is not None:
        control(endpoint.port, latency_ms=given.model_ms, share=given.share, seed=7)
    costs.begin()
    looks, stage = asyncio.run(_soaked(crowd, pid, given))
    used = costs.told()
    time.sleep(REST_S)
    after = look(pid)
    warm = looks[0].at + min(120.0, 12 * given.soak)
    grown = growth([one for one in looks if one.at >= warm])
    left = {name: getattr(after, name) - getattr(before, name) for name in ("files", "sockets", "threads")}
    told: dict[str, Any] = stage.told() | {
        "processes": used,
        "rss_mb": [round(one.rss / 1e6) for one in looks[:: max(1, len(looks) // 20)]],
        "growth_after_warm_up": round(grown, 4),
        "most": {name: max(getattr(one, name) for one in looks) for name in ("files", "sockets", "threads")},
        "left_open": left,
    }
    print(json.dumps(told, ensure_ascii=False, indent=None if given.json else 2))
    return 0 if grown <= GROWTH and left["sockets"] <= 0 and left["files"] <= 0 and not stage.errors else 1
