"""Finding forbidden sentences in a text: own words only, both as written and with evasions undone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.rulebook.forbidden import ForbiddenRule, ForbiddenRules
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import FrameMatch
from service.text.normalise import Normalised, fold, normalise
from service.text.segment import PAUSES, blank, clauses, quoted, sentences

_SHORTEST_ECHO = 8
"""Characters from which a clause of the buyer's, said again word for word, counts as a quotation."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One forbidden place. ``start``/``end`` are code points of the original text."""

    rule: ForbiddenRule
    start: int
    end: int
    excerpt: str
    found: dict[str, str]
    """The words that filled the rule's classes, for its suggestion."""
    like: str | None = None
    """The example the sentence was likened to, when no frame held."""


def find_forbidden(
    text: str | Normalised, rules: ForbiddenRules, *, customer_quotes: Sequence[str] = (), platform: str = ""
) -> list[Hit]:
    """All hits in text order; one for each rule and place. A text may be given in normal form.

    Quoted speech and the buyer's own words are blanked first. The squeezed text finds what the plain one misses.
    ``platform`` is that of the order: rules of other platforms are left out, all platforms' where it is unknown.
    """
    norm = text if isinstance(text, Normalised) else normalise(text)
    not_own = quoted(norm.text) + _echoes(norm.text, customer_quotes)
    own = replace(norm, text=blank(norm.text, not_own)) if not_own else norm
    spared: list[tuple[int, int]] = []
    platform = fold(platform)
    hits = _believed(own, rules, _find(own, rules.index, spared, platform))
    squeezed = rules.disguises.undo(own)
    if squeezed.text != own.text:
        hits += _find(squeezed, rules.index, spared, platform)
    hits += _heard(squeezed, rules, [(h.start, h.end) for h in hits] + spared)
    if not_own:
        hits += _find(norm, rules.quoting, [], platform)
    hits = _grown(squeezed, rules, hits)
    return [replace(hit, excerpt=norm.original[hit.start : hit.end]) for hit in _distinct(hits)]


def _echoes(text: str, customer_quotes: Sequence[str]) -> list[tuple[int, int]]:
    spans = []
    for quote in map(fold, customer_quotes):
        for start, end in clauses(quote):
            said = quote[start:end].strip(" ,。!?~…\n")
            place = text.find(said) if len(said) >= _SHORTEST_ECHO else -1
            if place >= 0:
                spans.append((place, place + len(said)))
    return spans


def _believed(norm: Normalised, rules: ForbiddenRules, hits: list[Hit]) -> list[Hit]:
    """Hits of frames without those whose clauses, by all that was learned, sound like what anybody may say.

    Only of rules there are sentences to learn from; what is counted or hidden is always believed.
    """
    ear = rules.ear
    if ear is None or not any(_doubtful(hit, rules) for hit in hits):
        return hits
    loudest: list[tuple[int, int]] = []
    for start, end in sentences(norm.text):
        weighed = ear.likeness.weigh(norm.text[start:end])
        if sum(clause.said for clause in weighed) < ear.settings.doubt_from:
            loudest.append(norm.span(start, end))  # too short to sound like anything
            continue
        for window in ear.likeness.windows(weighed, 1, ear.settings.doubt):
            loudest.append(norm.span(start + weighed[window.first].start, start + weighed[window.last].end))
    return [hit for hit in hits if not _doubtful(hit, rules) or any(a < hit.end and hit.start < b for a, b in loudest)]


def _doubtful(hit: Hit, rules: ForbiddenRules) -> bool:
    return hit.rule.rule.count is None and rules.learns(hit.rule)


def _heard(norm: Normalised, rules: ForbiddenRules, known: list[tuple[int, int]]) -> list[Hit]:
    """Clauses that sound forbidden though no frame holds; not where a frame held or was pardoned."""
    ear, hits = rules.ear, []
    if ear is None:
        return []
    for heard in ear.hear(norm.text, sentences(norm.text)):
        first, last = norm.span(*_trimmed(norm.text, heard.start, heard.end))
        if not any(a < last and first < b for a, b in known):
            hits.append(Hit(rules.by_id[heard.example.rule], first, last, "", {}, heard.example.text))
    return hits


def _grown(norm: Normalised, rules: ForbiddenRules, hits: list[Hit]) -> list[Hit]:
    """Hits with the clauses beside them, in the same sentence, that sound as if they belonged to them."""
    ear = rules.ear
    if ear is None or not hits:
        return hits
    grown = sorted(hits, key=lambda hit: hit.start)
    reach = 0
    for start, end in sentences(norm.text):
        first, last = norm.span(start, end)
        while reach < len(grown) and grown[reach].end <= first:
            reach += 1
        here = [i for i in range(reach, len(grown)) if grown[i].start < last and first < grown[i].end]
        if not here:
            continue
        weighed = ear.likeness.weigh(norm.text[start:end])
        spans = [norm.span(*_trimmed(norm.text, start + w.start, start + w.end)) for w in weighed]
        follows = [ear.follows(w) for w in weighed]
        others = [grown[i] for i in here]
        for i in here:
            grown[i] = _joined(grown[i], spans, follows, others)
    return grown


