"""The trial of cascades: simulated markets whose causes are known, forecast from what they publish.

In:  a scenario, a seed, traders, days.   Out: `Trial`: episodes, and what two ladders said of each.
Free of files and clocks. Simulated markets alone: nothing here is a claim about a real one.

The mixture is fitted to the days before; every episode lies after the fit. Ladder, depth and
volatility come from published tables alone. Causes and price impact, which nobody outside the
market can read, define the episodes and are shown to no forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.cascade.stage import Stage
from forcedflow.depth.curve import DIRECTION_OF, DepthCurve, Direction
from forcedflow.depth.from_bands import from_bands
from forcedflow.evaluate.cascade_episodes import (
    Episodes,
    Tape,
    find_cascades,
    follow,
    join_episodes,
    match_pushes,
)
from forcedflow.evaluate.cascade_foresight import Foresight, foresee_all
from forcedflow.evaluate.map_fit import MapEvidence, fit_map
from forcedflow.evaluate.path_only import scored_bars
from forcedflow.evaluate.realised import realised_liquidations
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import CALIBRATED, MODEL, LiquidationMap, Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_stage
from forcedflow.positions import bin_width, infer_flows, prior_atoms
from forcedflow.positions.background import EXCURSION_SPANS_MS
from forcedflow.positions.trained import TrainedMixture
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import (
    COIN,
    CONTRACT_COINS,
    TICK_USD,
    SandboxParameters,
    Scenario,
    parameters,
)
from forcedflow.sandbox.published import PERPETUAL, coins, exact_price
from forcedflow.sandbox.simulate import START_MS, Block, burn_in, kernel_rates, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS, HOUR_MS, I8, MINUTE_MS, SIDES, F8x2, Side
from forcedflow.volatility import ewma_volatility

_USED = ("klines", "open_interest", "funding", "liquidation_totals", "depth_bands")

SCENARIOS: tuple[Scenario, ...] = ("calm", "leverage-build-up", "thin-weekend")
"""Conditions of the trial's markets: usual ones, leverage in fashion, thin weekends."""

DEPTH_SHARES = (0.2, 0.1)
"""Depth of their books over the usual. [1]

Usually all venues hold a third of open interest within one percent, and forced orders move price by
basis points: no engine can be told from none. A tenth is what Binance's book held on 2025-10-10."""

SEEDS = (1, 2)
TRADERS = 20_000
DAYS, FIT_DAYS = 60, 25


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one or several simulated markets.

    Parameters
    ----------
    episodes : Episodes
        ``m`` of them.
    pair : ndarray of int, shape (m,)
        The same number for a cascade and the pushes alike; -1 for a cascade without any.
    market : ndarray of int, shape (m,)
        Which market each is of.
    foresight : dict of str to list of Foresight
        By model: `MODEL` and `CALIBRATED`, ``m`` each.
    """

    episodes: Episodes
    pair: I8
    market: I8
    foresight: dict[str, list[Foresight]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One simulated market: what it published, by venue and table, and the tape of its causes."""

    parameters: SandboxParameters
    rows: dict[str, dict[str, pl.DataFrame]]
    tape: Tape


