"""The library's door: documents in by file or upload, passages out of the published generation.

The database is the truth. ``search`` and ``document`` read one immutable snapshot, swapped whole when the published
pointer moves, whoever moved it. Chroma is projected behind the search and may be missing at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from service.database.installation import name_of
from service.database.publishing import pointer_fits
from service.database.session import Database
from service.errors import EnvironmentProblem, phrase
from service.library.conflicts.disputes import Disputes
from service.library.conflicts.kept import NAME as KEPT
from service.library.conflicts.reading import Finder
from service.library.conflicts.topics import FOLDER as CLAIMS
from service.library.current import Current
from service.library.embed import OFFLINE, Aim, Embedder, HashNgram
from service.library.examine import Examined, Progress
from service.library.filling import Filler
from service.library.history import History
from service.library.live import LiveDocument
from service.library.making import Making
from service.library.mend import Mended, mend
from service.library.projector import Projector
from service.library.publishing import Publisher
from service.library.rules import LibraryRules, load_rules
from service.library.semantic import Semantic, masked_text
from service.library.snapshot import DEFAULT_SHOP, Snapshot
from service.library.syncing import FolderSync
from service.library.uploading import Uploads
from service.llm_embed import EmbeddingClient
from service.owner import OwnerLock, own_data_dir
from service.projection.base import Projection
from service.projection.index import VectorIndex
from service.projection.shared import SharedIndex
from service.rulebook.thesaurus import Thesaurus
from service.schemas import Passage, SearchRequest, SearchResult
from service.settings import Settings, prepare_data_dir

_RULES_FOLDER = "library"


class Library:
    """Documents and the search over them. Made by :meth:`open`."""

    def __init__(
        self,
        database: Database,
        rules: LibraryRules,
        thesaurus: Thesaurus,
        lock: OwnerLock | None,
        index: Projection | None,
        finder: Finder | None = None,
        client: EmbeddingClient | None = None,
    ) -> None:
        self.database = database
        self.rules = rules
        self._lock, self._index, self._client = lock, index, client
        embed = rules.tuning.embed
        self._embedder: Embedder = Semantic(client, database, embed.probes) if client else HashNgram(embed.dim)
        self._current = Current(database, rules, thesaurus, self._embedder, finder)
        self._projector: Projector | None = None
        self.history = History(database)
        """Documents as those who keep them see them: lists, versions, differences."""
        self.disputes = Disputes(database, self._current)
        """Where published documents contradict each other, and what is ruled on it."""
        making = Making(database, self._embedder)
        self.publisher = Publisher(database, rules, making, self._current)
        """Everything that changes documents; the everyday ones are at hand on the library itself."""
        shared = (self.publisher, database, rules, self._embedder, self._current)
        folder, uploads = FolderSync(*shared), Uploads(*shared)
        self.sync, self.add = folder.sync, uploads.add
        self.publish, self.rollback = self.publisher.publish, self.publisher.rollback
        self._filler = Filler(database, making, self.publisher, self._current)
        self.fill_vectors, self.rebuild_vectors = self._filler.once, self._filler.rebuild
        self.retire, self.release = self.publisher.retire, self.publisher.release

    @classmethod
    async def open(
        cls, settings: Settings, thesaurus: Thesaurus, *, owner: bool = False, search: bool = True
    ) -> Library:
        """Open the data folder and load what is published.

        Args:
            settings: where data and knowledge lie.
            thesaurus: widens queries.
            owner: whether this process serves: it takes the folder's lock, runs Chroma and follows the pointer. Others
                (the shell) read, write and search exactly. Of several workers none takes the lock: whoever started
                them holds it for all.
            search: whether this process will search; documents can be kept without.

        Raises:
            EnvironmentProblem: the folder or the database cannot be used, or another process serves from it.
            RulebookError: a file of ``knowledge/library`` is broken.
        """
        folder = prepare_data_dir(settings)
        rules = load_rules(settings.knowledge_dir / _RULES_FOLDER)
        finder = Finder(settings.knowledge_dir / _RULES_FOLDER / CLAIMS, folder / KEPT, rules)
        lock = own_data_dir(folder) if owner and settings.workers == 1 else None
        database: Database | None = None
        try:
            database = await Database.open(settings.database)
            index = await _index(settings, database, lock) if owner else None
            client = EmbeddingClient.from_settings(settings)
            library = cls(database, rules, thesaurus, lock, index, finder, client)
            library._current.loads = search
            await library._current.refresh()
            if owner:
                await library._sound()
        except BaseException:
            if database is not None:
                await database.close()
            if lock is not None:
                lock.close()
            raise
        if index is not None:
            duty = partial(database.duties.mine, "projection")
            library._projector = Projector(index, lambda: library.snapshot, library._current.follow, duty)
            library._projector.start()
            library._filler.start()
        return library

    async def _sound(self) -> None:
        """A server drafts from what was published, or not at all.

        Raises:
            EnvironmentProblem: ``documents_damaged``.
        """
        damaged = self._current.damaged
        if damaged:
            what = phrase("damaged_versions", names="、".join(damaged[:5]))
            raise EnvironmentProblem("documents_damaged", what=what, otherwise=phrase("damaged_again"))
        async with self.database.reading() as connection:
            if not await pointer_fits(connection):
                raise EnvironmentProblem(
                    "documents_damaged", what=phrase("damaged_set"), otherwise=phrase("damaged_accept")
                )

    async def close(self) -> None:
        """Stop following, close Chroma, write what waits, close the database, let go of the folder."""
        await self._filler.close()
        if self._projector is not None:
            await self._projector.close()
        if self._client is not None:
            await self._client.close()
        await self.database.close()
        if self._lock is not None:
            self._lock.close()

    @property
    def snapshot(self) -> Snapshot:
        """What is searched now."""
        return self._current.generation.snapshot

    @property
    def knowledge_pointer(self) -> str:
        """The name of the published generation that is searched now."""
        return self.snapshot.name

    def search(self, request: SearchRequest, aim: Aim = OFFLINE) -> list[Passage]:
        """Passages of the published generation, best first; in memory, a few milliseconds at most.

        Args:
            request: query and filters.
            aim: of :meth:`aim`; without it, words alone decide where vectors come from an endpoint.
        """
        generation = self._current.generation
        snapshot = generation.snapshot
        index = self._index if self._index is not None and self._index.name == snapshot.projection else None
        found = snapshot.search(request, index.query if index is not None else None, aim)
        return generation.contradictions.marked(found, request.shop or DEFAULT_SHOP)

    async def aim(self, query: str, hide: Callable[[str], str] = masked_text) -> Aim:
        """Where a query points; asks the endpoint, if there is one, about a second at most.

        Args:
            query: as somebody said it.
            hide: masks what leaves for the endpoint; blocking.
        """
        aim = await self._embedder.aim(query, hide)
        return replace(aim, reason="embedding_pending") if aim.reason is None and self.snapshot.lacking else aim

    async def find(self, request: SearchRequest) -> SearchResult:
        """:meth:`aim` and :meth:`search`, off the event loop."""
        aim = await self.aim(request.query)
        passages = await asyncio.to_thread(self.search, request, aim)
        return SearchResult(passages=passages, degraded=aim.reason is not None, reason=aim.reason)

    def document(self, document_id: str, shop: str) -> LiveDocument | None:
        """A published document by id, if it holds for this shop."""
        return self._current.generation.document(document_id, shop, self.rules)

    async def mend(self, seen: Examined, progress: Progress | None = None) -> Mended:
        """Put right what was seen, and search what is right; see :func:`service.library.mend.mend`."""
        done = await mend(self.database, seen, self.rules, progress)
        await self._current.refresh()
        return done

    def health(self) -> dict[str, Any]:
        """What is published, which embedder, and how Chroma is."""
        snapshot = self.snapshot
        chroma = (
            self._index.health(snapshot.projection) if self._index is not None else {"state": "off", "generation": None}
        )
        return {
            "pointer": snapshot.name,
            "documents": len(snapshot.documents),
            "chunks": len(snapshot.chunks),
            "held": sum(chunk.held for chunk in snapshot.chunks),
            "conflicts": self._current.generation.contradictions.open,
            "embedder": self._embedder.name,
            "fingerprint": self._embedder.fingerprint,
            "vectors": self._vectors(),
            "chroma": chroma,
        }

    def _vectors(self) -> dict[str, Any]:
        embedder, lacking = self._embedder, self.snapshot.lacking
        reason = embedder.reason if isinstance(embedder, Semantic) else None
        return {
            "semantic": embedder.semantic,
            "dim": embedder.dim,
            "lacking": lacking,
            "waiting": self._filler.waiting,
            "reason": reason or ("embedding_pending" if lacking else None),
        }


async def _index(settings: Settings, database: Database, lock: OwnerLock | None) -> Projection:
    """Chroma's server where one is named, else folders of this process's own."""
    if settings.chroma_url:
        return SharedIndex(settings.data_dir, settings.chroma_url, await name_of(database))
    return VectorIndex(settings.data_dir, first=lock is not None and lock.first)
