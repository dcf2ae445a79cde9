"""Sources of a draft: the document the boundary names, and the guidance found for this case.

The boundary's document is taken as published, by id, so that the playbook's words and citations do not hang on
search; what search finds is guidance for the agent and ground for the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

from service.schemas import Authority, Citation, Inquiry, Passage, SearchOut, SearchRequest
from service.writing.slots import Brief, Slots

if TYPE_CHECKING:
    from service.library.embed import Aim
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

    async def aim(self, query: str, hide: Callable[[str], str]) -> Aim:
        """Where a query points, for :meth:`search`; ``hide`` masks what is to leave the house."""

    def search(self, request: SearchRequest, aim: Aim) -> list[Passage]:
        """Published passages, best first."""


@dataclass(frozen=True)
class Cited:
    """The citations of a draft, the basis first, and the guidance that was found."""

    citations: tuple[Citation, ...]
    basis: int | None
    guidance: tuple[Passage, ...]
    documents: dict[str, Authority]
    search: SearchOut = field(default_factory=SearchOut)


async def cite(library: Librarian, brief: Brief) -> Cited:
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
    guidance, search = await _guidance(library, brief, citations)
    return Cited(tuple(citations), basis, tuple(guidance), documents, search)


async def _guidance(library: Librarian, brief: Brief, citations: Sequence[Citation]) -> tuple[list[Passage], SearchOut]:
    query = f"{brief.plan.boundary.entry.name} {brief.inquiry.messages[-1].content}"
    aim = await library.aim(
        query, partial(_hidden, brief.inquiry)
    )  # not cut before it is masked: half a number is not known for one
    query = query[:LONGEST_QUERY]
    request = SearchRequest(
        query=query, k=GUIDANCE, shop=brief.inquiry.shop, platform=brief.inquiry.order.platform, at=brief.inquiry.now
    )
    cited = {(citation.document_id, citation.section) for citation in citations}
    # the index is another process: while it is waited for, everybody else's draft goes on
    found = (passage for passage in await asyncio.to_thread(library.search, request, aim) if passage.usable)
    fresh = [passage for passage in found if (passage.document_id, passage.section) not in cited]
    return fresh, SearchOut(degraded=aim.reason is not None, reason=aim.reason)


def _hidden(inquiry: Inquiry, text: str) -> str:
    """A text as it may leave: what is known to be personal anywhere in the inquiry is masked in it too."""
    from service.text.private import Masker

    masker = Masker({v: "name" for v in (inquiry.context.buyer, inquiry.context.operator) if v})
    records = [f"{k}：{v}" for source in (inquiry.order.facts, inquiry.policy) for k, v in source.items()]
    masker.learn([*records, *(message.content for message in inquiry.messages)])
    return masker.mask(text).masked


@lru_cache(maxsize=512)
def _best(sections: tuple[LiveSection, ...], named: str, about: str) -> LiveSection:
    """The section that is named, or that shares most with what it is about; a case's rule is looked up every time."""
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
