"""Forbidden sentences as findings. The rules and their wording are data in ``knowledge/forbidden``."""

from __future__ import annotations

from collections.abc import Sequence

from service.checks.ground import Ground
from service.checks.said import Spans
from service.checks.wording import Wordings
from service.errors import phrase
from service.rulebook.checkrules import CheckRules
from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.sentences import Hit, find_forbidden
from service.schemas import Finding
from service.text.normalise import Normalised, fold

_PAUSE = " ，,、~～…"


def check_phrases(
    text: str | Normalised,
    rules: ForbiddenRules,
    *,
    customer_quotes: Sequence[str] = (),
    ground: Ground | None = None,
    checkrules: CheckRules | None = None,
    told: Spans = (),
) -> list[Finding]:
    """What in ``text`` must not be said, by sense.

    Quoted speech (``您说“…”``, a clause of ``customer_quotes`` said again word for word) is not the speaker's own
    and is left alone; stuffing, look-alikes and pinyin are undone. Spans are code points of ``text``. One finding
    for each rule and place; overlapping findings of one category become one, named after the graver. Suggestions
    keep what the sentence is about; ``ground`` and ``checkrules`` tell which of its numbers may be said again. A text
    may be given in normal form. Rules of a platform hold where ``ground`` names it. What only sounds forbidden and is
    mostly made of the buyer's own words is theirs within ``told``, the spans in which their story is told back.
    """
    original = text.original if isinstance(text, Normalised) else text
    wordings = Wordings(original, rules, ground or Ground(), checkrules)
    merged: list[Finding] = []
    named: list[Hit] = []
    """The hit each finding is named after; only those need a suggestion, which is what costs."""
    platform = ground.platform if ground else ""
    for hit in find_forbidden(text, rules, customer_quotes=customer_quotes, platform=platform):
        if hit.like is not None and _retold(hit, told, customer_quotes, rules.learning.retold):
            continue
        finding = _finding(hit)
        twin = next((i for i, m in enumerate(merged) if _same_place(m, finding, original)), None)
        if twin is None:
            merged.append(finding)
            named.append(hit)
        elif _absorb(merged[twin], finding, original):
            named[twin] = hit
    for finding, hit in zip(merged, named, strict=True):
        finding.suggestion = wordings.suggestion(hit)
    return sorted(merged, key=lambda f: (f.start, f.end))


def _retold(hit: Hit, told: Spans, buyer: Sequence[str], least: float) -> bool:
    """Whether a place lies where the buyer's story is told, and enough of its pairs of letters are the buyer's."""
    if not any(start <= hit.start and hit.end <= end for start, end in told):
        return False
    theirs = {pair for said in buyer for pair in _pairs(said)}
    own = _pairs(hit.excerpt)
    return bool(own) and sum(pair in theirs for pair in own) >= least * len(own)


def _pairs(text: str) -> list[str]:
    letters = "".join(c for c in fold(text) if c.isalnum())
    return [letters[i : i + 2] for i in range(len(letters) - 1)]


def _finding(hit: Hit) -> Finding:
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
        suggestion=None,
    )


def _same_place(one: Finding, other: Finding, text: str) -> bool:
    """Overlapping, or neighbours with nothing but a pause between them."""
    if one.category != other.category:
        return False
    first, second = sorted((one, other), key=lambda f: f.start)
    return second.start < first.end or not text[first.end : second.start].strip(_PAUSE)


def _absorb(kept: Finding, other: Finding, text: str) -> bool:
    """Widen a finding by another; True when the other is graver and names it from now on."""
    graver = kept.severity == "warn" and other.severity == "block"
    if graver:
        kept.rule, kept.severity = other.rule, other.severity
        kept.reason = other.reason
    kept.start, kept.end = min(kept.start, other.start), max(kept.end, other.end)
    kept.excerpt = text[kept.start : kept.end]
    return graver
