"""Rulebooks, kept so that a draft can be judged again as it was.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "rulebooks",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archive", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_rulebooks"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("rulebooks")
