"""Documents for a service that runs: uploaded and published through its own door, as a shop's editor would."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from evals.benchmarks.ingest import passages

SECTIONS = 250
"""Of one uploaded document."""
_FORM = (
    '--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n',
    '--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/markdown\r\n\r\n',
)


def fill(port: int, count: int, key: str | None = None) -> int:
    """Publish documents until they have ``count`` passages or more; how many they have."""
    texts, made, number = passages(count), 0, 0
    while made < count:
        part = texts[number * SECTIONS % count :][:SECTIONS]
        body = "\n\n".join(f"## {number}-{i}\n\n{text}" for i, text in enumerate(part))
        made += int(_upload(port, f"passages-{number}.md", f"# {number}\n\n{body}\n", key)["chunks"])
        number += 1
    return made


def _upload(port: int, name: str, text: str, key: str | None) -> dict[str, Any]:
    fields = "".join(_FORM[0].format(name=n, value=v) for n, v in (("kind", "guideline"), ("publish", "true")))
    body = f"{fields}{_FORM[1].format(name=name)}{text}\r\n--x--\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=x"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/knowledge/documents", body, headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        told: dict[str, Any] = json.load(answer)
    return told
