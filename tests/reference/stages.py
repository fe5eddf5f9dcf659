"""Made-up stages: any mixture of ladders and books a venue could have, and even ones."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from forcedflow.cascade.stage import Stage

WIDTH = 5e-4


def stage_of(forced, depth, width=WIDTH, reaching=1.0, venues=None, open_interest=1e9):
    """Return a stage of rows of forced flow and depth; one row may be given bare."""
    forced, depth = np.atleast_2d(forced).astype(float), np.atleast_2d(depth).astype(float)
    return Stage(
        direction="down",
        mark=100.0,
        width=width,
        venues=venues or tuple(f"venue-{row}" for row in range(forced.shape[0])),
        forced=forced,
        depth=depth,
        reaching=reaching,
        forced_log_sd=0.1,
        depth_log_sd=0.1,
        open_interest_usd=open_interest,
        simulated=True,
    )


# Zero is frequent on purpose: bins without depth, ladders without positions.
_usd = st.one_of(st.just(0.0), st.floats(1.0, 1e7))


@st.composite
def stages(draw, max_venues=3, max_bins=30):
    """Any stage: empty bins, discrete clusters, books with holes, venues with no book at all."""
    n = draw(st.integers(1, max_venues))
    p = draw(st.integers(1, max_bins))
    rows = st.lists(st.lists(_usd, min_size=p, max_size=p), min_size=n, max_size=n)
    reaching = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return stage_of(draw(rows), draw(rows), reaching=reaching)
