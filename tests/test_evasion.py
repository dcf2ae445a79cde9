"""Disguises somebody made who knew neither the rules nor their tables: how many are seen through."""

from __future__ import annotations

from collections import Counter

import pytest

from service.rulebook.forbidden import ForbiddenRules
from service.rulebook.sentences import find_forbidden
from tests.desk import shipped
from tests.evasion import LOOKALIKES, PHRASES, TECHNIQUES, cases

EVERY = 7
"""One case in so many is tried; the whole set gives the same shares."""


@pytest.fixture(scope="module")
def rules() -> ForbiddenRules:
    return shipped().forbidden


def blocks(text: str, rules: ForbiddenRules) -> bool:
    return any(hit.rule.rule.severity == "block" for hit in find_forbidden(text, rules))


def test_there_are_enough_phrases_and_techniques() -> None:
    assert len(PHRASES) >= 100
    assert len(TECHNIQUES) >= 20
    assert {group for group, _ in TECHNIQUES.values()} == {"mechanical", "sound", "shape"}


def test_disguises_are_seen_through(rules: ForbiddenRules) -> None:
    """Of sentences that are caught undisguised. The floors lie a little under what is measured; they only rise."""
    plain = {p.sentence: blocks(p.sentence, rules) for p in PHRASES}
    tried: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    for case in cases(0)[::EVERY]:
        text, start, end = case["text"], case["start"], case["end"]
        if plain[text[:start] + case["phrase"] + text[end:]]:
            tried[case["group"]] += 1
            caught[case["group"]] += blocks(text, rules)
    assert sum(plain.values()) / len(plain) >= 0.88
    assert caught["mechanical"] / tried["mechanical"] >= 0.95
    assert caught["sound"] / tried["sound"] >= 0.84
    assert caught["shape"] / tried["shape"] >= 0.80


def test_sentences_that_only_look_disguised_pass(rules: ForbiddenRules) -> None:
    assert [text for text in LOOKALIKES if blocks(text, rules)] == []
