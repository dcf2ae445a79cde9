"""Personal data written in digits and letters: one recogniser a type, each yielding candidates.

A candidate has a rank; where two overlap the lower rank wins, then the longer. Patterns use digit lookarounds,
never word boundaries, because Chinese is glued to both sides; every repetition is bounded, so the time is linear.
Checks: GB 11643 mod 11-2 for identity numbers, Luhn for bank cards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from service.schemas import EntityType
from service.text.private.words import cue, either, joint, words

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10x98765432"
_STOPS = re.compile(r"[。!?;\n]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible piece of personal data in the folded text."""

    rank: int
    start: int
    end: int
    type: EntityType


def digits(text: str) -> str:
    """Only the digits of ``text``."""
    return "".join(c for c in text if c.isdigit())


def luhn(number: str) -> bool:
    """True when the digits pass the Luhn check."""
    total = 0
    for i, char in enumerate(reversed(number)):
        d = int(char) * (1 + i % 2)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        return date(1850, 1, 1) <= date(int(year), int(month), int(day)) <= date(2100, 1, 1)
    except ValueError:
        return False


def id_checks(number: str) -> bool:
    """True when an 18-character identity number's last character fits its first 17 (GB 11643)."""
    total = sum(int(d) * w for d, w in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECK[total % 11] == number[17]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern compiled, once per process."""
    return re.compile(pattern)


def near(text: str, start: int, end: int, cues: re.Pattern[str], before: int, after: int) -> bool:
    """Is a cue in the same sentence, at most so many characters before or after?"""
    left = _STOPS.split(text[max(0, start - before) : start])[-1]
    right = _STOPS.split(text[end : end + after], maxsplit=1)[0]
    return bool(cues.search(left) or cues.search(right))


def cue_pattern(kind: EntityType) -> re.Pattern[str]:
    """The cue words of a type as a pattern."""
    return compiled(cue(words().cues[kind]))


def after_cue(cues: tuple[str, ...], value: str, back: tuple[str, ...] = ()) -> Iterator[re.Pattern[str]]:
    """Patterns for a value after its cue, or before it (the named group ``v`` is the value)."""
    yield compiled(rf"{cue(cues)}{joint()}(?P<v>{value})")
    if back:
        pointer = rf"(?:{either(words().pointers)}|[ ,]){{0,3}}"
        yield compiled(rf"(?P<v>{value}){pointer}{cue(back)}")


def is_product(text: str, start: int) -> bool:
    """Is the number named a product, batch, part or ticket number by the words before it?"""
    label = compiled(rf"{cue(words().product_labels)}{joint()}[a-z0-9-]{{0,6}}$")
    return bool(label.search(text[max(0, start - 24) : start]))


def is_amount(text: str, end: int) -> bool:
    """Does a unit follow (元, 件), so that the number before it counts something?"""
    unit = compiled(rf" ?(?!分机)(?:{either(words().units_after)})")
    return bool(unit.match(text[end : end + 8]))


def emails(text: str) -> Iterator[Candidate]:
    """E-mail addresses, also with the at sign or the dots spelled out."""
    at = rf" ?(?:{either(words().email_at)}) ?"
    dot = rf" ?(?:{either(words().email_dot)}) ?"
    ending = either(words().email_endings)
    plain = r"[a-z0-9_%+-](?:[a-z0-9._%+-]{0,62}[a-z0-9_%+-])?"
    host = rf"[a-z0-9-]{{1,40}}(?:{dot}[a-z0-9-]{{1,20}}){{0,2}}{dot}(?:{ending}|[a-z]{{2,10}})"
    pattern = rf"(?<![a-z0-9._%+-]){plain}{at}{host}(?![a-z0-9])"
    for match in compiled(pattern).finditer(text):
        yield Candidate(0, match.start(), match.end(), "email")


def id_cards(text: str) -> Iterator[Candidate]:
    """Identity numbers of 18 characters; of 15, or with a wrong check character, only beside their cue."""
    cues = cue_pattern("id_card")
    for match in compiled(r"(?<![0-9a-z])[1-8][0-9]{5}(?:[ -]?[0-9]){9,11}(?:[ -]?[0-9x])?(?![0-9a-z])").finditer(text):
        number = match[0].replace(" ", "").replace("-", "")
        if number[:2] not in words().id_provinces:
            continue
        told = near(text, match.start(), match.end(), cues, 16, 10)
        if len(number) == 18:
            dated = _is_date(number[6:10], number[10:12], number[12:14])
            if dated and (told or (id_checks(number) and not is_product(text, match.start()))):
                yield Candidate(1, match.start(), match.end(), "id_card")
        elif (
            len(number) == 15
            and told
            and number.isdigit()
            and _is_date("19" + number[6:8], number[8:10], number[10:12])
        ):
            yield Candidate(1, match.start(), match.end(), "id_card")


def bank_cards(text: str) -> Iterator[Candidate]:
    """Card numbers of 16 to 19 digits: UnionPay's by Luhn alone, others and mistyped ones beside a cue."""
    cues, orders = cue_pattern("bank_card"), compiled(cue(words().order_context) + r".{0,8}$")
    for match in compiled(r"(?<![0-9a-z-])[3-9][0-9]{3}(?:[ -]?[0-9]){12,15}(?![0-9])").finditer(text):
        number = digits(match[0])
        told = near(text, match.start(), match.end(), cues, 18, 8)
        union, card = number.startswith(words().bank_prefixes), number.startswith(words().card_prefixes)
        if is_product(text, match.start()):
            continue
        if (
            told
            and not orders.search(text[max(0, match.start() - 14) : match.start()])
            and (union or card or luhn(number))
        ):
            yield Candidate(2, match.start(), match.end(), "bank_card")
        elif luhn(number) and (union or (card and len(number) == 16)):
            yield Candidate(6, match.start(), match.end(), "bank_card")


def phones(text: str) -> Iterator[Candidate]:
    """Mobile numbers, with country code, separators and a privacy number's extension."""
    country = r"(?:\(?(?:\+|00)?86\)?[ -]{0,2})?"
    pattern = rf"(?<![0-9])(?<![0-9][-.]){country}1[ -]?[3-9](?:[ .·_-]{{0,2}}[0-9]){{9}}(?![0-9])(?![ -]?[x*])"
    extension = compiled(r"(?:-|转|# ?)[0-9]{3,4}(?![0-9])")
    for match in compiled(pattern).finditer(text):
        gaps = len(re.findall(r"[^0-9+]+", match[0]))
        letter = match.start() and text[match.start() - 1].isascii() and text[match.start() - 1].isalpha()
        told = bool(
            compiled(rf"{cue(words().cues['phone'])}{joint()}$").search(
                text[max(0, match.start() - 16) : match.start()]
            )
        )
        if (4 < gaps < 10) or (letter and not told):
            continue
        if not told and (is_product(text, match.start()) or is_amount(text, match.end())):
            continue
        tail = extension.match(text, match.end())
        yield Candidate(5, match.start(), tail.end() if tail else match.end(), "phone")


def landlines(text: str) -> Iterator[Candidate]:
    """Fixed lines with area code, or seven to eight digits after a cue; hotlines are public."""
    extension = r"(?: ?(?:转|分机|-|ext\.?) ?(?:分机)?[0-9]{1,6}(?![0-9]))?"
    codes = "|".join(code.replace(".", "[0-9]") for code in words().area_codes)
    area = rf"\(?(?:\+?86[ -]?)?(?<![0-9])(?:{codes})\)?[ -]{{0,2}}"
    local = rf"(?!(?:{either(words().hotlines)}))[2-8][0-9]{{2,3}}[ -]?[0-9]{{4}}"
    full = compiled(rf"(?<![0-9a-z])(?<![0-9]-)(?:{area}){local}(?![0-9]){extension}")
    for match in full.finditer(text):
        if not is_product(text, match.start()) and not is_amount(text, match.end()):
            yield Candidate(7, match.start(), match.end(), "landline")
    for pattern in after_cue(words().cues["landline"], rf"{local}(?![0-9]){extension}"):
        for match in pattern.finditer(text):
            if not is_amount(text, match.end("v")):
                yield Candidate(8, match.start("v"), match.end("v"), "landline")


def plates(text: str) -> Iterator[Candidate]:
    """Number plates: five characters, or six for new-energy cars."""
    not_after = rf"(?<!{')(?<!'.join(re.escape(w) for w in words().plate_not_after)})"
    province = "".join(words().plate_provinces)
    suffix = "".join(words().plate_suffixes)
    body = rf"(?:[0-9a-hj-np-z]{{6}}|[0-9a-hj-np-z]{{5}}|[0-9a-hj-np-z]{{4}}[{suffix}])"
    cues = cue_pattern("plate")
    for match in compiled(rf"{not_after}[{province}][a-z][ ·.•-]?(?P<n>{body})(?![0-9a-z])").finditer(text):
        told = near(text, match.start(), match.end(), cues, 10, 6)
        count = len(digits(match["n"]))
        if count >= (2 if told else 3) and (told or not is_product(text, match.start())):
            yield Candidate(4, match.start(), match.end(), "plate")


def passports(text: str) -> Iterator[Candidate]:
    """Passport and travel-permit numbers, beside their cue."""
    cues = cue_pattern("passport")
    for match in compiled(r"(?<![0-9a-z])[a-z][a-z]?[0-9]{7,9}(?![0-9a-z])").finditer(text):
        if near(text, match.start(), match.end(), cues, 16, 10):
            yield Candidate(3, match.start(), match.end(), "passport")
