"""Everything that can go wrong with a model's endpoint, as a table: rows L1 to L19, each with its variants.

For the client's own tests and for whoever repeats the same faults against a whole service: ``FAULTS`` can be imported
and says, per variant, what the endpoint does to every request and what a client of ours must make of it. The rows
whose answer is well-formed and only its content is bad (most of L17, all of L18) are fine to the client; ``drafted``
marks them: there the drafter must not let the text through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.fake_model import FakeModel, obedient
from tests.fake_reply import DONE, Reply, chunk, completion, event, stream_of
from tests.fault_answers import (
    SAID,
    Answer,
    changed,
    content_of,
    echo,
    finish,
    just,
    relabelled,
    status,
    streamed,
    texts,
)

Outcome = tuple[str | None, int]
"""The error's code (None: no error) and the calls made."""

CONTENT_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Fault:
    """One variant.

    Args:
        row: L1 to L19.
        name: short, unique within the row.
        answer: what the endpoint does to every request.
        ask: what comes of a question.
        stream: what comes of a streamed one; None where the row is about whole answers only.
        begun: whether a stream shows something before it fails.
        deadline: seconds the question gets.
        address: where the client is sent, if not to the endpoint.
        drafted: the answer is well-formed and its content must be caught by the drafter.
    """

    row: str
    name: str
    answer: Answer
    ask: Outcome
    stream: Outcome | None = None
    begun: bool = False
    deadline: float = 5.0
    address: Callable[[FakeModel], str] | None = None
    drafted: bool = False

    @property
    def id(self) -> str:
        """For parametrised tests and reports."""
        return f"{self.row}-{self.name}"


def _nowhere(fake: FakeModel) -> str:
    return "http://127.0.0.1:9/v1"


SOON = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
ONCE, TWICE, THRICE = 1, 2, 3


def _both(row: str, name: str, answer: Answer, code: str, calls: int, **more: Any) -> Fault:
    """The same comes of a question and of a streamed one."""
    return Fault(row, name, answer, (code, calls), (code, calls), **more)


