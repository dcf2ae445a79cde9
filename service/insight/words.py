"""The Chinese of analytics, proposals and webhooks (``words.zh.yaml``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from service.rulebook.book import Rulebook

_FILE = Path(__file__).with_name("words.zh.yaml")


@cache
def section(name: str) -> dict[str, Any]:
    """A section of the file."""
    with _FILE.open(encoding="utf-8") as file:
        loaded: dict[str, dict[str, Any]] = yaml.load(file, Loader=yaml.CBaseLoader)
    return loaded[name]


def word(part: str, name: str, /, **parameters: object) -> str:
    """A sentence, filled in."""
    return str(section(part)[name]).format_map({key: str(value) for key, value in parameters.items()})


class Names:
    """What people call the ids of the contract: by the rulebook where it names them, else by the word file."""

    def __init__(self, book: Rulebook) -> None:
        self._names: dict[str, dict[str, str]] = {
            "scenario": {one.id: one.name for one in book.scenarios.values()},
            "boundary": {row.id: row.entry.name for row in book.boundaries},
            "fact": {fact.entry.id: name for name, fact in book.facts.facts.items()},
            "finding": {
                **{name: rule.name for name, rule in book.checkrules.entry.rules.items()},
                **{rule.rule.id: rule.rule.name for rule in book.forbidden.rules},
            },
        }
        for kind in ("demand", "cause"):
            values = book.facts.by_id(kind).entry.values
            self._names[kind] = {value.id: name for name, value in values.items()}

    def of(self, kind: str, key: str | None) -> str:
        """The name of a value; the value itself where nobody named it."""
        if key is None:
            return str(section("names")["none"])
        own = section("names").get(kind)
        found = own.get(key) if isinstance(own, dict) else None
        return str(found or self._names.get(kind, {}).get(key, key))
