"""``youli``: the command line. Errors are one line on stderr; exit 0 ok, 1 a gate failed, 2 usage, 3 environment.

Commands import what they need when they run: ``youli check`` has to be done in the time a person waits for a prompt.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from service.commands.eval_app import evals
from service.commands.inputs import shown
from service.commands.keys_app import keys
from service.commands.knowledge_app import knowledge
from service.commands.proposals import proposals
from service.commands.trail_app import audit
from service.commands.webhooks import webhooks
from service.commands.words import printable, word
from service.errors import RulebookError, YouliError


def _help(name: str) -> str:
    return word("help", name)


app = typer.Typer(
    name="youli",
    help=_help("app"),
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(knowledge, name="knowledge")
app.add_typer(evals, name="eval")
app.add_typer(proposals, name="proposals")
app.add_typer(webhooks, name="webhooks")
app.add_typer(audit, name="audit")
app.add_typer(keys, name="keys")

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
ShopOption = Annotated[str | None, typer.Option("--shop", help=_help("shop"))]


@app.command(help=_help("demo"))
def demo(as_json: Json = False) -> None:
    """Draft the demo's three inquiries."""
    from service.commands.drafts import run_demo

    raise typer.Exit(run_demo(as_json))


@app.command(help=_help("draft"))
def draft(
    text: Annotated[str | None, typer.Argument(help=_help("message"))] = None,
    file: Annotated[str | None, typer.Option("--file", help=_help("inquiry_file"))] = None,
    order: Annotated[list[str] | None, typer.Option("--order", metavar="K=V", help=_help("order"))] = None,
    policy: Annotated[list[str] | None, typer.Option("--policy", metavar="K=V", help=_help("policy"))] = None,
    shop: ShopOption = None,
    role: Annotated[Literal["agent", "lead", "manager"] | None, typer.Option("--role", help=_help("role"))] = None,
    writer: Annotated[
        Literal["auto", "model", "playbook"] | None, typer.Option("--writer", help=_help("writer"))
    ] = None,
    as_json: Json = False,
    explain: Annotated[bool, typer.Option("--explain", help=_help("explain"))] = False,
    replay: Annotated[str | None, typer.Option("--replay", metavar="ID", help=_help("replay"))] = None,
) -> None:
    """Draft one reply."""
    from service.commands.drafts import DraftOptions, run_draft

    options = DraftOptions(text, file, order or [], policy or [], shop, role, writer, as_json, explain, replay)
    raise typer.Exit(run_draft(options))


@app.command(help=_help("retention"))
def retention(
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help=_help("retention_apply"))] = False,
    clock_is_right: Annotated[bool, typer.Option("--clock-is-right", help=_help("retention_clock"))] = False,
    as_json: Json = False,
) -> None:
    """Let go what is older than it is to be kept."""
    from service.commands.keeping import run_retention

    raise typer.Exit(run_retention(apply, clock_is_right, as_json))


@app.command(help=_help("erase"))
def erase(
    buyer: Annotated[str | None, typer.Option("--buyer", metavar="ID", help=_help("erase_buyer"))] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help=_help("erase_conversation"))
    ] = None,
    draft: Annotated[str | None, typer.Option("--draft", metavar="ID", help=_help("erase_draft"))] = None,
    shop: ShopOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_help("erase_dry_run"))] = False,
    as_json: Json = False,
) -> None:
    """Erase one buyer's data."""
    from service.commands.keeping import run_erase

    raise typer.Exit(run_erase(buyer, conversation, draft, shop, dry_run, as_json))


@app.command(help=_help("check"))
def check(
    text: Annotated[str | None, typer.Argument(help=_help("text"))] = None,
    file: Annotated[str | None, typer.Option("--file", help=_help("check_file"))] = None,
    shop: ShopOption = None,
    verdict: Annotated[
        Literal["reasonable", "unreasonable", "needs_clarification"] | None,
        typer.Option("--verdict", help=_help("verdict")),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help=_help("repair"))] = False,
    out: Annotated[str | None, typer.Option("--out", help=_help("check_out"))] = None,
    as_json: Json = False,
) -> None:
    """Check a text, or a file of chats."""
    from service.commands.checking import CheckOptions, run_check

    raise typer.Exit(run_check(CheckOptions(text, file, shop, verdict, repair, out, as_json)))


