"""What the checks cost: ``python -m evals.benchmarks.checks``.

Three tables: the parts of the check of a reply, with the rules as shipped and with thousands more in force; normal
form and matching beside the naive chain (NFKC, OpenCC, ``re.sub``, ``any(phrase in text)``) in the same run; the
slowest inputs of the greatest length taken in. All times are the processor's, not the clock's: others may be at work
on the machine. Times of one machine are no one's measure: compare ratios.
"""

from __future__ import annotations

import argparse
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import opencc

from evals.benchmarks.texts import KNOWLEDGE, drafts, hostile, phrases, sentences
from service.checking import Checker
from service.checks.ground import Ground
from service.checks.grounding import check_grounding
from service.checks.leaks import check_leaks
from service.checks.phrases import check_phrases
from service.checks.privacy import check_privacy
from service.rulebook.book import CheckBook
from service.rulebook.forbidden import ForbiddenRule, ForbiddenRules
from service.rulebook.frameindex import FrameIndex
from service.rulebook.frames import Frames
from service.rulebook.rulefile import Rule
from service.rulebook.yamlfile import YamlFile
from service.schemas import CheckRequest
from service.text.normalise import normalise
from service.text.private import Masker

MORE = 4_000
"""Phrases added to the shipped rules."""
_NO_LETTER = re.compile(r"[\W_]+")


def timed(work: Callable[[str], object], texts: Sequence[str], rounds: int) -> tuple[float, float]:
    """Median and 99th percentile of one call over all texts and rounds, once warm; milliseconds of processor time."""
    for text in texts:
        work(text)
    spent = []
    for _ in range(rounds):
        for text in texts:
            start = time.process_time()
            work(text)
            spent.append(time.process_time() - start)
    spent.sort()
    return 1000 * spent[len(spent) // 2], 1000 * spent[int(len(spent) * 0.99)]


def grown(rules: ForbiddenRules, count: int) -> ForbiddenRules:
    """The rules and one more of ``count`` phrases: half of them words, half in two parts with a gap between."""
    written = [p if i % 2 or len(p) < 4 else f"{p[:2]} …6 {p[2:]}" for i, p in enumerate(phrases(count))]
    rule = Rule.model_construct(
        id="benchmark", name="benchmark", why="benchmark", severity="block", say=[], count=None, quoted=False,
        exact=False, frames=written, unless=[], nearby=[], words={}, bad=[], ok=[], review_by=None, checked_on=None,
    )  # fmt: skip
    more = ForbiddenRule(
        rule, "vague", {}, Frames(written, {}), Frames((), {}), Frames((), {}), YamlFile(Path(), {}, {}), (), None
    )
    return ForbiddenRules([*rules, more], rules.folder)


def parts_table(book: CheckBook, more: CheckBook, count: int, rounds: int) -> None:
    """Print what each part costs on clean drafts, as shipped and with more phrases in force."""
    checker, larger = Checker(book), Checker(more)
    source = [said for said in sentences() if not checker.text(said, Ground())]
    requests = {text: CheckRequest(text=text) for text in drafts(count * 3, source=source)}
    clean = [t for t, request in requests.items() if not larger.check(request, None).findings][:count]
    print(f"\n{len(clean)} clean drafts of {len(clean[0])} characters; ms      p50      p99")
    ground = Ground()
    for name, work in {
        "normalise": normalise,
        "normalise, undo disguises": lambda t: book.forbidden.disguises.undo(normalise(t)),
        "phrases": lambda t: check_phrases(t, book.forbidden),
        f"phrases, {MORE} more": lambda t: check_phrases(t, more.forbidden),
        "grounding": lambda t: check_grounding(t, ground, book.checkrules),
        "leaks": lambda t: check_leaks(t, book.checkrules),
        "privacy": lambda t: check_privacy(t, ground, book.checkrules),
        "whole check": lambda t: checker.check(requests[t], None),
        f"whole check, {MORE} more": lambda t: larger.check(requests[t], None),
    }.items():
        p50, p99 = timed(work, clean, rounds)
        print(f"  {name:<40} {p50:8.3f} {p99:8.3f}")


def naive_table(count: int, rounds: int) -> None:
    """Print normal form and matching beside the naive chain."""
    texts = drafts(count)
    t2s = opencc.OpenCC("t2s")
    print("\nnormal form and match; us     naive     ours    ratio")
    for size in (50, 500, 5_000):
        words = phrases(size)
        index: FrameIndex[int] = FrameIndex()
        index.add(0, Frames(words, {}))
        index.compile()

        def naive(text: str, words: Sequence[str] = words) -> bool:
            plain = _NO_LETTER.sub("", t2s.convert(unicodedata.normalize("NFKC", text).lower()))
            return any(word in plain for word in words)

        def ours(text: str, index: FrameIndex[int] = index) -> bool:
            return bool(index.scan(normalise(text).text))

        slow, quick = timed(naive, texts, rounds)[0], timed(ours, texts, rounds)[0]
        print(f"  {size:>5} phrases           {1000 * slow:8.1f} {1000 * quick:8.1f} {quick / slow:8.3f}")


def hostile_table(book: CheckBook, only: str | None) -> None:
    """Print the slowest of the greatest inputs, through the check and through the mask."""
    checker = Checker(book)
    found = []
    for name, text in hostile(book.forbidden):
        if only and only != name:
            continue
        try:
            request = CheckRequest(text=text)
        except ValueError:
            continue
        best, masked = [], []
        for _ in range(2):
            start = time.process_time()
            result = checker.check(request, None)
            best.append(time.process_time() - start)
            start = time.process_time()
            Masker().mask(text)
            masked.append(time.process_time() - start)
        found.append((1000 * min(best), 1000 * min(masked), len(result.findings), name))
    print("\n50,000 characters; ms     check     mask findings")
    for check, mask, findings, name in sorted(found, key=lambda row: -max(row[:2])):
        print(f"  {name:<22} {check:8.1f} {mask:8.1f} {findings:8}")


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--drafts", type=int, default=50, help="texts measured with")
    asked.add_argument("--rounds", type=int, default=7, help="rounds over them")
    asked.add_argument("--only", help="one hostile input by name")
    asked.add_argument("--part", choices=["parts", "naive", "hostile"], help="one table only")
    given = asked.parse_args()
    book, more = CheckBook(KNOWLEDGE), CheckBook(KNOWLEDGE)
    more.__dict__["forbidden"] = grown(book.forbidden, MORE)
    if given.part in (None, "parts"):
        parts_table(book, more, given.drafts, given.rounds)
    if given.part in (None, "naive"):
        naive_table(given.drafts, given.rounds)
    if given.part in (None, "hostile"):
        hostile_table(book, given.only)


if __name__ == "__main__":
    main()
