"""Reading ``knowledge/forbidden``: rule files, what they share, the packs of platforms.

What the rules do once read is in :mod:`service.rulebook.forbidden`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import phrase
from service.rulebook.forbidden import PLATFORMS, REPAIR, SHARED, ForbiddenRule, ForbiddenRules
from service.rulebook.frames import Frames
from service.rulebook.rulefile import Rule, RuleFile, SharedWords
from service.rulebook.wording import MOST_RULES, RepairFile, Repairs, check_say
from service.rulebook.yamlfile import YamlFile, read_yaml
from service.text.normalise import fold


@dataclass
class _Shared:
    """The shared file while rules are loaded, and its exemptions read so far."""

    file: SharedWords
    slots: frozenset[str]
    read: dict[str, Frames] = field(default_factory=dict)


def load_forbidden(folder: Path) -> ForbiddenRules:
    """Load every rule file of ``knowledge/forbidden``.

    Raises:
        RulebookError: a broken file, an unknown key or class, an id given twice; with file and line.
    """
    shared_file = folder / SHARED
    repairs = _repairs(folder / REPAIR)
    shared = _Shared(
        read_yaml(shared_file).parse(SharedWords) if shared_file.exists() else SharedWords(), repairs.slots
    )
    loaded: dict[str, ForbiddenRule] = {}
    for path in [*sorted(folder.glob("*.yaml")), *sorted((folder / PLATFORMS).glob("*.yaml"))]:
        if path.name.startswith("_"):
            continue
        file = read_yaml(path)
        parsed = file.parse(RuleFile)
        for place, rule in enumerate(parsed.rules):
            made = _ready(rule, parsed, shared, file, ("rules", place))
            if rule.id in loaded:
                raise made.error(phrase("rule_twice", rule=rule.id, file=loaded[rule.id].file.path), "id")
            loaded[rule.id] = made
    _check_shared_say(loaded.values())
    return ForbiddenRules(list(loaded.values()), folder, repairs)


def _repairs(path: Path) -> Repairs:
    if not path.exists():
        return Repairs(RepairFile())
    file = read_yaml(path)
    return Repairs(file.parse(RepairFile), file)


def _check_shared_say(rules: Iterable[ForbiddenRule]) -> None:
    served: dict[str, list[str]] = {}
    for rule in rules:
        for place, text in enumerate(rule.rule.say):
            others = served.setdefault(text, [])
            others.append(rule.rule.id)
            if len(set(others)) > MOST_RULES:
                raise rule.error(
                    phrase("rule_say_shared", say=text, most=MOST_RULES, rules="、".join(others)), "say", place
                )


def _ready(
    rule: Rule, parsed: RuleFile, shared: _Shared, file: YamlFile, where: tuple[str | int, ...]
) -> ForbiddenRule:
    words = {**shared.file.words, **parsed.words, **rule.words}

    own = {**parsed.words, **rule.words}

    def frames(part: str, written: Sequence[str]) -> Frames:
        made = []
        for place, frame in enumerate(written):
            try:
                made.append(_exempt(frame, shared, own) or Frames([frame], words))
            except ValueError as error:
                raise file.error(str(error), *where, part, place) from None
        return Frames.joined(made)

    try:
        check_say(rule.say, words, shared.slots)
    except ValueError as error:
        raise file.error(str(error), *where, "say") from None
    return ForbiddenRule(
        rule,
        parsed.category,
        words,
        frames("frames", rule.frames),
        frames("unless", rule.unless),
        frames("nearby", rule.nearby),
        file,
        where,
        rule.review_by or parsed.review_by,
        tuple(map(fold, parsed.platforms)),
    )


def _exempt(frame: str, shared: _Shared, own: Mapping[str, Sequence[str]]) -> Frames | None:
    """The frames of ``=name``; None for a plain frame. Sets no word of the rule's changes are read only once."""
    if not frame.startswith("=") or len(frame) == 1:
        return None
    written = shared.file.exempt.get(frame[1:])
    if written is None:
        raise ValueError(phrase("rule_exempt_unknown", frame=frame))
    if any(f"<{name}>" in f for name in own for f in written):
        return Frames(written, {**shared.file.words, **own})
    if frame not in shared.read:
        shared.read[frame] = Frames(written, shared.file.words)
    return shared.read[frame]
