"""Provenance: numbers, commitments and acts have a source, and nothing stands in for one."""

from __future__ import annotations

from service.checks.commitments import ungranted, unrecorded
from service.checks.ground import Ground
from service.checks.numbers import unsourced
from service.checks.said import Said, Spans
from service.rulebook.checkrules import CheckRules
from service.schemas import Finding
from service.text.normalise import Normalised


def check_grounding(text: str | Normalised, ground: Ground, rules: CheckRules, told: Spans = ()) -> list[Finding]:
    """Findings of category ``grounding``, in text order; offsets are code points of ``text``.

    Rules: ``numbers_without_source``, ``buyer_number_as_commitment``, ``commitment_without_verdict``,
    ``act_said_done``, ``placeholder``. All but the last only warn when nothing was given to hold the text against.
    A text may be given in normal form. ``told`` are the spans in which the buyer's own story is told.
    """
    said = Said(text, rules)
    found = unsourced(said, ground, rules, told) + ungranted(said, ground, rules) + unrecorded(said, ground, rules)
    found += [said.finding("placeholder", m.start, m.end) for m in said.matches("pending")]
    return sorted(found, key=lambda f: (f.start, f.end, f.rule))
