"""What is stored. Every row carries its ``shop``; times are UTC; JSON columns hold plain data.

A document has versions; a version has chunks; a chunk has one vector per embedder fingerprint. A version whose state is
``published`` is live. ``pointer`` has one row: the published generation, moved in the same transaction that changes
any version's state, so a reader sees the old set or the new one, never a mix.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

HEAD = "0012"
"""The newest migration; a database that is there already needs no Alembic import."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """An aware time; SQLite forgets the zone, so UTC goes in and UTC comes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC; a naive time is read as UTC."""
        if value is None:
            return None
        try:
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        except OverflowError:  # the first or the last hours there are, in a zone beyond them
            return value.replace(tzinfo=UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Hand back an aware time."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


documents = Table(
    "documents",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("source", String(10), nullable=False),  # file | upload
    Column("path", String(500)),  # of a file document, relative to the knowledge folder
    Column("kind", String(20), nullable=False),
    Column("title", String(200), nullable=False),
    Column("authority", String(20), nullable=False),
    Column("platform", String(60)),
    Column("category", String(60)),
    Column("created_at", UtcTime, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),  # one more with every change: the ETag
    Index(None, "shop"),
)

versions = Table(
    "versions",
    metadata,
    Column("document_id", ForeignKey("documents.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("state", String(10), nullable=False),  # draft | published | retired
    Column("author", String(128)),
    Column("note", String(500)),
    Column("created_at", UtcTime, nullable=False),
    Column("effective_from", UtcTime),
    Column("effective_to", UtcTime),
    Column("name", String(255)),  # of the file, as it was handed in: its suffix says how to read ``raw``
    Column("sha256", String(64), nullable=False),  # of ``raw``
    Column("seal", String(64)),  # of ``text`` and the chunks: whether they still are what was taken in
    Column("labels", JSON, nullable=False),  # kind, title, authority, platform, category, questions as of this version
    Column("raw", LargeBinary, nullable=False),
    Column("text", Text, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("dropped", JSON, nullable=False, server_default="[]"),  # site noise taken off: name, count, some lines
    Column("queued", Boolean, nullable=False, server_default=false()),  # to be published once its vectors are made
    Index(None, "state"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", String(230), primary_key=True),
    Column("document_id", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("shop", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("section", String(500), nullable=False),
    Column("text", Text, nullable=False),
    Column("indexed_text", Text, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("held_reason", String(500)),
    ForeignKeyConstraint(["document_id", "version"], ["versions.document_id", "versions.number"]),
    Index(None, "document_id", "version"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("chunk_id", ForeignKey("chunks.id"), primary_key=True),
    Column("fingerprint", String(100), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("dim", Integer, nullable=False),
    Column("blob", LargeBinary, nullable=False),  # dim float32, little-endian
)

embedders = Table(
    "embedders",
    metadata,
    Column("fingerprint", String(100), primary_key=True),
    Column("model", String(200), nullable=False),
    Column("dim", Integer, nullable=False),
    Column("texts", JSON, nullable=False),  # fixed texts, and what this model made of them
    Column("vectors", LargeBinary, nullable=False),  # one a text, dim float32 each, little-endian
    Column("active", Boolean, nullable=False),  # its vectors are searched; false: they are being made
    Column("made_at", UtcTime, nullable=False),
)
"""Which endpoint's vectors the library holds, and how to know it again. No shop: there is one for all."""

