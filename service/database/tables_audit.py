"""The audit trail: one row a deed, and the one row that says where the chain ends."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from service.database.tables import UtcTime, metadata

_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # there a BIGINT key would be a second index

audit = Table(
    "audit",
    metadata,
    Column("seq", _SEQUENCE, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),  # what the clock said; the order is that of ``seq``
    Column("actor", String(200), nullable=False),  # id of a key, never the key
    Column("role", String(20), nullable=False),
    Column("shop", String(64), nullable=False),
    Column("request", String(200), nullable=False),
    Column("action", String(60), nullable=False),
    Column("object", String(300), nullable=False),
    Column("details", Text, nullable=False),  # JSON as it was hashed: ids, versions, counts, digests
    Column("prev", String(64), nullable=False),  # ``hash`` of the row before
    Column("hash", String(64), nullable=False),
    Index(None, "shop", "seq"),
    Index(None, "object"),
)
"""Append-only: triggers refuse every UPDATE, every INSERT that is not behind the last row, and every DELETE of a row
that retention has not cut off first (``audit_head.cut_seq``)."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("shop", String(64), nullable=False),
    Column("seq", _SEQUENCE, nullable=False),  # of the last row; a trigger moves it
    Column("hash", String(64), nullable=False),
    Column("cut_seq", _SEQUENCE, nullable=False),  # of the last row that was let go, so that the chain begins somewhere
    Column("cut_hash", String(64), nullable=False),
    Column("secret", LargeBinary, nullable=False),  # keys the digests of persons' words
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("shop", String(64), nullable=False),
    Column("swept_at", UtcTime, nullable=False),  # when drafts were last looked through and the clock was believed
    Column("claimed_at", UtcTime),  # when a process last began to
)
"""One row: whose turn it is to let drafts go whose time is over, and what the clock said the last time."""
