"""``forcedflow signals``: the reasons why a cascade may be loading, one market at one moment.

In:  a symbol, a venue, a moment.   Out: eight readings with their score, as text or JSON.
"""

from __future__ import annotations

from pathlib import Path

from forcedflow.cli.options import (
    choose_instrument,
    console,
    open_lake,
    parse_moment,
    print_json,
)


def run(
    symbol: str,
    *,
    venue: str = "binance",
    at: str | None = None,
    model: str | None = None,
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Say which of eight reasons for a cascade hold, which way, and which are unknown.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        Map that clusters are read off: prior, calibrated, or the file of a trained map; the prior
        by default, because a map trained last week cannot say what was large last month.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import signals
    from forcedflow.answers.model import choose_model

    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    trained = choose_model(held, instrument, model or "prior", at_ms)
    found = signals.read(held, instrument, at_ms, trained)
    if json:
        print_json(signals.answer(found, at_ms))
        return 0
    from forcedflow.report.signals_terminal import signals_page

    screen = console()
    screen.print(signals_page(found, screen.width, instrument.tick_size))
    return 0
