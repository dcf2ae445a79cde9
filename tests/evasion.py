"""Forbidden sentences disguised in many ways: what the checks are held to.

PHRASES holds the forbidden phrases with their carrier sentences, TECHNIQUES the
ways of hiding one, LOOKALIKES harmless sentences that merely resemble evasions.
All character tables live in ``evasion_tables.json`` beside this file.  Written
without knowledge of the checks or their tables.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_T: dict[str, Any] = json.loads(Path(__file__).with_name("evasion_tables.json").read_text(encoding="utf-8"))
_CHARS: dict[str, dict[str, Any]] = _T["chars"]


class Phrase(NamedTuple):
    """A forbidden phrase and the sentence that carries it (``before + phrase + after``)."""

    phrase: str
    category: str
    before: str
    after: str

    @property
    def sentence(self) -> str:
        """The undisguised sentence."""
        return self.before + self.phrase + self.after


def _parse(category: str, marked: str) -> Phrase:
    """Read one carrier sentence whose phrase stands between 【 and 】."""
    before, rest = marked.split("【", 1)
    phrase, after = rest.split("】", 1)
    return Phrase(phrase, category, before, after)


PHRASES: list[Phrase] = [_parse(c, s) for c, s in _T["phrases"]]
LOOKALIKES: list[str] = _T["lookalike_sentences"]

Technique = Callable[[str, random.Random], str]
TECHNIQUES: dict[str, tuple[str, Technique]] = {}


def _technique(group: str) -> Callable[[Technique], Technique]:
    """Register a function as a technique of ``group`` under its own name."""

    def register(function: Technique) -> Technique:
        TECHNIQUES[function.__name__] = (group, function)
        return function

    return register


def _is_han(char: str) -> bool:
    """Whether ``char`` is an ordinary Chinese character."""
    return "\u4e00" <= char <= "\u9fff"


def _replace(phrase: str, options: Sequence[Sequence[str]], rng: random.Random, everywhere: bool) -> str:
    """Replace one character, or every one, for which ``options`` has choices."""
    spots = [i for i, choices in enumerate(options) if choices]
    if not spots:
        return phrase
    chosen = set(spots) if everywhere else {rng.choice(spots)}
    return "".join(rng.choice(options[i]) if i in chosen else c for i, c in enumerate(phrase))


def _options(phrase: str, field: str) -> list[Sequence[str]]:
    """The choices of a table field per character, minding words read unusually."""
    out: list[Sequence[str]] = [_CHARS.get(c, {}).get(field, "") for c in phrase]
    for word, entry in _T["words"].items():
        at = phrase.find(word)
        if at >= 0 and field in entry:
            for i, choices in enumerate(entry[field]):
                out[at + i] = choices or out[at + i]
    return out


def _readings(phrase: str) -> list[str]:
    """Numbered pinyin per character (a non-Chinese character stays itself)."""
    out = [_CHARS[c]["pinyin"] if c in _CHARS else c for c in phrase]
    for word, entry in _T["words"].items():
        at = phrase.find(word)
        if at >= 0:
            out[at : at + len(word)] = entry["pinyin"]
    return out


def _syllables(phrase: str, style: str) -> list[str]:
    """Pinyin per character: style ``plain``, ``marks`` (bù) or ``digits`` (bu4)."""
    out: list[str] = []
    for char, reading in zip(phrase, _readings(phrase), strict=False):
        if char not in _CHARS:
            out.append(char)
        elif style == "plain":
            out.append(reading[:-1])
        elif style == "digits":
            out.append(reading if reading[-1] != "5" else reading[:-1])
        else:
            out.append(_mark(reading))
    return out


def _mark(reading: str) -> str:
    """Turn numbered pinyin into pinyin with a tone mark (bu4 -> bù)."""
    base, tone = reading[:-1], int(reading[-1])
    if tone == 5:
        return base
    for vowel in ("a", "e", "o"):
        if vowel in base:
            at = base.index(vowel)
            break
    else:
        at = max(base.rfind("i"), base.rfind("u"))
    accent = "\u0304\u0301\u030c\u0300"[tone - 1]
    return unicodedata.normalize("NFC", base[: at + 1] + accent + base[at + 1 :])


def _spaced(phrase: str, syllables: Sequence[str]) -> str:
    """Join syllables by spaces, keeping runs of Latin letters and digits whole."""
    return "".join(
        s if i == 0 or not (_is_han(phrase[i]) or _is_han(phrase[i - 1])) else " " + s for i, s in enumerate(syllables)
    )


def _filler(name: str, fillers: Sequence[str], same: bool) -> None:
    """Register a mechanical technique that puts a filler into every gap.

    With ``same`` one filler is drawn for the phrase, otherwise one for each gap.
    """

    def function(phrase: str, rng: random.Random) -> str:
        if same:
            return rng.choice(fillers).join(phrase)
        return "".join(c if i == 0 else rng.choice(fillers) + c for i, c in enumerate(phrase))

    TECHNIQUES[name] = ("mechanical", function)


def _table(name: str, group: str, field: str, everywhere: bool) -> None:
    """Register a technique that swaps one character or all by a table field."""

    def function(phrase: str, rng: random.Random) -> str:
        return _replace(phrase, _options(phrase, field), rng, everywhere)

    TECHNIQUES[name] = (group, function)


# --- mechanical ---------------------------------------------------------------

_filler("zero_width_space", ["\u200b"], True)
_filler("soft_hyphen", ["\u00ad"], True)
_filler("blank_letters", ["\u3164", "\u115f", "\u1160", "\uffa0", "\u2800", "\u034f"], True)
_filler("tag_characters", [chr(0xE0000 + n) for n in range(0x61, 0x7B)], False)
_filler("bidi_marks", ["\u200e", "\u200f\u200e", "\u202a\u202c", "\u2066\u2069", "\u061c"], False)
_filler("spaces", [" ", " ", "  "], True)
_filler("unicode_spaces", ["\u3000", "\u00a0", "\u2009", "\u2002", "\u202f", "\u205f", "\t"], True)
_filler("dots", [".", "。", "·", "…", "..", "・", "•", "．"], True)
_filler("mixed_punctuation", [",", "，", "、", ".", "！", "-", "/", ";", "：", "|", "'", "+", "#"], False)
_filler("slashes_hyphens", ["/", "\\", "|", "-", "—", "丨", "//", "+"], True)
_filler("stars_tildes", ["*", "~", "～", "★", "☆", "**"], True)
_filler("underscores", ["_", "__", "＿"], True)
_filler("emoji_between", ["❤", "❤️", "😊", "🌸", "✨", "👍🏻", "🙏", "💕", "😂", "🌹"], False)
_filler("emoji_same", ["❤", "🌸", "♥", "⭐", "🔥", "👨‍👩‍👧", "♡", "✿"], True)
_filler("letters_between", ["x", "z", "o", "a", "k"], True)
_filler("line_breaks", ["\n", "\n", "\r\n", "\u2028"], True)
_table("traditional", "mechanical", "traditional", True)
_table("enclosed_characters", "mechanical", "enclosed", True)
_table("compatibility_characters", "mechanical", "compat", True)


@_technique("mechanical")
def zero_width_mixed(phrase: str, rng: random.Random) -> str:
    """Joiners, non-joiners, word joiners and BOMs, one to three at a time."""
    kinds = "\u200b\u200c\u200d\u2060\ufeff\u2063\u180e"
    fillers = ["".join(rng.choices(kinds, k=rng.randint(1, 3))) for _ in range(8)]
    return "".join(c if i == 0 else rng.choice(fillers) + c for i, c in enumerate(phrase))


@_technique("mechanical")
def variation_selectors(phrase: str, rng: random.Random) -> str:
    """A variation selector after every character."""
    return "".join(c + rng.choice(["\ufe00", "\ufe0e", "\ufe0f", "\U000e0100", "\U000e0101"]) for c in phrase)


@_technique("mechanical")
def bidi_override(phrase: str, rng: random.Random) -> str:
    """The phrase backwards inside a right-to-left override, so it displays forwards."""
    opening, closing = rng.choice([("\u202e", "\u202c"), ("\u2067\u202e", "\u202c\u2069")])
    return opening + phrase[::-1] + closing


@_technique("mechanical")
def combining_marks(phrase: str, rng: random.Random) -> str:
    """A combining stroke, dot or enclosure on every character."""
    marks = rng.choice(["\u0336", "\u0338", "\u0335\u0307", "\u0323", "\u20dd", "\u20de", "\u0489", "\u0332"])
    return "".join(c + marks for c in phrase)


@_technique("mechanical")
def full_width(phrase: str, rng: random.Random) -> str:
    """Full-width Latin letters, digits and signs."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in phrase)