def _joined(hit: Hit, spans: list[tuple[int, int]], follows: list[bool], others: list[Hit]) -> Hit:
    """A hit and the clauses on either side that follow; none that another category already claims."""
    touched = [i for i, (a, b) in enumerate(spans) if a < hit.end and hit.start < b]
    if not touched or hit.rule.rule.exact:
        return hit
    foreign = [h for h in others if h.rule.category != hit.rule.category]

    def taken(place: int) -> bool:
        start, end = spans[place]
        return follows[place] and not any(h.start < end and start < h.end for h in foreign)

    first, last = touched[0], touched[-1]
    while first > 0 and taken(first - 1):
        first -= 1
    while last + 1 < len(spans) and taken(last + 1):
        last += 1
    return replace(hit, start=min(hit.start, spans[first][0]), end=max(hit.end, spans[last][1]))


def _find(
    norm: Normalised, index: FrameIndex[ForbiddenRule], spared: list[tuple[int, int]], platform: str
) -> list[Hit]:
    """Hits of the frames; matches that something pardons are added to ``spared``."""
    text = norm.text
    matches = [found for found in index.scan(text) if found[0].holds_on(platform)]
    if not matches:
        return []
    borders = sentences(text)
    counted: dict[str, list[tuple[ForbiddenRule, FrameMatch]]] = {}
    hits: list[Hit] = []
    pardoned: dict[tuple[str, int, int], bool] = {}
    for rule, match in matches:
        first = min(bisect_right(borders, match.start, key=_end), len(borders) - 1)
        last = min(bisect_left(borders, match.end, key=_end), len(borders) - 1)
        place = (rule.rule.id, first, last)
        if place not in pardoned:
            pardoned[place] = _pardoned(text, rule, borders, first, last)
        if pardoned[place]:
            spared.append(norm.span(match.start, match.end))
            continue
        if rule.rule.count is not None:
            counted.setdefault(rule.rule.id, []).append((rule, match))
            continue
        hits.append(_hit(norm, rule, match.start, match.end, match))
    for found in counted.values():
        hits += _counted(norm, found)
    return hits


def _end(span: tuple[int, int]) -> int:
    return span[1]


def _pardoned(text: str, rule: ForbiddenRule, borders: list[tuple[int, int]], first: int, last: int) -> bool:
    if not len(rule.pardons) and not len(rule.redemptions):
        return False
    start = borders[first][0]
    if len(rule.pardons) and rule.pardons.hold(text[start : borders[last][1]]):
        return True
    following = borders[min(last + 1, len(borders) - 1)][1]
    return len(rule.redemptions) > 0 and rule.redemptions.hold(text[start:following])


def _counted(norm: Normalised, found: list[tuple[ForbiddenRule, FrameMatch]]) -> list[Hit]:
    """Hits of a counting rule: a cluster of near ones, or all when there are too many in the whole text."""
    rule = found[0][0]
    count = rule.rule.count
    assert count is not None
    places: list[tuple[int, int]] = []
    for _, match in found:
        if not places or match.start >= places[-1][1]:
            places.append((match.start, match.end))
    clusters: list[list[tuple[int, int]]] = []
    for place in places:
        if clusters and place[0] - clusters[-1][-1][1] <= count.within:
            clusters[-1].append(place)
        else:
            clusters.append([place])
    broken = [c for c in clusters if len(c) >= count.near]
    if not broken and len(places) >= count.total:
        broken = [places]
    return [_hit(norm, rule, c[0][0], c[-1][1], found[0][1]) for c in broken]


def _hit(norm: Normalised, rule: ForbiddenRule, start: int, end: int, match: FrameMatch) -> Hit:
    first, last = norm.span(*((start, end) if rule.rule.exact else _whole_clauses(norm.text, start, end)))
    found = {name: norm.text[a:b] for name, (a, b) in match.captures.items()}
    return Hit(rule, first, last, norm.original[first:last], found)


def _whole_clauses(text: str, start: int, end: int) -> tuple[int, int]:
    """What is marked is the clause, not the three characters that gave it away: that is what has to be rewritten."""
    touched = [(a, b) for a, b in clauses(text) if a < end and start < b]
    if not touched:
        return start, end
    return _trimmed(text, min(touched[0][0], start), max(touched[-1][1], end))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the pauses and spaces at its edges."""
    while end > start + 1 and text[end - 1] in PAUSES + " .":
        end -= 1
    while start < end - 1 and text[start] in PAUSES + " .":
        start += 1
    return start, end


def _distinct(hits: list[Hit]) -> list[Hit]:
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.start, -h.end)):
        twin = next(
            (i for i, k in enumerate(kept) if k.rule is hit.rule and hit.start < k.end and k.start < hit.end), None
        )
        if twin is None:
            kept.append(hit)
        elif hit.end > kept[twin].end:
            end = hit.end
            kept[twin] = replace(kept[twin], end=end)
    return kept
