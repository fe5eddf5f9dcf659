"""Shipped brackets: the first brackets that venues were read to state, each with its date.

In:  nothing.   Out: `DEFAULT_BRACKETS`, for use until a venue's own table is fetched.
Pure: constants; no I/O, no clock.

Venues change these often. All but Hyperliquid's are *partial*: they answer up to the last cap that
was read and raise above it. MEXC is absent because the reading gave leverages without rates, and
Bybit and OKX because their tables are public and were not copied.
"""

from __future__ import annotations

import math

from forcedflow.margin.brackets import BracketSchedule, schedule_from_rows

# A reading that names a month or a year is dated its last day: nothing is used before it was known.
_END_OF_2023_MS = 1_703_980_800_000
_END_OF_2026_09_MS = 1_790_726_400_000
_DAY_2026_11_23_MS = 1_795_392_000_000

# (notional cap, maintenance margin rate, largest leverage)
_BINANCE: dict[str, list[tuple[float, float, float]]] = {
    "BTC": [
        (300e3, 0.004, 150),
        (800e3, 0.005, 100),
        (3e6, 0.0065, 75),
        (12e6, 0.01, 50),
        (70e6, 0.02, 25),
    ],
    "ETH": [
        (300e3, 0.004, 150),
        (800e3, 0.005, 100),
        (3e6, 0.0065, 75),
        (12e6, 0.01, 50),
        (50e6, 0.02, 25),
    ],
    "SOL": [(50e3, 0.005, 100), (400e3, 0.0065, 75), (1e6, 0.01, 50)],
    "XRP": [(40e3, 0.005, 100)],
    "DOGE": [(80e3, 0.0065, 75)],
    "BNB": [(10e3, 0.005, 75)],
    "HYPE": [(20e3, 0.01, 75)],
}

# Half of the initial margin at the largest leverage is kept: 1/80 up to 150 M, 1/40 above.
_HYPERLIQUID_BTC: list[tuple[float, float, float]] = [
    (150e6, 1 / 80, 40),
    (math.inf, 1 / 40, 20),
]

DEFAULT_BRACKETS: tuple[BracketSchedule, ...] = (
    *(
        schedule_from_rows(
            "binance",
            f"{coin}/USDT:USDT",
            _END_OF_2026_09_MS,
            rows,
            source="Binance leverage and margin table, recorded September 2026",
            partial=True,
        )
        for coin, rows in _BINANCE.items()
    ),
    schedule_from_rows(
        "bitget",
        "BTC/USDT:USDT",
        _DAY_2026_11_23_MS,
        [(150e3, 0.004, 125)],
        source="Bitget position tier table, read by 23 November 2026",
        partial=True,
    ),
    schedule_from_rows(
        "gate",
        "BTC/USDT:USDT",
        _END_OF_2023_MS,
        [(1e6, 0.004, 125)],
        source="Gate risk limit tiers, recorded 2023",
        partial=True,
    ),
    schedule_from_rows(
        "kucoin",
        "BTC/USDT:USDT",
        _DAY_2026_11_23_MS,
        [(100e3, 0.004, 125)],
        source="KuCoin isolated risk limit levels, read by 23 November 2026",
        partial=True,
    ),
    schedule_from_rows(
        "hyperliquid",
        "BTC/USDC:USDC",
        _END_OF_2026_09_MS,
        _HYPERLIQUID_BTC,
        source="Hyperliquid documentation, margin tiers, read 2026",
    ),
)
"""Every shipped schedule; `schedule_as_of` picks among those of one venue."""


def default_schedules(venue: str) -> tuple[BracketSchedule, ...]:
    """Return the shipped schedules of one venue; empty where none is shipped.

    Examples
    --------
    >>> default_schedules("hyperliquid")[0].brackets[1].maintenance_amount
    1875000.0
    """
    return tuple(schedule for schedule in DEFAULT_BRACKETS if schedule.venue == venue)
