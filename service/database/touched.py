"""Drafts something has happened to since a time: they were made, or a person said what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from service.database.session import Database
from service.database.tables import drafts, feedback


@dataclass(frozen=True, slots=True)
class Touched:
    """What decides whether a person should look at a draft."""

    id: str
    created_at: datetime
    verdict: str
    threat: str
    action: str | None
    """What a person did with it; None while nobody said."""
    findings: int
    """Found in what was sent."""


async def touched_drafts(database: Database, shop: str, since: datetime | None) -> list[Touched]:
    """Drafts of a shop that were made, or given feedback, at this time or later; oldest first.

    Args:
        database: where they are.
        shop: whose.
        since: None for all.

    Raises:
        Unavailable: the database is busy.
    """
    inside = (drafts.c.draft[name].as_string().label(name) for name in ("verdict", "threat"))
    query = (
        select(drafts.c.id, drafts.c.created_at, *inside, feedback.c.action, feedback.c.findings)
        .outerjoin(feedback, feedback.c.draft_id == drafts.c.id)
        .where(drafts.c.shop == shop)
        .order_by(drafts.c.id)
    )
    if since is not None:
        query = query.where(or_(drafts.c.created_at >= since, feedback.c.given_at >= since))
    async with database.reading() as connection:
        rows = (await connection.execute(query)).all()
    return [
        Touched(row.id, row.created_at, row.verdict, row.threat, row.action, len(row.findings or ())) for row in rows
    ]
