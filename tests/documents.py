"""Documents made for tests: docx by hand, pdf by reportlab."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

FONT = "STSong-Light"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def docx(body: str, styles: str = "", more: Mapping[str, bytes] = {}, head: str = "") -> bytes:
    """A Word file with this WordprocessingML for a body; ``head`` stands before the root element."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Default '
            'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{_MAIN}"/></Types>',
        )
        packed.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
        )
        packed.writestr("word/document.xml", f"{head}<w:document {_W}><w:body>{body}</w:body></w:document>")
        if styles:
            packed.writestr("word/styles.xml", f"<w:styles {_W}>{styles}</w:styles>")
        for name, data in more.items():
            packed.writestr(name, data)
    return made.getvalue()


def style(number: str, name: str, run: str = "") -> str:
    """A paragraph style of a docx."""
    return (
        f'<w:style w:type="paragraph" w:styleId="{number}"><w:name w:val="{name}"/>'
        f"{f'<w:rPr>{run}</w:rPr>' if run else ''}</w:style>"
    )


def para(text: str, style: str = "", run: str = "") -> str:
    """A paragraph of a docx; ``run`` holds the letters' properties."""
    own = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{own}{letters(text, run)}</w:p>"


def letters(text: str, run: str = "") -> str:
    """A run of a docx."""
    return f"<w:r>{f'<w:rPr>{run}</w:rPr>' if run else ''}<w:t>{text}</w:t></w:r>"


def table(rows: Sequence[Sequence[str]], run: str = "", cell: str = "") -> str:
    """A table of a docx; ``run`` and ``cell`` hold properties of the first row."""
    made = []
    for number, row in enumerate(rows):
        own = f"<w:tcPr>{cell}</w:tcPr>" if cell and not number else ""
        cells = (f"<w:tc>{own}{para(text, '', '' if number else run)}</w:tc>" for text in row)
        made.append(f"<w:tr>{''.join(cells)}</w:tr>")
    return f"<w:tbl><w:tblPr/>{''.join(made)}</w:tbl>"


def canvas(password: str | None = None) -> tuple[Canvas, io.BytesIO]:
    """A PDF to draw on, with a Chinese font, and where its bytes go on ``save``."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    made = io.BytesIO()
    lock: Any = StandardEncryption(password, ownerPassword="owner") if password is not None else None
    drawn = Canvas(made, encrypt=lock)
    drawn.setFont(FONT, 12)
    return drawn, made


def pdf(pages: Sequence[Sequence[tuple[str, float]]], head: str = "", password: str | None = None) -> bytes:
    """A PDF: on each page its lines (text, size of letters), a common ``head`` and the page's number."""
    drawn, made = canvas(password)
    for number, lines in enumerate(pages, 1):
        drawn.setFont(FONT, 9)
        if head:
            drawn.drawString(60, 800, head)
            drawn.drawCentredString(300, 30, f"- {number} -")
        height = 760.0
        for text, size in lines:
            drawn.setFont(FONT, size)
            drawn.drawString(60, height, text)
            height -= size * 1.6
        drawn.showPage()
    drawn.save()
    return made.getvalue()
