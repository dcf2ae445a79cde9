"""What publishing a version would do to the suite's cases, found out on a copy before anything is published."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from evals.playing import Drafting
from service.errors import Conflict, YouliError
from service.schemas import Citation, DocumentState, Draft, Inquiry
from service.schemas.base import Out

What = Literal["verdict", "boundary", "citations", "guidance", "findings", "advice", "reply", "error", "loses_rule"]
Told = Callable[[int, int, str], None]


class Change(Out):
    """One thing that comes out otherwise: what is there no more, and what is new."""

    what: What
    before: list[str] = Field(default_factory=list)
    after: list[str] = Field(default_factory=list)


class Touched(Out):
    """A case that comes out otherwise."""

    case: str
    name: str
    changes: list[Change]


class Impact(Out):
    """What a publication would do. Nothing has been published."""

    cases: int
    unchanged: int
    touched: list[Touched] = Field(default_factory=list)
    state: DocumentState | None = None
    """The document as it would be; None where the library refuses."""
    refused: str | None = None
    """Chinese: why it would be refused."""
    boundaries: list[str] = Field(default_factory=list)
    """Those that would lose what they cite."""

    def count(self, what: What) -> int:
        """Cases of which this changes."""
        return sum(any(change.what == what for change in one.changes) for one in self.touched)


@dataclass(frozen=True)
class Asked:
    """A case as it is asked here."""

    case: str
    name: str
    inquiry: Inquiry


async def impact(
    asked: Sequence[Asked],
    drafting: Drafting,
    publish: Callable[[], Awaitable[DocumentState]],
    told: Told | None = None,
) -> Impact:
    """Draft every case, publish, draft again, and say what differs.

    Args:
        asked: the cases; their ``now`` should be fixed, or a date may make a difference nobody made.
        drafting: drafts on the copy.
        publish: publishes there.
        told: hears how many drafts are done, of how many, and for which case.

    Raises:
        YouliError: the publication fails for another reason than that a rule would be lost.
    """
    before = await _drafts(asked, drafting, told, 0)
    try:
        state = await publish()
    except Conflict as error:
        if error.code != "rule_in_use":
            raise
        return _refused(asked, before, error)
    after = await _drafts(asked, drafting, told, len(asked))
    touched = []
    for one, old, new in zip(asked, before, after, strict=True):
        changes = list(differences(old, new))
        if changes:
            touched.append(Touched(case=one.case, name=one.name, changes=changes))
    return Impact(cases=len(asked), unchanged=len(asked) - len(touched), touched=touched, state=state)


async def _drafts(asked: Sequence[Asked], drafting: Drafting, told: Told | None, done: int) -> list[Draft | YouliError]:
    found: list[Draft | YouliError] = []
    for one in asked:
        try:
            found.append(await drafting(one.inquiry))
        except YouliError as error:
            found.append(error)
        if told is not None:
            told(done + len(found), 2 * len(asked), one.name)
    return found


def _refused(asked: Sequence[Asked], drafts: Sequence[Draft | YouliError], error: Conflict) -> Impact:
    """The cases that rest on the boundaries which would lose their rule."""
    lost = list(error.extra.get("boundaries", []))
    touched = []
    for one, draft in zip(asked, drafts, strict=True):
        rests = sorted(_boundaries(draft) & set(lost))
        if rests:
            touched.append(Touched(case=one.case, name=one.name, changes=[Change(what="loses_rule", before=rests)]))
    left = len(asked) - len(touched)
    return Impact(cases=len(asked), unchanged=left, touched=touched, refused=error.detail, boundaries=lost)


def _boundaries(draft: Draft | YouliError) -> set[str]:
    if isinstance(draft, YouliError):
        return set()
    return {draft.basis.boundary, *(demand.boundary for demand in draft.demands if demand.boundary)}


def differences(before: Draft | YouliError, after: Draft | YouliError) -> Iterable[Change]:
    """What two drafts of one inquiry differ in; only what is gone and what is new is named."""
    old, new = _told(before), _told(after)
    names: list[What] = ["error", "verdict", "boundary", "citations", "guidance", "findings", "advice", "reply"]
    for name in names:
        gone = [text for text in old.get(name, []) if text not in new.get(name, [])]
        come = [text for text in new.get(name, []) if text not in old.get(name, [])]
        if gone or come:
            yield Change(what=name, before=gone, after=come)


def _told(draft: Draft | YouliError) -> dict[What, list[str]]:
    if isinstance(draft, YouliError):
        return {"error": [draft.title]}
    demands = [one.boundary for one in draft.demands if one.boundary and one.boundary != draft.basis.boundary]
    return {
        "verdict": [draft.verdict],
        "boundary": [draft.basis.boundary, *demands],
        "citations": [_passage(one) for one in draft.citations],
        "guidance": [_passage(one) for one in draft.guidance],
        "findings": [f"{one.rule} {one.excerpt}" for one in draft.findings],
        "advice": [one.text for one in draft.advice],
        "reply": [step.text for step in draft.steps],
    }


def _passage(one: Citation) -> str:
    """A passage by what it says; a new version that says the same is no change."""
    where = f"《{one.title}》{one.section}"
    return f"{where}：{' '.join(one.quote.split())}"
