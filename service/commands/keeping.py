"""``youli retention`` and ``youli erase``: what is let go because its time is over, or because somebody asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import ValidationError

from service.commands.database import with_database
from service.commands.words import printable, word
from service.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from service.database.session import Database
    from service.retaining import Swept
    from service.schemas.erasures import Erased
    from service.settings import Settings


def run_retention(apply: bool, clock_is_right: bool, as_json: bool) -> int:
    """Let go what is older than it is to be kept, or count it.

    Raises:
        EnvironmentProblem: ``clock_jumped``.
        Unavailable: the database is busy or the disk is full.
    """

    async def work(database: Database, settings: Settings) -> Swept:
        from service.retaining import retain

        swept = await retain(database, settings, apply=apply, clock_is_right=clock_is_right)
        if apply:
            _rewrite(swept.folders, settings)
        return swept

    swept = with_database(work)
    code = 1 if swept.trail_unsound else 0
    if as_json:
        days = swept.days._asdict() if swept.days else None
        told = asdict(swept) | {"days": days, "applied": apply, "folders": [one.name for one in swept.folders]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return code
    if swept.days is None:
        print(word("retention", "forever"))
        return code
    print(word("retention", "days", **swept.days._asdict()))
    counts = {"rows": sum(swept.rows.values()), "lines": swept.eval_lines, "trail": swept.trail}
    print(word("retention", "done" if apply else "would", drafts=swept.drafts, **counts))
    if swept.trail_unsound:
        print(word("retention", "unsound"))
    return code


def run_erase(
    buyer: str | None, conversation: str | None, draft: str | None, shop: str | None, dry_run: bool, as_json: bool
) -> int:
    """Erase one buyer's data, or count it.

    Raises:
        InvalidRequest: not exactly one of the three is given, or the shop is none.
        Unavailable: the database is busy or the disk is full.
    """
    from service.schemas.erasures import ErasureIn

    given = {"buyer": buyer, "conversation": conversation, "draft": draft, "shop": shop or "default"}
    try:
        wanted = ErasureIn.model_validate(given)
    except ValidationError:
        raise InvalidRequest("erasure_whose") from None

    async def work(database: Database, settings: Settings) -> Erased:
        from service.database.unmaking import Whose
        from service.erasing import erase

        whose = Whose(wanted.shop, wanted.buyer, wanted.conversation, wanted.draft)
        done, folders = await erase(database, settings.data_dir, whose, dry_run=dry_run)
        _rewrite(folders, settings)
        return done

    done = with_database(work)
    if as_json:
        print(done.model_dump_json(indent=2))
        return 0
    counts = {"rows": sum(done.rows.values()), "lines": done.eval_lines, "files": done.eval_files}
    print(word("erase", "would" if dry_run else "done", id=done.id, drafts=done.drafts, **counts))
    if done.scrubbed:
        print(word("erase", "scrubbed"))
    for line in done.left:
        print(printable(f"- {line}"))
    return 0


def _rewrite(folders: Sequence[Path], settings: Settings) -> None:
    """Write the pages of these runs again from what is left; one that cannot be is simply not there."""
    from evals.report.again import main as again

    for folder in folders:
        again([str(folder), str(settings.data_dir), str(settings.knowledge_dir)])
