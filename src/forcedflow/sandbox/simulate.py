"""Run the market: minutes in, blocks of recorded minutes out.

In:  a `State` and a number of minutes.   Out: `Block`s, what every venue and every account did.
Pure: NumPy; the state it is given is advanced in place; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from forcedflow.sandbox import _kernels
from forcedflow.sandbox.parameters import (
    CONTRACT_COINS,
    MONEY_USD,
    TICK_USD,
    Habits,
    SandboxParameters,
)
from forcedflow.sandbox.state import BIN_SHARE, REFERENCE_TRADERS, State
from forcedflow.units import F8, I8, MINUTE_MS, F8x2

START_MS = 1_704_067_200_000
"""Monday 2024-01-01 00:00 UTC: when every simulated market opens."""

BURN_IN_DAYS = 12
"""Days run before the first recorded minute, so that positions have filled up."""

_WEEK_MINUTES = 10_080
_EVENT_WEEKS = 400
_ROUND = np.array([10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0, 125.0, 150.0])


class Rates(NamedTuple):
    """`Habits` in the kernel's units: per minute, in ticks and contracts."""

    sigma_minute: float
    slow_rate: float
    slow_noise: float
    fast_rate: float
    fast_noise: float
    vol_mean: float
    appetite_rate: float
    appetite_noise: float
    fervour_rate: float
    fervour_noise: float
    jump_rate: float
    jump_size: float
    event_minutes: float
    event_vol: float
    event_minute: I8
    activity: F8
    depth_week: F8
    open_rate: float
    trend: float
    crowd: float
    balance: float
    premium: float
    arbitrage: float
    wave_arbitrage: float
    impact_fade: float
    permanent: float
    minute_mark: float
    wave_mark: float
    withdrawal: float
    refill: float
    churn: float
    stop_share: float
    top_up_share: float
    loser_delay: float
    hold_minutes: float
    hold_sigma: float
    liquidation_fee: float
    round_leverage: F8
    money: float
    bin_ticks: float
    spot_volume: float


