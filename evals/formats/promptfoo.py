"""Cases for promptfoo: a configuration that asks our HTTP door and checks what a rule or a grader can check there.

The format is that of promptfoo's configuration reference: ``prompts``, ``providers`` (an HTTP provider with a JSON
body and ``transformResponse``), ``tests`` with ``vars``, ``assert`` and ``metadata``. What only our own runner can do
travels in ``metadata`` and is told; templates are promptfoo's own language, so a case whose words hold their marks
stays behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from evals.dataset import CaseFile, Criterion
from evals.formats.casefile import FastDumper, Taken, case_data
from evals.words import word

OURS = "youli"
"""Under this key stands what is ours, in a test's ``metadata`` and an assertion's ``config``."""
SCHEMA = "https://promptfoo.dev/config-schema.json"
REPLY = "output.reply"
"""Where the reply stands in what our door answers."""
MARKS = ("{{", "{%", "{#", "file://")
"""What promptfoo would take for a template, or for a file to read."""
NEEDED = ("reply", "verdict", "scenario", "threat", "steps", "demands")
"""What the assertions read of an answer."""


@dataclass(frozen=True)
class Left:
    """Something of a case, or a whole one, that could not be carried; ``what`` is Chinese."""

    case: str
    what: str


def to_promptfoo(cases: Iterable[Taken], url: str) -> tuple[str, list[Left]]:
    """The configuration file, and what of the cases it cannot do.

    Args:
        cases: those to carry.
        url: address of the service, without a path.
    """
    tests: list[dict[str, Any]] = []
    left: list[Left] = []
    for taken in cases:
        if taken.waits:
            left.append(Left(taken.entry.id, word("promptfoo", "waits")))
            continue
        test = _test(taken.entry)
        if _marked(test):
            left.append(Left(taken.entry.id, word("promptfoo", "template")))
            continue
        left += (Left(taken.entry.id, what) for what in _lost(taken.entry))
        tests.append(test)
    config = {
        "description": word("promptfoo", "description"),
        "prompts": ["{{request | dump}}"],
        "providers": [_provider(url)],
        "defaultTest": {"assert": [{"type": "is-json", "value": {"type": "object", "required": list(NEEDED)}}]},
        "tests": tests,
    }
    body = yaml.dump(config, Dumper=FastDumper, allow_unicode=True, sort_keys=False, width=10_000)
    return f"# yaml-language-server: $schema={SCHEMA}\n{body}", left


def _provider(url: str) -> dict[str, Any]:
    return {
        "id": "https",
        "label": OURS,
        "config": {
            "url": f"{url.rstrip('/')}/v1/drafts",
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": "{{request | dump}}",
            "transformResponse": "json",
        },
    }


def _test(entry: CaseFile) -> dict[str, Any]:
    request = entry.inquiry.build().model_dump(mode="json", exclude_defaults=True, exclude={"writer"})
    rest = {name: part for name, part in case_data(entry).items() if name not in ("inquiry", "must", "must_not")}
    return {
        "description": entry.name,
        "vars": {"request": request},
        "assert": [*_expected(entry), *(_criterion(kind, one) for kind, one in _criteria(entry))],
        "metadata": {"tags": list(entry.tags), OURS: rest},
    }


def _criteria(entry: CaseFile) -> Iterator[tuple[str, Criterion]]:
    yield from (("must", one) for one in entry.must)
    yield from (("must_not", one) for one in entry.must_not)


def _expected(entry: CaseFile) -> Iterator[dict[str, Any]]:
    expect = entry.expect
    for name in ("verdict", "scenario", "threat"):
        if (value := getattr(expect, name)) is not None:
            yield _script(name, f"output.{name} === {json.dumps(value)}")
    if expect.steps is not None:
        yield _script("steps", f"JSON.stringify(output.steps.map(one => one.step)) === '{json.dumps(expect.steps)}'")
    if expect.sources:
        rules = "output.demands.map(one => one.rule)"
        yield _script("sources", f"{json.dumps(expect.sources)}.every(one => {rules}.includes(one))")


def _script(name: str, code: str) -> dict[str, Any]:
    return {"type": "javascript", "value": code.replace(", ", ","), "metric": name, "config": {OURS: {"expect": name}}}


def _criterion(kind: str, one: Criterion) -> dict[str, Any]:
    ours = {"kind": kind, "text": one.text, **({"veto": True} if one.veto else {})}
    if one.scorer:
        ours["scorer"] = one.scorer
    made: dict[str, Any]
    if one.says:
        made = {"type": "contains-any" if kind == "must" else "not-contains-any", "value": list(one.says)}
    else:
        made = {"type": "llm-rubric", "value": rubric(kind, one.text)}
    made |= {"transform": REPLY, "metric": one.text if one.says else kind, "config": {OURS: ours}}
    return made if one.weight is None else made | {"weight": one.weight}


def rubric(kind: str, text: str) -> str:
    """What a grader is asked for a criterion: what must not be is asked for as not being there."""
    return text if kind == "must" else word("promptfoo", "must_not", text=text)


def _lost(entry: CaseFile) -> Iterator[str]:
    if entry.pushes:
        yield word("promptfoo", "pushes")
    if entry.twins:
        yield word("promptfoo", "twins")
    if entry.expect.numbers is not None:
        yield word("promptfoo", "numbers")
    if any(one.scorer and not one.says for _, one in _criteria(entry)):
        yield word("promptfoo", "scorer")
    if any(one.veto for _, one in _criteria(entry)):
        yield word("promptfoo", "veto")


def _marked(value: Any) -> bool:
    """Whether any text in it would be taken for a template or a file."""
    if isinstance(value, dict):
        return any(_marked(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_marked, value))
    return isinstance(value, str) and any(mark in value for mark in MARKS)
