"""The plan: which steps this verdict wants, by the method's own conditions (``knowledge/method.yaml``)."""

from __future__ import annotations

from dataclasses import dataclass

from service.facts import Known
from service.judging import Decision
from service.rulebook.boundaries import Boundary
from service.rulebook.conditions import Value
from service.rulebook.methodfile import Method
from service.schemas import StepName, Verdict

HAS_OFFER = "has_offer"


@dataclass(frozen=True)
class Plan:
    """The steps wanted, in order, and what may be offered."""

    verdict: Verdict
    boundary: Boundary
    steps: tuple[StepName, ...]
    offers: tuple[str, ...]


def plan(decision: Decision, known: Known, method: Method) -> Plan:
    """The plan for a decision. Sets the fact ``has_offer``, on which plans and scripts may hang.

    An offer counts when it needs no grant, or when its grant is filled for this role and case. A grant the boundary
    does not offer is emptied, so that no script can give it.
    """
    main = decision.main
    offers = tuple(name for name in main.boundary.entry.offer if _available(name, known, method))
    for name, offer in method.entry.offers.items():
        if offer.slot and name not in offers:
            known[offer.slot] = Value()
    known[known.book.by_id(HAS_OFFER).name] = Value(bool(offers), source="derived")
    steps = tuple(place.step for place in method.plans[main.verdict] if place.when.test(known).value)
    return Plan(main.verdict, main.boundary, steps, offers)


def _available(name: str, known: Known, method: Method) -> bool:
    slot = method.entry.offers[name].slot
    return not slot or known[slot].filled
