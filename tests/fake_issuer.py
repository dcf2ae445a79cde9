"""A login service on loopback: real keys, its description, its public keys, tokens signed in any way one asks for."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "youli"
_SHAPES: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def new_key(algorithm: str, bits: int = 2048) -> Any:
    """A private key for an algorithm."""
    if algorithm == "RS256":
        return rsa.generate_private_key(65_537, bits)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


class FakeIssuer:
    """Use it as a context; ``asked`` are the paths that were asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.asked: list[str] = []
        self.down = False
        self.claimed: str | None = None
        self.extra: list[dict[str, Any]] = []

    def __enter__(self) -> FakeIssuer:
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = json.dumps(issuer.answer(self.path)).encode()
                self.send_response(500 if issuer.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing: the test says what it wants to know."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> Any:
        """What is at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.claimed or self.url, "jwks_uri": f"{self.url}/keys"}
        listed = []
        for kid, (algorithm, key) in self.keys.items():
            public = _SHAPES[algorithm].to_jwk(key.public_key(), as_dict=True)
            listed.append(public | {"kid": kid, "use": "sig"})
        return {"keys": [*listed, *self.extra]}

    def add(self, kid: str, algorithm: str, bits: int = 2048) -> None:
        """Give out another key."""
        self.keys[kid] = (algorithm, new_key(algorithm, bits))

    def token(self, kid: str, head: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token signed with a key, good unless ``claims`` say otherwise; None takes a claim out."""
        algorithm, key = self.keys[kid]
        now = int(time.time())
        told = {"iss": self.url, "aud": AUDIENCE, "sub": "u1", "exp": now + 60, "iat": now}
        told |= {"youli_role": "agent", "youli_shop": "demo"} | claims
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, key, algorithm, headers={"kid": kid} | (head or {}))
