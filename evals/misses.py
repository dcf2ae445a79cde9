"""What a case does not come out as: the one list of cases that are not right yet, and how to renew it.

The tests hold every other case, and everything else about the listed ones; a listed miss that has been mended has to
leave the list (``python -m tests.renew_misses`` writes it anew).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evals.dataset import Case, Twin
from evals.playing import Drafting, Play
from service.rulebook.yamlfile import read_yaml
from service.schemas import Message
from service.text.numerals import find_numbers

if TYPE_CHECKING:
    from service.rulebook.facts import FactBook
    from service.schemas import Draft

KNOWN = Path(__file__).with_name("known_misses.yaml")
SMALL = 3
"""Numbers up to this are counting words, not claims."""


def known_misses() -> dict[str, list[str]]:
    """Case id → what is known to be wrong with it."""
    return read_yaml(KNOWN).parse(dict[str, list[str]]) if KNOWN.exists() else {}


async def misses(case: Case, draft: Drafting, facts: FactBook) -> list[str]:
    """Everything in which a case, or one of its twins, does not come out as written."""
    made = await draft(case.inquiry)
    found = list(_of_case(case, made))
    for number, twin in enumerate(case.entry.twins, 1):
        field = facts.facts[twin.forget].entry.order if twin.forget else None
        other = await draft(case.twin(twin, field))
        found += [f"twin {number}: {what}" for what in _of_twin(twin, made, other, facts)]
    return [*found, *await _of_ladder(case, made, draft, facts)]


async def moves(case: Case, draft: Drafting, tones: Mapping[str, str]) -> list[str]:
    """What moves the same words to another verdict or boundary: a tone, or our own answer before them; none should.

    Args:
        case: whose last message is put in each tone.
        draft: the drafter.
        tones: name → pattern with ``{said}`` for the message.
    """
    inquiry = case.inquiry
    *before, last = inquiry.messages
    made = await draft(inquiry)
    found = []
    for tone, pattern in tones.items():
        said = last.model_copy(update={"content": pattern.format(said=last.content)})
        other = await draft(inquiry.model_copy(update={"messages": (*before, said)}))
        if (other.verdict, other.basis.boundary) != (made.verdict, made.basis.boundary):
            found.append(f"moved by: {tone}")
    if made.reply:  # said again after our own answer: what we say must not be heard as a fact
        answered = (*before, last, Message(role="agent", content=made.reply), last)
        other = await draft(inquiry.model_copy(update={"messages": answered}))
        if other.verdict != made.verdict:
            found.append("moved by: our own answer")
    return found


def _of_case(case: Case, made: Draft) -> list[str]:
    expect = case.entry.expect
    wanted = {"verdict": expect.verdict, "scenario": expect.scenario, "threat": expect.threat}
    found = [name for name, value in wanted.items() if value and getattr(made, name) != value]
    if expect.steps and [step.step for step in made.steps] != expect.steps:
        found.append("steps")
    if not set(expect.sources) <= {demand.rule for demand in made.demands}:
        found.append("sources")
    if expect.numbers is not None:
        said = {number.value for number in find_numbers(made.reply) if number.value > SMALL}
        found += ["numbers"] * (not said <= set(expect.numbers))
    return found


async def _of_ladder(case: Case, made: Draft, draft: Drafting, facts: FactBook) -> list[str]:
    """The first push that turned the verdict."""
    if not case.entry.pushes:
        return []
    played = await Play(draft, facts, twins=False).case(case)
    turned = (n for n, turn in enumerate(played.pushes, 1) if turn.draft and turn.draft.verdict != made.verdict)
    return [f"push {number}: verdict" for number in list(turned)[:1]]


def _of_twin(twin: Twin, made: Draft, other: Draft, facts: FactBook) -> list[str]:
    found = []
    if twin.verdict and other.verdict != twin.verdict:
        found.append("verdict")
    if twin.threat and other.threat != twin.threat:
        found.append("threat")
    if twin.asks and facts.facts[twin.asks].entry.id not in [one.fact for one in other.missing]:
        found.append("asks")
    for what in twin.same:
        one, two = ((d.basis.boundary if what == "offer" else getattr(d, what)) for d in (made, other))
        if one != two:
            found.append(f"{what} not the same")
    return found
