"""Sources of a draft: the document the boundary names, and the guidance found for this case.

The boundary's document is taken as published, by id, so that the playbook's words and citations do not hang on
search; what search finds is guidance for the agent and ground for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from service.schemas import Authority, Citation, Passage, SearchRequest
from service.writing.slots import Brief, Slots

if TYPE_CHECKING:
    from service.library.live import LiveDocument, LiveSection

GUIDANCE = 4
"""Passages looked up for one draft."""
LONGEST_QUOTE = 400
LONGEST_QUERY = 300


class Librarian(Protocol):
    """What drafting needs of the library."""

    @property
    def knowledge_pointer(self) -> str:
        """Name of what is published now."""

    def document(self, document_id: str, shop: str) -> LiveDocument | None:
        """A published document, or None."""

    def search(self, request: SearchRequest) -> list[Passage]:
        """Published passages, best first."""


@dataclass(frozen=True)
class Cited:
    """The citations of a draft, the basis first, and the guidance that was found."""

    citations: tuple[Citation, ...]
    basis: int | None
    guidance: tuple[Passage, ...]
    documents: dict[str, Authority]


def cite(library: Librarian, brief: Brief) -> Cited:
    """Look up the rules the rulings name and the guidance for this case."""
    citations: list[Citation] = []
    documents: dict[str, Authority] = {}
    slots = Slots(brief)
    rulings = (brief.decision.main, *brief.decision.others)
    for ruling in rulings:
        name, _, section = ruling.boundary.entry.rule.partition("#")
        if not name or name in documents:
            continue
        document = library.document(name, brief.inquiry.shop)
        if document is None or not document.sections:
            continue
        about = " ".join((section, ruling.boundary.entry.name, slots["依据"]))
        best = _best(document.sections, section, about)
        documents[name] = document.authority
        citations.append(_citation(len(citations) + 1, document, best))
    main = brief.decision.main.boundary.entry.rule.partition("#")[0]
    basis = next((c.id for c in citations if c.document_id == main), None)
    return Cited(tuple(citations), basis, tuple(_guidance(library, brief, citations)), documents)


def _guidance(library: Librarian, brief: Brief, citations: Sequence[Citation]) -> list[Passage]:
    newest = brief.inquiry.messages[-1].content
    query = f"{brief.plan.boundary.entry.name} {newest}"[:LONGEST_QUERY]
    request = SearchRequest(
        query=query, k=GUIDANCE, shop=brief.inquiry.shop, platform=brief.inquiry.order.platform, at=brief.inquiry.now
    )
    cited = {(citation.document_id, citation.section) for citation in citations}
    found = (passage for passage in library.search(request) if passage.usable)
    return [passage for passage in found if (passage.document_id, passage.section) not in cited]


def _best(sections: tuple[LiveSection, ...], named: str, about: str) -> LiveSection:
    wanted = _pairs(about)
    matching = [section for section in sections if named and named in section.path]
    return max(matching or sections, key=lambda section: len(wanted & _pairs(section.title + section.text)))


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}


def _citation(number: int, document: LiveDocument, section: LiveSection) -> Citation:
    return Citation(
        id=number,
        document_id=document.id,
        title=document.title,
        section=section.path,
        quote=section.text[:LONGEST_QUOTE],
        version=document.version,
        authority=document.authority,
    )
