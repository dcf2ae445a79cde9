"""What several processes on one database have to agree on."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from service.database.tables import UtcTime, metadata

duties = Table(
    "duties",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", UtcTime, nullable=False),  # by the database's clock
)
"""Work that one process does for all, and who does it now. No shop: it is for all."""

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(16), nullable=False),
)
"""What tells this database's collections from others' on one Chroma server. No shop: one row."""
