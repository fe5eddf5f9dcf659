"""Which contract is meant: a symbol and a venue as people write them.

In:  text, a lake.   Out: an `Instrument`.
Reads the list of what the lake holds; nothing else.
"""

from __future__ import annotations

from forcedflow.errors import UsageError
from forcedflow.instruments import VENUES, Instrument, parse_symbol
from forcedflow.store import Lake


def choose_instrument(lake: Lake, symbol: str, venue: str) -> Instrument:
    """Return the instrument that a person means by a symbol and a venue.

    Raises
    ------
    UsageError
        If the venue is neither a known one nor in the lake, or uses no such symbol.
    """
    name = venue.strip().lower()
    held = {found for _, found, _ in lake.series()}
    if name not in VENUES and name not in held:
        known = ", ".join(sorted({*VENUES, *held}))
        raise UsageError(f"{venue!r} is no venue\nhint: one of {known}")
    return parse_symbol(symbol, name)
