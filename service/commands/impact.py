"""``youli knowledge publish --impact``: which of the suite's cases would come out otherwise; nothing is published."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.progress import progress
from service.commands.words import faint, green, name_of, printable, red, strong, word
from service.errors import Conflict, EnvironmentProblem, NotFound, UsageError, phrase
from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from evals.impact import Asked, Impact, Touched
    from service.drafting import Drafter
    from service.library.store import Library
    from service.rulebook.book import Rulebook
    from service.schemas import DocumentState, Draft, Inquiry

MOST = 12
"""Cases shown; ``--json`` has every one."""
SHOWN = 160
"""Characters shown of a text that changed."""


@dataclass(frozen=True)
class Wanted:
    """The publication that is thought of."""

    document: str
    version: int | None
    shop: str


def run_impact(wanted: Wanted, as_json: bool) -> int:
    """Show what a publication would do to the suite's cases; 1 when the library would refuse it.

    Raises:
        UsageError: the database is of a kind we do not know.
        NotFound: no such document or version for this shop.
        Conflict: the document is managed by files.
    """
    settings = read_settings()
    found = asyncio.run(_work(wanted, settings, as_json))
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        print("\n".join(_lines(found, wanted)))
    return 1 if found.refused is not None else 0


async def _work(wanted: Wanted, settings: Settings, as_json: bool) -> Impact:
    from evals.impact import impact
    from service.drafting import Drafter
    from service.rulebook.book import load_rulebook

    book = load_rulebook(settings.knowledge_dir, settings.data_dir / "learned")
    with tempfile.TemporaryDirectory(prefix="youli-impact-") as folder:
        copied = copy_of(settings, Path(folder))
        async with _library(copied, book, wanted) as library:
            drafter = Drafter(book, library)

            async def draft(inquiry: Inquiry) -> Draft:
                return await _draft(drafter, inquiry)

            async def publish() -> DocumentState:
                return await library.publish(wanted.document, wanted.version, wanted.shop)

            with progress(word("impact", "drafting"), as_json) as told:
                return await impact(_asked(wanted.shop), draft, publish, told)


async def _publishable(library: Library, wanted: Wanted) -> None:
    """Errors as in :func:`run_impact`."""
    document = await library.history.document(wanted.document, wanted.shop)
    if document.source == "file":
        raise Conflict("impact_file_managed", path=document.path)
    await library.history.version(wanted.document, wanted.version or document.newest, wanted.shop)


async def _draft(drafter: Drafter, inquiry: Inquiry) -> Draft:
    made = None
    async for event in drafter.draft(inquiry):
        made = event.draft or made
    assert made is not None  # the last event of every draft
    return made


def _asked(shop: str) -> list[Asked]:
    """Every case of the suite as this shop would be asked it, all at one moment."""
    from evals.dataset import load_cases
    from evals.impact import Asked

    now = datetime.now(UTC)
    same = {"writer": "playbook", "shop": shop}
    found = []
    for case in load_cases():
        inquiry = case.inquiry
        found.append(
            Asked(case.entry.id, case.entry.name, inquiry.model_copy(update=same | {"now": inquiry.now or now}))
        )
    return found


@asynccontextmanager
async def _library(settings: Settings, book: Rulebook, wanted: Wanted) -> AsyncIterator[Library]:
    """The copy, with the documents of ``knowledge/`` as the next start would bring them in.

    Raises:
        NotFound, Conflict: what is wanted cannot be published at all; told before a minute of drafting.
    """
    from service.library.store import Library
    from service.rulebook.cited import cited_rules
    from service.rulebook.thesaurus import load_thesaurus

    library = await Library.open(settings, load_thesaurus(settings.knowledge_dir / "thesaurus.yaml"))
    try:
        await _publishable(library, wanted)
        library.publisher.cited = cited_rules(book.boundaries)
        await library.sync(settings.knowledge_dir)
        yield library
    finally:
        await library.close()


def copy_of(settings: Settings, folder: Path) -> Settings:
    """The settings of a copy of the database in ``folder``; a server may go on writing meanwhile.

    Raises:
        UsageError: the database is of a kind we do not know.
        NotFound: there is no database yet, so no document either.
        EnvironmentProblem: the database is damaged or cannot be read.
        Unavailable: its server is away.
    """
    from sqlalchemy.engine import make_url

    from service.database.looking import beside, copy_knowledge, is_server

    url = make_url(settings.database)
    if is_server(settings.database):
        copied = settings.model_copy(update={"data_dir": folder, "database_url": None, "chroma_url": None})
        beside(lambda: copy_knowledge(settings.database, copied.database))
        return _with_found(settings, copied)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise UsageError(reason=phrase("impact_sqlite"))
    source = Path(url.database)
    if not source.is_file():
        raise NotFound("database_missing", path=source)
    copied = settings.model_copy(update={"data_dir": folder, "database_url": None})
    target = make_url(copied.database).database
    assert target is not None  # a file in the folder
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)
    except sqlite3.Error as error:
        raise EnvironmentProblem("database_broken", path=source, reason=error) from None
    return _with_found(settings, copied)


def _with_found(settings: Settings, copied: Settings) -> Settings:
    """What was found of contradictions need not be looked for again."""
    from service.library.conflicts.kept import NAME as FOUND

    kept = settings.data_dir / FOUND
    if kept.is_file():
        shutil.copy(kept, copied.data_dir)
    return copied


def _lines(found: Impact, wanted: Wanted) -> Iterable[str]:
    if found.refused is not None:
        yield red(word("impact", "refused", reason=printable(found.refused)))
    elif found.state is not None:
        live = found.state.published or "—"
        yield strong(word("impact", "head", document=wanted.document, version=live))
        if found.state.queued is not None:
            yield red(word("impact", "queued", version=found.state.queued))
        yield from (word("knowledge", "warning", text=printable(text)) for text in found.state.warnings)
    counts = Counter(change.what for one in found.touched for change in one.changes)
    yield word("impact", "counted", cases=found.cases, touched=len(found.touched), unchanged=found.unchanged)
    for what, count in counts.items():
        yield "  " + word("impact", "of_what", what=name_of("impact", what), count=count)
    for one in found.touched[:MOST]:
        yield from _touched(one)
    if len(found.touched) > MOST:
        yield faint(word("impact", "rest", count=len(found.touched) - MOST))
    yield word("impact", "nothing_done")


def _touched(one: Touched) -> Iterable[str]:
    yield strong(printable(f"{one.case} {one.name}"))
    for change in one.changes:
        yield "  " + name_of("impact", change.what)
        yield from (red(f"    - {_short(text)}") for text in change.before)
        yield from (green(f"    + {_short(text)}") for text in change.after)


def _short(text: str) -> str:
    plain = printable(text.replace("\n", " "))
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"
