"""An embeddings endpoint, and the ways it misbehaves. Alike in letters is alike in meaning; a model is a seed.

V1 answers no query, V2 none while documents come in (that is V1 at another time), V3 has another length, V4 sends what
are no vectors, V5 is another model of the same length.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from evals.benchmarks.endpoint import Control
from evals.benchmarks.faulty import FINE, Variant
from evals.benchmarks.faulty_ways import Answering, body, breaking, dripping, endless, error, hanging, status
from evals.benchmarks.wire import Exchange, whole
from service.library.embed import HashNgram

DIM = 64
Rows = list[dict[str, Any]]

UNAVAILABLE = frozenset({"embedding_unavailable"})
BAD = frozenset({"embedding_bad_reply"})
LATE = frozenset({"embedding_timeout"})
LIMITED = frozenset({"embedding_rate_limited"})
CHANGED = frozenset({"embedding_changed"})
BROKEN = BAD | UNAVAILABLE


def rows_for(texts: list[str], dim: int = DIM, seed: str = "") -> Rows:
    """What a sound endpoint has as its ``data``."""
    made = HashNgram(dim).embed([seed + (seed.join(text) if seed else text) for text in texts])
    return [{"object": "embedding", "index": i, "embedding": row.tolist()} for i, row in enumerate(made)]


def reply(rows: Any) -> bytes:
    """The whole reply around them; no-numbers are sent as Python writes them."""
    told = {"object": "list", "data": rows, "model": "fake-e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    return whole(json.dumps(told).encode())


def sound(exchange: Exchange, request: dict[str, Any]) -> None:
    """A good answer."""
    exchange.send(reply(rows_for(request["input"])))


def _spoilt(change: Callable[[Rows], Any], dim: int = DIM, seed: str = "") -> Answering:
    return lambda exchange, request: exchange.send(reply(change(rows_for(request["input"], dim, seed))))


def _every(value: Any) -> Answering:
    """All numbers the same."""
    return _spoilt(lambda rows: [{**row, "embedding": [value] * len(row["embedding"])} for row in rows])


def _first(value: Any) -> Answering:
    """One number in each vector replaced."""
    return _spoilt(lambda rows: [{**row, "embedding": [value, *row["embedding"][1:]]} for row in rows])


def _vectors(change: Callable[[Any], Any]) -> Answering:
    return _spoilt(lambda rows: [{**row, "embedding": change(row["embedding"])} for row in rows])


@cache
def variants() -> tuple[Variant, ...]:
    """All that a query can meet."""
    quota, auth = frozenset({"embedding_quota"}), frozenset({"embedding_auth"})
    table: list[tuple[str, str, Answering, frozenset[str]]] = [
        *(("V1", str(code), status(code), UNAVAILABLE) for code in (404, 500, 502, 503, 529)),
        *(("V1", str(code), status(code), auth) for code in (401, 403)),
        ("V1", "429", status(429), LIMITED),
        *(("V1", f"429 Retry-After {s}", status(429, Retry_After=s), LIMITED) for s in ("1", "60", "soon")),
        ("V1", "quota", status(429, error(code="insufficient_quota")), quota),
        ("V1", "filtered", status(400, error(code="data_inspection_failed")), frozenset({"embedding_refused"})),
        ("V1", "silence", hanging(), LATE),
        ("V1", "drip", dripping(0.05, b" "), LATE),
        ("V1", "RST", breaking("reset"), UNAVAILABLE),
        ("V1", "closed at once", breaking("close"), UNAVAILABLE),
        ("V1", "empty", body(b""), BROKEN),
        ("V1", "HTML", body(b"<html>login</html>", kind="text/html"), BROKEN),
        ("V1", "30 MB", endless(30_000_000, 65_536), BROKEN),
        ("V3", "half as long", _spoilt(lambda rows: rows, DIM // 2), CHANGED),
        ("V3", "twice as long", _spoilt(lambda rows: rows, DIM * 2), CHANGED),
        ("V4", "NaN", _first(float("nan")), BAD),
        ("V4", "infinite", _first(float("inf")), BAD),
        ("V4", "huge", _first(1e308), BAD | CHANGED),
        ("V4", "zero", _every(0.0), BAD),
        ("V4", "nearly zero", _every(1e-12), BAD),
        ("V4", "none", _spoilt(lambda rows: []), BAD),
        ("V4", "one too many", _spoilt(lambda rows: [*rows, {**rows[0], "index": len(rows)}]), BAD),
        ("V4", "data null", _spoilt(lambda rows: None), BAD),
        ("V4", "numbers as text", _vectors(lambda row: [str(number) for number in row]), BAD),
        ("V4", "nothing in it", _vectors(lambda row: []), BAD),
        ("V4", "vector null", _vectors(lambda row: None), BAD),
        ("V4", "index out of range", _spoilt(lambda rows: [{**row, "index": row["index"] + 1} for row in rows]), BAD),
        ("V4", "index negative", _spoilt(lambda rows: [{**row, "index": -1} for row in rows]), BAD),
        ("V4", "in another order", _spoilt(lambda rows: rows[::-1]), FINE),
        ("V4", "without index", _spoilt(lambda rows: [{"embedding": row["embedding"]} for row in rows]), FINE),
        ("V5", "another model", _spoilt(lambda rows: rows, seed="x"), CHANGED),
        ("V5", "all alike", _every(0.5), CHANGED),
    ]  # fmt: skip
    return tuple(Variant(*row) for row in table)


@cache
def _by_id() -> dict[str, Variant]:
    return {variant.id: variant for variant in variants()}


def answer(exchange: Exchange, request: dict[str, Any], control: Control) -> None:
    """A question for vectors, answered well unless a fault of theirs is set."""
    spoilt = _by_id().get(control.fault or "")
    (spoilt.spoil if spoilt else sound)(exchange, request)
