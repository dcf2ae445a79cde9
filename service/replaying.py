"""A stored inquiry drafted again: under today's rulebook, and under the one that decided it then.

What differs between the stored draft and the recorded rulebook's is the program's doing; what differs between that
and today's is the rules'. Documents are today's in both. Nothing is kept, and the playbook writes, so that a model's
moods do not count as a difference.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from service.assembly import Desk
from service.drafting import Drafter
from service.errors import NotFound, RulebookError, YouliError
from service.rulebook.archive import unpack
from service.rulebook.book import Rulebook, load_rulebook
from service.schemas import Draft, Inquiry


@dataclass(frozen=True)
class Replay:
    """Three drafts of one inquiry. ``recorded`` is None where that rulebook was not kept or no longer loads."""

    stored: Draft
    recorded: Draft | None
    today: Draft

    def changes(self) -> list[Change]:
        """What is not the same in all three, in the order a person reads a draft."""
        told = [_told(one) if one else None for one in (self.stored, self.recorded, self.today)]
        names = list(dict.fromkeys(name for one in told if one for name in one))
        rows = [Change(name, *(one.get(name) if one else None for one in told)) for name in names]
        return [row for row in rows if row.stored != row.today or (told[1] and row.recorded != row.today)]


@dataclass(frozen=True)
class Change:
    """One thing that differs; None where that draft has no such thing."""

    name: str
    stored: str | None
    recorded: str | None
    today: str | None


def _told(draft: Draft) -> dict[str, str]:
    """What is compared: verdict, the row that decided, the reading, and the words of each step."""
    told = {
        "verdict": draft.verdict,
        "boundary": draft.basis.boundary,
        "demands": ", ".join(f"{one.demand}={one.boundary}" for one in draft.demands),
        "cause": draft.reading.cause,
        "threat": draft.threat,
        "missing": ", ".join(one.fact for one in draft.missing),
    }
    return {name: text for name, text in told.items() if text} | {
        f"steps.{step.step}": step.text for step in draft.steps
    }


async def replay(desk: Desk, draft_id: str, shop: str) -> Replay:
    """Draft a stored inquiry again.

    Raises:
        NotFound: this shop has no such draft.
        YouliError: as for any draft.
    """
    kept = await desk.store.get_draft(draft_id, shop)
    if kept is None:
        raise NotFound("draft_not_found", id=draft_id[:80])
    stored, inquiry = kept
    now = inquiry.model_copy(update={"writer": "playbook", "explain": False, "now": inquiry.now or stored.created_at})
    today = await _drafted(desk, desk.rulebook, now)
    digest = stored.knowledge_version.rpartition("+")[2]
    if digest == desk.rulebook.digest:
        return Replay(stored, today, today)
    archive = await desk.rulebooks.archive(digest)
    if archive is None:
        return Replay(stored, None, today)
    with tempfile.TemporaryDirectory(prefix="youli-rulebook-") as folder:
        book = await asyncio.to_thread(_loaded, archive, Path(folder))
        return Replay(stored, await _drafted(desk, book, now) if book else None, today)


def _loaded(archive: bytes, folder: Path) -> Rulebook | None:
    try:
        unpack(archive, folder)
        return load_rulebook(folder)
    except (ValueError, RulebookError):  # today's program no longer reads what was written for an older one
        return None


async def _drafted(desk: Desk, book: Rulebook, inquiry: Inquiry) -> Draft:
    drafts = [event.draft async for event in Drafter(book, desk.library).draft(inquiry)]
    last = drafts[-1]
    if last is None:
        raise YouliError()
    return last
