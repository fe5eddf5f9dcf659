"""A zone: one cluster of estimated liquidations, as it stands at one moment.

In:  -.   Out: `Zone`, a value.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.units import Side


@dataclass(frozen=True, slots=True)
class Zone:
    """A run of prices where more would be force-closed than around it.

    Parameters
    ----------
    side : {"long", "short"}
        Side of the positions that would be closed. Longs lie below the price, shorts above.
    low, high : float
        Borders. [quote per base]
    peak : float
        Price of the densest bin. [quote per base]
    notional_usd : float
        Estimated notional inside, at the liquidation prices. [USD]
    notional_usd_low, notional_usd_high : float
        Under a stated prior least and most over alternative priors: a range, not a confidence
        interval. Under learned weights 10–90 %, widened by the model error measured on the
        simulated exchange. [USD]
    distance_pct : float
        From the mark price to the nearer border, signed. [%]
    distance_sigma : float
        The same distance in standard deviations of the coming 24 h; NaN where σ is unknown. [σ]
    age_h : float
        Mean age of the contracts inside, weighted by size. [h]
    share_of_oi : float
        Contracts inside over one side's open interest in contracts. [1]
    rank : int
        1 is the largest of its side.
    major : bool
        Whether it holds at least `MAJOR_SHARE` of its side's open interest, in contracts.
    prior_share : float
        Share of the notional whose weights no data informed; 1 under a stated prior. [1]
    """

    side: Side
    low: float
    high: float
    peak: float
    notional_usd: float
    notional_usd_low: float
    notional_usd_high: float
    distance_pct: float
    distance_sigma: float
    age_h: float
    share_of_oi: float
    rank: int
    major: bool
    prior_share: float = 1.0

    def row(self) -> dict[str, str | float | bool]:
        """Return the zone as a plain row, numbers rounded to what they can bear."""
        return {
            "side": self.side,
            "low": float(f"{self.low:.7g}"),
            "high": float(f"{self.high:.7g}"),
            "peak": float(f"{self.peak:.7g}"),
            "notional_usd": round(self.notional_usd),
            "notional_usd_low": round(self.notional_usd_low),
            "notional_usd_high": round(self.notional_usd_high),
            "distance_pct": round(self.distance_pct, 3),
            "distance_sigma": round(self.distance_sigma, 3),
            "age_h": round(self.age_h, 1),
            "share_of_oi": round(self.share_of_oi, 5),
            "rank": self.rank,
            "major": self.major,
            "prior_share": round(self.prior_share, 4),
        }