@app.command(help=_help("mask"))
def mask(
    text: Annotated[str | None, typer.Argument(help=_help("text"))] = None,
    file: Annotated[str | None, typer.Option("--file", help=_help("check_file"))] = None,
    as_json: Json = False,
) -> None:
    """Mask personal data."""
    from service.commands.checking import run_mask

    raise typer.Exit(run_mask(text, file, as_json))


@app.command(help=_help("serve"))
def serve(
    host: Annotated[str, typer.Option("--host", help=_help("host"))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help=_help("port"))] = 8000,
    verbose: Annotated[bool, typer.Option("--verbose", help=_help("verbose"))] = False,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=64, help=_help("workers"))] = None,
) -> None:
    """Serve the HTTP doors."""
    from service.commands.serving import run_serve

    raise typer.Exit(run_serve(host, port, verbose, workers))


@app.command(help=_help("analytics"))
def analytics(
    since: Annotated[str, typer.Option("--since", metavar="7d", help=_help("analytics_since"))] = "30d",
    by: Annotated[list[str] | None, typer.Option("--by", help=_help("analytics_by"))] = None,
    shop: ShopOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help=_help("analytics_csv"))] = False,
    as_json: Json = False,
) -> None:
    """Show what drafts and the feedback on them tell."""
    from service.commands.analytics import run_analytics

    raise typer.Exit(run_analytics(since, by or [], shop, as_csv, as_json))


@app.command(help=_help("doctor"))
def doctor(
    online: Annotated[bool, typer.Option("--online", help=_help("online"))] = False,
    mend: Annotated[bool, typer.Option("--mend", help=_help("mend"))] = False,
    as_json: Json = False,
) -> None:
    """Say what is in order and what is not."""
    from service.commands.doctor import run_doctor

    raise typer.Exit(run_doctor(online, as_json, mend))


@app.command(help=_help("backup"))
def backup(target: Annotated[str, typer.Argument(help=_help("backup_target"))], as_json: Json = False) -> None:
    """Back the data folder up."""
    from service.commands.backing_up import run_backup

    raise typer.Exit(run_backup(target, as_json))


@app.command(help=_help("restore"))
def restore(
    file: Annotated[str, typer.Argument(help=_help("restore_file"))],
    to: Annotated[str | None, typer.Option("--to", metavar="DIR", help=_help("restore_to"))] = None,
    verify: Annotated[bool, typer.Option("--verify", help=_help("restore_verify"))] = False,
    force: Annotated[bool, typer.Option("--force", help=_help("restore_force"))] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup, or verify it."""
    from service.commands.backing_up import run_restore

    raise typer.Exit(run_restore(file, to, verify, force, as_json))


@app.command(help=_help("version"))
def version(as_json: Json = False) -> None:
    """Show the version."""
    from importlib import metadata

    number = metadata.version("youli")
    print(json.dumps({"name": "youli", "version": number}) if as_json else f"youli {number}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. No error that was foreseen shows a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    collecting = gc.isenabled()
    gc.disable()  # imports make half a million lasting objects; looking through them again and again is a tenth of it
    try:
        return _run(given)
    finally:
        if collecting:
            gc.enable()
        if arguments is None:
            gc.freeze()  # the process ends: nothing of this has to be looked through once more


def _run(given: list[str]) -> int:
    as_json = "--json" in given
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 gets question marks, no traceback
    try:
        code = app(given or ["--help"], standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except RulebookError as error:
        error.parameters["file"] = shown(error.file)
        return _report(error.code, error.detail, error.exit_code, as_json)
    except YouliError as error:
        return _report(error.code, error.detail, error.exit_code, as_json, error.extra)
    except typer.TyperException as error:
        return _report("usage", word("usage", "command", reason=error.format_message()), 2, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # the reader had enough (| head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from service.logs import frames

        kind, *places = frames(error)
        where = " ← ".join([kind, *reversed(places[-4:])])
        return _report("internal_error", word("usage", "internal", where=where), 1, as_json)


def _report(code: str, detail: str, exit_code: int, as_json: bool, extra: Mapping[str, Any] = {}) -> int:
    """One line on stderr; JSON for programs."""
    told = {"code": code, "detail": detail, **extra}
    line = json.dumps(told, ensure_ascii=False) if as_json else printable(detail)
    print(line.replace("\n", " "), file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
