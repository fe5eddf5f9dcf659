"""``forcedflow checklist``: eleven questions about one market at one moment.

In:  a symbol, a venue, a moment; the user's side, equity, risk and order size where stated.
Out: the answers with their evidence, as text, Markdown or JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_moment,
    print_json,
)
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.playbook.checklist import Checklist


def run(
    symbol: str,
    *,
    venue: str = "binance",
    at: str | None = None,
    side: Literal["long", "short"] | None = None,
    equity: float | None = None,
    risk: float | None = None,
    order: float = 100_000.0,
    scenarios: int = 2_000,
    model: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    markdown: bool = False,
    json: bool = False,
) -> int:
    """Answer eleven questions about a market, each with its figure, its rule and its age.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    side
        Side of the position you think of; by default the way at risk is read off the signals.
    equity
        What you trade with in USD; with --risk it gives the loss and the position it allows.
    risk
        Share of the equity that may be lost, in percent.
    order
        Size in USD that slippage is asked for.
    scenarios
        Paths of the cascade to simulate, 100 to 100000.
    model
        prior, calibrated, or the file of a trained map; by default what was trained by then, for
        this venue or else for another of the same coin, else the prior.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        File to write; its ending decides the format (.md .json).
    markdown
        Print as Markdown.
    json
        Print as JSON.
    """
    from forcedflow.answers import checklist as answers

    options = answers.ChecklistOptions(side, equity, risk, order, scenarios, model)
    ending = _ending(out)
    if markdown and json:
        raise UsageError("state one format\nhint: --markdown or --json")
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    checklist = answers.fill_in(held, instrument, at_ms, options)
    if out is not None:
        _write(checklist, out, ending)
    elif json:
        print_json(answers.answer(checklist))
    elif markdown:
        from forcedflow.report.checklist_markdown import checklist_markdown

        sys.stdout.write(checklist_markdown(checklist))
    else:
        from forcedflow.report.checklist_terminal import checklist_page

        screen = console()
        screen.print(checklist_page(checklist, screen.width))
    return 0


def _ending(out: Path | None) -> str:
    if out is None:
        return ""
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'checklist.md'}")
    ending = out.suffix.lower()
    if ending not in {".md", ".json"}:
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of .md .json")
    return ending


def _write(checklist: Checklist, out: Path, ending: str) -> None:
    if ending == ".json":
        import msgspec

        from forcedflow.answers.checklist import answer

        text = msgspec.json.encode(answer(checklist)).decode() + "\n"
    else:
        from forcedflow.report.checklist_markdown import checklist_markdown

        text = checklist_markdown(checklist)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
    sys.stderr.write(f"wrote {out}\n")
