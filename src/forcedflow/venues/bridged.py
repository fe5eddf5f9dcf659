"""How a venue without a connector of its own is named: ``ccxt:bingx``.

In:  words a person typed.   Out: whether they name such a venue.
Pure: no I/O, no clock, and nothing of ccxt is imported for it.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "ccxt:"
"""What the names of bridged venues begin with, in commands and in the lake alike."""

_NAME: Final = re.compile(r"ccxt:[a-z0-9]{2,40}")


def is_bridged(name: str) -> bool:
    """Return whether a venue is reached by way of ccxt.

    Examples
    --------
    >>> is_bridged("ccxt:bingx"), is_bridged("bingx"), is_bridged("ccxt:")
    (True, False, False)
    """
    return _NAME.fullmatch(name) is not None
