"""``forcedflow playbook``: one printable page about one market at one moment.

In:  a symbol, a venue, a style, a moment; the user's equity, risk and position where stated.
Out: the page as PDF, HTML, PNG, Markdown or JSON; a saved template of the choices.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forcedflow.cli.options import (
    choose_instrument,
    open_lake,
    parse_moment,
    print_json,
)
from forcedflow.cli.playbook_template import Choices, read_template, save_template
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.playbook.playbook import Playbook

_ORDER_USD = 100_000.0
_DEFAULTS = Choices(venue="binance", style="intraday", order=_ORDER_USD)
_ENDINGS = (".pdf", ".html", ".md", ".png", ".json")
_NEEDED = ("matplotlib", "jinja2", "weasyprint", "pypdfium2")


def run(
    symbol: str,
    *,
    venue: str | None = None,
    style: Literal["scalp", "intraday", "swing"] | None = None,
    equity: float | None = None,
    risk: float | None = None,
    entry: float | None = None,
    size: float | None = None,
    side: Literal["long", "short"] | None = None,
    order: float | None = None,
    at: str | None = None,
    model: str | None = None,
    scenarios: int = 2_000,
    save: str | None = None,
    template: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Put everything known of a market on one printable page, with what would make it void.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract; binance by default.
    style
        scalp looks an hour ahead, intraday four hours, swing a day; intraday by default.
    equity
        What you trade with in USD; with --risk it gives the loss and the position it allows.
    risk
        Share of the equity that may be lost, in percent.
    entry
        Price of a position you think of; with --size and --side it gives its liquidation prices.
    size
        Its size in coins.
    side
        Its side: long or short.
    order
        Size in USD that slippage and costs are of; 100000 by default, or that of the position.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map; by default what was trained by then, for
        this venue or else for another of the same coin, else the prior.
    scenarios
        Paths of the cascade to simulate, 100 to 100000.
    save
        Keep venue, style, equity, risk, order and model under this name.
    template
        Begin with the choices kept under this name; what is stated beside it wins.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        File to write; its ending decides the format (.pdf .html .md .png .json).
    json
        Print as JSON.
    """
    from forcedflow.answers import playbook as answers

    write = None if out is None else _writer(out)
    chosen = _choose(Choices(venue, style, equity, risk, order, model), template)
    options = answers.PlaybookOptions(
        style=chosen.style or "intraday",
        equity=chosen.equity,
        risk=chosen.risk,
        entry=entry,
        size=size,
        side=side,
        # A position states its own size; what a template holds is of other trades.
        order=order if entry is not None else chosen.order,
        scenarios=scenarios,
        model=chosen.model,
    )
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, chosen.venue or "")
    playbook = answers.read(held, instrument, at_ms, options)
    if save is not None:
        sys.stderr.write(f"wrote {save_template(save, chosen)}\n")
    if write is not None and out is not None:
        try:
            out.write_bytes(write(playbook))
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        sys.stderr.write(f"wrote {out}\n")
    elif json:
        print_json(answers.answer(playbook))
    else:
        from forcedflow.report.playbook_markdown import to_markdown

        sys.stdout.write(to_markdown(playbook))
    return 0


def _choose(stated: Choices, template: str | None) -> Choices:
    """Return what was stated, else what the template holds, else the defaults."""
    import msgspec

    kept = Choices() if template is None else read_template(template)
    chosen = {}
    for field in Choices.__struct_fields__:
        values = [getattr(source, field) for source in (stated, kept, _DEFAULTS)]
        chosen[field] = next((value for value in values if value is not None), None)
    return msgspec.convert(chosen, Choices)


def _writer(out: Path) -> Callable[[Playbook], bytes]:
    """Return what makes a file of an ending, before anything is read."""
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'plan.pdf'}")
    ending = out.suffix.lower()
    if ending not in _ENDINGS:
        known = " ".join(_ENDINGS)
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of {known}")
    if ending == ".json":
        return _to_json
    if ending == ".md":
        return _to_markdown
    try:
        from forcedflow.report import playbook_html
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _NEEDED:
            raise
        raise UsageError(
            f"pages need {error.name}\nhint: pip install 'forcedflow[report]'"
        ) from error
    if ending == ".html":
        return lambda playbook: playbook_html.to_html(playbook).encode()
    playbook_html.check_pango()
    return playbook_html.to_pdf if ending == ".pdf" else playbook_html.to_png


def _to_json(playbook: Playbook) -> bytes:
    import msgspec

    from forcedflow.answers.playbook import answer

    return msgspec.json.encode(answer(playbook)) + b"\n"


def _to_markdown(playbook: Playbook) -> bytes:
    from forcedflow.report.playbook_markdown import to_markdown

    return to_markdown(playbook).encode()
