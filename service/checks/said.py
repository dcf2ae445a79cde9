"""A text as the checks read it: normal form, clauses, sentences, what its frames say; worked out when needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property

from service.rulebook.checkrules import FIRST, CheckRules
from service.rulebook.frames import FrameMatch
from service.schemas import Finding, Severity, StepName
from service.text.normalise import normalise
from service.text.segment import clauses, quoted, sentences

PLEDGES = ("outright", "grant", "undertake")
"""Groups of frames in which we bind ourselves."""


class Said:
    """One text under check. Places are in normal form; findings are in code points of the text as sent."""

    def __init__(self, text: str, rules: CheckRules) -> None:
        self.norm = normalise(text)
        self.text = self.norm.text
        self.rules = rules
        self._searched: dict[tuple[str, int], list[FrameMatch]] = {}

    @cached_property
    def _found(self) -> dict[str, list[FrameMatch]]:
        found: dict[str, list[FrameMatch]] = {group: [] for group in FIRST}
        for start, end in self.clauses:
            for group, match in self.rules.scan(self.text, start, end):
                found[group].append(match)
        return found

    def matches(self, group: str, within: tuple[int, int] | None = None) -> list[FrameMatch]:
        """The matches of a group that begin within the span (all when not given), in text order.

        No frame reaches beyond a clause, so a span is searched clause by clause, each at most once.
        """
        start, end = within or (0, len(self.text))
        if group in FIRST:
            return [m for m in self._found[group] if start <= m.start < end]
        if within is None:
            return self.rules.search(group, self.text, start, end)
        found: list[FrameMatch] = []
        for a, b in self.clauses:
            if b <= start or a >= end:
                continue
            if (group, a) not in self._searched:
                self._searched[group, a] = self.rules.search(group, self.text, a, b)
            found += [m for m in self._searched[group, a] if start <= m.start < end]
        return found

    @cached_property
    def clauses(self) -> list[tuple[int, int]]:
        """Spans between pauses."""
        return clauses(self.text)

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """Spans between full stops."""
        return sentences(self.text)

    @cached_property
    def quoted(self) -> list[tuple[int, int]]:
        """Spans that are somebody else's words."""
        return quoted(self.text)

    def reported(self, start: int, end: int) -> bool:
        """True when the span is somebody else's words."""
        return any(a <= start and end <= b for a, b in self.quoted)

    def clause(self, place: int) -> tuple[int, int]:
        """The clause a place lies in."""
        return _around(self.clauses, place, len(self.text))

    def sentence(self, place: int) -> tuple[int, int]:
        """The sentence a place lies in."""
        return _around(self.sentences, place, len(self.text))

    def has(self, group: str, start: int, end: int) -> bool:
        """True when a match of the group begins within the span."""
        return bool(self.matches(group, (start, end)))

    def covered(self, group: str, match: FrameMatch) -> bool:
        """True when a match of the group begins in the clause of ``match``."""
        return self.has(group, *self.clause(match.start))

    def conditional(self, place: int) -> bool:
        """True when the place hangs on an ``if`` of its clause or of an earlier one in the sentence.

        A bargain (``撤了投诉就…``) or a mere nod of the buyer's is no condition.
        """
        start, end = self.sentence(place)[0], self.clause(place)[1]
        return self.has("conditional", start, end) and not self.has("no_condition", start, end)

    def pledges(self, start: int, end: int) -> list[FrameMatch]:
        """Where, between the two places, we bind ourselves in our own voice: not denied, asked, wished or quoted."""
        found = []
        for group in PLEDGES:
            for match in self.matches(group, (start, end)):
                if self.ours(match, outright=group == "outright"):
                    found.append(match)
        return found

    def ours(self, match: FrameMatch, *, outright: bool) -> bool:
        """True when the match is said in our own voice; what is ``outright`` no denial takes back."""
        return not (
            (not outright and self.covered("negated", match))
            or self.covered("asked", match)
            or self.covered("wished", match)
            or self.reported(match.start, match.end)
        )

    def finding(
        self,
        rule: str,
        start: int,
        end: int,
        *,
        warn: bool = False,
        step: StepName | None = None,
        **slots: str,
    ) -> Finding:
        """A finding on a span of the normal form."""
        first, last = self.norm.span(start, end)
        return found_at(self.rules, rule, self.norm.original, first, last, warn=warn, step=step, **slots)


def found_at(
    rules: CheckRules,
    rule: str,
    text: str,
    start: int,
    end: int,
    *,
    warn: bool = False,
    step: StepName | None = None,
    **slots: str,
) -> Finding:
    """A finding on a span of the text as sent; ``warn`` lowers it to a warning. ``slots`` fill its suggestion."""
    entry = rules.entry.rules[rule]
    severity: Severity = "warn" if warn else entry.severity
    excerpt = text[start:end]
    return Finding(
        rule=rule,
        category=entry.category,
        severity=severity,
        start=start,
        end=end,
        excerpt=excerpt,
        reason=rules.reason(rule),
        suggestion=rules.suggestion(rule, excerpt=excerpt, **slots),
        step=step,
    )


def _around(spans: list[tuple[int, int]], place: int, length: int) -> tuple[int, int]:
    key: Callable[[tuple[int, int]], int] = lambda span: span[0]  # noqa: E731
    at = bisect_right(spans, place, key=key) - 1
    return spans[at] if at >= 0 else (0, length)
