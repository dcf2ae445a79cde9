"""Chat accounts, order numbers and parcel numbers: told by the words beside them more than by their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.text.private.numbers import (
    Candidate,
    after_cue,
    compiled,
    cue_pattern,
    digits,
    is_amount,
    is_product,
    luhn,
    near,
)
from service.text.private.words import cue, either, joint, words

_MOBILE = re.compile(r"1[3-9][0-9]{9}")


def wechat(text: str) -> Iterator[Candidate]:
    """WeChat names: ``wxid_…`` anywhere, others after (or before) a word for WeChat."""
    for match in compiled(r"(?<![a-z0-9_])wxid_[a-z0-9_-]{4,24}").finditer(text):
        yield Candidate(1, match.start(), match.end(), "wechat")
    value = r"(?:[a-z][a-z0-9_-]{4,19}|[0-9]{6,11})(?![a-z0-9@])"
    for behind, pattern in enumerate(after_cue(words().cues["wechat"], value, words().cues["wechat"])):
        for match in pattern.finditer(text):
            if not (behind and not _alone(text, match)) and _is_wechat(text, match):
                yield Candidate(3, match.start("v"), match.end("v"), "wechat")
    name = r"[a-z][a-z_-]{0,12}[0-9][a-z0-9_-]{2,12}(?![a-z0-9@])"
    glued = rf"(?<![a-z0-9_])(?:{either(words().glued_wechat)})(?P<v>{name})"
    for match in compiled(glued).finditer(text):
        yield Candidate(3, match.start("v"), match.end("v"), "wechat")
    weak = r"(?:[a-z][a-z0-9]{1,12}[_-][a-z0-9_-]{2,12}|[a-z]{4,12}[0-9]{3,8})(?![a-z0-9@])"
    for match in compiled(rf"(?:{either(words().weak_wechat)})[ :]?(?P<v>{weak})").finditer(text):
        if not _is_product_word(match["v"]):
            yield Candidate(9, match.start("v"), match.end("v"), "wechat")


def _is_product_word(name: str) -> bool:
    """iphone15pro and the like."""
    return bool(compiled(rf"(?:{either(words().wechat_never)})[0-9]{{0,3}}[a-z]{{0,6}}").fullmatch(name))


def _is_wechat(text: str, match: re.Match[str]) -> bool:
    name = match["v"]
    return not (_is_product_word(name) or _MOBILE.fullmatch(name) or is_amount(text, match.end("v")))


def _alone(text: str, match: re.Match[str]) -> bool:
    """Before its cue an account must look like one: a digit or dash among letters, nothing glued on the left."""
    name, before = match["v"], text[max(0, match.start("v") - 1) : match.start("v")]
    return bool(re.search(r"[0-9_-]", name)) and not name.isdigit() and not (before.isascii() and before.isalnum())


def qq(text: str) -> Iterator[Candidate]:
    """QQ numbers: five to eleven digits after (or before) a word for QQ."""
    value = r"(?<![0-9])[1-9][0-9]{4,10}(?![0-9@])(?! ?(?:\.|@))"
    for pattern in after_cue(words().cues["qq"], value, words().cues["qq"]):
        for match in pattern.finditer(text):
            if not is_amount(text, match.end("v")):
                yield Candidate(3, match.start("v"), match.end("v"), "qq")


_ORDER = (
    r"[a-z]{0,4}(?:[0-9]{6}-[0-9]{12,18}|[0-9]{4}(?: [0-9]{4}){2,4}(?: [0-9]{1,3})?|[0-9](?:-?[0-9]){7,31})(?![0-9a-z])"
)


def orders(text: str) -> Iterator[Candidate]:
    """Order numbers: after or before their label; by shape alone only the long and the hyphened ones."""
    for back, pattern in enumerate(after_cue(words().cues["order_no"], _ORDER, words().cues["order_no"])):
        for match in pattern.finditer(text):
            number = digits(match["v"])
            if not (len(number) == 8 and number.startswith("20")) and not is_amount(text, match.end("v")):
                yield Candidate(4 + 2 * back, match.start("v"), match.end("v"), "order_no")
    for match in compiled(r"(?<![0-9a-z])[0-9]{6}-[0-9]{12,18}(?![0-9])").finditer(text):
        yield Candidate(4, match.start(), match.end(), "order_no")
    for match in compiled(r"(?<![0-9a-z-])[1-9][0-9]{17,18}(?![0-9])").finditer(text):
        union = match[0].startswith(words().bank_prefixes) and luhn(match[0])
        if not union and not is_product(text, match.start()):
            yield Candidate(8, match.start(), match.end(), "order_no")


_PARCEL = r"[a-z]{0,4} ?(?:[0-9]{4}(?: [0-9]{4}){1,3}(?: [0-9]{1,3})?|[0-9](?:-?[0-9]){8,19})(?:cn)?(?![0-9a-z])"


def _prefixed() -> str:
    parts = []
    for entry in words().carrier_prefixes:
        prefix, least, most = entry.split(":")
        letters = "[a-z]{0,2}" if prefix.startswith("jd") else ""
        parts.append(rf"{prefix}{letters}[ -]?[0-9](?:[ -]?[0-9]){{{int(least) - 1},{int(most) - 1}}}")
    return "|".join(parts)


def parcels(text: str) -> Iterator[Candidate]:
    """Parcel numbers: a carrier's prefix, a label, a carrier's name beside them, or a word about delivery near."""
    for match in compiled(rf"(?<![0-9a-z])(?:{_prefixed()}|[a-z]{{2}}[0-9]{{9}}cn)(?![0-9a-z])").finditer(text):
        if not is_product(text, match.start()):
            yield Candidate(2, match.start(), match.end(), "tracking_no")
    labels = (*words().cues["tracking_no"], *words().carriers)
    label = rf"(?:{cue(labels)}{joint()}){{1,2}}(?:{cue(words().plain_number_cues)}{joint()})?"
    back = rf"(?:{either(words().pointers)}|[ ,]){{0,3}}{cue(labels)}"
    for behind, pattern in enumerate(
        (compiled(rf"{label}(?P<v>{_PARCEL})"), compiled(rf"(?<![0-9a-z-])(?P<v>{_PARCEL}){back}"))
    ):
        for match in pattern.finditer(text):
            if not _MOBILE.fullmatch(match["v"]) and not is_amount(text, match.end("v")):
                yield Candidate(4 + 2 * behind, match.start("v"), match.end("v"), "tracking_no")
    yield from _plain(text)


def _plain(text: str) -> Iterator[Candidate]:
    """Numbers called only “单号”, or not called anything: the sentence tells which kind they are."""
    ordered = compiled(cue(words().order_context))
    tracked = compiled(rf"{cue((*words().tracking_context, *words().carriers))}")
    for pattern in after_cue(words().plain_number_cues, _PARCEL):
        for match in pattern.finditer(text):
            number = digits(match["v"])
            if len(number) < 10 or _MOBILE.fullmatch(number) or is_amount(text, match.end("v")):
                continue
            order = len(number) in (18, 19) or near(text, match.start("v"), match.end("v"), ordered, 12, 8)
            yield Candidate(7, match.start("v"), match.end("v"), "order_no" if order else "tracking_no")
    for match in compiled(r"(?<![0-9a-z-])[1-9][0-9]{11,16}(?![0-9a-z])").finditer(text):
        if is_product(text, match.start()) or is_amount(text, match.end()):
            continue
        if near(text, match.start(), match.end(), cue_pattern("order_no"), 14, 10):
            yield Candidate(9, match.start(), match.end(), "order_no")
        elif near(text, match.start(), match.end(), tracked, 20, 20):
            yield Candidate(9, match.start(), match.end(), "tracking_no")