@_technique("mechanical")
def latin_styled(phrase: str, rng: random.Random) -> str:
    """Circled, squared, bold, script or other styled Latin letters and digits."""
    upper, lower, digit = rng.choice(
        [
            (0x24B6, 0x24D0, 0x245F),
            (0x1F130, 0x24D0, 0x245F),
            (0x1F150, 0x24D0, 0x2775),
            (0x1D400, 0x1D41A, 0x1D7CE),
            (0x1D5D4, 0x1D5EE, 0x1D7EC),
            (0x1D4D0, 0x1D4EA, 0x1D7CE),
            (0x1D670, 0x1D68A, 0x1D7F6),
            (0x1F170, 0x24D0, 0x1D7CE),
            (0x249C, 0x249C, 0x1D7D8),
        ]
    )
    out = ""
    for c in phrase:
        if "A" <= c <= "Z":
            out += chr(upper + ord(c) - 65)
        elif "a" <= c <= "z":
            out += chr(lower + ord(c) - 97)
        elif c == "0" and digit < 0x10000:
            out += "\u24ea" if digit == 0x245F else "\u24ff"
        else:
            out += chr(digit + int(c)) if "0" <= c <= "9" else c
    return out


@_technique("mechanical")
def latin_case(phrase: str, rng: random.Random) -> str:
    """Latin letters in the other case, one of them or all."""
    spots = [i for i, c in enumerate(phrase) if c.isascii() and c.isalpha()]
    chosen = spots if rng.random() < 0.5 else spots[:1]
    return "".join(c.swapcase() if i in chosen else c for i, c in enumerate(phrase))


