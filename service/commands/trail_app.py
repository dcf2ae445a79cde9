"""``youli audit``: its commands and their options; what they do stands in modules imported when they run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer

from service.commands.words import word


def _help(name: str) -> str:
    return word("help", name)


audit = typer.Typer(name="audit", help=_help("audit"), no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
ShopOption = Annotated[str | None, typer.Option("--shop", help=_help("audit_shop"))]
Actor = Annotated[str | None, typer.Option("--actor", metavar="KEY", help=_help("audit_actor"))]
Action = Annotated[str | None, typer.Option("--action", help=_help("audit_action"))]
Object = Annotated[str | None, typer.Option("--object", metavar="ID", help=_help("audit_object"))]
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Since = Annotated[datetime | None, typer.Option("--since", formats=_FORMATS, help=_help("audit_since"))]
Until = Annotated[datetime | None, typer.Option("--until", formats=_FORMATS, help=_help("audit_until"))]


@audit.command("list", help=_help("audit_list"))
def list_entries(
    shop: ShopOption = None,
    actor: Actor = None,
    action: Action = None,
    object: Object = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=_help("audit_limit"))] = 50,
    before: Annotated[int | None, typer.Option("--before", metavar="SEQ", min=1, help=_help("audit_before"))] = None,
    as_json: Json = False,
) -> None:
    """Show entries, newest first."""
    from service.commands.trail import Filters, run_list

    raise typer.Exit(run_list(Filters(shop, actor, action, object, since, until), limit, before, as_json))


@audit.command("verify", help=_help("audit_verify"))
def verify(
    head: Annotated[str | None, typer.Option("--head", metavar="SEQ:HASH", help=_help("audit_noted"))] = None,
    as_json: Json = False,
) -> None:
    """Follow the whole chain."""
    from service.commands.trail import run_verify

    raise typer.Exit(run_verify(head, as_json))


@audit.command("head", help=_help("audit_head"))
def head(as_json: Json = False) -> None:
    """Print where the chain ends."""
    from service.commands.trail import run_head

    raise typer.Exit(run_head(as_json))


@audit.command("export", help=_help("audit_export"))
def export(
    format: Annotated[Literal["jsonl", "csv"], typer.Option("--format", help=_help("audit_format"))] = "jsonl",
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help=_help("audit_out"))] = None,
    shop: ShopOption = None,
    actor: Actor = None,
    action: Action = None,
    object: Object = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write entries to a file, oldest first."""
    from service.commands.trail import Filters, run_export

    raise typer.Exit(run_export(Filters(shop, actor, action, object, since, until), format, out))
