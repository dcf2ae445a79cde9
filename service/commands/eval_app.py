"""``youli eval``: the commands of the eval suite. Each imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from service.commands.words import word


def _help(name: str) -> str:
    return word("help", name)


evals = typer.Typer(name="eval", help=_help("eval"), no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
