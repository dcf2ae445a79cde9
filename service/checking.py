"""All checks together: over a draft in the making, and over any text somebody wants to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.leaks import check_leaks
from service.checks.length import check_length, check_reach
from service.checks.method import check_method
from service.checks.phrases import check_phrases
from service.checks.privacy import check_privacy
from service.checks.said import Spans
from service.checks.theirs import story
from service.rulebook.book import CheckBook
from service.schemas import CheckRequest, CheckResult, Draft, Finding, Inquiry, Step, StepIn, StepName
from service.sourcing import ground_of, ground_of_request
from service.text.normalise import normalise
from service.text.segment import PAUSES, sentences
from service.watching import checking

if TYPE_CHECKING:  # a bare text is checked without any of these: the shell waits
    from service.checks.faithful import Faith
    from service.citing import Cited
    from service.writing.playbook import Playbook
    from service.writing.slots import Brief

WINDOW = 600
"""Characters checked at once; a reply is shorter."""
UNPAUSED = 200
"""Characters without a pause that are checked at once where a sentence does not fit: nobody writes so."""
ENOUGH = 50
"""Findings after which a text is not looked at further."""


@dataclass
class Settled:
    """Steps that passed, and what was found on them."""

    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    no_safe_draft: bool = False


class Checker:
    """Runs the checks of one rulebook."""

    def __init__(self, rulebook: CheckBook) -> None:
        self.rulebook = rulebook
        self._last: tuple[Ground, Faith] | None = None

    @checking()
    def settle(
        self, brief: Brief, steps: list[Step], ground_steps: list[Step], cited: Cited, playbook: Playbook
    ) -> Settled:
        """Keep the steps that pass; replace one that does not by the playbook's, then by its last bullet.

        If even that fails, nothing is given out: no steps, and ``no_safe_draft``.
        """
        ground = ground_of(brief, cited, ground_steps)
        findings = self.reply(steps, ground)
        if not blocks(findings):
            return Settled(steps, findings)
        spare = {step.step: step for step in ground_steps}
        settled = Settled()
        for step in steps:
            candidates = [step]
            if step.writer != "playbook" and step.step in spare:
                candidates.append(spare[step.step])
            candidates.append(Step(step=step.step, text=playbook.last(brief, step.step), writer="playbook"))
            passed = next((c for c in candidates if c.text and not blocks(self._alone(c, ground))), None)
            if passed is None:
                return Settled(no_safe_draft=True)
            settled.steps.append(passed)
        settled.findings = self.reply(settled.steps, ground)
        if blocks(settled.findings):
            last = [Step(step=s.step, text=playbook.last(brief, s.step), writer="playbook") for s in settled.steps]
            findings = self.reply(last, ground)
            return Settled(no_safe_draft=True) if blocks(findings) else Settled(last, findings)
        return settled

    def text(self, text: str, ground: Ground, told: Spans = ()) -> list[Finding]:
        """Every check that looks at words alone, in text order; in ``told`` the buyer's own story is told.

        A long text is checked window by window, cut at sentence ends where it has any, so that work grows with its
        length only. Beyond ``checked_chars`` (``knowledge/checks.yaml``) nothing is read: one blocking finding says so.
        A text with ``ENOUGH`` findings is bad enough: the windows after the one that brought their number there are not
        looked at by any check of words (it is blocked or warned of by what was found; ``too_long`` is told besides).
        """
        found: list[Finding] = []
        rules = self.rulebook.checkrules
        for start, end in _windows(text[: rules.entry.checked_chars]):
            here = [(a - start, b - start) for a, b in told] if start else told
            for finding in self._window(text[start:end], ground, here):
                place = {"start": finding.start + start, "end": finding.end + start}
                found.append(finding.model_copy(update=place) if start else finding)
            if len(found) >= ENOUGH:
                break
        return [*found, *check_reach(text, rules)]

    def _window(self, text: str, ground: Ground, told: Spans) -> list[Finding]:
        rules = self.rulebook.checkrules
        norm = normalise(text)
        found = [
            *check_phrases(
                norm,
                self.rulebook.forbidden,
                customer_quotes=ground.buyer,
                ground=ground,
                checkrules=rules,
                told=told,
            ),
            *check_grounding(norm, ground, rules, told),
            *check_leaks(norm, rules),
            *check_privacy(norm, ground, rules),
        ]
        return sorted(found, key=lambda finding: (finding.start, finding.end))

    @checking()
    def reply(self, steps: Sequence[Step], ground: Ground) -> list[Finding]:
        """Findings on the whole reply, with the step each lies in."""
        reply = "\n".join(step.text for step in steps)
        rules = self.rulebook.checkrules
        found = [*self.text(reply, ground, story(steps)), *check_length(reply, ground, rules)]
        return [*_located(found, steps), *self._faithful(steps, ground), *check_method(steps, ground, rules)]

    @checking()
    def prefix(self, steps: Sequence[Step], rest: Sequence[Step], ground: Ground) -> list[Finding]:
        """Findings on the steps that come first, ``rest`` being what would follow if nothing else came."""
        text = "\n".join(step.text for step in steps)
        rules = self.rulebook.checkrules
        whole = check_method([*steps, *rest], ground, rules)
        names = {step.step for step in steps}
        own = [finding for finding in whole if finding.step in names]
        faithful = self._faithful(steps, ground)
        return [*self.text(text, ground, story(steps)), *check_length(text, ground, rules), *faithful, *own]

    def note(self, text: str, ground: Ground) -> list[Finding]:
        """Findings on a model's remark to the desk."""
        return [*self.text(text, ground), *self._faith(ground).note(text)]

    @checking()
    def passing(self, note: str, ground: Ground) -> str:
        """A model's remark, or nothing where something was found that blocks it."""
        return "" if note and blocks(self.note(note, ground)) else note

    def _alone(self, step: Step, ground: Ground) -> list[Finding]:
        """Findings on the words of one step."""
        return [*self.text(step.text, ground, story([step])), *self._faithful([step], ground)]

    def _faithful(self, steps: Sequence[Step], ground: Ground) -> list[Finding]:
        """Findings on the steps a model wrote, held against the playbook's; places are those of the reply."""
        found, place = [], 0
        for step in steps:
            if step.writer == "model":
                for one in self._faith(ground).step(step.step, step.text):
                    found.append(one.model_copy(update={"start": one.start + place, "end": one.end + place}))
            place += len(step.text) + 1
        return found

    def _faith(self, ground: Ground) -> Faith:
        """What a model's words about a draft may hold; the same draft asks again and again."""
        from service.checks.faithful import Faith

        if self._last is None or self._last[0] is not ground:
            ear = self.rulebook.forbidden.ear
            self._last = ground, Faith(ground, self.rulebook.faithful, ear.likeness if ear else None)
        return self._last[1]

    def check(self, request: CheckRequest, stored: tuple[Draft, Inquiry] | None) -> CheckResult:
        """Any text against everything that is known of its case."""
        ground = ground_of_request(request, stored, self.rulebook)
        found = self._found(request.text, request.steps, ground)
        result = CheckResult(passed=not blocks(found), findings=found)
        return self._repaired(request, ground, result) if request.repair else result

    def _found(self, text: str, steps: Sequence[StepIn] | None, ground: Ground) -> list[Finding]:
        """Findings on a text, and on the steps it is made of where there is a case to hold them against."""
        rules = self.rulebook.checkrules
        found = [*self.text(text, ground, story(steps or ())), *check_length(text, ground, rules)]
        if steps and ground.given:
            return [*_located(found, steps), *check_method(steps, ground, rules)]
        return found

    def _repaired(self, request: CheckRequest, ground: Ground, result: CheckResult) -> CheckResult:
        """The result with the text rewritten, or with the reason why a person has to write."""
        from service.checks.repair import left, repair  # only who asks for it pays for it

        if result.passed:
            return result.model_copy(update={"repaired": request.text})
        done = repair(request.text, lambda text: self.text(text, ground), self.rulebook.forbidden)
        text, reason = done.text, done.reason
        if text is not None and request.steps:
            still = [f for f in self._found(text, done.steps(request.steps), ground) if f.severity == "block"]
            text, reason = (None, left(still)) if still else (text, None)
        changes = done.changes if text is not None else []
        return result.model_copy(update={"repaired": text, "changes": changes, "repair_reason": reason})


