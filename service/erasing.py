"""One buyer's data erased on request: in the database and its log, and in the run folders; the trail's chain holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evals.forgetting import Forgotten, forget
from service.database.claims import erase_answers
from service.database.entries import Entry, Words
from service.database.proposals import forget_proposals
from service.database.publishing import slices_of
from service.database.scrubbing import Scrubbed, scrub
from service.database.tables_idempotency import idempotency
from service.database.unmaking import Whose, drafts_of, unmake
from service.errors import phrase
from service.ids import new_id
from service.keeping import keeping
from service.schemas.erasures import Erased

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from service.database.session import Database


class _OnlyCounted(Exception):
    """Takes back what was only done to be counted."""

    def __init__(self, rows: dict[str, int]) -> None:
        super().__init__()
        self.rows = rows


async def erase(
    database: Database, data_dir: Path, whose: Whose, *, dry_run: bool = False
) -> tuple[Erased, Sequence[Path]]:
    """Erase what a shop has of a buyer, a conversation or a draft.

    The run folders come first: should this be cut short, the drafts are still there to be found when it is asked for
    again. They are looked through once more at the end, for what was sampled meanwhile.

    Args:
        database: of the drafts.
        data_dir: whose ``evals`` folder holds the runs.
        whose: what is to be erased.
        dry_run: only count.

    Returns:
        What was erased, and the run folders whose pages are to be written again.

    Raises:
        Unavailable: the database is busy or the disk is full; asking again goes on.
    """
    request, ids = new_id("era"), await drafts_of(database, whose)
    seen = await asyncio.to_thread(forget, data_dir, ids, dry_run=dry_run)

    async def work(connection: AsyncConnection) -> dict[str, int]:
        loose = 0
        for some in slices_of(ids or [""]):  # the shop's answers about no draft at all may hold anybody's words
            loose += await erase_answers(connection, whose.shop, some)
        rows = await unmake(connection, ids, forget_talks=True)
        rows[idempotency.name] += loose
        rows["proposals"] = await forget_proposals(connection, whose.shop, ids)
        if dry_run:
            raise _OnlyCounted(rows)
        return rows

    def told(rows: dict[str, int]) -> list[Entry]:
        counts = {name: number for name, number in rows.items() if number}
        files = {"eval_lines": seen.lines, "eval_files": seen.files}
        of = {"by": whose.by, "request": Words(whose.value)}
        return [Entry("data.erased", request, whose.shop, {**of, **counts, **files})]

    try:
        rows = await database.write(work, audit=told)
    except _OnlyCounted as counted:
        return _told(request, whose, counted.rows, seen, Scrubbed(False, False), dry_run=True), []
    again = await asyncio.to_thread(forget, data_dir, ids)
    seen.lines, seen.files = seen.lines + again.lines, seen.files + again.files
    done = await scrub(database, keeping().erasure.vacuum_gb * 2**30)
    return _told(request, whose, rows, seen, done, dry_run=False), [*{*seen.folders, *again.folders}]


def _told(
    request: str, whose: Whose, rows: dict[str, int], seen: Forgotten, done: Scrubbed, *, dry_run: bool
) -> Erased:
    left = ["erasure_free_text", "erasure_copies"]
    if not dry_run and not done.file:
        left.insert(0, "erasure_not_rewritten")
    if not dry_run and not done.log:
        left.insert(0, "erasure_log_left")
    return Erased.model_validate(
        {
            "id": request,
            "shop": whose.shop,
            "by": whose.by,
            "dry_run": dry_run,
            "drafts": rows["drafts"],
            "rows": {name: number for name, number in rows.items() if name != "drafts"},
            "eval_lines": seen.lines,
            "eval_files": seen.files,
            "scrubbed": done.file and done.log,
            "left": [phrase(name) for name in left],
        }
    )
