"""A receiver of webhooks on loopback that answers as it is told and remembers what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What came, and what is answered: the next of ``answers``, 200 when there are none left."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    body: bytes = b'{"errcode": 0}'
    slow_s: float = 0
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def wait(self, count: int, patience_s: float = 60) -> list[tuple[dict[str, str], bytes]]:
        """The first ``count`` requests, once they have come."""
        until = time.monotonic() + patience_s
        while len(self.came) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.came) >= count, f"{len(self.came)} of {count} came"
        return self.came[:count]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A running receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            time.sleep(receiver.slow_s)
            receiver.came.append(({key.lower(): value for key, value in self.headers.items()}, body))
            status = receiver.answers.pop(0) if receiver.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", f"{receiver.url}/elsewhere")
            self.send_header("content-length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/events"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
