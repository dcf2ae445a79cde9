"""Postal addresses: regions, road, number, estate, building and room read as a chain of units.

A district, a road or a building alone is no address of a person; two kinds of narrow evidence together are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from service.text.private.numbers import Candidate, compiled, near
from service.text.private.words import cue, either, words

_HAN = "\u4e00-\u9fff"
_COUNT = "[0-9]{1,5}(?:[-/][0-9]{1,4}){0,2}|[a-z][0-9]{0,3}|[0-9]{1,3}[a-z]|[一二三四五六七八九十百]{1,4}"
_COUNTED = "[0-9a-z一二三四五六七八九十百东西南北甲附-]"
"""What a counted unit (``3栋``, ``甲5号``, ``-1``) may begin with."""
_RUN = re.compile(rf"[{_HAN}a-z0-9 \-#()·/,、]+")
_REACH = 12
"""How many characters without a unit word may stand between two units (an estate's bare name)."""

_LAST_DAY = 31
_NAME = 4
"""Characters of a name that may stand between a road or an estate and its number."""
_ROOM_DIGITS = 9
"""A building, unit and room (12-2-1603) have at most so many digits; a hyphened telephone number has more."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of an address. ``kind``: known (a region's name), admin, town, road, place, gate, building, room."""

    kind: str
    start: int
    end: int
    text: str


@cache
def _units() -> re.Pattern[str]:
    data, regions = words().address, words().regions
    way = rf"(?:{either(data.directions)})?"
    places = (*regions.provinces, *regions.cities)
    known = rf"(?={_heads(places)})(?P<known>(?:{either(places)})(?:{either(data.admin)})?)"
    parts = [
        rf"(?P<room>(?<![0-9a-z])(?:{_COUNT})(?:{either(data.rooms)}))",
        rf"(?P<building>(?<![0-9a-z])(?:{_COUNT}|[东西南北])(?:{either(data.buildings)}))",
        rf"(?P<gate>(?<![0-9a-z])(?:{_COUNT}|甲[0-9]{{1,4}}|附[0-9]{{1,4}})(?:{either(data.gates)}){way})",
        r"(?P<digits>(?<![0-9a-z])[a-z]{0,2}-?[0-9]{1,4}(?:[-/][0-9]{1,4}){0,3}(?:[a-z](?![a-z]))?(?!\.?[0-9]|元))",
    ]
    named = {"town": data.town, "admin": data.admin, "road": data.road, "place": data.place}
    endings = "|".join(f"(?P<{kind}>{either(items)})" for kind, items in named.items())
    ends = _heads(word for items in named.values() for word in items)
    # the longest ending wins among those that begin at the same place: 街道 before 街
    return re.compile(rf"{known}|(?={_COUNTED})(?:{'|'.join(parts)})|(?={ends})(?<=[{_HAN}a-z0-9])(?:{endings}){way}")


def _heads(listed: Iterable[str]) -> str:
    """What any of the words begins with, as a set: asked first, it spares trying hundreds of words at every place."""
    return f"[{''.join(sorted({re.escape(word[0].lower()) for word in listed}))}]"


def _tokens(text: str, start: int, end: int) -> Iterator[Unit]:
    """Units in a run; named units are given with their ending only, the chain takes the words before them in."""
    never = compiled(rf"(?:{either(words().address.never)})")
    barred = [m.span() for m in never.finditer(text, start, end)]
    at = 0
    for match in _units().finditer(text, start, end):
        kind = match.lastgroup
        if kind is None or (kind == "digits" and match.start() == start):
            continue
        while at < len(barred) and barred[at][1] < match.end():  # in text order, none overlapping
            at += 1
        if at < len(barred) and barred[at][0] <= match.start():
            continue
        yield Unit(kind, match.start(), match.end(), match[0])


def _broken(text: str, start: int, end: int) -> bool:
    return any(match["broken"] for match in _breaks().finditer(text, start, end))


@cache
def _breaks() -> re.Pattern[str]:
    data = words().address
    return re.compile(rf"{either(data.kept)}|(?P<broken>{either(data.breaks)})")


@cache
def _cuts() -> re.Pattern[str]:
    data = words().address
    return re.compile(rf"{either(data.kept)}|(?P<cut>[^{_HAN}a-z0-9]|{either(data.cut)}|{either(data.breaks)})")


def _chains(text: str, units: list[Unit]) -> Iterator[list[Unit]]:
    """Units that stand close together, with nothing between them but names."""
    chain: list[Unit] = []
    for unit in units:
        if chain:
            gap = text[chain[-1].end : unit.start]
            wide = len(gap) > _REACH or _broken(text, chain[-1].end, unit.start)
            if (
                wide
                or gap.count(",") + gap.count("、") > 1
                or (unit.kind == "digits" and not _room_digits(gap, chain[-1], text[unit.start : unit.end]))
            ):
                if unit.kind == "digits":
                    continue
                yield chain
                chain = []
        if unit.kind != "digits" or chain:
            chain.append(unit)
    if chain:
        yield chain


def _room_digits(gap: str, before: Unit, digits: str) -> bool:
    """Bare digits are a room right behind a building, a place or a road; so are 4-2-1603 behind an estate's name."""
    if before.text.endswith(words().address.counted) and "-" not in digits:
        return False
    if digits.count("-") >= 2:
        return "," not in gap and sum(c.isdigit() for c in digits) <= _ROOM_DIGITS
    return gap.strip("- ") == "" and before.kind in ("building", "place", "gate", "road", "room", "town")


def _is_address(text: str, chain: list[Unit], told: bool) -> bool:
    chain = [u for i, u in enumerate(chain) if told or not _is_day(u, chain[i - 1] if i else None)]
    kinds = [unit.kind for unit in chain]
    regions = len({u.start for u in chain if u.kind in ("known", "admin")})
    named = sum(kind in ("road", "town", "place") for kind in kinds)
    narrow = sum(kind in ("gate", "building", "room", "digits") for kind in kinds)
    if named and narrow:
        first = next(u for u in chain if u.kind in ("gate", "building", "room", "digits"))
        close = any(u.kind in ("road", "town", "place") and 0 <= first.start - u.end <= 8 for u in chain)
        plain = {"road", "town", "digits"}.isdisjoint(kinds) and not any(_is_strong(unit) for unit in chain)
        return told or regions > 0 or (close and not plain)
    strong = any(_is_strong(unit) for unit in chain) and not chain[0].text.endswith(words().address.rows)
    if (narrow >= 3 and strong) or (
        narrow >= 2 and (told or regions > 0 or (strong and _named_before(text, chain[0])))
    ):
        return True
    if regions and narrow and kinds[-1] != "digits":
        return told or chain[-1].start - chain[0].end >= 2
    towns = kinds.count("town")
    return (told and regions >= 1 and named >= 1 and regions + named >= 3) or (
        regions >= 2 and (("place" in kinds and told) or towns >= 2)
    )


def _is_day(unit: Unit, before: Unit | None) -> bool:
    """Is this 12号 rather a day of the month? A house has a road, an estate or another number right before it."""
    day = re.fullmatch(r"([0-9]{1,2}|[一二三四五六七八九十百]{1,4})号", unit.text)
    if unit.kind != "gate" or not day or (day[1].isdigit() and int(day[1]) > _LAST_DAY):
        return False
    if before is None or before.text.endswith(words().address.dated):
        return True
    return unit.start - before.end > _NAME


def _is_strong(unit: Unit) -> bool:
    """A building or room that can be nothing else; 两袋一组, 6排11座 and 二层 are often no address."""
    return unit.kind == "gate" or (
        unit.kind in ("building", "room") and not unit.text.endswith(words().address.weak) and "门" not in unit.text
    )


def _named_before(text: str, unit: Unit) -> bool:
    """Does a name of at least two characters stand right before a building (桃园里3栋)?"""
    return unit.kind == "building" and _start(text, unit, 0) <= unit.start - 2


def _start(text: str, first: Unit, floor: int) -> int:
    """Where the chain begins: before a named unit its name is taken in, up to a word that is none of it."""
    if first.kind == "known":
        return first.start
    left = max(floor, first.start - 8)
    lead = text[left : first.start]
    stop = 0
    for match in _cuts().finditer(lead):
        if match["cut"]:
            stop = max(stop, match.end())
    return left + stop


def addresses(text: str) -> Iterator[Candidate]:
    """Addresses in the folded text."""
    cues = compiled(cue(words().cues["address"]))
    for run in _RUN.finditer(text):
        units = list(_tokens(text, run.start(), run.end()))
        for chain in _chains(text, units):
            while chain and chain[-1].kind == "known":
                chain.pop()
            if not chain:
                continue
            start = _start(text, chain[0], run.start())
            told = near(text, start, chain[-1].end, cues, 10, 0)
            if _is_address(text, chain, told):
                yield Candidate(7, start, chain[-1].end, "address")
