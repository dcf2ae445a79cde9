"""Text of a Word file that its reader does not see: hidden runs, white ink, letters a point high."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_OFF = frozenset({"0", "false", "off", "none"})
_WHITE = frozenset({"FFFFFF", "FEFEFE", "FDFDFD", "FCFCFC"})
_TINY_HALF_POINTS = 4


def take_hidden(document: bytes, styles: bytes | None) -> tuple[bytes, list[tuple[str, str]]]:
    """A part of the file without its hidden runs, and what they said as (how, text).

    White ink counts where the paper is white: no shade on the run, its paragraph, cell or table, and no highlight. In
    the head row of a styled table the style may bring the shade, so ink there is let be.
    """
    root = etree.fromstring(document, _parser())
    hiding = _hiding_styles(styles)
    hidden: list[tuple[str, str]] = []
    for run in list(root.iter(f"{_W}r")):
        how = _how(run, hiding)
        if how is None:
            continue
        text = "".join(piece.text or "" for piece in run.iter(f"{_W}t"))
        parent = run.getparent()
        if parent is not None:
            parent.remove(run)
        if text.strip():
            hidden.append((how, text))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True), _joined(hidden)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def _joined(hidden: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neighbouring runs of a kind are one text: Word cuts sentences into runs as it likes."""
    joined: list[tuple[str, str]] = []
    for how, text in hidden:
        if joined and joined[-1][0] == how:
            joined[-1] = (how, joined[-1][1] + text)
        else:
            joined.append((how, text))
    return joined


def _hiding_styles(styles: bytes | None) -> dict[str, str]:
    if styles is None:
        return {}
    root = etree.fromstring(styles, _parser())
    found = {}
    for style in root.iter(f"{_W}style"):
        how = _told(style.find(f"{_W}rPr"))
        if how:
            found[str(style.get(f"{_W}styleId"))] = how
    return found


def _told(properties: etree._Element | None) -> str | None:
    """How these run properties hide, before looking at the paper."""
    if properties is None:
        return None
    for name in ("vanish", "webHidden", "specVanish"):
        mark = properties.find(f"{_W}{name}")
        if mark is not None and (mark.get(f"{_W}val") or "1") not in _OFF:
            return "vanish"
    size = _value(properties, "sz")
    if size and size.isdigit() and int(size) <= _TINY_HALF_POINTS:
        return "tiny"
    return "colour" if (_value(properties, "color") or "").upper() in _WHITE else None


def _value(properties: etree._Element, name: str, attribute: str = "val") -> str | None:
    element = properties.find(f"{_W}{name}")
    return None if element is None else element.get(f"{_W}{attribute}")


def _how(run: etree._Element, hiding: dict[str, str]) -> str | None:
    properties = run.find(f"{_W}rPr")
    how = _told(properties)
    if how is None and hiding:
        named = [_value(properties, "rStyle")] if properties is not None else []
        paragraph = next(run.iterancestors(f"{_W}p"), None)
        own = paragraph.find(f"{_W}pPr") if paragraph is not None else None
        named += [_value(own, "pStyle")] if own is not None else []
        how = next((hiding[name] for name in named if name in hiding), None)
        if how == "colour" and properties is not None and properties.find(f"{_W}color") is not None:
            how = None
    return None if how == "colour" and _shaded(run) else how


def _shaded(run: etree._Element) -> bool:
    if any(_value(found, "highlight") not in (None, "none") for found in run.findall(f"{_W}rPr")):
        return True
    for properties in _properties_above(run):
        shade = properties.find(f"{_W}shd")
        if shade is not None and (shade.get(f"{_W}fill") or "auto").upper() not in {"AUTO", "FFFFFF"}:
            return True
    if any(True for _ in run.iterancestors("{http://schemas.microsoft.com/office/word/2010/wordprocessingShape}wsp")):
        return True  # a text box may be filled
    row = next(run.iterancestors(f"{_W}tr"), None)
    table = next(run.iterancestors(f"{_W}tbl"), None)
    if row is None or table is None or table.find(f"{_W}tr") is not row:
        return False
    own = table.find(f"{_W}tblPr")
    return own is not None and own.find(f"{_W}tblStyle") is not None


def _properties_above(run: etree._Element) -> Iterator[etree._Element]:
    for holder in (run, *run.iterancestors()):
        for name in ("rPr", "pPr", "tcPr", "tblPr"):
            found = holder.find(f"{_W}{name}")
            if found is not None:
                yield found
