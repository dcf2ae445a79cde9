"""What an endpoint's reply means: its status, its codes, its text. Nothing here talks to anyone.

The provider's own words are never looked at and never passed on: only statuses, machine-readable codes and the answer.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

_QUOTA = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "exceeded_current_quota_error", "arrearage", "1113"}
)
_REFUSED = frozenset({"content_filter", "content_policy_violation", "data_inspection_failed", "1301"})
_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_MODEL_NAME = re.compile(r"[\w./:@+-]{1,100}")


class Failed(Exception):
    """One try failed. ``again``: worth another; ``wait``: seconds the endpoint asked for."""

    def __init__(self, code: str, again: bool = False, wait: float | None = None) -> None:
        self.code, self.again, self.wait = code, again, wait
        super().__init__(code)


class FormRefused(Exception):
    """The endpoint does not take this rung of the ladder."""


def _codes(body: object) -> set[str]:
    """The provider's machine-readable codes in an error body; its words are not looked at."""
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        if isinstance(inner, Mapping):
            return {str(inner[key]).lower() for key in ("code", "type") if inner.get(key) is not None}
    return set()


def by_status(status: int, body: object, headers: Mapping[str, str], formed: bool) -> Failed | FormRefused:
    """What a status and its codes mean. ``formed``: a form of answer was asked for, which may be what was refused."""
    codes = _codes(body)
    if status == 402 or codes & _QUOTA:
        return Failed("llm_quota")
    if codes & _REFUSED:
        return Failed("llm_refused")
    if status in (401, 403):
        return Failed("llm_auth")
    if status == 429:
        return Failed("llm_rate_limited", again=True, wait=retry_after(headers))
    if status in (408, 409) or status >= 500:
        return Failed("llm_unavailable", again=True, wait=retry_after(headers))
    if status in (400, 415, 422) and formed:
        return FormRefused()
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


def parsed(body: bytes) -> dict[str, Any]:
    """The reply's JSON object.

    Raises:
        Failed: it is none.
    """
    try:
        reply = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Failed("llm_bad_reply", again=True) from None
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


def text_of(reply: Mapping[str, Any]) -> str:
    """The answer's text; thinking aloud is not part of it."""
    try:
        choice = reply["choices"][0]
        finish, message = choice.get("finish_reason"), choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Failed("llm_bad_reply", again=True) from None
    if refusal or finish == "content_filter":
        raise Failed("llm_refused")
    if finish != "stop":
        raise Failed("llm_incomplete", again=True)
    if not isinstance(content, str) or not content.strip():
        raise Failed("llm_bad_reply", again=True)
    return content


def object_in(text: str) -> dict[str, Any]:
    """The JSON object in an answer: bare, or inside a code fence."""
    text = _THINKING.sub("", text).strip()
    fence = _FENCE.search(text)
    for candidate in (text, fence[1] if fence else None, text[text.find("{") : text.rfind("}") + 1]):
        try:
            data = json.loads(candidate or "")
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            return data
    raise Failed("llm_bad_reply", again=True)
