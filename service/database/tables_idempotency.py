"""Requests that carry an ``Idempotency-Key``: who asked for what, and what was answered."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, String, Table

from service.database.tables import UtcTime, metadata

idempotency = Table(
    "idempotency",
    metadata,
    Column("id", String(64), primary_key=True),  # sha256 of shop, caller, operation and key; the key itself is not kept
    Column("shop", String(64), nullable=False),
    Column("caller", String(100), nullable=False),  # id of the caller's key
    Column("operation", String(60), nullable=False),
    Column("digest", String(64), nullable=False),  # of what was asked: the same key must ask the same again
    Column("state", String(10), nullable=False),  # running | done
    Column("owner", String(64), nullable=False),  # the process that works on it; empty: nobody, it may be taken up
    Column("turn", Integer, nullable=False),  # counts who took it up, so that two cannot
    Column("beat_at", UtcTime, nullable=False),  # when the owner last said that it lives
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("promised", String(64), nullable=False),  # id of the draft this request makes, if it makes one
    Column("draft_id", String(64)),  # of the draft the answer is about: when its words go, so does this row
    Column("document_id", String(200)),
    Column("status", Integer),
    Column("headers", JSON),
    Column("kept", String(10)),  # bytes: in body | draft: the draft's row and ``fate`` are the answer | nothing
    Column("fate", JSON),  # shop, state and superseded_by of the draft, as they were told
    Column("body", LargeBinary),
    Index(None, "expires_at"),
    Index(None, "draft_id"),
    Index(None, "shop"),
)
"""An answer is kept as a reference where it is a stored draft: what is erased there cannot be replayed here."""
