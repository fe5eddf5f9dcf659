"""What a map rests on, in words that stand under it in the terminal and in pictures.

In:  a `LiquidationMap`.   Out: one line per part.
Pure: values in, text out; no I/O, no clock.
"""

from __future__ import annotations

from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions.flows import describe_inputs
from forcedflow.units import DAY_MS, SIDES

SCALED_TOO_FAR = 2.0
"""Factor to the open interest, either way, beyond which the map says so of itself."""

_RECENT_DAYS = 7


def basis_lines(mapped: LiquidationMap) -> tuple[str, ...]:
    """Return what the estimate rests on: inputs, what was assumed, how far it had to be scaled.

    Shares of bars are those of all history and, where they differ, of what is shown: the picture's
    span, else the last seven days.
    """
    if mapped.heatmap is not None:
        since_ms, span = int(mapped.heatmap.columns.start_ms[0]), "those shown"
    else:
        since_ms, span = mapped.known_ms - _RECENT_DAYS * DAY_MS, f"the last {_RECENT_DAYS} days"
    scaled = scale_words(mapped)
    return (
        *describe_inputs(mapped.bars, since_ms, span),
        *mapped.market.notes,
        *((scaled,) if scaled else ()),
    )


def scale_words(mapped: LiquidationMap) -> str | None:
    """Return how far the ladder stood from the open interest; none where that was near."""
    factors = [float(factor) for factor in mapped.scale[-1]]
    if all(1 / SCALED_TOO_FAR <= factor <= SCALED_TOO_FAR for factor in factors):
        return None
    stood = " and ".join(
        f"{_times(factor)} ({side})" for factor, side in zip(factors, SIDES, strict=True)
    )
    return f"ladder stood at {stood} the open interest before scaling: shape worth less"


def _times(factor: float) -> str:
    # Where nothing is alive there is nothing to scale, and the factor is zero.
    return f"{1 / factor:.2g}×" if factor > 0 else "0×"
