"""``python -m tests.renew_misses``: write the list of cases that do not come out as written yet anew."""

import asyncio
import json

from evals.dataset import load_cases
from evals.misses import KNOWN, misses, moves
from tests.desk import draft, shipped
from tests.test_cases import OTHER_TONES

HEAD = "# Cases that do not come out as written yet, and in what. Renew: python -m tests.renew_misses\n"


async def _rows() -> list[tuple[str, list[str]]]:
    facts = shipped().facts
    return [
        (case.entry.id, [*await misses(case, draft, facts), *await moves(case, draft, OTHER_TONES)])
        for case in load_cases()
    ]


if __name__ == "__main__":
    found = sorted((name, wrong) for name, wrong in asyncio.run(_rows()) if wrong)
    lines = [f"{name}: {json.dumps(wrong)}\n" for name, wrong in found]
    KNOWN.write_text(HEAD + "".join(lines), "utf-8")
    print(len(found))
