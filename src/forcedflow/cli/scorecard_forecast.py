"""``forcedflow scorecard forecast``: sizes, tomorrow's risk and event timing beside every opponent.

In:  instruments, an end of the fit and a span; or ``--trial``, simulated markets.   Out: rows of
     the product ``forecast``; what they rest on.
Heavy imports live inside the functions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import iso_time, parse_time
from forcedflow.cli.scorecard import record_inputs, report_progress
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.evaluate.forecast_fit import Evidence
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.features.table import FeatureTable
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

_NOTE = (
    "Refitted every week on all that was over, every opponent alike; chosen and corrected inside "
    "the fit. Intervals are of whole days drawn again, markets together. No gain in timing is "
    "claimed below 100 event days."
)
TRIAL_NOTE = f"SIMULATED markets of two years, refitted every eight weeks. {_NOTE}"


@dataclass(frozen=True, slots=True)
class Span:
    """End of the first fit, and what is asked about. [UTC ms]"""

    fit_to_ms: int
    from_ms: int
    to_ms: int

    @property
    def note(self) -> str:
        """Return what the rows are, in words."""
        return (
            f"First fit to {iso_time(self.fit_to_ms)}, scored {iso_time(self.from_ms)} to "
            f"{iso_time(self.to_ms)}. {_NOTE}"
        )

    @staticmethod
    def of(fit_to: str | None, from_: str | None, to: str | None) -> Span:
        """Return the span as a person stated it.

        Raises
        ------
        UsageError
            If it has no end of the fit or no end, or is empty, or begins before the fit ended.
        """
        if fit_to is None or to is None:
            raise UsageError(
                "a forecast is fitted and then scored\n"
                "hint: --fit-to 2026-01-26 --to 2026-03-15, or --trial"
            )
        fit_to_ms, to_ms = parse_time(fit_to), parse_time(to)
        from_ms = fit_to_ms if from_ is None else parse_time(from_)
        if not fit_to_ms <= from_ms < to_ms:
            raise UsageError(
                "the scored span must begin after the fit ended, and end after it begins\n"
                "hint: --fit-to 2026-01-26 --from 2026-01-26 --to 2026-03-15"
            )
        return Span(fit_to_ms, from_ms, to_ms)


def score_forecast(
    held: Lake, instruments: Sequence[Instrument], span: Span, data: dict[str, Any]
) -> list[Row]:
    """Return rows of every product that the lake allows; what they rest on goes into ``data``."""
    from forcedflow.cli.scorecard_memory import memory_key, remembered

    asked = _read(held, instruments, span, data)
    if not asked:
        return []
    taught = asked
    if not any(_known_before(one, span.fit_to_ms) for one in asked):
        # None of them was there when the fit was made: learn from the venue's other markets.
        taught = [*asked, *_read(held, _others(held, instruments), span, data)]
    key = memory_key(
        {
            "product": "forecast",
            "days": _digest_days(held, span.to_ms),
            "asked": [[one.instrument.venue, one.instrument.symbol] for one in asked],
            "data": [one.sha256 for one in taught],
            "span": [span.fit_to_ms, span.from_ms, span.to_ms],
        }
    )

    def score() -> tuple[list[Row], list[Any]]:
        rows: list[Row] = []
        told: dict[str, Any] = {"missing": []}
        rows += _sizes(held, asked, taught, span, told)
        rows += _daily(held, span, told)
        rows += _timing(held, asked, taught, span, told)
        return rows, [told]

    rows, told = remembered(held, key, score)
    data["missing"] += told[0].pop("missing")
    data |= told[0]
    return rows


def score_trial(held: Lake | None, data: dict[str, Any]) -> list[Row]:
    """Return rows of the simulated markets, remembered beside a lake where there is one."""
    from forcedflow.cli.scorecard_memory import memory_key, remembered
    from forcedflow.evaluate import forecast_sandbox as trial
    from forcedflow.sandbox.parameters import parameters

    conditions = {
        "scenario": trial.SCENARIO,
        "seeds": list(trial.SEEDS),
        "traders": trial.TRADERS,
        "days": trial.DAYS,
        "fit_days": trial.FIT_DAYS,
    }
    data["simulated"].append("SIM/USDT:USDT")
    data["trial"] = conditions
    digest = parameters(trial.SCENARIO).digest()
    key = memory_key({"product": "forecast", **conditions, "parameters": digest})

    def score() -> tuple[list[Row], list[Any]]:
        with tempfile.TemporaryDirectory(prefix="forcedflow-forecast-") as folder:
            report_progress("three simulated markets of two years, each forecast in turn")
            found = trial.score_sandbox(Path(folder))
        return found.rows, [found.counted]

    rows, told = score() if held is None else remembered(held, key, score)
    data["events"] = told[0]
    return rows


def _read(
    held: Lake, instruments: Sequence[Instrument], span: Span, data: dict[str, Any]
) -> list[Evidence]:
    from forcedflow.evaluate.forecast_fit import read_evidence

    found = []
    for instrument in instruments:
        report_progress(f"reading {instrument.venue} {instrument.symbol}")
        try:
            evidence = read_evidence(held, instrument, span.to_ms)
        except NoDataError as error:
            data["missing"].append({"symbol": instrument.symbol, "why": str(error).split("\n")[0]})
            continue
        found.append(evidence)
        _record(held, evidence, span, data)
    return found


def _record(held: Lake, evidence: Evidence, span: Span, data: dict[str, Any]) -> None:
    from forcedflow.asof.features import read_feature_inputs

    instrument = evidence.instrument
    start_ms = int(evidence.table.times_ms[0])
    inputs = read_feature_inputs(held, instrument, start_ms, span.to_ms)
    frames = {name: frame for name, frame in inputs.tables().items() if not frame.is_empty()}
    simulated = evidence.table.simulated
    record_inputs(data, instrument.symbol, frames, simulated=simulated)
    if evidence.liquidated is not None:
        data["targets"][instrument.symbol] = evidence.liquidations_of


def _others(held: Lake, instruments: Sequence[Instrument]) -> list[Instrument]:
    from forcedflow.instruments import parse_symbol

    venue = instruments[0].venue
    asked = {one.symbol for one in instruments}
    return [
        parse_symbol(symbol, own)
        for table, own, symbol in sorted(held.series())
        if table == "open_interest" and own == venue and ":" in symbol and symbol not in asked
    ]


def _known_before(evidence: Evidence, fit_to_ms: int) -> bool:
    import numpy as np

    before = evidence.table.times_ms < fit_to_ms
    return bool(np.isfinite(evidence.table["open_interest"][before]).any())


def _with_placebo(held: Lake, evidence: Evidence, span: Span) -> FeatureTable:
    """Return a market's table with the figures of the map that knows the price history alone."""
    from forcedflow.asof.market import read_market
    from forcedflow.pipeline import build_placebo_features

    report_progress(f"price-history placebo of {evidence.instrument.symbol}")
    market = read_market(held, evidence.instrument, span.to_ms)
    return evidence.table.joined(build_placebo_features(market, evidence.table.times_ms))


