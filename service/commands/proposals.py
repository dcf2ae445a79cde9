"""``youli proposals``: what people's edits suggest for the team's files; a person decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.commands.inputs import shown
from service.commands.tables import table
from service.commands.words import lines, printable, strong, word
from service.errors import EnvironmentProblem

if TYPE_CHECKING:
    from service.insight.proposing import Proposing
    from service.schemas.proposals import Proposal

T = TypeVar("T")


def _help(name: str) -> str:
    return word("help", name)


proposals = typer.Typer(help=_help("proposals"), no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
InShop = Annotated[str, typer.Option("--shop", help=_help("shop"))]
Id = Annotated[str, typer.Argument(metavar="ID", help=_help("proposal_id"))]
Note = Annotated[str | None, typer.Option("--note", help=_help("proposal_note"))]


@proposals.command(help=_help("proposals_gather"))
def gather(shop: InShop = "default", as_json: Json = False) -> None:
    """Look through new feedback."""
    made = _with(lambda desk: desk.gathering.gather(shop))
    print(made.model_dump_json() if as_json else word("proposals", "gathered", **made.model_dump()))


@proposals.command("list", help=_help("proposals_list"))
def list_(
    shop: InShop = "default",
    every: Annotated[bool, typer.Option("--all", help=_help("proposals_all"))] = False,
    as_json: Json = False,
) -> None:
    """List proposals, the most often said first."""
    page = _with(lambda desk: desk.page(shop, None if every else "open", None, 200))
    if as_json:
        print(page.model_dump_json(indent=2))
    elif not page.proposals:
        print(word("proposals", "none"))
    else:
        rows = [
            [one.id, _kind(one), one.scenario_name, one.times, _state(one), one.text or "—"] for one in page.proposals
        ]
        print("\n".join(table(lines("proposals", "columns"), rows)))


@proposals.command(help=_help("proposals_show"))
def show(proposal: Id, shop: InShop = "default", as_json: Json = False) -> None:
    """Show one with its patch."""
    _print(_with(lambda desk: desk.one(proposal, shop)), as_json)


@proposals.command(help=_help("proposals_accept"))
def accept(proposal: Id, note: Note = None, shop: InShop = "default", as_json: Json = False) -> None:
    """Accept one."""
    _print(_with(lambda desk: desk.decide(proposal, shop, "accepted", note, None)), as_json)


@proposals.command(help=_help("proposals_reject"))
def reject(proposal: Id, note: Note = None, shop: InShop = "default", as_json: Json = False) -> None:
    """Reject one."""
    _print(_with(lambda desk: desk.decide(proposal, shop, "rejected", note, None)), as_json)


@proposals.command(help=_help("proposals_export"))
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_help("proposals_file"))], shop: InShop = "default"
) -> None:
    """Write all accepted ones as one patch."""
    patch, left = _with(lambda desk: desk.export(shop))
    if patch:
        try:
            file.write_text(patch, "utf-8")
        except OSError as error:
            raise EnvironmentProblem("data_dir_unwritable", path=file, reason=error.strerror) from None
    name = shown(str(file))
    print(word("proposals", "exported", file=name) if patch else word("proposals", "nothing_accepted"))
    for one, reason in left.items():
        print(word("proposals", "left_out", id=one, reason=printable(reason)))


def _with(work: Callable[[Proposing], Awaitable[T]]) -> T:
    async def run() -> T:
        from service.assembly import assemble
        from service.insight.proposing import proposing_of
        from service.settings import read_settings

        async with assemble(read_settings(), owner=False) as desk:
            return await work(proposing_of(desk))

    return asyncio.run(run())


def _print(one: Proposal, as_json: bool) -> None:
    if as_json:
        print(json.dumps(one.model_dump(mode="json"), ensure_ascii=False, indent=2))
        return
    told = {"id": one.id, "kind": _kind(one), "scenario": one.scenario_name, "times": one.times, "state": _state(one)}
    print(strong(word("proposals", "head", **told)))
    print(printable(one.text or "—"))
    print(printable(one.patch or word("proposals", "unfit", reason=one.unfit or "")))


def _kind(one: Proposal) -> str:
    return word("proposals", one.kind)


def _state(one: Proposal) -> str:
    return word("proposals", one.state)
