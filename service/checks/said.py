"""A text as the checks read it: normal form, clauses, sentences, what its frames say; worked out when needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property

from service.rulebook.checkrules import CheckRules
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

    @cached_property
    def matches(self) -> dict[str, list[FrameMatch]]:
        """All frame matches by group."""
        return self.rules.scan(self.text)

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
        return any(start <= m.start < end for m in self.matches[group])

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
            for match in self.matches[group]:
                if not start <= match.start < end or self._not_ours(match, outright=group == "outright"):
                    continue
                found.append(match)
        return found

    def _not_ours(self, match: FrameMatch, *, outright: bool) -> bool:
        if self.covered("asked", match) or self.covered("wished", match) or self.reported(match.start, match.end):
            return True
        return not outright and self.covered("negated", match)

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
