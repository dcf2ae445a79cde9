"""``youli eval compare``: two runs side by side, and whether the newer may be released."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.words import faint, green, printable, red, strong, word
from service.settings import read_settings

if TYPE_CHECKING:
    from evals.comparison import CaseChange, Comparison, Made, Moved
    from evals.gate import Gated
    from evals.rubric import Rubric
    from evals.standing import Side, Standing

MOST = 12
"""Changed cases shown with both replies; ``--all`` shows every one."""


def run_compare(before: str, after: str, gated: bool, every: bool, as_json: bool) -> int:
    """Compare two runs; with ``gated``, 1 when the newer may not be released.

    Args:
        before: the older: id, folder, results file, ``latest``, or a baseline file.
        after: the newer, likewise.
        gated: whether to hold the newer against the older.
        every: whether to show every case that changed.
        as_json: for programs.

    Raises:
        UsageError: one of them is no run, or nothing is in it.
    """
    from evals.opening import open_side
    from evals.rubric import shipped_rubric

    data_dir, rubric = read_settings().data_dir, shipped_rubric()
    sides = open_side(before, data_dir, rubric), open_side(after, data_dir, rubric)
    verdict = _held_against(sides[1], sides[0], rubric)
    found = verdict.comparison
    if as_json:
        told = {"comparison": found.model_dump(mode="json"), "gate": None}
        told["gate"] = verdict.model_dump(mode="json", exclude={"comparison"}) if gated else None
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        lines = [*_compared(found, rubric, None if every else MOST), *gate_lines(verdict, heading=gated)]
        print("\n".join(lines))
    return 0 if verdict.passed or not gated else 1


def gate_run(folder: Path, baseline: Path | None = None) -> Gated:
    """Hold a finished run against the accepted baseline.

    Raises:
        UsageError: no baseline yet, or no such run.
        RulebookError: the baseline is broken.
    """
    from evals.agreement import uncalibrated
    from evals.baseline import BASELINE, read_baseline
    from evals.opening import open_run
    from evals.rubric import shipped_rubric

    rubric = shipped_rubric()
    mute = uncalibrated(folder, rubric)
    return _held_against(open_run(folder, rubric), read_baseline(baseline or BASELINE), rubric, mute)


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
    return kept.accept(open_run(folder, rubric), baseline or kept.BASELINE, rubric, known_misses().keys())


def gate_lines(verdict: Gated, *, heading: bool = True) -> Iterable[str]:
    """What the gate says, for a terminal; without ``heading`` only what was not compared."""
    if heading:
        yield green(word("eval_compare", "passes")) if verdict.passed else red(word("eval_compare", "stopped"))
        yield from (f"  · {printable(reason.text)}" for reason in verdict.reasons)
    yield from (faint(f"  - {printable(note.text)}") for note in verdict.notes)


def _held_against(run: Side, reference: Side, rubric: Rubric, mute: set[str] | None = None) -> Gated:
    from evals.gate import gate
    from evals.misses import known_misses

    return gate(run, reference, rubric, known=known_misses().keys(), uncalibrated=mute)


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
        yield _number("passed", found.passed, 100, chance=f"{found.passed.chance:.3f}", **turned)
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
