"""``forcedflow forecast``: how much may be closed by force, how likely a cascade is, hours ahead.

In:  a symbol, a venue, a moment.   Out: chances and quantiles with their baselines, text or JSON.
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
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Say how likely a cascade begins in the next hours, and how much may be closed by force.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    at
        Say what would have been said then, such as 2026-02-05T12:00Z; now by default. The model is
        the newest whose fit had ended by then.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import forecast
    from forcedflow.asof.forecast import read_forecast

    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    told = read_forecast(held, instrument, at_ms)
    if json:
        print_json(forecast.answer(told))
        return 0
    from forcedflow.report.forecast_terminal import forecast_page

    screen = console()
    screen.print(forecast_page(told, screen.width))
    return 0
