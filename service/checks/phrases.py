"""Forbidden sentences as findings. The rules and their wording are data in ``knowledge/forbidden``."""

from __future__ import annotations

from collections.abc import Sequence

from service.checks.ground import Ground
from service.checks.wording import Wordings
from service.errors import phrase
from service.rulebook.checkrules import CheckRules
from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.sentences import Hit, find_forbidden
from service.schemas import Finding

_PAUSE = " ，,、~～…"


def check_phrases(
    text: str,
    rules: ForbiddenRules,
    *,
    customer_quotes: Sequence[str] = (),
    ground: Ground | None = None,
    checkrules: CheckRules | None = None,
) -> list[Finding]:
    """What in ``text`` must not be said, by sense.

    Quoted speech (``您说“…”``, a clause of ``customer_quotes`` said again word for word) is not the speaker's own
    and is left alone; stuffing, look-alikes and pinyin are undone. Spans are code points of ``text``. One finding
    for each rule and place; overlapping findings of one category become one, named after the graver. Suggestions
    keep what the sentence is about; ``ground`` and ``checkrules`` tell which of its numbers may be said again.
    """
    wordings = Wordings(text, rules, ground or Ground(), checkrules)
    merged: list[Finding] = []
    for hit in find_forbidden(text, rules, customer_quotes=customer_quotes):
        finding = _finding(hit, wordings)
        twin = next((m for m in merged if _same_place(m, finding, text)), None)
        if twin is None:
            merged.append(finding)
        else:
            _absorb(twin, finding, text)
    return sorted(merged, key=lambda f: (f.start, f.end))


def _finding(hit: Hit, wordings: Wordings) -> Finding:
    rule = hit.rule.rule
    reason = phrase("finding_reason", title=rule.name, why=rule.why)
    return Finding(
        rule=rule.id,
        category=hit.rule.category,
        severity=rule.severity,
        start=hit.start,
        end=hit.end,
        excerpt=hit.excerpt,
        reason=reason if hit.like is None else phrase("finding_like", reason=reason, example=hit.like),
        suggestion=wordings.suggestion(hit),
    )


def _same_place(one: Finding, other: Finding, text: str) -> bool:
    """Overlapping, or neighbours with nothing but a pause between them."""
    if one.category != other.category:
        return False
    first, second = sorted((one, other), key=lambda f: f.start)
    return second.start < first.end or not text[first.end : second.start].strip(_PAUSE)


def _absorb(kept: Finding, other: Finding, text: str) -> None:
    if kept.severity == "warn" and other.severity == "block":
        kept.rule, kept.severity = other.rule, other.severity
        kept.reason, kept.suggestion = other.reason, other.suggestion
    kept.start, kept.end = min(kept.start, other.start), max(kept.end, other.end)
    kept.excerpt = text[kept.start : kept.end]
