"""The playbook: the scenario's scripts, filled. It needs no model, no network and no search, and always has a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.rulebook.scripts import COMMON, Bullet, Scenario
from service.schemas import Step, StepName, Verdict
from service.writing.slots import Brief, Slots


class Playbook:
    """Writes from scripts."""

    def __init__(self, scenarios: Mapping[str, Scenario]) -> None:
        self._scenarios = scenarios

    def write(self, brief: Brief) -> list[Step]:
        """Every step of the plan, one bubble each. A step without any script in reach is left out.

        Where the reply would be longer than the desk allows, every step takes its shortest line.
        """
        steps = self._steps(brief, short=False)
        most = brief.inquiry.style.max_chars
        return steps if sum(len(step.text) + 1 for step in steps) <= most + 1 else self._steps(brief, short=True)

    def _steps(self, brief: Brief, *, short: bool) -> list[Step]:
        slots = Slots(brief)
        lines = ((name, self.line(brief, name, slots, short=short)) for name in brief.plan.steps)
        return [Step(step=name, text=text, writer="playbook") for name, text in lines if text]

    def line(self, brief: Brief, step: StepName, slots: Slots, *, short: bool = False) -> str:
        """One step's bubble.

        The most special bullets whose conditions hold and whose slots are filled; among equals the inquiry's hash
        picks, or the shortest is taken; none that an earlier agent turn has said already.
        """
        bullets = self._bullets(brief.plan.boundary.entry.scenario, brief.plan.verdict, step)
        rendered: list[tuple[int, str]] = []
        for bullet in bullets:
            if bullet.when.test(brief.known).value and (text := bullet.render(slots)):
                rendered.append((bullet.when.weight, text))
        fresh = [pair for pair in rendered if not slots.repeats(pair[1])] or rendered
        if not fresh:
            return ""
        top = max(weight for weight, _ in fresh)
        equals = [text for weight, text in fresh if weight == top]
        if short or brief.short(step):
            return min(equals, key=len)
        return equals[brief.pick(step, len(equals))]

    def last(self, brief: Brief, step: StepName) -> str:
        """The step's last bullet: no condition, only slots that are always there."""
        bullets = self._bullets(brief.plan.boundary.entry.scenario, brief.plan.verdict, step)
        return (bullets[-1].render(Slots(brief)) or "") if bullets else ""

    def _bullets(self, scenario: str, verdict: Verdict, step: StepName) -> Sequence[Bullet]:
        own = self._scenarios[scenario].scripts.get((verdict, step))
        return own or self._scenarios[COMMON].scripts.get((verdict, step), ())
