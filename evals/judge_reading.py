"""What a judge's answer is worth: nothing counts that was not asked for, has no reason or quotes what is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evals.judge_page import Described, JudgePage
from evals.words import word
from service.text.normalise import normalise

_MARKS = "“”‘’\"'「」『』《》…。，、 "
"""What a quotation is dressed in; dropped at both ends before it is looked for."""


@dataclass(frozen=True)
class Said:
    """What a judge said of one description.

    Attributes:
        met: whether it holds; None where the answer cannot be used.
        reason: why, in Chinese; where ``met`` is None, what was wrong with the answer.
        quote: the reply's words it rests on.
        settled: asking again would bring nothing new.
    """

    met: bool | None
    reason: str
    quote: str = ""
    settled: bool = True


def useless(why: str, **parameters: object) -> Said:
    """An answer that cannot be used; ``why`` names the sentence that says so."""
    return Said(None, word("judge", why, **parameters), settled=False)


def answer_schema(count: int) -> dict[str, Any]:
    """The strict JSON schema of an answer to ``count`` descriptions: the reason stands before the verdict."""
    text = {"type": "string"}
    one = _object(
        n={"type": "integer", "enum": [*range(1, count + 1)]}, reason=text, quote=text, met={"type": "boolean"}
    )
    return _object(answers={"type": "array", "items": one})


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [*properties], "properties": properties}


def read_answers(
    data: dict[str, Any], asked: Sequence[Described], page: JudgePage, limits: dict[str, int]
) -> list[Said]:
    """What is said of each description, in the order asked. A control answered wrong leaves nothing of the answer."""
    items = data.get("answers")
    if not isinstance(items, list):
        return [useless("unreadable")] * len(asked)
    by_number: dict[int, list[dict[str, Any]]] = {}
    for item in items:
        number = item.get("n") if isinstance(item, dict) else None
        if type(number) is int:
            by_number.setdefault(number, []).append(item)
    said = [_one(by_number.get(n, []), one, page, limits) for n, one in enumerate(asked, 1)]
    if any(one.known is not None and answer.met is not one.known for one, answer in zip(asked, said, strict=True)):
        return [useless("distrusted")] * len(asked)
    return said


def _one(items: list[dict[str, Any]], asked: Described, page: JudgePage, limits: dict[str, int]) -> Said:
    if len(items) != 1:
        return useless("doubled" if items else "missing")
    met, reason, quote = (items[0].get(name) for name in ("met", "reason", "quote"))
    if type(met) is not bool or not isinstance(reason, str) or not isinstance(quote, str | None):
        return useless("unreadable")
    reason = page.restored(reason[: 2 * limits["reason_chars"]])[: limits["reason_chars"]]
    if not reason:
        return useless("no_reason")
    if asked.known is not None:
        return Said(met, reason)
    quote = page.restored((quote or "")[: limits["quote_chars"]]).strip(_MARKS)
    replies = page.replies if asked.scope == "all" else page.replies[:1]
    if quote and not any(quote_span(quote, reply) for reply in replies):
        return useless("invented", quote=quote)
    if met and asked.evidence and len(quote) < limits["quote_least"]:
        return useless("no_evidence", reason=reason)
    return Said(met, reason, quote)


def quote_span(quote: str, reply: str) -> tuple[int, int] | None:
    """Where a quotation stands in a reply, in code points; None if it does not.

    Width, case and white space may differ, for models change them in copying; no other character may.
    """
    whole, sought = normalise(reply), normalise(quote).text.split()
    found = re.search(r"\s*".join(map(re.escape, sought)), whole.text) if sought else None
    return whole.span(*found.span()) if found else None


def agreed(first: Said, second: Said) -> Said:
    """Two answers to one description as one; where they differ nothing is said, and that is settled."""
    for one in (first, second):
        if one.met is None:
            return one
    if first.met == second.met:
        return first
    yes, no = (first, second) if first.met else (second, first)
    return Said(None, word("judge", "split", yes=yes.reason, no=no.reason))
