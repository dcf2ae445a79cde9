"""The openai SDK as every client of ours uses it: one connection pool, no retries of its own, errors typed and mute.

``llm*.py`` alone import the SDK, and late: it costs more than a second.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from service.llm_reply import Failed, Meaning, by_status

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_SENDABLE = re.compile(r"[\x21-\x7e]+")
"""What can stand in a header; the error a library would raise for another key would quote it."""
_NO_KEY = "none"
"""Sent where an endpoint of one's own asks for no key; the SDK will not start without one."""


def sendable(key: str | None) -> bool:
    """Whether a key can stand in a header at all."""
    return bool(_SENDABLE.fullmatch(key or _NO_KEY))


def open_sdk(key: str | None, base_url: str | None, cap: int, stream_cap: int = 0) -> AsyncOpenAI:
    """A client of the SDK that reads at most ``cap`` bytes of a reply, retries nothing and follows no redirect.

    A stream may have ``stream_cap`` bytes on the wire.
    """
    import openai

    from service.llm_wire import CappedClient

    await_imports()

    for name in ("openai", "httpx2", "httpcore2"):  # at DEBUG these would write prompts and addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    http = CappedClient(cap, stream_cap)
    return openai.AsyncOpenAI(api_key=key or _NO_KEY, base_url=base_url, max_retries=0, http_client=http)


@contextmanager
def typed(meaning: Meaning, formed: bool) -> Iterator[None]:
    """Turn whatever the SDK and its HTTP client raise into our mute errors."""
    import httpx2
    import openai

    from service.llm_wire import ReplyTooLong

    try:
        yield
    except ReplyTooLong:
        raise Failed("llm_bad_reply") from None
    except httpx2.RequestError:  # of a live reply: it had begun, and broke off
        raise Failed("llm_incomplete", again=True) from None
    except openai.APITimeoutError:
        raise Failed("llm_timeout", again=True) from None
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, ReplyTooLong):
            raise Failed("llm_bad_reply") from None
        raise Failed("llm_unavailable", again=True) from None
    except openai.APIStatusError as error:
        raise by_status(error.status_code, error.body, error.response.headers, formed, meaning) from None
    except (openai.OpenAIError, httpx2.StreamError, ValueError, TypeError, RecursionError):
        raise Failed("llm_bad_reply", again=True) from None


async def exchange(create: Callable[..., Awaitable[Any]], meaning: Meaning, **request: Any) -> bytes:
    """One HTTP exchange through a ``with_raw_response.create``; the reply's bytes.

    Raises:
        Failed: typed by status and code.
        FormRefused: the form of the question was not accepted.
    """
    await_imports()
    with typed(meaning, formed(request)):
        raw = await create(**untouched(request))
        body: bytes = raw.http_response.content
        return body


def formed(request: dict[str, Any]) -> bool:
    """Whether a request asks for anything beyond the question, which an endpoint may refuse."""
    return "response_format" in request or "extra_body" in request


def untouched(request: dict[str, Any]) -> dict[str, Any]:
    """The same call with messages and schema where the SDK does not walk through them: that took 2 to 3 ms a call.

    The SDK puts ``extra_body`` over the body it made; the empty ``messages`` only satisfy its signature.
    """
    if "messages" not in request:  # no question: the embeddings call knows no such argument
        return request
    body = dict(request.get("extra_body") or {})
    plain = {name: value for name, value in request.items() if name != "extra_body"}
    for name in ("messages", "response_format"):
        if name in plain:
            body[name] = plain.pop(name)
    return {**plain, "messages": [], "extra_body": body}


def await_imports() -> None:
    """Wait for a thread that is importing the older httpx, as Chroma's does: the SDK trips over half a module."""
    if "httpx" in sys.modules:
        importlib.import_module("httpx")
