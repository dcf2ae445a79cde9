"""What people's edits suggest for the team's files; a person decides. See ``tables``."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from service.database.tables import UtcTime, metadata

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("kind", String(10), nullable=False),  # script | case | question
    Column("scenario", String(64), nullable=False),
    Column("verdict", String(20)),  # of a script
    Column("step", String(20)),  # of a script
    Column("text", Text),  # of a script, its slots put back; null: it is read from the drafts while they are there
    Column("pairs", JSON, nullable=False),  # hashes of its pairs of letters, to know one like it by
    Column("drafts", JSON, nullable=False),  # ids of some drafts it comes from
    Column("times", Integer, nullable=False),  # feedback that said the like
    Column("state", String(10), nullable=False),  # open | accepted | rejected
    Column("revision", Integer, nullable=False),  # one more with every decision: the ETag
    Column("made_at", UtcTime, nullable=False),
    Column("decided_by", String(128)),  # the key
    Column("decided_at", UtcTime),
    Column("note", String(500)),
    Index(None, "shop", "state", "kind"),
)
"""No word of a buyer's stands here: what quotes one is made from the draft when it is shown, and goes with it."""
