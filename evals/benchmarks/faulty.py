"""Ways an endpoint misbehaves, each with what the draft may say of it. The ``row`` is a family of alike faults.

L1–L16 spoil the wire and the reply, L17 the answer's content, L19 what does no harm. Every variant works for a plain
answer and for a stream.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from typing import Any

from evals.benchmarks.endpoint import Control, Spoil, content_for
from evals.benchmarks.faulty_ways import (
    Answering,
    body,
    breaking,
    dripping,
    endless,
    error,
    hanging,
    of_content,
    saying,
    status,
    streaming,
)  # fmt: skip
from evals.benchmarks.wire import Exchange

UNAVAILABLE = frozenset({"llm_unavailable"})
BAD = frozenset({"llm_bad_reply"})
BROKEN = frozenset({"llm_bad_reply", "llm_incomplete", "llm_unavailable"})
LIMITED = frozenset({"llm_rate_limited"})
LATE = frozenset({"llm_timeout"})
REFUSED = frozenset({"llm_refused"})
INCOMPLETE = frozenset({"llm_incomplete"})
FINE: frozenset[str] = frozenset()
"""The model's draft is to be used."""
LASTING = frozenset({"L1", "L4", *(f"Retry-After {name}" for name in ("60", "121", "a date", "huge"))})
ANY = frozenset({"*"})
"""The model's draft, or the playbook's for whatever reason, as long as it is told: the answer is whole, but poor."""


@dataclass(frozen=True)
class Variant:
    """One fault. ``reasons``: what a draft that did without the model may give as its reason."""

    row: str
    name: str
    spoil: Answering
    reasons: frozenset[str]
    holds: bool = False
    """Whether the endpoint says it is of no use for long (key, quota, rest); who believes it asks it nothing more."""
    address: str | None = None
    """The endpoint's address where the fault is not in what it answers; ``{port}`` is that of the endpoint."""

    @property
    def id(self) -> str:
        """Row and name."""
        return f"{self.row} {self.name}"


def _quietly(exchange: Exchange, request: dict[str, Any]) -> None:
    """Never asked."""


def _limits() -> list[tuple[str, Answering, frozenset[str]]]:
    later = formatdate(time.time() + 3600, usegmt=True)
    told = {"1": "1", "60": "60", "121": "121", "a date": later, "junk": "soon", "negative": "-5", "huge": "9" * 30}
    made = [(f"Retry-After {name}", status(429, Retry_After=value), LIMITED) for name, value in told.items()]
    return [*made, ("retry-after-ms 100", status(429, retry_after_ms="100"), LIMITED)]


def _content() -> dict[str, Callable[[dict[str, Any]], Any]]:
    """What becomes of the object a good answer holds."""

    def steps(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[dict[str, Any]], Any]:
        return lambda answer: {**answer, "steps": change(answer["steps"])}

    def text(value: Any) -> Callable[[dict[str, Any]], Any]:
        return steps(lambda found: [{**step, "text": value} for step in found])

    return {
        "a step missing": steps(lambda found: found[:-1]),
        "a step too many": steps(lambda found: [*found, found[-1]]),
        "wrong order": steps(lambda found: found[::-1]),
        "no steps": steps(lambda found: []),
        "steps null": steps(lambda found: None),
        "steps an object": steps(lambda found: {"step": found}),
        "empty texts": text(""),
        "texts of spaces": text(" \u200b\u3000"),
        "texts numbers": text(5),
        "texts null": text(None),
        "texts lists": text([["a"]]),
        "English": text("We are sorry, your order can not be returned any more, please understand."),
        "traditional": steps(lambda found: [{**step, "text": _traditional(step["text"])} for step in found]),
        "a name of a step unknown": steps(lambda found: [{**step, "step": "poem"} for step in found]),
        "texts very long": steps(lambda found: [{**step, "text": step["text"] * 60} for step in found]),
        "another's alias": steps(lambda found: [{**step, "text": step["text"] + "<手机号7>"} for step in found]),
        "a gap": steps(lambda found: [{**step, "text": step["text"] + "XX元"} for step in found]),
        "a list": lambda answer: answer["steps"],
        "a string": lambda answer: "ok",
        "passages out of range": steps(lambda found: [{**step, "passages": [99, -1, 10**30]} for step in found]),
        "fields nobody asked for": lambda answer: {**answer, "verdict": "reasonable", "refund": 500},
    }


