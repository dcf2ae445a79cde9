"""Rewriting a text where the rules can do it: what blocks is said otherwise or left out, the good rest stays.

What is done about which finding is data (``mend`` in ``knowledge/forbidden/_repair.yaml``). A text without a blocking
finding is never touched, so repairing twice is repairing once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.checks.once import said_again
from service.checks.rewriting import Rewriting
from service.errors import phrase
from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.rulefile import DATED
from service.rulebook.wording import Mend
from service.schemas import Change, Finding, StepIn
from service.text.normalise import fold

LONGEST = 5_000
"""Characters of a text that is still rewritten; no reply is near as long."""
_ROUNDS = 6
"""A change can bring a finding with it; what is not mended after so many rounds is a person's."""
_PARTS = re.compile(r"[^，。；]+[，。；]?")
_NO_STATEMENT = re.compile(r"[?？!！]+")
_STOP = "。"
_SHORTEST = 2
"""Characters from which a part of a suggestion counts as said already."""

Find = Callable[[str], list[Finding]]


@dataclass(frozen=True)
class Repaired:
    """The outcome: ``text`` is None when a person must write, and ``reason`` says why."""

    text: str | None
    rewriting: Rewriting
    reason: str | None = None

    @property
    def changes(self) -> list[Change]:
        """What was changed, in the original's order and places."""
        return self.rewriting.changes()

    def steps(self, steps: Sequence[StepIn]) -> list[StepIn]:
        """The steps whose texts, one a line, made up the original, as they read now; those that went are left out."""
        place, now = 0, []
        for step in steps:
            text = self.rewriting.part(place, place + len(step.text)).strip()
            place += len(step.text) + 1
            if text or not step.text.strip():
                now.append(step.model_copy(update={"text": text}))
        return now


@dataclass(frozen=True)
class _Target:
    """A stretch to be mended: what takes its place (empty: nothing), and whether it names a thing of its own."""

    start: int
    end: int
    new: str
    rule: str
    grave: bool
    own: bool
    strip: bool = False


def repair(text: str, find: Find, rules: ForbiddenRules) -> Repaired:
    """Rewrite ``text`` until nothing in it blocks.

    Args:
        text: as somebody wants to send it.
        find: the checks, over any text of the same case.
        rules: wordings, and what is done about which finding.
    """
    if len(text) > LONGEST:
        return Repaired(None, Rewriting(text), phrase("repair_too_long", limit=LONGEST))
    mending = _Mending(text, rules)
    blocking: list[Finding] = []
    for round_ in range(_ROUNDS):
        blocking = [finding for finding in find(mending.text) if finding.severity == "block"]
        if not blocking or not mending.step(blocking, again=round_ > 0):
            break
    if blocking:
        return Repaired(None, mending.rewriting, left(blocking))
    if not any(map(str.isalnum, mending.text)):
        return Repaired(None, mending.rewriting, phrase("repair_empty"))
    return Repaired(mending.text, mending.rewriting)


def left(blocking: Sequence[Finding]) -> str:
    """Why a text is given back without a rewritten one."""
    named = dict.fromkeys(finding.reason.split("：")[0] for finding in blocking)
    return phrase("repair_left", names="、".join(named))


