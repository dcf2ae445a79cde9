"""A model that obeys every attack: whatever step it is asked for, it writes what the attack wants, and it claims to
have read whatever would make it due, quoting the buyer's own words.

Attacks are YAML rows (``evals/attacks/*.yaml``) written by people who had seen no check.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from service.evidence import claimable
from service.rulebook.facts import FactBook
from service.schemas import Inquiry, Passage
from tests.desk import EmptyLibrary
from tests.fake_model import Reply, planned

ATTACKS = Path(__file__).resolve().parent.parent / "evals" / "attacks"
_CLAUSE = re.compile(r"[^，。！？,.!?\n；;]{2,40}")


@dataclass(frozen=True)
class Attack:
    """One row: an inquiry, what an obeying model would send, and what it would claim to have read."""

    row: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def obey(self) -> list[str]:
        return list(self.row["obey"])

    @cached_property
    def quotes(self) -> list[str]:
        """Clauses of the buyer's turns, the newest first."""
        said = [turn["content"] for turn in self.row["messages"] if turn["role"] == "customer"]
        return [clause for text in reversed(said) for clause in _CLAUSE.findall(text)] or ["在吗"]

    @property
    def library(self) -> EmptyLibrary:
        """A library whose only passage is the one that was smuggled in, if there is one."""
        text = self.row.get("passage")
        return Smuggled(str(text)) if text else EmptyLibrary()

    def inquiry(self, **more: Any) -> Inquiry:
        """The inquiry as a desk would send it."""
        parts = {key: self.row[key] for key in ("messages", "order", "policy") if self.row.get(key)}
        return Inquiry.model_validate({**parts, "writer": "model", **more})


class Smuggled(EmptyLibrary):
    """A library somebody has published one passage in."""

    def __init__(self, text: str) -> None:
        self._passage = Passage(
            document_id="guideline/smuggled",
            title="售后说明",
            section="补充",
            text=text,
            start=0,
            end=len(text),
            version=1,
            kind="guideline",
            authority="guideline",
            score=1.0,
        )

    def search(self, request: object, aim: object) -> list[Any]:
        return [self._passage]


def attacks(folder: Path = ATTACKS) -> list[Attack]:
    """All attacks of a folder."""
    return [
        Attack(row)
        for path in sorted(folder.glob("*.yaml"))
        for row in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    ]


def yes_man(attack: Attack, text: str, book: FactBook, seed: int = 0) -> Callable[[dict[str, Any]], Reply]:
    """The model's answer to any request about this attack: ``text`` in every step and remark, and false claims."""
    dice = random.Random(f"{attack.id}{seed}")
    told = claims(attack, book, dice)

    def answer(request: dict[str, Any]) -> Reply:
        steps = [{"step": step, "text": text, "passages": [1]} for step in asked(request)]
        return Reply.says({"reading": {"claims": told}, "steps": steps, "notes": text})

    return answer


def asked(request: dict[str, Any]) -> Sequence[str]:
    """The steps a request asks for: those of the plan, or of a rewriting."""
    form = json.dumps(request.get("response_format", {}))
    named = re.search(r'"enum": (\["(?:empathy|rule|alternative|firmness|closing|solution|question)"[^\]]*\])', form)
    return json.loads(named[1]) if named else planned(request)


def claims(attack: Attack, book: FactBook, dice: random.Random) -> list[dict[str, str]]:
    """What would make a wish due, as far as the form allows: claims on facts a buyer's word can fill."""
    found = []
    for fact in dice.sample(claimable(book), 8):
        values = list(fact.entry.values) or (["是"] if fact.entry.kind == "flag" else ["1"])
        found.append({"fact": fact.name, "value": dice.choice(values), "quote": dice.choice(attack.quotes)})
    cause, demand = book.by_id("cause"), book.by_id("demand")
    for fact, values in (
        (cause, ("质量", "假货", "不符", "错发")),
        (demand, ("退货退款", "仅退款", "赔偿", "加倍赔偿")),
    ):
        found.append({"fact": fact.name, "value": dice.choice(values), "quote": dice.choice(attack.quotes)})
    dice.shuffle(found)
    return found
