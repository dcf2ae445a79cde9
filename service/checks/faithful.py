"""A model's words hold nothing that the playbook's do not: no benefit, act or refusal, no topic, no strange writing.

The playbook's steps were decided by rules and passed every check; a model only words them again. The desk's own words
and the playbook's are never looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from service.checks.distance import Compass
from service.checks.ground import Ground, core
from service.errors import phrase
from service.rulebook.faithfile import FaithRules, WordList
from service.rulebook.likeness import Likeness
from service.schemas import Finding, StepName
from service.text.normalise import Normalised, fold, normalise
from service.text.segment import blank, clauses, quoted, sentences

Mode = Literal["said", "conditional", "denied", "asked", "wished"]


@dataclass(frozen=True)
class _Word:
    """A word of a class as it stands in a text: how it is meant, and whether its clause grants something."""

    name: str
    word: str
    start: int
    end: int
    mode: Mode
    granting: bool


class Faith:
    """What a model's words about one draft may hold. Make one for a draft and use it for all its steps."""

    def __init__(self, ground: Ground, rules: FaithRules, likeness: Likeness | None = None) -> None:
        self._ground, self._rules = ground, rules
        self._compass = Compass(ground, rules.entry.distance, likeness)
        self._seen: dict[tuple[StepName, str], list[Finding]] = {}

    def step(self, step: StepName, text: str) -> list[Finding]:
        """Findings on a model's step, in text order; sentences that stand in the playbook's steps are its own."""
        if (step, text) not in self._seen:  # a stream asks again with every step that follows
            self._seen[step, text] = self._step(step, text)
        return self._seen[step, text]

    def _step(self, step: StepName, text: str) -> list[Finding]:
        norm = normalise(text)
        own = [span for span in sentences(norm.text) if core(norm.text[slice(*span)]) in self._known]
        rest = Normalised(text, blank(norm.text, own), norm.starts, norm.ends) if own else norm
        first = step == self._rules.entry.retelling
        found = [*self._strange(text), *self._claims(rest, first), *self._topics(rest, first)]
        if not own and not found and self._compass.far(step, norm.text, first=first):
            found.append(self._finding("far_from_ground", norm, 0, len(norm.text)))
        return [one.model_copy(update={"step": step}) for one in sorted(found, key=lambda f: (f.start, f.end))]

    def note(self, text: str) -> list[Finding]:
        """Findings on a model's remark to the desk: it speaks of the case, never to the buyer."""
        norm, note = normalise(text), self._rules.entry.note
        plain = blank(norm.text, quoted(norm.text))
        found = [*self._strange(text), *self._claims(norm, True), *self._topics(norm, True)]
        if any(w in plain for w in map(fold, note.addressed)) or not any(w in plain for w in map(fold, note.about)):
            found.append(self._finding("not_a_note", norm, 0, len(norm.text)))
        return sorted(found, key=lambda f: (f.start, f.end))

    def given(self, text: str) -> dict[str, str]:
        """The classes of benefits a text gives outright, and the word that gives each; whoever wrote it."""
        claims = self._rules.entry.claims
        return {
            one.name: one.word
            for one in self._words(self._rules.claims, fold(text))
            if one.mode == "said" and one.granting and not claims[one.name].refuses
        }

    @cached_property
    def _steps(self) -> list[str]:
        return [fold(text) for _, text in self._ground.playbook]

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(core(text[start:end]) for text in self._steps for start, end in sentences(text))

    @cached_property
    def _talk(self) -> str:
        """What was said before, in normal form."""
        return "\n".join((*self._ground.claimed.texts, *map(fold, self._ground.agent)))

    @cached_property
    def _material(self) -> str:
        """Everything of the case, in normal form."""
        return "\n".join((*self._steps, self._talk, self._ground.recorded.text))

    @cached_property
    def _held(self) -> frozenset[str]:
        """The classes of claims the playbook's steps hold."""
        rules = self._rules
        lists = [rules.claims, *([rules.roots] if rules.roots else [])]
        decided = self._ground.verdict == "unreasonable"
        found = {
            word.name
            for text in self._steps
            for one in lists
            for word in self._words(one, text, alone=True)
            if word.mode != "denied" or not decided
        }
        remedies = {name for name, claim in rules.entry.claims.items() if claim.remedy}
        if self._ground.verdict == "reasonable":
            found |= remedies
        if decided:
            found |= {name for name, claim in rules.entry.claims.items() if claim.refuses}
        return frozenset(found)

    @cached_property
    def _touched(self) -> frozenset[str]:
        """The topics the playbook's steps touch."""
        return frozenset(name for text in self._steps for name, *_ in self._rules.topics.find(text))

    @cached_property
    def _asked_for(self) -> frozenset[str]:
        """The topics the buyer touched."""
        return frozenset(name for text in self._ground.claimed.texts for name, *_ in self._rules.topics.find(text))

    @cached_property
    def _spoken_of(self) -> frozenset[str]:
        """The classes of claims that were spoken of before."""
        return frozenset(name for name, *_ in self._rules.claims.find(self._talk))

    def _claims(self, norm: Normalised, first: bool) -> Iterator[Finding]:
        """What is said of us that the playbook does not say."""
        for one in self._words(self._rules.claims, norm.text):
            if one.name in self._held or one.mode in ("denied", "asked", "wished"):
                continue
            claim = self._rules.entry.claims[one.name]
            retold = first and claim.retold and not one.granting and one.word in self._talk
            passed_on = one.mode == "conditional" and claim.passed_on and one.name in self._spoken_of
            if not (retold or passed_on):
                yield self._finding("said_beyond_ground", norm, one.start, one.end, name=one.name)

    def _topics(self, norm: Normalised, first: bool) -> Iterator[Finding]:
        """What is touched that the playbook does not touch."""
        for one in self._words(self._rules.topics, norm.text):
            if one.name in self._touched:
                continue
            topic = self._rules.entry.topics[one.name]
            if (topic.anywhere and one.name in self._asked_for) or (topic.deniable and one.mode == "denied"):
                continue
            if one.word in self._talk and (one.mode == "denied" or (first and not one.granting)):
                continue
            yield self._finding("topic_beyond_ground", norm, one.start, one.end, name=one.name)

    def _strange(self, text: str) -> Iterator[Finding]:
        """Marks and letters that neither a desk uses nor this case brought up, and characters set apart."""
        norm = Normalised(text, text)
        for match in self._rules.strange_mark.finditer(text):
            if not (match[0].isalpha() and fold(match[0]) in self._material):
                yield self._finding("strange_writing", norm, *match.span())
        for match in self._rules.letters.finditer(text):
            if match[0].lower() not in self._material:
                yield self._finding("strange_writing", norm, *match.span())
        yield from (self._finding("strange_writing", norm, *m.span()) for m in self._rules.spaced.finditer(text))

    def _words(self, words: WordList, text: str, *, alone: bool = False) -> Iterator[_Word]:
        """The words of some classes in a text in normal form; ``alone``: each clause by itself."""
        found = words.find(text)
        if not found:
            return
        parts, whole = clauses(text), sentences(text)
        for name, word, start, end in found:
            clause = next((span for span in parts if span[0] <= start < span[1]), (0, len(text)))
            sentence = next((span for span in whole if span[0] <= start < span[1]), clause)
            mode = self._mode(word, text, clause, clause if alone else sentence, (start, end))
            granting = self._rules.granting.search(text, *sentence) is not None
            yield _Word(name, word, start, end, mode, granting)

    def _mode(
        self, word: str, text: str, clause: tuple[int, int], sentence: tuple[int, int], at: tuple[int, int]
    ) -> Mode:
        """How a word is meant where it stands."""
        rules, near = self._rules, self._rules.entry.near
        if word in rules.firm:
            return "said"
        before = rules.not_denied.sub("", text[clause[0] : at[0]])[-near:]
        if (
            rules.denied.search(before)
            or rules.denied_after.search(text, at[1], min(clause[1], at[1] + near))
            or rules.refused.search(text, at[1], sentence[1])
        ):
            return "denied"
        if rules.asked.search(text, *clause) or text[clause[0] : clause[1]].rstrip().endswith("?"):
            return "asked"
        if rules.wished.search(text, clause[0], at[0]):
            return "wished"
        return "conditional" if rules.conditional.search(text, sentence[0], clause[1]) else "said"

    def _finding(self, rule: str, norm: Normalised, start: int, end: int, **slots: str) -> Finding:
        entry = self._rules.entry.rules[rule]
        first, last = norm.span(start, end)
        excerpt = norm.original[first:last]
        return Finding(
            rule=rule,
            category="grounding",
            severity="block",
            start=first,
            end=last,
            excerpt=excerpt,
            reason=phrase("finding_reason", title=entry.name, why=entry.why),
            suggestion=entry.say.format_map({"excerpt": excerpt, **slots}),
        )