def _sizes(
    held: Lake,
    asked: Sequence[Evidence],
    taught: Sequence[Evidence],
    span: Span,
    told: dict[str, Any],
) -> list[Row]:
    from forcedflow.evaluate.forecast_size import size_rows
    from forcedflow.forecast.rows import lay_rows

    laid = {
        one.instrument: lay_rows(
            _with_placebo(held, one, span), one.instrument.symbol, one.instrument.venue
        )
        for one in taught
        if one.liquidated is not None
    }
    rows: list[Row] = []
    for one in asked:
        symbol = one.instrument.symbol
        if one.liquidated is None:
            told["missing"].append({"symbol": symbol, "why": "no hourly liquidations: no sizes"})
            continue
        report_progress(f"sizes of {symbol}")
        others = [
            (laid[other.instrument], other.liquidated)
            for other in taught
            if other is not one and other.liquidated is not None
        ]
        try:
            rows += size_rows(
                laid[one.instrument],
                one.liquidated,
                span.fit_to_ms,
                span.from_ms,
                span.to_ms,
                others=others,
                targets=one.liquidations_of,
            )
        except NoDataError as error:
            told["missing"].append({"symbol": symbol, "why": str(error).split("\n")[0]})
    return rows


def _digest_days(held: Lake, at_ms: int) -> list[str]:
    """Return the digest of every coin's days that were over by a moment."""
    import hashlib

    from forcedflow.asof.days import read_days

    try:
        coins = read_days(held, at_ms)
    except NoDataError:
        return []
    return [
        hashlib.sha256(
            b"".join(
                part.tobytes()
                for part in (one.end_ms, one.liquidated_usd, one.open_interest_usd, one.close)
            )
        ).hexdigest()
        for one in coins
    ]


def _daily(held: Lake, span: Span, told: dict[str, Any]) -> list[Row]:
    from forcedflow.asof.days import read_days
    from forcedflow.evaluate.forecast_daily import daily_rows

    report_progress("tomorrow's risk")
    try:
        coins = read_days(held, span.to_ms)
        return daily_rows(coins, span.fit_to_ms, span.from_ms, span.to_ms)
    except NoDataError as error:
        told["missing"].append({"symbol": "daily panel", "why": str(error).split("\n")[0]})
        return []


def _timing(
    held: Lake,
    asked: Sequence[Evidence],
    taught: Sequence[Evidence],
    span: Span,
    told: dict[str, Any],
) -> list[Row]:
    from forcedflow.evaluate.forecast_timing import score_timing
    from forcedflow.evaluate.signal_card import Scope
    from forcedflow.forecast.events import C1, C2, C2_ABSOLUTE

    tables = {
        Scope(one.instrument.symbol, one.instrument.venue): _with_placebo(held, one, span)
        for one in taught
    }
    report_progress("event timing, week after week")
    try:
        found = score_timing(
            tables,
            span.fit_to_ms,
            span.from_ms,
            span.to_ms,
            (C2, C2_ABSOLUTE, C1),
            asked=[Scope(one.instrument.symbol, one.instrument.venue) for one in asked],
        )
    except NoDataError as error:
        told["missing"].append({"symbol": "timing", "why": str(error).split("\n")[0]})
        return []
    told["events"] = found.counted
    return found.rows
