"""What there is of documents: lists, versions, passages, held sentences, changes, what two versions differ in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from service.database import history as rows
from service.database.knowledge import Row, digest_of
from service.database.session import Database
from service.errors import Conflict, NotFound, phrase
from service.library.compare import Side, compare
from service.library.snapshot import DEFAULT_SHOP, SHARED
from service.schemas import (
    DocumentChange,
    DocumentInfo,
    DocumentPage,
    HeldList,
    HeldSentence,
    StoredPassage,
    VersionDiff,
    VersionInfo,
    VersionList,
    VersionWhole,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

MOST = 100_000
"""Documents of a list that is not cut into pages."""

_SHOWN = 20
"""Lines of a difference told with a lost race."""


class History:
    """Reads documents, live or not, for the shop that asks.

    Every method raises ``NotFound`` where the shop has no such document, version or sentence.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(
        self, shop: str = DEFAULT_SHOP, wanted: rows.Wanted | None = None, limit: int = MOST, offset: int = 0
    ) -> DocumentPage:
        """Documents this shop sees, by id."""
        async with self._database.reading() as connection:
            found, total = await rows.list_documents(connection, {SHARED, shop}, wanted or rows.Wanted(), limit, offset)
        return DocumentPage(documents=[_document(row) for row in found], total=total, limit=limit, offset=offset)

    async def passages(self) -> int:
        """How many passages are published, for all shops."""
        async with self._database.reading() as connection:
            return await rows.count_live(connection)

    async def document(self, document_id: str, shop: str = DEFAULT_SHOP) -> DocumentInfo:
        """One document."""
        async with self._database.reading() as connection:
            return _document(await visible(connection, document_id, shop))

    async def versions(self, document_id: str, shop: str = DEFAULT_SHOP) -> VersionList:
        """A document's versions and changes, oldest first."""
        async with self._database.reading() as connection:
            await visible(connection, document_id, shop)
            versions = await rows.list_versions(connection, document_id)
            changes = await rows.list_changes(connection, document_id)
        return VersionList(
            id=document_id,
            versions=[VersionInfo(**_version(row), chunks=row["chunks"], held=row["held"]) for row in versions],
            changes=[change_of(row) for row in changes],
        )

    async def version(self, document_id: str, number: int, shop: str = DEFAULT_SHOP) -> VersionWhole:
        """A version with its text and passages."""
        async with self._database.reading() as connection:
            await visible(connection, document_id, shop)
            row = await found_version(connection, document_id, number)
            passages = await _passages(connection, document_id, number)
        held = sum(passage.held or passage.released for passage in passages)
        whole = {"id": document_id, "text": row["text"], "passages": passages, "dropped": row["dropped"]}
        return VersionWhole(**_version(row), **whole, chunks=len(passages), held=held)

    async def diff(
        self, document_id: str, older: int | None, newer: int | None, shop: str = DEFAULT_SHOP
    ) -> VersionDiff:
        """What two versions differ in; without numbers, the live (or last but one) against the newest."""
        async with self._database.reading() as connection:
            document = await visible(connection, document_id, shop)
            newer = newer or document["newest"]
            live = document["published"]
            older = older or (live if live and live != newer else max(1, newer - 1))
            sides = [await _side(connection, document_id, number) for number in (older, newer)]
        return await asyncio.to_thread(compare, *sides)

    async def held(self, document_id: str, version: int | None = None, shop: str = DEFAULT_SHOP) -> HeldList:
        """The held sentences of a version; without a number, of the live one, else of the newest."""
        async with self._database.reading() as connection:
            document = await visible(connection, document_id, shop)
            number = version or document["published"] or document["newest"]
            await found_version(connection, document_id, number)
            return await held_of(connection, document_id, number)

    async def since(self, document_id: str, seen: Collection[int]) -> dict[str, Any]:
        """What happened to a document after a caller saw it: members of the problem of a lost race.

        Args:
            document_id: a document the caller may see.
            seen: the revisions the caller named.
        """
        async with self._database.reading() as connection:
            document = await rows.read_document(connection, document_id)
            if document is None:
                raise NotFound("document_not_found", id=document_id)
            changes = await rows.list_changes(connection, document_id)
            then = max(seen, default=0)
            known = [row["version"] for row in changes if row["revision"] <= then and row["version"]]
            base, newest = max(known, default=document["newest"]), document["newest"]
            sides = [await _side(connection, document_id, number) for number in (base, newest)]
        told: dict[str, Any] = {
            "current": _document(document).model_dump(
                mode="json", include={"revision", "state", "published", "newest"}
            ),
            "changes": [change_of(row).model_dump(mode="json") for row in changes if row["revision"] > then],
        }
        if base != newest:
            difference = await asyncio.to_thread(compare, *sides)
            lines = [line.model_dump() for hunk in difference.hunks for line in hunk if line.op != "same"]
            counts = difference.model_dump(by_alias=True, include={"older", "newer", "added", "removed"})
            told["diff"] = counts | {"lines": lines[:_SHOWN]}
        return told


