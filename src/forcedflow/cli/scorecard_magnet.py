"""``forcedflow scorecard magnet``: is the price drawn to clusters, and what follows a touch.

In:  instruments and a span.   Out: rows of the product ``magnet``, several symbols also together.
Heavy imports live inside the functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import parse_duration, parse_time
from forcedflow.cli.scorecard import record_inputs, report_progress
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.evaluate.magnet import Scope, Stopped
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.evaluate.touches import TouchesByKind
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake


@dataclass(frozen=True, slots=True)
class Followed:
    """When the ladder is looked at, and how long the price is followed. [UTC ms, ms]"""

    from_ms: int
    to_ms: int
    horizon_ms: int
    note: str

    @staticmethod
    def of(from_: str | None, to: str, horizon: str) -> Followed:
        """Return the span as a person stated it.

        Raises
        ------
        UsageError
            If it has no beginning, ends before it, or the horizon is no whole number of hours.
        """
        from forcedflow.evaluate.magnet import EVERY_MS

        if from_ is None:
            raise UsageError("the scored span needs a beginning\nhint: --from 2025-12-15")
        from_ms, to_ms, horizon_ms = parse_time(from_), parse_time(to), parse_duration(horizon)
        if from_ms >= to_ms:
            raise UsageError("the scored span must end after it begins\nhint: --to 2026-03-15")
        if horizon_ms % EVERY_MS:
            raise UsageError(f"{horizon!r} is no whole number of hours\nhint: --horizon 24h")
        note = (
            f"Prior mixture, nothing fitted. The ladder as it stood each hour from {from_} "
            f"to {to}, the mark followed by its closes for {horizon} from when it was known."
        )
        return Followed(from_ms, to_ms, horizon_ms, note)


def follow_symbols(
    held: Lake, instruments: list[Instrument], span: Followed, data: dict[str, Any]
) -> list[Row]:
    """Return rows of every symbol, and of all together where there are several.

    What they rest on goes into ``data``, and why a row is missing.
    """
    from forcedflow.evaluate.magnet import magnet_rows
    from forcedflow.evaluate.touches import EVENTS, touch_rows

    parts: list[_Part] = []
    for instrument in instruments:
        report_progress(f"{instrument.venue} {instrument.symbol}")
        try:
            parts.append(_follow(held, instrument, span, data))
        except NoDataError as error:
            _record_missing(data, instrument.symbol, error)
    groups = [(part.scope, [part]) for part in parts]
    if len(parts) > 1:
        groups.append((replace(parts[0].scope, symbol="pooled"), parts))
    rows: list[Row] = []
    for scope, group in groups:
        stopped, touches = [part.stopped for part in group], [part.touches for part in group]
        for produce in (
            partial(magnet_rows, stopped, scope, span.horizon_ms),
            *(partial(touch_rows, touches, scope, part) for part in EVENTS),
        ):
            try:
                rows += produce()
            except NoDataError as error:
                _record_missing(data, scope.symbol, error)
    return rows


@dataclass(frozen=True, slots=True)
class _Part:
    """What one symbol gave."""

    scope: Scope
    stopped: Stopped
    touches: TouchesByKind


def _follow(held: Lake, instrument: Instrument, span: Followed, data: dict[str, Any]) -> _Part:
    from forcedflow.asof import read_market
    from forcedflow.evaluate.magnet import EVERY_MS, Scope, stop_at_clusters
    from forcedflow.evaluate.standing import follow_zones, known_times, snapshot_bars
    from forcedflow.evaluate.touches import find_touches
    from forcedflow.positions import bin_width, build_bars, infer_flows, prior_atoms

    # Brackets as known when the span begins; bars to its end, of which each snapshot sees its past.
    before = read_market(held, instrument, span.from_ms)
    market = read_market(held, instrument, span.to_ms)
    bars = build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)
    flows = infer_flows(bars).joined()
    atoms = prior_atoms(before.schedule, before.rule, roles=flows.roles)
    width = bin_width(float(bars.close[0]), instrument.tick_size)
    at = snapshot_bars(bars.end_ms, span.from_ms, span.to_ms, EVERY_MS)
    known_ms = known_times(market.open_interest, bars.end_ms)
    standing = follow_zones(bars, flows, atoms, width, at, known_ms)
    frames = {
        "open_interest": market.open_interest,
        "mark_klines": market.mark_klines,
        "trade_klines": market.trade_klines,
        "funding": market.funding,
    }
    record_inputs(data, instrument.symbol, frames, simulated=market.simulated)
    return _Part(
        Scope(instrument.symbol, instrument.venue, flows.inputs),
        stop_at_clusters(standing, bars.close, bars.end_ms, span.horizon_ms),
        find_touches(standing, bars.close, bars.end_ms),
    )


def _record_missing(data: dict[str, Any], symbol: str, error: NoDataError) -> None:
    data["missing"].append({"symbol": symbol, "why": str(error).split("\n")[0]})
