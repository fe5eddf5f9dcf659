"""A move of the price as people write it.

In:  text such as -3%.   Out: a signed fraction.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

from forcedflow.errors import UsageError

FARTHEST = 0.9
"""No move that is asked about is larger. [1]"""


def parse_move(text: str, option: str = "--move") -> float:
    """Return a move as a signed fraction; ``option`` is named where it is none.

    Raises
    ------
    UsageError
        If it is no percentage, or larger than `FARTHEST`.

    Examples
    --------
    >>> parse_move("-3%"), parse_move("+2.5 %")
    (-0.03, 0.025)
    """
    number = text.strip().removesuffix("%")
    try:
        fraction = float(number) / 100
    except ValueError:
        fraction = float("nan")
    if not text.strip().endswith("%") or not abs(fraction) <= FARTHEST:
        raise UsageError(f"{text!r} is no move up to {FARTHEST:.0%}\nhint: {option} -3%, or 2.5%")
    return fraction
