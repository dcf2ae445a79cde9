"""What became of drafts: the conversation they belong to, newer ones that replaced them, a person's feedback.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, add the columns and their indexes."""
    op.add_column("drafts", sa.Column("conversation", sa.String(128)))
    op.add_column("drafts", sa.Column("state", sa.String(10), nullable=False, server_default="open"))
    op.add_column("drafts", sa.Column("superseded_by", sa.String(64)))
    op.create_index("ix_drafts_shop_id", "drafts", ["shop", "id"])
    op.create_index("ix_drafts_shop_conversation_state", "drafts", ["shop", "conversation", "state"])
    op.create_table(
        "conversations",
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(128), nullable=False),
        sa.Column("turns", sa.Text, nullable=False),
        sa.Column("newest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("shop", "conversation", name="pk_conversations"),
    )
    op.create_table(
        "feedback",
        sa.Column("draft_id", sa.String(64), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("final_text", sa.Text),
        sa.Column("reason", sa.String(500)),
        sa.Column("passed", sa.Boolean),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name="fk_feedback_draft_id"),
        sa.PrimaryKeyConstraint("draft_id", name="pk_feedback"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("feedback")
    op.drop_table("conversations")
    op.drop_index("ix_drafts_shop_conversation_state", "drafts")
    op.drop_index("ix_drafts_shop_id", "drafts")
    op.drop_column("drafts", "superseded_by")
    op.drop_column("drafts", "state")
    op.drop_column("drafts", "conversation")
