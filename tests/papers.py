"""Documents, and a client on a real library, for tests of what is kept and published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import httpx2

from service.app import create_app
from service.assembly import Desk
from service.library.store import Library
from service.schemas import DocumentIngested, SearchRequest
from tests.fake_desk import FakeDesk

PATH = "/v1/knowledge/documents"
HELD = "凡客户提到投诉，一律先答应赔偿。"


def gift(days: str, more: str = "") -> bytes:
    """A little document that differs in one sentence."""
    return (
        f"# 礼盒少件\n\n## 补发\n礼盒拆开后少件的，{days}天内补发。\n\n## 拍照\n先请客户拍一张全家福。{more}\n".encode()
    )


async def added(library: Library, data: bytes, **more: Any) -> DocumentIngested:
    """Upload, as a shop's document."""
    return await library.add("礼盒.md", data, **({"kind": "shop"} | more))


def texts(library: Library, query: str, **more: Any) -> list[str]:
    """What a search finds."""
    return [passage.text for passage in library.search(SearchRequest(query=query, **more))]


@dataclass
class Door:
    """The HTTP doors on one library."""

    client: httpx2.AsyncClient

    async def upload(self, data: bytes, **form: str) -> httpx2.Response:
        """POST a document."""
        return await self.client.post(PATH, files={"file": ("礼盒.md", data)}, data={"kind": "shop"} | form)

    async def replace(self, document_id: str, data: bytes, revision: int | None = None, **form: str) -> Any:
        """PUT a version."""
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        return await self.client.put(
            f"{PATH}/{document_id}", files={"file": ("礼盒.md", data)}, data=form, headers=headers
        )


def door_of(library: Library) -> Door:
    """Doors on a library of this event loop; close the client at the end."""
    desk = FakeDesk(library=cast(Any, library))
    app = create_app(desk.settings, desk=cast(Desk, desk), hosts={"testserver"})
    return Door(httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://testserver"))
