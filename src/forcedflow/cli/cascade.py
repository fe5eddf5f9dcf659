"""``forcedflow cascade``: which domino falls next, how far, how likely.

In:  a symbol, what happens first, a horizon, a moment.   Out: a table, a picture, or JSON.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.model import choose_model, follow_feed
from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_duration,
    parse_moment,
    print_json,
)
from forcedflow.cli.whatif import parse_move
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.cascade.base_rate import BaseRate
    from forcedflow.cascade.cascade import Cascade
    from forcedflow.cascade.chain import Chain
    from forcedflow.cascade.montecarlo import Quantiles
    from forcedflow.cascade.start import Start
    from forcedflow.depth.curve import DepthCurve, Direction
    from forcedflow.instruments import Instrument
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.store import Lake

_FARTHEST = 0.25
_LEAST_SCENARIOS, _MOST_SCENARIOS = 100, 100_000
_LONGEST = "2d"
_LARGEST_USD = 1e12


def run(
    symbol: str,
    *,
    shock: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    from_price: float | None = None,
    order: Annotated[float | None, Parameter(allow_leading_hyphen=True)] = None,
    scenarios: int = 10_000,
    horizon: str = "4h",
    seed: int = 1,
    venue: str = "binance",
    at: str | None = None,
    model: str | None = None,
    depth_usd: float | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Estimate which clusters would fall one after the other, where it stops, how likely.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    shock
        Move that price makes first for other reasons, such as -2%; without any, both ways.
    from_price
        Price to start from instead of the mark; what stands on the way there is taken as gone.
    order
        Market order at the mark in USD, such as -250000; negative sells.
    scenarios
        Paths to simulate, 100 to 100000.
    horizon
        Span that the chance of reaching a cluster is for, up to 2d.
    seed
        Of the scenarios; the same seed gives the same answer.
    venue
        Venue of the contract, or several by commas: their ladders and books are taken together.
    at
        Use exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map, also of another venue; by default what was
        trained by then, else the prior.
    depth_usd
        Depth within one percent on each side, instead of what the lake knows, taken as exact.
    lake
        Folder of the lake; the setting by default.
    out
        File to write; its ending decides the format (.png .json).
    json
        Print as JSON.
    """
    write = None if out is None else _writer(out)
    horizon_ms = parse_duration(horizon)
    if horizon_ms > parse_duration(_LONGEST):
        raise UsageError(f"{horizon!r} is longer than {_LONGEST}; the ladder of today says no more")
    if not _LEAST_SCENARIOS <= scenarios <= _MOST_SCENARIOS:
        raise UsageError(f"--scenarios is from {_LEAST_SCENARIOS} to {_MOST_SCENARIOS}")
    if seed < 0:
        raise UsageError(f"a seed is not negative, was {seed}")
    _check_start(shock, from_price, order)
    at_ms = parse_moment(at)
    held = open_lake(lake)
    instruments = _instruments(held, symbol, venue)
    maps = [_mapped(held, instrument, model, at_ms) for instrument in instruments]
    start = _start(shock, from_price, order, maps[0].mark)
    depths = _depths(held, instruments, depth_usd, at_ms)

    from forcedflow.asof import read_past_prices, read_prints
    from forcedflow.cascade.hawkes.timing import LONGEST_MS, read_timing
    from forcedflow.pipeline import build_cascade

    cascade = build_cascade(
        maps,
        depths,
        seed=seed,
        start=start,
        horizon_ms=horizon_ms,
        scenarios=scenarios,
        past=read_past_prices(held, instruments[0], at_ms),
        timing=read_timing(*read_prints(held, instruments[0], at_ms, LONGEST_MS), at_ms),
    )
    if write is not None and out is not None:
        try:
            write(cascade, out)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        sys.stderr.write(f"wrote {out}\n")
    elif json:
        print_json(answer(cascade))
    else:
        _print(cascade)
    return 0


def answer(cascade: Cascade) -> dict[str, Any]:
    """Return the dominoes with everything needed to judge them, ways by name."""
    from forcedflow.report.cascade_terminal import depth_warning, directions

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


