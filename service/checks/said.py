"""A text as the checks read it: normal form, clauses, sentences, what its frames say; worked out when needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property

from service.rulebook.checkrules import FIRST, CheckRules
from service.rulebook.frames import FrameMatch
from service.schemas import Finding, Severity, StepName
from service.text.normalise import Normalised, normalise
from service.text.segment import clauses, quoted, sentences

Spans = Sequence[tuple[int, int]]
"""Starts and ends of stretches of a text."""
GRANTS = ("outright", "grant")
"""Groups of frames that promise a benefit."""
PLEDGES = (*GRANTS, "undertake")
"""Groups of frames in which we bind ourselves."""
MOST = 200
"""Findings of one kind after which looking for more tells nobody more; keeps hostile texts cheap."""
_REACH = 8
"""Clauses back, the own one included, that a condition is looked for."""


class Said:
    """One text under check. Places are in normal form; findings are in code points of the text as sent."""

    def __init__(self, text: str | Normalised, rules: CheckRules) -> None:
        self.norm = text if isinstance(text, Normalised) else normalise(text)
        self.text = self.norm.text
        self.rules = rules
        self._searched: dict[tuple[str, int], list[FrameMatch]] = {}
        self._bound: dict[tuple[int, tuple[str, ...]], bool] = {}

    @cached_property
    def _found(self) -> dict[str, dict[int, list[FrameMatch]]]:
        """Matches of the groups in ``FIRST`` by the start of their clause."""
        found: dict[str, dict[int, list[FrameMatch]]] = {group: {} for group in FIRST}
        for group, match in self.rules.scan(self.text, self.clauses):
            found[group].setdefault(self.clause(match.start)[0], []).append(match)
        return found

    def matches(self, group: str) -> list[FrameMatch]:
        """All matches of a group, in text order."""
        if group in FIRST:
            return [match for found in self._found[group].values() for match in found]
        return self.rules.search(group, self.text, 0, len(self.text))

    def within(self, group: str, clause: tuple[int, int]) -> list[FrameMatch]:
        """The matches of a group in one clause; no frame reaches beyond one, and each is searched at most once."""
        start, end = clause
        if group in FIRST:
            return self._found[group].get(start, [])
        if (group, start) not in self._searched:
            self._searched[group, start] = self.rules.search(group, self.text, start, end)
        return self._searched[group, start]

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
        first, last = _around(self.quoted, start, 0)
        return first <= start and end <= last

    def clause(self, place: int) -> tuple[int, int]:
        """The clause a place lies in."""
        return _around(self.clauses, place, len(self.text))

    def sentence(self, place: int) -> tuple[int, int]:
        """The sentence a place lies in."""
        return _around(self.sentences, place, len(self.text))

    def covered(self, group: str, match: FrameMatch) -> bool:
        """True when the group has a match in the clause of ``match``."""
        return bool(self.within(group, self.clause(match.start)))

    def conditional(self, place: int) -> bool:
        """True when the place hangs on an ``if`` of its clause or of one of the few before it in the sentence.

        A bargain (``撤了投诉就…``) or a mere nod of the buyer's is no condition.
        """
        at = bisect_right(self.clauses, place, key=_start)
        begin = self.sentence(place)[0]
        near = [clause for clause in self.clauses[max(0, at - _REACH) : at] if clause[0] >= begin]
        return any(self.within("conditional", clause) for clause in near) and not any(
            self.within("no_condition", clause) for clause in near
        )

    def binds(self, clause: tuple[int, int], *, handing: bool = True, undertakings: bool = True) -> bool:
        """True when we bind ourselves in this clause in our own voice: not denied, asked, wished or quoted.

        With ``handing``, a number handed to the buyer (``给您……五百``) binds too; without ``undertakings`` only what is
        granted does, and not that we do something.
        """
        groups = PLEDGES if undertakings else GRANTS
        if (clause[0], groups) not in self._bound:
            self._bound[clause[0], groups] = any(
                self.ours(match, outright=group == "outright")
                for group in groups
                for match in self.within(group, clause)
            )
        return self._bound[clause[0], groups] or (handing and self._hands(clause))

    def _hands(self, clause: tuple[int, int]) -> bool:
        """True when a number is handed to the buyer here, not denied and not only repeated."""
        return not (self.within("denied", clause) or self.within("theirs", clause)) and any(
            self.ours(match, outright=False) for match in self.within("hand", clause)
        )

    def ours(self, match: FrameMatch, *, outright: bool) -> bool:
        """True when the match is said in our own voice; what is ``outright`` no denial takes back."""
        return not (
            (not outright and self.covered("negated", match))
            or self.covered("asked", match)
            or self.covered("wished", match)
            or self.reported(match.end - 1, match.end)
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


def _start(span: tuple[int, int]) -> int:
    return span[0]


def _around(spans: list[tuple[int, int]], place: int, length: int) -> tuple[int, int]:
    at = bisect_right(spans, place, key=_start) - 1
    return spans[at] if at >= 0 else (0, length)
