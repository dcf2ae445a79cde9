"""What a faulty endpoint answers: builders for ``fault_table.py``, each a function of the request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fake_model import obedient
from tests.fake_reply import Reply, completion, stream_of

Answer = Callable[[dict[str, Any]], Reply]

SAID = "provider text sk-very-secret"
"""What the endpoint says in its errors; it must be seen nowhere."""


def just(reply: Reply) -> Answer:
    """The same to every request."""
    return lambda request: reply


def status(status: int, error: dict[str, Any] | None = None, **headers: str) -> Answer:
    """An error of this status."""
    return just(Reply.status_of(status, {"message": SAID, **(error or {})}, **headers))


def content_of(request: dict[str, Any]) -> str:
    """The text of the good answer to a request, steps as it plans them; never empty."""
    text: str = json.loads(obedient(request).body)["choices"][0]["message"]["content"]
    return text


def streamed(cut: Callable[[list[bytes]], list[bytes]], **options: Any) -> Answer:
    """A stream of the good answer, cut somewhere."""
    return lambda request: Reply.streams(*cut(stream_of(content_of(request), chunks=6)), **options)


def changed(change: Callable[[dict[str, Any]], Any]) -> Answer:
    """The good answer, changed."""

    def answer(request: dict[str, Any]) -> Reply:
        return Reply.says(change(json.loads(content_of(request))))

    return answer


def texts(text: str) -> Answer:
    """The good answer with this text in every step."""

    def change(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "steps": [{**step, "text": text} for step in data["steps"]]}

    return changed(change)


def finish(finish: str | None, content: str | None = "…", **message: Any) -> Answer:
    """An answer that ends so."""
    return just(Reply.of(completion(content, finish, **message)))


def echo(request: dict[str, Any]) -> Reply:
    """Our own prompt, handed back as the draft."""
    steps = [{**s, "text": request["messages"][0]["content"][:200]} for s in json.loads(content_of(request))["steps"]]
    return Reply.says({"reading": {"claims": []}, "steps": steps, "notes": ""})


def relabelled(request: dict[str, Any], **changes: Any) -> Reply:
    """The good answer, odd in its envelope."""
    body = {**completion(content_of(request)), **changes}
    if not request.get("stream"):
        return Reply.of(body)
    events = stream_of(content_of(request), usage=body["usage"])
    return Reply.streams(*(one.replace(b'"fake-1"', json.dumps(body["model"]).encode()) for one in events))
