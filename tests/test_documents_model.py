"""Any sequence of uploads, publications, rollbacks, retirements and releases leaves live what a simple model says."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.errors import Conflict, NotFound
from service.library.store import Library
from service.rulebook.thesaurus import Thesaurus, load_thesaurus
from service.settings import read_settings
from tests.conftest import KNOWLEDGE
from tests.papers import HELD, added, gift

T = TypeVar("T")
Content = tuple[str, bool]
CONTENTS = st.tuples(st.sampled_from("三五七"), st.booleans())


@dataclass
class Paper:
    """What is known of a document: contents by number, what is live, the publications that can be taken back."""

    contents: list[Content]
    live: int | None = None
    steps: list[int] = field(default_factory=list)
    drafts: set[int] = field(default_factory=set)
    released: bool = False
    revision: int = 1

    @property
    def newest(self) -> int:
        return len(self.contents)

    def publish(self, number: int) -> bool:
        if self.live == number:
            return False
        self.live = number
        if self.steps[-1:] != [number]:
            self.steps.append(number)
        self.drafts.discard(number)
        self.revision += 1
        return True


class Documents(RuleBasedStateMachine):
    """The library beside its model."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.papers: dict[str, Paper] = {}
        self.pointer = ""
        self.moved = False
        self.changes = 0
        """Moves of the pointer since the last start."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        self.settings = read_settings(data_dir=Path(self.folder.name))
        self.library = self.run(Library.open(self.settings, _thesaurus()))
        self.pointer = self.library.knowledge_pointer

    def teardown(self) -> None:
        if hasattr(self, "library"):
            self.run(self.library.close())
        self.runner.close()
        self.folder.cleanup()

    def _one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.papers)))

    @precondition(lambda self: len(self.papers) < 2)  # few documents, so that much happens to each
    @rule(content=CONTENTS, publish=st.booleans())
    def upload(self, content: Content, publish: bool) -> None:
        twins = {
            (name, number)
            for name, paper in self.papers.items()
            for number, known in enumerate(paper.contents, 1)
            if known == content and number in (paper.live, paper.newest)
        }
        made = self.run(added(self.library, _bytes(content), publish=publish))
        assert made.duplicate is bool(twins)
        if twins:
            assert (made.id, made.version) in twins
        else:
            assert made.id not in self.papers
            self.papers[made.id] = Paper([content], drafts={1})
        if publish:
            self.moved |= self.papers[made.id].publish(made.version)

    @precondition(lambda self: self.papers)
    @rule(data=st.data(), content=CONTENTS, publish=st.booleans())
    def replace(self, data: st.DataObject, content: Content, publish: bool) -> None:
        name = self._one(data)
        paper = self.papers[name]
        known = content in paper.contents
        made = self.run(added(self.library, _bytes(content), document_id=name, publish=publish))
        assert (made.id, made.duplicate) == (name, known)
        if not known:
            paper.contents.append(content)
            paper.drafts.add(paper.newest)
            paper.revision += 1
        assert paper.contents[made.version - 1] == content
        if publish:
            self.moved |= paper.publish(made.version)
        assert made.revision == paper.revision

    @precondition(lambda self: self.papers)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        name = self._one(data)
        number = data.draw(st.integers(1, self.papers[name].newest))
        self.run(self.library.publish(name, number))
        self.moved |= self.papers[name].publish(number)

    @precondition(lambda self: self.papers)
    @rule(data=st.data())
    def rollback(self, data: st.DataObject) -> None:
        name = self._one(data)
        paper = self.papers[name]
        left = paper.steps[:-1] if paper.live is not None else paper.steps
        try:
            self.run(self.library.rollback(name))
        except Conflict as error:
            assert error.code == "nothing_before"
            assert not left
            return
        paper.steps = list(left)
        paper.live = left[-1]
        paper.drafts.discard(left[-1])
        paper.revision += 1
        self.moved = True

    @precondition(lambda self: self.papers)
    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        name = self._one(data)
        paper = self.papers[name]
        self.run(self.library.retire(name))
        if paper.live is not None or paper.drafts:
            paper.revision += 1
            self.moved = True
        paper.live = None
        paper.drafts.clear()

    @precondition(lambda self: self.papers)
    @rule(data=st.data(), hold=st.booleans())
    def release(self, data: st.DataObject, hold: bool) -> None:
        name = self._one(data)
        paper = self.papers[name]
        shown = paper.contents[(paper.live or paper.newest) - 1]
        try:
            self.run(self.library.release(name, 1, hold=hold))
        except NotFound as error:
            assert error.code == "held_not_found"
            assert not shown[1]
            return
        assert shown[1]
        if paper.released is hold:
            paper.released = not hold
            paper.revision += 1
            self.moved = True

    @invariant()
    def what_is_live_is_what_the_model_says(self) -> None:
        if not hasattr(self, "library"):
            return
        snapshot = self.library.snapshot
        live = {document.id: document.version for document in snapshot.documents}
        assert live == {name: paper.live for name, paper in self.papers.items() if paper.live is not None}
        held = {snapshot.documents[chunk.document].id for chunk in snapshot.chunks if chunk.held}
        assert held == {
            name for name, p in self.papers.items() if p.live and p.contents[p.live - 1][1] and not p.released
        }
        for name, paper in self.papers.items():
            document = self.library.document(name, "default")
            if paper.live is None:
                assert document is None
            else:
                assert document is not None
                assert f"{paper.contents[paper.live - 1][0]}天内" in document.text

    @invariant()
    def every_change_counts_once(self) -> None:
        for name, paper in self.papers.items():
            assert self.run(self.library.history.document(name)).revision == paper.revision
        if hasattr(self, "library"):
            assert (self.library.knowledge_pointer != self.pointer) is self.moved
            self.changes += self.moved
            self.pointer, self.moved = self.library.knowledge_pointer, False

    @precondition(lambda self: self.changes >= 5)
    @rule()
    def restart(self) -> None:
        self.changes = 0
        self.run(self.library.close())
        self.library = self.run(Library.open(self.settings, _thesaurus()))


@cache
def _thesaurus() -> Thesaurus:
    return load_thesaurus(KNOWLEDGE / "thesaurus.yaml")


def _bytes(content: Content) -> bytes:
    return gift(content[0], HELD if content[1] else "")


Documents.TestCase.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestDocuments = Documents.TestCase
