"""``youli eval run``: the suite through the production drafter, or a service at an address."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from service.commands.inputs import shown, usage
from service.commands.progress import progress
from service.commands.words import red, strong, word
from service.errors import UsageError
from service.settings import HOME, Settings, read_settings

if TYPE_CHECKING:
    from evals.dataset import Case
    from evals.judge import Judge, NoJudge
    from evals.playing import Drafting
    from evals.results import Digests, Killed, RunInfo, Summary
    from evals.rubric import Rubric
    from evals.runner import Ran
    from service.assembly import Desk

Writer = Literal["auto", "model", "playbook"]


@dataclass(frozen=True)
class RunOptions:
    """The options of ``youli eval run``."""

    only: list[str] = field(default_factory=list)
    cases: str | None = None
    writer: Writer = "auto"
    repeat: int = 1
    concurrency: int = 8
    against: str | None = None
    judge: bool = True
    judge_twice: bool = False
    twins: bool = True
    mutations: bool = True
    resume: str | None = None
    into: str | None = None
    """A folder in which a run was announced (``POST /v1/evals/runs``)."""
    fresh: bool = False
    label: str = ""
    out: str | None = None
    baseline: str | None = None
    gate: bool = False
    accept: bool = False
    as_json: bool = False


@dataclass
class Done:
    """A finished run: where it lies and what it came to."""

    folder: Path
    ran: Ran
    summary: Summary


def run_eval(options: RunOptions) -> int:
    """Run the suite, write its reports and say how it went; 1 when the gate fails.

    Raises:
        UsageError: no cases, a run that cannot go on, an address where nobody answers.
        YouliError: the data folder, the rulebook or the database is not usable.
    """
    settings = read_settings()
    done = asyncio.run(_work(options, settings))
    if options.as_json:
        told = {"run": done.ran.info.id, "folder": str(done.folder), "summary": done.summary.model_dump(mode="json")}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(done)))
    return 0


async def _work(options: RunOptions, settings: Settings) -> Done:
    from evals.drafting_cache import DraftCache
    from evals.playing import Play
    from evals.rubric import shipped_rubric
    from evals.runner import Runner
    from evals.runs import write_info, writing
    from evals.sight import Sight
    from service.assembly import assemble, learn, warm

    cases = _cases(options)
    async with assemble(settings, owner=False) as desk, AsyncExitStack() as stack:
        await warm(desk)  # what is built at the first draft is no part of how long the cases take
        learn(desk)
        sight = Sight(desk.rulebook, shipped_rubric())
        judge = _judge(options, settings, sight.rubric)
        stack.push_async_callback(judge.close)
        digests = digests_of(desk, settings, cases, judge.digest)
        drafting = await stack.enter_async_context(_drafting(options, desk))
        cache = DraftCache(settings.data_dir / "evals" / "drafts.tsv", digests)
        if not (options.fresh or options.against or options.writer == "playbook"):
            drafting = cache.around(drafting)
        folder, info = _run_of(options, settings, digests)
        stack.enter_context(writing(folder))
        runner = Runner(
            Play(drafting, desk.rulebook.facts, options.writer, options.twins), sight, judge, options.concurrency
        )
        with progress(word("eval", "running"), options.as_json) as told:
            ran = await runner.run(folder, info, cases, told)
        done = Done(folder, ran, _summary(ran, cases, [], cache.hits))
        _write(done)
        write_info(folder, ran.info)
    return done


def _cases(options: RunOptions) -> list[Case]:
    """The cases asked for: all, or those with one of the tags, scenarios or ids.

    Raises:
        UsageError: ``suite_empty``.
        RulebookError: a broken case.
    """
    from evals.dataset import CASES, load_cases

    folder = Path(options.cases) if options.cases else CASES
    if not folder.is_dir():
        raise usage("file_unreadable", path=folder, reason=word("eval", "no_folder"))
    wanted = set(options.only)
    found = [case for case in load_cases(folder) if not wanted or wanted & _names(case)]
    if not found:
        raise UsageError("suite_empty", folder=shown(str(folder)), only="、".join(options.only) or word("eval", "all"))
    return found


def _judge(options: RunOptions, settings: Settings, rubric: Rubric) -> Judge | NoJudge:
    """The judge, if one is set and wanted; what it said before is kept beside the runs."""
    from evals.judge import NoJudge, judge_of

    if not options.judge:
        return NoJudge("not_wanted")
    return judge_of(settings, settings.data_dir / "evals" / "judge.jsonl", options.judge_twice, rubric)


def _names(case: Case) -> set[str]:
    entry = case.entry
    scenario = entry.expect.scenario or entry.id.partition(".")[0]
    return {*entry.tags, entry.id, scenario, entry.expect.verdict}


@asynccontextmanager
async def _drafting(options: RunOptions, desk: Desk) -> AsyncIterator[Drafting]:
    """Who drafts: the production drafter, keeping nothing, or a service at the address."""
    if options.against is not None:
        from evals.asking import asking

        async with asking(options.against, os.environ.get("YOULI_TARGET_KEY")) as drafting:
            yield drafting
        return
    from service.drafting import Drafter
    from service.schemas import Draft, Inquiry

    drafter = Drafter(desk.rulebook, desk.library, desk.drafter.model_side)

    async def draft(inquiry: Inquiry) -> Draft:
        made = None
        async for event in drafter.draft(inquiry):
            made = event.draft or made
        assert made is not None  # the last event of every draft
        return made

    yield draft


def digests_of(desk: Desk, settings: Settings, cases: list[Case], judge: str) -> Digests:
    """What a run made now is made with."""
    from evals.drafting_cache import code_digest
    from evals.judge import PROMPT as JUDGE
    from evals.playing import case_digest
    from evals.results import Digests
    from evals.rubric import shipped_rubric

    prompts, whole = hashlib.sha256(), hashlib.sha256()
    for path in sorted(set(settings.prompts_dir.glob("*.*")) - {settings.prompts_dir / JUDGE}):
        prompts.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for digest in sorted(case_digest(case) for case in cases):
        whole.update(digest.encode())
    return Digests(
        code=code_digest(HOME / "service"),
        knowledge=desk.knowledge_version,
        prompts=prompts.hexdigest()[:12],
        model=settings.model or "" if settings.model_ready else "",
        rubric=shipped_rubric().digest,
        cases=whole.hexdigest()[:12],
        judge=judge,
    )


def _run_of(options: RunOptions, settings: Settings, digests: Digests) -> tuple[Path, RunInfo]:
    """The run's folder and how it begins, or how it stood when it was stopped.

    Raises:
        UsageError: ``run_exists``; ``run_differs``: it was made with something else.
    """
    from evals.results import RunInfo
    from evals.runs import find_run, new_run_id, read_info, runs_dir

    if options.resume is not None:
        folder = find_run(options.resume, settings.data_dir)
        info = read_info(folder)
        changed = [name for name, value in digests.model_dump().items() if getattr(info.digests, name) != value]
        if changed:
            names = "、".join(word("eval", f"digest_{name}") for name in changed)
            raise UsageError("run_differs", run=info.id, what=names)
        return folder, info
    if options.into is not None:
        folder = Path(options.into)
        return folder, read_info(folder).model_copy(update={"digests": digests})
    run_id = new_run_id()
    folder = Path(options.out) if options.out else runs_dir(settings.data_dir) / run_id
    if (folder / "results.jsonl").exists():
        raise UsageError("run_exists", run=shown(str(folder)))
    info = RunInfo(
        id=run_id,
        label=options.label,
        state="running",
        started_at=datetime.now(UTC),
        writer=options.writer,
        target=options.against or "",
        only=options.only,
        repeats=options.repeat,
        digests=digests,
    )
    return folder, info


def _summary(ran: Ran, cases: list[Case], spoiled: list[Killed], hits: int) -> Summary:
    from evals.summing import summarize

    expected = {case.entry.id: case.entry.expect.sources for case in cases}
    made = summarize(ran.info, ran.results, latencies=ran.took_s, expected=expected, mutations=spoiled)
    return made.model_copy(update={"cached": hits})


def _write(done: Done) -> None:
    """The summary beside the results."""
    from evals.runs import SUMMARY, write_whole

    write_whole(done.folder / SUMMARY, done.summary.model_dump_json(indent=1))


def _lines(done: Done) -> list[str]:
    from evals.judge import why_unscored
    from evals.rubric import shipped_rubric

    summary, names = done.summary, shipped_rubric().entry.scorers
    share = summary.passed
    lines = [
        strong(
            word(
                "eval",
                "points",
                points=_number(summary.points),
                low=_number(summary.points_low),
                high=_number(summary.points_high),
            )
        ),
        word("eval", "passed", passed=share.passed, scored=share.scored, errors=summary.errors),
    ]
    for scorer, count in summary.vetoes.items():
        lines.append(red(word("eval", "veto", name=names[scorer].name if scorer in names else scorer, count=count)))
    failing = {name: one.scored - one.passed for name, one in summary.by_scorer.items() if one.passed < one.scored}
    for scorer, count in sorted(failing.items(), key=lambda item: -item[1]):
        lines.append(
            word("eval", "failing", name=names[scorer].name, count=count, scored=summary.by_scorer[scorer].scored)
        )
    unscored = sum(one.unscored for one in summary.by_scorer.values())
    if unscored:
        lines.append(word("eval", "unscored", count=unscored, why=why_unscored(done.ran.results)))
    if summary.mutations:
        caught, whole = sum(one.caught for one in summary.mutations), sum(one.drafts for one in summary.mutations)
        lines.append(word("eval", "mutations", caught=caught, drafts=whole))
    lines.append(word("eval", "took", cases=summary.cases, seconds=f"{summary.seconds:.1f}"))
    lines.append(word("eval", "folder", path=shown(str(done.folder))))
    return lines


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"
