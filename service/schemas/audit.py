"""审计: who did what, as the trail keeps it."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from service.schemas.base import Out


class AuditEntry(Out):
    """One deed: ids, versions, counts and digests, never anybody's words. ``hash`` covers the row and ``prev``."""

    seq: int
    at: datetime
    actor: str
    role: str
    shop: str
    request: str
    action: str
    object: str
    details: dict[str, JsonValue]
    prev: str
    hash: str


class AuditPage(Out):
    """Entries, newest first. ``next`` is the cursor of the page behind this one; null at the end."""

    entries: list[AuditEntry]
    next: int | None
