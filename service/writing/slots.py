"""What scripts are filled with: facts, the boundary's words, and how this shop speaks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from service.facts import Known
from service.judging import Decision, Ruling
from service.method import Plan
from service.reading import Heard, records
from service.rulebook.conditions import Value
from service.rulebook.methodfile import InstructionFile, Method
from service.rulebook.scripts import fill
from service.schemas import Inquiry, StepName
from service.text.normalise import normalise
from service.text.private import Masker
from service.text.segment import clauses
from service.writing.goods import GoodsNames

QUOTE_MIN, QUOTE_MAX = 4, 24
"""Characters a record's words may have to be quoted in a bubble; longer ones would crowd out the rule."""
_LABEL = re.compile(r"^.*[：:]")
_MARKS = re.compile(r"[“”\"‘’「」<>{}\[\]]")


@dataclass(frozen=True)
class Brief:
    """All a writer needs to know of one draft."""

    inquiry: Inquiry
    known: Known
    decision: Decision
    plan: Plan
    method: Method
    scenario_name: str
    variant: int = 1
    """Which of several wordings of the same reply is wanted."""

    def again(self, variant: int) -> Brief:
        """The same brief, for another wording."""
        return replace(self, variant=variant)

    def pick(self, key: str, count: int) -> int:
        """An index below ``count``: the same inquiry always gets the same, another one most likely another."""
        return int.from_bytes(hashlib.blake2b(f"{key}\0{self._seed}".encode(), digest_size=8).digest()) % count

    @cached_property
    def instructed(self) -> tuple[InstructionFile, ...]:
        """What the agent's instruction asks of the wording, as far as the playbook knows it."""
        said = self.inquiry.instruction or ""
        return tuple(one for one in self.method.entry.instructions if any(word in said for word in one.words))

    def short(self, step: StepName) -> bool:
        """Whether the shortest line is wanted for a step."""
        return any(step in one.brief for one in self.instructed)

    @cached_property
    def _seed(self) -> str:
        said = "\0".join(message.content for message in self.inquiry.messages)
        own = f"{said}\0{self.inquiry.order.model_dump_json()}\0{self.inquiry.shop}"
        return own if self.variant == 1 else f"{own}\0{self.variant}"


def show(value: Value) -> str:
    """A fact's value as it stands in a reply; empty when there is nothing to show."""
    if not value.filled or isinstance(value.value, bool | tuple):
        return ""
    if isinstance(value.value, float | int):
        return f"{value.value:.2f}".rstrip("0").rstrip(".")
    return str(value.value).strip()


