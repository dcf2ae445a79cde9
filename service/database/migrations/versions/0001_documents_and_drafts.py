"""Documents, versions, chunks, vectors, the pointer, drafts.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "documents",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("path", sa.String(500)),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("authority", sa.String(20), nullable=False),
        sa.Column("platform", sa.String(60)),
        sa.Column("category", sa.String(60)),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
    )
    op.create_index("ix_documents_shop", "documents", ["shop"])
    op.create_table(
        "versions",
        sa.Column("document_id", sa.String(200), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("author", sa.String(128)),
        sa.Column("note", sa.String(500)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("effective_from", TIME),
        sa.Column("effective_to", TIME),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_versions_document_id"),
        sa.PrimaryKeyConstraint("document_id", "number", name="pk_versions"),
    )
    op.create_index("ix_versions_state", "versions", ["state"])
    op.create_table(
        "chunks",
        sa.Column("id", sa.String(230), nullable=False),
        sa.Column("document_id", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("section", sa.String(500), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("indexed_text", sa.Text, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("end", sa.Integer, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("held_reason", sa.String(500)),
        sa.ForeignKeyConstraint(
            ["document_id", "version"], ["versions.document_id", "versions.number"], name="fk_chunks_document_id_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
    )
    op.create_index("ix_chunks_document_id_version", "chunks", ["document_id", "version"])
    op.create_table(
        "vectors",
        sa.Column("chunk_id", sa.String(230), nullable=False),
        sa.Column("fingerprint", sa.String(100), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["chunk_id"], ["chunks.id"], name="fk_vectors_chunk_id"),
        sa.PrimaryKeyConstraint("chunk_id", "fingerprint", name="pk_vectors"),
    )
    op.create_table(
        "pointer",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pointer"),
    )
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("knowledge_version", sa.String(200), nullable=False),
        sa.Column("inquiry", sa.JSON, nullable=False),
        sa.Column("draft", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
    )
    op.create_index("ix_drafts_shop_created_at", "drafts", ["shop", "created_at"])


def downgrade() -> None:
    """There is nothing before the first."""
    for table in ("drafts", "pointer", "vectors", "chunks", "versions", "documents"):
        op.drop_table(table)
