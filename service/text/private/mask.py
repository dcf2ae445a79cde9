"""Masking and restoring: one value, one alias, for as long as a masker lives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from service.schemas import Entity, EntityType, MaskResult
from service.text.private.find import PrivateSpan, alias_pattern, find_private, occurrences
from service.text.private.words import words

_SHORTEST, _SHORTEST_NUMBER = 2, 5
"""Known values shorter than this are not looked for: a single character, a small number are everywhere."""


_ROUNDS = 5
"""What stands beside a value can hide the next one, so a masked text is read again until nothing more is found."""


def has_alias(text: str) -> bool:
    """Does the text hold anything shaped like one of our aliases?"""
    return bool(alias_pattern().search(text))


def _telling(value: str) -> bool:
    """Is a value long enough to be searched for wherever it stands?"""
    return len(value.strip()) >= (_SHORTEST_NUMBER if value.strip().isdigit() else _SHORTEST)


class Masker:
    """Puts aliases in place of personal data and takes them back. Not shared between inquiries.

    The same value has the same alias in every text this masker sees, and a value found in one text is masked in all
    later ones, cue or not: let it ``learn`` the texts of a conversation before masking the first.

    Args:
        known: values that are personal whatever they look like (a buyer's nickname), and their type.
    """

    def __init__(self, known: Mapping[str, EntityType] | None = None) -> None:
        self._alias: dict[str, str] = {}
        self._value: dict[str, str] = {}
        self._type: dict[str, EntityType] = {v: t for v, t in (known or {}).items() if _telling(v)}
        self._count: dict[EntityType, int] = {}
        self._reserved: set[str] = set()

    def learn(self, texts: Iterable[str]) -> None:
        """Remember the personal data of these texts without masking them."""
        for text in texts:
            self._reserved.update(alias_pattern().findall(text))
            for span in find_private(text):
                value = text[span.start : span.end]
                if _telling(value):
                    self._type.setdefault(value, span.type)

    def mask(self, text: str) -> MaskResult:
        """The text with an alias for each value. Masking what is masked already changes nothing."""
        if self._is_clean(text):
            return MaskResult(masked=text, entities=[])
        self._reserved.update(alias for alias in alias_pattern().findall(text) if alias not in self._value)
        spans: list[PrivateSpan] = []
        masked, where = text, list(range(len(text)))
        for _ in range(_ROUNDS):
            more = [PrivateSpan(s.type, where[s.start], where[s.end - 1] + 1) for s in self._spans(masked)]
            if not more:
                break
            spans = sorted(spans + more, key=lambda s: s.start)
            masked, where = self._replace(text, spans)
        entities = [
            Entity(type=s.type, start=s.start, end=s.end, alias=self._name(text[s.start : s.end], s.type))
            for s in spans
        ]
        return MaskResult(masked=masked, entities=entities)

    def _is_clean(self, text: str) -> bool:
        """Whether there is nothing to do, as in most of what is published; seen without looking for places."""
        return "<" not in text and not find_private(text) and not any(map(text.__contains__, self._type))

    def _replace(self, text: str, spans: list[PrivateSpan]) -> tuple[str, list[int]]:
        """The text with aliases, and for each of its characters the place in the original."""
        pieces: list[str] = []
        where: list[int] = []
        at = 0
        for span in spans:
            alias = self._name(text[span.start : span.end], span.type)
            pieces += [text[at : span.start], alias]
            where += [*range(at, span.start), *[span.start] * len(alias)]
            at = span.end
        return "".join([*pieces, text[at:]]), [*where, *range(at, len(text))]

    def restore(self, text: str) -> str:
        """The text with this masker's aliases turned back into their values; other aliases stay."""
        return alias_pattern().sub(lambda match: self._value.get(match[0], match[0]), text)

    @property
    def values(self) -> tuple[str, ...]:
        """Every value an alias was given for."""
        return tuple(self._alias)

    def _name(self, value: str, kind: EntityType) -> str:
        if value not in self._alias:
            if _telling(value):
                self._type.setdefault(value, kind)
            alias = ""
            while not alias or alias in self._reserved:
                self._count[kind] = self._count.get(kind, 0) + 1
                alias = f"<{words().aliases[kind]}{self._count[kind]}>"
            self._alias[value], self._value[alias] = alias, value
        return self._alias[value]

    def _spans(self, text: str) -> list[PrivateSpan]:
        spans = find_private(text)
        free = bytearray(b"\1") * len(text)
        for start, end in [(s.start, s.end) for s in spans] + [m.span() for m in alias_pattern().finditer(text)]:
            free[start:end] = bytes(end - start)
        for value, start, end in occurrences(text, sorted(self._type, key=len, reverse=True)):
            if all(free[start:end]):
                spans.append(PrivateSpan(self._type[value], start, end))
                free[start:end] = bytes(end - start)
        return sorted(spans, key=lambda s: s.start)
