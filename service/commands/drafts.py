"""``youli draft`` and ``youli demo``: a draft in the terminal."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.inputs import one_line, order_of, pairs, read_bytes, shown, text_of, usage
from service.commands.show import draft_lines, inquiry_lines
from service.commands.show_explain import replay_lines
from service.commands.words import lines, strong, word
from service.errors import InvalidRequest, RulebookError, YouliError
from service.settings import read_settings

if TYPE_CHECKING:
    from service.assembly import Desk
    from service.replaying import Replay
    from service.rulebook.book import Rulebook
    from service.schemas import Draft, Inquiry
    from service.settings import Settings


@dataclass(frozen=True)
class DraftOptions:
    """The options of ``youli draft``."""

    text: str | None = None
    file: str | None = None
    order: list[str] = field(default_factory=list)
    policy: list[str] = field(default_factory=list)
    shop: str | None = None
    role: str | None = None
    writer: str | None = None
    as_json: bool = False
    explain: bool = False
    replay: str | None = None


def run_replay(options: DraftOptions) -> int:
    """Draft a stored inquiry again under the recorded and today's rulebook, and show what differs.

    Raises:
        UsageError: further options were given.
        NotFound: no such draft in that shop.
        YouliError: as in :func:`run_draft`.
    """
    if any((options.text, options.file, options.order, options.policy, options.role, options.writer)):
        raise usage("replay_alone")
    settings = read_settings()

    async def work() -> Replay:
        from service.assembly import assemble
        from service.replaying import replay

        async with assemble(settings, owner=False) as desk:
            return await replay(desk, options.replay or "", options.shop or "default")

    made = asyncio.run(work())
    if options.as_json:
        drafts = {name: getattr(made, name) for name in ("stored", "recorded", "today")}
        whole: dict[str, Any] = {n: d and d.model_dump(mode="json", by_alias=True) for n, d in drafts.items()}
        whole["changes"] = [asdict(change) for change in made.changes()]
        print(json.dumps(whole, ensure_ascii=False, indent=2))
    else:
        print("\n".join(replay_lines(made)))
    return 0


def run_draft(options: DraftOptions) -> int:
    """Draft one reply and show it; returns the exit code.

    Raises:
        UsageError: the inquiry is not as the contract wants it.
        YouliError: the data folder, the rulebook or the database is not usable.
    """
    if options.replay is not None:
        return run_replay(options)
    inquiry = inquiry_of(options)
    settings = read_settings()

    async def work() -> tuple[Draft, dict[str, str]]:
        from service.assembly import assemble

        async with assemble(settings, owner=False) as desk:
            return await finished(desk, inquiry), demand_names(desk.rulebook)

    draft, names = asyncio.run(work())
    if options.as_json:
        print(draft.model_dump_json(by_alias=True, indent=2))
    else:
        print("\n".join(draft_lines(draft, names, explain=options.explain)))
    return 0


def inquiry_of(options: DraftOptions) -> Inquiry:
    """The inquiry of the command's arguments; options override what a file says.

    Raises:
        UsageError: see :func:`run_draft`.
    """
    from service.intake import read_json, read_model
    from service.schemas import Inquiry

    try:
        if options.file is not None:
            if options.text is not None:
                raise usage("one_source")
            body: Any = read_json(read_bytes(options.file))
        else:
            body = {"messages": [{"role": "customer", "content": text_of(options.text, None)}]}
        if isinstance(body, dict):
            _override(body, options)
        return read_model(Inquiry, body)
    except InvalidRequest as error:
        raise one_line(error) from None


def _override(body: dict[str, Any], options: DraftOptions) -> None:
    for key, given in (("order", order_of(options.order)), ("policy", pairs(options.policy))):
        if given:
            body[key] = (body.get(key) or {}) | given
    if options.role:
        body["context"] = (body.get("context") or {}) | {"role": options.role}
    if options.shop:
        body["shop"] = options.shop
    if options.writer:
        body["writer"] = options.writer
    if options.explain:
        body["explain"] = True


def demand_names(rulebook: Rulebook) -> dict[str, str]:
    """What people call each demand, by its id."""
    return {value.id: name for name, value in rulebook.facts.by_id("demand").entry.values.items()}


async def finished(desk: Desk, inquiry: Inquiry) -> Draft:
    """The plain answer of a draft's events.

    Raises:
        YouliError: the drafter gave none.
    """
    draft = None
    async for event in desk.drafter.draft(inquiry):
        draft = event.draft or draft
    if draft is None:
        raise YouliError()
    return draft


def run_demo(as_json: bool) -> int:
    """Draft the inquiries of ``knowledge/demo.yaml`` and show how each came out; returns the exit code.

    Raises:
        YouliError: as in :func:`run_draft`, and ``RulebookError`` for a broken demo file.
    """
    if not as_json:
        print(strong(word("demo", "hello")), flush=True)  # before the heavy imports
    settings = read_settings()
    cases = demo_cases(settings)

    async def work() -> list[dict[str, Any]]:
        from service.assembly import assemble

        rows = []
        async with assemble(settings, owner=False) as desk:
            names = demand_names(desk.rulebook)
            if not as_json:
                print(_intro(desk), flush=True)
            for number, (title, inquiry) in enumerate(cases, 1):
                draft = await finished(desk, inquiry)
                rows.append({"title": title, "draft": draft.model_dump(mode="json", by_alias=True)})
                if not as_json:
                    print("\n" + strong(word("demo", "number", number=number, title=title)))
                    print("\n".join([*inquiry_lines(inquiry), *draft_lines(draft, names)]), flush=True)
        return rows

    rows = asyncio.run(work())
    if as_json:
        json.dump(rows, sys.stdout, ensure_ascii=False, indent=2)
        print()
    else:
        program = program_name()
        then = ("  " + line.replace("{youli}", program) for line in lines("demo", "next_lines"))
        print("\n" + "\n".join([word("demo", "next"), *then]))
    return 0


def program_name() -> str:
    """What to type to run this program again: its name where the shell finds it, else the path it was run by."""
    run_by = Path(sys.argv[0])
    return "youli" if run_by.name != "youli" or shutil.which("youli") else shown(sys.argv[0])


def _intro(desk: Desk) -> str:
    health = desk.library.health()
    model = desk.settings.model if desk.settings.model_ready else None
    writer = word("demo", "model", model=model) if model else word("demo", "playbook")
    return word("demo", "intro", documents=health["documents"], chunks=health["chunks"], writer=writer)


def demo_cases(settings: Settings) -> list[tuple[str, Inquiry]]:
    """The demo's inquiries with their titles, from ``knowledge/demo.yaml``.

    Raises:
        RulebookError: the file is missing or does not hold inquiries.
    """
    from service.intake import read_model
    from service.rulebook.yamlfile import read_yaml
    from service.schemas import Inquiry

    path = settings.knowledge_dir / "demo.yaml"
    file = read_yaml(path)
    rows = file.parse(list[dict[str, Any]])
    cases = []
    for number, row in enumerate(rows):
        try:
            cases.append((str(row.get("title", "")), read_model(Inquiry, typed(row.get("inquiry")))))
        except InvalidRequest as error:
            reason = word("usage", "demo_broken", number=number + 1, reason=one_line(error).detail)
            raise RulebookError(path, file.line(number), reason) from None
    return cases


def typed(value: Any) -> Any:
    """YAML's strings as the JSON types an inquiry wants: ``true``, ``false``, ``null``; pydantic reads numbers."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return {"true": True, "false": False, "null": None}.get(value, value)