def record_market(
    scenario: Scenario, seed: int, n_traders: int, days: int, depth_share: float = 1.0
) -> Recorded:
    """Return a simulated market's published rows and the tape of its first venue.

    Parameters
    ----------
    scenario : str
    seed : int
    n_traders : int
    days : int
        After those in which positions fill up.
    depth_share : float
        Depth of every book over the usual. [1]
    """
    chosen = parameters(scenario)
    thinned = (replace(v, depth_coins=v.depth_coins * depth_share) for v in chosen.venues)
    chosen = replace(chosen, venues=tuple(thinned))
    state = open_market(chosen, n_traders, seed)
    burn_in(state)
    feed = FeedState(chosen, seed)
    blocks, parts = [], []
    for block in simulate(state, days * (DAY_MS // MINUTE_MS)):
        published = tables_of(block, feed)
        parts.append({name: published[name] for name in _USED})
        blocks.append(block)
    tables = {name: pl.concat([part[name] for part in parts]) for name in _USED}
    perpetual = pl.col("symbol") == PERPETUAL
    rows = {
        rules.name: {
            name: frame.filter(pl.col("venue") == rules.name, perpetual)
            for name, frame in tables.items()
        }
        for rules in chosen.venues
    }
    fade = kernel_rates(chosen, n_traders, seed).impact_fade
    # What fades is not all gone: a part of it has become the value everybody trades around.
    kept = 1.0 - fade * (1.0 - chosen.habits.permanent_impact)
    return Recorded(chosen, rows, _tape(blocks, kept))


def hold_trial(recorded: Recorded, fit_days: int, market: int = 0) -> Trial:
    """Return one market's episodes after the fit and what was said of them.

    Parameters
    ----------
    recorded : Recorded
    fit_days : int
        Days of the fit; the mixture sees nothing later.
    market : int
        Number of the market among others.

    Raises
    ------
    NoDataError
        If there is too little to fit a mixture to.
    """
    tape = recorded.tape
    fit_to_ms = -(-tape.start_ms // DAY_MS) * DAY_MS + fit_days * DAY_MS
    followed = follow(tape)
    every = find_cascades(tape, followed)
    later = tape.end_ms(every.first - 1) >= fit_to_ms
    both, pair = match_pushes(tape, followed, every.take(later), fit_to_ms)
    order = np.argsort(both.first, kind="stable")
    both, pair = both.take(order), pair[order]
    markets = markets_of(recorded)
    trained = fit_mixture_of(recorded, fit_to_ms)
    moments = tape.end_ms(both.first - 1)
    pushes = [
        (moment, SIDES[side], mark, shock)
        for moment, side, mark, shock in zip(
            moments.tolist(),
            both.side.tolist(),
            tape.close[both.first - 1].tolist(),
            both.shock.tolist(),
            strict=True,
        )
    ]

    books = _Books.of(recorded)

    def build(maps: Sequence[LiquidationMap], side: Side) -> Stage:
        curves = [
            books.curve(mapped.market.instrument.venue, mapped.market.at_ms, DIRECTION_OF[side])
            for mapped in maps
        ]
        # The mixture was fitted to the one feed that prints every forced close.
        return build_stage(maps, curves, side)

    foresight = {
        model: foresee_all(markets, mixture, pushes, build)
        for model, mixture in ((MODEL, None), (CALIBRATED, trained))
    }
    return Trial(both, pair, np.full(both.size, market), foresight)


def join_trials(trials: Sequence[Trial]) -> Trial:
    """Return several markets' trials as one; pairs stay apart."""
    offsets = np.cumsum([0, *(int(t.pair.max(initial=-1)) + 1 for t in trials)])
    return Trial(
        episodes=join_episodes([trial.episodes for trial in trials]),
        pair=np.concatenate(
            [np.where(t.pair < 0, -1, t.pair + o) for t, o in zip(trials, offsets, strict=False)]
        ),
        market=np.concatenate([trial.market for trial in trials]),
        foresight={
            model: [said for trial in trials for said in trial.foresight[model]]
            for model in trials[0].foresight
        },
    )


def _tape(blocks: Sequence[Block], kept: float) -> Tape:
    """Return the first venue's mark, what was closed there, and what that moved everywhere."""

    def whole(name: str) -> F8x2:
        return np.concatenate([getattr(block.out, name)[: block.minutes] for block in blocks])

    mark = {name: exact_price(whole(f"mark_{name}")[:, 0]) for name in ("close", "low", "high")}
    close = mark["close"]
    forced, caused, depth = whole("forced"), whole("caused"), whole("depth")
    start_ms = blocks[0].start_ms
    end_ms = np.asarray(start_ms + MINUTE_MS * (np.arange(close.size, dtype=np.int64) + 1))
    # Deleveraged positions never reach the book; rare enough that minutes are told, not sides.
    through = forced.sum(axis=1)
    beside = whole("deleveraged").sum(axis=1)[:, None]
    share = np.where(
        through > 0, through / np.maximum(through.sum(axis=1, keepdims=True), 1.0), 0.0
    )
    return Tape(
        start_ms=start_ms,
        close=close,
        low=mark["low"],
        high=mark["high"],
        forced=coins(forced[:, 0]) * close[:, None],
        open_interest=coins(whole("open_interest")[:, 0]) * close,
        sigma_day=ewma_volatility(close, end_ms),
        caused=coins(caused[:, 0]) * close[:, None],
        pushed=(through - share * beside) / depth.sum(axis=1, keepdims=True),
        kept=kept,
    )


def _market(recorded: Recorded, venue: str) -> Market:
    rows = recorded.rows[venue]
    rules = {r.name: r for r in recorded.parameters.venues}[venue]
    klines = rows["klines"]
    return Market(
        instrument=Instrument(venue, COIN, "USDT", "USDT", TICK_USD, CONTRACT_COINS),
        at_ms=int(klines["event_time"].dt.epoch("ms")[-1]),
        open_interest=rows["open_interest"],
        mark_klines=klines.filter(pl.col("price_type") == "mark"),
        trade_klines=klines.filter(pl.col("price_type") == "last"),
        funding=rows["funding"],
        schedule=schedule_from_rows(venue, PERPETUAL, START_MS, rules.brackets, source="sandbox:"),
        rule=rule_for(venue, "linear", START_MS),
    )


def markets_of(recorded: Recorded) -> list[Market]:
    """Return what every venue published, the scored one first."""
    return [_market(recorded, rules.name) for rules in recorded.parameters.venues]


def fit_mixture_of(recorded: Recorded, fit_to_ms: int) -> TrainedMixture:
    """Return the mixture fitted to the first venue's hours up to the end of the fit.

    Raises
    ------
    NoDataError
        If there are too few.
    """
    market = markets_of(recorded)[0]
    known = pl.col("available_time") <= pl.lit(fit_to_ms, dtype=TIME)
    klines = recorded.rows[market.instrument.venue]["klines"].filter(known)
    trades = market.trade_klines.filter(known)
    open_interest, funding = market.open_interest.filter(known), market.funding.filter(known)
    bars = scored_bars(open_interest, klines, trades, funding, HOUR_MS)
    flows = infer_flows(bars).joined()
    atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
    forced = recorded.rows[market.instrument.venue]["liquidation_totals"].filter(known)
    evidence = MapEvidence(
        market=market,
        path_klines=klines,
        liquidations=forced,
        targets="the simulated venue's own complete feed",
        bars=bars,
        flows=flows,
        atoms=atoms,
        width=bin_width(float(bars.close[0]), TICK_USD),
        realised=realised_liquidations(forced, HOUR_MS),
        length_ms=HOUR_MS,
    )
    fitted = fit_map(evidence, fit_to_ms)
    return TrainedMixture(
        venue=market.instrument.venue,
        symbol=PERPETUAL,
        name="trial",
        fit_to_ms=fit_to_ms,
        length_ms=HOUR_MS,
        mixture=fitted.mixture,
        role=tuple(atoms.roles[i] for i in atoms.role_of),
        leverage=atoms.leverage,
        half_life_days=atoms.half_lives_days[atoms.class_of],
        spans_ms=EXCURSION_SPANS_MS,
        level=fitted.level,
        level_of="the end of the fit",
        targets=evidence.targets,
        simulated=True,
        complete_feed=evidence.complete_feed(fit_to_ms),
    )


@dataclass(slots=True)
class _Books:
    """Depth as it was published, by venue, moment and direction; both ladders ask for the same."""

    bands: dict[str, pl.DataFrame]
    event_ms: dict[str, I8]
    curves: dict[tuple[str, int, Direction], DepthCurve]

    @classmethod
    def of(cls, recorded: Recorded) -> _Books:
        bands = {
            venue: tables["depth_bands"].sort("event_time", maintain_order=True)
            for venue, tables in recorded.rows.items()
        }
        event_ms = {
            venue: frame["event_time"].dt.epoch("ms").to_numpy() for venue, frame in bands.items()
        }
        return cls(bands, event_ms, {})

    def curve(self, venue: str, at_ms: int, direction: Direction) -> DepthCurve:
        """Return depth from the bands of the day before a moment, as known by then."""
        key = (venue, at_ms, direction)
        if key not in self.curves:
            first, last = np.searchsorted(self.event_ms[venue], [at_ms - DAY_MS, at_ms], "right")
            known = pl.col("available_time") <= pl.lit(at_ms, dtype=TIME)
            rows = self.bands[venue].slice(int(first), int(last - first)).filter(known)
            self.curves[key] = from_bands(rows, direction)
        return self.curves[key]
