"""What a blind page asks: which cases of a run, which questions of each, and how likely each was to be drawn.

The sheet stays in the run's folder (``blind/<id>.json``): a case's weight says how the machine scored it, so it must
not travel with the page.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from evals.blind.draw import chances, draw
from evals.results import CaseResult, RunInfo, Score
from evals.reviews import machine_status
from evals.rubric import Rubric
from evals.whole import write_whole
from evals.words import word
from service.errors import UsageError
from service.rulebook.yamlfile import StrictModel, read_yaml
from service.schemas.base import Out

FOLDER = "blind"
_FILE = Path(__file__).with_name("blind.yaml")


class BlindFile(StrictModel):
    """``blind.yaml``."""

    cases: Annotated[int, Field(ge=1)]
    failed_factor: Annotated[float, Field(ge=1)]
    rules_each: Annotated[int, Field(ge=0)]
    rule_factor: Annotated[float, Field(ge=1)]
    together: list[str]
    questions: dict[str, str]


class Question(Out):
    """One thing a person is asked about a reply."""

    scorer: str
    criterion: str = ""
    ask: str
    weight: float = 1.0
    """One over the chance that it was asked, where its case was drawn."""


class Asked(Out):
    """One reply of the sheet."""

    case: str
    repeat: int
    weight: float
    """One over the chance that it was drawn."""
    questions: list[Question]


class Sheet(Out):
    """A blind page as it was drawn."""

    id: str
    run: str
    rubric: str
    seed: int
    cases: list[Asked]


@cache
def blind_file() -> BlindFile:
    """What is drawn and asked."""
    return read_yaml(_FILE).parse(BlindFile)


def make_sheet(info: RunInfo, results: Sequence[CaseResult], rubric: Rubric, n: int, seed: int) -> Sheet:
    """Draw replies of a run and what is asked of each.

    Drawn over scenarios and what the machine said, failed ones more often; in an order only the seed knows. The same
    seed draws the same sheet.

    Args:
        info: the run.
        results: of the run; the first repeat of each case can be drawn, where it has a reply.
        rubric: by which the run was scored.
        n: replies at most.
        seed: of chance.

    Raises:
        UsageError: ``blind_rubric`` — the run was scored by another rubric; ``blind_nothing`` — it has no replies.
    """
    if info.digests.rubric != rubric.digest:
        raise UsageError("blind_rubric", run=info.id)
    rng = random.Random(f"{info.id}:{seed}")
    there = _first(one for one in results if one.draft is not None and one.draft.reply and _by(one, rubric))
    if not there:
        raise UsageError("blind_nothing", run=info.id)
    rng.shuffle(there)
    there.sort(key=lambda one: (one.passed, one.scenario))
    factor = blind_file().failed_factor
    odds = chances([1.0 if one.passed else factor for one in there], n)
    places = draw(odds, rng)
    drawn = [_asked(there[place], 1 / odds[place], rubric, rng) for place in places]
    rng.shuffle(drawn)
    told = "\n".join(f"{one.case} {one.repeat}" for one in drawn)
    digest = hashlib.sha256(f"{info.id}\n{rubric.digest}\n{seed}\n{told}".encode()).hexdigest()
    return Sheet(id=f"blind_{digest[:12]}", run=info.id, rubric=rubric.digest, seed=seed, cases=drawn)


def write_sheet(folder: Path, sheet: Sheet) -> Path:
    """Keep a sheet in its run's folder."""
    (folder / FOLDER).mkdir(exist_ok=True)
    path = folder / FOLDER / f"{sheet.id}.json"
    write_whole(path, sheet.model_dump_json(indent=1))
    return path


def read_sheets(folder: Path) -> dict[str, Sheet]:
    """The sheets of a run by id; one that cannot be read is as good as lost."""
    found = {}
    for path in sorted((folder / FOLDER).glob("blind_*.json")):
        try:
            sheet = Sheet.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        found[sheet.id] = sheet
    return found


def weights(sheet: Sheet) -> dict[tuple[str, str, str], float]:
    """For each case, scorer and criterion of a sheet how many of the run it stands for."""
    return {
        (case.case, one.scorer, one.criterion): case.weight * one.weight
        for case in sheet.cases
        for one in case.questions
    }


def _asked(one: CaseResult, weight: float, rubric: Rubric, rng: random.Random) -> Asked:
    return Asked(case=one.case, repeat=one.repeat, weight=weight, questions=_questions(one, rubric, rng))


def _by(result: CaseResult, rubric: Rubric) -> bool:
    return result.rubric in ("", rubric.digest)


def _first(results: Iterator[CaseResult]) -> list[CaseResult]:
    """Of each case the first repeat."""
    found: dict[str, CaseResult] = {}
    for one in sorted(results, key=lambda one: (one.case, one.repeat)):
        found.setdefault(one.case, one)
    return list(found.values())


def _questions(result: CaseResult, rubric: Rubric, rng: random.Random) -> list[Question]:
    """What the case asks for, what the rubric asks of every reply, and some of what rules scored."""
    own = {score.criterion: score for score in result.scores if score.criterion}
    asked = [Question(scorer=one.scorer, criterion=text, ask=_sentence(one)) for text, one in own.items()]
    asked += [Question(scorer=name, ask=entry.ask) for name, entry in rubric.judged.items()]
    groups = _groups(result)
    factor = blind_file().rule_factor
    sizes = [factor if failed else 1.0 for _, failed in groups]
    odds = chances(sizes, blind_file().rules_each)
    for at in sorted(draw(odds, rng)):
        names = groups[at][0]
        asked += [Question(scorer=name, ask=blind_file().questions[name], weight=1 / odds[at]) for name in names]
    return asked


def _sentence(score: Score) -> str:
    return word("people", f"ask_{score.scorer}", text=score.criterion)


def _groups(result: CaseResult) -> list[tuple[list[str], bool]]:
    """The rules' scores a person can tell, and whether each failed; what would tell what is due goes as one."""
    there = {score.scorer for score in result.scores if not score.criterion}
    entry = blind_file()
    failed = {name for name in there if machine_status(_of(result, name)) == "failed"}
    alone = [name for name in entry.questions if name in there and name not in entry.together]
    groups = [([name], name in failed) for name in alone]
    return [*groups, (list(entry.together), bool(failed & set(entry.together)))]


def _of(result: CaseResult, scorer: str) -> Iterator[Score]:
    return (score for score in result.scores if score.scorer == scorer and not score.criterion)
