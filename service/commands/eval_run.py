"""``youli eval run``: the suite through the production drafter, or a service at an address."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from service.commands.inputs import shown, usage
from service.commands.progress import progress
from service.commands.words import word
from service.errors import UsageError
from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from evals.dataset import Case
    from evals.gate import Gated
    from evals.results import Digests, Killed, RunInfo, Summary
    from evals.runner import Ran
    from evals.sight import Sight

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
    if options.gate:
        from service.commands.eval_compare import check_baseline

        # before a minute is spent on what cannot be held against anything
        check_baseline(Path(options.baseline) if options.baseline else None)
    done = asyncio.run(_work(options, settings))
    gated = _gated(done, options)
    if options.as_json:
        told: dict[str, Any] = {
            "run": done.ran.info.id,
            "folder": str(done.folder),
            "summary": done.summary.model_dump(mode="json"),
        }
        told["gate"] = gated.model_dump(mode="json", exclude={"comparison"}) if gated else None
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        from service.commands.eval_compare import gate_lines
        from service.commands.eval_show import run_lines

        lines = run_lines(done.summary, done.ran.results, done.folder)
        print("\n".join([*lines, *(gate_lines(gated) if gated else ())]))
    return 0 if gated is None or gated.passed else 1


async def _work(options: RunOptions, settings: Settings) -> Done:
    from evals.drafting_cache import DraftCache
    from evals.playing import Play
    from evals.rubric import shipped_rubric
    from evals.runner import Runner
    from evals.runs import write_info, writing
    from evals.sight import Sight
    from service.assembly import assemble, learn, warm
    from service.commands.eval_desk import digests_of, drafting_by, judge_for

    cases = _cases(options)
    async with assemble(settings, owner=False) as desk, AsyncExitStack() as stack:
        await warm(desk)  # what is built at the first draft is no part of how long the cases take
        learn(desk)
        sight = Sight(desk.rulebook, shipped_rubric())
        judge = judge_for(settings, sight.rubric, wanted=options.judge, twice=options.judge_twice)
        stack.push_async_callback(judge.close)
        digests = digests_of(desk, settings, cases, judge.digest)
        drafting = await stack.enter_async_context(drafting_by(desk, options.against))
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
        done = Done(folder, ran, _summary(ran, cases, _watched(options, ran, cases, sight), cache.hits))
        _write(done, settings)
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
    found = [case for case in load_cases(folder) if not wanted or wanted & case.names]
    if not found:
        raise UsageError("suite_empty", folder=shown(str(folder)), only="、".join(options.only) or word("eval", "all"))
    return found


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


def _watched(options: RunOptions, ran: Ran, cases: list[Case], sight: Sight) -> list[Killed]:
    """How many spoiled drafts the scores catch: whether they can be believed."""
    if not options.mutations or options.only:
        return []
    from evals.mutations import again, watch
    from evals.scoring import rule_scores

    played = again(ran.results, {case.entry.id: case for case in cases})
    return watch(played, lambda one: rule_scores(one, sight))


def _write(done: Done, settings: Settings) -> None:
    """The summary and every report beside the results."""
    from evals.report.material import Material, earlier_runs
    from evals.report.reference import usual_reference
    from evals.report.writing import write_report
    from evals.runs import SUMMARY
    from evals.whole import write_whole

    write_whole(done.folder / SUMMARY, done.summary.model_dump_json(indent=1))
    history = earlier_runs(done.ran.info, settings.data_dir)
    before = usual_reference(done.ran.info, settings.data_dir, history)
    made = Material(done.summary, done.ran.results)
    write_report(made, done.folder, before, history, knowledge=settings.knowledge_dir)


def _gated(done: Done, options: RunOptions) -> Gated | None:
    """What the gate says, where it is asked; the new baseline, where one is wanted and the gate does not object."""
    if not (options.gate or options.accept):
        return None
    from service.commands.eval_compare import accept, gate_run

    path = Path(options.baseline) if options.baseline else None
    gated = gate_run(done.folder, path) if options.gate else None
    if options.accept and (gated is None or gated.passed):
        accept(done.folder, path)
    return gated
