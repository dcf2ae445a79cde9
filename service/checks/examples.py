"""Running the sentences that stand beside each rule of ``knowledge/checks.yaml``."""

from __future__ import annotations

from collections.abc import Callable

from service.checks.faithful import Faith
from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.leaks import check_leaks
from service.checks.length import check_length, check_reach
from service.checks.method import check_method
from service.checks.privacy import check_privacy
from service.checks.theirs import story
from service.errors import phrase
from service.rulebook.checkfile import ExampleFile
from service.rulebook.checkrules import CheckRules
from service.rulebook.faithfile import FaithExample, FaithRules
from service.rulebook.likeness import Likeness
from service.schemas import Finding, StepIn

_CHECKS: dict[str, Callable[[ExampleFile, Ground, CheckRules], list[Finding]]] = {
    "grounding": lambda example, ground, rules: check_grounding(
        example.text or "\n".join(step.text for step in _steps(example)), ground, rules, story(_steps(example))
    ),
    "method": lambda example, ground, rules: check_method(_steps(example), ground, rules),
    "leak": lambda example, ground, rules: check_leaks(example.text, rules),
    "length": lambda example, ground, rules: [
        *check_length(example.text, ground, rules),
        *check_reach(example.text, rules, example.checked_chars),
    ],
    "privacy": lambda example, ground, rules: check_privacy(example.text, ground, rules),
}


def check_examples(rules: CheckRules) -> None:
    """Every ``bad`` must be found by its rule, no ``ok`` may be.

    Raises:
        RulebookError: the first example that comes out otherwise; with file, line and sentence.
    """
    for name, rule in rules.entry.rules.items():
        for part, wanted in (("bad", True), ("ok", False)):
            for place, example in enumerate(rule.bad if wanted else rule.ok):
                found = _CHECKS[rule.category](example, _ground(example), rules)
                hit = next((f for f in found if f.rule == name), None)
                if (hit is not None) is wanted:
                    continue
                sentence = example.text or " / ".join(step.text for step in _steps(example))
                reason = (
                    phrase("rule_ok_hit", rule=name, sentence=sentence, hit=hit.excerpt)
                    if hit
                    else phrase("rule_bad_not_hit", rule=name, sentence=sentence)
                )
                raise rules.file.error(reason, "rules", name, part, place)


def check_faithful_examples(rules: FaithRules, likeness: Likeness | None) -> None:
    """The same for ``knowledge/faithful.yaml``; an ``ok`` no rule of the file may find.

    Raises:
        RulebookError: the first example that comes out otherwise; with file, line and sentence.
    """
    for name, rule in rules.entry.rules.items():
        for place, example in enumerate(rule.bad):
            if not any(found.rule == name for found in _unfaithful(example, rules, likeness)):
                reason = phrase("rule_bad_not_hit", rule=name, sentence=example.text)
                raise rules.file.error(reason, "rules", name, "bad", place)
        for place, example in enumerate(rule.ok):
            if found := _unfaithful(example, rules, likeness):
                reason = phrase("rule_ok_hit", rule=found[0].rule, sentence=example.text, hit=found[0].excerpt)
                raise rules.file.error(reason, "rules", name, "ok", place)


def _unfaithful(example: FaithExample, rules: FaithRules, likeness: Likeness | None) -> list[Finding]:
    ground = Ground(
        records=tuple(example.records),
        buyer=tuple(example.buyer),
        verdict=example.verdict,
        playbook=tuple(pair for step in example.ground for pair in step.items()),
        given=True,
    )
    faith = Faith(ground, rules, likeness)
    return faith.note(example.text) if example.note else faith.step(example.step, example.text)


def _steps(example: ExampleFile) -> list[StepIn]:
    return [StepIn(step=name, text=text) for step in example.steps for name, text in step.items()]


def _ground(example: ExampleFile) -> Ground:
    return Ground(
        records=tuple(example.records),
        buyer=tuple(example.buyer),
        agent=tuple(example.agent),
        verdict=example.verdict,
        offers=tuple(example.offers),
        planned=tuple(example.planned) if example.planned is not None else None,
        max_chars=example.max_chars,
        familiar=example.familiar,
        given=example.given,
    )
