"""Some of a run's results without reading all of them: a line names its case first, and most lines can be passed over.

Reading every result of a suite takes a second of processor time, which a service that drafts meanwhile cannot spare.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import ValidationError

from evals.results import CaseResult
from evals.runs import RESULTS
from service.errors import UsageError
from service.labelling import implicit

_CASE = re.compile(rb'\{"case":("(?:[^"\\]|\\.)*")')

_DRAFT = re.compile(rb'"draft":\{"id":"([^"\\]{1,100})"')


def lines_of(folder: Path) -> Iterator[tuple[int, str, bytes]]:
    """The whole lines of ``results.jsonl``: number, case, line. One that does not begin as a result is passed over."""
    path = folder / RESULTS
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            named = _CASE.match(line)
            if named is not None and line.endswith(b"\n"):
                yield number, json.loads(named[1]), line


def labelled_lines(data: bytes) -> bytes:
    """The lines of ``results.jsonl`` as they leave the house: a line with an AI's draft carries the label for it."""
    return b"".join(map(_labelled, data.splitlines(keepends=True)))


def _labelled(line: bytes) -> bytes:
    draft, body = _DRAFT.search(line), line.rstrip()
    if draft is None or not body.endswith(b"}"):
        return line
    label = json.dumps(implicit(draft[1].decode())).encode()
    return body.removesuffix(b"}").removesuffix(b',"aigc":null') + b',"aigc":' + label + b"}\n"


def case_ids(folder: Path) -> set[str]:
    """The cases a run has results of."""
    return {case for _, case, _ in lines_of(folder)}


def results_of(folder: Path, cases: Collection[str]) -> list[CaseResult]:
    """A run's results of these cases, the last one of each repeat.

    Raises:
        UsageError: ``run_broken`` — one of them is none.
    """
    found: dict[tuple[str, int], CaseResult] = {}
    for number, case, line in lines_of(folder):
        if case not in cases:
            continue
        try:
            result = CaseResult.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise UsageError("run_broken", file=folder / RESULTS, line=number, reason=reason) from None
        found[result.case, result.repeat] = result
    return list(found.values())
