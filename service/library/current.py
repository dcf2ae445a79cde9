"""The published generation as this process has it: read from the database, swapped whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from service.database import knowledge as rows
from service.database.session import Database
from service.database.soundness import Version, drop_vectors
from service.database.taking import add_vectors
from service.library.conflicts.overruling import Contradictions
from service.library.conflicts.reading import Finder
from service.library.embed import Embedder, HashNgram, to_blobs
from service.library.examine import broken_seals, examine_some, unsound
from service.library.live import LiveDocument, build_snapshot, live_document
from service.library.mend import mend
from service.library.rules import LibraryRules
from service.library.snapshot import SHARED, Snapshot
from service.library.words import tokeniser
from service.rulebook.thesaurus import Thesaurus

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Generation:
    """What is searched and cited at one moment. ``texts`` and ``places`` follow the snapshot's documents."""

    snapshot: Snapshot
    texts: tuple[str, ...]
    places: dict[str, int]
    contradictions: Contradictions = field(default_factory=Contradictions)
    _cut: dict[tuple[int, tuple[tuple[int, int], ...]], LiveDocument] = field(default_factory=dict, repr=False)
    """Documents already cut into sections, by place and by what is overruled in them: the same few are cited again
    and again, and a generation never changes."""

    def document(self, document_id: str, shop: str, rules: LibraryRules) -> LiveDocument | None:
        """A published document by id, if it holds for this shop."""
        place = self.places.get(document_id)
        if place is None or self.snapshot.documents[place].shop not in (SHARED, shop):
            return None
        overruled = tuple(self.contradictions.overruled(document_id, shop))
        made = self._cut.get((place, overruled))
        if made is None:
            made = live_document(self.snapshot, place, self.texts[place], rules, overruled)
            self._cut[place, overruled] = made
        return made


class Current:
    """Keeps the newest generation. Before the first :meth:`refresh` it holds an empty one.

    Args:
        database: the truth.
        rules: sizes, weights, words.
        thesaurus: widens queries.
        embedder: makes vectors that are missing.
        finder: finds where documents contradict each other; without it nobody looks.
    """

    def __init__(
        self,
        database: Database,
        rules: LibraryRules,
        thesaurus: Thesaurus,
        embedder: Embedder,
        finder: Finder | None = None,
    ) -> None:
        self._finder = finder
        self._database, self._rules, self._thesaurus, self._embedder = database, rules, thesaurus, embedder
        self._tokeniser = tokeniser(rules.words)
        self._refreshing = asyncio.Lock()
        nothing = Snapshot("g0", (), (), self._tokeniser, embedder, thesaurus, rules.tuning)
        self.generation = Generation(nothing, (), {})
        self.damaged: tuple[str, ...] = ()
        """Published documents that are not what was taken in, and cannot be restored."""
        self.loads = True
        """False where nobody searches: then nothing is ever loaded."""

    async def follow(self) -> None:
        """Load the published generation if another process moved the pointer."""
        async with self._database.reading() as connection:
            published = await rows.read_pointer(connection)
        if published.name != self.generation.snapshot.name:
            await self.refresh()

    async def refresh(self) -> None:
        """Build the snapshot of what is published, swap it in; hashed vectors that are missing are made and kept."""
        if not self.loads:
            return
        async with self._refreshing:
            await self._embedder.load()
            live = await self._load()
            blobs = await self._with_vectors(live)
            snapshot = await asyncio.to_thread(
                build_snapshot, live, blobs, self._tokeniser, self._embedder, self._thesaurus, self._rules
            )
            texts = tuple(row["versions_text"] for row in live.documents)
            places = {document.id: place for place, document in enumerate(snapshot.documents)}
            found = await asyncio.to_thread(self._finder.find, live) if self._finder else Contradictions()
            self.generation = Generation(snapshot, texts, places, found)

    async def _load(self) -> rows.LiveRows:
        """What is published; a vector that cannot be one is taken away, as if it had never been made."""
        fingerprint = self._embedder.fingerprint
        live = await rows.load_live(self._database, fingerprint)
        bad = unsound([row["blob"] for row in live.chunks], self._embedder.dim)
        if bad:
            ids = [live.chunks[place]["id"] for place in bad]
            _log.warning("vectors_damaged", count=len(ids), first=ids[0])
            await self._database.write(partial(drop_vectors, ids=ids, fingerprint=fingerprint))
            live = await rows.load_live(self._database, fingerprint)
        broken = await asyncio.to_thread(broken_seals, live.documents, live.chunks)
        if broken:
            live = await self._restored(broken)
        return live

    async def _restored(self, broken: Sequence[Version]) -> rows.LiveRows:
        """Damaged passages are cut anew from the file that came; what cannot be is told, and searched as it is."""
        fingerprint = self._embedder.fingerprint
        seen = await examine_some(self._database, broken, fingerprint, self._embedder.dim)
        done = await mend(self._database, seen, self._rules)
        self.damaged = tuple(fault.document for fault in done.left)
        _log.warning("passages_damaged", versions=len(broken), restored=len(done.restored), left=len(done.left))
        return await rows.load_live(self._database, fingerprint)

    async def _with_vectors(self, live: rows.LiveRows) -> Sequence[bytes | None]:
        """An endpoint's vectors come in their own time (see ``filling``); letters are hashed here and now."""
        if not isinstance(self._embedder, HashNgram):
            return [row["blob"] for row in live.chunks]
        missing = [row for row in live.chunks if row["blob"] is None]
        if missing:
            made = await asyncio.to_thread(to_blobs, self._embedder, [row["indexed_text"] for row in missing])
            ids = [(row["id"], row["shop"]) for row in missing]
            await self._database.write(
                partial(add_vectors, ids=ids, blobs=made, fingerprint=self._embedder.fingerprint)
            )
            fresh = iter(made)
            return [next(fresh) if row["blob"] is None else row["blob"] for row in live.chunks]
        return [row["blob"] for row in live.chunks]
