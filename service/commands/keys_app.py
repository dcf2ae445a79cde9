"""``youli keys``: its commands and their options."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from service.commands.words import word


def _help(name: str) -> str:
    return word("help", name)


keys = typer.Typer(name="keys", help=_help("keys"), no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
RoleOption = Annotated[Literal["agent", "qa", "editor", "admin"], typer.Option("--role", help=_help("key_role"))]
ContextOption = Annotated[
    Literal["agent", "lead", "manager"] | None, typer.Option("--context-role", help=_help("key_context_role"))
]


@keys.command("create", help=_help("key_create"))
def create(
    name: Annotated[str, typer.Option("--name", help=_help("key_name"))],
    role: RoleOption,
    shop: Annotated[str, typer.Option("--shop", help=_help("key_shop"))] = "default",
    context_role: ContextOption = None,
    expires: Annotated[str | None, typer.Option("--expires", metavar="90d", help=_help("key_expires"))] = None,
    rate: Annotated[int | None, typer.Option("--rate", min=1, help=_help("key_rate"))] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", min=0, help=_help("key_tokens"))] = None,
    as_json: Json = False,
) -> None:
    """Make a key."""
    from service.commands.keys import KeyOptions, run_create

    raise typer.Exit(run_create(KeyOptions(name, role, shop, context_role, expires, rate, tokens), as_json))


@keys.command("list", help=_help("key_list"))
def list_keys(
    shop: Annotated[str | None, typer.Option("--shop", help=_help("shop"))] = None, as_json: Json = False
) -> None:
    """List the keys."""
    from service.commands.keys import run_list

    raise typer.Exit(run_list(shop, as_json))


@keys.command("revoke", help=_help("key_revoke"))
def revoke(key: Annotated[str, typer.Argument(metavar="ID", help=_help("key_id"))], as_json: Json = False) -> None:
    """Let a key open nothing any more."""
    from service.commands.keys import run_revoke

    raise typer.Exit(run_revoke(key, as_json))
