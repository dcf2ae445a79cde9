"""The shipped eval cases and their twins, through the production drafter."""

import pytest

from evals.dataset import Case, load_cases
from service.text.numerals import find_numbers
from tests.desk import draft, shipped

CASES = {case.entry.id: case for case in load_cases()}


@pytest.mark.parametrize("name", sorted(CASES))
async def test_case(name):
    case = CASES[name]
    expect = case.entry.expect
    made = await draft(case.inquiry)
    assert made.verdict == expect.verdict
    if expect.scenario:
        assert made.scenario == expect.scenario
    if expect.threat:
        assert made.threat == expect.threat
    if expect.steps:
        assert [step.step for step in made.steps] == expect.steps
    for source in expect.sources:
        assert source in {demand.rule for demand in made.demands}
    if expect.numbers is not None:
        said = {number.value for number in find_numbers(made.reply) if number.value > 3}
        assert said <= set(expect.numbers), said - set(expect.numbers)


@pytest.mark.parametrize("name", sorted(name for name, case in CASES.items() if case.entry.twins))
async def test_twins(name):
    case = CASES[name]
    original = await draft(case.inquiry)
    for twin in case.entry.twins:
        made = await draft(case.twin(twin, _order_field(case, twin.forget)))
        if twin.verdict:
            assert made.verdict == twin.verdict, twin
        if twin.threat:
            assert made.threat == twin.threat, twin
        if twin.asks:
            assert shipped().facts.facts[twin.asks].entry.id in [one.fact for one in made.missing], twin
        for what in twin.same:
            one, two = ((d.basis.boundary if what == "offer" else getattr(d, what)) for d in (original, made))
            assert one == two, (twin, what)


def _order_field(case: Case, forget: str | None) -> str | None:
    return shipped().facts.facts[forget].entry.order if forget else None
