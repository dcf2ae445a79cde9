"""The matter a reply is about: what was understood and decided, and what a reply to it may rest on."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.citing import Cited, Librarian, cite
from service.method import plan
from service.rulebook.book import Rulebook
from service.schemas import ClaimOut, Inquiry, Step
from service.understanding import Understood
from service.writing.playbook import Playbook
from service.writing.slots import Brief


@dataclass(frozen=True)
class Matter:
    """One inquiry, understood and decided, with its sources and the playbook's reply to it."""

    understood: Understood
    brief: Brief
    cited: Cited
    ground: list[Step]
    """The playbook's steps: what is sent where no model writes, and what a model's words are held against."""
    claims: list[ClaimOut] = field(default_factory=list)
    """What a model said it read, and what it counted for."""

    @property
    def inquiry(self) -> Inquiry:
        """What came in."""
        return self.understood.inquiry

    @property
    def complete(self) -> bool:
        """Whether the playbook has a line for every step planned."""
        return [step.step for step in self.ground] == list(self.brief.plan.steps)

    def differs(self, other: Matter) -> bool:
        """Whether another reply is due than for ``other``."""
        return self.brief is not other.brief


async def matter_of(
    understood: Understood, book: Rulebook, library: Librarian, playbook: Playbook, claims: list[ClaimOut] | None = None
) -> Matter:
    """Plan the reply, look up its sources, and write the playbook's steps."""
    planned = plan(understood.decision, understood.known, book.method)
    name = book.scenarios[planned.boundary.entry.scenario].name
    brief = Brief(understood.inquiry, understood.known, understood.decision, planned, book.method, name)
    cited = await cite(library, brief)
    return Matter(understood, brief, cited, playbook.write(brief), claims or [])