@_technique("mechanical")
def numerals(phrase: str, rng: random.Random) -> str:
    """Numerals in another writing (一 -> 1, 壹, ①)."""
    return _replace(phrase, [_T["numerals"].get(c, "") for c in phrase], rng, True)


@_technique("mechanical")
def one_break(phrase: str, rng: random.Random) -> str:
    """A single mark in a single gap."""
    at = rng.randrange(1, len(phrase))
    return phrase[:at] + rng.choice([" ", ".", "·", "*", "-", "，", "~", "…", "/"]) + phrase[at:]


@_technique("mechanical")
def emoji_once(phrase: str, rng: random.Random) -> str:
    """One emoji in one gap."""
    at = rng.randrange(1, len(phrase))
    return phrase[:at] + rng.choice(["❤", "😊", "🙏", "💰", "😅", "🌹"]) + phrase[at:]


@_technique("mechanical")
def repeat_characters(phrase: str, rng: random.Random) -> str:
    """Every Chinese character doubled, or one of them dragged out."""
    inner = [i for i, c in enumerate(phrase) if _is_han(c) and 0 < i < len(phrase) - 1]
    if not inner:  # two characters: any repetition leaves the phrase itself intact
        return phrase
    if rng.random() < 0.5:
        return "".join(c * 2 if _is_han(c) else c for c in phrase)
    at = rng.choice(inner)
    return phrase[:at] + phrase[at] * rng.randint(3, 4) + phrase[at + 1 :]


@_technique("mechanical")
def brackets_each(phrase: str, rng: random.Random) -> str:
    """Brackets around every character."""
    left, right = tuple(rng.choice(["()", "（）", "【】", "[]", "「」", "《》", "{}", "〔〕", "“”"]))
    return "".join(left + c + right for c in phrase)


