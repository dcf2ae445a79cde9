"""A draft, a finding, a passage as lines for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from service.commands.show_explain import explain_lines
from service.commands.words import faint, name_of, printable, strong, word
from service.labelling import short

if TYPE_CHECKING:
    from service.schemas import CheckResult, Draft, Finding, Inquiry

_QUOTE = 60
"""Characters of a citation's quote that are shown."""


def inquiry_lines(inquiry: Inquiry) -> list[str]:
    """What was asked: the messages, and the order facts that are known."""
    told = [f"{word('draft', 'buyer' if m.role == 'customer' else 'agent')}  {m.content}" for m in inquiry.messages]
    order = inquiry.order.model_dump(exclude_none=True, exclude={"facts"}) | inquiry.order.facts
    if order:
        facts = "，".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in order.items())
        told.append(faint(f"{word('draft', 'order')}  {facts}"))
    return [printable(line) for line in told]


def draft_lines(draft: Draft, demands: Mapping[str, str], explain: bool = False) -> list[str]:
    """A draft whole: verdict and why, steps, citations, findings, advice, who wrote it.

    Args:
        draft: what to show.
        demands: Chinese names of demands by id.
        explain: append how it was read and judged, if the draft says.
    """
    shown = [*_verdict(draft, demands), "", strong(word("draft", "steps"))]
    for step in draft.steps:
        marks = "".join(f"[{number}]" for number in step.citations)
        shown.append(f"  {name_of('step', step.step)}  {printable(step.text)} {marks}".rstrip())
    shown += ["", *_backing(draft), *_advice(draft), _writer(draft)]
    total = round(sum(draft.timings_ms.values()), 1)
    shown.append(faint(word("draft", "tail", label=short(), id=draft.id, version=draft.knowledge_version, ms=total)))
    if explain and draft.explain is not None:
        shown += ["", *explain_lines(draft.explain)]
    return shown


def _verdict(draft: Draft, names: Mapping[str, str]) -> list[str]:
    verdict = word("draft", "verdict", verdict=name_of("verdict", draft.verdict), name=draft.basis.name)
    shown = [strong(verdict)]
    cited = next((c for c in draft.citations if c.id == draft.basis.citation), None)
    authority = name_of("authority", draft.basis.authority or "guideline")
    if cited is not None:
        shown.append(word("draft", "basis", title=cited.title, section=cited.section, authority=authority))
    elif draft.basis.rule:
        shown.append(word("draft", "basis_plain", rule=draft.basis.rule, authority=authority))
    reading = draft.reading
    shown.append(
        word(
            "draft",
            "reading",
            demands="、".join(names.get(demand, demand) for demand in reading.demands) or "-",
            emotion=name_of("emotion", reading.emotion),
            threat=name_of("threat", draft.threat),
        )
    )
    for other in draft.demands:
        if other.boundary != draft.basis.boundary:
            verdict = name_of("verdict", other.verdict)
            shown.append(word("draft", "also", name=names.get(other.demand, other.demand), verdict=verdict))
    return shown


def _backing(draft: Draft) -> list[str]:
    shown = []
    if draft.citations:
        shown.append(strong(word("draft", "citations")))
        for cited in draft.citations:
            shown.append(
                word(
                    "draft",
                    "citation",
                    id=cited.id,
                    title=cited.title,
                    section=cited.section,
                    document=cited.document_id,
                    version=cited.version,
                    quote=_short(cited.quote),
                )
            )
    if draft.findings:
        shown.append(strong(word("draft", "findings", count=len(draft.findings))))
        shown += finding_lines(draft.findings)
    else:
        shown.append(word("draft", "no_findings"))
    return shown


def _advice(draft: Draft) -> list[str]:
    shown = []
    if draft.missing:
        shown.append(strong(word("draft", "missing")))
        shown += [
            word("draft", "missing_line", question=m.question, source=name_of("source", m.source))
            for m in draft.missing
        ]
    if draft.advice:
        shown.append(strong(word("draft", "advice")))
    for advice in draft.advice:
        due = f"，{advice.due}" if advice.due else ""
        who = word("draft", "owner", owner=advice.owner, due=due) if advice.owner else ""
        shown.append(
            word("draft", "advice_line", kind=name_of("advice", advice.kind), text=printable(advice.text), who=who)
        )
    return shown


def _writer(draft: Draft) -> str:
    searched = "\n" + word("draft", "by_words", reason=draft.search.reason) if draft.search.degraded else ""
    return _written(draft) + searched


def _written(draft: Draft) -> str:
    writer = draft.writer
    if writer.degraded:
        return word("draft", "degraded", reason=writer.reason or "-")
    if writer.kind == "model":
        return word("draft", "writer_model", model=writer.model or "-")
    return word("draft", "writer_playbook")


def check_lines(result: CheckResult) -> list[str]:
    """What a check found, the verdict of the gate last."""
    blocked = sum(finding.severity == "block" for finding in result.findings)
    if not result.findings:
        return [word("check", "clean")]
    gate = word("check", "blocked", count=blocked) if blocked else word("check", "passed")
    shown = [*finding_lines(result.findings), strong(gate)]
    if result.repaired is not None and result.changes:
        shown.append(word("check", "repaired", text=printable(result.repaired)))
    elif result.repair_reason:
        shown.append(word("check", "not_repaired", reason=result.repair_reason))
    return shown


def finding_lines(findings: list[Finding]) -> list[str]:
    """Findings, each with its suggestion."""
    shown = []
    for finding in findings:
        shown.append(
            word(
                "check",
                "finding",
                severity=name_of("severity", finding.severity),
                category=name_of("category", finding.category),
                excerpt=printable(_short(finding.excerpt)),
                reason=finding.reason,
            )
        )
        if finding.suggestion:
            shown.append(word("check", "suggestion", suggestion=finding.suggestion))
    return shown


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTE else flat[:_QUOTE] + "…"
