"""A streamed reply as it comes: bytes in, the answer's text out. Nothing here talks to anyone.

Lines are cut as bytes: the SDK's and httpx2's line readers also break at U+2028 and U+0085, which may stand inside a
JSON string, and put a replacement mark where bytes are no UTF-8. No pydantic object is made for a chunk; that is what
the SDK's own stream loop spends its time on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.llm_reply import Failed, Meaning, by_event, content_in, finished, loaded, parsed, text_of

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How a line of server-sent events may begin."""


class StreamReader:
    """Collects one reply, whatever the cuts between its reads.

    Args:
        cap: bytes of text and junk the reply may have: content, reasoning, comments, lines of no known kind. What
            well-formed chunks wrap around their text is bounded by the cap on the wire.
        meaning: what the endpoint's codes mean.
    """

    def __init__(self, cap: int, meaning: Meaning) -> None:
        self.reply: dict[str, Any] = {}
        """``model`` and ``usage`` as the reply gave them, for :mod:`service.llm_reply`."""
        self.finish: str | None = None
        self._cap, self._spent, self._meaning = cap, 0, meaning
        self._rest = bytearray()
        self._plain: bool | None = None
        self._over = False
        self._error_next = False

    @property
    def settled(self) -> bool:
        """Whether the answer said that it has ended, well or not; only usage may follow."""
        return self._over or self.finish is not None

    def feed(self, data: bytes) -> str:
        """The content that ``data`` adds.

        Raises:
            Failed: an error event, a refusal, no JSON where it must stand, too much of everything.
        """
        if self._plain:
            self._count(len(data))
            self._rest += data
            return ""
        start = max(0, len(self._rest) - 1)
        self._rest += data
        cut = self._rest.rfind(b"\n", start) + 1
        if not cut:
            if len(self._rest) > self._cap:
                raise Failed("llm_bad_reply")
            return ""
        whole, self._rest = bytes(self._rest[:cut]), self._rest[cut:]
        return self._lines(whole)

    def end(self) -> str:
        """What the last bytes add once the peer has closed; then ``finish`` and ``reply`` are final.

        Raises:
            Failed: as in :meth:`feed`, and when the reply is not whole.
        """
        last = bytes(self._rest)
        self._rest.clear()
        text = ""
        if self._plain or (self._plain is None and last.strip() and not last.lstrip().startswith(_FIELDS)):
            return self._whole_json(last)
        if last and not self.settled:
            try:
                text = self._line(last)
            except Failed as failed:
                if failed.code != "llm_bad_reply":
                    raise
                raise Failed("llm_incomplete", again=True) from None
        if self._plain is None:
            raise Failed("llm_bad_reply", again=True)
        finished(self.finish, self._meaning)
        return text

    def _lines(self, whole: bytes) -> str:
        parts: list[str] = []
        lines = whole.split(b"\n")
        for place, line in enumerate(lines):
            if self._plain is None and line.strip():
                self._plain = not line.startswith(_FIELDS)
                if self._plain:  # a gateway that does not stream, or a page that is no answer at all
                    self._rest[:0] = b"\n".join(lines[place:])
                    self._count(len(self._rest))
                    break
            text = self._line(line)
            if text:
                parts.append(text)
        return "".join(parts)

    def _line(self, line: bytes) -> str:
        if not line.startswith(b"data:"):
            self._count(len(line) + 1)
            if line.startswith(b"event:"):
                self._error_next = line[6:].strip() == b"error"
            return ""
        payload = line[5:].strip()
        if self._over or not payload:
            self._count(len(line))
            return ""
        if payload == b"[DONE]":
            self._over = True
            return ""
        return self._chunk(loaded(payload))

    def _chunk(self, chunk: Any) -> str:
        if not isinstance(chunk, Mapping):
            raise Failed("llm_bad_reply", again=True)
        if self._error_next or chunk.get("error") or chunk.get("object") == "error":
            raise by_event(chunk, self._meaning)
        for name in ("model", "usage"):
            if chunk.get(name) and (name == "usage" or name not in self.reply):
                self.reply[name] = chunk[name]
        choices = chunk.get("choices")
        if not choices:
            if choices is None and "usage" not in chunk:
                self._count(100)  # an empty object is junk, and must not come without end
            return ""
        try:
            choice = choices[0]
            delta = choice.get("delta") or {}
            text, refusal = content_in(delta.get("content")), delta.get("refusal")
            aside = delta.get("reasoning_content") or delta.get("reasoning") or ""
            finish = choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise Failed("llm_bad_reply", again=True) from None
        if refusal:
            raise Failed("llm_refused")
        self._count(len(text.encode()) + (len(aside.encode()) if isinstance(aside, str) else 0))
        if self.finish is not None:  # nothing an endpoint says after the end belongs to the answer
            return ""
        if finish:
            self.finish = str(finish)
        return text

    def _whole_json(self, body: bytes) -> str:
        self.reply = parsed(body)
        if self.reply.get("error") or self.reply.get("object") == "error":
            raise by_event(self.reply, self._meaning)
        self.finish = "stop"
        return text_of(self.reply, self._meaning)

    def _count(self, size: int) -> None:
        self._spent += size
        if self._spent > self._cap:
            raise Failed("llm_bad_reply")


class ObjectText:
    """The part of an answer's growing text that is the JSON object; thinking aloud and what stands before go.

    The first ``{`` outside ``<think>…</think>`` begins the object; from there on every character is handed on, so that
    what was shown and what :meth:`data` says are the same text.
    """

    def __init__(self) -> None:
        self._before = ""
        self._parts: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether the object has begun."""
        return bool(self._parts)

    def feed(self, text: str) -> str:
        """What ``text`` adds to the object."""
        if not text:
            return ""
        if not self._parts:
            text = self._opened(self._before + text)
        if text:
            self._parts.append(text)
        return text

    def _opened(self, text: str) -> str:
        """The text from the object's first character on; empty while it has not come."""
        while True:
            brace, think = text.find("{"), text.find("<think>")
            if think >= 0 and (brace < 0 or think < brace):
                head, _, rest = text[think:].partition("</think>")
                if not rest:
                    self._before = head if len(head) == len(text) - think else ""
                    return ""
                text = rest
            elif brace >= 0:
                return text[brace:]
            else:
                self._before = text
                return ""

    def data(self) -> dict[str, Any]:
        """The object.

        Raises:
            Failed: there is none, or the text goes on thinking behind it.
        """
        text = "".join(self._parts)
        end = text.rfind("}") + 1
        if "</think>" in text[end:] or not end:
            raise Failed("llm_bad_reply", again=True)
        found = loaded(text[:end].encode())
        if not isinstance(found, dict):
            raise Failed("llm_bad_reply", again=True)
        return found
