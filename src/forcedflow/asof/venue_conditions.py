"""A coin's perpetual on every venue as of a moment: what trading there costs, and what is heard.

In:  a lake, a coin, an order. [USD, UTC ms]   Out: `VenueConditions`, one per venue.
Reads the lake; nothing else. What is not held is None, with the table that would tell it.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

import polars as pl

from forcedflow import tables
from forcedflow.asof.market import ASSUMED, read_schedule
from forcedflow.asof.venue_depth import Depth, event_ms, read_venue_depth
from forcedflow.errors import NoDataError, UsageError
from forcedflow.features.feature import KLINE_AGE_MS
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.sandbox.parameters import VENUES as SANDBOX_VENUES
from forcedflow.store import Lake
from forcedflow.store.feed_gaps import held_gaps
from forcedflow.store.raw_log import raw_folder
from forcedflow.tables import Completeness
from forcedflow.units import DAY_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.fees import TAKER_FEES, TakerFee
from forcedflow.venues.network import CONNECTORS

HEALTH_MS = DAY_MS
"""How far back gaps of a recording are told. [ms]"""

_TOLD = (
    *("klines", "open_interest", "funding", "liquidations", "liquidation_totals"),
    *("depth_bands", "order_book", "positions", "leverage_brackets"),
)


@dataclass(frozen=True, slots=True)
class Leverage:
    """Largest leverages that a venue allows.

    Parameters
    ----------
    most : float
        Of the smallest positions. [×]
    of_order : float or None
        Of a position as large as the order; None beyond what is known. [×]
    source : str
        Where brackets were read, and in words where they are of another day.
    """

    most: float
    of_order: float | None
    source: str


@dataclass(frozen=True, slots=True)
class VenueConditions:
    """One venue's perpetual of a coin at one moment; None is unknown.

    Parameters
    ----------
    instrument : Instrument
    depth : Depth or None
    fee : TakerFee or None
        At the base tier.
    leverage : Leverage or None
    liquidations : str or None
        What its liquidation feed is worth: by the rows held, else by the venue's own words.
    public_positions : bool or None
        Whether it publishes accounts' positions.
    open_interest : float or None
        One-sided; None where none is fresh. [base coins]
    share_of_oi : float or None
        Of the venues whose open interest is known; None where it is that of fewer than two. [1]
    age_ms : mapping of str to int
        Age of the newest row by table; a table that is not held is not in it. [ms]
    unheard : int or None
        Gaps of the last `HEALTH_MS` of a recording that were not repaired; None where none was
        ever made.
    hints : tuple of str
        Commands that would tell what is unknown.
    simulated : bool
    """

    instrument: Instrument
    depth: Depth | None
    fee: TakerFee | None
    leverage: Leverage | None
    liquidations: Completeness | None
    public_positions: bool | None
    open_interest: float | None
    share_of_oi: float | None
    age_ms: Mapping[str, int]
    unheard: int | None
    hints: tuple[str, ...]
    simulated: bool

    @property
    def cost_bps(self) -> float | None:
        """Return slippage, the mean of both ways, and fee together. [bps]"""
        if self.depth is None or self.depth.slippage_bps is None or self.fee is None:
            return None
        paid = self.depth.slippage_bps
        return (paid.sell + paid.buy) / 2 + 1e4 * self.fee.rate


def read_venues(lake: Lake, base: str, order_usd: float, at_ms: int) -> list[VenueConditions]:
    """Return a coin's linear perpetual on every venue that is held or that can be asked.

    Parameters
    ----------
    lake : Lake
    base : str
        The coin.
    order_usd : float
        Size of a market order, above zero. [USD]
    at_ms : int
        Rows known by then. [UTC ms]

    Returns
    -------
    list of VenueConditions
        The cheapest for the order first, by their books; then by estimates, which may be wrong many
        times over; those whose cost is unknown last, by name.

    Raises
    ------
    NoDataError
        If the lake holds no perpetual of the coin.
    """
    held = _held(lake, base)
    if not held:
        raise NoDataError(
            f"the lake holds no perpetual of {base}\nhint: forcedflow fetch binance {base}"
            " --from DAY"
        )
    found = [_conditions(lake, instrument, order_usd, at_ms) for instrument in held]
    if not any(one.simulated for one in found):
        names = {instrument.venue for instrument in held}
        asked = [parse_symbol(base, name) for name in sorted(CONNECTORS) if name not in names]
        found += [_conditions(lake, instrument, order_usd, at_ms) for instrument in asked]
    return sorted(_shared(found), key=_order)


def _order(one: VenueConditions) -> tuple[bool, bool, float, str]:
    cost = one.cost_bps
    estimated = one.depth is None or not one.depth.book_is_fresh
    return cost is None, estimated, math.inf if cost is None else cost, one.instrument.venue


def _held(lake: Lake, base: str) -> list[Instrument]:
    """Linear perpetuals of a coin that rows are held of; of several on a venue its main one."""
    by_venue: dict[str, list[Instrument]] = {}
    for _, venue, symbol in sorted(lake.series()):
        if "+" in venue or ":" not in symbol:
            continue  # sums over venues, spot pairs
        try:
            one = parse_symbol(symbol, venue)
        except UsageError:
            continue  # no contract of its own, such as a basket
        if one.base == base and one.kind == "linear":
            by_venue.setdefault(venue, []).append(one)
    return [_main(venue, several) for venue, several in sorted(by_venue.items())]


def _main(venue: str, several: list[Instrument]) -> Instrument:
    main = parse_symbol(several[0].base, venue).symbol
    return next((one for one in several if one.symbol == main), several[0])


def _shared(found: list[VenueConditions]) -> list[VenueConditions]:
    known = [one.open_interest for one in found if one.open_interest is not None]
    if len(known) < 2 or not sum(known) > 0:
        return found
    total = sum(known)
    return [
        one if one.open_interest is None else replace(one, share_of_oi=one.open_interest / total)
        for one in found
    ]


def _conditions(
    lake: Lake, instrument: Instrument, order_usd: float, at_ms: int
) -> VenueConditions:
    venue, symbol = instrument.venue, instrument.symbol
    held = {table for table, own, name in lake.series() if (own, name) == (venue, symbol)} & set(
        _TOLD
    )
    newest = {table: _newest(lake, instrument, table, at_ms) for table in sorted(held)}
    known = {table: rows for table, rows in newest.items() if not rows.is_empty()}
    offered = _capabilities(venue)
    sandbox = next((rules for rules in SANDBOX_VENUES if rules.name == venue), None)
    fee = TAKER_FEES.get(venue)
    if sandbox is not None:
        fee = TakerFee(sandbox.fee_rate, "the simulated exchange's own rule", "every day")
    stated: Completeness | None = None
    positions: bool | None = "positions" in known or None
    if offered is not None:
        stated, positions = offered.liquidations, positions or offered.public_positions
    elif sandbox is not None:
        stated, positions = sandbox.feed, False
    found = VenueConditions(
        instrument=instrument,
        depth=read_venue_depth(lake, instrument, order_usd, at_ms),
        fee=fee,
        leverage=_leverage(lake, instrument, order_usd, at_ms),
        liquidations=_completeness(known, stated),
        public_positions=positions,
        open_interest=_open_interest(known, at_ms),
        share_of_oi=None,
        age_ms={table: at_ms - event_ms(rows) for table, rows in known.items()},
        unheard=_unheard(lake, instrument, at_ms),
        hints=(),
        simulated=any(
            tables.is_simulated(source)
            for rows in known.values()
            for source in rows["source"].unique()
        ),
    )
    return replace(found, hints=_hints(found, offered))


def _newest(lake: Lake, instrument: Instrument, table: str, at_ms: int) -> pl.DataFrame:
    """Rows of a table's newest event time; of all time only where the last days hold none."""
    for start_ms in (at_ms - 2 * DAY_MS, None):
        rows = lake.read(
            table,
            venue=instrument.venue,
            symbol=instrument.symbol,
            start_ms=start_ms,
            available_by_ms=at_ms,
        )
        if not rows.is_empty():
            return rows.filter(pl.col("event_time") == pl.col("event_time").max())
    return rows