@_technique("mechanical")
def brackets_one(phrase: str, rng: random.Random) -> str:
    """Brackets around one character, not a mere particle."""
    at = rng.choice([i for i, c in enumerate(phrase) if c not in "的了吧哦个我您们是"])
    left, right = tuple(rng.choice(["()", "（）", "【】", "[]", "「」", "“”"]))
    return phrase[:at] + left + phrase[at] + right + phrase[at + 1 :]


# --- sound --------------------------------------------------------------------

_table("homophone_one", "sound", "homophones", False)
_table("homophone_all", "sound", "homophones", True)


@_technique("sound")
def homophone_emoji(phrase: str, rng: random.Random) -> str:
    """One homophone and one emoji in a gap."""
    return emoji_once(_replace(phrase, _options(phrase, "homophones"), rng, False), rng)


@_technique("sound")
def term_sound(phrase: str, rng: random.Random) -> str:
    """A known term in the sound spelling people use for it (微信 -> 薇信, QQ -> 扣扣)."""
    for term, spellings in _T["term_sounds"].items():
        phrase = phrase.replace(term, rng.choice(spellings))
    return phrase


@_technique("sound")
def pinyin_one(phrase: str, rng: random.Random) -> str:
    """Pinyin for one character."""
    at = rng.choice([i for i, c in enumerate(phrase) if c in _CHARS])
    return phrase[:at] + _syllables(phrase, "plain")[at] + phrase[at + 1 :]


@_technique("sound")
def pinyin_half(phrase: str, rng: random.Random) -> str:
    """Pinyin for every second character."""
    first = rng.randrange(2)
    return "".join(
        s if i % 2 == first else c for i, (c, s) in enumerate(zip(phrase, _syllables(phrase, "plain"), strict=False))
    )


@_technique("sound")
def pinyin_joined(phrase: str, rng: random.Random) -> str:
    """Pinyin for all characters without spaces, at times in capitals."""
    joined = "".join(_syllables(phrase, "plain"))
    return joined.upper() if rng.random() < 0.2 else joined


@_technique("sound")
def pinyin_spaced(phrase: str, rng: random.Random) -> str:
    """Pinyin for all characters with spaces, at times with capitals."""
    spaced = _spaced(phrase, _syllables(phrase, "plain"))
    return spaced.title() if rng.random() < 0.2 else spaced


@_technique("sound")
def pinyin_tone_marks(phrase: str, rng: random.Random) -> str:
    """Pinyin with tone marks, with or without spaces."""
    syllables = _syllables(phrase, "marks")
    return _spaced(phrase, syllables) if rng.random() < 0.7 else "".join(syllables)


@_technique("sound")
def pinyin_tone_digits(phrase: str, rng: random.Random) -> str:
    """Pinyin with tone digits, spaced."""
    return _spaced(phrase, _syllables(phrase, "digits"))


# --- shape --------------------------------------------------------------------

_table("split_one", "shape", "split", False)
_table("split_all", "shape", "split", True)
_table("lookalike_one", "shape", "lookalikes", False)
_table("lookalike_all", "shape", "lookalikes", True)


@_technique("shape")
def latin_lookalike(phrase: str, rng: random.Random) -> str:
    """Cyrillic, Greek or other look-alikes for Latin letters and digits."""
    return _replace(phrase, [_T["latin_lookalikes"].get(c, "") for c in phrase], rng, True)


def cases(seed: int) -> list[dict[str, Any]]:
    """Every phrase under every technique that hides it; same seed, same cases."""
    out: list[dict[str, Any]] = []
    for item in PHRASES:
        for name, (group, function) in TECHNIQUES.items():
            evaded = function(item.phrase, random.Random(f"{seed}|{name}|{item.phrase}"))
            if item.phrase in evaded:
                continue
            start = len(item.before)
            out.append(
                {
                    "text": item.before + evaded + item.after,
                    "phrase": item.phrase,
                    "category": item.category,
                    "technique": name,
                    "group": group,
                    "start": start,
                    "end": start + len(evaded),
                }
            )
    return out
