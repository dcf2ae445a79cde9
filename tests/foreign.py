"""Another shop's things with words in them nobody else may ever read, and requests made from the routes themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi.routing import APIRoute

from evals.results import RunInfo
from evals.runs import runs_dir, write_info
from service.api.described import examples_of
from service.api.route import StrictRoute
from service.database.tables_proposals import proposals
from service.database.tables_webhooks import webhooks
from tests.guarded import B, Guarded

CANARY = "金丝雀七号"
"""Stands in everything of shop B's."""
RUN = "run_20261122-0000-b0b0"

FAMILIES = {
    "/v1/drafts/": "draft",
    "/v1/knowledge/documents/": "document",
    "/v1/knowledge/conflicts/": "conflict",
    "/v1/evals/runs/": "run",
    "/v1/keys/": "key",
    "/v1/models/": "model",
    "/v1/proposals/": "proposal",
    "/v1/webhooks/": "webhook",
}
"""Whose ids stand in a path; a door that is none of these has to be told about here."""

MISSING = {
    "draft": "dft_00000000000000000000000000",
    "document": "doc_00000000000000000000000000",
    "conflict": "0000000000000000",
    "run": "run_20261122-0000-0000",
    "key": "key_00000000000000000000000000",
    "model": "no-such-model",
    "proposal": "prp_00000000000000000000000000",
    "webhook": "whk_00000000000000000000000000",
}

UPLOAD = f"""# 退货须知 {CANARY}

## 期限
{CANARY}的伞签收后三天内可以退货，过了三天不能退。

## 运费
{CANARY}的运费由买家承担。
"""


@dataclass
class Foreign:
    """Ids of shop B's things, by family."""

    ids: dict[str, str]
    words: tuple[str, ...]
    """None of which may be in any answer to a key of another shop."""


def plant(desk: Guarded) -> Foreign:
    """Give shop B one of everything."""
    inquiry = {
        "messages": [{"role": "customer", "content": f"{CANARY}这把伞我要退"}],
        "order": {"product": CANARY, "facts": {"备注": CANARY}},
        "policy": {"coupon_cap": CANARY},
        "context": {"conversation": f"c-{CANARY}", "buyer": CANARY, "operator": CANARY},
    }
    drafts = [desk.ask("POST", "/v1/drafts", "agent", B, json=inquiry).json()["id"] for _ in range(2)]
    given = {"action": "edited", "final_text": f"{CANARY}给您退", "reason": CANARY}
    desk.ask("POST", f"/v1/drafts/{drafts[1]}/feedback", "agent", B, json=given)
    documents = []
    for days in ("三", "九"):
        text = UPLOAD.replace("三天", f"{days}天").encode()
        form = {"kind": "shop", "title": f"{CANARY}{days}", "note": CANARY, "author": CANARY, "publish": "true"}
        made = desk.ask("POST", "/v1/knowledge/documents", "editor", B, files={"file": ("伞.md", text)}, data=form)
        assert made.status_code == 201, made.text
        documents.append(made.json()["id"])
    listed = desk.ask("GET", "/v1/knowledge/conflicts", "editor", B, params={"document": documents[0]}).json()
    assert listed["conflicts"], "the two documents are to contradict each other"
    folder = runs_dir(desk.app.state.desk.settings.data_dir) / RUN
    write_info(folder, RunInfo(id=RUN, label=CANARY, shop=B, state="done", started_at=datetime.now(UTC)))
    (folder / "report.html").write_text(f"<p>{CANARY}</p>", "utf-8")
    key = desk.key("agent", B)
    conflict = listed["conflicts"][0]["id"]
    proposal, webhook = _proposal(desk, drafts[1]), _webhook(desk)
    ids = {
        "proposal": proposal,
        "webhook": webhook,
        "draft": drafts[0],
        "document": documents[0],
        "conflict": conflict,
        "run": RUN,
        "key": key.id,
    }
    return Foreign(
        {**ids, "model": "no-such-model"},
        (CANARY, *drafts, *documents, conflict, RUN, key.id, key.prefix, proposal, webhook),
    )


def _proposal(desk: Guarded, draft: str) -> str:
    """A proposal of shop B's, as looking through its feedback would make one."""
    row = {"id": "prp_01M3H2ZK6T0V8Q4N7X5C1B9RDE", "shop": B, "kind": "script", "scenario": "vague", "text": CANARY}
    row |= {"verdict": "reasonable", "step": "closing", "pairs": [], "drafts": [draft], "times": 3, "state": "open"}
    row |= {"revision": 1, "made_at": datetime.now(UTC)}
    desk.run(desk.app.state.desk.library.database.insert(proposals, row))
    return str(row["id"])


def _webhook(desk: Guarded) -> str:
    """A webhook of shop B's; nothing is ever sent to it."""
    row = {"id": "whk_01M3H2ZK6T0V8Q4N7X5C1B9RDE", "shop": B, "format": "youli", "events": [], "shown": CANARY}
    row |= {"sealed": "-", "active": False, "created_at": datetime.now(UTC), "created_by": "key_b"}
    desk.run(desk.app.state.desk.library.database.insert(webhooks, row))
    return str(row["id"])


def family(route: APIRoute) -> str | None:
    """Whose id stands in a route's path."""
    if "{id" not in route.path:
        return None
    found = [name for prefix, name in FAMILIES.items() if route.path.startswith(prefix)]
    assert found, f"{route.path}: whose ids are these? Say so in FAMILIES"
    return found[0]


def path_of(route: APIRoute, id: str) -> str:
    """A route's path with an id in it."""
    return re.sub(r"\{n\}", "1", re.sub(r"\{id(:path)?\}", id, route.path))


def naming(route: StrictRoute, shop: str) -> dict[str, Any]:
    """Arguments of a request that names a shop wherever this route takes one."""
    places = route.places
    asked: dict[str, Any] = {}
    if places.query:
        asked["params"] = {"shop": shop}
    if places.form:
        asked |= {"files": {"file": ("a.md", b"# a\n\nb")}, "data": {"shop": shop, "kind": "guideline"}}
    for place in places.json:
        body: Any = shop
        for step in reversed(place):
            body = [body] if step == "*" else {step: body}
        asked["json"] = body
    return asked


def body_of(operation: str, route: StrictRoute) -> dict[str, Any]:
    """Arguments of a request that is as good as the document's first example, or as little as can be said."""
    if route.body_field is None:
        return {}
    if route._expected() == "multipart/form-data":
        return {"files": {"file": ("a.md", "# 一\n\n二三四".encode())}, "data": {"kind": "guideline"}}
    examples = examples_of(operation)
    return {"json": next(iter(examples.values()))["request"] if examples else {}}
