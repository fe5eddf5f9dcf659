"""What ``signals`` answers: the reasons why a cascade may be loading.

In:  a lake, an instrument, a moment.   Out: the readings; plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers.figures import known
from forcedflow.answers.model import choose_model
from forcedflow.answers.times import iso_time
from forcedflow.asof.signals import read_signal_table
from forcedflow.evaluate.signal_card import LOADING
from forcedflow.evaluate.signal_record import record_words
from forcedflow.features.table import FeatureTable
from forcedflow.instruments import Instrument
from forcedflow.positions.trained import TrainedMixture
from forcedflow.report.signals_terminal import MarketSignals
from forcedflow.signals.funding_bias import crowding
from forcedflow.signals.pressure import gauge_now
from forcedflow.signals.registry import read_signals
from forcedflow.signals.score import LEAST_KNOWN, WEIGHTS, load
from forcedflow.store import Lake
from forcedflow.store.signal_record import newest_record

PRIOR_WORDS = "stated prior mixture, not calibrated"

_OF_THE_MAP = frozenset({"large_cluster", "loading"})


def ask(lake: Lake, instrument: Instrument, at_ms: int, model: str | None = None) -> dict[str, Any]:
    """Return the readings of a market at a moment; without a model on the stated prior.

    Raises
    ------
    NoDataError
        If neither a price nor open interest was known in the time that signals look back.
    """
    trained = choose_model(lake, instrument, model or "prior", at_ms)
    return answer(read(lake, instrument, at_ms, trained), at_ms)


def read(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    trained: TrainedMixture | None,
    table: FeatureTable | None = None,
) -> MarketSignals:
    """Return everything that signals say of a market at a moment. [UTC ms]

    A table that was read already is taken instead of reading it again.

    Raises
    ------
    NoDataError
        If neither a price nor open interest was known in the time that signals look back.
    DamagedFileError
        If the record of what such readings were worth is not what was written.
    """
    if table is None:
        table = read_signal_table(lake, instrument, at_ms, trained=trained)
    record = newest_record(lake.refreshed("artefacts"), instrument.venue, instrument.symbol, at_ms)
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
