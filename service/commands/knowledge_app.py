"""``youli knowledge``: its commands and their options; what they do stands in modules imported when they run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer

from service.commands.words import word


def _help(name: str) -> str:
    return word("help", name)


knowledge = typer.Typer(help=_help("knowledge"), rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]
ShopOption = Annotated[str | None, typer.Option("--shop", help=_help("shop"))]
Kind = Literal["law", "platform", "shop", "guideline", "scenario"]
Authority = Literal["law", "platform", "shop", "guideline"]
Id = Annotated[str, typer.Argument(metavar="ID", help=_help("document"))]
VersionOption = Annotated[int | None, typer.Option("--version", min=1, help=_help("document_version"))]
AuthorOption = Annotated[str | None, typer.Option("--author", help=_help("author"))]
NoteOption = Annotated[str | None, typer.Option("--note", help=_help("note"))]
Seen = Annotated[int | None, typer.Option("--if-revision", min=0, help=_help("if_revision"))]
Platform = Annotated[str | None, typer.Option("--platform", help=_help("platform"))]
Category = Annotated[str | None, typer.Option("--category", help=_help("category"))]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"], help=_help("day"))]


@knowledge.command("sync", help=_help("sync"))
def sync(as_json: Json = False) -> None:
    """Bring the documents of ``knowledge/`` into the database and publish them."""
    from service.commands.knowledge import run_sync

    raise typer.Exit(run_sync(as_json))


@knowledge.command("check", help=_help("knowledge_check"))
def check(as_json: Json = False) -> None:
    """Check the rulebook and the documents."""
    from service.commands.knowledge_check import run_check

    raise typer.Exit(run_check(as_json))


@knowledge.command("add", help=_help("add"))
def add(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=_help("files"))],
    kind: Annotated[Kind | None, typer.Option("--kind", help=_help("kind"))] = None,
    title: Annotated[str | None, typer.Option("--title", help=_help("title"))] = None,
    document: Annotated[str | None, typer.Option("--document", metavar="ID", help=_help("add_document"))] = None,
    authority: Annotated[Authority | None, typer.Option("--authority", help=_help("authority"))] = None,
    platform: Platform = None,
    category: Category = None,
    effective_from: Day = None,
    effective_to: Day = None,
    author: AuthorOption = None,
    note: NoteOption = None,
    shop: ShopOption = None,
    publish: Annotated[bool, typer.Option("--publish", help=_help("publish"))] = False,
    as_json: Json = False,
) -> None:
    """Take documents in."""
    from service.commands.adding import run_add

    labels = {"kind": kind, "title": title, "authority": authority, "platform": platform, "category": category}
    dates = {"effective_from": effective_from, "effective_to": effective_to}
    form = labels | dates | {"author": author, "note": note, "publish": publish, "document_id": document}
    raise typer.Exit(run_add(files, form, shop, as_json))


@knowledge.command("search", help=_help("search"))
def search(
    query: Annotated[str, typer.Argument(help=_help("query"))],
    k: Annotated[int, typer.Option("-k", "--k", help=_help("k"))] = 5,
    kind: Annotated[list[str] | None, typer.Option("--kind", help=_help("kinds"))] = None,
    document: Annotated[list[str] | None, typer.Option("--document", help=_help("documents"))] = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Search the published documents."""
    from service.commands.knowledge import run_search

    asked = {"query": query, "k": k, "kinds": kind or None, "documents": document or None, "shop": shop}
    raise typer.Exit(run_search(asked, as_json))


@knowledge.command("reindex", help=_help("reindex"))
def reindex(as_json: Json = False) -> None:
    """Look through everything that is kept, mend it, index it anew."""
    from service.commands.reindex import run_reindex

    raise typer.Exit(run_reindex(as_json))


@knowledge.command("doctor", help=_help("knowledge_doctor"))
def doctor(mend: Annotated[bool, typer.Option("--mend", help=_help("mend"))] = False, as_json: Json = False) -> None:
    """Say whether documents, passages, vectors and the index are in order."""
    from service.commands.doctor import run_doctor

    raise typer.Exit(run_doctor(False, as_json, mend, only="knowledge"))


