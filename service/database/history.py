"""What there is of documents, live or not: lists, versions, passages, changes, releases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.knowledge import Row, rows_of
from service.database.tables import changes, chunks, documents, releases, versions


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents of a list; None means any."""

    kind: str | None = None
    state: str | None = None
    source: str | None = None
    platform: str | None = None
    category: str | None = None
    text: str | None = None
    """Part of the title or the id."""


async def list_documents(
    connection: AsyncConnection, shops: Iterable[str], wanted: Wanted, limit: int, offset: int
) -> tuple[Sequence[Row], int]:
    """Documents of these shops, by id, and how many there are in all; see :func:`read_document` for the columns."""
    query = _documents().where(documents.c.shop.in_(list(shops)))
    inner = query.subquery()
    same = [getattr(inner.c, name) == value for name, value in _given(wanted)]
    if wanted.text is not None:
        part = wanted.text.lower()
        same.append(
            or_(
                func.lower(inner.c.title).contains(part, autoescape=True),
                func.lower(inner.c.id).contains(part, autoescape=True),
            )
        )
    total = (await connection.execute(select(func.count()).select_from(inner).where(*same))).scalar_one()
    page = select(inner).where(*same).order_by(inner.c.id).limit(limit).offset(offset)
    return rows_of(await connection.execute(page)), total


def _given(wanted: Wanted) -> list[tuple[str, str]]:
    names = ("kind", "state", "source", "platform", "category")
    return [(name, value) for name in names if (value := getattr(wanted, name)) is not None]


async def read_document(
    connection: AsyncConnection, document_id: str, shops: Iterable[str] | None = None
) -> Row | None:
    """A document with ``newest`` and ``published`` version numbers, ``state``, dates in force and last change.

    Args:
        connection: to read on.
        document_id: which.
        shops: only if it is one of these shops'; the database is asked, so that another shop's costs what none costs.
    """
    query = _documents().where(documents.c.id == document_id)
    if shops is not None:
        query = query.where(documents.c.shop.in_(list(shops)))
    found = rows_of(await connection.execute(query))
    return found[0] if found else None


def _documents() -> Select[tuple[object, ...]]:
    counted = (
        select(
            versions.c.document_id,
            func.max(versions.c.number).label("newest"),
            func.max(case((versions.c.state == "published", versions.c.number))).label("published"),
            func.max(case((versions.c.state == "draft", versions.c.number))).label("draft"),
        )
        .group_by(versions.c.document_id)
        .subquery()
    )
    last = select(changes.c.document_id, func.max(changes.c.changed_at).label("at")).group_by(changes.c.document_id)
    changed = last.subquery()
    shown = func.coalesce(counted.c.published, counted.c.newest)
    state = case((counted.c.published.is_not(None), "published"), (counted.c.draft.is_not(None), "draft"))
    return (
        select(
            documents,
            counted.c.newest,
            counted.c.published,
            case((state.is_(None), "retired"), else_=state).label("state"),
            versions.c.effective_from,
            versions.c.effective_to,
            func.coalesce(changed.c.at, documents.c.created_at, type_=documents.c.created_at.type).label("changed_at"),
        )
        .join(counted, counted.c.document_id == documents.c.id)
        .join(versions, and_(versions.c.document_id == documents.c.id, versions.c.number == shown))
        .outerjoin(changed, changed.c.document_id == documents.c.id)
    )


async def list_versions(connection: AsyncConnection, document_id: str) -> Sequence[Row]:
    """A document's versions, oldest first, without bytes and text, with ``chunks`` and how many ``held``."""
    columns = [c for c in versions.c if c.name not in ("raw", "text")]
    of = and_(chunks.c.document_id == versions.c.document_id, chunks.c.version == versions.c.number)
    count = select(func.count()).select_from(chunks).where(of)
    query = (
        select(
            *columns,
            count.scalar_subquery().label("chunks"),
            count.where(chunks.c.held).scalar_subquery().label("held"),
        )
        .where(versions.c.document_id == document_id)
        .order_by(versions.c.number)
    )
    return rows_of(await connection.execute(query))


async def read_version(connection: AsyncConnection, document_id: str, number: int) -> Row | None:
    """A version with its text, without its bytes."""
    columns = [c for c in versions.c if c.name != "raw"]
    of = (versions.c.document_id == document_id, versions.c.number == number)
    found = rows_of(await connection.execute(select(*columns).where(*of)))
    return found[0] if found else None


async def list_chunks(connection: AsyncConnection, document_id: str, number: int) -> Sequence[Row]:
    """A version's passages in order, as they were taken in: ``held`` says nothing of releases."""
    of = (chunks.c.document_id == document_id, chunks.c.version == number)
    return rows_of(await connection.execute(select(chunks).where(*of).order_by(chunks.c.ordinal)))


async def list_changes(connection: AsyncConnection, document_id: str) -> Sequence[Row]:
    """What was done to a document, oldest first."""
    query = select(changes).where(changes.c.document_id == document_id).order_by(changes.c.revision)
    return rows_of(await connection.execute(query))


async def list_releases(connection: AsyncConnection, document_id: str) -> dict[str, Row]:
    """A document's released sentences by digest."""
    found = await connection.execute(select(releases).where(releases.c.document_id == document_id))
    return {row["digest"]: row for row in rows_of(found)}


async def count_live(connection: AsyncConnection) -> int:
    """How many passages are published."""
    of = and_(versions.c.document_id == chunks.c.document_id, versions.c.number == chunks.c.version)
    query = select(func.count()).select_from(chunks).join(versions, of).where(versions.c.state == "published")
    return (await connection.execute(query)).scalar_one()


async def same_bytes(connection: AsyncConnection, shop: str, sha256: str) -> Sequence[Row]:
    """Versions of a shop's uploads that were made of these bytes, with the ``newest`` number of their document.

    The live ones come first, then the newest.
    """
    newest = (
        select(versions.c.document_id, func.max(versions.c.number).label("newest"))
        .group_by(versions.c.document_id)
        .subquery()
    )
    columns = [c for c in versions.c if c.name not in ("raw", "text")]
    query = (
        select(*columns, newest.c.newest)
        .join(documents, documents.c.id == versions.c.document_id)
        .join(newest, newest.c.document_id == versions.c.document_id)
        .where(documents.c.shop == shop, documents.c.source == "upload", versions.c.sha256 == sha256)
        .order_by((versions.c.state == "published").desc(), versions.c.number.desc(), versions.c.document_id)
    )
    return rows_of(await connection.execute(query))
