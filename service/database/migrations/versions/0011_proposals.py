"""What people's edits suggest, and which feedback was looked through for it.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and the mark."""
    op.add_column("feedback", sa.Column("gathered", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("scenario", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(20)),
        sa.Column("step", sa.String(20)),
        sa.Column("text", sa.Text),
        sa.Column("pairs", sa.JSON, nullable=False),
        sa.Column("drafts", sa.JSON, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(128)),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("note", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
    )
    op.create_index("ix_proposals_shop_state_kind", "proposals", ["shop", "state", "kind"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_proposals_shop_state_kind", "proposals")
    op.drop_table("proposals")
    op.drop_column("feedback", "gathered")
