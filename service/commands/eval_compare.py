"""``youli eval compare``: two runs side by side, and whether the newer may be released."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.words import faint, green, printable, red, strong, word
from service.settings import Settings, read_settings

if TYPE_CHECKING:
    from evals.comparison import CaseChange, Comparison, Made, Moved
    from evals.gate import Gated
    from evals.opening import Opened
    from evals.rubric import Rubric
    from evals.standing import Side, Standing

MOST = 12
"""Changed cases shown with both replies; ``--all`` shows every one."""


@dataclass(frozen=True)
class CompareOptions:
    """The options of ``youli eval compare``.

    ``before`` and ``after`` are each a run's id, folder or results file, ``latest``, or a baseline file.
    """

    before: str
    after: str
    gate: bool = False
    rescore: bool = False
    every: bool = False
    as_json: bool = False


def run_compare(options: CompareOptions) -> int:
    """Compare two runs; 1 when the newer is to be held against the older and may not be released.

    Raises:
        UsageError: one of them is no run, or nothing is in it.
    """
    from evals.opening import open_any
    from evals.rubric import shipped_rubric

    settings, rubric = read_settings(), shipped_rubric()
    opened = [open_any(given, settings.data_dir) for given in (options.before, options.after)]
    if options.rescore:
        opened = _rescored(opened, settings, rubric)
    verdict = _held_against(opened[1], opened[0].side(rubric), rubric)
    found = verdict.comparison
    if options.as_json:
        told = {"comparison": found.model_dump(mode="json"), "gate": None}
        told["gate"] = verdict.model_dump(mode="json", exclude={"comparison"}) if options.gate else None
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        lines = [*_compared(found, rubric, None if options.every else MOST), *gate_lines(verdict, heading=options.gate)]
        print("\n".join(lines))
    return 0 if verdict.passed or not options.gate else 1


def _rescored(opened: list[Opened], settings: Settings, rubric: Rubric) -> list[Opened]:
    """Both sides by today's rubric and cases."""
    from evals.dataset import load_cases
    from evals.sight import Sight
    from service.rulebook.book import load_rulebook

    sight = Sight(load_rulebook(settings.knowledge_dir, settings.data_dir / "learned"), rubric)
    cases = {case.entry.id: case for case in load_cases()}
    return [one.rescored(cases, sight) for one in opened]


def check_baseline(baseline: Path | None = None) -> None:
    """Say at once when there is no baseline to hold a run against; errors as in :func:`gate_run`."""
    from evals.baseline import BASELINE, read_baseline

    read_baseline(baseline or BASELINE)


def gate_run(folder: Path, baseline: Path | None = None) -> Gated:
    """Hold a finished run against the accepted baseline.

    Raises:
        UsageError: no baseline yet, or no such run.
        RulebookError: the baseline is broken.
    """
    from evals.baseline import BASELINE, read_baseline
    from evals.opening import open_run
    from evals.rubric import shipped_rubric

    rubric = shipped_rubric()
    return _held_against(open_run(folder), read_baseline(baseline or BASELINE), rubric)


def accept(folder: Path, baseline: Path | None = None) -> Standing:
    """Make a finished run the baseline.

    Raises:
        Conflict: ``baseline_refused``, with what stands against it.
        UsageError: no such run, or the file cannot be written.
    """
    from evals import baseline as kept
    from evals.misses import known_misses
    from evals.opening import open_run
    from evals.rubric import shipped_rubric

    rubric = shipped_rubric()
    return kept.accept(open_run(folder).side(rubric), baseline or kept.BASELINE, rubric, known_misses().keys())


def gate_lines(verdict: Gated, *, heading: bool = True) -> Iterable[str]:
    """What the gate says, for a terminal; without ``heading`` only what was not compared."""
    if heading:
        yield green(word("eval_compare", "passes")) if verdict.passed else red(word("eval_compare", "stopped"))
        yield from (f"  · {printable(reason.text)}" for reason in verdict.reasons)
    yield from (faint(f"  - {printable(note.text)}") for note in verdict.notes)