async def visible(connection: AsyncConnection, document_id: str, shop: str) -> Row:
    """A document's row, if this shop may see it.

    Raises:
        NotFound: no such document, or another shop's.
    """
    found = await rows.read_document(connection, document_id, (SHARED, shop))
    if found is None:
        raise NotFound("document_not_found", id=document_id)
    return found


async def found_version(connection: AsyncConnection, document_id: str, number: int) -> Row:
    """A version's row with its text.

    Raises:
        NotFound: no such version.
    """
    found = await rows.read_version(connection, document_id, number)
    if found is None:
        raise NotFound("version_not_found", id=document_id, version=number)
    return found


async def held_of(connection: AsyncConnection, document_id: str, number: int) -> HeldList:
    """The sentences held in a version, and which of them were released."""
    let = await rows.list_releases(connection, document_id)
    chunks = [row for row in await rows.list_chunks(connection, document_id, number) if row["held"]]
    sentences = []
    for n, row in enumerate(chunks, 1):
        release = let.get(digest_of(row["text"]))
        who = release and {
            "released_by": release["author"],
            "released_at": release["released_at"],
            "note": release["note"],
        }
        shown = {"section": row["section"], "text": row["text"], "reason": row["held_reason"] or ""}
        sentences.append(HeldSentence(n=n, **shown, released=release is not None, **(who or {})))
    return HeldList(id=document_id, version=number, held=sentences)


def change_of(row: Row) -> DocumentChange:
    """A change as it is told."""
    return DocumentChange(
        at=row["changed_at"], **{name: row[name] for name in ("revision", "action", "version", "author", "note")}
    )


def date_warnings(begin: datetime | None, end: datetime | None) -> list[str]:
    """That a version published now is not found now, if so."""
    now = datetime.now(UTC)
    if begin is not None and begin > now:
        return [phrase("warning_not_yet", date=begin.date())]
    if end is not None and end <= now:
        return [phrase("warning_expired", date=end.date())]
    return []


def version_before(document_id: str, changes: Collection[Row]) -> int:
    """The version a rollback goes back to: publications are steps, a rollback takes steps back.

    Raises:
        Conflict: ``nothing_before``.
    """
    steps: list[int] = []
    live = False
    for change in changes:
        action, version = change["action"], change["version"]
        if action == "rolled_back" and version in steps:
            del steps[len(steps) - steps[::-1].index(version) :]
        elif action in ("published", "rolled_back") and steps[-1:] != [version]:
            steps.append(version)
        live = action in ("published", "rolled_back") or (live and action != "retired")
    if live:
        steps.pop()
    if not steps:
        raise Conflict("nothing_before", id=document_id)
    return steps[-1]


def _document(row: Row) -> DocumentInfo:
    return DocumentInfo(**{name: row[name] for name in DocumentInfo.model_fields})


def _version(row: Row) -> dict[str, Any]:
    kept = ("state", "author", "note", "created_at", "effective_from", "effective_to", "sha256", "warnings")
    labels = {name: row["labels"].get(name) for name in ("title", "kind", "authority", "platform", "category")}
    questions = list(row["labels"].get("questions") or ())
    return {"version": row["number"], "questions": questions, **labels, **{name: row[name] for name in kept}}


async def _passages(connection: AsyncConnection, document_id: str, number: int) -> list[StoredPassage]:
    let = await rows.list_releases(connection, document_id)
    passages = []
    for row in await rows.list_chunks(connection, document_id, number):
        released = row["held"] and digest_of(row["text"]) in let
        held = row["held"] and not released
        place = {name: row[name] for name in ("section", "text", "start", "end")}
        reason = row["held_reason"] if held else None
        passages.append(StoredPassage(**place, held=held, held_reason=reason, released=released))
    return passages


async def _side(connection: AsyncConnection, document_id: str, number: int) -> Side:
    version = await found_version(connection, document_id, number)
    return Side(version, await _passages(connection, document_id, number))
