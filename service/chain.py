"""LangChain's shapes over our parts; only ``chain*.py`` import it.

``retriever`` lets anybody's chain use our search, ``runnable`` our drafter; ``cut_long`` is the one splitter we take
from it, for text without sentence ends, with exact offsets.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from service.errors import told_by
from service.intake import read_model
from service.schemas import Draft, Event, Inquiry, Passage, SearchRequest, SearchResult
from service.schemas.knowledge import MAX_K

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable, RunnableConfig

T = TypeVar("T")
Asked = Inquiry | Mapping[str, Any]
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


class Drafts(Protocol):
    """What drafts: for example ``Drafter``."""

    def draft(self, inquiry: Inquiry) -> AsyncIterator[Event]:
        """All events of one draft; the last carries it."""


def runnable(drafter: Drafts, *, loop: asyncio.AbstractEventLoop | None = None) -> Runnable[Asked, Any]:
    """The drafter as a LangChain ``Runnable``: an inquiry, or the same as a dict, becomes a ``Draft``.

    ``invoke``, ``ainvoke``, ``batch`` and ``abatch`` give the draft, and so does a chain it is a link of. Streamed by
    itself (``stream``, ``astream``) it gives the contract's events, the last with the draft.

    Args:
        drafter: see :class:`Drafts`.
        loop: where calls that do not wait (``invoke``, ``batch``, ``stream``) are carried out: the running loop, of
            another thread, in which a drafter with a database or a model client was opened. Without it, one of its own.

    Returns:
        A ``Runnable``. It raises ``InvalidRequest`` for an inquiry that does not fit, and whatever the drafter raises.
    """
    from langchain_core.runnables import Runnable as Base

    own = _Loop(loop)

    class DraftRunnable(Base[Asked, Any]):
        name = "youli"

        def invoke(self, input: Asked, config: RunnableConfig | None = None, **_: Any) -> Any:
            return self._call_with_config(lambda asked: own.run(_draft(drafter, asked)), input, config)

        async def ainvoke(self, input: Asked, config: RunnableConfig | None = None, **_: Any) -> Any:
            return await self._acall_with_config(partial(_draft, drafter), input, config)

        def stream(self, input: Asked, config: RunnableConfig | None = None, **_: Any) -> Iterator[Event]:
            return own.each(self.astream(input, config))

        async def astream(self, input: Asked, config: RunnableConfig | None = None, **_: Any) -> AsyncIterator[Event]:
            events = self._atransform_stream_with_config(_one(input), partial(_told, drafter), config)
            async with _closing(events):
                async for event in events:
                    yield event

        def transform(self, input: Iterator[Asked], config: RunnableConfig | None = None, **_: Any) -> Iterator[Any]:
            return (self.invoke(asked, config) for asked in input)

        async def atransform(
            self, input: AsyncIterator[Asked], config: RunnableConfig | None = None, **_: Any
        ) -> AsyncIterator[Any]:
            async for asked in input:
                yield await self.ainvoke(asked, config)

    made = DraftRunnable()
    weakref.finalize(made, own.stop)
    return made


async def _one(asked: Asked) -> AsyncIterator[Asked]:
    yield asked


async def _told(drafter: Drafts, asked: AsyncIterator[Asked]) -> AsyncIterator[Event]:
    """All events of each inquiry."""
    async for one in asked:
        events = drafter.draft(one if isinstance(one, Inquiry) else read_model(Inquiry, one))
        async with _closing(events):
            async for event in events:
                yield event


async def _draft(drafter: Drafts, asked: Asked) -> Draft:
    last = Event(type="draft.failed")
    events = _told(drafter, _one(asked))
    async with _closing(events):
        async for event in events:
            last = event
    if last.draft is None:
        raise told_by(last.data if last.type == "draft.failed" else {})
    return last.draft


@asynccontextmanager
async def _closing(source: object) -> AsyncIterator[None]:
    try:
        yield
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


class _Loop:
    """Carries coroutines out for callers that cannot wait: in a given loop, else in one of its own."""

    def __init__(self, given: asyncio.AbstractEventLoop | None) -> None:
        self._loop, self._lock = given, threading.Lock()
        self._thread: threading.Thread | None = None
        self._end = asyncio.Event()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        loop = self._running()
        if asyncio._get_running_loop() is loop:
            work.close()
            raise RuntimeError("inside the drafter's own event loop use ainvoke, abatch or astream")
        done = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return done.result()
        except BaseException:
            done.cancel()
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, begun when it is needed first."""
        with self._lock:
            if self._loop is None:
                begun = threading.Event()

                async def live() -> None:
                    self._loop = asyncio.get_running_loop()
                    begun.set()
                    await self._end.wait()

                self._thread = threading.Thread(target=lambda: asyncio.run(live()), name="youli-runnable", daemon=True)
                self._thread.start()
                begun.wait()
            assert self._loop is not None
            return self._loop

    def each(self, events: AsyncIterator[Event]) -> Iterator[Event]:
        async def following() -> Event | None:
            return await anext(events, None)

        async def close() -> None:
            async with _closing(events):
                pass

        try:
            while (event := self.run(following())) is not None:
                yield event
        finally:
            self.run(close())

    def stop(self) -> None:
        if self._thread is None or self._loop is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._end.set)
        if threading.current_thread() is not self._thread:  # the collector may call from anywhere
            self._thread.join()


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
