"""Names of persons: read only where something says a name stands there.

A label (收件人), a phone number or an address beside it, a title behind it (先生), or a weak word before it (找) and
a clean break after. Where the evidence is weak, every character of the given name must be one that names use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from re import Pattern

from service.text.dictionary import is_common_noun
from service.text.private.numbers import Candidate, compiled
from service.text.private.words import cue, either, joint, words

_HAN = "\u4e00-\u9fff"
_FULL = 3
"""Characters of an ordinary full name: a surname and two more."""


def _is_han(text: str, at: int) -> bool:
    return 0 <= at < len(text) and "\u4e00" <= text[at] <= "\u9fff"


def _is_han_all(text: str) -> bool:
    return all(_is_han(text, i) for i in range(len(text)))


@cache
def _follow() -> Pattern[str]:
    return compiled(rf"$|[^{_HAN}a-z]|[a-z0-9]|(?:{either(words().names.follow)})")


@cache
def _lookalike() -> frozenset[str]:
    return frozenset(words().lookalikes)


@cache
def _run_of_han() -> Pattern[str]:
    return compiled(rf"[{_HAN}]+")


@cache
def _lead() -> Pattern[str]:
    """What may stand before a name that is read backwards."""
    listed = (*words().names.cues, *words().names.weak_cues, *words().connect)
    return compiled(rf"(?:^|[^{_HAN}]|{either(listed)})$")


def _fits(name: str, strict: bool) -> bool:
    """Is this string built like a name? ``strict`` asks for common given-name characters."""
    data = words().names
    surname = 2 if name[:2] in data.compounds and len(name) > 2 else 1
    if surname == 1 and (name[0] not in data.surnames or len(name) > 3):
        return False
    given = name[surname:]
    if name in _lookalike() or (strict and not {name[:2], name[1:]}.isdisjoint(_lookalike())):
        return False
    if not given or any(c in data.never for c in given):
        return False
    return not strict or all(c in data.given for c in given)


def _read(text: str, start: int, strict: bool) -> int | None:
    """The end of the name that begins at ``start``, or None. Longest first, if what follows can follow a name."""
    data = words().names
    if text[start : start + 1] not in data.surnames and text[start : start + 2] not in data.compounds:
        return None
    run = _run_of_han().match(text, start, start + 4)
    longest = run.end() - start if run else 0
    broken: list[int] = []
    for length in range(longest, 1, -1):
        if not _fits(text[start : start + length], strict):
            continue
        if _follow().match(text, start + length):
            return start + length
        broken.append(length)
    if strict:
        return None
    return next((start + n for n in broken if _fits(text[start : start + n], True)), None)


def _read_back(text: str, end: int, strict: bool, bounded: bool) -> int | None:
    """The start of the name that stops at ``end``; ``bounded``: something other than Han, or a lead word, before."""
    lead = _lead()
    found = None
    for length in (2, 3, 4):
        start = end - length
        if start < 0 or not all(_is_han(text, start + i) for i in range(length)) or not _fits(text[start:end], strict):
            continue
        if lead.search(text[max(0, start - 6) : start]):
            return start
        if not bounded:
            found = start
    return found


def labelled(text: str) -> Iterator[Candidate]:
    """Names after a label, or after a weak word and before a clean break."""
    data = words().names
    for match in compiled(rf"{cue(data.cues)}{joint()}(?=[{_HAN}])").finditer(text):
        end = _read(text, match.end(), strict=False)
        if end:
            yield Candidate(8, match.end(), end, "name")
    told = cue(tuple(word for word in data.cues if not word.isascii()))
    foreign = rf"[{_HAN}]{{1,6}}(?:[·•.][{_HAN}]{{1,6}}){{1,2}}|[a-z]{{2,15}}(?: [a-z]{{2,15}})?(?![a-z0-9_@.-])"
    for match in compiled(rf"{told}{joint()}(?P<v>{foreign})").finditer(text):
        yield Candidate(7, match.start("v"), match.end("v"), "name")
    weak = compiled(rf"(?:{either((*data.weak_cues, *words().names.cues))})[ :]?(?=[{_HAN}])")
    at = 0
    while found := weak.search(text, at):  # step by step: a weak word may stand inside the next one's reach
        stop = _read(text, found.end(), strict=True)
        if stop and not is_common_noun(text[found.end() : stop]):
            yield Candidate(10, found.end(), stop, "name")
        at = found.start() + 1


def titled(text: str) -> Iterator[Candidate]:
    """A surname or full name with its title: the title belongs to the span."""
    data = words().names
    branded = compiled(rf"(?:{either(data.not_titled)})")
    for match in compiled(rf"(?:{either(data.full_titles)})").finditer(text):
        start = _read_back(text, match.start(), strict=True, bounded=False)
        if start is None and match[0] in data.titles and _is_han(text, match.start() - 1):
            before = match.start() - 1
            if text[before - 1 : before + 1] in data.compounds:
                start = before - 1
            elif text[before] in data.surnames and text[max(0, before - 1) : before + 1] not in _lookalike():
                start = before
        elif start is None:
            start = _lone_surname(text, match.start())
        if start is not None and not branded.match(text, match.end()):
            yield Candidate(9, start, match.end(), "name")
    for match in compiled(rf"(?:{either(data.kin_titles)})").finditer(text):
        start = _lone_surname(text, match.start())
        if start is not None and _follow().match(text, match.end()):
            yield Candidate(9, start, match.end(), "name")


def _lone_surname(text: str, end: int) -> int | None:
    """The place of a surname that stands alone, or after a lead word, before a title like 老师."""
    start = end - 1
    if start < 0 or text[start] not in words().names.surnames:
        return None
    return start if not _is_han(text, start - 1) or _led().search(text[max(0, start - 6) : start]) else None


@cache
def _led() -> Pattern[str]:
    data = words().names
    return compiled(rf"(?:{either((*data.cues, *data.weak_cues))})$")


def beside(text: str, anchors: Sequence[tuple[int, int]]) -> Iterator[Candidate]:
    """Names right before or right after a phone number or an address."""
    gap = compiled(r"[ ,:;()、/\n-]{0,3}$")
    ahead = compiled(r"[ ,:;()、/\n-]{0,3}")
    joins = compiled(rf"(?:{either(words().names.joins)})?(?:$|[^{_HAN}])")
    for left, right in anchors:
        space = gap.search(text[max(0, left - 3) : left])
        stop = left - (len(space[0]) if space else 0)
        start = _read_back(text, stop, strict=False, bounded=True)
        if start is None and stop < left and stop >= _FULL and _fits(text[stop - _FULL : stop], strict=True):
            start = stop - _FULL  # a full name of common characters needs no boundary before it
        if start is not None:
            yield Candidate(9, start, stop, "name")
        after = ahead.match(text, right)
        begin = after.end() if after else right
        for length in (4, 3, 2):
            name = text[begin : begin + length]
            if len(name) == length and _fits(name, strict=begin == right) and joins.match(text, begin + length):
                yield Candidate(9, begin, begin + length, "name")
                break


def signed(text: str) -> Iterator[Candidate]:
    """A name before 收 or 代收 where the clause ends, and the corrected name of “是甲不是乙”."""
    for match in compiled(rf"(?:{either(words().names.joins)})(?=$|[^{_HAN}])").finditer(text):
        start = _read_back(text, match.start(), strict=True, bounded=True)
        if start is not None:
            yield Candidate(9, start, match.start(), "name")
    compounds = either(words().names.compounds)
    for match in compiled(rf"(?:{compounds})(?=[{_HAN}])").finditer(text):
        end = _read(text, match.start(), strict=True)
        if end and not (_is_han(text, match.start() - 1) and _is_han(text, match.start() - 2)):
            yield Candidate(10, match.start(), end, "name")


def mentioned(text: str) -> Iterator[Candidate]:
    """A surname alone after “我姓”, and the owner of a parcel or order at the head of a clause."""
    data = words().names
    for match in compiled(rf"(?:{either(data.surname_cues)})(?P<v>[{_HAN}])").finditer(text):
        if match["v"] in data.surnames and _follow().match(text, match.end()):
            yield Candidate(9, match.start("v"), match.end(), "name")
    lead = compiled(rf"(?:^|[^{_HAN}]|{either(data.owner_leads)})$")
    for match in compiled(rf"(?<=[{_HAN}])(?:{either(data.owned)})").finditer(text):
        for start in range(max(0, match.start() - 4), match.start() - 1):
            name = text[start : match.start()]
            if lead.search(text[max(0, start - 4) : start]) and _is_han_all(name) and _fits(name, strict=True):
                yield Candidate(9, start, match.start(), "name")
                break
