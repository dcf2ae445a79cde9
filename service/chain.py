"""LangChain's shapes over our parts; the only module that imports it.

``retriever`` lets anybody's chain use our search; ``cut_long`` is the one splitter we take from it, for text without
sentence ends, with exact offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from service.schemas import Passage, SearchRequest

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

Search = Callable[[SearchRequest], Sequence[Passage]]

SEPARATORS = ("\n", "；", ";", "，", ",", "：", ":", "、", " ", "")


def retriever(search: Search, *, k: int = 5, held: bool = False, **filters: object) -> BaseRetriever:
    """A LangChain retriever over ``search``.

    Args:
        search: for example ``Library.search``.
        k: passages at most.
        held: whether held passages are handed on too.
        filters: further fields of ``SearchRequest``: kinds, documents, shop, platform, category, at.

    Returns:
        A ``BaseRetriever`` whose documents carry the passage's fields as metadata.
    """
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever as Base

    class LibraryRetriever(Base):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
            request = SearchRequest.model_validate({"query": query, "k": k, **filters})
            return [
                Document(page_content=passage.text, metadata=passage.model_dump(mode="json", exclude={"text"}))
                for passage in search(request)
                if held or not passage.held
            ]

    return LibraryRetriever()


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
