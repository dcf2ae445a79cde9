"""Weighing the whole message against what was heard in its parts."""

from __future__ import annotations

from collections.abc import Sequence

from service.reading.heard import Heard
from service.reading.resemble import Part
from service.reading.wishes import ordered
from service.rulebook.facts import FactFile
from service.rulebook.messages import Weighing


def weighed(parts: Sequence[Part], heard: list[Heard], weighing: Weighing, entry: FactFile) -> list[Heard]:
    """What stays heard of one fact, and what the buyer's message as a whole adds."""
    turns = [part for part in parts if part.speaker == "buyer" and (part.fresh or not weighing.leads.main)]
    scores = weighing.scores("。".join(part.text for part in turns)) if turns else {}
    if not scores:
        return heard
    if weighing.leads.main:
        return _main(weighing, scores, turns[-1], heard, entry)
    return _several(weighing, scores, turns[-1], heard)


def _main(weighing: Weighing, scores: dict[str, float], turn: Part, heard: list[Heard], entry: FactFile) -> list[Heard]:
    """The leading value by the whole message, where that is clear enough."""
    every = [one for one in heard if one.fact == weighing.fact and one.speaker == turn.speaker]
    own = [one for one in every if one.fresh] or every
    leads, said, now = weighing.leads, {str(one.value) for one in own}, ordered(own, entry)[-1]
    best = max(scores, key=lambda value: scores[value])
    silent = weighing.silent
    if (
        best in (now, silent[0])
        or now in leads.fixed
        or now not in weighing.told
        or (best in silent and best not in said)
    ):
        return heard
    need = leads.among if best in said else leads.against if said else leads.alone
    if scores[best] < leads.least or scores[best] - scores.get(now, 0.0) < need:
        return heard
    return [*heard, _whole(weighing.fact, best, turn)]


def _several(weighing: Weighing, scores: dict[str, float], turn: Part, heard: list[Heard]) -> list[Heard]:
    """Without the values the whole message speaks against, and with those it says clearly."""
    leads = weighing.leads
    best = max(scores.values())
    said = {str(one.value) for one in heard if one.fact == weighing.fact and one.speaker == turn.speaker}
    doubted = {v for v in said if scores.get(v, 0.0) < leads.doubt and best - scores.get(v, 0.0) > leads.doubt_lead}
    need = leads.beside if said else leads.add
    clear = [v for v, score in scores.items() if score >= need and v not in said and v not in weighing.silent]
    kept = [
        one for one in heard if one.fact != weighing.fact or one.speaker != turn.speaker or one.value not in doubted
    ]
    return [*kept, *(_whole(weighing.fact, value, turn) for value in clear)]


def _whole(fact: str, value: str, turn: Part) -> Heard:
    return Heard(fact, value, turn.speaker, turn.text, turn.index, 0, len(turn.text), turn.key, turn.fresh, whole=True)
