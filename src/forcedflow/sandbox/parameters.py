"""Parameters of the simulated market: what is fixed by venue rules, by habit and by scenario.

In:  a scenario's name.   Out: frozen values and their hash.
Pure: no I/O, no clock, no global state.

Amounts inside the simulation are integers so that books balance exactly: a contract is a
thousandth of a coin, a tick is ten cents, and money is contracts times ticks (1e-4 USD).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import msgspec

from forcedflow.errors import UsageError
from forcedflow.tables import Completeness

COIN = "SIM"
CONTRACT_COINS = 1e-3
TICK_USD = 0.1
MONEY_USD = CONTRACT_COINS * TICK_USD

Scenario: TypeAlias = Literal[
    "calm",
    "quiet",
    "leverage-build-up",
    "crowded-longs",
    "crowded-shorts",
    "both-sides",
    "thin-weekend",
    "news-shock",
]


@dataclass(frozen=True, slots=True)
class VenueRules:
    """One perpetual venue.

    Parameters
    ----------
    name : str
        Venue id.
    feed : str
        What its liquidation feed is worth.
    share : float
        Share of traders who trade here. [1]
    brackets : tuple of (cap, rate, leverage)
        Notional cap [USD], maintenance margin rate [1] and largest leverage [×], ascending.
    fee_rate : float
        Taker fee. [1]
    depth_coins : float
        Coins that move price by one percent in normal times.
    latency_s : int
        Time from trigger to order. [s]
    """

    name: str
    feed: Completeness
    share: float
    brackets: tuple[tuple[float, float, float], ...]
    fee_rate: float
    depth_coins: float
    latency_s: int


@dataclass(frozen=True, slots=True)
class Habits:
    """How prices and traders behave. Rates are per minute unless the name says otherwise."""

    start_price: float = 60_000.0
    sigma_day: float = 0.0235
    slow_vol_days: float = 8.0
    slow_vol_size: float = 0.50
    fast_vol_hours: float = 2.0
    fast_vol_size: float = 0.35
    appetite_days: float = 6.0
    appetite_size: float = 0.30
    fervour_hours: float = 5.0
    fervour_size: float = 0.70
    jumps_per_day: float = 0.5
    jump_size: float = 0.005
    weekend_activity: float = 0.62
    night_activity: float = 0.70
    opens_per_trader_day: float = 0.42
    trend: float = 0.25
    crowd: float = 0.20
    balance: float = 6.0
    premium: float = 0.0015
    arbitrage: float = 0.5
    impact_half_life_min: float = 45.0
    permanent_impact: float = 0.35
    mark_half_life_s: float = 20.0
    depth_withdrawal: float = 0.45
    depth_refill_min: float = 12.0
    churn: float = 0.55
    hold_days_at_one: float = 22.0
    hold_sigma: float = 1.3
    spot_coins_per_minute: float = 6.0
    cross_share: float = 0.60
    stop_share: float = 0.35
    top_up_share: float = 0.25
    loser_delay: float = 0.35
    size_median_usd: float = 3_000.0
    size_sigma: float = 1.75
    largest_usd: float = 3.0e7
    events_per_week: float = 2.0
    event_vol: float = 3.0
    event_minutes: float = 45.0


@dataclass(frozen=True, slots=True)
class SandboxParameters:
    """Everything a simulation depends on besides its seed and size."""

    venues: tuple[VenueRules, ...]
    habits: Habits
    scenario: str

    def digest(self) -> str:
        """Return a hash of every figure; the frozen market is known by it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


_DEEP_BRACKETS = (
    (300_000.0, 0.004, 150.0),
    (800_000.0, 0.005, 100.0),
    (3_000_000.0, 0.0065, 75.0),
    (12_000_000.0, 0.01, 50.0),
    (70_000_000.0, 0.02, 25.0),
    (300_000_000.0, 0.05, 10.0),
)
_MIDDLE_BRACKETS = (
    (100_000.0, 0.005, 100.0),
    (1_000_000.0, 0.01, 50.0),
    (5_000_000.0, 0.02, 25.0),
    (50_000_000.0, 0.05, 10.0),
)
_SMALL_BRACKETS = (
    (50_000.0, 0.005, 125.0),
    (500_000.0, 0.01, 50.0),
    (20_000_000.0, 0.04, 12.0),
)

VENUES = (
    VenueRules("sandbox", "complete", 0.50, _DEEP_BRACKETS, 0.0005, 5_100.0, 1),
    VenueRules(
        "sandbox-sampled", "sampled lower bound", 0.32, _MIDDLE_BRACKETS, 0.00055, 3_000.0, 2
    ),
    VenueRules("sandbox-dark", "none", 0.18, _SMALL_BRACKETS, 0.0006, 1_400.0, 1),
)
"""Three venues: a full, a sampled and no liquidation feed; different brackets, fees and depth."""

_SCENARIOS: dict[str, dict[str, float]] = {
    "calm": {},
    "quiet": {"sigma_day": 0.012, "jumps_per_day": 0.15, "events_per_week": 0.5},
    "leverage-build-up": {"sigma_day": 0.014, "opens_per_trader_day": 0.75, "stop_share": 0.25},
    "crowded-longs": {"crowd": 0.9, "balance": 3.0, "trend": 0.7},
    "crowded-shorts": {"crowd": -0.9, "balance": 3.0, "trend": 0.7},
    "both-sides": {"trend": -0.35, "fast_vol_size": 0.8, "jumps_per_day": 1.5},
    "thin-weekend": {"weekend_activity": 0.30, "depth_withdrawal": 0.9},
    "news-shock": {"events_per_week": 6.0, "event_vol": 6.0, "jump_size": 0.015},
}
SCENARIOS = tuple(_SCENARIOS)
"""Presets. They set conditions; whether a cascade follows is up to the books and the positions."""


def parameters(scenario: str = "calm") -> SandboxParameters:
    """Return the parameters of a scenario.

    Raises
    ------
    UsageError
        If there is no such scenario.
    """
    if scenario not in _SCENARIOS:
        raise UsageError(f"no scenario {scenario!r}\nhint: one of {', '.join(SCENARIOS)}")
    return SandboxParameters(VENUES, replace(Habits(), **_SCENARIOS[scenario]), scenario)
