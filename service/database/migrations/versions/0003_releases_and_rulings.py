"""Released sentences, rulings on conflicts, revisions and changes of documents, versions that wait for their vectors.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and add the columns."""
    op.add_column("documents", sa.Column("revision", sa.Integer, nullable=False, server_default="1"))
    op.add_column("versions", sa.Column("name", sa.String(255)))
    op.add_column("versions", sa.Column("seal", sa.String(64)))
    op.add_column("versions", sa.Column("dropped", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("versions", sa.Column("queued", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "embedders",
        sa.Column("fingerprint", sa.String(100), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("texts", sa.JSON, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_embedders"),
    )
    op.create_table(
        "releases",
        sa.Column("document_id", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("author", sa.String(128)),
        sa.Column("note", sa.String(500)),
        sa.Column("released_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_releases_document_id"),
        sa.PrimaryKeyConstraint("document_id", "digest", name="pk_releases"),
    )
    op.create_table(
        "changes",
        sa.Column("document_id", sa.String(200), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("action", sa.String(12), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("author", sa.String(128)),
        sa.Column("note", sa.String(500)),
        sa.Column("changed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_changes_document_id"),
        sa.PrimaryKeyConstraint("document_id", "revision", name="pk_changes"),
    )
    op.create_table(
        "rulings",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("keep", sa.String(10), nullable=False),
        sa.Column("claims", sa.JSON, nullable=False),
        sa.Column("author", sa.String(128)),
        sa.Column("note", sa.String(500)),
        sa.Column("ruled_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", "shop", name="pk_rulings"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("rulings")
    op.drop_table("changes")
    op.drop_table("releases")
    op.drop_table("embedders")
    op.drop_column("versions", "queued")
    op.drop_column("versions", "dropped")
    op.drop_column("versions", "seal")
    op.drop_column("versions", "name")
    op.drop_column("documents", "revision")
