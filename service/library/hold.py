"""Which sentences of a document are held: kept, shown in search, and not used in a draft until a person releases them.

Documents come from everywhere, and some of their sentences command the system, hide, or fall below the law's floor.
What such sentences look like is data (``knowledge/library/held.yaml``, and what :mod:`service.library.suspicion` has
learned); here is only how the rules are asked. A sentence is read as it stands, in normal form and drawn together, so
that full width, traditional characters, invisible marks or spaces hide nothing. One that disapproves (``不得…``,
``…无效``), or stands under a heading that does, is no command of its own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from service.errors import RulebookError
from service.library.rules import HeldRule, LibraryRules, example_problem
from service.text.normalise import normalise

Reach = Literal["sentence", "paragraph"]

_BETWEEN = re.compile(
    r"(?<=[\u4e00-\u9fff])[^\w\n，。！？；：、,.!?;:“”‘’\"'（）()《》〈〉【】%—…]+(?=[\u4e00-\u9fff])"
)
DISAPPROVES = "held.disapproves"
HEADINGS = "held.headings"


def held_reason(words: str, path: str, rules: LibraryRules, reach: Reach = "sentence") -> str | None:
    """Why a sentence, or a whole paragraph, is held; None when it is not.

    Args:
        words: as they stand in the cleaned document.
        path: the headings they stand under.
        rules: of the library.
        reach: which rules to ask.
    """
    readings = _readings(words)
    hit = _worded(readings, path, rules, reach)
    if hit is not None or reach == "paragraph" or rules.suspicion is None or rules.compiled[HEADINGS].search(path):
        return hit
    return next((why for one in readings if (why := rules.suspicion.reason(one))), None)


def _worded(readings: set[str], path: str, rules: LibraryRules, reach: Reach) -> str | None:
    """The reason of the first rule whose words stand there."""
    if not any(map(rules.compiled[f"all.{reach}"].search, readings)):
        return None
    excused = _disapproved(readings, path, rules)
    asked = (rule for rule in rules.held.rules if rule.reach == reach and (rule.whatever or not excused))
    return next((rule.reason for rule in asked if _hits(rule, readings, rules)), None)


def check_examples(rules: LibraryRules, folder: Path) -> list[RulebookError]:
    """Run every rule's own sentences, one rule at a time; what is wrong, one error each."""
    problems: list[RulebookError] = []
    for rule in rules.held.rules:
        for wanted, examples in ((True, rule.hold), (False, rule.allow)):
            for example in examples:
                readings = _readings(example)
                excused = not rule.whatever and _disapproved(readings, "", rules)
                if (not excused and _hits(rule, readings, rules)) != wanted:
                    problems.append(example_problem(folder / "held.yaml", rule.id, example, wanted))
    return problems


def _readings(words: str) -> set[str]:
    """As it stands, in normal form, and without what is put between the characters to pull a word apart."""
    plain = normalise(words).text
    return {words, plain, _BETWEEN.sub("", plain)}


def _hits(rule: HeldRule, readings: set[str], rules: LibraryRules) -> bool:
    pardon = rules.compiled[f"{rule.id}.unless"]
    return any(map(rules.compiled[rule.id].search, readings)) and not any(map(pardon.search, readings))


def _disapproved(readings: set[str], path: str, rules: LibraryRules) -> bool:
    return rules.compiled[HEADINGS].search(path) or any(rules.compiled[DISAPPROVES].search(r) for r in readings)
