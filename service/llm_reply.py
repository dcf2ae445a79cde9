"""What an endpoint's reply means: its status, its codes, its text. Nothing here talks to anyone.

Statuses and machine-readable codes tell; the provider's own words are looked at only for the few fixed wordings a
profile names, and never kept or passed on.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

_THINKING = re.compile(r"\A[^{]*?<think>.*?(?:</think>|\Z)|\A.*</think>", re.DOTALL)
"""Up to the end of the thinking; some chat templates open it in the prompt, so that only its end is seen."""
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_MODEL_NAME = re.compile(r"[\w./:@+-]{1,100}")


class Failed(Exception):
    """One try failed. ``again``: worth another; ``wait``: seconds the endpoint asked for; ``short``: room ran out."""

    def __init__(self, code: str, again: bool = False, wait: float | None = None, short: bool = False) -> None:
        self.code, self.again, self.wait, self.short = code, again, wait, short
        super().__init__(code)


class FormRefused(Exception):
    """The endpoint does not take the question in this form; ``field`` is the one it names, if it does."""

    def __init__(self, field: str | None = None) -> None:
        self.field = field
        super().__init__(field)


@dataclass(frozen=True)
class Meaning:
    """What an endpoint's codes mean, from its profile.

    Args:
        codes: machine-readable code, in lower case, to kind of failure.
        words: fixed wording, in lower case, to kind, for endpoints whose codes do not tell; looked for, never kept.
        refused: finish reasons that stand for a content filter.
    """

    codes: Mapping[str, str]
    words: tuple[tuple[str, str], ...]
    refused: frozenset[str]

    def of(self, body: object) -> str | None:
        """The kind of failure an error body tells of, as one of our codes."""
        inner = _inner(body)
        if inner is None:
            return None
        found = {self.codes[code] for code in map(str.lower, _strings(inner, "code", "type")) if code in self.codes}
        for kind in ("quota", "auth", "refused", "too_long", "rate_limited"):
            if kind in found:
                return f"llm_{kind}"
        said = " ".join(_strings(inner, "message", "detail"))[:2_000].lower()
        return next((f"llm_{kind}" for word, kind in self.words if word in said), None)


def _inner(body: object) -> Mapping[str, Any] | None:
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error", body)
    return inner if isinstance(inner, Mapping) else None


def _strings(inner: Mapping[str, Any], *names: str) -> list[str]:
    return [str(inner[name]) for name in names if isinstance(inner.get(name), str | int)]


def by_status(
    status: int, body: object, headers: Mapping[str, str], formed: bool, meaning: Meaning
) -> Failed | FormRefused:
    """What a status and its codes mean. ``formed``: something was asked for that may be what was refused."""
    code = meaning.of(body)
    if code == "llm_rate_limited" or (code is None and status == 429):
        return Failed("llm_rate_limited", again=True, wait=retry_after(headers))
    if code is not None:
        return Failed(code)
    if status in (401, 403):
        return Failed("llm_auth")
    if status == 402:
        return Failed("llm_quota")
    if status == 413:
        return Failed("llm_too_long")
    if status in (408, 409) or status >= 500:
        return Failed("llm_unavailable", again=True, wait=retry_after(headers))
    if status in (400, 415, 422) and formed:
        named = _strings(_inner(body) or {}, "param")
        return FormRefused(named[0].split(".")[0] if named else None)
    return Failed("llm_unavailable")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a reply asks us to wait (``Retry-After`` as seconds or date, or in milliseconds); None if it is junk."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(?:\.\d{1,6})?", value):
            return float(value) * unit
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def by_event(event: Mapping[str, Any], meaning: Meaning) -> Failed:
    """What an error inside a reply that began with 200 means; its code may be a status."""
    code = (_inner(event) or {}).get("code")
    status = int(str(code)) if re.fullmatch(r"[45]\d\d", str(code)) else 500
    found = by_status(status, event, {}, formed=False, meaning=meaning)
    return found if isinstance(found, Failed) else Failed("llm_unavailable")


def loaded(text: bytes) -> Any:
    """Any JSON: strict UTF-8, no half of a surrogate pair, no NaN, of bounded depth.

    Raises:
        Failed: it is none.
    """
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Failed("llm_bad_reply", again=True) from None


def parsed(body: bytes) -> dict[str, Any]:
    """The reply's JSON object.

    Raises:
        Failed: it is none.
    """
    reply = loaded(body)
    if not isinstance(reply, dict):
        raise Failed("llm_bad_reply", again=True)
    return reply


def usage_of(reply: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by kind, as far as the reply tells them sanely."""
    counts = reply.get("usage")
    if not isinstance(counts, Mapping):
        return {}
    kinds = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {k: counts[k] for k in kinds if type(counts.get(k)) is int and 0 <= counts[k] < 10**9}


def model_name(reply: Mapping[str, Any], asked: str) -> str:
    """The model's name as the reply gives it, if it looks like a name; else the one asked for."""
    name = reply.get("model")
    return name if isinstance(name, str) and _MODEL_NAME.fullmatch(name) else asked


def content_in(content: object) -> str:
    """The text of a message or of a piece of one: a string, or parts of which those of type text count."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def finished(finish: object, meaning: Meaning) -> None:
    """Check that an answer ended of its own accord.

    Raises:
        Failed: a filter ended it, the limit did, or nobody said so.
    """
    if finish in meaning.refused:
        raise Failed("llm_refused")
    if finish != "stop":
        raise Failed("llm_incomplete", again=True, short=finish == "length")


def text_of(reply: Mapping[str, Any], meaning: Meaning) -> str:
    """The answer's text; thinking aloud is not part of it.

    Raises:
        Failed: there is none, or not the whole of it.
    """
    try:
        choice = reply["choices"][0]
        finish, message = choice.get("finish_reason"), choice["message"]
        content, refusal = content_in(message.get("content")), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Failed("llm_bad_reply", again=True) from None
    if refusal:
        raise Failed("llm_refused")
    finished(finish, meaning)
    if not content.strip():
        raise Failed("llm_bad_reply", again=True)
    return content


def object_in(text: str) -> dict[str, Any]:
    """The JSON object in an answer: bare, behind thinking aloud, or inside a code fence.

    Raises:
        Failed: there is none.
    """
    bare = _THINKING.sub("", text)
    fence = _FENCE.search(bare)
    for candidate in (text, bare, fence[1] if fence else "", bare[bare.find("{") : bare.rfind("}") + 1]):
        try:
            data = from_json(candidate.strip("\ufeff \t\r\n"), allow_inf_nan=False)
        except ValueError:
            continue
        if isinstance(data, dict):
            return data
    raise Failed("llm_bad_reply", again=True)
