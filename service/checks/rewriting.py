"""A text while it is rewritten: every change is kept with the place of the original it stands for."""

from __future__ import annotations

from dataclasses import dataclass

from service.schemas import Change
from service.text.segment import PAUSES, clauses, sentences

_EDGES = PAUSES + " .、：:\r"


@dataclass(frozen=True)
class _Piece:
    """A stretch of the original and what it became; ``rule`` is None where nothing was changed."""

    start: int
    end: int
    text: str
    rule: str | None = None


def _change(start: int, end: int, before: str, after: str, rule: str) -> Change:
    return Change(start=start, end=end, before=before, after=after, rule=rule)


class Rewriting:
    """One text and its changes. All places are of the text as it stands now."""

    def __init__(self, original: str) -> None:
        self.original = original
        self._pieces = [_Piece(0, len(original), original)]

    @property
    def text(self) -> str:
        """The text as it stands now."""
        return "".join(piece.text for piece in self._pieces)

    def changes(self) -> list[Change]:
        """What was changed, in the original's order and places; neighbours under one rule are one change."""
        found: list[Change] = []
        for p in self._pieces:
            before = self.original[p.start : p.end]
            if p.rule is None or before == p.text:
                continue
            if found and found[-1].end == p.start and found[-1].rule == p.rule:
                one = found.pop()
                found.append(_change(one.start, p.end, one.before + before, one.after + p.text, p.rule))
            else:
                found.append(_change(p.start, p.end, before, p.text, p.rule))
        return found

    def said(self) -> list[tuple[int, int]]:
        """Where something new stands now."""
        spans, place = [], 0
        for piece in self._pieces:
            begin, place = place, place + len(piece.text)
            if piece.rule is not None and piece.text:
                spans.append((begin, place))
        return spans

    def part(self, start: int, end: int) -> str:
        """What a stretch of the original has become; a change that reaches over its start belongs to it whole."""
        return "".join(
            p.text if p.rule is not None else self.original[max(p.start, start) : min(p.end, end)]
            for p in self._pieces
            if (start <= p.start < end if p.rule is not None else p.start < end and start < p.end)
        )

    def replace(self, start: int, end: int, new: str, rule: str) -> None:
        """Put ``new`` where ``start:end`` stood."""
        kept: list[_Piece] = []
        before = after = ""
        first = last = None
        place = 0
        for piece in self._pieces:
            begin, place = place, place + len(piece.text)
            if place <= start or begin >= end:
                kept.append(piece)
                continue
            a, b = max(start - begin, 0), min(end - begin, len(piece.text))
            if piece.rule is None:
                if a:
                    kept.append(_Piece(piece.start, piece.start + a, piece.text[:a]))
                first = piece.start + a if first is None else first
                last = piece.start + b
                if b < len(piece.text):
                    kept.append(_Piece(piece.start + b, piece.end, piece.text[b:]))
            else:  # a change that is changed again stays one change
                before, after = before + piece.text[:a], piece.text[b:] + after
                first = piece.start if first is None else first
                last = piece.end
        if first is not None and last is not None:
            kept.append(_Piece(first, last, before + new + after, rule))
        self._pieces = sorted(kept, key=lambda piece: (piece.start, piece.end))

    def whole(
        self, start: int, end: int, lone: frozenset[str] = frozenset(), *, sentence: bool = False
    ) -> tuple[int, int]:
        """The clauses or sentences a span lies in, without pauses around them and an address (``lone``) before."""
        text = self.text
        spans = sentences(text) if sentence else clauses(text)
        touched = [(a, b) for a, b in spans if a < end and start < b]
        while len(touched) > 1 and text[slice(*touched[0])].strip(_EDGES) in lone:
            del touched[0]
        first, last = (touched[0][0], touched[-1][1]) if touched else (start, end)
        while last > first + 1 and text[last - 1] in _EDGES:
            last -= 1
        while first < last - 1 and text[first] in _EDGES:
            first += 1
        return first, last

    def drop(self, start: int, end: int, rule: str, lone: frozenset[str], joints: tuple[str, ...]) -> None:
        """Take clauses out with what joined them to the rest.

        The whole sentence goes when nothing is left of it but a word of ``lone``; a word of ``joints`` at the head of
        the next clause goes with the clause it was joined to.
        """
        text = self.text
        around = [(a, b) for a, b in sentences(text) if a < end and start < b] or [(start, end)]
        first, last = min(around[0][0], start), max(around[-1][1], end)
        rest = (text[first:start] + text[end:last]).strip(_EDGES)
        if not any(map(str.isalnum, rest)) or rest in lone:
            last += len(text[last:]) - len(text[last:].lstrip())
            if last == len(text):
                first = len(text[:first].rstrip())
            self.replace(first, last, "", rule)
        elif text[end:last].strip(_EDGES):
            end += len(text[end:last]) - len(text[end:last].lstrip(_EDGES))
            joint = next((word for word in joints if text.startswith(word, end)), "")
            self.replace(start, end + len(joint), "", rule)
        else:
            start = first + len(text[first:start].rstrip(_EDGES))
            self.replace(start, end, "", rule)
