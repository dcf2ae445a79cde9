"""An event as its receiver wants it: our signed JSON, or a line in a group of 飞书, 钉钉 or 企业微信."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

from service.hooks.addresses import Target
from service.hooks.sending import Answer
from service.insight.words import section, word

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """What is posted, and where."""

    target: Target
    headers: dict[str, str]
    body: bytes


def signature(secret: str, at: int, body: bytes) -> str:
    """``t=…,v1=…``: HMAC-SHA256 over ``t``, a dot and the body, with the hook's secret."""
    made = hmac.digest(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hex()
    return f"t={at},v1={made}"


def letter(form: str, target: Target, secret: str, delivery: Row, now: float | None = None) -> Letter:
    """One delivery as it is posted now."""
    at = int(time.time() if now is None else now)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "youli-webhooks",
        "Youli-Event": str(delivery["event"]),
        "Youli-Event-Id": str(delivery["event_id"]),
        "Youli-Delivery": str(delivery["id"]),
    }
    if form == "youli":
        body = _json(delivery["body"])
        return Letter(target, headers | {"Youli-Signature": signature(secret, at, body)}, body)
    text = line(delivery["body"])
    if form == "feishu":
        told: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if secret:
            key = f"{at}\n{secret}".encode()
            told |= {"timestamp": str(at), "sign": base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()}
        return Letter(target, headers, _json(told))
    if form == "dingtalk" and secret:
        stamp = at * 1000
        sign = base64.b64encode(hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256))
        joint = "&" if "?" in target.path else "?"
        target = replace(target, path=f"{target.path}{joint}timestamp={stamp}&sign={quote_plus(sign)}")
    return Letter(target, headers, _json({"msgtype": "text", "text": {"content": text}}))


def line(body: Row) -> str:
    """An event in a sentence, for people in a group."""
    known = section("hooks")
    name = body["type"].replace(".", "_")
    told = {"shop": body["shop"], **body["data"]}
    if "action" in told:
        told["action"] = known.get(f"action_{told['action']}", told["action"])
    return word("hooks", name, **told)


def accepted(form: str, answer: Answer) -> str | None:
    """What was wrong with an answer; None for one that says it was taken. Robots say no with a 200, too."""
    if answer.error is not None:
        return answer.error
    if answer.status is None or not 200 <= answer.status < 300:
        return "status"
    if form == "youli":
        return None
    start, end = answer.body.find(b"{"), answer.body.rfind(b"}")
    try:
        told = json.loads(answer.body[start : end + 1])
    except ValueError:
        return "robot_unreadable"
    code = told.get("errcode", told.get("code", told.get("StatusCode")))
    return None if code == 0 else "robot_refused"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
