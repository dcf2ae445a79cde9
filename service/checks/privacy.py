"""Personal data in a reply: most kinds never, some only when they stand in a record and are the shop's own."""

from __future__ import annotations

import re

from service.checks.ground import Ground
from service.checks.said import found_at
from service.rulebook.checkrules import CheckRules
from service.schemas import Finding
from service.text.normalise import Normalised, fold, normalise
from service.text.private import PrivateSpan, find_private
from service.text.segment import sentences

_MARKS = re.compile(r"[\s\-—_.,:、()]+")


def check_privacy(text: str | Normalised, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Findings of category ``privacy``, in text order; offsets are code points of ``text``.

    Kinds under ``never`` block unless the very value stands in a record that is the shop's own (a return address with
    its telephone). Kinds under ``recorded`` (order and parcel numbers) pass when a record or a message holds them.
    A text may be given in normal form.
    """
    private = rules.entry.private
    norm = text if isinstance(text, Normalised) else normalise(text)
    if not rules.private_hint.search(norm.text):
        return []
    text = norm.original
    found: list[Finding] = []
    for span in find_private(text):
        if span.type not in private.never and span.type not in private.recorded:
            continue
        if _allowed(span, text, ground, rules):
            continue
        name = private.names[span.type]
        warn = span.type in private.recorded and not ground.given
        found.append(found_at(rules, "private_data", text, span.start, span.end, warn=warn, type=name))
    return found


def _allowed(span: PrivateSpan, text: str, ground: Ground, rules: CheckRules) -> bool:
    value = _bare(fold(text[span.start : span.end]))
    if span.type in rules.entry.private.recorded:
        return any(value in _bare(source) for source in (*ground.recorded.texts, *ground.claimed.texts))
    if span.type == "address" and _public(span, text, rules):
        return not any(value in _bare(source) for source in ground.claimed.texts)
    ours = tuple(map(fold, rules.entry.private.ours))
    return any(value in _bare(record) for record in map(fold, ground.records) if any(word in record for word in ours))


def _public(span: PrivateSpan, text: str, rules: CheckRules) -> bool:
    """Is it the address of a place open to everybody (网点, 驿站), and nobody's home?"""
    start, end = next(((a, b) for a, b in sentences(text) if a <= span.start < b), (0, len(text)))
    said = fold(text[start : max(end, span.end)])
    private = rules.entry.private
    return any(word in said for word in private.places) and not any(word in said for word in private.homes)


def _bare(text: str) -> str:
    return _MARKS.sub("", text)
