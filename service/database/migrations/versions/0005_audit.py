"""The audit trail, its head, and the triggers that let rows be added at its end and nothing else.

Revision ID: 0005
Revises: 0004
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NOTHING = "0" * 64

SQLITE = (
    """CREATE TRIGGER audit_behind BEFORE INSERT ON audit
    WHEN NOT EXISTS (SELECT 1 FROM audit_head WHERE id = 1 AND seq = NEW.seq - 1 AND hash = NEW.prev)
    BEGIN SELECT RAISE(ABORT, 'audit: a row goes behind the last one'); END""",
    """CREATE TRIGGER audit_counted AFTER INSERT ON audit
    BEGIN UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash WHERE id = 1; END""",
    """CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit: rows are never changed'); END""",
    """CREATE TRIGGER audit_kept BEFORE DELETE ON audit
    WHEN NOT EXISTS (SELECT 1 FROM audit_head WHERE id = 1 AND cut_seq >= OLD.seq)
    BEGIN SELECT RAISE(ABORT, 'audit: rows are never deleted before the cut'); END""",
    """CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head
    WHEN NEW.seq < OLD.seq OR NEW.cut_seq < OLD.cut_seq OR NEW.cut_seq > NEW.seq OR NEW.secret <> OLD.secret
    BEGIN SELECT RAISE(ABORT, 'audit: the head moves forward'); END""",
    """CREATE TRIGGER audit_head_kept BEFORE DELETE ON audit_head
    BEGIN SELECT RAISE(ABORT, 'audit: the head is never deleted'); END""",
)

POSTGRESQL = (
    """CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash
            WHERE id = 1 AND seq = NEW.seq - 1 AND hash = NEW.prev;
            IF NOT FOUND THEN RAISE EXCEPTION 'audit: a row goes behind the last one'; END IF;
            RETURN NEW;
        ELSIF TG_OP = 'DELETE' THEN
            PERFORM 1 FROM audit_head WHERE id = 1 AND cut_seq >= OLD.seq;
            IF NOT FOUND THEN RAISE EXCEPTION 'audit: rows are never deleted before the cut'; END IF;
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'audit: rows are never changed';
    END $$""",
    """CREATE FUNCTION audit_head_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF NEW.seq >= OLD.seq AND NEW.cut_seq >= OLD.cut_seq AND NEW.cut_seq <= NEW.seq
                AND NEW.secret = OLD.secret THEN RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'audit: the head moves forward';
    END $$""",
    "CREATE TRIGGER audit_guarded BEFORE INSERT OR UPDATE OR DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_guard()",
    "CREATE TRIGGER audit_head_guarded BEFORE UPDATE OR DELETE ON audit_head "
    "FOR EACH ROW EXECUTE FUNCTION audit_head_guard()",
    "CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_head_guard()",
)


def upgrade() -> None:
    """Create the tables, the head of an empty trail, and the triggers."""
    op.create_table(
        "audit",
        sa.Column("seq", SEQUENCE, nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("request", sa.String(200), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("object", sa.String(300), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_shop_seq", "audit", ["shop", "seq"])
    op.create_index("ix_audit_object", "audit", ["object"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("shop", sa.String(64), nullable=False),
        sa.Column("seq", SEQUENCE, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("cut_seq", SEQUENCE, nullable=False),
        sa.Column("cut_hash", sa.String(64), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    first = {"id": 1, "shop": "*", "seq": 0, "hash": NOTHING, "cut_seq": 0, "cut_hash": NOTHING}
    op.execute(head.insert().values(**first, secret=secrets.token_bytes(32)))
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("audit")
    op.drop_table("audit_head")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_guard()")
        op.execute("DROP FUNCTION audit_head_guard()")
