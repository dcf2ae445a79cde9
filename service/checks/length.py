"""How long a reply may be."""

from __future__ import annotations

from service.checks.ground import Ground
from service.checks.said import found_at
from service.rulebook.checkrules import CheckRules
from service.schemas import Finding


def check_length(text: str, ground: Ground, rules: CheckRules) -> list[Finding]:
    """One finding of category ``length`` on what is beyond ``ground.max_chars`` code points, or none."""
    size = len(text.rstrip())
    if size <= ground.max_chars:
        return []
    most = ground.max_chars
    return [found_at(rules, "too_long", text, most, size, size=str(size), most=str(most), over=str(size - most))]
