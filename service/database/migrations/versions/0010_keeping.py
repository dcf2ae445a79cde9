"""How drafts are let go: found by their buyer and by their age, and when they were last looked through.

Revision ID: 0010
Revises: 0009
"""

import hmac
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
AT_ONCE = 500


def upgrade() -> None:
    """Add the column with its digests, the indexes and the row that says when the last sweep was."""
    op.add_column("drafts", sa.Column("buyer", sa.String(80)))
    op.create_index("ix_drafts_shop_buyer", "drafts", ["shop", "buyer"])
    op.create_index("ix_drafts_created_at", "drafts", ["created_at"])
    sweeps = op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("swept_at", TIME, nullable=False),
        sa.Column("claimed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
    )
    op.execute(sweeps.insert().values(id=1, shop="*", swept_at=datetime.now(UTC)))
    _digests(op.get_bind())


def _digests(bind: sa.Connection) -> None:
    """Digests of the buyers of drafts that are there: as ``service.database.audit.buyer_digest`` makes them."""
    drafts = sa.table(
        "drafts", sa.column("id"), sa.column("shop"), sa.column("inquiry", sa.JSON), sa.column("buyer")
    )
    head = sa.table("audit_head", sa.column("id"), sa.column("secret", sa.LargeBinary))
    secret = bytes(bind.execute(sa.select(head.c.secret).where(head.c.id == 1)).scalar_one())
    last = ""
    while True:
        query = sa.select(drafts.c.id, drafts.c.shop, drafts.c.inquiry).where(drafts.c.id > last)
        rows = bind.execute(query.order_by(drafts.c.id).limit(AT_ONCE)).all()
        for draft_id, shop, inquiry in rows:
            told = json.loads(inquiry) if isinstance(inquiry, str) else inquiry
            buyer = ((told.get("context") or {}).get("buyer") or "").strip()
            if buyer:
                said = f"buyer\0{shop}\0{buyer}".encode("utf-8", "surrogatepass")
                digest = "hmac:" + hmac.digest(secret, said, "sha256").hex()
                bind.execute(sa.update(drafts).where(drafts.c.id == draft_id).values(buyer=digest))
        if len(rows) < AT_ONCE:
            return
        last = rows[-1][0]


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sweeps")
    op.drop_index("ix_drafts_created_at", "drafts")
    op.drop_index("ix_drafts_shop_buyer", "drafts")
    op.drop_column("drafts", "buyer")
