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
        """Every step of the plan, one bubble each. A step without any script in reach is left out."""
        slots = Slots(brief)
        steps: list[Step] = []
        for name in brief.plan.steps:
            text = self.line(brief, name, slots)
            if text:
                steps.append(Step(step=name, text=text, writer="playbook"))
        return steps

    def line(self, brief: Brief, step: StepName, slots: Slots) -> str:
        """One step's bubble.

        The most special bullets whose conditions hold and whose slots are filled; among equals the inquiry's hash
        picks; none that an earlier agent turn has said already.
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
        return equals[brief.pick(step, len(equals))]

    def last(self, brief: Brief, step: StepName) -> str:
        """The step's last bullet: no condition, only slots that are always there."""
        bullets = self._bullets(brief.plan.boundary.entry.scenario, brief.plan.verdict, step)
        return (bullets[-1].render(Slots(brief)) or "") if bullets else ""

    def _bullets(self, scenario: str, verdict: Verdict, step: StepName) -> Sequence[Bullet]:
        own = self._scenarios[scenario].scripts.get((verdict, step))
        return own or self._scenarios[COMMON].scripts.get((verdict, step), ())
