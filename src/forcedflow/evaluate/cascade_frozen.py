r"""A frozen cascade: what stood at one moment, and what the hours after it made of that.

In:  the map and books of the moment; mark prices and liquidations of the hours after it.
Out: rows of the product ``cascade``, one case each. [1, USD]
Pure: values in, values out; no I/O, no clock.

One case proves nothing; it is told because people ask about it. Rows have ``n = 1``, no p-value,
and for an interval the figure with a thin and with a deep book: the 10 and the 90 % of what depth
may have been. The shock is not known, so nothing here says where the fall should have ended:

- ``forced_predicted_actual``: what stood on the way at the freeze, in units of the feed that the
  mixture was fitted to, over what that feed showed until price was furthest. Positions opened
  since are in the latter alone.
- ``share_explained``: one less shock over move, for the shock whose fixed point is the move.
- ``share_explained_by_prints``: how far the book gives way to the liquidations that the feed
  showed, over the move; beside the square-root law for the same flow.
- ``critical_shock``: beside how far price went.
- ``structural_probability``: of reaching the critical shock in the span; uncalibrated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forcedflow.cascade.criticality import assess
from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.forced_flow import forced_flow
from forcedflow.cascade.stage import Stage, lay_edges
from forcedflow.depth.curve import DIRECTION_OF, DepthCurve
from forcedflow.errors import NoDataError
from forcedflow.evaluate.cascade_card import Scope
from forcedflow.evaluate.cascade_foresight import SQUARE_ROOT
from forcedflow.evaluate.realised import Realised
from forcedflow.evaluate.scorecard import Row
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.pipeline import build_stage
from forcedflow.positions import Bars
from forcedflow.units import DAY_MS, F8, HOUR_MS, SIDES, Side

_TAIL = 1.2816
"""Standard deviations from the middle to the 10 and the 90 % of a normal."""

_SHOCKS = 4_000


@dataclass(frozen=True, slots=True)
class Fall:
    """What price did after the freeze, in the direction it went further.

    Parameters
    ----------
    side : {"long", "short"}
        Whose positions are closed on that way.
    distance : float
        Furthest log distance from the mark of the freeze. [1]
    furthest_ms : int
        End of the bar that went there. [UTC ms]
    forced_usd : float
        Liquidations of that side until the end of the interval that holds it. [USD]
    span_ms : int
        From the freeze to the end of what is scored. [ms]
    """

    side: Side
    distance: float
    furthest_ms: int
    forced_usd: float
    span_ms: int


def measure_fall(mark: float, at_ms: int, to_ms: int, bars: Bars, realised: Realised) -> Fall:
    """Return what price did in ``(at, to]`` and what was closed by force on the way.

    Parameters
    ----------
    mark : float
        Mark price of the freeze. [quote per base]
    at_ms, to_ms : int
        [UTC ms]
    bars : Bars
    realised : Realised
        Of any length of interval.

    Raises
    ------
    NoDataError
        If no bar or no interval of liquidations lies in the span, or price never left the mark.
    """
    later = (bars.end_ms > at_ms) & (bars.end_ms <= to_ms)
    if not later.any():
        raise NoDataError("no mark price after the freeze")
    reach = np.stack([-np.log(bars.low[later] / mark), np.log(bars.high[later] / mark)])
    furthest = reach.max(axis=1)
    s = int(np.argmax(furthest))
    if not furthest[s] > 0:
        raise NoDataError("price never left the mark of the freeze")
    furthest_ms = int(bars.end_ms[later][np.argmax(reach[s])])
    after = realised.end_ms > at_ms
    until = int(np.searchsorted(realised.end_ms, furthest_ms))
    if not after.any() or until >= realised.end_ms.size:
        raise NoDataError("no liquidations are held from the freeze until price was furthest")
    counted = after & (np.arange(realised.end_ms.size) <= until)
    return Fall(
        side=SIDES[s],
        distance=float(furthest[s]),
        furthest_ms=furthest_ms,
        forced_usd=float(realised.usd[counted, s].sum()),
        span_ms=to_ms - at_ms,
    )


def frozen_rows(
    mapped: LiquidationMap, depths: tuple[DepthCurve, DepthCurve], fall: Fall, scope: Scope
) -> Iterator[Row]:
    """Yield the rows of one case.

    Parameters
    ----------
    mapped : LiquidationMap
        As of the freeze.
    depths : pair of DepthCurve
        As of the freeze: down, up.
    fall : Fall
    scope : Scope
    """
    curve = depths[SIDES.index(fall.side)]
    if curve.direction != DIRECTION_OF[fall.side]:
        raise ValueError("depth curves are given down first, then up")
    books = [
        curve.scaled(math.exp(z * curve.log_sd), "10 %, 50 % or 90 % of its error")
        for z in (0.0, -_TAIL, _TAIL)
    ]
    stages = [build_stage([mapped], [book], fall.side) for book in books]

    def row(metric: str, values: list[float | None], other: float | None, name: str) -> Row:
        middle, *ends = values
        known = sorted(end for end in ends if end is not None)
        low, high = known if len(known) == len(ends) else (None, None)
        return Row(
            id=(
                f"cascade-{scope.venue}-{scope.symbol}-{scope.event}-{mapped.model}-{metric}-{name}"
                f":{mapped.model}"
            ),
            product="cascade",
            event=scope.event,
            symbol=scope.symbol,
            venue=scope.venue,
            side=fall.side,
            horizon=f"{fall.span_ms / HOUR_MS:g}h",
            inputs=list(scope.inputs),
            model=mapped.model,
            baseline=name,
            metric=metric,
            n=1,
            n_days=1,
            value=middle,
            baseline_value=other,
            gain=None,
            ci=[low, high],
            p=None,
        )

    if mapped.trained is not None and fall.forced_usd > 0:
        yield row("forced_predicted_actual", _predicted_over_actual(mapped, fall), None, "none")
    yield row(
        "share_explained", [explained_share(stage, fall.distance) for stage in stages], None, "none"
    )
    law = SQUARE_ROOT * mapped.sigma_day * math.sqrt(fall.forced_usd / _volume_usd(mapped))
    gave_way: list[float | None] = [
        min(1.0, _walked(stage, fall.forced_usd) / fall.distance) for stage in stages
    ]
    share = law / fall.distance if math.isfinite(law) else None
    yield row("share_explained_by_prints", gave_way, share, "square_root")
    found = [assess(stage) for stage in stages]
    yield row(
        "critical_shock", [one.critical_shock for one in found], fall.distance, "furthest_move"
    )
    sigma = mapped.sigma_day * math.sqrt(fall.span_ms / DAY_MS)
    chances: list[float | None] = [one.structural_probability(sigma) for one in found]
    yield row("structural_probability", chances, None, "none")


def _predicted_over_actual(mapped: LiquidationMap, fall: Fall) -> list[float | None]:
    edges = lay_edges(reach=max(fall.distance, 2e-3))
    # Every forced close is not printed: what the feed shows of a dollar is all that is asked.
    flow = forced_flow(mapped, fall.side, edges, complete_feed=True)
    ratio = float(flow.usd.sum()) / fall.forced_usd
    return [ratio * math.exp(z * flow.log_sd) for z in (0.0, -_TAIL, _TAIL)]


def explained_share(stage: Stage, distance: float) -> float:
    """Return how much of a move a stage accounts for. [1]

    One less shock over move, for the largest shock whose fixed point is no further than the move.

    Parameters
    ----------
    stage : Stage
    distance : float
        How far price went. [1]
    """
    shocks: F8 = np.linspace(distance / _SHOCKS, distance, _SHOCKS)
    within = solve(stage, shocks).end <= distance * (1 + 1e-9)
    # Without any such shock the ladder carries the move by itself.
    return 1.0 - float(shocks[within].max(initial=0.0)) / distance


def _walked(stage: Stage, forced_usd: float) -> float:
    return float(np.interp(stage.reaching * forced_usd, stage.demand, stage.edges))


def _volume_usd(mapped: LiquidationMap) -> float:
    """Return what was traded over the 24 h before the freeze; NaN where unknown. [USD]"""
    recent = mapped.bars.end_ms > mapped.known_ms - DAY_MS
    return float(mapped.bars.volume[recent].sum()) * mapped.mark
