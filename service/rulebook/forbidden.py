"""Forbidden sentences: rules by sense, in ``knowledge/forbidden/*.yaml``, with the sentences that test them.

One file a category, and under ``platforms/`` one a platform, whose rules hold only for orders there;
``_words.yaml`` holds word classes and exemptions all files may use. A rule says in frames
(:mod:`service.rulebook.frames`) what must not be said, in ``unless`` what in the same sentence makes it harmless,
in ``nearby`` what in the same or the next sentence does. ``bad`` and ``ok`` are its tests: they run in
``youli knowledge check``, on reload and in the test suite, not at every start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from service.errors import RulebookError, phrase
from service.rulebook.corpus import Corpus, read_corpus
from service.rulebook.ear import Ear, LearningFile
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import Frames
from service.rulebook.likeness import Example, digest, read_likeness
from service.rulebook.rulefile import DATED, Rule
from service.rulebook.wording import RepairFile, Repairs, Wording
from service.rulebook.yamlfile import YamlFile, read_yaml
from service.schemas import Category
from service.text.squeeze import Disguises

SHARED = "_words.yaml"
LEARNING = "_learning.yaml"
SENTENCES = "sentences"
WEIGHTS = "_likeness.json"
PLATFORMS = "platforms"
EVERYWHERE = "*"
"""Stands for an order on every platform at once: what passes there passes anywhere."""
REPAIR = "_repair.yaml"


@dataclass(frozen=True)
class ForbiddenRule:
    """A rule ready to run. ``pardons`` work in the same sentence, ``redemptions`` in the same or the next."""

    rule: Rule
    category: Category
    words: Mapping[str, Sequence[str]]
    frames: Frames
    pardons: Frames
    redemptions: Frames
    file: YamlFile
    where: tuple[str | int, ...]
    review_by: date | None
    platforms: tuple[str, ...] = ()
    """Names in normal form; empty: in force everywhere."""

    def holds_on(self, platform: str) -> bool:
        """Whether the rule is in force for an order on this platform (in normal form; empty when unknown)."""
        return not self.platforms or platform == EVERYWHERE or any(name in platform for name in self.platforms)

    def error(self, reason: str, *where: str | int) -> RulebookError:
        """An error that points into this rule's file."""
        return self.file.error(reason, *self.where, *where)

    @cached_property
    def wordings(self) -> tuple[Wording, ...]:
        """What to say instead, the fullest wording first."""
        return tuple(map(Wording, self.rule.say))

    def suggestions(self, filled: Mapping[str, str]) -> Iterator[str]:
        """Every wording that these slots can fill, the fullest first."""
        yield from (said for wording in self.wordings if (said := wording.render(filled)) is not None)


