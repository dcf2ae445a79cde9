"""``python -m tests.renew_misses``: write the list of cases that do not come out as written yet anew."""

import asyncio
import json

from evals.dataset import load_cases
from evals.misses import KNOWN, misses
from tests.desk import draft, shipped

HEAD = "# Cases that do not come out as written yet, and in what. Renew: python -m tests.renew_misses\n"


async def _rows() -> list[tuple[str, list[str]]]:
    return [(case.entry.id, await misses(case, draft, shipped().facts)) for case in load_cases()]


if __name__ == "__main__":
    found = sorted((name, wrong) for name, wrong in asyncio.run(_rows()) if wrong)
    KNOWN.write_text(HEAD + "".join(f"{name}: {json.dumps(wrong)}\n" for name, wrong in found), "utf-8")
    print(len(found))