def _held_against(run: Opened, reference: Side, rubric: Rubric) -> Gated:
    """A judge's criteria count where they are calibrated; of results that lie alone nobody knows."""
    from evals.agreement import uncalibrated
    from evals.gate import gate
    from evals.misses import known_misses

    mute = uncalibrated(run.folder, rubric) if run.folder is not None else None
    return gate(run.side(rubric), reference, rubric, known=known_misses().keys(), uncalibrated=mute)


def _compared(found: Comparison, rubric: Rubric, most: int | None) -> Iterable[str]:
    from evals.words import name_of

    yield strong(word("eval_compare", "head", before=_side(found.before), after=_side(found.after)))
    for one in found.differs:
        shown = {"what": name_of("differs", one.what), "before": one.before or "—", "after": one.after or "—"}
        yield printable("  " + word("eval_compare", "differs", **shown))
    if not found.differs:
        yield "  " + word("eval_compare", "same")
    counts = {name: len(getattr(found, name)) for name in ("added", "removed", "changed")}
    yield word("eval_compare", "paired", paired=found.paired, **counts)
    if found.points.difference is not None:
        yield _number("points", found.points)
    if found.passed.difference is not None:
        turned = {"lost": len(found.passed.lost), "won": len(found.passed.won)}
        yield _number("passed", found.passed, 100, chance=_chance(found.passed.chance), **turned)
    for scorer, moved in found.scorers.items():
        if moved.fails_now or moved.fails_no_more:
            entry = rubric.entry.scorers.get(scorer)
            turned = {"now": len(moved.fails_now), "no_more": len(moved.fails_no_more)}
            yield "  " + _number("scorer", moved, 100, name=entry.name if entry else scorer, **turned)
    for name in ("regressions", "improvements", "moved"):
        yield from _group(name, getattr(found, name), rubric, most)
    yield word("eval_compare", "reworded", count=found.reworded)


def _side(made: Made) -> str:
    name = word("eval_compare", "baseline", at=f"{made.at:%Y-%m-%d %H:%M}") if made.kind == "baseline" else made.id
    return printable(f"{name} {made.label}".strip())


def _number(sentence: str, moved: Moved, times: float = 1, /, **more: object) -> str:
    difference = moved.difference
    assert difference is not None  # only numbers with a difference are shown
    shown = {"before": f"{times * (moved.before or 0):.1f}", "after": f"{times * (moved.after or 0):.1f}"}
    bounds = {name: f"{times * getattr(difference, name):+.2f}" for name in ("value", "low", "high")}
    return word("eval_compare", sentence, **shown, **bounds, **more)


def _chance(value: float) -> str:
    return f"={value:.3f}" if value >= 0.001 else "<0.001"


def _group(name: str, changes: list[CaseChange], rubric: Rubric, most: int | None) -> Iterable[str]:
    if not changes:
        return
    yield strong(word("eval_compare", name, count=len(changes)))
    for change in changes[:most]:
        yield from (printable(line) for line in _change(change, rubric))
    if most is not None and len(changes) > most:
        yield faint("  " + word("eval_compare", "rest", count=len(changes) - most))


def _change(change: CaseChange, rubric: Rubric) -> Iterable[str]:
    from evals.words import name_of

    points = ["—" if one is None else f"{one:.1f}" for one in change.points]
    yield word("eval_compare", "case", case=change.case, name=change.name, before=points[0], after=points[1])
    for what in ("verdict", "boundary"):
        one, other = getattr(change.before, what), getattr(change.after, what)
        if one != other:
            shown = {"before": name_of(what, one) or "—", "after": name_of(what, other) or "—"}
            yield "    " + word("eval_compare", what, **shown)
    for key in change.new_failed:
        yield "    " + word("eval_compare", "fails", name=_named(key, rubric), why=change.why.get(key, ""))
    for key in change.mended:
        yield "    " + word("eval_compare", "mended", name=_named(key, rubric))
    if change.reply_before != change.reply_after:
        for side, reply in (("before", change.reply_before), ("after", change.reply_after)):
            if reply is not None:
                yield "    " + word("eval_compare", f"reply_{side}", reply=reply.replace("\n", " / "))


def _named(key: str, rubric: Rubric) -> str:
    scorer, _, criterion = key.partition(":")
    entry = rubric.entry.scorers.get(scorer)
    return f"{entry.name if entry else scorer}{'：' if criterion else ''}{criterion}"
