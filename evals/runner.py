"""Running cases: several at once, each result written as it comes, going on where a run was stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from evals.dataset import Case
from evals.playing import Play, case_digest
from evals.results import CaseResult, RunInfo
from evals.runs import ResultsFile, read_results, write_info
from evals.scoring import Judging, score_case
from evals.sight import Sight

Told = Callable[[int, int, str], None]
"""Told after every result: how many are done, of how many, which case."""


@dataclass
class Ran:
    """What a run gave: its results in the order of the cases."""

    info: RunInfo
    results: list[CaseResult]
    took_s: list[float] = field(default_factory=list)
    """Seconds of every draft made this time."""


@dataclass(frozen=True)
class Runner:
    """Plays and scores cases into a run's folder.

    Args:
        play: how cases are played.
        sight: how replies are looked at.
        judge: scores what no rule can tell; None without one.
        concurrency: cases at once.
    """

    play: Play
    sight: Sight
    judge: Judging | None = None
    concurrency: int = 8

    async def run(self, folder: Path, info: RunInfo, cases: Sequence[Case], told: Told | None = None) -> Ran:
        """Play what has no result yet. That the run is done is for the caller to write, behind its reports.

        A result counts where its case is the same as it was. What is cancelled leaves a run that can go on.

        Raises:
            UsageError: ``run_broken``.
        """
        begun = time.perf_counter()
        before, _ = read_results(folder)
        digests = {case.entry.id: case_digest(case) for case in cases}
        kept = {(one.case, one.repeat): one for one in before if digests.get(one.case) == one.digest and not one.error}
        info = info.model_copy(update={"total": len(cases) * info.repeats, "state": "running"})
        write_info(folder, info)
        ran = Ran(info, [])
        todo = [case for case in cases if any((case.entry.id, n) not in kept for n in range(1, info.repeats + 1))]
        done = len(cases) - len(todo)
        queue = iter(todo)
        stopped = True
        try:
            with ResultsFile(folder) as file:

                async def work() -> None:
                    nonlocal done
                    for case in queue:
                        for result in await self._case(case, info.repeats, ran):
                            file.add(result)
                            kept[result.case, result.repeat] = result
                        done += 1
                        if told is not None:
                            told(done, len(cases), case.entry.name)

                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.concurrency, len(todo))):
                        group.create_task(work())
            stopped = False
        finally:
            seconds = round(info.seconds + time.perf_counter() - begun, 3)
            ran.info = info.model_copy(update={"finished_at": datetime.now(UTC), "seconds": seconds})
            if stopped:
                write_info(folder, ran.info.model_copy(update={"state": "stopped"}))
        ran.info = ran.info.model_copy(update={"state": "done"})
        ran.results = [kept[case.entry.id, n] for case in cases for n in range(1, info.repeats + 1)]
        return ran

    async def _case(self, case: Case, repeats: int, ran: Ran) -> list[CaseResult]:
        """Every repeat of a case, scored together: only so it is seen whether they agree."""
        played = [await self.play.case(case, number) for number in range(1, repeats + 1)]
        drafts = [one.draft for one in played]
        for number, one in enumerate(played):
            one.others = [draft for place, draft in enumerate(drafts) if place != number and draft is not None]
            ran.took_s += one.took_s
        return [await score_case(one, self.sight, self.judge) for one in played]
