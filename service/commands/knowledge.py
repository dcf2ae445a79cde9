"""``youli knowledge …``: what the team that owns the rules does with its files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from service.commands.inputs import one_line
from service.commands.progress import progress
from service.commands.vectors import fill, filled_line
from service.commands.words import name_of, printable, strong, word
from service.errors import EmbeddingError, InvalidRequest
from service.settings import prepare_data_dir, read_settings

if TYPE_CHECKING:
    from service.library.filling import Filled
    from service.library.store import Library
    from service.schemas import SearchResult

T = TypeVar("T")


def with_library(work: Callable[[Library], Awaitable[T]], *, search: bool, sync: bool = False) -> T:
    """Run ``work`` on the library of the data folder, which the server may hold open at the same time.

    Args:
        work: what to do with it.
        search: whether it searches; documents are kept without.
        sync: whether the files' documents are brought in first.
    """
    settings = read_settings()

    async def run() -> T:
        from service.library.store import Library
        from service.rulebook.cited import read_cited
        from service.rulebook.thesaurus import load_thesaurus

        prepare_data_dir(settings)
        library = await Library.open(settings, load_thesaurus(settings.knowledge_dir / "thesaurus.yaml"), search=search)
        try:
            library.publisher.cited = read_cited(settings.knowledge_dir)
            if sync:
                await library.sync(settings.knowledge_dir)
            return await work(library)
        finally:
            await library.close()

    return asyncio.run(run())


def run_sync(as_json: bool) -> int:
    """Bring the files' documents into the database and publish them in one flip.

    Raises:
        RulebookError: a document is broken; nothing was published.
    """
    folder = read_settings().knowledge_dir

    async def work(library: Library) -> tuple[dict[str, Any], int, Filled | None]:
        with progress(word("knowledge", "syncing"), as_json) as told:
            report = await library.sync(folder, told)
        filled = await fill(library, as_json)
        return asdict(report), await library.history.passages(), filled

    report, chunks, filled = with_library(work, search=False)
    if as_json:
        vectors = {"vectors": asdict(filled)} if filled is not None else {}
        print(json.dumps(report | {"chunks": chunks} | vectors, ensure_ascii=False, default=list))
    else:
        counts = {name: value if isinstance(value, int) else len(value) for name, value in report.items()}
        print(word("knowledge", "synced", chunks=chunks, **counts))
        for path, text in report["warnings"]:
            print(word("knowledge", "warning", text=printable(f"{path} {text}")))
        if filled is not None:
            print(filled_line(filled))
    return 0


def run_search(asked: dict[str, Any], as_json: bool) -> int:
    """Search the published passages.

    Raises:
        UsageError: an empty or too long query.
    """
    from service.intake import read_model
    from service.schemas import SearchRequest

    try:
        request = read_model(SearchRequest, asked)
    except InvalidRequest as error:
        raise one_line(error) from None

    async def work(library: Library) -> SearchResult:
        return await library.find(request)

    result = with_library(work, search=True, sync=True)
    passages = result.passages
    if as_json:
        print(json.dumps(result.model_dump(mode="json"), ensure_ascii=False, indent=2))
        return 0
    if result.reason is not None:
        print(word("knowledge", "by_words", reason=EmbeddingError(result.reason).detail))
    for rank, passage in enumerate(passages, 1):
        held = word("knowledge", "held") if passage.held else ""
        shown = passage.model_dump(include={"title", "section"}) | {
            "rank": rank,
            "document": passage.document_id,
            "kind": name_of("kind", passage.kind),
            "score": f"{passage.score:.3f}",
            "held": held,
        }
        print(strong(word("knowledge", "found", **shown)))
        print("   " + printable(passage.text).replace("\n", "\n   "))
    if not passages:
        print(word("knowledge", "nothing"))
    return 0
