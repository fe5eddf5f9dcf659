"""``forcedflow signals``: the reasons why a cascade may be loading, one market at one moment.

In:  a symbol, a venue, a moment.   Out: eight readings with their score, as text or JSON.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.model import choose_model
from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_moment,
    print_json,
)

if TYPE_CHECKING:
    from forcedflow.instruments import Instrument
    from forcedflow.positions.trained import TrainedMixture
    from forcedflow.report.signals_terminal import MarketSignals
    from forcedflow.store import Lake

PRIOR_WORDS = "stated prior mixture, not calibrated"

_OF_THE_MAP = frozenset({"large_cluster", "loading"})


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
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    trained = choose_model(held, instrument, model or "prior", at_ms)
    found = read_market_signals(held, instrument, at_ms, trained)
    if json:
        print_json(answer(found, at_ms))
        return 0
    from forcedflow.report.signals_terminal import signals_page

    screen = console()
    screen.print(signals_page(found, screen.width, instrument.tick_size))
    return 0


def read_market_signals(
    lake: Lake, instrument: Instrument, at_ms: int, trained: TrainedMixture | None
) -> MarketSignals:
    """Return everything that signals say of a market at a moment. [UTC ms]

    Raises
    ------
    NoDataError
        If neither a price nor open interest was known in the time that signals look back.
    DamagedFileError
        If the record of what such readings were worth is not what was written.
    """
    from forcedflow.asof.signals import read_signal_table
    from forcedflow.evaluate.signal_card import LOADING
    from forcedflow.evaluate.signal_record import record_words
    from forcedflow.report.signals_terminal import MarketSignals
    from forcedflow.signals.funding_bias import crowding
    from forcedflow.signals.pressure import gauge_now
    from forcedflow.signals.registry import read_signals
    from forcedflow.signals.score import load
    from forcedflow.store.signal_record import newest_record

    table = read_signal_table(lake, instrument, at_ms, trained=trained)
    record = newest_record(lake.root, instrument.venue, instrument.symbol, at_ms)
    told = {} if record is None else record_words(record)
    if trained is not None:
        # What was scored are the readings of the prior's map.
        told = {name: words for name, words in told.items() if name not in _OF_THE_MAP}
    readings = read_signals(table, told)
    return MarketSignals(
        symbol=instrument.symbol,
        venue=instrument.venue,
        table=table,
        readings=readings,
        loading=load(readings),
        gauge=gauge_now(table),
        crowding=crowding(table),
        loading_record=told.get(LOADING),
        map_words=PRIOR_WORDS
        if trained is None
        else f"mixture calibrated on realised liquidations ({trained.name})",
    )


def answer(found: MarketSignals, at_ms: int) -> dict[str, Any]:
    """Return the readings with everything needed to judge them."""
    from forcedflow.signals.score import LEAST_KNOWN, WEIGHTS

    table = found.table
    return {
        "symbol": found.symbol,
        "venue": found.venue,
        "simulated": table.simulated,
        "at": iso_time(at_ms),
        "known_to": iso_time(table.at_ms),
        "price": known(table.last("price")),
        "loading": found.loading.row(),
        "loading_record": found.loading_record,
        "pressure_gauge": known(found.gauge),
        "crowding": known(found.crowding),
        "signals": [reading.row() for reading in found.readings],
        "assumptions": {
            "loading": "share of the known weight that is on, times 100; a count of reasons, not "
            "a probability",
            "weights": dict(WEIGHTS),
            "least_known_weight": LEAST_KNOWN,
            "pressure_gauge": "relative change of open interest per σ moved in 4 h, as a rank "
            "among the trailing 30 days, 0-100",
            "crowding": "rank of the size of the 3-day mean of funding among the trailing 30 days; "
            "below zero where shorts pay",
            "thresholds": "this market's own trailing 30 days; unknown before 7 of them are held",
            "map": found.map_words,
            "venues_aligned": table.labels.get("alignment_of"),
            "liquidations_of": table.labels.get("liquidations_of"),
        },
        "freshness": {
            "age_s": (at_ms - table.at_ms) / 1000,
            "input_age_s": {
                name: None if age is None else age / 1000
                for name, age in table.input_age_ms.items()
            },
        },
    }


def known(value: float) -> float | None:
    """Return a figure to six digits; None where it is unknown."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
