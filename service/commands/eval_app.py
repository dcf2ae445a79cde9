"""``youli eval``: the commands of the eval suite. Each imports what it needs when it runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from service.commands import eval_people_app
from service.commands.words import word


def _help(name: str) -> str:
    return word("help", name)


evals = typer.Typer(name="eval", help=_help("eval"), no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help=_help("json"))]


@evals.command("run", help=_help("eval_run"))
def run(
    only: Annotated[list[str] | None, typer.Option("--only", metavar="TAG", help=_help("eval_only"))] = None,
    cases: Annotated[str | None, typer.Option("--cases", metavar="DIR", help=_help("eval_cases"))] = None,
    writer: Annotated[Literal["auto", "model", "playbook"], typer.Option("--writer", help=_help("writer"))] = "auto",
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=50, help=_help("eval_repeat"))] = 1,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=64, help=_help("eval_concurrency"))] = 8,
    against: Annotated[str | None, typer.Option("--against", metavar="URL", help=_help("eval_against"))] = None,
    judge: Annotated[bool, typer.Option("--judge/--no-judge", help=_help("eval_judge"))] = True,
    judge_twice: Annotated[bool, typer.Option("--judge-twice", help=_help("eval_judge_twice"))] = False,
    twins: Annotated[bool, typer.Option("--twins/--no-twins", help=_help("eval_twins"))] = True,
    mutations: Annotated[bool, typer.Option("--mutations/--no-mutations", help=_help("eval_mutations"))] = True,
    resume: Annotated[str | None, typer.Option("--resume", metavar="RUN", help=_help("eval_resume"))] = None,
    into: Annotated[str | None, typer.Option("--resume-into", metavar="DIR", hidden=True)] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help=_help("eval_fresh"))] = False,
    label: Annotated[str, typer.Option("--label", help=_help("eval_label"))] = "",
    out: Annotated[str | None, typer.Option("--out", metavar="DIR", help=_help("eval_out"))] = None,
    baseline: Annotated[str | None, typer.Option("--baseline", metavar="FILE", help=_help("eval_baseline"))] = None,
    gate: Annotated[bool, typer.Option("--gate", help=_help("eval_gate"))] = False,
    accept: Annotated[bool, typer.Option("--accept", help=_help("eval_accept"))] = False,
    as_json: Json = False,
) -> None:
    """Run the suite."""
    from service.commands.eval_run import RunOptions, run_eval

    options = RunOptions(
        only=only or [],
        cases=cases,
        writer=writer,
        repeat=repeat,
        concurrency=concurrency,
        against=against,
        judge=judge,
        judge_twice=judge_twice,
        twins=twins,
        mutations=mutations,
        resume=resume,
        into=into,
        fresh=fresh,
        label=label,
        out=out,
        baseline=baseline,
        gate=gate,
        accept=accept,
        as_json=as_json,
    )
    raise typer.Exit(run_eval(options))


@evals.command("list", help=_help("eval_list"))
def list_runs(as_json: Json = False) -> None:
    """List the runs."""
    from service.commands.eval_show import run_list

    raise typer.Exit(run_list(as_json))


eval_people_app.register(evals)


@evals.command("compare", help=_help("eval_compare"))
def compare(
    before: Annotated[str, typer.Argument(metavar="A", help=_help("eval_before"))],
    after: Annotated[str, typer.Argument(metavar="B", help=_help("eval_after"))],
    gate: Annotated[bool, typer.Option("--gate", help=_help("eval_compare_gate"))] = False,
    rescore: Annotated[bool, typer.Option("--rescore", help=_help("eval_rescore"))] = False,
    every: Annotated[bool, typer.Option("--all", help=_help("eval_compare_all"))] = False,
    as_json: Json = False,
) -> None:
    """Put two runs side by side."""
    from service.commands.eval_compare import CompareOptions, run_compare

    raise typer.Exit(run_compare(CompareOptions(before, after, gate, rescore, every, as_json)))


@evals.command("report", help=_help("eval_report"))
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help=_help("eval_run_id"))] = "latest",
    out: Annotated[str | None, typer.Option("--out", metavar="DIR", help=_help("eval_report_out"))] = None,
    wanted: Annotated[
        Literal["html", "junit", "csv", "markdown", "json", "all"], typer.Option("--format", help=_help("eval_format"))
    ] = "all",
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="RUN", help=_help("eval_report_baseline"))
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run's reports."""
    from service.commands.eval_report import run_report

    raise typer.Exit(run_report(run, out, wanted, baseline, as_json))


@evals.command("case", help=_help("eval_case"))
def case(
    draft: Annotated[str, typer.Argument(metavar="DRAFT_ID", help=_help("eval_case_draft"))],
    shop: Annotated[str | None, typer.Option("--shop", help=_help("shop"))] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="DIR", help=_help("eval_cases_out"))] = None,
    as_json: Json = False,
) -> None:
    """Make a draft with feedback a case."""
    from service.commands.eval_cases import run_case

    raise typer.Exit(run_case(draft, shop or "default", out, as_json))


@evals.command("export", help=_help("eval_export"))
def export(
    kind: Annotated[
        Literal["jsonl", "promptfoo"], typer.Option("--format", help=_help("eval_export_format"))
    ] = "jsonl",
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help=_help("eval_export_out"))] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="TAG", help=_help("eval_only"))] = None,
    cases: Annotated[str | None, typer.Option("--cases", metavar="DIR", help=_help("eval_cases"))] = None,
    url: Annotated[str, typer.Option("--url", help=_help("eval_export_url"))] = "",
    as_json: Json = False,
) -> None:
    """Write the cases in another format."""
    from service.commands.eval_cases import ExportOptions, run_export

    raise typer.Exit(run_export(ExportOptions(kind, out, only or [], cases, url, as_json)))


@evals.command("import", help=_help("eval_import"))
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help=_help("eval_import_file"))],
    out: Annotated[str | None, typer.Option("--out", metavar="DIR", help=_help("eval_cases_out"))] = None,
    as_json: Json = False,
) -> None:
    """Take cases in."""
    from service.commands.eval_cases import run_import

    raise typer.Exit(run_import(file, out, as_json))