class Slots(Mapping[str, str]):
    """Slot values by name, worked out when asked for."""

    def __init__(self, brief: Brief) -> None:
        self.brief = brief
        self.said = [normalise(m.content).text for m in brief.inquiry.messages if m.role == "agent"]
        self._names = GoodsNames(brief.method.entry.goods)
        self._cache: dict[str, str] = {}
        self._special: dict[str, Callable[[], str]] = {
            "称呼": self._address,
            "货": self._goods,
            "依据": lambda: self._wording("say"),
            "留门": lambda: self._wording("door"),
            "问题": self._questions,
            "要什么": self._demand,
            "怎么了": self._trouble,
            "另准": lambda: "、".join(name for name, _ in self._others("reasonable")),
            "另拒": self._refused,
            "负责人": lambda: self.brief.known.shop.owner(self.brief.plan.boundary.entry.topic).owner,
            "答复时限": lambda: self.brief.known.shop.owner(self.brief.plan.boundary.entry.topic).due,
        }

    def __getitem__(self, name: str) -> str:
        if name not in self._cache:
            special = self._special.get(name)
            self._cache[name] = special() if special else show(self.brief.known[name]) or self._on_record(name)
        return self._cache[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As every mapping's; what was worked out already is at hand."""
        found = self._cache.get(name)
        return super().get(name, default) if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._special)

    def __len__(self) -> int:
        return len(self._special)

    def repeats(self, text: str) -> bool:
        """True when an earlier agent turn holds this sentence already."""
        if not self.said:
            return False
        plain = normalise(text).text.strip("。！，,.! ")
        return any(plain and plain in said for said in self.said)

    def choose(self, key: str, texts: Sequence[str]) -> str:
        """One of several wordings by the inquiry's hash: rendered whole, not yet said by an agent if possible."""
        rendered = [text for text in (render(text, self) for text in texts) if text]
        fresh = [text for text in rendered if not self.repeats(text)] or rendered
        return fresh[self.brief.pick(key, len(fresh))] if fresh else ""

    def _wording(self, part: str) -> str:
        entry = self.brief.plan.boundary.entry
        return self.choose(part, entry.say if part == "say" else entry.door)

    @property
    def tone(self) -> str:
        """The register the desk asked for, by style or by instruction, or the shop's own."""
        told = next((one.tone for one in self.brief.instructed if one.tone), None)
        return self.brief.inquiry.style.tone or told or self.brief.known.shop.tone

    @cached_property
    def familiar(self) -> bool:
        """Whether the reply may call the buyer 亲 and soften its sentences: where tone, shop and case allow it."""
        method, shop = self.brief.method, self.brief.known.shop
        if self.tone not in method.entry.register_.familiar or not shop.particles:
            return False
        return not any(condition.test(self.brief.known).value for condition in method.no_address)

    def _address(self) -> str:
        register = self.brief.method.entry.register_
        if self.tone in register.familiar and not self.familiar:
            return ""
        if any(condition.test(self.brief.known).value for condition in self.brief.method.no_address):
            return ""
        options = register.address.get(self.tone) or [""]
        return options[self.brief.pick("address", len(options))]

    def _goods(self) -> str:
        order = self.brief.inquiry.order
        said = [
            one.quote if one.quote.casefold() == str(one.value).casefold() else str(one.value)
            for one in self._heard("buyer_goods")
        ]
        return self._names.name(order.category or "", order.product or "", said)

    def _questions(self) -> str:
        facts = self.brief.known.book.facts
        entry = self.brief.method.entry
        asked = [facts[name].entry.ask or entry.confirm for name in self.brief.decision.main.ask]
        return entry.question_join.join(dict.fromkeys(one.rstrip("？?。") for one in asked))

    def _demand(self) -> str:
        demand = self.brief.known.book.by_id("demand").entry
        return demand.values[self.brief.decision.main.demand].say

    def _trouble(self) -> str:
        """The buyer's own words for what is wrong, the fullest of them (链条就断了); unless he is not sure of it."""
        unsure = self.brief.known[self._name("unsure_of_defect")].value is True
        told = [str(one.value) for one in self._heard("buyer_trouble")]
        plain = [one for one in told if not one.startswith(self["货"][-1])]  # 鞋 and 鞋底开胶了 would say 鞋 twice
        if not unsure and (own := max(plain, key=len, default="")):
            return own
        cause = self.brief.known.book.by_id("cause")
        said = self.brief.known[cause.name].value
        values = said if isinstance(said, tuple) else ()
        return next((cause.entry.values[value].say for value in values if cause.entry.values[value].say), "")

    def _others(self, verdict: str) -> list[tuple[str, Ruling]]:
        """The other demands with this verdict: what a reply calls each, and its ruling."""
        demand = self.brief.known.book.by_id("demand").entry
        named = {
            demand.values[ruling.demand].noun or demand.values[ruling.demand].say: ruling
            for ruling in self.brief.decision.others
            if ruling.verdict == verdict and ruling.demand != self.brief.decision.main.demand
        }
        granted = verdict == "reasonable"
        return [
            (name, ruling)
            for name, ruling in named.items()
            if name and (demand.values[ruling.demand].besides or not granted)
        ]

    def _refused(self) -> str:
        """What is refused besides, each with its ground: a refusal never stands without one."""
        grounds = [
            (name, self.choose(name, ruling.boundary.entry.say)) for name, ruling in self._others("unreasonable")
        ]
        entry = self.brief.method.entry
        return "；".join(
            entry.refused_besides.format_map({"demand": name, "ground": ground}) for name, ground in grounds if ground
        )

    def _on_record(self, name: str) -> str:
        """The clauses of a record that state a flag (吊牌已剪), to be quoted; empty when they are no fit quote."""
        known = self.brief.known
        if known.book.kind(name) != "flag":
            return ""
        texts = dict(records(self.brief.inquiry))
        for one in sorted(known.reading.of(name, "record"), key=lambda one: -len(one.quote)):
            text, quote = texts.get(one.key, ""), _LABEL.sub("", one.quote)
            start = text.find(quote) if quote else -1
            touched = [(a, b) for a, b in clauses(text) if start >= 0 and a < start + len(quote) and start < b]
            said = _LABEL.sub("", text[touched[0][0] : touched[-1][1]]).strip("，,。；;！!、 ") if touched else ""
            whole = QUOTE_MIN <= len(said) <= QUOTE_MAX and not _MARKS.search(said)
            if whole and not Masker().mask(said).entities:
                return said
        return ""

    def _heard(self, fact_id: str) -> tuple[Heard, ...]:
        """How the buyer put it, in his order: in the newest inquiry, else before."""
        return self.brief.known.reading.newest(self._name(fact_id), "buyer")

    def _name(self, fact_id: str) -> str:
        return self.brief.known.book.by_id(fact_id).name


def render(text: str, slots: Mapping[str, str]) -> str | None:
    """A boundary's wording with its slots filled; None when one is empty."""
    return fill(text, slots)
