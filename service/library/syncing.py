"""The documents of the knowledge folder: what changed on disk goes into the database in one flip."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from service.database import knowledge as rows
from service.database import publishing as writing
from service.database.deeds import folder_synced
from service.database.entries import tell
from service.database.session import Database
from service.database.taking import Taken, add_versions
from service.errors import RulebookError, phrase
from service.library.current import Current
from service.library.embed import Embedder, letters_of
from service.library.publishing import Publisher
from service.library.resting import Content
from service.library.rules import LibraryRules
from service.library.submit import FilePlan, Progress, SyncReport, prepare_files

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class FolderSync:
    """Keeps the file documents as the files are.

    Args:
        publisher: knows what the rulebook rests on.
        database: the truth.
        rules: how files are taken in.
        embedder: makes the vectors.
        current: what this process searches; refreshed after a change.
    """

    def __init__(
        self, publisher: Publisher, database: Database, rules: LibraryRules, embedder: Embedder, current: Current
    ) -> None:
        self._publisher, self._database, self._rules = publisher, database, rules
        self._embedder, self._current = embedder, current

    async def sync(self, knowledge_dir: Path, progress: Progress | None = None) -> SyncReport:
        """Bring the documents of the knowledge folder in: new bytes make a new version, a removed file is retired.

        All of it is published in one flip of the pointer; nothing changed, nothing is written. Vectors that come from
        an endpoint follow later (see ``filling``).

        Raises:
            RulebookError: the folder is missing, a file of it cannot be read, or a boundary would lose what it cites;
                nothing is published then.
        """
        async with self._database.reading() as connection:
            live = await rows.live_digests(connection, "file")
        plan = await asyncio.to_thread(
            prepare_files, knowledge_dir, live, self._rules, letters_of(self._embedder), progress=progress
        )
        changed = bool(plan.submissions or plan.report.retired)
        if changed and await self._database.write(lambda connection: self._synced(connection, plan), alone=True):
            await self._current.refresh()
        return plan.report

    async def _synced(self, connection: AsyncConnection, plan: FilePlan) -> bool:
        """Write what another sync has not written meanwhile."""
        live = await rows.live_digests(connection, "file")
        fresh = [item for item in plan.submissions if live.get(item.document["id"]) != item.version["sha256"]]
        gone = [document_id for document_id in plan.report.retired if document_id in live]
        after: dict[str, Content | None] = dict.fromkeys(gone)
        for item in fresh:
            labels = item.version["labels"]
            after[item.document["id"]] = Content(item.version["text"], labels["kind"], labels["title"])
        for rule in await self._publisher.losing(connection, after):
            reason = phrase("rule_would_lose", id=rule.boundary, rule=rule.rule, path=rule.document)
            raise RulebookError(rule.file, rule.line, reason)
        taken = [Taken(item.document, item.version, item.pieces, item.blobs) for item in fresh]
        numbers = await add_versions(connection, taken, self._embedder.fingerprint)
        which = [(item.document["id"], number) for item, number in zip(fresh, numbers, strict=True)]
        await writing.retire_documents(connection, gone)
        await writing.publish_versions(connection, which)
        if which or gone:
            pointer = await writing.move_pointer(connection)
            tell(connection, folder_synced(len(which), len(gone), pointer.name))
        return bool(which or gone)
