"""What ``scorecard`` answers: records held in the lake of what a market's numbers were worth.

In:  a lake, an instrument, a moment.   Out: plain values for JSON.
Free of any clock. Scoring itself is the command's; here is what it left behind.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import msgspec

from forcedflow.answers.markets import OF_A_MARKET, is_simulated_market
from forcedflow.answers.times import iso_time
from forcedflow.asof import newest_trained
from forcedflow.asof.records import read_leg_record, read_regime_record
from forcedflow.evaluate.signal_record import record_words
from forcedflow.instruments import Instrument
from forcedflow.playbook.record import LegRecord, RegimeRecord
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import Lake
from forcedflow.store.signal_record import SignalRecord, newest_record


def ask(lake: Lake, instrument: Instrument, at_ms: int) -> dict[str, Any]:
    """Return the records whose span was over by a moment.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]

    Raises
    ------
    DamagedFileError
        If a record is not what was written.
    """
    signals = newest_record(lake.refreshed("artefacts"), instrument.venue, instrument.symbol, at_ms)
    legs = read_leg_record(lake, instrument, at_ms)
    regimes = read_regime_record(lake, instrument, at_ms)
    trained = newest_trained(lake, instrument, at_ms)
    records = {
        "signals": None if signals is None else _signals(signals),
        "second_leg": None if legs is None else _legs(legs),
        "regimes": None if regimes is None else _regimes(regimes),
        "map": None if trained is None else _map(trained),
    }
    ends = [
        *(held.to_ms for held in (signals,) if held is not None),
        *(held.scored.to_ms for held in (legs, regimes) if held is not None),
        *(held.fit_to_ms for held in (trained,) if held is not None),
    ]
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": is_simulated_market(lake, instrument, OF_A_MARKET)
        or any(record is not None and record["simulated"] for record in records.values()),
        "at": iso_time(at_ms),
        "records": records,
        "missing": {
            name: f"none was over by then; hint: forcedflow {_MAKES[name]}"
            for name, record in records.items()
            if record is None
        },
        "assumptions": {
            "records": "of spans that were over by the moment, each beside moments alike or its "
            "null; a reading's record says nothing of readings by another rule",
        },
        "freshness": {"age_s": None if not ends else (at_ms - max(ends)) / 1000},
    }


_MAKES = {
    "signals": "scorecard signals",
    "second_leg": "scorecard second-leg",
    "regimes": "scorecard regimes",
    "map": "train map",
}


def _signals(record: SignalRecord) -> dict[str, Any]:
    return {
        "from": iso_time(record.from_ms),
        "to": iso_time(record.to_ms),
        "simulated": record.simulated,
        "fired": record.fired,
        "words": record_words(record),
        "figures": msgspec.to_builtins(record.figures),
    }


def _legs(record: LegRecord) -> dict[str, Any]:
    rate = record.past.net_rate()
    known = math.isfinite(rate.low_bps)
    return {
        "symbols": list(record.scored.symbols),
        "from": iso_time(record.scored.from_ms),
        "to": iso_time(record.scored.to_ms),
        "simulated": record.scored.simulated,
        "net_bps": round(rate.mean_bps, 2) if rate.n else None,
        "interval_95_bps": [round(rate.low_bps, 2), round(rate.high_bps, 2)] if known else None,
        "n": rate.n,
        "n_days": rate.n_days,
        "size_usd": record.past.size_usd,
    }


def _regimes(record: RegimeRecord) -> dict[str, Any]:
    return {
        "symbols": list(record.scored.symbols),
        "from": iso_time(record.scored.from_ms),
        "to": iso_time(record.scored.to_ms),
        "simulated": record.scored.simulated,
        "rates": [asdict(rate) for rate in record.rates],
    }


def _map(trained: TrainedMixture) -> dict[str, Any]:
    return {
        "name": trained.name,
        "simulated": trained.simulated,
        "fit_to": iso_time(trained.fit_to_ms),
        "targets": trained.targets,
        "level": round(trained.level, 4),
    }
