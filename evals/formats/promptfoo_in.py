"""Cases from promptfoo: what its tests say, as far as a case can say it; the rest is told, not dropped in silence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.dataset import TO_REVIEW, parse_case
from evals.formats.casefile import Taken
from evals.formats.jsonl import as_written
from evals.formats.promptfoo import OURS, Left, rubric
from evals.words import word
from service.errors import RulebookError, phrase
from service.rulebook.yamlfile import YamlFile, read_yaml

SAID = ("message", "query", "question", "input", "user_input", "text", "content", "prompt")
"""Variables a buyer's words usually stand in, the likeliest first."""
ROLES = {"user": "customer", "customer": "customer", "assistant": "agent", "agent": "agent"}
CARRIED = frozenset({"description", "vars", "assert", "metadata"})
"""What of a test is read."""
ANY = frozenset({"contains", "contains-any", "icontains", "icontains-any"})
"""Assertions that one of some words is there; with ``not-`` in front: none. Ours see through case and writing."""
ALL = frozenset({"contains-all", "icontains-all"})
"""Assertions that every one of some words is there."""
LONGEST = 200
"""Characters of a criterion's sentence."""


def from_promptfoo(path: Path) -> tuple[list[Taken], list[Left]]:
    """The cases of a configuration, or of a file of tests, and what could not be carried.

    A test that is not one of ours has no verdict: its case waits for a person.

    Raises:
        RulebookError: not UTF-8, no YAML, no tests in the file itself, or a test that makes no case.
    """
    file = read_yaml(path)
    config: dict[str, Any] = file.data if isinstance(file.data, dict) else {"tests": file.data}
    where: tuple[str, ...] = ("tests",) if isinstance(file.data, dict) else ()
    tests = config.get("tests")
    if not isinstance(tests, list):
        raise file.error(phrase("promptfoo_no_tests"), *where)
    common = config.get("defaultTest")
    left = [Left("", word("promptfoo", "scenarios"))] * ("scenarios" in config)
    if common is not None and not isinstance(common, dict):
        left.append(Left("", word("promptfoo", "default_test")))
    taken: dict[str, Taken] = {}
    for number, test in enumerate(tests, 1):
        line = file.line(*where, number - 1)
        if not isinstance(test, dict):
            left.append(Left(str(number), word("promptfoo", "test_file")))
            continue
        reader = _Reader(path, number, test, common if isinstance(common, dict) else {})
        for data in reader.cases():
            made = YamlFile(path, data, {(): line})
            entry, waits = parse_case(made)
            if entry.id in taken:
                raise made.error(phrase("case_twice", id=entry.id, other=path.name))
            taken[entry.id] = Taken(entry, waits)
        left += reader.left
    if not taken and not left:
        raise RulebookError(path, 0, phrase("case_none"))
    return list(taken.values()), left


