"""The live desk's drafts, sampled for people: a standing run ``live-<shop>`` that grows as drafts come.

What is taken is scored by the scorers that need no expectation, and kept masked; reports, blind pages, reviews and
agreement treat it like any run. A draft is taken once; which ones are is decided by its id and the rubric alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from evals.masked import masked
from evals.playing import Played
from evals.result_lines import case_ids
from evals.results import CaseResult, RunInfo
from evals.review_log import locked
from evals.rubric import Rubric, Sampling
from evals.runs import SUMMARY, ResultsFile, read_info, runs_dir, write_info
from evals.scoring import score_case
from evals.sight import Sight
from evals.whole import write_whole
from service.errors import UsageError
from service.schemas import Draft, Inquiry
from service.schemas.base import Out

if TYPE_CHECKING:
    from service.database.session import Database
    from service.database.touched import Touched

TAG = "live"
_MARK = "live.json"
_OVERLAP = timedelta(hours=1)
"""Looked back beyond the last time: a draft is dated when it began, and written when it was done."""


class LiveTaken(Out):
    """What a look at the live desk brought."""

    run: str
    looked_at: int
    """Drafts made, or given feedback, in that time."""
    taken: int
    known: int
    """Sampled ones that had been taken before."""
    gone: int
    """Deleted while this was looking."""
    total: int
    """All that were ever taken."""


class Mark(Out):
    """How far the last look went."""

    until: datetime


class Drafts(Protocol):
    """Where whole drafts are."""

    async def get_draft(self, draft_id: str, shop: str) -> tuple[Draft, Inquiry] | None:
        """A draft and its inquiry; None when there is none."""


def live_id(shop: str) -> str:
    """The name of a shop's standing run."""
    return f"live-{shop}"


def why_sampled(draft: Touched, sampling: Sampling) -> list[str]:
    """Why a person should look at a draft; empty: nobody has to.

    ``sampled`` is the draw by the id alone, so that it is the same whoever looks, and whenever.
    """
    holds = {
        "rejected": draft.action == "rejected",
        "edited_with_findings": draft.action == "edited" and draft.findings > 0,
        "threat_refused": draft.threat != "none" and draft.verdict == "unreasonable",
    }
    drawn = int.from_bytes(hashlib.sha256(draft.id.encode()).digest()[:8], "big") / 2**64
    found: list[str] = [name for name in sampling.always if holds[name]]
    return [*found, "sampled"] if drawn * 100 < sampling.percent else found


async def take_live(
    data_dir: Path,
    database: Database,
    drafts: Drafts,
    sight: Sight,
    shop: str = "default",
    since: datetime | None = None,
) -> LiveTaken:
    """Take what is new of a shop's drafts into its standing run.

    Args:
        data_dir: whose ``evals`` folder holds the run.
        database: of the drafts.
        drafts: where whole drafts are.
        sight: how replies are looked at.
        shop: whose drafts.
        since: looked at from here; where the last look ended when not given.

    Raises:
        Unavailable: the database is busy or the disk is full.
        UsageError: the run's folder cannot be read.
    """
    from service.database.touched import touched_drafts

    begun, folder = datetime.now(UTC), runs_dir(data_dir) / live_id(shop)
    touched = await touched_drafts(database, shop, since or _since(folder))
    wanted = {one.id: why for one in touched if (why := why_sampled(one, sight.rubric.entry.sampling))}
    known = await asyncio.to_thread(case_ids, folder)
    new = [draft_id for draft_id in wanted if draft_id not in known]
    found = {draft_id: await drafts.get_draft(draft_id, shop) for draft_id in new}
    played = [(Played(pair[1], pair[0]), wanted[name]) for name, pair in found.items() if pair is not None]
    taken, total = await asyncio.to_thread(_add, folder, shop, sight, played, None if since else begun)
    gone = sum(pair is None for pair in found.values())
    return LiveTaken(
        run=live_id(shop),
        looked_at=len(touched),
        taken=taken,
        known=len(wanted) - taken - gone,
        gone=gone,
        total=total,
    )


def _since(folder: Path) -> datetime | None:
    """Where to look from; None: from the first draft."""
    try:
        return Mark.model_validate_json((folder / _MARK).read_bytes()).until - _OVERLAP
    except (OSError, ValidationError):  # never looked, or nobody knows: what is there already is not taken again
        return None


def _add(
    folder: Path, shop: str, sight: Sight, played: Sequence[tuple[Played, list[str]]], until: datetime | None
) -> tuple[int, int]:
    """Score and append what another process has not appended meanwhile; how many, and how many there are now."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, ".live.lock"):
        info = _info(folder, shop, sight.rubric)
        write_info(folder, info)
        known = case_ids(folder)
        new = list(_scored(((one, why) for one, why in played if one.draft and one.draft.id not in known), sight))
        if new:
            with ResultsFile(folder) as file:
                for result in new:
                    file.add(result)
            (folder / SUMMARY).unlink(missing_ok=True)  # of a smaller run
        total = len(known) + len(new)
        write_info(folder, info.model_copy(update={"total": total, "finished_at": datetime.now(UTC)}))
        if until is not None:
            write_whole(folder / _MARK, Mark(until=until).model_dump_json())
    return len(new), total


def _scored(played: Iterator[tuple[Played, list[str]]], sight: Sight) -> Iterator[CaseResult]:
    for one, why in played:
        result = masked(asyncio.run(score_case(one, sight)))
        yield result.model_copy(update={"tags": [TAG, *why], "rubric": sight.rubric.digest})


def _info(folder: Path, shop: str, rubric: Rubric) -> RunInfo:
    """How the standing run stands; what it is scored by is what it was scored by last."""
    try:
        info = read_info(folder)
    except UsageError:
        info = RunInfo(id=live_id(shop), kind="live", shop=shop, state="done", started_at=datetime.now(UTC))
    return info.model_copy(update={"digests": info.digests.model_copy(update={"rubric": rubric.digest})})
