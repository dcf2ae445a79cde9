"""``knowledge/checks.yaml``: what the checks of provenance, method, leaks, length and privacy look for.

Words, frames, limits and the Chinese of every finding are data; the code in ``service/checks`` knows only how they
play together. Each rule carries sentences that test it (``bad``, ``ok``); ``service.checks.examples`` runs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from service.errors import phrase
from service.rulebook.checkfile import CheckFile, PermitFile
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import FrameMatch, Frames
from service.rulebook.yamlfile import YamlFile, read_yaml
from service.text.normalise import fold

RULE_IDS = frozenset(
    {
        *("numbers_without_source", "buyer_number_as_commitment", "commitment_without_verdict"),
        *("act_said_done", "placeholder", "present_without_source"),
        *("step_missing", "step_unplanned", "step_out_of_order", "step_empty", "empathy_formula", "empathy_general"),
        *(
            "familiar_out_of_place",
            "rule_without_conclusion",
            "offer_not_there",
            "firmness_concedes",
            "firmness_discourages",
        ),
        *("solution_without_help", "question_without_question", "hurdle_added"),
        *("closing_without_next", "sentence_repeated"),
        *("too_long", "too_long_to_check", "private_data", "alias_left"),
    }
)
"""Rules the code asks for by name; leak rules besides these are found by their own patterns."""
GROUPS = frozenset(
    {
        *(
            "grant",
            "outright",
            "undertake",
            "negated",
            "asked",
            "wished",
            "conditional",
            "no_condition",
            "stated",
            "cap",
        ),
        *(
            "hand",
            "agree",
            "denied",
            "theirs",
            "noted",
            "lived",
            "your_day",
            "extra",
            "gift",
            "given_out",
            "due",
            "passed_on",
            "taken_back",
            "size",
            "missing",
        ),
        *("done", "done_for_you", "not_done", "pending"),
        *("formula", "conclusion", "concede", "discourage", "next", "help", "ask_one", "hurdle"),
    }
)
"""Lists of frames the code asks for by name."""
FIRST = frozenset({"outright", "grant", "done", "done_for_you", "pending"})
"""Groups that make findings by themselves; the others are searched when one of these, or a number, asks for them."""
ACT, BENEFITS, GRANT_WORDS, PRESENT_WORDS = "做", "好处", "授权", "白给"
"""Class of all acts; what stands in frames for all benefit classes, in file order; the classes of grant words and of
words that give something away."""


class CheckRules:
    """The file ready to run; everything costly is built when first used."""

    def __init__(self, entry: CheckFile, file: YamlFile, frames: Mapping[str, Frames]) -> None:
        self.entry, self.file, self._frames = entry, file, frames

    @cached_property
    def _first(self) -> FrameIndex[str]:
        return _index({group: self._frames[group] for group in sorted(FIRST)})

    @cached_property
    def _others(self) -> dict[str, FrameIndex[str]]:
        return {group: _index({group: frames}) for group, frames in self._frames.items() if group not in FIRST}

    def scan(self, text: str, clauses: Sequence[tuple[int, int]]) -> list[tuple[str, FrameMatch]]:
        """Group and match of every frame of the groups in ``FIRST`` within the clauses of a normalised text."""
        return self._first.scan(text, clauses)

    def search(self, group: str, text: str, start: int, end: int) -> list[FrameMatch]:
        """The matches of any other group within a span of a normalised text, in text order."""
        return [match for _, match in self._others[group].scan(text, [(start, end)])]

    @cached_property
    def leaks(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Rule id and pattern of everything that leaks; patterns run over normalised text."""
        return tuple((i, re.compile(p)) for i, rule in self.entry.rules.items() for p in rule.patterns)

    @cached_property
    def names(self) -> re.Pattern[str]:
        """Names that hold numbers and state nothing (``双11``)."""
        words = sorted(map(fold, self.entry.numbers.names), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, words)) or r"(?!)")

    @cached_property
    def familiar(self) -> re.Pattern[str]:
        """What is familiar."""
        return re.compile(self.entry.method.familiar)

    @cached_property
    def private_hint(self) -> re.Pattern[str]:
        """What a text must hold before looking for personal data is worth the time."""
        return re.compile(self.entry.private.hint)

    @cached_property
    def act_of(self) -> dict[str, str]:
        """Word (in normal form) → the act it says."""
        return {fold(word): name for name, act in self.entry.acts.items() for word in act.said}

    @cached_property
    def backing(self) -> dict[str, re.Pattern[str]]:
        """Act → what backs it in a record: one of its words with no denial before it."""
        denied = "".join(f"(?<!{re.escape(fold(word))})" for word in self.entry.not_recorded)
        return {
            name: re.compile(denied + "(?:" + "|".join(re.escape(fold(w)) for w in act.record or act.said) + ")")
            for name, act in self.entry.acts.items()
        }

    def permitted(self, offer: str) -> PermitFile:
        """What an offer allows to be promised; an offer nobody listed allows nothing by itself."""
        return self.entry.permits.get(offer, PermitFile(benefits=[]))

    def reason(self, rule: str) -> str:
        """Why this is found, for the desk."""
        found = self.entry.rules[rule]
        return phrase("finding_reason", title=found.name, why=found.why)

    def suggestion(self, rule: str, **slots: str) -> str | None:
        """What to do instead, filled in."""
        say = self.entry.rules[rule].say
        return say.format_map(slots) if say else None