def _capabilities(venue: str) -> Capabilities | None:
    if venue not in CONNECTORS:
        return None
    module, class_name = CONNECTORS[venue]
    found: Capabilities = getattr(importlib.import_module(module), class_name)().capabilities
    return found


def _leverage(lake: Lake, instrument: Instrument, order_usd: float, at_ms: int) -> Leverage | None:
    schedule, notes = read_schedule(lake, instrument, at_ms)
    if schedule.source == ASSUMED:
        return None
    try:
        of_order = schedule.at_notional(order_usd).max_leverage
    except ValueError:
        of_order = None
    return Leverage(
        most=max(bracket.max_leverage for bracket in schedule.brackets),
        of_order=of_order,
        source="; ".join((schedule.source, *notes)),
    )


def _completeness(
    known: Mapping[str, pl.DataFrame], stated: Completeness | None
) -> Completeness | None:
    for table in ("liquidations", "liquidation_totals"):
        if table in known:
            found: Completeness = known[table]["completeness"][-1]
            return found
    return stated


def _open_interest(known: Mapping[str, pl.DataFrame], at_ms: int) -> float | None:
    rows = known.get("open_interest")
    if rows is None or at_ms - event_ms(rows) > KLINE_AGE_MS:
        return None
    return rows["open_interest"][-1]  # type: ignore[no-any-return]


def _unheard(lake: Lake, instrument: Instrument, at_ms: int) -> int | None:
    gaps = held_gaps(lake, instrument.venue)
    if not (raw_folder(lake.root) / f"venue={quote(instrument.venue, safe='+')}").is_dir():
        return None
    return sum(
        instrument.symbol in gap.symbols
        and not gap.repaired
        and at_ms - HEALTH_MS < gap.end_ms
        and gap.start_ms <= at_ms
        for gap in gaps
    )


def _hints(found: VenueConditions, offered: Capabilities | None) -> tuple[str, ...]:
    """Commands for what is unknown and could be had."""
    if found.simulated:
        return ()
    wanted: list[tuple[str, Iterable[str]]] = []
    if found.depth is None or not found.depth.measured:
        wanted.append(("record", ("order_book", "depth_bands")))
    if found.open_interest is None:
        wanted.append(("fetch", ("open_interest",)))
    if found.leverage is None:
        wanted.append(("fetch", ("leverage_brackets",)))
    venue, base = found.instrument.venue, found.instrument.base
    if offered is None:
        return ("no connector: forcedflow import table PATH",) if wanted else ()
    commands = []
    for command, names in wanted:
        can = offered.backfilled if command == "fetch" else offered.streamed
        if can.intersection(names) and command == "fetch":
            commands.append(f"forcedflow fetch {venue} {base} --from DAY")
        elif offered.streamed.intersection(names):
            commands.append(f"forcedflow record {venue} {base}")
    return tuple(dict.fromkeys(commands))
