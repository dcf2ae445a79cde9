"""What leaks from the machinery into a reply: unfilled slots, markup, links, model talk, our own aliases."""

from __future__ import annotations

from service.checks.said import found_at
from service.rulebook.checkrules import CheckRules
from service.schemas import Finding
from service.text.normalise import Normalised, normalise
from service.text.private import has_alias

_ALIAS = "alias_left"


def check_leaks(text: str | Normalised, rules: CheckRules) -> list[Finding]:
    """Findings of category ``leak``, in text order; offsets are code points of ``text``.

    Patterns are those of the rules in ``knowledge/checks.yaml``. Where two overlap, the first and longer one stands;
    hits that touch are told as one. A text may be given in normal form.
    """
    norm = text if isinstance(text, Normalised) else normalise(text)
    spans = []
    for rule, pattern in rules.leaks:
        if rule == _ALIAS and not has_alias(norm.original):
            continue
        spans += [(m.start(), m.end(), rule) for m in pattern.finditer(norm.text) if m.end() > m.start()]
    kept: list[tuple[int, int, str]] = []
    for start, end, rule in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not kept or start > kept[-1][1]:
            kept.append((start, end, rule))
        elif start == kept[-1][1]:
            kept[-1] = (kept[-1][0], end, kept[-1][2])
    return [found_at(rules, rule, norm.original, *norm.span(start, end)) for start, end, rule in kept]
