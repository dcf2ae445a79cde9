"""Taking the website off a document saved from one, and saying what was taken."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from service.errors import phrase
from service.library.rules import LibraryRules

_BULLET = re.compile(r"^[\s\u3000]*(?:[-*•·▪◦]|\d{1,2}[.、．])?[\s\u3000]*(?:\d{1,2}、)?[\s\u3000]*")
_EXCERPT = 24


@dataclass(frozen=True, slots=True)
class Dropped:
    """Lines taken off under one name (Chinese), as they stood."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A document's own text, what a person should know about it (Chinese, a sentence each), and what was taken off."""

    text: str
    warnings: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()


def clean(text: str, rules: LibraryRules) -> Cleaned:
    """Drop the site's lines, blocks and repeated watermarks; squeeze blank lines; note a cut-off end.

    Lines are dropped whole or kept as they are: nothing is rewritten, so a quote stays a quote.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    dropped: dict[str, list[str]] = {}
    kept = _without_repeats(_without_lines(_without_blocks(lines, rules, dropped), rules, dropped), rules, dropped)
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
    names = {line.id: line.name for line in rules.noise.lines} | {b.id: b.name for b in rules.noise.blocks}
    warnings = [
        phrase("warning_cleaned", rule=names[rule], count=len(found), excerpt=found[0][:_EXCERPT])
        if rule in names
        else phrase("warning_repeated", count=len(found), excerpt=found[0][:_EXCERPT])
        for rule, found in dropped.items()
    ]
    if ending := _cut_off(body, rules):
        warnings.append(phrase("warning_cut_off", excerpt=ending))
    gone = (Dropped(names.get(rule) or phrase("dropped_repeats"), tuple(found)) for rule, found in dropped.items())
    return Cleaned(body, tuple(warnings), tuple(gone))


def _bare(line: str) -> str:
    return _BULLET.sub("", line, count=1).strip()


def _without_blocks(lines: list[str], rules: LibraryRules, dropped: dict[str, list[str]]) -> list[str]:
    kept: list[str] = []
    inside: str | None = None
    for line in lines:
        bare = _bare(line)
        if inside and rules.compiled[f"{inside}.resume"].search(line.strip()):
            inside = None
        if bare:
            started = next((rule.id for rule in rules.noise.blocks if rules.compiled[rule.id].search(bare)), None)
            inside = started or inside
        if inside is None:
            kept.append(line)
        elif bare:
            dropped.setdefault(inside, []).append(bare)
    return kept


def _without_lines(lines: list[str], rules: LibraryRules, dropped: dict[str, list[str]]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        bare = _bare(line)
        rule = next((r.id for r in rules.noise.lines if bare and rules.compiled[r.id].search(bare)), None)
        if rule is None:
            kept.append(line)
        else:
            dropped.setdefault(rule, []).append(bare)
    return kept


def _without_repeats(lines: list[str], rules: LibraryRules, dropped: dict[str, list[str]]) -> list[str]:
    often = {
        line
        for line, count in Counter(map(str.strip, lines)).items()
        if count >= rules.noise.repeats.at_least and len(line) >= rules.noise.repeats.min_chars
    }
    kept: list[str] = []
    seen: set[str] = set()
    for line in lines:
        bare = line.strip()
        if bare in often and bare in seen:
            dropped.setdefault("repeats", []).append(bare)
            continue
        seen.add(bare)
        kept.append(line)
    return kept


def _cut_off(body: str, rules: LibraryRules) -> str | None:
    last = next((line.strip() for line in reversed(body.split("\n")) if line.strip()), "")
    cut = rules.noise.cut
    if len(last) < cut.min_chars or last[-1] in cut.closers or last.startswith(("#", "|")):
        return None
    return last[-_EXCERPT:]