class Out(NamedTuple):
    """Recorded minutes by venue, and every liquidation. Prices in ticks, amounts in contracts."""

    open: F8x2
    high: F8x2
    low: F8x2
    close: F8x2
    mark_open: F8x2
    mark_high: F8x2
    mark_low: F8x2
    mark_close: F8x2
    volume: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    taker_buy: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    open_interest: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    depth: F8x2
    funding_rate: F8x2
    accounts: np.ndarray[tuple[int, int, int], np.dtype[np.int64]]
    forced: np.ndarray[tuple[int, int, int], np.dtype[np.int64]]
    caused: np.ndarray[tuple[int, int, int], np.dtype[np.int64]]
    deleveraged: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    spot: F8x2
    spot_volume: F8
    event_ms: I8
    event_venue: I8
    event_position: I8
    event_entry: I8
    event_margin: I8
    event_amount: I8
    event_tick: I8
    event_mark: F8
    event_bankruptcy: F8
    event_caused: np.ndarray[tuple[int], np.dtype[np.bool_]]
    event_trader: I8
    n_events: I8
    closes: I8
    opens: I8
    sides: I8
    hit: I8
    picked: I8


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive recorded minutes.

    Parameters
    ----------
    first_minute : int
        Minutes since the market opened, of the first row.
    out : Out
        Rows of the block; only the first `minutes` hold anything.
    minutes : int
    """

    first_minute: int
    out: Out
    minutes: int

    @property
    def start_ms(self) -> int:
        """Return the start of the first minute. [UTC ms]"""
        return START_MS + self.first_minute * MINUTE_MS


def simulate(state: State, minutes: int, block_minutes: int = 1440) -> Iterator[Block]:
    """Advance the market, a block at a time.

    Parameters
    ----------
    state : State
        Advanced in place.
    minutes : int
        How far.
    block_minutes : int
        Longest block; a block ends early when very much is liquidated.

    Yields
    ------
    Block
    """
    rates = kernel_rates(state.parameters, state.n_traders, state.seed)
    venues = state.venues
    scaled = venues._replace(depth=venues.depth * (state.n_traders / REFERENCE_TRADERS))
    left = minutes
    while left > 0:
        size = min(left, block_minutes)
        out = _empty(size, venues.price.size, state.n_traders)
        first = int(state.world.minute[0])
        ran = _kernels.run(
            scaled, state.traders, state.queues, state.world, rates, state.rng, out, size
        )
        yield Block(first, out, int(ran))
        left -= int(ran)


def burn_in(state: State) -> None:
    """Run the market until positions have filled up; nothing is recorded."""
    for _ in simulate(state, BURN_IN_DAYS * 1440):
        pass


def scheduled_events(parameters: SandboxParameters, seed: int) -> I8:
    """Return the minutes of scheduled volatility events, known to everybody in advance."""
    rng = np.random.default_rng([seed, 7])
    days = np.flatnonzero(rng.random(_EVENT_WEEKS * 7) < parameters.habits.events_per_week / 7)
    hours = rng.choice(np.array([12.5, 13.5, 14.0, 18.0, 19.0]), size=days.size)
    minutes: I8 = (days * 1440 + hours * 60).astype(np.int64)
    return minutes


def kernel_rates(parameters: SandboxParameters, n_traders: int, seed: int) -> Rates:
    """Return the habits in the kernel's units."""
    habits = parameters.habits
    slow_rate = 1 / (habits.slow_vol_days * 1440)
    fast_rate = 1 / (habits.fast_vol_hours * 60)
    appetite_rate = 1 / (habits.appetite_days * 1440)
    fervour_rate = 1 / (habits.fervour_hours * 60)
    activity, depth_week = _week(habits)
    ticks = habits.start_price / TICK_USD
    return Rates(
        sigma_minute=habits.sigma_day / np.sqrt(1440),
        slow_rate=slow_rate,
        slow_noise=habits.slow_vol_size * np.sqrt(2 * slow_rate),
        fast_rate=fast_rate,
        fast_noise=habits.fast_vol_size * np.sqrt(2 * fast_rate),
        vol_mean=habits.slow_vol_size**2 + habits.fast_vol_size**2,
        appetite_rate=appetite_rate,
        appetite_noise=habits.appetite_size * np.sqrt(2 * appetite_rate),
        fervour_rate=fervour_rate,
        fervour_noise=habits.fervour_size * np.sqrt(2 * fervour_rate),
        jump_rate=habits.jumps_per_day / 1440,
        jump_size=habits.jump_size,
        event_minutes=habits.event_minutes,
        event_vol=habits.event_vol,
        event_minute=scheduled_events(parameters, seed),
        activity=activity,
        depth_week=depth_week,
        open_rate=habits.opens_per_trader_day / 1440,
        trend=habits.trend,
        crowd=habits.crowd,
        balance=habits.balance,
        premium=habits.premium,
        arbitrage=habits.arbitrage,
        wave_arbitrage=1 - (1 - habits.arbitrage) ** 0.5,
        impact_fade=1 - 2.0 ** (-1 / habits.impact_half_life_min),
        permanent=habits.permanent_impact,
        minute_mark=1 - 2.0 ** (-60 / habits.mark_half_life_s),
        # The index follows the perps at once through arbitrage; only the premium is smoothed.
        wave_mark=0.9,
        withdrawal=habits.depth_withdrawal,
        refill=1 / habits.depth_refill_min,
        churn=habits.churn,
        stop_share=habits.stop_share,
        top_up_share=habits.top_up_share,
        loser_delay=habits.loser_delay,
        hold_minutes=habits.hold_days_at_one * 1440,
        hold_sigma=habits.hold_sigma,
        liquidation_fee=0.005,
        round_leverage=_ROUND,
        money=MONEY_USD,
        bin_ticks=ticks * BIN_SHARE,
        spot_volume=n_traders / REFERENCE_TRADERS * habits.spot_coins_per_minute / CONTRACT_COINS,
    )


def _week(habits: Habits) -> tuple[F8, F8]:
    """Activity and depth by minute of the week: thin nights, thinner weekends."""
    minute = np.arange(_WEEK_MINUTES)
    hour = (minute % 1440) / 60
    day = minute // 1440
    # One wave over the day, highest at 15:00 UTC.
    wave = 0.5 + 0.5 * np.cos((hour - 15.0) / 24 * 2 * np.pi)
    activity = habits.night_activity + (2 - 2 * habits.night_activity) * wave
    activity *= np.where(day >= 5, habits.weekend_activity, 1.0)
    activity /= activity.mean()
    return activity, np.sqrt(activity)


def _empty(minutes: int, n_venues: int, n_traders: int) -> Out:
    grid, sides = (minutes, n_venues), (minutes, n_venues, 2)
    room = (n_traders // 2 + 20_000,)
    shapes: dict[str, tuple[int, ...]] = {
        "accounts": sides,
        "forced": sides,
        "caused": sides,
        "spot": (minutes, 4),
        "spot_volume": (minutes,),
        "n_events": (1,),
        **dict.fromkeys(("closes", "opens", "sides", "hit", "picked"), (n_traders,)),
    }
    whole = {
        *("volume", "taker_buy", "open_interest", "accounts", "forced", "caused", "deleveraged"),
        *("event_ms", "event_venue", "event_position", "event_entry", "event_margin"),
        *("event_amount", "event_tick", "event_trader", "n_events"),
        *("closes", "opens", "sides", "hit", "picked"),
    }
    arrays: list[np.ndarray[tuple[int, ...], np.dtype[Any]]] = []
    for name in Out._fields:
        shape = shapes.get(name, room if name.startswith("event_") else grid)
        dtype: type = np.int64 if name in whole else np.float64
        arrays.append(np.zeros(shape, dtype=np.bool_ if name == "event_caused" else dtype))
    out = Out._make(arrays)
    out.picked[:] = -1
    return out