class _Mending:
    """The rounds of one repair."""

    def __init__(self, text: str, rules: ForbiddenRules) -> None:
        self.rewriting = Rewriting(text)
        self.rules = rules
        self._lone = frozenset(rules.repairs.entry.lone)
        self._joints = tuple(sorted(rules.repairs.entry.joints, key=len, reverse=True))

    @property
    def text(self) -> str:
        return self.rewriting.text

    def step(self, blocking: Sequence[Finding], *, again: bool) -> bool:
        """One round; False when nothing could be done about any of the findings."""
        targets = _apart([target for finding in blocking for target in self._targets(finding, again)])
        before = self.text
        for target in reversed(self._thinned(targets)):
            self._apply(target)
        return self.text != before

    def _targets(self, finding: Finding, again: bool) -> list[_Target]:
        mend: Mend = self.rules.repairs.mend(finding.category, finding.rule)
        if mend == "leave":
            return []
        rule = self.rules.by_id.get(finding.rule)
        if rule is not None and rule.rule.count is not None and (spans := said_again(self.text, rule)):
            return [_Target(a, b, "", finding.rule, False, False, strip=True) for a, b in spans]
        start, end = finding.start, finding.end
        if mend != "strip":
            start, end = self.rewriting.whole(start, end, self._lone, sentence=mend == "sentence")
        if again and (rest := self._beside(start, end)) is not None:
            return [_Target(a, b, "", finding.rule, False, False) for a, b in rest or [(start, end)]]
        new = finding.suggestion or "" if mend == "say" else ""
        grave = finding.category in DATED
        return [_Target(start, end, new, finding.rule, grave, self._names(start, end), mend == "strip")]

    def _beside(self, start: int, end: int) -> list[tuple[int, int]] | None:
        """What of a span stands beside a suggestion already put into its sentence; None when there is none.

        The matter is told there: the words left of the old sentence go, and the suggestion itself when it is all.
        """
        first, last = self.rewriting.whole(start, end, sentence=True)
        said = [(a, b) for a, b in self.rewriting.said() if a < last and first < b]
        if not said:
            return None
        edges = [start, *(place for span in said for place in span if start < place < end), end]
        gaps = [(a, b) for a, b in pairwise(edges) if not any(c <= a and b <= d for c, d in said)]
        return [(a, b) for a, b in gaps if any(map(str.isalnum, self.text[a:b]))]

    def _names(self, start: int, end: int) -> bool:
        return any(self.rules.repairs.named_in(fold(self.text[start:end])))

    def _thinned(self, targets: list[_Target]) -> list[_Target]:
        """Of neighbours only those keep their suggestion that name a thing of their own; else the gravest does."""
        runs: list[list[_Target]] = []
        for target in targets:
            between = self.text[runs[-1][-1].end : target.start] if runs else "-"
            if runs and not any(map(str.isalnum, between)):
                runs[-1].append(target)
            else:
                runs.append([target])
        return [one for run in runs for one in _spoken(run)]

    def _apply(self, target: _Target) -> None:
        if target.strip and not self._clause(target):
            self.rewriting.replace(target.start, target.end, target.new, target.rule)
            return
        rest = self.text[: target.start] + "\n" + self.text[target.end :]
        new = _unsaid(target.new, rest)
        if new:
            asked = _NO_STATEMENT.match(self.text, target.end)  # what was shouted or asked is stated now
            end, mark = (asked.end(), _STOP) if asked else (target.end, "")
            self.rewriting.replace(target.start, end, new + mark, target.rule)
        else:
            start, end = self.rewriting.whole(target.start, target.end)
            self.rewriting.drop(start, end, target.rule, self._lone, self._joints)

    def _clause(self, target: _Target) -> bool:
        """Whether characters to be taken out make up their whole clauses."""
        start, end = self.rewriting.whole(target.start, target.end)
        said = self.text[start : target.start] + self.text[target.end : end]
        return not any(map(str.isalnum, said))


def _spoken(run: list[_Target]) -> list[_Target]:
    if any(target.own and target.new for target in run):
        chosen = [target.own for target in run]
    else:
        lead = max(range(len(run)), key=lambda i: (bool(run[i].new), run[i].grave, -i))
        chosen = [place == lead for place in range(len(run))]
    return [
        target if keep or target.strip else _Target(target.start, target.end, "", target.rule, False, False)
        for target, keep in zip(run, chosen, strict=True)
    ]


def _apart(targets: list[_Target]) -> list[_Target]:
    """Targets that do not overlap; what overlaps becomes one, with the gravest of the suggestions.

    Of two suggestions one of which lies within the other's stretch, the narrower stretch is tried first: the words
    around it may be good, and if they are not, the next round finds them.
    """
    kept: list[_Target] = []
    for target in sorted(targets, key=lambda t: (t.start, -t.end)):
        if not kept or target.start >= kept[-1].end:
            kept.append(target)
            continue
        one = max(kept[-1], target, key=lambda t: (bool(t.new), t.grave, t.end - t.start))
        own, strip = kept[-1].own or target.own, kept[-1].strip and target.strip
        start, end = kept[-1].start, max(kept[-1].end, target.end)
        if kept[-1].new and target.new and target.end <= kept[-1].end:
            start, end = target.start, target.end
        kept[-1] = _Target(start, end, one.new, one.rule, one.grave, own, strip)
    return kept


def _unsaid(new: str, rest: str) -> str:
    """A suggestion without the parts that stand in the rest of the text already."""
    parts = [part for part in _PARTS.findall(new) if len(core := part.strip("，。；")) < _SHORTEST or core not in rest]
    return "".join(parts).rstrip("，；")
