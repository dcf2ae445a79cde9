"""LangChain's shapes over our parts; the only module that imports it.

``retriever`` lets anybody's chain use our search; ``cut_long`` is the one splitter we take from it, for text without
sentence ends, with exact offsets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from service.schemas import Passage, SearchRequest, SearchResult
from service.schemas.knowledge import MAX_K

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

Search = Callable[[SearchRequest], Sequence[Passage]]
Find = Callable[[SearchRequest], Awaitable[SearchResult]]

SEPARATORS = ("\n", "；", ";", "，", ",", "：", ":", "、", " ", "")


def retriever(
    search: Search, *, find: Find | None = None, k: int = 5, all_passages: bool = False, **filters: object
) -> BaseRetriever:
    """A LangChain retriever over ``search``, for ``invoke`` and ``ainvoke``.

    Args:
        search: for example ``Library.search``.
        find: for example ``Library.find``, which asks an embeddings endpoint too; used by ``ainvoke``.
        k: passages at most.
        all_passages: whether passages that no draft may rest on (held, overruled) are handed on too.
        filters: further fields of ``SearchRequest``: kinds, documents, shop, platform, category, at.

    Returns:
        A ``BaseRetriever`` whose documents carry the passage's fields as metadata, ``held``, ``overruled`` and
        ``usable`` among them. A field no search knows is refused by ``invoke`` (pydantic's ``ValidationError``).
    """
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever as Base

    def request(query: str) -> SearchRequest:
        asked = k if all_passages else min(MAX_K, 2 * k)
        return SearchRequest.model_validate({"query": query, "k": asked, **filters})

    def documents(passages: Sequence[Passage]) -> list[Document]:
        kept = [passage for passage in passages if all_passages or passage.usable]
        return [Document(page_content=passage.text, metadata=_metadata(passage)) for passage in kept[:k]]

    class LibraryRetriever(Base):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
            return documents(search(request(query)))

        async def _aget_relevant_documents(
            self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
        ) -> list[Document]:
            if find is not None:
                return documents((await find(request(query))).passages)
            return documents(await asyncio.to_thread(search, request(query)))

    return LibraryRetriever()


def _metadata(passage: Passage) -> dict[str, Any]:
    return {**passage.model_dump(mode="json", exclude={"text"}), "usable": passage.usable}


def cut_long(text: str, limit: int) -> list[tuple[int, int]]:
    """Spans of at most ``limit`` characters that follow each other and cover ``text``, cut at the best separator.

    Args:
        text: a sentence over the limit.
        limit: characters of a span at most.
    """
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=limit,
        chunk_overlap=0,
        separators=list(SEPARATORS),
        keep_separator="end",
        strip_whitespace=False,
        length_function=len,
    )
    spans: list[tuple[int, int]] = []
    at = 0
    for part in splitter.split_text(text):
        spans.append((at, at + len(part)))
        at += len(part)
    return spans
