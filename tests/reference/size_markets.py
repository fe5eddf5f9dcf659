"""Made-up markets whose liquidations follow their inputs by a law that is known."""

from __future__ import annotations

import numpy as np

from forcedflow.forecast.rows import FAMILIES, Rows
from forcedflow.forecast.sizes import Liquidated
from forcedflow.units import DAY_MS, HOUR_MS

T0 = 1_760_000_400_000 // DAY_MS * DAY_MS


def hourly_market(days=60, seed=1, drift=0.0, with_map=0.0):
    """Rows and liquidations: log size = volatility + history + ``with_map`` x reach + noise."""
    rng = np.random.default_rng(seed)
    n = 24 * days
    times = T0 + HOUR_MS * np.arange(n, dtype=np.int64)
    calm = np.zeros(n)
    for t in range(1, n):
        calm[t] = 0.9 * calm[t - 1] + 0.4 * rng.normal()
    reach = rng.normal(size=(n, 2))
    columns = {name: rng.normal(size=n) for name in (*FAMILIES["clock"], *FAMILIES["market"])}
    columns |= {
        "sigma_1h": calm,
        "reach_long_1h": reach[:, 0],
        "reach_short_1h": reach[:, 1],
        "placebo_reach_long_1h": rng.normal(size=n),
        "placebo_reach_short_1h": rng.normal(size=n),
    }
    spread = np.exp(0.3 * calm)[:, None]
    log = 13.0 + drift * np.arange(n)[:, None] / n + calm[:, None] + with_map * reach
    usd = np.exp(log + 0.5 * spread * rng.standard_t(5, size=(n, 2)))
    # What the inputs of an hour tell of is closed in the hour after it.
    return Rows("BTC/USDT:USDT", "example", times, columns, False), Liquidated(
        times + HOUR_MS, usd, False
    )