def _traditional(said: str) -> str:
    import opencc

    converted: str = _converter(opencc).convert(said)
    return converted


@cache
def _converter(opencc: Any) -> Any:
    return opencc.OpenCC("s2t")


def _echo(request: dict[str, Any]) -> str:
    answer = json.loads(content_for(request))
    said = request["messages"][0]["content"][:200]
    return json.dumps({**answer, "steps": [{**step, "text": said} for step in answer["steps"]]}, ensure_ascii=False)


def _half_letters(text: str) -> bytes:
    """The text with bytes in its first Han character that are no UTF-8."""
    data = text.encode()
    place = next((i for i, byte in enumerate(data) if byte > 127), len(data) - 1)
    return data[:place] + b"\xff\xfe" + data[place + 1 :]


def _half(request: dict[str, Any]) -> str:
    whole = content_for(request)
    return whole[: len(whole) * 2 // 3]


def variants() -> list[Variant]:
    """All, in order."""
    quota = status(429, error(code="insufficient_quota"))
    html = b"<html><body>502 Bad Gateway</body></html>"
    table: list[tuple[str, list[tuple[str, Answering, frozenset[str]]]]] = [
        ("L1", [(str(code), status(code), frozenset({"llm_auth"})) for code in (401, 403)]),
        ("L2", [("429", status(429), LIMITED)]),
        ("L3", _limits()),
        ("L4", [("429 quota", quota, frozenset({"llm_quota"})), ("402", status(402), frozenset({"llm_quota"}))]),
        ("L5", [(str(code), status(code), UNAVAILABLE) for code in (404, 408, 500, 503, 504, 529)]),
        ("L5", [("502 HTML", status(502, html, kind="text/html"), UNAVAILABLE)]),
        ("L5", [("307 elsewhere", status(307, Location="http://127.0.0.1:9/v1"), UNAVAILABLE | BAD)]),
        ("L6", [("RST", breaking("reset"), UNAVAILABLE), ("closed at once", breaking("close"), UNAVAILABLE)]),
        ("L6", [("RST half way", breaking("reset", 0.5), BROKEN)]),
        ("L6", [("no HTTP", body(b"SSH-2.0\r\n\r\n", raw=True), BROKEN)]),
        ("L7", [("silence", hanging(), LATE), ("silence after the head", hanging(head=True), LATE)]),
        ("L7", [("silence half way", hanging(head=True, share=0.5), LATE)]),
        ("L8", [("drip", dripping(0.02), LATE), ("drip of pings", dripping(0.05, b": ping\n\n"), LATE | BAD)]),
        ("L8", [("drip of the head", dripping(0.05, raw=True), LATE)]),
        ("L9", [("cut, length announced", breaking("close", 0.5), BROKEN)]),
        ("L9", [("cut, no length", breaking("close", 0.5, bare=True), BROKEN)]),
        ("L9", [("cut, chunked", breaking("close", 0.5, chunked=True), BROKEN)]),
        ("L9", [("ended cleanly, no finish", saying(_half, finish=None), BROKEN)]),
        ("L10", [("error in the answer", streaming("error"), BROKEN | LIMITED)]),
        ("L11", [("empty", body(b""), BROKEN), ("garbage", body(bytes(range(256)) * 4), BROKEN)]),
        ("L11", [("GBK", of_content(lambda text: text.encode("gbk", "replace")), BROKEN)]),
        ("L11", [("bad UTF-8", of_content(_half_letters), BROKEN)]),
        ("L12", [("HTML", body(b"<html><title>login</title></html>", kind="text/html"), BROKEN)]),
        ("L13", [(f"reply {name}", body(data), BROKEN) for name, data in _replies().items()]),
        ("L14", [("refusal", saying(None, refusal="I can not help with that."), REFUSED)]),
        ("L14", [("content filter", saying(_half, finish="content_filter"), REFUSED | INCOMPLETE)]),
        ("L14", [("empty text", saying(lambda request: ""), BAD), ("only spaces", saying(lambda request: " \n"), BAD)]),
        ("L14", [("400 content_filter", status(400, error(code="content_filter")), REFUSED)]),
        ("L15", [("length", saying(_half, finish="length"), INCOMPLETE)]),
        ("L16", [("30 MB", endless(30_000_000, 65_536), BROKEN)]),
        ("L16", [("a million bits", endless(2_000_000, 2), BROKEN | LATE)]),
        ("L16", [("100 KB of answer", saying(lambda request: content_for(request) + " " * 100_000), BAD | BROKEN)]),
        ("L17", [("broken JSON", saying(_half), ANY), ("the prompt itself", saying(_echo), ANY)]),
        ("L17", [(name, saying(_changed(change)), ANY) for name, change in _content().items()]),
        ("L17", [("deep", saying(lambda request: '{"steps":' + "[" * 9_000), ANY)]),
        ("L19", [(name, streaming(name), FINE) for name in ("other model", "no usage", "odd usage", "same ids")]),
        ("L19", [("thinking first", saying(lambda request: f"<think>a {{}} b</think>{content_for(request)}"), FINE)]),
        ("L19", [("in a fence", saying(lambda request: f"```json\n{content_for(request)}\n```"), FINE)]),
    ]  # fmt: skip
    made = [
        Variant(row, name, spoil, reasons, row in LASTING or name in LASTING)
        for row, rest in table
        for name, spoil, reasons in rest
    ]
    where = {
        "refused": "http://127.0.0.1:9/v1",
        "no such name": "http://endpoint.invalid/v1",
        "no TLS there": "https://127.0.0.1:{port}/v1",
    }
    return made + [Variant("L6", name, _quietly, UNAVAILABLE, address=address) for name, address in where.items()]


def _changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], str]:
    return lambda request: json.dumps(change(json.loads(content_for(request))), ensure_ascii=False)