class _Reader:
    """Reads one test."""

    def __init__(self, path: Path, number: int, test: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        ours = _dict(_dict(test.get("metadata")).get(OURS))
        self.path, self.number, self.test = path, number, test
        self.ours = ours if "id" in ours else {}
        self.left: list[Left] = []
        self.vars: dict[str, Any] = {**_dict(common.get("vars")), **_dict(test.get("vars"))}
        self.asserts = [*_list(common.get("assert")), *_list(test.get("assert"))]
        if not isinstance(test.get("vars", {}), dict):
            self._lose("vars_file")
        for key in sorted((set(test) | set(common)) - CARRIED):
            self._lose("key", key=key)

    def cases(self) -> Iterator[dict[str, Any]]:
        """The test as case files would have it; several where a variable lists several."""
        found = list(self._inquiries())
        if not found:
            self._lose("no_words", names="、".join(SAID))
            return
        criteria: dict[str, list[Any]] = {}
        for one in self.asserts:
            for kind, criterion in self._criteria(one):
                criteria.setdefault(kind, []).append(criterion)
        for place, inquiry in enumerate(found, 1):
            head = self.ours or self._head(inquiry, f"-{place}" if len(found) > 1 else "")
            name = self.test.get("description") or head.get("name") or ""
            yield {**head, "name": name, "inquiry": inquiry, **criteria}

    def _head(self, inquiry: Mapping[str, Any], suffix: str) -> dict[str, Any]:
        stem = re.sub(r"[^A-Za-z0-9_\u4e00-\u9fff-]", "_", self.path.stem).lstrip("-") or OURS
        said = next(text for turn in reversed(inquiry["messages"]) for role, text in turn.items() if role != "kind")
        return {
            "id": f"{stem[:60]}.{self.number}{suffix}",
            "name": said[:40],
            "from": word("promptfoo", "from", file=self.path.name, number=self.number),
            "tags": [TO_REVIEW],
            "expect": {"verdict": ""},
        }

    def _inquiries(self) -> Iterator[dict[str, Any]]:
        values = dict(self.vars)
        if isinstance(_dict(values.get("request")).get("messages"), list):
            request = values.pop("request")
            found, beside = [{"messages": self._turns(request["messages"])}], self._request(request)
        elif turns := self._turns(values.get("messages")):
            values.pop("messages")
            found, beside = [{"messages": turns}], {}
        else:
            found, beside = [{"messages": [{"customer": text}]} for text in self._said(values)], {}
        for name in ("order", "policy") if found and not beside else ():
            if isinstance(part := _parsed(values.get(name)), dict):
                beside[name] = as_written(part)
                values.pop(name)
        for name in sorted(values) if found else ():
            self._lose("var", name=name)
        yield from ({**one, **beside} for one in found)

    def _said(self, values: dict[str, Any]) -> list[str]:
        name = next((name for name in SAID if values.get(name)), None)
        said = values.pop(name) if name else []
        return [said] if isinstance(said, str) else [one for one in _list(said) if isinstance(one, str)]

    def _request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        order = dict(_dict(request.get("order")))
        facts = _dict(order.pop("facts", None))
        known = {"order": {**facts, **order}, "policy": request.get("policy")}
        known |= {name: request.get(name) for name in ("shop", "instruction", "now")}
        known |= {"role": _dict(request.get("context")).get("role"), "tone": _dict(request.get("style")).get("tone")}
        for name in sorted(set(request) - {*known, "messages", "context", "style"}):
            self._lose("var", name=f"request.{name}")
        return {name: part for name, part in known.items() if part}

    def _turns(self, value: Any) -> list[dict[str, str]]:
        turns = []
        for one in map(_dict, _list(_parsed(value))):
            role, content = ROLES.get(str(one.get("role"))), one.get("content")
            if role is None or not isinstance(content, str):
                self._lose("turn", role=str(one.get("role")))
                continue
            kind = {"kind": str(one["kind"])} if one.get("kind", "text") != "text" else {}
            turns.append({role: content, **kind})
        return turns

    def _criteria(self, one: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        kind, value = str(_dict(one).get("type", "")), _dict(one).get("value")
        ours = _dict(_dict(_dict(one).get("config")).get(OURS))
        plain = kind.removeprefix("not-")
        side = "must" if plain == kind else "must_not"
        says = [value] if isinstance(value, str) else _list(value)
        if self.ours and ("expect" in ours or kind == "is-json"):
            return  # made from what stands in the metadata
        if kind == "assert-set" and "threshold" not in one:
            for inner in _list(one.get("assert")):
                yield from self._criteria(inner)
        elif plain == "llm-rubric" and isinstance(value, str) and value.strip():
            side, text = str(ours.get("kind") or side), str(ours.get("text") or "")
            yield side, self._criterion(ours, text if rubric(side, text) == value else value, one)
        elif plain in ANY and says:
            yield side, self._criterion(ours, "", one, says)
        elif kind in ALL and says:
            yield from ((side, self._criterion(ours, "", one, [said])) for said in says)
        else:
            self._lose("assert", type=kind or "?")

    def _criterion(
        self, ours: Mapping[str, Any], text: str, one: Mapping[str, Any], says: Sequence[str] = ()
    ) -> dict[str, Any]:
        side = "must_not" if str(one["type"]).startswith("not-") else "must"
        text = text or str(ours.get("text") or "") or word("promptfoo", f"says_{side}", says="、".join(map(str, says)))
        if len(text) > LONGEST:
            self._lose("long", text=text[:20])
        made = {name: ours[name] for name in ("veto", "scorer") if name in ours}
        made |= {"weight": one["weight"]} if "weight" in one else {}
        return {"text": text[:LONGEST], **made, **({"says": list(says)} if says else {})}

    def _lose(self, what: str, /, **parameters: object) -> None:
        case = str(self.ours.get("id") or self.number)
        self.left.append(Left(case, word("promptfoo", what, **parameters)))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _parsed(value: Any) -> Any:
    """JSON in a string, as promptfoo's variables often are; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None