class ForbiddenRules:
    """All rules of a knowledge folder and one index over their frames."""

    def __init__(
        self, rules: Sequence[ForbiddenRule], folder: Path | None = None, repairs: Repairs | None = None
    ) -> None:
        self.rules = tuple(rules)
        self.repairs = repairs or Repairs(RepairFile())
        self.folder = folder
        """Where the learned weights and their sentences lie; None for rules that only match."""
        self.by_id = {rule.rule.id: rule for rule in self.rules}

    @cached_property
    def index(self) -> FrameIndex[ForbiddenRule]:
        """The index over all frames; built when first used."""
        return _index(self.rules)

    @cached_property
    def quoting(self) -> FrameIndex[ForbiddenRule]:
        """The index over the frames of rules that hold inside quotations too."""
        return _index(rule for rule in self.rules if rule.rule.quoted)

    @cached_property
    def disguises(self) -> Disguises:
        """Undoes disguises of the words the rules look for."""
        return Disguises({w for rule in self.rules for needs in rule.frames.needs for need in needs for w in need})

    @cached_property
    def learning(self) -> LearningFile:
        """How keen the ear may be; errors as in ``load_forbidden``."""
        path = (self.folder or Path()) / LEARNING
        if self.folder is None or not path.exists():
            return LearningFile(alarms_per_thousand=0, shortest=1, neighbours=1, margin=0)
        return read_yaml(path).parse(LearningFile)

    @cached_property
    def corpus(self) -> Corpus:
        """Sentences beyond the rules' own; errors as in :func:`service.rulebook.corpus.read_corpus`."""
        return read_corpus(self.folder / SENTENCES, self.by_id) if self.folder else Corpus()

    @cached_property
    def examples(self) -> list[Example]:
        """Every sentence there is to learn from: what blocking rules of sense forbid, and what anybody may say."""
        found = [Example(s, r.rule.id) for r in self.rules if self.learns(r) for s in r.rule.bad]
        found += [Example(s, rule) for rule, sentences in self.corpus.like.items() for s in sentences]
        found += [Example(s) for r in self.rules for s in r.rule.ok]
        found += [Example(said) for r in self.rules for w in r.wordings if (said := self.repairs.sample(w, r.words))]
        return found + [Example(s) for s in self.corpus.plain]

    @staticmethod
    def learns(rule: ForbiddenRule) -> bool:
        """True for rules of sense, whose sentences teach; those of law and those that only warn do not."""
        return rule.category not in DATED and rule.rule.severity == "block"

    @cached_property
    def ear(self) -> Ear | None:
        """Hears what no frame catches; None when nothing was learned.

        Raises:
            RulebookError: the file of weights is broken.
        """
        if self.folder is None:
            return None
        path = self.folder / WEIGHTS
        try:
            likeness = read_likeness(path)
        except ValueError as error:
            raise RulebookError(path, 0, phrase("likeness_broken", problem=error)) from None
        if likeness is None:
            return None
        kinds = {rule.rule.id: rule.category for rule in self.rules}
        return Ear(likeness, self.learning, lambda: self.examples, kinds)

    def ready(self) -> None:
        """Read and build now what is otherwise made when first needed: later changes of files must not reach in."""
        self.index, self.disguises  # noqa: B018  (cached properties)
        if self.ear is not None:
            self.ear.ready()

    def stale(self) -> bool:
        """True when the weights were learned from other sentences than the present ones."""
        return self.ear is not None and self.ear.likeness.learned_from != digest(self.examples)

    def __iter__(self) -> Iterator[ForbiddenRule]:
        return iter(self.rules)

    def only(self, rule: ForbiddenRule) -> ForbiddenRules:
        """A set of this one rule, for running its examples."""
        return ForbiddenRules([rule])

    def overdue(self, today: date) -> list[ForbiddenRule]:
        """Rules of law and red lines whose ``review_by`` has passed."""
        return [rule for rule in self.rules if rule.review_by is not None and rule.review_by < today]

    def check_examples(self) -> None:
        """Run every rule's own sentences against it.

        Raises:
            RulebookError: a ``bad`` nothing hits, an ``ok`` something hits, or a ``say`` that is itself forbidden;
                with file, rule and sentence.
        """
        from service.rulebook.sentences import find_forbidden  # needs ForbiddenRules to be defined

        for rule in self.rules:
            alone = self.only(rule)
            for place, sentence in enumerate(rule.rule.bad):
                if not find_forbidden(sentence, alone, platform=EVERYWHERE):
                    reason = phrase("rule_bad_not_hit", rule=rule.rule.id, sentence=sentence)
                    raise rule.error(reason, "bad", place)
            for place, sentence in enumerate(rule.rule.ok):
                hits = find_forbidden(sentence, alone, platform=EVERYWHERE)
                if hits:
                    reason = phrase("rule_ok_hit", rule=rule.rule.id, sentence=sentence, hit=hits[0].excerpt)
                    raise rule.error(reason, "ok", place)
            self._check_say(rule)

    def _check_say(self, rule: ForbiddenRule) -> None:
        from service.rulebook.sentences import find_forbidden

        for place, wording in enumerate(rule.wordings):
            for said in self.repairs.samples(wording, rule.words):
                for hit in find_forbidden(said, self, platform=EVERYWHERE):
                    reason = phrase("rule_say_hit", rule=rule.rule.id, say=said, other=hit.rule.rule.id)
                    raise rule.error(reason, "say", place)


def _index(rules: Iterable[ForbiddenRule]) -> FrameIndex[ForbiddenRule]:
    built: FrameIndex[ForbiddenRule] = FrameIndex()
    for rule in rules:
        built.add(rule, rule.frames)
    built.compile()
    return built
