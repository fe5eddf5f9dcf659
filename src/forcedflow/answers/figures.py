"""Figures in answers: what is unknown is null, never a number.

In:  a float.   Out: a float that JSON can hold, or None.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

import math


def known(value: float | None) -> float | None:
    """Return a figure to six digits; None where it is unknown."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
