"""What analytics asks of a draft, as columns of its row: written when it is saved, so that no text is read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from service.database.tables import TRAITS
from service.schemas import Citation, Draft, Inquiry

SHOP_TIME = timezone(timedelta(hours=8))
"""The desk's days: China has one time zone and no summer time."""


def traits_of(draft: Draft, inquiry: Inquiry) -> dict[str, Any]:
    """The columns of a draft that is saved now."""
    now = datetime.now(UTC)
    main = draft.demands[-1] if draft.demands else None
    told = {
        "made_at": now,
        "day": day_of(now),
        "scenario": draft.scenario,
        "boundary": draft.basis.boundary,
        "rule": draft.basis.rule,
        "verdict": draft.verdict,
        "demand": main.demand if main else None,
        "cause": draft.reading.cause,
        "threat": draft.threat,
        "writer": draft.writer.kind,
        "prompt": draft.writer.prompt,
        "degraded": draft.writer.reason if draft.writer.degraded else None,
        "knowledge": draft.knowledge_version,
        "category": _plain(inquiry.order.category),
        "product": _plain(inquiry.order.product),
        "missing": ",".join(one.fact for one in draft.missing) or None,
        "guides": sum(one.authority in ("guideline", "shop") for one in (*draft.citations, *draft.guidance)),
        "covered": covered(inquiry.messages[-1].content, (*draft.citations, *draft.guidance)),
    }
    return {name: _fitting(name, value) for name, value in told.items()}


def day_of(at: datetime) -> str:
    """The desk's day of a time, ``2026-11-22``."""
    return at.astimezone(SHOP_TIME).date().isoformat()


def covered(asked: str, found: tuple[Citation, ...]) -> int:
    """How much of what was asked the found passages speak of: the permille of its pairs of characters they have."""
    wanted = _pairs(asked)
    if not wanted:
        return 1000
    there = "\n".join(one.quote for one in found)  # no pair has a line break in it
    return 1000 * sum(pair in there for pair in wanted) // len(wanted)


def _pairs(text: str) -> set[str]:
    """Neighbouring Chinese characters, letters or digits."""
    return {text[i : i + 2] for i in range(len(text) - 1) if text[i].isalnum() and text[i + 1].isalnum()}


def _fitting(name: str, value: object) -> object:
    """Cut to its column's width: PostgreSQL would refuse the row."""
    return value[: getattr(TRAITS[name], "length", None)] if isinstance(value, str) else value


def _plain(text: str | None) -> str | None:
    """A name on one line; None where there is none."""
    return " ".join((text or "").split()) or None
