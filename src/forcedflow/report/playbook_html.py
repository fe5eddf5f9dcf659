"""The playbook as one A4 page: HTML, and from the same HTML a PDF and a PNG.

In:  `Playbook`.   Out: HTML text, PDF bytes, PNG bytes.
Lays out with WeasyPrint; no clock, no network: everything the page needs is inside it.

The page flows, so nothing can overlap; where it would need a second sheet, letters become smaller
until it does not; what no readable size holds goes on to a second one rather than being cut.
"""

from __future__ import annotations

import warnings
from base64 import b64encode
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from jinja2 import Environment, StrictUndefined

from forcedflow.errors import UsageError
from forcedflow.playbook.playbook import Playbook
from forcedflow.report.playbook_figures import draw_picture
from forcedflow.report.playbook_page import write_page

if TYPE_CHECKING:
    from weasyprint import Document

SCALES = (1.08, 1.02, 0.96, 0.9, 0.84, 0.78, 0.72, 0.66)
"""Sizes of letters that are tried, as shares of the usual. [1]"""

DOTS_PER_INCH = 200
"""Of the PNG: letters stay readable, the file stays small."""

_TEMPLATE = "playbook.html.jinja"
_POINTS_PER_INCH = 72


def to_html(playbook: Playbook, scale: float = 1.0) -> str:
    """Return the page as one HTML document that needs nothing beside it.

    Parameters
    ----------
    playbook : Playbook
        With the heatmap of its style's span.
    scale : float
        Size of letters, as a share of the usual. [1]
    """
    return _fill(playbook, b64encode(draw_picture(playbook)).decode(), scale)


def to_pdf(playbook: Playbook) -> bytes:
    """Return the page as a PDF of one sheet.

    Parameters
    ----------
    playbook : Playbook
        With the heatmap of its style's span.

    Raises
    ------
    UsageError
        If Pango, which lays out text, is not on the machine.
    """
    picture = b64encode(draw_picture(playbook)).decode()
    for scale in SCALES:
        document = _lay_out(_fill(playbook, picture, scale))
        if len(document.pages) == 1:
            break
    written: bytes = document.write_pdf()
    return written


def to_png(playbook: Playbook) -> bytes:
    """Return the sheet as a picture, as the PDF prints it; the same playbook gives the same bytes.

    Raises
    ------
    UsageError
        If Pango, which lays out text, is not on the machine.
    """
    from pypdfium2 import PdfDocument  # noqa: PLC0415 - only this needs it

    document = PdfDocument(to_pdf(playbook))
    try:
        sheet = document[0].render(scale=DOTS_PER_INCH / _POINTS_PER_INCH).to_pil()
    finally:
        document.close()
    written = BytesIO()
    sheet.save(written, format="PNG")
    return written.getvalue()


def _fill(playbook: Playbook, picture: str, scale: float) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    text = files("forcedflow.report").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(
        page=write_page(playbook), picture=picture, scale=scale
    )


def check_pango() -> None:
    """Refuse what cannot be laid out, before anything is read.

    Raises
    ------
    UsageError
        If Pango is not on the machine, or is too old; says how to get it.
    """
    try:
        with warnings.catch_warnings():
            # WeasyPrint says that a later version of it needs another library; this one does not.
            warnings.filterwarnings("ignore", "HarfBuzz-Subset", DeprecationWarning)
            import weasyprint  # noqa: F401, PLC0415 - half a second that HTML need not wait for
    except OSError as error:
        raise UsageError(
            f"PDF and PNG need Pango, which lays out text: {error}\n"
            "hint: apt install libpango-1.0-0 libpangoft2-1.0-0, or --out plan.html"
        ) from error


def _lay_out(html: str) -> Document:
    check_pango()
    from weasyprint import CSS, HTML  # noqa: PLC0415 - checked above
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415 - likewise

    fonts = FontConfiguration()
    # A machine without any font still prints: matplotlib ships one.
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    fallback = CSS(
        string="".join(
            f'@font-face {{ font-family: "Page Fallback"; font-weight: {weight}; '
            f"src: url({(folder / name).as_uri()}) }}"
            for weight, name in ((400, "DejaVuSans.ttf"), (700, "DejaVuSans-Bold.ttf"))
        ),
        font_config=fonts,
    )
    return HTML(string=html).render(stylesheets=[fallback], font_config=fonts)
