"""The collaborators of one process, built once and in order, for the server and for the command line alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.settings import Settings, prepare_data_dir

if TYPE_CHECKING:
    from service.database.drafts import DraftStore
    from service.database.rulebooks import RulebookStore
    from service.drafting import Drafter
    from service.library.store import Library
    from service.limiting.limiter import Limiter
    from service.llm_ask import Asker
    from service.modelside import ModelSide
    from service.rulebook.book import Rulebook


@dataclass(frozen=True)
class Broken:
    """Why the files are not in force: where, and what is wrong, in Chinese."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Desk:
    """Everything a door needs. Never changed: another rulebook means another desk."""

    settings: Settings
    rulebook: Rulebook
    library: Library
    store: DraftStore
    rulebooks: RulebookStore
    drafter: Drafter
    broken: Broken | None = None
    """Set while the files have changed and may not come into force."""
    restart: bool = False
    """True while changed files wait for the next start."""
    model: Asker | None = None
    """The client of the model; None without one."""
    limiter: Limiter | None = None
    """Rates, budgets and admission of this process; the same for every desk."""

    @property
    def knowledge_version(self) -> str:
        """What a draft made now would rest on: the published pointer and the rulebook's digest."""
        return f"{self.library.knowledge_pointer}+{self.rulebook.digest}"


@asynccontextmanager
async def assemble(settings: Settings, *, owner: bool) -> AsyncIterator[Desk]:
    """Build everything, bring the files' documents up to date, and close it all at the end.

    Args:
        settings: where data, knowledge and prompts are, and whether there is a model.
        owner: True for the server, which holds the data folder's lock and projects into Chroma; the command line
            writes the same database and searches exactly.

    Raises:
        RulebookError: a broken file in ``knowledge/`` or ``prompts/``.
        EnvironmentProblem: the data folder is unusable or, for an owner, taken.
        Unavailable: the database is busy or the disk is full.
    """
    from service.rulebook.archive import pack
    from service.rulebook.book import load_rulebook
    from service.rulebook.cited import cited_rules
    from service.rulebook.thesaurus import load_thesaurus

    rulebook = load_rulebook(settings.knowledge_dir, settings.data_dir / "learned")
    prepare_data_dir(settings)
    async with AsyncExitStack() as stack:
        from service.database.drafts import DraftStore
        from service.database.rulebooks import RulebookStore
        from service.drafting import Drafter
        from service.library.store import Library

        thesaurus = load_thesaurus(settings.knowledge_dir / "thesaurus.yaml")
        library = await Library.open(settings, thesaurus, owner=owner)
        stack.push_async_callback(library.close)
        library.publisher.cited = cited_rules(rulebook.boundaries)
        await library.sync(settings.knowledge_dir)
        client = _model_client(settings, stack)
        writer = _model_side(client, settings)
        store, rulebooks = DraftStore(library.database), RulebookStore(library.database)
        await rulebooks.keep(rulebook.digest, lambda: pack(settings.knowledge_dir))
        limiter = await _limiter(settings, stack) if owner else None
        drafter = Drafter(rulebook, library, writer, store, limiter.budget if limiter else None)
        yield Desk(settings, rulebook, library, store, rulebooks, drafter, model=client, limiter=limiter)


async def _limiter(settings: Settings, stack: AsyncExitStack) -> Limiter:
    """The limits of a server; the command line has none."""
    from service.limiting.limiter import Limiter

    limiter = Limiter(settings)
    stack.push_async_callback(limiter.close)
    await limiter.open()
    return limiter


def _model_client(settings: Settings, stack: AsyncExitStack) -> Asker | None:
    """The client of a model, when one is configured; what it needs is imported at the first question."""
    if not settings.model_ready:
        return None
    from service.model_client import client_of

    client = client_of(settings)
    if client is not None:
        stack.push_async_callback(client.close)
    return client


def _model_side(client: Asker | None, settings: Settings) -> ModelSide | None:
    """The writer that asks the model."""
    if client is None:
        return None
    from service.modelside import ModelSide
    from service.writing.model import ModelWriter
    from service.writing.prompts import Prompts

    return ModelSide(ModelWriter(client, Prompts.load(settings.prompts_dir)), settings.draft_deadline_s)


async def warm(desk: Desk) -> None:
    """Make one draft nobody sees or keeps: dictionaries and indexes are built before the first buyer waits for them.

    The model is asked nothing; only its SDK is imported.
    """
    from service.drafting import Drafter
    from service.schemas import Inquiry, Message

    if desk.model is not None:
        await desk.model.open()
    facts = desk.rulebook.facts
    heard = [next(iter(facts.by_id("demand").entry.values)), *facts.by_id("cause").entry.values]
    words = Message(role="customer", content="，".join(heard))  # heard by frames: learning from examples can wait
    async for _ in Drafter(desk.rulebook, desk.library).draft(Inquiry(messages=(words,), writer="playbook")):
        pass


def learn(desk: Desk, enough: Callable[[], bool] = lambda: False) -> None:
    """Learn from the examples; takes seconds when they are new, meant for a thread beside the first answers.

    Args:
        desk: whose rulebook learns.
        enough: asked between two pieces; True leaves the rest for whoever needs it first.
    """
    listening = desk.rulebook.listening
    pieces = [*(one.learn for one in listening.by_example), *(one.learn for one in listening.weighings)]
    for piece in [*pieces, desk.rulebook.forbidden.ready]:
        if enough():
            return
        piece()