def _writer(out: Path) -> Callable[[Cascade, Path], None]:
    """Return what writes a file of an ending, before anything is built."""
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'cascade.png'}")
    ending = out.suffix.lower()
    if ending == ".json":
        return _write_json
    if ending != ".png":
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of .png .json")
    try:
        from forcedflow.report.cascade_png import draw_cascade
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise UsageError(
            "pictures need matplotlib\nhint: pip install 'forcedflow[report]'"
        ) from error
    return draw_cascade


def _write_json(cascade: Cascade, out: Path) -> None:
    import msgspec

    out.write_text(msgspec.json.encode(answer(cascade)).decode() + "\n", encoding="utf-8")


def _check_start(shock: str | None, from_price: float | None, order: float | None) -> None:
    """Refuse what cannot be a start before anything is read."""
    if sum(stated is not None for stated in (shock, from_price, order)) > 1:
        raise UsageError(
            "state one start\nhint: --shock -2%, or --from-price 65000, or --order -1e6"
        )
    if shock is not None:
        move = parse_move(shock, "--shock")
        if move == 0 or abs(move) > _FARTHEST:
            raise UsageError(f"{shock!r} is no shock up to {_FARTHEST:.0%}\nhint: --shock -2%")
    if order is not None and not 0 < abs(order) <= _LARGEST_USD:
        raise UsageError(f"{order:g} USD is no order\nhint: --order -250000 sells, 250000 buys")
    if from_price is not None and not 0 < from_price < math.inf:
        raise UsageError(f"{from_price:g} is no price\nhint: --from-price 65000")


def _start(
    shock: str | None, from_price: float | None, order: float | None, mark: float
) -> Start | None:
    from forcedflow.cascade.start import Start

    if shock is not None:
        return Start.from_move(parse_move(shock, "--shock"))
    if order is not None:
        return Start.from_order(order)
    if from_price is None:
        return None
    if abs(from_price / mark - 1) > _FARTHEST:
        raise UsageError(
            f"{from_price:g} is more than {_FARTHEST:.0%} away from the mark price {mark:g}; the "
            "ladder and the book of this moment say nothing there"
        )
    return Start.from_price(from_price, mark)


def _instruments(held: Lake, symbol: str, venue: str) -> list[Instrument]:
    names = [name.strip() for name in venue.split(",")]
    instruments = [choose_instrument(held, symbol, name) for name in names]
    if len({instrument.venue for instrument in instruments}) < len(instruments):
        raise UsageError(f"{venue!r} names a venue twice")
    return instruments


def _mapped(held: Lake, instrument: Instrument, model: str | None, at_ms: int) -> LiquidationMap:
    from forcedflow.asof import read_market
    from forcedflow.pipeline import build_map

    trained = choose_model(held, instrument, model, at_ms)
    if trained is not None:
        trained = follow_feed(held, instrument, trained, at_ms)
    return build_map(read_market(held, instrument, at_ms), trained=trained)


def _depths(
    held: Lake, instruments: Sequence[Instrument], depth_usd: float | None, at_ms: int
) -> list[tuple[DepthCurve, DepthCurve]]:
    if depth_usd is None:
        from forcedflow.asof import read_depth

        return [read_depth(held, instrument, at_ms) for instrument in instruments]
    if len(instruments) > 1:
        raise UsageError("--depth-usd is of one venue\nhint: --venue binance")
    if not 0 < depth_usd <= _LARGEST_USD:
        raise UsageError(f"{depth_usd:g} USD is no depth\nhint: --depth-usd 3e8")
    from forcedflow.depth.stated import stated_depth

    return [(stated_depth(depth_usd, "down", at_ms), stated_depth(depth_usd, "up", at_ms))]


def _end(cascade: Cascade, chain: Chain) -> dict[str, Any]:
    """Return where scenarios end that hit the first cluster, and where a push ends at once."""
    from forcedflow.cascade.settlement import settle

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
    from forcedflow.cascade.montecarlo import LABEL

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
    import numpy as np

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


def _print(cascade: Cascade) -> None:
    from forcedflow.report import cascade_terminal as report
    from forcedflow.report.terminal import heading

    screen = console()
    for text in (
        heading(cascade.maps[0], screen.width),
        report.opening(cascade, screen.width),
        report.domino_table(cascade, screen.width),
        report.legend(cascade, screen.width),
        report.summary(cascade, screen.width),
        report.basis(cascade, screen.width),
    ):
        screen.print(text)
