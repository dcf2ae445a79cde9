"""What the deeds of a desk tell the audit trail: the one place that says which ids, versions and digests they leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.database.entries import Entry, Words
from service.schemas import CheckResult, Draft, Finding

Detail = str | int | bool | None


def draft_made(draft: Draft, superseded_by: str | None = None) -> Entry:
    """A draft was given out: what was decided, by whom it was written, and on which knowledge and prompt it rests."""
    writer = draft.writer
    blocked = any(one.severity == "block" for one in draft.findings)
    return Entry(
        "draft.made",
        draft.id,
        draft.shop,
        {
            "verdict": draft.verdict,
            "scenario": draft.scenario,
            "boundary": draft.basis.boundary,
            "writer": writer.kind,
            "model": writer.model,
            "prompt": writer.prompt,
            "degraded": writer.degraded,
            "reason": writer.reason,
            "blocked": blocked,
            "empty": not draft.reply,
            "knowledge_version": draft.knowledge_version,
            "superseded_by": superseded_by,
            "reply": Words(draft.reply),
        },
    )


def feedback_given(row: Mapping[str, Any]) -> Entry:
    """A person said what became of a draft. ``overrode``: it was sent although a check had objected."""
    sent = row["final_text"]
    return Entry(
        f"feedback.{row['action']}",
        row["draft_id"],
        row["shop"],
        {
            "passed": row["passed"],
            "overrode": row["passed"] is False and row["action"] != "rejected",
            "findings": len(row["findings"]),
            "sent": Words(sent) if sent else None,
        },
    )


def check_made(draft_id: str, shop: str, text: str, result: CheckResult) -> Entry:
    """A text was checked as an answer to a draft's inquiry."""
    told: dict[str, Detail] = {"passed": result.passed, "text": Words(text)}
    return Entry("check.made", draft_id, shop, told | _counted(result.findings))


def _counted(findings: Iterable[Finding]) -> dict[str, Detail]:
    counts = Counter(one.severity for one in findings)
    return {f"findings_{severity}": number for severity, number in sorted(counts.items())}


def document_changed(action: str, document_id: str, shop: str, version: int | None, revision: int) -> Entry:
    """Something was done to a document. Who signed it and their note are free text: they stand in ``changes``."""
    return Entry(f"document.{action}", document_id, shop, {"version": version, "revision": revision})


def conflict_ruled(key: str, shop: str, keep: str) -> Entry:
    """A person decided which side of a contradiction holds."""
    return Entry("conflict.ruled", key, shop, {"keep": keep})


def rulebook_kept(digest: str) -> Entry:
    """Another rulebook came into force."""
    return Entry("rulebook.kept", digest, "*", {"digest": digest})


def folder_synced(published: int, retired: int, knowledge: str) -> Entry:
    """The documents of the knowledge folder were brought in."""
    return Entry("folder.synced", knowledge, "*", {"published": published, "retired": retired})


def run_started(run: str, shop: str, writer: str, repeats: int) -> Entry:
    """A run of the eval suite was begun."""
    return Entry("run.started", run, shop, {"writer": writer, "repeats": repeats})


def reviews_added(run: str, shop: str, rubric: str, reviews: Sequence[Any], taken: int) -> list[Entry]:
    """A person's reviews went into a run: one entry for all of them, and one a score that somebody speaks against.

    Args:
        run: the run's id.
        shop: whose.
        rubric: digest of the rubric the person read.
        reviews: rows with ``action``, ``case``, ``scorer``, ``criterion`` and ``status``.
        taken: how many were new.
    """
    counts = Counter(one.action for one in reviews)
    told: dict[str, Detail] = {"rubric": rubric, "taken": taken, **{name: counts[name] for name in sorted(counts)}}
    whole = Entry("reviews.added", run, shop, told)
    against = [one for one in reviews if one.action not in ("agree", "blind")]
    return [whole, *(_review(run, shop, one) for one in against)]


def _review(run: str, shop: str, one: Any) -> Entry:
    about = {"case": one.case, "scorer": one.scorer, "criterion": one.criterion, "status": one.status}
    return Entry(f"review.{one.action}", run, shop, about)


def drafts_sampled(run: str, shop: str, looked_at: int, taken: int) -> Entry:
    """Live drafts were taken into a standing run for people to look at."""
    return Entry("drafts.sampled", run, shop, {"looked_at": looked_at, "taken": taken})
