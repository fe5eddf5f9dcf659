"""What ``cascade`` answers: which domino falls next, how far, how likely.

In:  a lake, instruments, what happens first, a moment.   Out: a `Cascade`; plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.asof import read_depth, read_past_prices, read_prints
from forcedflow.cascade.base_rate import BaseRate
from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain
from forcedflow.cascade.hawkes.timing import LONGEST_MS, read_timing
from forcedflow.cascade.montecarlo import LABEL, Quantiles, Spread
from forcedflow.cascade.settlement import settle
from forcedflow.cascade.start import Start
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.depth.stated import stated_depth
from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.pipeline import build_cascade
from forcedflow.report.cascade_terminal import depth_warning, directions
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

LEAST_SCENARIOS, MOST_SCENARIOS = 100, 100_000

_FARTHEST = 0.25
_LONGEST_MS = 2 * DAY_MS
_LARGEST_USD = 1e12


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """What happens first, and how it is followed.

    Parameters
    ----------
    shock : float, optional
        Move that price makes first for other reasons, a signed fraction. [1]
    from_price : float, optional
        Price to start from instead of the mark. [quote per base]
    order : float, optional
        Market order at the mark; negative sells. [USD]
    scenarios : int
    horizon_ms : int
        Of the chance of reaching a cluster. [ms]
    seed : int
    depth_usd : float, optional
        Depth within one percent, instead of what the lake knows. [USD]
    model : str, optional

    Raises
    ------
    UsageError
        If more than one start is stated, or a figure is out of its range.
    """

    shock: float | None = None
    from_price: float | None = None
    order: float | None = None
    scenarios: int = 10_000
    horizon_ms: int = 4 * HOUR_MS
    seed: int = 1
    depth_usd: float | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.horizon_ms > _LONGEST_MS:
            raise UsageError(
                f"a horizon of {self.horizon_ms / HOUR_MS:g} h is longer than 2d; "
                "the ladder of today says no more"
            )
        if not LEAST_SCENARIOS <= self.scenarios <= MOST_SCENARIOS:
            raise UsageError(f"--scenarios is from {LEAST_SCENARIOS} to {MOST_SCENARIOS}")
        if self.seed < 0:
            raise UsageError(f"a seed is not negative, was {self.seed}")
        self._check_start()

    def _check_start(self) -> None:
        starts = (self.shock, self.from_price, self.order)
        if sum(stated is not None for stated in starts) > 1:
            raise UsageError(
                "state one start\nhint: --shock -2%, or --from-price 65000, or --order -1e6"
            )
        if self.shock is not None and not 0 < abs(self.shock) <= _FARTHEST:
            raise UsageError(
                f"{self.shock:.6g} is no shock up to {_FARTHEST:.0%}\nhint: --shock -2%"
            )
        if self.order is not None and not 0 < abs(self.order) <= _LARGEST_USD:
            raise UsageError(
                f"{self.order:g} USD is no order\nhint: --order -250000 sells, 250000 buys"
            )
        if self.from_price is not None and not 0 < self.from_price < math.inf:
            raise UsageError(f"{self.from_price:g} is no price\nhint: --from-price 65000")


def ask(
    lake: Lake, instruments: Sequence[Instrument], at_ms: int, options: CascadeOptions
) -> dict[str, Any]:
    """Return the dominoes of a market at a moment; parameters as in `read`."""
    return answer(read(lake, instruments, at_ms, options))


def read(
    lake: Lake,
    instruments: Sequence[Instrument],
    at_ms: int,
    options: CascadeOptions,
    spread: Spread = map,
) -> Cascade:
    """Return what would fall if price moved.

    Parameters
    ----------
    lake : Lake
    instruments : sequence of Instrument
        Of one coin, one per venue: their ladders and books are taken together.
    at_ms : int
        The moment. [UTC ms]
    options : CascadeOptions
    spread : callable, optional
        Runs pieces of the scenarios elsewhere; see `forcedflow.cascade.montecarlo.simulate`.

    Raises
    ------
    NoDataError
        If no open interest, or no depth at all, was known by then.
    UsageError
        If a price is beyond what the ladder and the book say anything of.
    """
    maps = [
        read_map(lake, instrument, at_ms, options.model, follow=True) for instrument in instruments
    ]
    start = _start(options, maps[0].mark)
    return build_cascade(
        maps,
        _depths(lake, instruments, options.depth_usd, at_ms),
        seed=options.seed,
        start=start,
        horizon_ms=options.horizon_ms,
        scenarios=options.scenarios,
        past=read_past_prices(lake, instruments[0], at_ms),
        timing=read_timing(*read_prints(lake, instruments[0], at_ms, LONGEST_MS), at_ms),
        spread=spread,
    )


def _start(options: CascadeOptions, mark: float) -> Start | None:
    if options.shock is not None:
        return Start.from_move(options.shock)
    if options.order is not None:
        return Start.from_order(options.order)
    if options.from_price is None:
        return None
    if abs(options.from_price / mark - 1) > _FARTHEST:
        raise UsageError(
            f"{options.from_price:g} is more than {_FARTHEST:.0%} away from the mark price "
            f"{mark:g}; the ladder and the book of this moment say nothing there"
        )
    return Start.from_price(options.from_price, mark)


def _depths(
    lake: Lake, instruments: Sequence[Instrument], depth_usd: float | None, at_ms: int
) -> list[tuple[DepthCurve, DepthCurve]]:
    if depth_usd is None:
        return [read_depth(lake, instrument, at_ms) for instrument in instruments]
    if len(instruments) > 1:
        raise UsageError("--depth-usd is of one venue\nhint: --venue binance")
    if not 0 < depth_usd <= _LARGEST_USD:
        raise UsageError(f"{depth_usd:g} USD is no depth\nhint: --depth-usd 3e8")
    return [(stated_depth(depth_usd, "down", at_ms), stated_depth(depth_usd, "up", at_ms))]


def answer(cascade: Cascade) -> dict[str, Any]:
    """Return the dominoes with everything needed to judge them, ways by name."""
    lead = cascade.maps[0]
    warning = depth_warning(cascade)
    chains = {direction: cascade.chain(direction) for direction in directions(cascade)}
    venues = [mapped.market.instrument.venue for mapped in cascade.maps]
    return {
        "symbol": lead.market.instrument.symbol,
        "venue": ",".join(venues),
        "simulated": cascade.simulated,
        "model": lead.model,
        "at": iso_time(cascade.at_ms),
        "known_to": iso_time(min(mapped.known_ms for mapped in cascade.maps)),
        "mark_price": cascade.mark,
        "open_interest_usd": round(cascade.down.stage.open_interest_usd),
        "start": {
            "words": cascade.start.words(cascade.mark),
            "price": cascade.down.stage.mark,
            "shock_pct": round(100 * math.expm1(cascade.start.shock), 4),
            "order_usd": cascade.start.order_usd,
        },
        "horizon_ms": cascade.horizon_ms,
        "scenarios": cascade.scenarios,
        "warnings": [f"depth is not measured: {warning}"] if warning else [],
        "dominoes": [domino.row() for chain in chains.values() for domino in chain.dominoes],
        "record_bound": {
            name: None if chain.simulation.bound is None else chain.simulation.bound.row(name)
            for name, chain in chains.items()
        },
        "end_price": {name: _end(cascade, chain) for name, chain in chains.items()},
        "criticality": {name: _criticality(chain) for name, chain in chains.items()},
        "timing": None if cascade.timing is None else cascade.timing.row(),
        "bands": {name: _bands(chain) for name, chain in chains.items()},
        "order": _order(cascade, chains),
        "asymmetry": {
            name: round(value, 4) for name, value in cascade.asymmetry()._asdict().items()
        },
        "base_rates": [_base_rate(rate) for rate in cascade.base_rates],
        "depth": {
            name: {curve.direction: _depth(curve) for curve in curves}
            for name, curves in zip(venues, cascade.depths, strict=True)
        },
        "assumptions": cascade.assumptions(),
        "freshness": cascade.freshness(),
    }


def _end(cascade: Cascade, chain: Chain) -> dict[str, Any]:
    """Return where scenarios end that hit the first cluster, and where a push ends at once."""
    stop = chain.stop()
    at_once = settle(chain.stage, cascade.start)
    return {
        "of": "scenarios that hit the first cluster" if chain.dominoes else "all scenarios",
        "n": 0 if stop is None else stop.n,
        "furthest": None if stop is None else _prices(stop.furthest),
        "last": None if stop is None else _prices(stop.last),
        "beyond_the_model_share": None if stop is None else round(stop.beyond, 4),
        "at_once": None
        if at_once is None
        else {
            "price": _price(at_once.price),
            "price_without_forced_flow": _price(at_once.unforced_price),
            "forced_usd": round(at_once.forced_usd),
            "amplification": round(at_once.amplification, 4),
            "absorbed": at_once.absorbed,
        },
    }


def _criticality(chain: Chain) -> dict[str, Any]:
    found, stage = chain.criticality, chain.stage
    shock = found.critical_shock
    return {
        "peak": round(found.peak, 4) if math.isfinite(found.peak) else None,
        "peak_price": _price(stage.price(found.peak_distance)),
        "critical_shock_pct": None
        if shock is None
        else round(100 * (stage.price(shock) / stage.mark - 1), 3),
        "structural_probability": [
            {
                "horizon_ms": at.horizon_ms,
                "simulated": at.simulated._asdict(),
                "volatility_only": at.volatility_only._asdict(),
                "reflected": float(f"{at.reflected:.4g}"),
                "kind": LABEL,
            }
            for at in chain.structural
        ],
    }


def _bands(chain: Chain) -> dict[str, Any]:
    """Return the 10, 50 and 90 % of scenarios."""
    forced, amplified = chain.forced_usd(), chain.simulation.amplification(chain.hit)
    explained = chain.explained()
    return {
        "forced_usd": {name: round(usd) for name, usd in forced._asdict().items()},
        "expected_forced_usd": round(chain.expected_forced_usd()),
        "amplification": None
        if amplified is None
        else {name: round(value, 4) for name, value in amplified._asdict().items()},
        "explained_by_forced_flow": None if explained is None else round(explained, 4),
        "dominoes_fallen_share": [round(share, 4) for share in chain.fallen()],
        "alternatives": [
            {
                "if": other.words,
                "structural_probability": other.structural._asdict(),
                "p_reach": [p._asdict() for p in other.p_reach],
            }
            for other in chain.alternatives
        ],
    }


def _order(cascade: Cascade, chains: dict[Direction, Chain]) -> dict[str, Any] | None:
    """Return what a market order pays by itself, now and once makers have left."""
    usd = abs(cascade.start.order_usd)
    if not usd:
        return None
    (chain,) = chains.values()
    return {
        "usd": cascade.start.order_usd,
        "slippage_pct": _slippage(chain, usd, stressed=False),
        "slippage_pct_stressed": _slippage(chain, usd, stressed=True),
    }


def _slippage(chain: Chain, usd: float, *, stressed: bool) -> dict[str, float | None]:
    found = chain.simulation.slippage(usd, stressed=stressed)
    return {
        # Infinite where the stage does not hold as much, which JSON has no number for.
        name: round(100 * math.expm1(value), 4) if math.isfinite(value) else None
        for name, value in found._asdict().items()
    }


def _base_rate(rate: BaseRate) -> dict[str, Any]:
    interval = rate.interval()
    return {
        "direction": rate.direction,
        "small_pct": 100 * rate.small,
        "large_pct": 100 * rate.large,
        "within_ms": rate.within_ms,
        "followed_ms": rate.followed_ms,
        "n": rate.n,
        "grew": rate.grew,
        "share": None if rate.share is None else round(rate.share, 4),
        "interval_80": None if interval is None else [round(end, 4) for end in interval],
        "from": iso_time(rate.from_ms),
        "to": iso_time(rate.to_ms),
    }


def _depth(curve: DepthCurve) -> dict[str, Any]:
    return {
        "source": curve.source,
        "measured_to_pct": round(100 * math.expm1(curve.measured_to), 4),
        "within_one_percent_usd": round(float(curve.cumulative(np.array([0.01]))[0])),
        "log_sd": round(curve.log_sd, 4),
        "at": iso_time(curve.at_ms),
    }


def _prices(quantiles: Quantiles) -> dict[str, float]:
    return {name: _price(price) for name, price in quantiles._asdict().items()}


def _price(price: float) -> float:
    return float(f"{price:.7g}")
