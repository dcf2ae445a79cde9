"""Learning what forbidden sentences sound like: ``python -m service.rulebook.learning [knowledge folder]``.

Run it after changing sentences in ``knowledge/forbidden``; a few seconds. The weights it writes are part of the rules.
"""

from __future__ import annotations

import sys
from pathlib import Path

from service.rulebook.forbidden import WEIGHTS, load_forbidden
from service.rulebook.likeness import Likeness, learn, script_sentences


def learn_from_folder(home: Path) -> Likeness:
    """Learn from a knowledge folder and write the weights beside its rules.

    Raises:
        RulebookError: a rule file is broken.
    """
    rules = load_forbidden(home / "forbidden")
    scripts = list(script_sentences(home / "scenarios"))
    learned = learn(rules.examples, scripts, rules.learning.alarms_per_thousand)
    learned.write(home / "forbidden" / WEIGHTS)
    return learned


def main() -> None:
    """Learn anew and say how it went."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "knowledge"
    learned = learn_from_folder(home)
    print(f"{len(learned.weights)} weights, threshold {learned.threshold:.2f}, {learned.learned_from}")


if __name__ == "__main__":
    main()
