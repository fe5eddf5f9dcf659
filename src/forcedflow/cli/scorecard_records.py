"""What ``scorecard second-leg`` and ``scorecard regimes`` leave in the lake for pages to quote.

In:  legs that were over; adjusted rows of the product ``regimes``.   Out: one file each.
Heavy imports live inside the functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import parse_time
from forcedflow.cli.scorecard_regimes import SPOT

if TYPE_CHECKING:
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.instruments import Instrument
    from forcedflow.playbook.past_legs import PastLegs
    from forcedflow.store import Lake
    from forcedflow.store.pooled_record import HeldRate


def keep_legs(
    held: Lake,
    past: Sequence[PastLegs],
    venue: str,
    symbols: Sequence[str],
    from_ms: int,
    to_ms: int,
    data: dict[str, Any],
) -> Path:
    """Write what second legs came to into the lake and return the file.

    Parameters
    ----------
    held : Lake
    past : sequence of PastLegs
        One per market, known by the end.
    venue : str
    symbols : sequence of str
        The markets, in the same order.
    from_ms, to_ms : int
        Span scored. [UTC ms]
    data : dict
        As the scorecard filled it.
    """
    from forcedflow.playbook.past_legs import joined
    from forcedflow.store.pooled_record import HeldLegs, write_pooled

    legs = joined(past).known_by(to_ms)
    net: list[float | None] = [
        value if math.isfinite(value) else None for value in legs.net_bps.tolist()
    ]
    record = HeldLegs(
        venue=venue,
        symbols=list(symbols),
        from_ms=from_ms,
        to_ms=to_ms,
        simulated=bool(set(symbols) & set(data["simulated"])),
        data={symbol: data["hashes"][symbol] for symbol in symbols},
        known_ms=legs.known_ms.tolist(),
        impulse_ms=legs.impulse_ms.tolist(),
        to_extreme_ms=legs.to_extreme_ms.tolist(),
        net_bps=net,
        size_usd=legs.size_usd,
    )
    path = write_pooled(held.root, record)
    held.publish(path)
    return path


def keep_regimes(
    held: Lake,
    rows: Sequence[Row],
    instruments: Sequence[Instrument],
    from_: str,
    to: str,
    data: dict[str, Any],
) -> Path | None:
    """Write what followed regimes into the lake and return the file.

    Parameters
    ----------
    held : Lake
    rows : sequence of Row
        Adjusted.
    instruments : sequence of Instrument
        Of one venue.
    from_, to : str
        Span, as it was stated.
    data : dict
        As the scorecard filled it.

    Returns
    -------
    Path or None
        None where no perpetual was scored: a record is of markets that readings are of.
    """
    from forcedflow.store.pooled_record import HeldRegimes, write_pooled

    symbols = [one.symbol for one in instruments if one.symbol in data["hashes"]]
    if not symbols:
        return None
    alone = [row for row in rows if row.id.endswith(SPOT)]
    together = [row for row in rows if not row.id.endswith(SPOT)]
    record = HeldRegimes(
        venue=instruments[0].venue,
        symbols=symbols,
        from_ms=parse_time(from_),
        to_ms=parse_time(to),
        simulated=bool(set(symbols) & set(data["simulated"])),
        data=data["hashes"],
        rates=[*_rates(together, ""), *_rates(alone, SPOT)],
    )
    path = write_pooled(held.root, record)
    held.publish(path)
    return path


def _rates(rows: Sequence[Row], part: str) -> list[HeldRate]:
    """Rates of all markets of a kind together, or of the only one."""
    from forcedflow.store.pooled_record import HeldRate

    pooled = [row for row in rows if row.symbol == "pooled"]
    # Where one of several markets has spot bars, what they say is of that one.
    own = part if pooled or not part or not rows else f"{part}, {rows[0].symbol}"
    rates = []
    # Whole numbers would be read back as another type, and so as another content.
    for row in pooled or rows:
        if row.value is None or row.baseline_value is None or row.gain is None:
            continue
        low, high = (None if end is None or math.isnan(end) else float(end) for end in row.ci)
        rates.append(
            HeldRate(
                row.event or "",
                row.side or "pooled",
                row.horizon,
                row.metric,
                row.baseline,
                own,
                row.n,
                row.n_days,
                float(row.value),
                float(row.baseline_value),
                float(row.gain),
                low,
                high,
                None if row.p_adj is None else float(row.p_adj),
            )
        )
    return rates
