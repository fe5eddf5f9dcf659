"""``forcedflow scorecard signals``: what followed where a signal fired, beside moments alike.

In:  instruments and a span; or ``--trial``, simulated markets.   Out: rows of the product
     ``signals``; the record that readings quote, beside the lake's tables.
Heavy imports live inside the functions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import iso_time, parse_time
from forcedflow.cli.scorecard import digest, record_inputs, report_progress
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.evaluate.signal_card import Scope
    from forcedflow.features.table import FeatureTable
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

_DAY_MS = 86_400_000
_WARM_DAYS = 90
"""Days before the span that thresholds look back to."""

_NOTE = (
    "Each firing beside moments of the same market, hour of the week where there are enough, and "
    "decile of volatility. A cascade is a move of 4 σ of an hour within one, with a rare fall of "
    "open interest; thresholds know only the past."
)
TRIAL_NOTE = f"SIMULATED markets, on which every signal has its inputs. {_NOTE}"


@dataclass(frozen=True, slots=True)
class Span:
    """What is scored. [UTC ms]"""

    from_ms: int
    to_ms: int

    @property
    def note(self) -> str:
        """Return what the rows are, in words."""
        return f"Scored {iso_time(self.from_ms)} to {iso_time(self.to_ms)}. {_NOTE}"

    @staticmethod
    def of(from_: str | None, to: str | None) -> Span:
        """Return the span as a person stated it.

        Raises
        ------
        UsageError
            If it has no beginning or no end, or ends before it begins.
        """
        if from_ is None or to is None:
            raise UsageError(
                "signals are scored over a span\n"
                "hint: --from 2025-12-15 --to 2026-03-15, or --trial"
            )
        found = Span(parse_time(from_), parse_time(to))
        if found.from_ms >= found.to_ms:
            raise UsageError("the scored span must end after it begins\nhint: a later --to")
        return found


def score_signals(
    held: Lake | None,
    instruments: list[Instrument],
    from_: str | None,
    to: str | None,
    data: dict[str, Any],
    *,
    trial: bool,
) -> tuple[list[Row], str]:
    """Return rows and what they are in words; what they rest on goes into ``data``."""
    if trial:
        if from_ is not None or to is not None:
            raise UsageError(
                "the simulated trial has its own days\nhint: leave out --from and --to"
            )
        return score_trial(held, data), TRIAL_NOTE
    if held is None:
        raise UsageError("signals of a market need a lake\nhint: --lake PATH")
    span = Span.of(from_, to)
    return score_symbols(held, instruments, span, data), span.note


def score_symbols(
    held: Lake, instruments: Sequence[Instrument], span: Span, data: dict[str, Any]
) -> list[Row]:
    """Return rows of every symbol and over all; what they rest on goes into ``data``."""
    from forcedflow.asof.signals import read_signal_table
    from forcedflow.cli.scorecard_memory import memory_key, remembered
    from forcedflow.evaluate.signal_card import Scope

    days = -(-(span.to_ms - span.from_ms) // _DAY_MS) + _WARM_DAYS
    found = []
    for instrument in instruments:
        try:
            _record(held, instrument, span, days, data)
        except NoDataError as error:
            data["missing"].append({"symbol": instrument.symbol, "why": str(error).split("\n")[0]})
            continue
        found.append(instrument)

    def read() -> list[tuple[Scope, FeatureTable]]:
        tables = []
        for instrument in found:
            report_progress(f"{instrument.venue} {instrument.symbol}")
            table = read_signal_table(held, instrument, span.to_ms, days)
            tables.append((Scope(instrument.symbol, instrument.venue), table))
        return tables

    if not found:
        return []
    key = memory_key(
        {
            "product": "signals",
            "markets": [[instrument.venue, instrument.symbol] for instrument in found],
            "data": data["hashes"],
            "span": [span.from_ms, span.to_ms],
        }
    )
    rows, told = remembered(held, key, lambda: _scored(read, span.from_ms, span.to_ms))
    _tell(told[0], data)
    return rows


def score_trial(held: Lake | None, data: dict[str, Any]) -> list[Row]:
    """Return rows of the simulated markets, remembered beside a lake where there is one."""
    from forcedflow.cli.scorecard_memory import memory_key, remembered
    from forcedflow.evaluate import signal_trial as trial
    from forcedflow.sandbox.parameters import parameters

    conditions = {
        "markets": [list(market) for market in trial.MARKETS],
        "traders": trial.TRADERS,
        "days": trial.DAYS,
        "scored_days": trial.SCORED_DAYS,
    }
    data["simulated"].append("SIM/USDT:USDT")
    data["trial"] = conditions
    digests = [parameters(scenario).digest() for scenario, _ in trial.MARKETS]
    key = memory_key({"product": "signals", **conditions, "parameters": digests})

    def score() -> tuple[list[Row], list[Any]]:
        # Markets open at one time, whatever their scenario, so their spans are one span.
        to_ms, tables = _trial_tables()
        return _scored(lambda: tables, to_ms - trial.SCORED_DAYS * _DAY_MS, to_ms)

    rows, told = score() if held is None else remembered(held, key, score)
    _tell(told[0], data)
    return rows


def keep_records(
    held: Lake,
    rows: Sequence[Row],
    instruments: Sequence[Instrument],
    from_: str | None,
    to: str | None,
    data: dict[str, Any],
) -> list[Path]:
    """Write what the scored markets' signals were worth into the lake, for readings to quote.

    Parameters
    ----------
    held : Lake
    rows : sequence of Row
        Adjusted.
    instruments : sequence of Instrument
    from_, to : str
        Span, as it was stated.
    data : dict
        As `score_signals` filled it.

    Returns
    -------
    list of Path
        Of the markets that were scored.
    """
    from forcedflow.evaluate.signal_card import Scope
    from forcedflow.evaluate.signal_record import record_of
    from forcedflow.store.signal_record import write_record

    span, kept = Span.of(from_, to), []
    for instrument in instruments:
        symbol = instrument.symbol
        if symbol not in data["fired"]:
            continue
        record = record_of(
            rows,
            Scope(symbol, instrument.venue),
            span.from_ms,
            span.to_ms,
            {name: told["fired"] for name, told in data["fired"][symbol].items()},
            data["hashes"][symbol],
            simulated=symbol in data["simulated"],
        )
        path = write_record(held.root, record)
        held.publish(path)
        kept.append(path)
    return kept


def _scored(
    read: Callable[[], list[tuple[Scope, FeatureTable]]], from_ms: int, to_ms: int
) -> tuple[list[Row], list[Any]]:
    import msgspec

    from forcedflow.evaluate.signal_card import score_signals

    rows, counted = score_signals(read(), from_ms, to_ms)
    return rows, [msgspec.to_builtins(counted)]


def _tell(told: dict[str, Any], data: dict[str, Any]) -> None:
    for name in ("cascades", "fired", "unstated"):
        data[name] = told[name]
    data["missing"] += told["missing"]


def _record(
    held: Lake, instrument: Instrument, span: Span, days: int, data: dict[str, Any]
) -> None:
    """Write digests of everything that the signals of a market are read from into ``data``."""
    from forcedflow.asof.features import read_feature_inputs
    from forcedflow.asof.map_features import other_venues
    from forcedflow.asof.market import read_market

    start_ms = (span.to_ms // _DAY_MS - days) * _DAY_MS
    inputs = read_feature_inputs(held, instrument, start_ms, span.to_ms)
    frames = {name: frame for name, frame in inputs.tables().items() if not frame.is_empty()}
    if not frames.keys() & {"perpetual klines", "mark klines", "open_interest"}:
        raise NoDataError(f"no price or open interest of {instrument.symbol} was known by the end")
    record_inputs(data, instrument.symbol, frames, simulated=inputs.simulated)
    hashes = data["hashes"][instrument.symbol]
    for other in (instrument, *other_venues(held, instrument)):
        try:
            market = read_market(held, other, span.to_ms)
        except NoDataError:
            continue  # no open interest by then, so no ladder to lay beside the others
        for name in ("open_interest", "mark_klines", "trade_klines", "funding"):
            hashes[f"map: {other.venue} {name}"] = digest(getattr(market, name))
        hashes[f"map: {other.venue} brackets"] = repr(market.schedule)


def _trial_tables() -> tuple[int, list[tuple[Scope, FeatureTable]]]:
    from forcedflow.asof.signals import read_signal_table
    from forcedflow.evaluate import signal_trial as trial
    from forcedflow.evaluate.signal_card import Scope

    tables = []
    to_ms = 0
    for i, (scenario, seed) in enumerate(trial.MARKETS):
        report_progress(f"{i + 1} of {len(trial.MARKETS)}: {scenario}, seed {seed}")
        with tempfile.TemporaryDirectory(prefix="forcedflow-signals-") as folder:
            recorded = trial.record_market(Path(folder), scenario, seed, trial.TRADERS, trial.DAYS)
            to_ms = recorded.at_ms
            table = read_signal_table(recorded.lake, recorded.instrument, to_ms, trial.DAYS)
        scope = Scope(f"SIM {scenario} {seed}", recorded.instrument.venue)
        tables.append((scope, table))
    return to_ms, tables
