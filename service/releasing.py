"""Steps leave one by one: each only when it and all before it have passed every check; none is ever taken back."""

from __future__ import annotations

from service import watching
from service.checking import Checker, Settled, blocks
from service.checks.ground import Ground
from service.schemas import Finding, Step, StepName
from service.writing.playbook import Playbook
from service.writing.slots import Brief


class Release:
    """The gate of one streamed draft.

    Args:
        safe: the playbook's steps as they passed together; what is not written, or does not pass, becomes one of these.
    """

    def __init__(self, checker: Checker, brief: Brief, ground: Ground, safe: list[Step], playbook: Playbook) -> None:
        self._checker, self._brief, self._ground, self._playbook = checker, brief, ground, playbook
        self._safe = safe
        self.steps: list[Step] = []
        """What has left."""
        self.replaced = False
        """Whether a model's step did not pass."""

    @property
    def open(self) -> bool:
        """Whether there is a step that has not left."""
        return len(self.steps) < len(self._safe)

    def pass_on(self, step: Step) -> list[Step]:
        """What leaves now that this step has come: the playbook's for those before it, then it or its spare."""
        out = self.fill(step.step)
        if not self.open or self._safe[len(self.steps)].step != step.step:
            return out
        if not self._stands(step):
            self.replaced = True
            return [*out, *self._spare()]
        self.steps.append(step)
        return [*out, step]

    def spoil(self, name: StepName) -> list[Step]:
        """What leaves now that the step of this name has come and cannot be used."""
        out = self.fill(name)
        if self.open and self._safe[len(self.steps)].step == name:
            self.replaced = True
            out += self._spare()
        return out

    def fill(self, until: StepName | None = None) -> list[Step]:
        """The playbook's steps for all that are still to come before ``until``; for all of them when it is None."""
        out: list[Step] = []
        names = [step.step for step in self._safe[len(self.steps) :]]
        if until is not None and until not in names:
            return out
        while self.open and self._safe[len(self.steps)].step != until:
            self.replaced = True
            before = len(out)
            out += self._spare()
            if len(out) == before:
                break
        return out

    def settled(self) -> Settled:
        """All that has left, with what was found on it."""
        findings: list[Finding] = self._checker.reply(self.steps, self._ground)
        if self.open or blocks(findings):
            return Settled(no_safe_draft=True)
        return Settled(self.steps, findings)

    def _spare(self) -> list[Step]:
        """The playbook's next step, or its last bullet: whichever stands after what has left."""
        step = self._safe[len(self.steps)]
        last = Step(step=step.step, text=self._playbook.last(self._brief, step.step), writer="playbook")
        for candidate in (step, last):
            if candidate.text and self._stands(candidate):
                self.steps.append(candidate)
                return [candidate]
        return []

    def _stands(self, step: Step) -> bool:
        """Whether a step passes after those that have left, the rest thought to be the playbook's."""
        together = [*self.steps, step]
        rest = self._safe[len(together) :]
        found = self._checker.prefix(together, rest, self._ground)
        if step.writer == "model":
            watching.found("model", ((one.category, one.severity) for one in found if one.step == step.step))
        return not blocks(found)
