"""What the boundaries rest on stays published: a change that takes a cited document or section away is found here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.library.ingest import sections_of
from service.library.rules import LibraryRules
from service.rulebook.cited import CitedRule


@dataclass(frozen=True, slots=True)
class Content:
    """What a document says, as far as citing it goes."""

    text: str
    kind: str
    title: str


def lost(
    cited: Iterable[CitedRule],
    before: Mapping[str, Content | None],
    after: Mapping[str, Content | None],
    rules: LibraryRules,
) -> list[CitedRule]:
    """The citations that hold before a change and do not after it.

    Args:
        cited: what the boundaries name.
        before: live content of the documents that change, by id; None or absent where nothing is live.
        after: the same after the change.
        rules: headings and sections.
    """
    touched = [rule for rule in cited if rule.document in before]
    paths = {name: (_paths(before.get(name), rules), _paths(after.get(name), rules)) for name in before if touched}
    return [rule for rule in touched if _has(paths[rule.document][0], rule) and not _has(paths[rule.document][1], rule)]


def _paths(content: Content | None, rules: LibraryRules) -> list[str]:
    """Paths of the sections that say something."""
    if content is None:
        return []
    sections = sections_of(content.text, content.kind, content.title, rules)
    return [section.path for section in sections if content.text[section.body : section.end].strip()]


def _has(paths: list[str], rule: CitedRule) -> bool:
    return any(rule.section in path for path in paths)