releases = Table(
    "releases",
    metadata,
    Column("document_id", ForeignKey("documents.id"), primary_key=True),
    Column("digest", String(64), primary_key=True),  # sha256 of the sentence: a later version has it released
    Column("shop", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("author", String(128)),
    Column("note", String(500)),
    Column("released_at", UtcTime, nullable=False),
)
"""Held sentences a person has let through."""

changes = Table(
    "changes",
    metadata,
    Column("document_id", ForeignKey("documents.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("action", String(12), nullable=False),  # added | published | rolled_back | retired | released | held
    Column("version", Integer),
    Column("author", String(128)),
    Column("note", String(500)),
    Column("changed_at", UtcTime, nullable=False),
)
"""What was done to a document, one row a revision: who can be asked, and what a rollback goes back to."""

rulings = Table(
    "rulings",
    metadata,
    Column("key", String(64), primary_key=True),  # of the two claims, whichever order they are found in
    Column("shop", String(64), primary_key=True),
    Column("keep", String(10), nullable=False),  # left | right | both | neither
    Column("claims", JSON, nullable=False),  # both claims as they stood: document, version, section, quote
    Column("author", String(128)),
    Column("note", String(500)),
    Column("ruled_at", UtcTime, nullable=False),
)
"""What a person decided where two documents contradict each other."""

pointer = Table(
    "pointer",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("shop", String(64), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("digest", String(64), nullable=False),  # of what is live, so that equal content has an equal name
    Column("changed_at", UtcTime, nullable=False),
)

TRAITS: dict[str, TypeEngine[Any]] = {
    "made_at": UtcTime(),  # when it was saved: ``created_at`` is the case's own time, which the caller may set
    "day": String(10),  # the same, as a day of the desk's
    "scenario": String(64),
    "boundary": String(80),
    "rule": String(200),
    "verdict": String(20),
    "demand": String(40),  # the main one
    "cause": String(40),
    "threat": String(20),
    "writer": String(10),
    "prompt": String(40),
    "degraded": String(40),  # why the model did not write it, where it should have
    "knowledge": String(200),  # ``knowledge_version`` again, here to stand in the index
    "category": String(60),
    "product": String(120),
    "missing": String(200),  # facts that were asked for, comma-separated
    "guides": Integer(),  # passages of the shop's or of guidelines it found
    "covered": Integer(),  # permille of what was asked that the found passages speak of
    "edited": Integer(),  # permille a person changed before it was sent; 0 for one that was adopted
    "waited": Integer(),  # seconds until the feedback
}
"""What analytics counts drafts by: columns and one index that holds them all, so that no draft is read for a sum."""

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("knowledge_version", String(200), nullable=False),
    Column("inquiry", JSON, nullable=False),
    Column("draft", JSON, nullable=False),
    Column("conversation", String(128)),  # as the desk names it
    Column("state", String(10), nullable=False, server_default="open"),  # superseded | adopted | edited | rejected
    Column("buyer", String(80)),  # keyed digest of the buyer's id: found again on request, told to nobody
    Column("superseded_by", String(64)),  # the draft that answered a newer message, when it came
    *(Column(name, kind) for name, kind in TRAITS.items()),
    Index(
        "ix_drafts_traits",
        *("shop", "made_at", "state", "conversation"),
        *(name for name in TRAITS if name != "made_at"),
    ),
    Index(None, "shop", "created_at"),
    Index(None, "shop", "id"),
    Index(None, "shop", "conversation", "state"),
    Index(None, "shop", "buyer"),
    Index(None, "created_at"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("shop", String(64), primary_key=True),
    Column("conversation", String(128), primary_key=True),
    Column("turns", Text, nullable=False),  # of the newest message that was answered: ``turns.turns_of``
    Column("newest", String(64), nullable=False),  # the last draft that answered it
)
"""How far each conversation has come, so that saving a draft costs the same however long it is."""

feedback = Table(
    "feedback",
    metadata,
    Column("draft_id", ForeignKey("drafts.id"), primary_key=True),
    Column("shop", String(64), nullable=False),
    Column("action", String(10), nullable=False),  # adopted | edited | rejected
    Column("final_text", Text),  # what was sent, where it was told
    Column("reason", String(500)),
    Column("passed", Boolean),  # of the text that was sent; null when none was told
    Column("findings", JSON, nullable=False),
    Column("given_at", UtcTime, nullable=False),
    Column("distance", Integer),  # characters changed between draft and sent text; null where nothing was sent
    Column("edited", Integer),  # the same as permille of the longer text
    Column("kept", String(120)),  # steps, comma-separated: sent word for word
    Column("changed", String(120)),
    Column("dropped", String(120)),
    Column("added", Integer),  # sentences that are like none of the draft's
    Column("overrode", String(1000)),  # rules the sent text breaks all the same, comma-separated
    Column("gathered", Boolean, nullable=False, server_default=false()),  # looked through for proposals
    Index(None, "shop", "given_at"),
)
"""What a person made of a draft, once; gone with the draft."""

rulebooks = Table(
    "rulebooks",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kept_at", UtcTime, nullable=False),
    Column("archive", LargeBinary, nullable=False),  # zip of the rule files
)
"""No shop: the files of ``knowledge/`` are one set for all shops."""
