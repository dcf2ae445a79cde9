"""What analytics counts drafts by, as columns; filled for the drafts that are there.

Revision ID: 0008
Revises: 0007
"""

from datetime import UTC, datetime, timedelta, timezone

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DRAFTS = {
    "made_at": sa.DateTime(timezone=True),
    "day": sa.String(10),
    "scenario": sa.String(64),
    "boundary": sa.String(80),
    "rule": sa.String(200),
    "verdict": sa.String(20),
    "demand": sa.String(40),
    "cause": sa.String(40),
    "threat": sa.String(20),
    "writer": sa.String(10),
    "prompt": sa.String(40),
    "degraded": sa.String(40),
    "knowledge": sa.String(200),
    "category": sa.String(60),
    "product": sa.String(120),
    "missing": sa.String(200),
    "guides": sa.Integer(),
    "covered": sa.Integer(),
    "edited": sa.Integer(),
    "waited": sa.Integer(),
}
FEEDBACK = {
    "distance": sa.Integer(),
    "edited": sa.Integer(),
    "kept": sa.String(120),
    "changed": sa.String(120),
    "dropped": sa.String(120),
    "added": sa.Integer(),
    "overrode": sa.String(1000),
}
INDEX = ("shop", "made_at", "state", "conversation", *(name for name in DRAFTS if name != "made_at"))
DIGITS = {digit: value for value, digit in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
BATCH = 200


def upgrade() -> None:
    """Add the columns, fill them from what is stored, then make the indexes."""
    for name, kind in DRAFTS.items():
        op.add_column("drafts", sa.Column(name, kind))
    for name, kind in FEEDBACK.items():
        op.add_column("feedback", sa.Column(name, kind))
    _fill(op.get_bind())
    op.create_index("ix_drafts_traits", "drafts", list(INDEX))
    op.create_index("ix_feedback_shop_given_at", "feedback", ["shop", "given_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_feedback_shop_given_at", "feedback")
    op.drop_index("ix_drafts_traits", "drafts")
    for name in reversed(FEEDBACK):
        op.drop_column("feedback", name)
    for name in reversed(DRAFTS):
        op.drop_column("drafts", name)


def _fill(connection: sa.Connection) -> None:
    drafts = sa.table(
        "drafts",
        *(sa.column(name, kind) for name, kind in DRAFTS.items()),
        sa.column("id", sa.String()),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("inquiry", sa.JSON()),
        sa.column("draft", sa.JSON()),
    )
    feedback = sa.table(
        "feedback",
        *(sa.column(name, kind) for name, kind in FEEDBACK.items()),
        sa.column("draft_id", sa.String()),
        sa.column("action", sa.String()),
        sa.column("final_text", sa.Text()),
        sa.column("passed", sa.Boolean()),
        sa.column("findings", sa.JSON()),
        sa.column("given_at", sa.DateTime(timezone=True)),
    )
    last = ""
    while True:
        query = (
            sa.select(drafts.c.id, drafts.c.created_at, drafts.c.inquiry, drafts.c.draft)
            .where(drafts.c.id > last)
            .order_by(drafts.c.id)
            .limit(BATCH)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1].id
        told = connection.execute(sa.select(feedback).where(feedback.c.draft_id.in_([row.id for row in rows])))
        given = {row.draft_id: row for row in told}
        for row in rows:
            traits = _traits(row)
            if row.id in given:
                traits |= _feedback(connection, feedback, row.draft, traits["made_at"], given[row.id])
            connection.execute(sa.update(drafts).where(drafts.c.id == row.id).values(traits))


def _traits(row: sa.Row) -> dict[str, object]:
    made = _made_at(row.id) or _utc(row.created_at)
    draft, order = row.draft or {}, (row.inquiry or {}).get("order") or {}
    demands, basis, writer = draft.get("demands") or [{}], draft.get("basis") or {}, draft.get("writer") or {}
    found = [*(draft.get("citations") or []), *(draft.get("guidance") or [])]
    missing = ",".join(one["fact"] for one in draft.get("missing") or [])[:200]
    return {
        "made_at": made,
        "day": made.astimezone(timezone(timedelta(hours=8))).date().isoformat(),
        "scenario": draft.get("scenario"),
        "boundary": basis.get("boundary"),
        "rule": basis.get("rule"),
        "verdict": draft.get("verdict"),
        "demand": demands[-1].get("demand"),
        "cause": (draft.get("reading") or {}).get("cause"),
        "threat": draft.get("threat"),
        "writer": writer.get("kind"),
        "prompt": writer.get("prompt"),
        "degraded": writer.get("reason") if writer.get("degraded") else None,
        "knowledge": draft.get("knowledge_version"),
        "category": " ".join((order.get("category") or "").split()) or None,
        "product": " ".join((order.get("product") or "").split()) or None,
        "missing": missing or None,
        "guides": sum(one.get("authority") in ("guideline", "shop") for one in found),
    }


def _feedback(connection, feedback, draft, made, given) -> dict[str, object]:
    """Fill the columns of a feedback; what the draft's row is to have of it."""
    from service.text.edits import edit_of

    waited = max(0, int((_utc(given.given_at) - made).total_seconds()))
    steps = [(one["step"], one["text"]) for one in draft.get("steps") or []]
    sent = given.final_text or (draft.get("reply") if given.action == "adopted" else None)
    blocked = dict.fromkeys(one["rule"] for one in given.findings or [] if one.get("severity") == "block")
    values: dict[str, object] = {"overrode": ",".join(blocked)[:1000] or None}
    changed = None
    if sent:
        edit = edit_of(steps, sent, 0.5)
        changed = round(1000 * edit.ratio) if given.action != "adopted" else 0
        values |= {
            "distance": edit.distance if given.action != "adopted" else 0,
            "edited": changed,
            "kept": ",".join(edit.kept),
            "changed": ",".join(edit.changed),
            "dropped": ",".join(edit.dropped),
            "added": edit.added,
        }
    connection.execute(sa.update(feedback).where(feedback.c.draft_id == given.draft_id).values(values))
    return {"waited": waited, "edited": changed if given.action != "rejected" else None}


def _made_at(draft_id: str) -> datetime | None:
    """When an id was made, where it tells: its first ten digits are milliseconds."""
    digits = draft_id.partition("_")[2]
    if len(digits) != 26 or any(digit not in DIGITS for digit in digits):
        return None
    number = 0
    for digit in digits:
        number = number << 5 | DIGITS[digit]
    try:
        return datetime.fromtimestamp((number >> 80) / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
