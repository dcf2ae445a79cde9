"""Sentences, clauses and reported speech of a normalised text, as spans."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from service.text.tables import table

PAUSES = "，。！？；,!?;\n…~"
"""Characters that end a clause wherever they stand. ``.`` does too, unless it is a decimal point or part of a name."""
BLANK = "\x00"
"""Stands where text was blanked; no rule, class or numeral can match it."""

_CLAUSE_END = re.compile(rf"[{PAUSES}]+|\.(?![0-9a-z])")
_SENTENCE_END = re.compile(r"[。！？!?\n~…]+[”\"』」’]?|\.(?![0-9a-z])|;|；")
_QUOTES = {"“": "”", "「": "」", "『": "』", "‘": "’", '"': '"', "”": "”"}
"""Opening mark → closing mark; some keyboards give the closing one for both."""
_OPENER = re.compile(f"[{''.join(_QUOTES)}]")
_LONGEST_QUOTE = 200
_LONGEST_MENTION = 12


@lru_cache(maxsize=256)  # every check of a text asks again
def _split(text: str, end: re.Pattern[str]) -> tuple[tuple[int, int], ...]:
    spans, start = [], 0
    for mark in end.finditer(text):
        stop, after = mark.span()
        if stop > start and not text[start:stop].isspace():
            spans.append((start, after))
            start = after
    if text[start:].strip():
        spans.append((start, len(text)))
    return tuple(spans)


def clauses(text: str) -> list[tuple[int, int]]:
    """Spans between pauses (``，。！？；…`` and line breaks), each with the pause that ends it.

    ``、`` and ``:`` do not end a clause; ``1.5`` and ``10:20`` stay whole.
    """
    return list(_split(text, _CLAUSE_END))


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans between full stops, question and exclamation marks, ``;``, ``~``, ``…`` and line breaks."""
    return list(_split(text, _SENTENCE_END))


@cache
def _speech() -> tuple[tuple[str, ...], re.Pattern[str], re.Pattern[str]]:
    data = table("speech")

    def either(name: str) -> str:
        return "|".join(map(re.escape, sorted(data[name], key=len, reverse=True)))

    report = re.compile(
        rf"(?:{either('reporters')})(?:{either('verbs')}|问(?={either('asks')})):?(?!{either('not_report')})(?P<said>[^{PAUSES}“”\"「『]+)"
    )
    mention = re.compile(rf"[^{PAUSES}“”\"]{{1,{_LONGEST_MENTION}}}(?={either('mention_after')})")
    return tuple(data["label_before"]), report, mention


def quoted(text: str) -> list[tuple[int, int]]:
    """Spans that are not the speaker's own words.

    What stands in quotation marks, what follows ``您说``, ``您担心`` … in plain words up to the end of the clause, and
    a phrase that is only talked about (``…这三个字``). A quotation mark that sticks a label on somebody
    (``您这种“…”``) is the speaker's own word and not listed. The tables are in ``knowledge/text/speech.yaml``.
    """
    labels, report, mention = _speech()
    spans: list[tuple[int, int]] = []
    place = 0
    while mark := _OPENER.search(text, place):
        place = mark.end()
        end = text.find(_QUOTES[mark[0]], place, place + _LONGEST_QUOTE)
        if end < 0:
            continue
        if end - place > 1 and not text[: mark.start()].endswith(labels):  # one character alone is no quotation
            spans.append((place, end))
        place = end + 1
    outside = blank(text, spans)
    spans += [m.span("said") for m in report.finditer(outside)]
    spans += [m.span() for m in mention.finditer(outside)]
    return sorted(spans)


def blank(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text, as long as before, with the spans replaced by a character nothing matches."""
    chars = list(text)
    for start, end in spans:
        chars[start:end] = BLANK * (min(end, len(chars)) - start)
    return "".join(chars)
