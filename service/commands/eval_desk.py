"""What a run of the suite needs beside its cases: who drafts, who judges, and what both are made with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from service.settings import HOME, Settings

if TYPE_CHECKING:
    from evals.dataset import Case
    from evals.judge import Judge, NoJudge
    from evals.playing import Drafting
    from evals.results import Digests
    from evals.rubric import Rubric
    from service.assembly import Desk


def judge_for(settings: Settings, rubric: Rubric, *, wanted: bool, twice: bool) -> Judge | NoJudge:
    """The judge, if one is set and wanted; what it said before is kept beside the runs."""
    from evals.judge import NoJudge, judge_of

    if not wanted:
        return NoJudge("not_wanted")
    return judge_of(settings, settings.data_dir / "evals" / "judge.jsonl", twice, rubric)


@asynccontextmanager
async def drafting_by(desk: Desk, against: str | None) -> AsyncIterator[Drafting]:
    """Who drafts: the production drafter, keeping nothing, or a service at the address.

    Raises:
        UsageError: nobody answers there.
    """
    if against is not None:
        from evals.asking import asking

        async with asking(against, os.environ.get("YOULI_TARGET_KEY")) as drafting:
            yield drafting
        return
    from service.drafting import Drafter
    from service.schemas import Draft, Inquiry

    drafter = Drafter(desk.rulebook, desk.library, desk.drafter.model_side)

    async def draft(inquiry: Inquiry) -> Draft:
        made = None
        async for event in drafter.draft(inquiry):
            made = event.draft or made
        assert made is not None  # the last event of every draft
        return made

    yield draft


def digests_of(desk: Desk, settings: Settings, cases: list[Case], judge: str) -> Digests:
    """What a run made now is made with."""
    from evals.drafting_cache import code_digest
    from evals.judge import PROMPT as JUDGE
    from evals.playing import case_digest
    from evals.results import Digests
    from evals.rubric import shipped_rubric

    prompts, whole = hashlib.sha256(), hashlib.sha256()
    for path in sorted(set(settings.prompts_dir.glob("*.*")) - {settings.prompts_dir / JUDGE}):
        prompts.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for digest in sorted(case_digest(case) for case in cases):
        whole.update(digest.encode())
    return Digests(
        code=code_digest(HOME / "service"),
        knowledge=desk.knowledge_version,
        prompts=prompts.hexdigest()[:12],
        model=settings.model or "" if settings.model_ready else "",
        rubric=shipped_rubric().digest,
        cases=whole.hexdigest()[:12],
        judge=judge,
    )
