"""The words that tell personal data apart, from ``knowledge/text/private.yaml``, and the folding of a text.

Folding goes a step beyond the normal form: all dashes are one dash, numbers spelled out in Chinese are digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from service.errors import RulebookError, phrase
from service.schemas import EntityType
from service.text.normalise import Normalised, normalise
from service.text.tables import FOLDER, table

Listed = Annotated[tuple[str, ...], BeforeValidator(lambda value: value.split() if isinstance(value, str) else value)]
Letters = Annotated[frozenset[str], BeforeValidator(lambda value: set("".join(str(value).split())))]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NameWords(_Shape):
    """What a Chinese name is made of and what stands around it."""

    surnames: Letters
    compounds: Listed
    given: Letters
    never: Letters
    cues: Listed
    weak_cues: Listed
    follow: Listed
    surname_cues: Listed
    owned: Listed
    owner_leads: Listed
    titles: Listed
    full_titles: Listed
    kin_titles: Listed
    not_titled: Listed
    joins: Listed


class RegionWords(_Shape):
    """Names of provinces and cities."""

    provinces: Listed
    cities: Listed


class AddressWords(_Shape):
    """The units an address is built from, from wide to narrow, and what is none."""

    admin: Listed
    town: Listed
    road: Listed
    place: Listed
    gates: Listed
    buildings: Listed
    rooms: Listed
    directions: Listed
    weak: Listed
    counted: Listed
    rows: Listed
    dated: Listed
    cut: Listed
    breaks: Listed
    kept: Listed
    never: Listed


class Example(_Shape):
    """A sentence and what is to be found in it; these are the data's own tests."""

    text: str
    finds: dict[EntityType, list[str]] = {}


class Words(_Shape):
    """The whole file."""

    aliases: dict[EntityType, str]
    spoken_digits: Listed
    connect: Listed
    pointers: Listed
    cues: dict[EntityType, Listed]
    plain_number_cues: Listed
    order_context: Listed
    tracking_context: Listed
    glued_wechat: Listed
    weak_wechat: Listed
    wechat_never: Listed
    product_labels: Listed
    units_after: Listed
    hotlines: Listed
    area_codes: Listed
    id_provinces: Listed
    bank_prefixes: Listed
    card_prefixes: Listed
    plate_provinces: Letters
    plate_suffixes: Letters
    plate_not_after: Listed
    carriers: Listed
    carrier_prefixes: Listed
    email_at: Listed
    email_dot: Listed
    email_endings: Listed
    names: NameWords
    lookalikes: Listed
    regions: RegionWords
    address: AddressWords
    examples: list[Example]


@cache
def words() -> Words:
    """The words of this process; read at first use.

    Raises:
        RulebookError: the file has a key nobody knows, or lacks one.
    """
    try:
        return Words.model_validate(table("private"))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise RulebookError(
            FOLDER / "private.yaml", 0, phrase("field_type", field=field, problem=first["msg"])
        ) from None


_SPELLED = 3
"""Fewer Chinese numerals than this beside digits are a word of their own (…8765 一直)."""


_DICTATED = re.compile(r"1[ ,-]?[3-9](?:[ ,-]?[0-9]){9}")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text of the length of its normal form, and the way back to the original."""

    text: str
    norm: Normalised

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original that the folded span came from."""
        return self.norm.span(start, end)


@cache
def _dashes() -> dict[int, str]:
    return dict.fromkeys(range(8208, 8214), "-") | {0x2212: "-", 0x30FC: "-", 0x2500: "-"}


@cache
def _spoken() -> tuple[re.Pattern[str], dict[int, str]]:
    pairs = {pair[0]: pair[1] for pair in words().spoken_digits}
    every = "".join(pairs)
    run = re.compile(rf"[0-9{every}](?:[ ,-]?[0-9{every}]){{6,30}}")
    return run, str.maketrans(pairs)


def fold(text: str) -> Folded:
    """Fold ``text``; linear in its length."""
    norm = normalise(text)
    run, spoken = _spoken()

    def typed(match: re.Match[str]) -> str:
        spelled = sum(c in spoken for c in map(ord, match[0]))
        if spelled < _SPELLED:
            return match[0]
        digits = match[0].translate(spoken)
        # a number dictated with pauses (一三九，…) is one number; a list of numbers keeps its commas
        return digits.replace(",", " ") if _DICTATED.fullmatch(digits) else digits

    return Folded(run.sub(typed, norm.text.translate(_dashes())), norm)


@cache
def either(items: tuple[str, ...]) -> str:
    """A regular-expression alternation of literals, longest first."""
    return "|".join(re.escape(item.lower()) for item in sorted(set(items), key=len, reverse=True))


@cache
def cue(items: tuple[str, ...]) -> str:
    """An alternation of cue words; Latin ones must stand alone on the left and not run on into letters."""
    han = tuple(item for item in items if not item[-1].isascii())
    latin = tuple(item for item in items if item[-1].isascii())
    parts = [f"(?:{either(han)})"] if han else []
    if latin:
        parts.append(f"(?<![a-z0-9])(?:{either(latin)})(?![a-z])")
    return f"(?:{'|'.join(parts)})"


@cache
def joint() -> str:
    """What may stand between a cue and its value: a few connecting words and light punctuation."""
    return rf"(?:{either(words().connect)}|[ :=#*~'\"“”‘’「」(\[【<]){{0,6}}"
