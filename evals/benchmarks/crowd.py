"""Askers who come back when they are refused, and what they were told."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evals.benchmarks.inquiries import bodies, encoded
from evals.benchmarks.load import Answer, Hung, Line, post

DOOR = "/v1/drafts"


@dataclass
class Stage:
    """What came of one load."""

    at_once: int
    seconds: float = 0.0
    drafts: list[Answer] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    degraded: int = 0

    def take(self, answer: Answer) -> None:
        """Count an answer."""
        if answer.status < 300:
            self.drafts.append(answer)
            self.degraded += b'"degraded":true' in answer.body
        elif answer.status == 429:
            self.refused.append(answer)
        else:
            self.fail(f"{answer.status} {answer.body[:80].decode('utf-8', 'replace')}")

    def fail(self, what: str) -> None:
        """Count what was no answer."""
        self.errors[what] = self.errors.get(what, 0) + 1

    def told(self) -> dict[str, Any]:
        """The stage in numbers; times of drafts in seconds, of refusals in milliseconds."""
        return {
            "at_once": self.at_once,
            "drafts": len(self.drafts),
            "seconds": round(self.seconds, 1),
            "goodput": round(len(self.drafts) / self.seconds, 1) if self.seconds else 0.0,
            "draft_s": quantiles([answer.seconds for answer in self.drafts]),
            "refused": len(self.refused),
            "refusal_ms": quantiles([1000 * answer.seconds for answer in self.refused], 1),
            "degraded": self.degraded,
            "errors": self.errors,
        }


def quantiles(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """p50, p95, p99 and the greatest; nothing of nothing."""
    if len(values) < 2:
        return {"p50": round(values[0], digits)} if values else {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    named = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}
    return {name: round(value, digits) for name, value in named.items()}


@dataclass
class Crowd:
    """Askers of one service.

    Args:
        port: where it listens on this machine.
        key: a key, where one is needed.
        patient: whether who is refused waits as long as he is told.
    """

    port: int
    key: str | None = None
    patient: bool = True
    seed: int = 0

    def requests(self, count: int) -> Iterator[bytes]:
        """So many requests, never asked before; then the same again."""
        self.seed += 1
        made = [post(self.port, DOOR, body, self.key) for body in encoded(bodies(count, self.seed))]
        return itertools.cycle(made)

    async def ask(self, at_once: int, count: int = 0, seconds: float = 0.0) -> Stage:
        """So many askers, for a number of drafts or for a time."""
        stage, begun = Stage(at_once), time.monotonic()
        source = itertools.islice(self.requests(count or round(200 * seconds) + at_once), count or None)
        until = begun + seconds if seconds else float("inf")
        await asyncio.gather(*(self._one(source, stage, until, begun) for _ in range(at_once)))
        stage.seconds = (time.monotonic() if count else min(time.monotonic(), until)) - begun
        if seconds:  # what was asked in time and answered late is no throughput of that time
            stage.drafts = [answer for answer in stage.drafts if answer.at + answer.seconds <= until]
        return stage

    async def _one(self, source: Iterator[bytes], stage: Stage, until: float, begun: float) -> None:
        chance = random.Random()
        line: Line | None = None
        try:
            for request in source:
                answer = None
                while (answer is None or answer.status == 429) and time.monotonic() < until:
                    try:
                        line = line or await Line.open(self.port)
                        answer = await line.ask(request)
                        stage.take(answer)
                    except (Hung, OSError) as error:
                        stage.fail(type(error).__name__)
                        line = None
                        await asyncio.sleep(0.1)
                        continue
                    if answer.status == 429 and self.patient:
                        wait = answer.retry_after * chance.uniform(0.8, 1.2)
                        await asyncio.sleep(min(wait, max(0.0, until - time.monotonic())))
                if time.monotonic() >= until:
                    break
        finally:
            if line is not None:
                line.close()