def _index(groups: Mapping[str, Frames]) -> FrameIndex[str]:
    index: FrameIndex[str] = FrameIndex()
    for group, frames in groups.items():
        index.add(group, frames)
    index.compile()
    return index


def load_checkrules(path: Path) -> CheckRules:
    """Load ``knowledge/checks.yaml``.

    Raises:
        RulebookError: a broken file, a missing rule or list, an unknown class, a frame or pattern that is none; with
            file and line.
    """
    file = read_yaml(path)
    entry = file.parse(CheckFile)
    _complete(file, ("rules",), entry.rules, RULE_IDS)
    _complete(file, ("frames",), entry.frames, GROUPS)
    words = {**entry.words, **entry.benefits}
    words[ACT] = [word for act in entry.acts.values() for word in act.said]
    for offer, permit in entry.permits.items():
        for benefit in permit.benefits:
            if benefit not in entry.benefits:
                raise file.error(phrase("field_unknown", field=benefit), "permits", offer)
    _compiled(file, "private", entry.private.hint, ("private", "hint"))
    for rule, found in entry.rules.items():
        for place, pattern in enumerate(found.patterns):
            _compiled(file, rule, pattern, ("rules", rule, "patterns", place))
    every = "|".join(f"<{name}>" for name in entry.benefits)
    written = {group: [f.replace(f"<{BENEFITS}>", every) for f in listed] for group, listed in entry.frames.items()}
    frames = {group: _frames(file, group, listed, words) for group, listed in written.items()}
    return CheckRules(entry, file, frames)


def _complete(file: YamlFile, where: tuple[str, ...], given: Mapping[str, Any], wanted: frozenset[str]) -> None:
    missing = sorted(wanted - given.keys())
    if missing:
        raise file.error(phrase("field_missing", field=missing[0]), *where)


def _compiled(file: YamlFile, rule: str, pattern: str, where: tuple[str | int, ...]) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise file.error(phrase("rule_pattern", rule=rule, problem=error), *where) from None


def _frames(file: YamlFile, group: str, listed: list[str], words: Mapping[str, list[str]]) -> Frames:
    try:
        return Frames(listed, words)
    except ValueError:
        for place, frame in enumerate(listed):
            try:
                Frames([frame], words)
            except ValueError as error:
                raise file.error(str(error), "frames", group, place) from None
        raise
