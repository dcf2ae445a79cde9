"""``youli webhooks``: who is told of events, and what was sent; the server sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from service.commands.tables import table
from service.commands.words import lines, word
from service.errors import InvalidRequest

if TYPE_CHECKING:
    from service.hooks.hooks import Hooks

T = TypeVar("T")


def _help(name: str) -> str:
    return word("help", name)


webhooks = typer.Typer(help=_help("webhooks"), no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
InShop = Annotated[str, typer.Option("--shop", help=_help("shop"))]
Id = Annotated[str, typer.Argument(metavar="ID", help=_help("webhook_id"))]


@webhooks.command(help=_help("webhook_create"))
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help=_help("webhook_url"))],
    event: Annotated[list[str], typer.Option("--event", help=_help("webhook_event"))],
    form: Annotated[str, typer.Option("--format", help=_help("webhook_format"))] = "youli",
    secret: Annotated[str | None, typer.Option("--secret", help=_help("webhook_secret"))] = None,
    shop: InShop = "default",
    as_json: Json = False,
) -> None:
    """Make a hook."""
    from service.commands.inputs import one_line
    from service.intake import read_model
    from service.schemas.webhooks import WebhookIn

    told = {"url": url, "events": event, "format": form, "secret": secret, "shop": shop}
    try:
        wanted = read_model(WebhookIn, told)
        made = _with(lambda hooks: hooks.create(wanted))
    except InvalidRequest as error:
        raise one_line(error) from None
    if as_json:
        print(made.model_dump_json(indent=2))
    else:
        print(word("webhooks", "made", id=made.id))
        if made.secret:
            print(word("webhooks", "secret", secret=made.secret))


@webhooks.command("list", help=_help("webhook_list"))
def list_(shop: InShop = "default", as_json: Json = False) -> None:
    """List hooks."""
    page = _with(lambda hooks: hooks.page(shop))
    rows = [[one.id, one.format, "、".join(one.events), one.url] for one in page.webhooks]
    _print(page, "columns", rows, as_json)


@webhooks.command(help=_help("webhook_delete"))
def delete(hook: Id, shop: InShop = "default") -> None:
    """Delete a hook."""
    _with(lambda hooks: hooks.remove(hook, shop))
    print(word("webhooks", "deleted", id=hook))


@webhooks.command(help=_help("webhook_test"))
def test(hook: Id, shop: InShop = "default") -> None:
    """Send an event that only says the way is open."""
    print(word("webhooks", "queued", id=_with(lambda hooks: hooks.test(hook, shop)).id))


@webhooks.command(help=_help("webhook_deliveries"))
def deliveries(hook: Id, shop: InShop = "default", as_json: Json = False) -> None:
    """What was and is to be sent."""
    page = _with(lambda hooks: hooks.deliveries(hook, shop, None, 50))
    rows = [
        [one.id, one.event, word("webhooks", one.state), one.attempts, str(one.status or one.error or "")]
        for one in page.deliveries
    ]
    _print(page, "delivery_columns", rows, as_json)


@webhooks.command(help=_help("webhook_redeliver"))
def redeliver(
    hook: Id,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help=_help("webhook_delivery"))],
    shop: InShop = "default",
) -> None:
    """Send once more."""
    print(word("webhooks", "queued", id=_with(lambda hooks: hooks.again(hook, shop, delivery)).id))


def _with(work: Callable[[Hooks], Awaitable[T]]) -> T:
    async def run() -> T:
        from service.database.session import Database
        from service.hooks.hooks import Hooks
        from service.settings import prepare_data_dir, read_settings

        settings = read_settings()
        prepare_data_dir(settings)
        database = await Database.open(settings.database)
        try:
            return await work(Hooks(database, settings))
        finally:
            await database.close()

    return asyncio.run(run())


def _print(page: Any, heads: str, rows: list[list[Any]], as_json: bool) -> None:
    if as_json:
        print(page.model_dump_json(indent=2))
    elif not rows:
        print(word("webhooks", "none"))
    else:
        print("\n".join(table(lines("webhooks", heads), rows)))
