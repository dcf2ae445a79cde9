"""Keys, and secrets of the service's own: of a key only the digest of its secret is kept."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table

from service.database.tables import UtcTime, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("shop", String(64), nullable=False),  # the one it acts for, or ``*``
    Column("prefix", String(32), nullable=False),
    Column("digest", String(64), nullable=False),  # sha256 of the secret: 256 random bits need no slow hash
    Column("name", String(128), nullable=False),
    Column("role", String(10), nullable=False),  # agent | qa | editor | admin
    Column("context_role", String(10), nullable=False),  # agent | lead | manager, at most
    Column("rate_per_minute", Integer),  # null: the setting's
    Column("tokens_per_day", Integer),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("revoked_by", String(64)),
    Column("last_used_at", UtcTime),  # to the minute
    Index("uq_api_keys_prefix", "prefix", unique=True),
    Index(None, "shop", "id"),
)
"""Who may come in."""

own_secrets = Table(
    "own_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("value", String(128), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
"""What the service signs with where no ``YOULI_SECRET`` is set; here, because all its processes must have the same."""
