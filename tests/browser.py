"""A real Chromium, driven through chromedriver by plain HTTP (W3C WebDriver): what a person would see of our pages."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MISSING = "no chromium and chromedriver on this machine (.ci/run installs them: chromium, chromium-driver)"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""How the protocol marks an element."""
_STARTED = re.compile(rb"successfully on port (\d+)")


def _found(*names: str) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


class Browser:
    """One window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        """A WebDriver command."""
        return _ask(f"{self._session}{path}", body, method)

    def open(self, page: Path | str) -> None:
        """Open a file or an address."""
        self.ask("/url", {"url": page.resolve().as_uri() if isinstance(page, Path) else page})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.ask("/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector: str) -> None:
        """A click as a person clicks: scrolled to, and refused by the driver where something lies over it."""
        found = {_ELEMENT: self._element(selector)}
        self.run("arguments[0].scrollIntoView({ block: 'center' })", found)
        self.ask(f"/element/{found[_ELEMENT]}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Keys into a field."""
        self.ask(f"/element/{self._element(selector)}/value", {"text": text})

    def size(self, width: int, height: int, dark: bool = False, paper: bool = False) -> None:
        """The page's size in CSS pixels, its colours, and whether it is laid out for paper."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", {"media": "print" if paper else "", "features": [scheme]})

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        """A DevTools command."""
        return self.ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def picture(self, path: Path, selector: str | None = None) -> None:
        """A PNG of the window, or of one element."""
        where = f"/element/{self._element(selector)}/screenshot" if selector else "/screenshot"
        path.write_bytes(base64.b64decode(self.ask(where, method="GET")))

    def pdf(self, path: Path) -> None:
        """The page as printed, in the size its style asks for."""
        printed = self.devtools("Page.printToPDF", {"preferCSSPageSize": True})
        path.write_bytes(base64.b64decode(printed["data"]))

    def console(self) -> list[str]:
        """What the console said since the last look: errors, and what the page's policy kept out."""
        return [entry["message"] for entry in self.ask("/se/log", {"type": "browser"})]

    def _element(self, selector: str) -> str:
        found = self.ask("/element", {"using": "css selector", "value": selector})
        return str(next(iter(found.values())))


def _ask(address: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
    data = None if method != "POST" else json.dumps(body or {}).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        told = json.load(error)["value"]
        raise AssertionError(f"{told['error']}: {told['message'].splitlines()[0]}") from None


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser for as long as the block lasts; the test is skipped where none is installed."""
    chromium, driver = _found("chromium", "chromium-browser", "google-chrome"), _found("chromedriver")
    if chromium is None or driver is None:
        pytest.skip(MISSING)
    with tempfile.TemporaryDirectory() as profile:
        command = [driver, "--port=0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        try:
            port = next(hit[1].decode() for line in process.stdout if (hit := _STARTED.search(line)))
            root = f"http://127.0.0.1:{port}/session"
            session = _ask(root, _wanted(chromium, profile))["sessionId"]
            try:
                yield Browser(f"{root}/{session}")
            finally:
                _ask(f"{root}/{session}", method="DELETE")
        finally:
            process.terminate()
            process.stdout.close()
            process.wait()


def _wanted(chromium: str, profile: str) -> dict[str, Any]:
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    arguments += ["--disable-background-networking", "--no-first-run", f"--user-data-dir={profile}"]
    options = {"binary": chromium, "args": arguments}
    wanted = {
        "browserName": "chrome",
        "timeouts": {"implicit": 3_000},  # what a page puts there after a click may come a moment later
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    return {"capabilities": {"alwaysMatch": wanted}}
