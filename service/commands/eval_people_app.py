"""``youli eval review|agree|blind|live|queue``: what people say about scores; each imports what it needs when run."""

from __future__ import annotations

from datetime import datetime
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


def blind(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_help("eval_blind_of"))] = "latest",
    share: Annotated[str | None, typer.Option("--share", metavar="10%", help=_help("eval_blind_share"))] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, max=1000, help=_help("eval_blind_n"))] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help=_help("eval_blind_seed"))] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help=_help("eval_blind_out"))] = None,
    as_json: Json = False,
) -> None:
    """Write a blind page."""
    from service.commands.eval_blind import run_blind

    raise typer.Exit(run_blind(run, share, n, seed, out, as_json))


def live(
    shop: Annotated[str | None, typer.Option("--shop", help=_help("shop"))] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help=_help("eval_live_since")),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take drafts of the live desk in."""
    from service.commands.eval_blind import run_live

    raise typer.Exit(run_live(shop, since, as_json))


def queue(
    shop: Annotated[str | None, typer.Option("--shop", help=_help("shop"))] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help=_help("eval_queue_limit"))] = 20,
    as_json: Json = False,
) -> None:
    """List what waits for a person."""
    from service.commands.eval_people import run_queue

    raise typer.Exit(run_queue(shop or "default", limit, as_json))


def register(evals: typer.Typer) -> None:
    """Put these commands into ``youli eval``."""
    evals.command("review", help=_help("eval_review"))(review)
    evals.command("agree", help=_help("eval_agree"))(agree)
    evals.command("blind", help=_help("eval_blind"))(blind)
    evals.command("live", help=_help("eval_live"))(live)
    evals.command("queue", help=_help("eval_queue"))(queue)
