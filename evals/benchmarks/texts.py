"""Texts to measure with: drafts put together from the shipped scripts, and inputs meant to hurt."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from service.rulebook.forbidden import ForbiddenRules

KNOWLEDGE = Path(__file__).resolve().parents[2] / "knowledge"
DRAFT = 300
"""Characters of a long reply."""
HOSTILE = 50_000
"""Characters of the longest text that is taken in."""
_BULLET = re.compile(r"^- (?:（[^）]*）)?(.+)$", re.MULTILINE)
_OPTIONAL = re.compile(r"〔[^〕]*〕|\{称呼\}")


def sentences(folder: Path = KNOWLEDGE / "scenarios") -> list[str]:
    """The scripts' bullets without conditions and optional parts; those with a slot to fill are left out."""
    found = []
    for path in sorted(folder.glob("*.md")):
        found += [_OPTIONAL.sub("", said) for said in _BULLET.findall(path.read_text(encoding="utf-8"))]
    return list(dict.fromkeys(said for said in found if "{" not in said))


def drafts(count: int, size: int = DRAFT, seed: int = 1, source: Sequence[str] = ()) -> list[str]:
    """Texts of ``size`` characters each, sentences one below the other; the scripts' bullets if none are given."""
    source, chooser = source or sentences(), random.Random(seed)
    made = []
    for _ in range(count):
        text = ""
        while len(text) < size:
            text += chooser.choice(source) + "\n"
        made.append(text[:size])
    return made


def phrases(count: int, seed: int = 2) -> list[str]:
    """Phrases of two to six characters as the scripts use them, that stand in none of the drafts' sentences."""
    everything = "\n".join(sentences())
    letters = sorted({c for c in everything if "\u4e00" <= c <= "\u9fff"})
    chooser = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        phrase = "".join(chooser.choices(letters, k=chooser.randint(2, 6)))
        if phrase not in everything:
            made[phrase] = None
    return list(made)


def hostile(rules: ForbiddenRules, size: int = HOSTILE) -> Iterator[tuple[str, str]]:
    """Names and texts of ``size`` characters each that make careless checks slow."""
    chooser = random.Random(3)
    bad = [sentence for rule in rules for sentence in rule.rule.bad]
    letters = "".join(sentences())
    anything = [*range(0x20, 0xD800), *range(0xE000, 0x3FFFF)]
    parts: dict[str, Callable[[], str]] = {
        "insults": lambda: chooser.choice(bad),
        "insults, no pause": lambda: re.sub(r"\W", "", chooser.choice(bad)),
        "insults, spaced": lambda: " ".join(chooser.choice(bad)),
        "insults, zero width": lambda: "\u200b".join(chooser.choice(bad)),
        "insults, dotted": lambda: "。".join(chooser.choice(bad)),
        "one bad sentence": lambda: bad[0] + "，",
        "one character": lambda: "退",
        "one letter": lambda: "a",
        "spaces": lambda: " ",
        "line breaks": lambda: "\n",
        "commas": lambda: "，",
        "zero width": lambda: "\u200b",
        "combining marks": lambda: "a" + "\u0301" * 50,
        "punctuation": lambda: chooser.choice("，。！？、；：…~·—-*#@&%/|.,!?;:"),
        "emoji": lambda: chooser.choice("😀😡👍🏻🌸❤️👨\u200d👩\u200d👧"),
        "digits": lambda: chooser.choice("0123456789"),
        "numerals": lambda: chooser.choice("零一二三四五六七八九十百千万亿半"),
        "numbers": lambda: f"{chooser.randint(1, 9999)}{chooser.choice('元天个件%折倍号')}",
        "telephones": lambda: f"1{chooser.randint(3_000_000_000, 9_999_999_999)} ",
        "addresses": lambda: f"南京路{chooser.randint(1, 99)}号{chooser.randint(1, 20)}栋",
        "names": lambda: chooser.choice(["找张伟明", "李先生，", "收件人王芳", "我姓欧阳，"]),
        "addresses of mail": lambda: chooser.choice(["a.b@", "c-d.", "@", "x1_"]),
        "aliases": lambda: "<手机号1>",
        "placeholders": lambda: chooser.choice(["{退款}", "【】", "[待补]", "XX"]),
        "opening quotes": lambda: "“",
        "quotes": lambda: chooser.choice("“”‘’「」『』\"'"),
        "brackets": lambda: chooser.choice("()[]{}<>《》【】（）"),
        "latin": lambda: chooser.choice("abcdefghijklmnopqrstuvwxyz"),
        "pinyin": lambda: chooser.choice(["tui ", "kuan", " wei", "xin", "shabi", "jia "]),
        "promises": lambda: chooser.choice(["给您退款", "保证退", "已为您登记，", "如果您要"]),
        "conditions": lambda: "如果您说",
        "script characters": lambda: chooser.choice(letters),
        "random unicode": lambda: chr(chooser.choice(anything)),
    }
    for name, part in parts.items():
        pieces: list[str] = []
        long = 0
        while long < size:
            pieces.append(part())
            long += len(pieces[-1])
        yield name, "".join(pieces)[:size]
    everything = list(parts.values())
    mixed = ""
    while len(mixed) < size:
        mixed += chooser.choice(everything)()
    yield "mixed", mixed[:size]
    clean = ""
    while len(clean) < size:
        clean += chooser.choice(sentences())
    yield "scripts", clean[:size]