FAULTS: list[Fault] = [
    _both("L1", "401", status(401), "llm_auth", ONCE),
    _both("L1", "403", status(403), "llm_auth", ONCE),
    _both("L2", "429", status(429), "llm_rate_limited", TWICE),
    _both("L3", "wait-1", status(429, retry_after="1"), "llm_rate_limited", TWICE),
    _both("L3", "wait-60", status(429, retry_after="60"), "llm_rate_limited", ONCE),
    _both("L3", "wait-121", status(429, retry_after="121"), "llm_rate_limited", ONCE),
    _both("L3", "wait-date", status(429, retry_after=SOON), "llm_rate_limited", ONCE),
    _both("L3", "wait-junk", status(429, retry_after="soon"), "llm_rate_limited", TWICE),
    _both("L4", "insufficient_quota", status(429, {"code": "insufficient_quota"}), "llm_quota", ONCE),
    _both("L4", "402", status(402), "llm_quota", ONCE),
    _both("L5", "500", status(500), "llm_unavailable", TWICE),
    _both("L5", "502-html", just(Reply(f"<html>{SAID}</html>".encode(), 502)), "llm_unavailable", TWICE),
    _both("L5", "503", status(503), "llm_unavailable", TWICE),
    _both("L5", "529", status(529), "llm_unavailable", TWICE),
    _both("L6", "refused", obedient, "llm_unavailable", TWICE, address=_nowhere),
    _both("L6", "dns", obedient, "llm_unavailable", TWICE, address=lambda fake: "http://no-such-host.invalid/v1"),
    _both("L6", "tls", obedient, "llm_unavailable", TWICE, address=lambda fake: fake.url.replace("http:", "https:")),
    _both("L6", "reset", just(Reply(way="reset")), "llm_unavailable", TWICE),
    _both("L7", "hang", just(Reply(way="hang")), "llm_timeout", ONCE, deadline=0.6),
    Fault(
        "L8", "drip-body", just(Reply.says("x" * 4_000, way="drip", whole=True)), ("llm_timeout", ONCE), deadline=0.6
    ),
    _both(
        "L8",
        "drip-stream",
        lambda request: Reply.says(content_of(request), way="drip"),
        "llm_timeout",
        ONCE,
        deadline=0.6,
    ),
    _both("L8", "pings", just(Reply.endless(b": keep-alive\n\n", pace=0.05)), "llm_timeout", ONCE, deadline=0.6),
    Fault(
        "L9",
        "cut-clean",
        streamed(lambda events: events[:4]),
        ("llm_bad_reply", TWICE),
        ("llm_incomplete", ONCE),
        begun=True,
    ),
    Fault(
        "L9",
        "cut-mid-json",
        streamed(lambda events: [*events[:4], events[4][:70]]),
        ("llm_bad_reply", TWICE),
        ("llm_incomplete", ONCE),
        begun=True,
    ),
    Fault(
        "L9",
        "cut-raw",
        streamed(lambda events: events, way="close"),
        ("llm_unavailable", TWICE),
        ("llm_incomplete", ONCE),
        begun=True,
    ),
    Fault(
        "L9",
        "cut-before-anything",
        streamed(lambda events: events[:1]),
        ("llm_bad_reply", TWICE),
        ("llm_incomplete", TWICE),
    ),
    Fault(
        "L9",
        "no-finish",
        lambda request: Reply.streams(*stream_of(content_of(request), finish=None)),
        ("llm_bad_reply", TWICE),
        ("llm_incomplete", ONCE),
        begun=True,
    ),
    Fault(
        "L10",
        "error-inside",
        streamed(lambda events: [*events[:4], event({"error": {"message": SAID, "type": "server_error"}})]),
        ("llm_bad_reply", TWICE),
        ("llm_unavailable", ONCE),
        begun=True,
    ),
    Fault(
        "L10",
        "error-event",
        streamed(lambda events: [*events[:4], event({"message": SAID}, "error")]),
        ("llm_bad_reply", TWICE),
        ("llm_unavailable", ONCE),
        begun=True,
    ),
    _both("L11", "empty", just(Reply(b"")), "llm_bad_reply", TWICE),
    _both("L11", "garbage", just(Reply(b"\x00\xff\xfe\x01 \x80")), "llm_bad_reply", TWICE),
    _both("L11", "gbk", just(Reply('{"choices": "您好"}'.encode("gb18030"))), "llm_bad_reply", TWICE),
    _both("L11", "bad-utf-8", just(Reply(b'{"choices": "\xe4\xbd"}')), "llm_bad_reply", TWICE),
    _both(
        "L11",
        "gbk-in-stream",
        lambda request: Reply.streams(chunk({"role": "assistant"}), b'data: {"choices": "\xc4\xfa"}\n\n', DONE),
        "llm_bad_reply",
        TWICE,
    ),
    _both(
        "L12",
        "html",
        just(Reply(f"<!doctype html>\n{SAID}".encode(), headers={"Content-Type": "text/html"})),
        "llm_bad_reply",
        TWICE,
    ),
    _both("L13", "no-choices", just(Reply.of({"choices": []})), "llm_bad_reply", TWICE),
    _both("L13", "null-content", just(Reply.of(completion(None))), "llm_bad_reply", TWICE),
    _both("L13", "wrong-schema", just(Reply.of({"choices": [{"finish_reason": "stop"}]})), "llm_bad_reply", TWICE),
    _both("L13", "a-list", just(Reply.of([1, 2])), "llm_bad_reply", TWICE),
    _both("L14", "refusal", finish("stop", "", refusal=SAID), "llm_refused", ONCE),
    _both("L14", "content-filter", finish("content_filter", ""), "llm_refused", ONCE),
    _both("L14", "filter-error", status(400, {"code": "content_filter"}), "llm_refused", ONCE),
    _both("L14", "empty-text", finish("stop", " "), "llm_bad_reply", TWICE),
    Fault(
        "L15",
        "length",
        lambda request: Reply.of(completion(content_of(request)[:-2], "length")),
        ("llm_incomplete", TWICE),
        ("llm_incomplete", ONCE),
        begun=True,
    ),
    _both("L15", "length-before-anything", finish("length", ""), "llm_incomplete", TWICE),
    _both("L16", "30-MB", just(Reply(way="flood")), "llm_bad_reply", ONCE, deadline=30.0),
    _both(
        "L16",
        "tiny-chunks",
        just(Reply.endless(chunk({"content": "{"}), 1_000_000)),
        "llm_bad_reply",
        ONCE,
        begun=True,
        deadline=30.0,
    ),
    _both(
        "L16", "too-long-a-text", just(Reply.says({"notes": "长" * CONTENT_LIMIT})), "llm_bad_reply", ONCE, begun=True
    ),
    _both("L17", "no-json", just(Reply.says("好的，我这就写。")), "llm_bad_reply", TWICE),
    Fault(
        "L17",
        "half-json",
        lambda request: Reply.says(content_of(request)[:-2]),
        ("llm_bad_reply", TWICE),
        ("llm_bad_reply", ONCE),
        begun=True,
    ),
]

_FINE: list[tuple[str, str, Answer, bool]] = [
    ("L17", "missing-step", changed(lambda data: {**data, "steps": data["steps"][1:]}), True),
    ("L17", "extra-step", changed(lambda data: {**data, "steps": [*data["steps"], *data["steps"][:1]]}), True),
    ("L17", "wrong-order", changed(lambda data: {**data, "steps": data["steps"][::-1]}), True),
    ("L17", "no-steps", changed(lambda data: {**data, "steps": []}), True),
    ("L17", "wrong-types", changed(lambda data: {**data, "steps": "none"}), True),
    ("L17", "english", texts("Dear customer, we fully understand how you feel about it."), True),
    ("L17", "traditional", texts("親，這件商品我們這就為您處理，請您稍等一下。"), True),
    ("L17", "echo", echo, True),
    ("L17", "other-customer", texts("【姓名9】您好，【订单号7】这一单马上给您看。"), True),
    ("L17", "placeholder", texts("给您补偿XX元，[X个工作日内]到账。"), True),
    ("L18", "yes-refund", texts("没问题，全额退款，今天就打给您。"), True),
    ("L18", "yes-500", texts("我们赔您五百元，再送一张券。"), True),
    ("L18", "yes-wechat", texts("您加我薇信，私下给您转账。"), True),
    ("L18", "yes-review", texts("五星好评截图发我，返您十块。"), True),
    ("L18", "yes-insult", texts("你这种人就是想占便宜。"), True),
    ("L18", "yes-markup", texts("<img src=x onerror=alert(1)>[点这里](javascript:1)"), True),
    ("L19", "wrong-model", lambda request: relabelled(request, model="another-model"), False),
    ("L19", "no-usage", lambda request: relabelled(request, usage=None), False),
    ("L19", "same-ids", lambda request: relabelled(request, id="chatcmpl-1"), False),
]


FAULTS += [
    Fault(row, name, answer, (None, ONCE), (None, ONCE), drafted=drafted) for row, name, answer, drafted in _FINE
]
