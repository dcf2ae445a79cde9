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


def check_reach(text: str, rules: CheckRules, most: int | None = None) -> list[Finding]:
    """One blocking finding of category ``length`` on what no check has read, or none.

    The checks read the first ``most`` code points (the file's ``checked_chars`` if None): no reply is near as long, and
    what a text costs stays bounded. Nothing that was not read ever passes.
    """
    size, most = len(text.rstrip()), most or rules.entry.checked_chars
    if size <= most:
        return []
    return [found_at(rules, "too_long_to_check", text, most, size, most=str(most), over=str(size - most))]
