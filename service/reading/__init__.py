"""读意: what the buyer wants and says, what an agent said before, what the records say — heard by the team's frames.

Offline reading only listens: it decides nothing. Every fact it hears keeps the words it was heard from and who
said them, as code points of the text they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from service.reading.heard import Heard, Reading
from service.reading.listen import listen
from service.reading.records import records
from service.reading.resemble import Part, resembling
from service.reading.weighing import weighed
from service.rulebook.facts import FactBook
from service.rulebook.listening import Listening, Speaker
from service.schemas import Inquiry
from service.text.memo import MOST, SENTENCE

__all__ = ["ALL_CHARS", "MESSAGE_CHARS", "RECORD_CHARS", "Heard", "Reading", "read", "records"]

RECORD_JOIN = "："
MESSAGE_CHARS = 2_000
"""Of one message so much is listened to; nobody states a case in more, and work must stay bounded."""
ALL_CHARS = 8_000
"""Of the whole conversation so much, the newest first; and as much of all records together."""
RECORD_CHARS = 600


def read(inquiry: Inquiry, listening: Listening, facts: FactBook) -> Reading:
    """Listen to the whole inquiry.

    Messages are heard as who the caller says they are; every text in ``order.facts`` and ``policy`` is heard as a
    record, with its key as a hint. Speech a speaker only quotes is not his own and is left out.
    """
    parts = [*_record_parts(inquiry, listening), *_message_parts(inquiry)]
    heard: list[Heard] = []
    pardoned: set[tuple[str, str]] = set()
    for part in parts:
        found, spared = _heard(part, listening, facts)
        placed = not part.key and part.fresh
        heard += found if placed else [replace(one, key=part.key, fresh=part.fresh) for one in found]
        pardoned |= spared if part.speaker == "buyer" else set()
    heard += resembling(parts, heard, pardoned, listening)
    for weighing in listening.weighings:
        heard = weighed(parts, heard, weighing, facts.facts[weighing.fact].entry)
    fresh_from = next((part.index for part in parts if part.speaker == "buyer" and part.fresh), 0)
    return Reading(tuple(heard), fresh_from)


def _heard(part: Part, listening: Listening, facts: FactBook) -> tuple[list[Heard], set[tuple[str, str]]]:
    """What :func:`listen` hears; of records it is remembered, for systems write the same few words in every case."""
    if part.speaker != "record" or len(part.text) > SENTENCE:
        return listen(part.text, part.speaker, listening, facts, part.index)
    known = listening.heard_before.get(part.text)
    if known is None or known[0] is not facts:
        if len(listening.heard_before) > MOST:
            listening.heard_before.clear()
        known = facts, listen(part.text, part.speaker, listening, facts, part.index)
        listening.heard_before[part.text] = known
    made: tuple[list[Heard], set[tuple[str, str]]] = known[1]
    return made


def _record_parts(inquiry: Inquiry, listening: Listening) -> Iterator[Part]:
    budget = ALL_CHARS
    for key, whole in records(inquiry):
        text = whole[: min(RECORD_CHARS, budget)]
        budget -= len(text)
        hint = listening.hint(key.rsplit(".", 1)[-1])
        yield Part("record", f"{hint}{RECORD_JOIN}{text}", -1, key)


def _message_parts(inquiry: Inquiry) -> Iterator[Part]:
    agents = [i for i, message in enumerate(inquiry.messages) if message.role == "agent"]
    fresh_from = agents[-1] + 1 if agents else 0
    for index, (message, length) in enumerate(zip(inquiry.messages, _within_budget(inquiry), strict=True)):
        speaker: Speaker = "buyer" if message.role == "customer" else "agent"
        fresh = index >= fresh_from or speaker == "agent"
        yield Part(speaker, message.content[:length], index, fresh=fresh)


def _within_budget(inquiry: Inquiry) -> list[int]:
    """How many characters of each message are listened to."""
    budget, lengths = ALL_CHARS, []
    for message in reversed(inquiry.messages):
        lengths.append(min(len(message.content), MESSAGE_CHARS, budget))
        budget -= lengths[-1]
    return lengths[::-1]
