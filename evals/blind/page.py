"""The blind page as one HTML file: it loads nothing, runs only its own script, and holds no score."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evals.blind.sheet import Asked, Question, Sheet
from evals.report.inert import visible
from evals.report.names import Names
from evals.results import CaseResult
from evals.rubric import shipped_rubric
from evals.words import section, word
from service.labelling import explicit, metadata
from service.schemas import Inquiry, Message, Order

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Turn:
    role: str
    name: str
    text: str


@dataclass(frozen=True)
class _Shown:
    """A reply as the page shows it: nothing of what was expected of it or found in it."""

    id: str
    repeat: int
    talk: list[_Turn]
    facts: list[tuple[str, list[tuple[str, str]]]]
    reply: list[str]
    pushes: list[_Turn]
    questions: list[Question]


def blind_page(sheet: Sheet, results: Sequence[CaseResult]) -> str:
    """The page of a sheet; ``results`` are its run's."""
    by_key = {(one.case, one.repeat): one for one in results}
    style, script = ((_HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    words = section("people")
    how = [words[name] for name in sorted(words) if name.startswith("page_how_")]
    return _template().render(
        t=words,
        how=how,
        sheet=sheet,
        cases=[_shown(by_key[one.case, one.repeat], one) for one in sheet.cases],
        style=_markup(style),
        script=_markup(script),
        aigc=metadata(sheet.id),
        labelled=explicit(),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


@cache
def _template() -> jinja2.Template:
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    made = SandboxedEnvironment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(_HERE),
        trim_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    return made.get_template("page.html.j2")


def _markup(text: str) -> str:
    """Our own style or script, as it is."""
    from markupsafe import Markup

    return Markup(text)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _shown(result: CaseResult, asked: Asked) -> _Shown:
    draft = result.draft
    reply = [step.text for step in draft.steps] if draft else []
    return _Shown(
        id=result.case,
        repeat=result.repeat,
        talk=[_turn(one) for one in result.inquiry.messages],
        facts=[(title, facts) for title, facts in _facts(result.inquiry) if facts],
        reply=reply or (draft.reply.split("\n") if draft else []),
        pushes=list(_pushes(result)),
        questions=asked.questions,
    )


def _turn(message: Message) -> _Turn:
    kind = "" if message.kind == "text" else f"[{_name('kind', message.kind)}] "
    return _Turn(message.role, word("people", f"page_{message.role}"), f"{kind}{message.content}")


def _pushes(result: CaseResult) -> Iterator[_Turn]:
    for push in result.pushes:
        yield _Turn("customer", word("people", "page_customer"), push.said)
        if push.draft is not None:
            yield _Turn("agent", word("people", "page_agent"), push.draft.reply)


def _facts(inquiry: Inquiry) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    typed = {name: getattr(inquiry.order, name) for name in Order.model_fields if name != "facts"}
    known = [(_name("order", name), _value(name, value)) for name, value in typed.items() if value is not None]
    yield word("people", "page_order"), known + _free(inquiry.order.facts)
    yield word("people", "page_policy"), _free(inquiry.policy)


def _free(facts: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(_name("order", name), _value(name, value)) for name, value in facts.items()]


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return _name("bool", str(value))
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str):
        return _name("evidence", value) if name == "defect_evidence" else value
    return json.dumps(value, ensure_ascii=False)


@cache
def _names() -> Names:
    """What a report calls things, a blind page calls them too."""
    return Names(shipped_rubric().entry, {})


def _name(kind: str, value: str) -> str:
    return _names().value(kind, value)