def _windows(text: str) -> list[tuple[int, int]]:
    """Spans of at most ``WINDOW`` characters that cover the text."""
    if len(text) <= WINDOW:
        return [(0, len(text))]
    windows: list[tuple[int, int]] = []
    start = 0
    for _, end in [*sentences(text), (0, len(text))]:
        while end - start > WINDOW:
            stop = _pause(text, start)
            windows.append((start, stop))
            start = stop
        if end - start > WINDOW // 2 or end == len(text):
            windows.append((start, end))
            start = end
    return [(a, b) for a, b in windows if a < b]


def _pause(text: str, start: int) -> int:
    """Where a sentence longer than a window is cut: behind its last pause in there, or where one was long due."""
    last = max(text.rfind(pause, start, start + WINDOW) for pause in PAUSES)
    return last + 1 if last >= start + UNPAUSED // 2 else start + UNPAUSED


def blocks(findings: Sequence[Finding]) -> bool:
    """Whether anything found keeps a text from being sent."""
    return any(finding.severity == "block" for finding in findings)


def _located(findings: Sequence[Finding], steps: Sequence[Step | StepIn]) -> list[Finding]:
    ends: list[tuple[int, StepName]] = []
    place = 0
    for step in steps:
        place += len(step.text) + 1
        ends.append((place, step.step))
    return [
        finding.model_copy(update={"step": next((name for end, name in ends if finding.start < end), None)})
        for finding in findings
    ]
