"""``youli eval review|agree``: what people say about scores; each command imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from service.commands.words import word


def _help(name: str) -> str:
    return word("help", name)


Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
Run = Annotated[str | None, typer.Option("--run", metavar="RUN", help=_help("eval_review_run"))]


def review(
    file: Annotated[str, typer.Argument(metavar="FILE", help=_help("eval_review_file"))],
    run: Run = None,
    as_json: Json = False,
) -> None:
    """Take reviews in."""
    from service.commands.eval_people import run_review

    raise typer.Exit(run_review(file, run, as_json))


def agree(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help=_help("eval_agree_runs"))] = None,
    as_json: Json = False,
) -> None:
    """Say how far scores and people agree."""
    from service.commands.eval_people import run_agree

    raise typer.Exit(run_agree(runs or [], as_json))


def register(evals: typer.Typer) -> None:
    """Put these commands into ``youli eval``."""
    evals.command("review", help=_help("eval_review"))(review)
    evals.command("agree", help=_help("eval_agree"))(agree)
