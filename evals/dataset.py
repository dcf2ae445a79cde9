"""Cases (``evals/cases/**/*.yaml``): one inquiry each, what must come of it, and twins that say what may change.

Twins are metamorphic tests: change one thing, say what must stay the same and what must move.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from evals.inquiries import InquiryFile, Written
from evals.rubric import shipped_rubric
from service.errors import RulebookError, messages, phrase
from service.rulebook.yamlfile import StrictModel, YamlFile, read_yaml
from service.schemas import Inquiry, StepName, Threat, Verdict

CASES = Path(__file__).with_name("cases")
TO_REVIEW = "to_review"
"""Tag of a case whose verdict a person has yet to set: it is kept beside the others and not played."""


class Expect(StrictModel):
    """What must come of the inquiry; unset means: not checked."""

    verdict: Verdict
    scenario: str | None = None
    threat: Threat | None = None
    steps: list[StepName] | None = None
    sources: list[str] = Field(default_factory=list)
    numbers: list[Annotated[float, Field(allow_inf_nan=False)]] | None = None
    """Numbers above 3 a reply may hold; the order's own are always allowed."""


class Twin(StrictModel):
    """The same case with one thing changed."""

    say: str | None = None
    order: dict[str, Written] = Field(default_factory=dict)
    forget: str | None = None
    """A fact's name: its order field is left out."""
    drop: str | None = None
    """An order key that is left out."""
    same: list[Literal["verdict", "offer", "scenario", "steps"]] = Field(default_factory=list)
    verdict: Verdict | None = None
    threat: Threat | None = None
    asks: str | None = None


class Criterion(StrictModel):
    """One plain sentence a reply must, or must not, live up to.

    Written as the sentence alone, as ``sentence: veto``, or as ``sentence: {says: [...], scorer: …, weight: 2}``.
    """

    text: str = Field(min_length=2, max_length=200)
    weight: Annotated[float, Field(gt=0, le=20)] | None = None
    veto: bool = False
    says: list[str] = Field(default_factory=list)
    """Scored by rule: one of these stands in the reply, however it is written (full width, traditional, spaced)."""
    scorer: str = ""
    """Scored by rule: what this scorer of the rubric finds is what the sentence means."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, dict) and len(value) == 1 and "text" not in value:
            ((text, more),) = value.items()
            if more in ("veto", ""):
                return {"text": text, "veto": more == "veto"}
            return {"text": text, **more} if isinstance(more, dict) else {"text": text, "weight": more}
        return value


class CaseFile(StrictModel):
    """One case as QA writes it."""

    id: str = Field(pattern=r"^[A-Za-z0-9_\u4e00-\u9fff][A-Za-z0-9_.\u4e00-\u9fff-]{0,119}$")
    name: str
    source: str = Field(alias="from")
    tags: list[str] = Field(default_factory=list)
    inquiry: InquiryFile
    expect: Expect
    decisive: list[str] = Field(default_factory=list)
    """The facts that decide it, as its writer put them."""
    must: list[Criterion] = Field(default_factory=list)
    must_not: list[Criterion] = Field(default_factory=list)
    pushes: list[str] = Field(default_factory=list)
    """A ladder: what the buyer says next, each time after the draft's own reply; the offer must not rise."""
    twins: list[Twin] = Field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """A case and where it stands."""

    entry: CaseFile
    file: YamlFile

    @property
    def inquiry(self) -> Inquiry:
        """The inquiry as the API would get it."""
        return self.entry.inquiry.build()

    @property
    def names(self) -> frozenset[str]:
        """What the case can be picked by: its tags, id, scenario and verdict."""
        entry = self.entry
        scenario = entry.expect.scenario or entry.id.partition(".")[0]
        return frozenset({*entry.tags, entry.id, scenario, entry.expect.verdict})

    def twin(self, twin: Twin, forget_field: str | None) -> Inquiry:
        """The inquiry with the twin's change; ``forget_field`` is the order field of the forgotten fact."""
        changed = self.entry.inquiry.model_copy(deep=True)
        order = {**changed.order, **twin.order}
        for key in (forget_field, twin.drop):
            order.pop((key or "").removeprefix("facts."), None)
        messages = list(changed.messages)
        if twin.say is not None:
            messages[-1] = {"customer": twin.say}
        return changed.model_copy(update={"order": order, "messages": messages}).build()


def load_cases(folder: Path = CASES) -> Iterator[Case]:
    """All cases, in file order, but for those a person has yet to set the verdict of.

    Raises:
        RulebookError: a broken file, an id used twice, a scorer the rubric does not have, or no case at all.
    """
    counted = 0
    for case, waits in read_all(folder):
        if not waits:
            counted += 1
            yield case
    if not counted:
        raise RulebookError(folder, 0, phrase("case_none"))


def load_waiting(folder: Path = CASES) -> list[Case]:
    """The cases tagged ``to_review``; an unset verdict stands as ``needs_clarification`` there.

    Raises:
        RulebookError: as :func:`load_cases`, but for an empty folder.
    """
    return [case for case, waits in read_all(folder) if waits]


def read_all(folder: Path = CASES) -> Iterator[tuple[Case, bool]]:
    """Every case, and whether it waits for a person to set its verdict.

    Raises:
        RulebookError: as :func:`load_cases`, but for an empty folder.
    """
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.yaml")):
        file = read_yaml(path)
        entry, waits = parse_case(file)
        if entry.id in seen:
            raise file.error(phrase("case_twice", id=entry.id, other=seen[entry.id].name), "id")
        seen[entry.id] = path
        yield Case(entry, file), waits


def parse_case(file: YamlFile) -> tuple[CaseFile, bool]:
    """The case of a parsed file, and whether a person has yet to set its verdict.

    Everything but the verdict must be right already in a case that waits.

    Raises:
        RulebookError: something does not fit, the API would not take the inquiry, or a criterion names a scorer the
            rubric does not have.
    """
    waits = isinstance(file.data, dict) and TO_REVIEW in (file.data.get("tags") or ())
    if waits and isinstance(expect := file.data.get("expect"), dict) and not expect.get("verdict"):
        data = {**file.data, "expect": {**expect, "verdict": "needs_clarification"}}
        file = YamlFile(file.path, data, file.lines, file.offset)
    entry = file.parse(CaseFile)
    try:
        entry.inquiry.build()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "messages"
        told = messages().get(str(first.get("ctx", {}).get("error", "")), {})
        problem = told.get("detail", first["msg"])
        raise file.error(phrase("field_type", field=field, problem=problem), "inquiry") from None
    known: Mapping[str, object] = shipped_rubric().entry.scorers
    for kind in ("must", "must_not"):
        for place, one in enumerate(getattr(entry, kind)):
            if one.scorer and one.scorer not in known:
                raise file.error(phrase("rubric_no_scorer", scorer=one.scorer), kind, place)
    return entry, waits
