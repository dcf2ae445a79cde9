"""The method as planned: every step there, in order, and doing its job."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.checks.ground import Ground, core
from service.checks.said import Said, found_at
from service.rulebook.checkrules import CheckRules
from service.schemas import Finding, Step, StepIn, StepName

_HAN = re.compile(r"[\u4e00-\u9fff]")
_TELLING = 3
"""Different telling characters below which a buyer has said nothing to take up."""


@dataclass(frozen=True)
class _Placed:
    """A step and where it begins in the reply."""

    step: Step | StepIn
    start: int


def check_method(steps: Sequence[Step | StepIn], ground: Ground, rules: CheckRules) -> list[Finding]:
    """Findings of category ``method``, in text order.

    Offsets are code points of the reply: the steps' texts joined with a line break; ``step`` says whose it is. A step
    that is missing has an empty span where it should stand. Nothing is checked when nothing was given.
    """
    if not ground.given:
        return []
    placed: list[_Placed] = []
    start = 0
    for step in steps:
        placed.append(_Placed(step, start))
        start += len(step.text) + 1
    reply = "\n".join(step.text for step in steps)
    found = _order(placed, reply, ground, rules)
    for one in placed:
        found += _job(one, ground, rules)
    return sorted(found, key=lambda f: (f.start, f.end, f.rule))


def _order(placed: list[_Placed], reply: str, ground: Ground, rules: CheckRules) -> list[Finding]:
    if ground.planned is None:
        return []
    planned = list(ground.planned)
    names: list[StepName] = [one.step.step for one in placed]
    labels = rules.entry.method.steps
    found: list[Finding] = []
    for name in planned:
        if name not in names:
            later = planned[planned.index(name) + 1 :]
            place = next((one.start for one in placed if one.step.step in later), len(reply))
            found.append(found_at(rules, "step_missing", reply, place, place, step=name, name=labels[name]))
    wanted = [name for name in planned if name in names]
    kept: list[StepName] = []
    for one in placed:
        name, end = one.step.step, one.start + len(one.step.text)
        if name not in planned or name in kept:
            found.append(found_at(rules, "step_unplanned", reply, one.start, end, step=name, name=labels[name]))
            continue
        if wanted[len(kept)] != name:
            found.append(found_at(rules, "step_out_of_order", reply, one.start, end, step=name, name=labels[name]))
        kept.append(name)
    return found


def _job(one: _Placed, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Does the step do what it is there for? Findings are shifted to the reply."""
    name = one.step.step
    said = Said(one.step.text, rules)
    if not core(said.text):
        found = [said.finding("step_empty", 0, len(said.text), step=name, name=rules.entry.method.steps[name])]
    else:
        job = _JOBS.get(name)
        found = [
            *_familiar(said, ground, rules),
            *(job(said, ground, rules) if job else []),
            *(_yields(said, ground) if name != "empathy" else []),  # empathy tells back what was said before
            *_hurdles(said, ground),
            *_repeated(said, ground, rules),
        ]
    return [f.model_copy(update={"start": f.start + one.start, "end": f.end + one.start, "step": name}) for f in found]


def _empathy(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    found = [said.finding("empathy_formula", m.start, m.end) for m in said.matches("formula")]
    if ground.buyer and not _takes_up(said.text, ground, rules):
        found.append(said.finding("empathy_general", 0, len(said.text)))
    return found


def _takes_up(text: str, ground: Ground, rules: CheckRules) -> bool:
    """A telling character that the buyer or the order used as well. Who said next to nothing cannot be taken up."""
    common = set(rules.entry.method.common)
    claimed = set(_HAN.findall(ground.claimed.text)) - common
    if len(claimed) < _TELLING:
        return True
    recorded = ground.recorded.text
    return any(char in claimed or char in recorded for char in set(_HAN.findall(text)) - common)


def _rule(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    start, end = said.sentences[0]
    if any(start <= m.start < end for m in said.matches("conclusion")):
        return []
    return [said.finding("rule_without_conclusion", start, end)]


def _alternative(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """Something must be offered to be an alternative."""
    return [] if ground.offers else [said.finding("offer_not_there", 0, len(said.text))]


def _yields(said: Said, ground: Ground) -> list[Finding]:
    """In whichever step, nobody is talked out of a complaint, and what was refused is not given after all.

    Plain commitments are the grounding check's.
    """
    refused = ground.verdict in ("unreasonable", None)
    pairs = [("firmness_concedes", "concede")] * refused + [("firmness_discourages", "discourage")]
    return [
        said.finding(rule, m.start, m.end)
        for rule, group in pairs
        for m in said.matches(group)
        if not (said.covered("negated", m) or said.reported(m.start, m.end))
    ]


def _hurdles(said: Said, ground: Ground) -> list[Finding]:
    """What is due hangs on nothing more than what was decided."""
    if ground.verdict != "reasonable":
        return []
    return [
        said.finding("hurdle_added", m.start, m.end)
        for m in said.matches("hurdle")
        if not (said.reported(m.start, m.end) or said.text[m.start : m.end] in ground.recorded.text)
    ]


def _solution(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """What is due is given: some help must be named, whatever else is said."""
    if ground.verdict != "reasonable" or said.matches("help"):
        return []
    return [said.finding("solution_without_help", 0, len(said.text))]


def _question(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    if "?" in said.text or said.matches("ask_one"):
        return []
    return [said.finding("question_without_question", 0, len(said.text))]


def _closing(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    return [] if said.matches("next") else [said.finding("closing_without_next", 0, len(said.text))]


def _familiar(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    """亲 and its like, where neither tone, shop nor case allow them."""
    if ground.familiar is not False:
        return []
    return [said.finding("familiar_out_of_place", *match.span()) for match in rules.familiar.finditer(said.text)]


def _repeated(said: Said, ground: Ground, rules: CheckRules) -> list[Finding]:
    if not ground.agent:
        return []
    least = rules.entry.method.repeated_min
    return [
        said.finding("sentence_repeated", start, end)
        for start, end in said.sentences
        if len(core(said.text[start:end])) >= least and core(said.text[start:end]) in ground.told
    ]


_JOBS: dict[StepName, Callable[[Said, Ground, CheckRules], list[Finding]]] = {
    "empathy": _empathy,
    "rule": _rule,
    "alternative": _alternative,
    "closing": _closing,
    "solution": _solution,
    "question": _question,
}
