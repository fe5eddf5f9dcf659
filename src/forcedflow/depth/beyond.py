"""Beyond what was shown: how depth goes on past a book's reach, and how unsure that is.

In:  the reach of a source and the density at its end. [1, USD per unit of log price]
Out: slices beyond it, and the log error of a whole curve. [USD, 1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

No source shows what a cascade may reach. Up to one percent the outermost density is taken to go on;
from there it falls as a power of distance. That is an assumption with a fit behind it, of one coin
and one day; ``docs/theory/depth.md`` shows both.
"""

from __future__ import annotations

import numpy as np

from forcedflow.units import F8

FLAT_TO = 0.01
"""Distance up to which density is taken to be even: nothing recorded says how it changes between
the few basis points of a 20-level book and the first percent of the bands. [1]"""

TAPER = 0.84
"""Exponent with which density falls beyond `FLAT_TO`: Binance BTC, 2025-10-10 until 15:00, the mean
of 1.47 (bids) and 0.21 (asks) between one and five percent. [1]"""

TAIL_TO = 0.40
"""Distance up to which slices are laid: as far as a cascade is followed. [1]"""

DRIFT = 0.84
"""Standard deviation of log density over an e-fold of distance, as of a random walk.

From how far the outer half of the tape's 20-level books lies from the quarter before it: there it
is nearly always the denser one, twice as dense. That rise cannot go on to one percent, or a book
would hold thirty times what is seen there; it is an error here and not a trend. [1]"""

SHOWN = 0.7
"""Log error of what a book executes over what it shows: on the tape, orders of 0.3 to 1 of a side
moved the mid at once 1.7 (BTC), 3.0 (DOGE) and 1.3 (AVAX) times as far as a walk through the book
before them; root mean square of the logs. Taken as an error and not as a correction, because such
orders also carry news. [1]"""

STATED_AT = 0.01
"""Distance for which a curve's log error is stated. [1]"""

_STEPS = 40


def tail(reach: float, density: float) -> tuple[F8, F8]:
    """Return slices from a reach to `TAIL_TO`.

    Parameters
    ----------
    reach : float
        How far the source showed the book, in log price. [1]
    density : float
        Depth per unit of log price at its end. [USD]

    Returns
    -------
    edges : ndarray, shape (k,)
        Outer borders of the slices; none where the reach is `TAIL_TO` or more. [1]
    usd : ndarray, shape (k,)
        What each holds. [USD]
    """
    if reach >= TAIL_TO:
        return np.empty(0), np.empty(0)
    edges = np.geomspace(max(reach, 1e-5), TAIL_TO, _STEPS + 1)
    # Bends are borders, so that no slice straddles one.
    edges = np.unique(np.append(edges[edges > reach], [FLAT_TO] if reach < FLAT_TO else []))
    total = _grown(edges, reach)
    return edges, density * np.diff(total, prepend=0.0)


def log_error(spread: float, reach: float) -> float:
    """Return the log error of a curve at `STATED_AT`.

    Parameters
    ----------
    spread : float
        Standard deviation of log depth among the snapshots behind it. [1]
    reach : float
        How far the source showed the book. [1]

    Returns
    -------
    float
        Of three independent errors: `spread`, `SHOWN`, and what lies between the reach and
        `STATED_AT`. [1]

    Raises
    ------
    ValueError
        If the reach is not positive.
    """
    if not reach > 0:
        raise ValueError(f"a book reaches somewhere, was {reach}")
    unseen = DRIFT**2 * max(float(np.log(STATED_AT / reach)), 0.0)
    return float(np.sqrt(spread**2 + SHOWN**2 + unseen))


def _grown(edges: F8, reach: float) -> F8:
    """Integral of density over its value at the reach, from there to each edge."""
    bend = max(reach, FLAT_TO)
    flat = np.minimum(edges, bend) - reach
    power = 1.0 - TAPER
    fallen = bend / power * ((np.maximum(edges, bend) / bend) ** power - 1.0)
    return np.asarray(flat + fallen)
