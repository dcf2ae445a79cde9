"""The examples inside the boundaries are their tests: read the words, take what the order says, judge.

``就晚了一天 ｜ 签收天数 是 8`` — left the buyer's words, right what is given: facts by name, set as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.demands import demands_of
from service.errors import RulebookError, phrase
from service.facts import Known
from service.judging import Decision, judge
from service.reading import read
from service.rulebook.book import Rulebook
from service.rulebook.boundaries import Boundary
from service.rulebook.conditions import Value
from service.rulebook.facts import FactBook
from service.rulebook.listening import FLAG_WORDS
from service.rulebook.shops import ShopFile
from service.rulebook.yamlfile import read_front_matter, read_text
from service.schemas import Inquiry, Message

GIVEN = "｜"
SHORTEST_DOCUMENT = 20
"""Fewer characters than this back nothing."""
_BARE = ShopFile(shop="example", name="example")


@dataclass(frozen=True)
class Failed:
    """An example that did not come out as it says."""

    boundary: Boundary
    example: str
    decided: str

    def error(self, wanted: bool) -> RulebookError:
        """The failure as the team reads it, at the row it stands in."""
        key = "example_not_matched" if wanted else "example_matched"
        reason = phrase(key, id=self.boundary.id, example=self.example, decided=self.decided)
        return RulebookError(self.boundary.file, self.boundary.line, reason)


def decide_example(example: str, book: Rulebook) -> Decision:
    """Read and judge one example.

    Raises:
        KeyError: a given fact or value that is not in the dictionary.
    """
    words, _, given = example.partition(GIVEN)
    inquiry = Inquiry(messages=(Message(role="customer", content=words.strip()),))
    reading = read(inquiry, book.listening, book.facts)
    known = Known(book.facts, inquiry, reading, _BARE)
    demands = demands_of(reading, known)
    for part in filter(None, (part.strip() for part in given.replace(",", "，").split("，"))):
        name, _, value = part.partition(" 是 ")
        known[name.strip()] = _given(name.strip(), value.strip(), book.facts)
    return judge(demands, known, book.boundaries, book.method.entry.max_questions)


def _given(name: str, value: str, facts: FactBook) -> Value:
    entry = facts.facts[name].entry
    if entry.kind == "number":
        return Value(float(value), source="order", quote=value)
    if entry.kind == "flag":
        return Value(FLAG_WORDS[value], source="order", quote=value)
    values = tuple(value.split("、"))
    for one in values:
        if entry.values and one not in entry.values:
            raise KeyError(one)
    return Value(values if entry.many else value, source="order", quote=value)


def check_examples(book: Rulebook) -> Iterator[RulebookError]:
    """Every example of every boundary that does not come out as written."""
    for boundary in book.boundaries:
        for wanted, examples in ((True, boundary.entry.match), (False, boundary.entry.not_match)):
            for example in examples:
                try:
                    decided = decide_example(example, book).main.boundary.id
                except (KeyError, ValueError) as error:
                    reason = phrase("example_unreadable", example=example, part=str(error).strip("'"))
                    yield RulebookError(boundary.file, boundary.line, reason)
                    continue
                if (decided == boundary.id) != wanted:
                    yield Failed(boundary, example, decided).error(wanted)


def check_sources(book: Rulebook) -> Iterator[RulebookError]:
    """Every row whose ``rule`` names no document, or a section the document does not have."""
    for boundary in book.boundaries:
        name, _, section = boundary.entry.rule.partition("#")
        folder, _, rest = name.partition("/")
        path = book.folder / (name if folder == "guidelines" else f"rules/{folder}/{rest}")
        path = path.with_suffix(".md")
        if not path.is_file():
            reason = phrase("rule_no_document", id=boundary.id, rule=name)
        elif section and f"# {section}\n" not in read_text(path) + "\n":
            reason = phrase("rule_no_section", id=boundary.id, rule=boundary.entry.rule)
        elif len(read_front_matter(path)[1].strip()) < SHORTEST_DOCUMENT:
            reason = phrase("rule_no_document", id=boundary.id, rule=name)
        else:
            continue
        yield RulebookError(boundary.file, boundary.line, reason)
