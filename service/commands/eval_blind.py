"""``youli eval blind`` and ``youli eval live``: pages and queues for people who look at drafts."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.inputs import shown, usage
from service.commands.words import printable, word
from service.settings import Settings, prepare_data_dir, read_settings

if TYPE_CHECKING:
    from evals.live import LiveTaken


def run_blind(run: str, share: str | None, n: int | None, seed: int | None, out: str | None, as_json: bool) -> int:
    """Draw a sample of a run and write its blind page.

    Raises:
        UsageError: no such run, nothing to draw, or the page cannot be written.
    """
    from evals.blind import blind_page, make_sheet, write_sheet
    from evals.blind.sheet import blind_file
    from evals.rubric import load_rubric
    from evals.runs import find_run, read_info, read_results
    from evals.whole import write_whole

    if share is not None and n is not None:
        raise usage("eval_share_or_n")
    folder = find_run(run, read_settings().data_dir)
    info, (results, _) = read_info(folder), read_results(folder)
    cases = len({one.case for one in results})
    wanted = n or (blind_file().cases if share is None else max(1, round(_share(share) * cases)))
    sheet = make_sheet(info, results, load_rubric(), wanted, secrets.randbelow(10**6) if seed is None else seed)
    page = Path(out or "blind.html")
    try:
        write_whole(page, blind_page(sheet, results))
    except OSError as error:
        raise usage("out_unwritable", path=page, reason=error.strerror or type(error).__name__) from None
    write_sheet(folder, sheet)
    asked = sum(len(one.questions) for one in sheet.cases)
    told = {"run": info.id, "sheet": sheet.id, "cases": len(sheet.cases), "questions": asked, "seed": sheet.seed}
    if as_json:
        print(json.dumps(told | {"page": str(page)}, ensure_ascii=False))
    else:
        print(printable(word("eval_people", "blind", page=shown(str(page)), of=cases, **told)))
    return 0


def _share(given: str) -> float:
    """A share as it is typed: 10% or 0.1.

    Raises:
        UsageError: it is none.
    """
    text = given.strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise usage("eval_share", given=given)
    return value


def run_live(shop: str | None, since: datetime | None, as_json: bool) -> int:
    """Take what is new of the live desk's drafts into the shop's standing run.

    Raises:
        RulebookError: a broken file in ``knowledge/``.
        YouliError: the data folder or the database is not usable.
    """
    from evals.report.again import rewrite
    from evals.runs import runs_dir

    settings = read_settings()
    begun = since if since is None or since.tzinfo else since.replace(tzinfo=UTC)
    taken = asyncio.run(_live(settings, shop or "default", begun))
    folder = runs_dir(settings.data_dir) / taken.run
    page = rewrite(folder, settings.data_dir, settings.knowledge_dir) if taken.taken else None
    if as_json:
        print(taken.model_dump_json(indent=2))
        return 0
    print(word("eval_people", "live", **taken.model_dump()))
    if taken.gone:
        print(word("eval_people", "live_gone", n=taken.gone))
    if page is not None:
        print(word("eval", "report_file", path=shown(str(page))))
    return 0


async def _live(settings: Settings, shop: str, since: datetime | None) -> LiveTaken:
    from evals.live import take_live
    from evals.rubric import load_rubric
    from evals.sight import Sight
    from service.database.deeds import drafts_sampled
    from service.database.drafts import DraftStore
    from service.database.session import Database
    from service.rulebook.book import load_rulebook

    book = load_rulebook(settings.knowledge_dir, settings.data_dir / "learned")
    prepare_data_dir(settings)
    database = await Database.open(settings.database)
    try:
        sight = Sight(book, load_rubric())
        taken = await take_live(settings.data_dir, database, DraftStore(database), sight, shop, since)
        await database.note([drafts_sampled(taken.run, shop, taken.looked_at, taken.taken)])
        return taken
    finally:
        await database.close()