def _replies() -> dict[str, bytes]:
    said = {"role": "assistant", "content": None}
    replies: dict[str, Any] = {
        "without choices": {"id": "1", "object": "chat.completion"},
        "choices empty": {"choices": []},
        "choices null": {"choices": None},
        "choices a string": {"choices": "none"},
        "message null": {"choices": [{"index": 0, "finish_reason": "stop", "message": None}]},
        "content null": {"choices": [{"index": 0, "finish_reason": "stop", "message": said}]},
        "content a number": {"choices": [{"index": 0, "finish_reason": "stop", "message": {**said, "content": 7}}]},
        "a list": [1, 2],
        "null": None,
        "an error": {"error": {"message": "busy", "code": 503}},
    }
    return {name: json.dumps(reply).encode() for name, reply in replies.items()}


@cache
def by_id() -> dict[str, Variant]:
    """The variants of :func:`variants` by their ids."""
    return {variant.id: variant for variant in variants()}


_chances: dict[int, random.Random] = {}


def drawn(control: Control) -> Spoil | None:
    """How the next answer is to be spoilt: as told, or drawn for a share of the answers.

    A row is drawn, then one of its variants. A wrong key, no quota and an hour's rest are left out: they last, and
    whoever believes them asks no more.
    """
    if control.fault is not None:
        return _spoiling(by_id()[control.fault]) if control.fault in by_id() else None
    if not control.share:
        return None
    chance = _chances.setdefault(control.seed, random.Random(control.seed))
    if chance.random() >= control.share:
        return None
    return _spoiling(chance.choice(chance.choice(_rows())))


@cache
def _rows() -> Sequence[Sequence[Variant]]:
    drawable = [variant for variant in by_id().values() if variant.address is None and not variant.holds]
    return [[v for v in drawable if v.row == row] for row in dict.fromkeys(v.row for v in drawable)]


def _spoiling(variant: Variant) -> Spoil:
    return lambda exchange, request, control: variant.spoil(exchange, request)