@knowledge.command("list", help=_help("list"))
def list_(
    kind: Annotated[Kind | None, typer.Option("--kind", help=_help("list_kind"))] = None,
    state: Annotated[Literal["draft", "published", "retired"] | None, typer.Option(help=_help("state"))] = None,
    source: Annotated[Literal["file", "upload"] | None, typer.Option(help=_help("source"))] = None,
    text: Annotated[str | None, typer.Option("--text", help=_help("list_text"))] = None,
    platform: Platform = None,
    category: Category = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """List documents."""
    from service.commands.documents import run_list

    wanted = {"kind": kind, "state": state, "source": source, "text": text, "platform": platform, "category": category}
    raise typer.Exit(run_list(wanted, shop, as_json))


@knowledge.command("show", help=_help("show"))
def show(document: Id, version: VersionOption = None, shop: ShopOption = None, as_json: Json = False) -> None:
    """Show a version of a document."""
    from service.commands.documents import run_show

    raise typer.Exit(run_show(document, version, shop, as_json))


@knowledge.command("history", help=_help("history"))
def history(document: Id, shop: ShopOption = None, as_json: Json = False) -> None:
    """List a document's versions and changes."""
    from service.commands.documents import run_history

    raise typer.Exit(run_history(document, shop, as_json))


@knowledge.command("diff", help=_help("diff"))
def diff(
    document: Id,
    older: Annotated[int | None, typer.Option("--from", min=1, help=_help("diff_from"))] = None,
    newer: Annotated[int | None, typer.Option("--to", min=1, help=_help("diff_to"))] = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Show what two versions differ in."""
    from service.commands.documents import run_diff

    raise typer.Exit(run_diff(document, older, newer, shop, as_json))


@knowledge.command("held", help=_help("held"))
def held(document: Id, version: VersionOption = None, shop: ShopOption = None, as_json: Json = False) -> None:
    """List the held sentences of a document."""
    from service.commands.documents import run_held

    raise typer.Exit(run_held(document, version, shop, as_json))


@knowledge.command("publish", help=_help("publish_command"))
def publish(
    document: Id,
    version: VersionOption = None,
    author: AuthorOption = None,
    note: NoteOption = None,
    seen: Seen = None,
    impact: Annotated[bool, typer.Option("--impact", help=_help("publish_impact"))] = False,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Make a version the live one, or only say what that would do."""
    if impact:
        from service.commands.impact import Wanted, run_impact

        raise typer.Exit(run_impact(Wanted(document, version, shop or "default"), as_json))
    from service.commands.documents import Change, run_change

    raise typer.Exit(run_change(Change("publish", document, version, author, note, seen, shop), as_json))


@knowledge.command("rollback", help=_help("rollback"))
def rollback(
    document: Id,
    version: VersionOption = None,
    author: AuthorOption = None,
    note: NoteOption = None,
    seen: Seen = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Go back to the version that was live before."""
    from service.commands.documents import Change, run_change

    raise typer.Exit(run_change(Change("rollback", document, version, author, note, seen, shop), as_json))


@knowledge.command("retire", help=_help("retire"))
def retire(
    document: Id,
    author: AuthorOption = None,
    note: NoteOption = None,
    seen: Seen = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Take a document out of what is published."""
    from service.commands.documents import Change, run_change

    raise typer.Exit(run_change(Change("retire", document, None, author, note, seen, shop), as_json))


@knowledge.command("release", help=_help("release"))
def release(
    document: Id,
    n: Annotated[int, typer.Argument(metavar="N", min=1, help=_help("held_n"))],
    version: VersionOption = None,
    hold: Annotated[bool, typer.Option("--hold", help=_help("hold"))] = False,
    author: AuthorOption = None,
    note: NoteOption = None,
    seen: Seen = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Let a held sentence through, or hold it again."""
    from service.commands.documents import Change, run_change

    action: Literal["hold", "release"] = "hold" if hold else "release"
    raise typer.Exit(run_change(Change(action, document, version, author, note, seen, shop, n), as_json))


@knowledge.command("conflicts", help=_help("conflicts"))
def conflicts(
    everything: Annotated[bool, typer.Option("--all", help=_help("conflicts_all"))] = False,
    document: Annotated[str | None, typer.Option("--document", help=_help("conflicts_document"))] = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """List where documents contradict each other."""
    from service.commands.conflicts import run_conflicts

    raise typer.Exit(run_conflicts("all" if everything else "open", document, shop, as_json))


@knowledge.command("rule", help=_help("rule"))
def rule(
    key: Annotated[str, typer.Argument(metavar="ID", help=_help("rule_id"))],
    keep: Annotated[Literal["left", "right", "both", "neither"], typer.Option("--keep", help=_help("rule_keep"))],
    note: Annotated[str | None, typer.Option("--note", help=_help("rule_note"))] = None,
    author: AuthorOption = None,
    shop: ShopOption = None,
    as_json: Json = False,
) -> None:
    """Decide which side of a contradiction holds."""
    from service.commands.conflicts import run_rule

    raise typer.Exit(run_rule(key, keep, note, author, shop, as_json))
