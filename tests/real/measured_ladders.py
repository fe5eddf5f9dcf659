"""Published positions beside the modelled ladder, by distance from the mark.

In:  a lake with positions of Hyperliquid and open interest of Binance.   Out: one `Comparison` per
coin and side, and a table in words.
Free of conclusions: the accounts are a few hundred whales and daily winners of one venue, the
model is of another venue's open interest. It shows that both can be computed and compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.asof import read_market
from forcedflow.evaluate.truth_scores import (
    BIN,
    N_BINS,
    REACH,
    by_distance,
    pearson,
    wasserstein_bp,
)
from forcedflow.instruments import parse_symbol
from forcedflow.pipeline import build_map
from forcedflow.positions import latest_positions, measured_ladder, view
from forcedflow.positions.grid import FIVE_BPS
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, SIDES

LEAST_ACCOUNTS = 20

CAVEAT = (
    "A tiny and biased sample: whales and daily winners of one venue against the open interest of\n"
    "another. It checks the plumbing and claims nothing about the model."
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both ladders of one coin at one moment.

    ``measured`` and ``modelled`` have shape ``(2, N_BINS)``: USD of longs and shorts by distance
    from each venue's own mark, nearest bin first.
    """

    at_ms: int
    measured: np.ndarray
    modelled: np.ndarray
    n_positions: tuple[int, int]
    accounts: tuple[frozenset[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Means over the snapshots of one coin and side that hold any measured mass there.

    ``r_*`` is Pearson's correlation over the bins (there is none with a constant), ``w1_*``
    Wasserstein's first distance. [bp of price] ``None`` where fewer than two snapshots are left,
    so that no day could stand for another.
    """

    coin: str
    side: str
    n_snapshots: int
    n_positions: int
    n_accounts: int
    r_model: float | None
    r_other_days: float | None
    w1_model: float | None
    w1_uniform: float | None
    w1_other_days: float | None


def choose_snapshot(positions: pl.DataFrame, day_ms: int) -> int | None:
    """Return the day's last snapshot with enough accounts in the coin. [UTC ms]"""
    per_snapshot = (
        positions.with_columns(ms=pl.col("event_time").dt.epoch("ms"))
        .filter(pl.col("ms") >= day_ms, pl.col("ms") < day_ms + DAY_MS)
        .group_by("ms")
        .agg(accounts=pl.col("account").n_unique())
        .filter(pl.col("accounts") >= LEAST_ACCOUNTS)
    )
    return None if per_snapshot.is_empty() else int(per_snapshot["ms"].max())


def read_snapshots(
    lake: Lake, coin: str, days_ms: Sequence[int], trained: TrainedMixture | None = None
) -> list[Snapshot]:
    """Return the snapshots of a coin, at most one a day, against the prior or a trained map."""
    positions = lake.read("positions", venue="hyperliquid", symbol=f"{coin}/USDC:USDC")
    moments = [choose_snapshot(positions, day_ms) for day_ms in days_ms]
    return [
        read_snapshot(lake, coin, positions, at_ms, trained)
        for at_ms in moments
        if at_ms is not None
    ]


def read_snapshot(
    lake: Lake,
    coin: str,
    positions: pl.DataFrame,
    at_ms: int,
    trained: TrainedMixture | None = None,
) -> Snapshot:
    """Return both ladders of a coin as they could be known at a moment."""
    known = latest_positions(positions.filter(pl.col("available_time").dt.epoch("ms") <= at_ms))
    mark = float((known["notional_usd"] / known["amount"]).median())
    grid = view(mark * (1 - REACH), mark * (1 + REACH), FIVE_BPS)
    ladder = measured_ladder(known, grid)
    inside = known.filter(
        pl.col("liquidation_price").is_between(grid.edges[0], grid.edges[-1], closed="left")
    )
    of_side = [inside.filter(pl.col("side") == side) for side in SIDES]
    market = read_market(lake, parse_symbol(coin, "binance"), at_ms)
    mapped = build_map(market, trained=trained)
    wide = mapped.grid(REACH)
    modelled = [mapped.profile_usd(wide, side).sum(axis=0) for side in SIDES]
    return Snapshot(
        at_ms=at_ms,
        measured=np.stack(
            [by_distance(ladder.notional_usd[s], grid.prices, mark, s) for s in range(2)]
        ),
        modelled=np.stack(
            [by_distance(modelled[s], wide.prices, mapped.mark, s) for s in range(2)]
        ),
        n_positions=(of_side[0].height, of_side[1].height),
        accounts=(frozenset(of_side[0]["account"]), frozenset(of_side[1]["account"])),
    )


def compare(coin: str, snapshots: Sequence[Snapshot], side: int) -> Comparison:
    """Return how near the model comes on one side, and how near two nulls come.

    The nulls: the same mass everywhere, and the mean measured profile of the other days.
    """
    used = [s for s in snapshots if s.measured[side].sum() > 0 and s.modelled[side].sum() > 0]
    measured = [_unit(s.measured[side]) for s in used]
    modelled = [_unit(s.modelled[side]) for s in used]
    uniform = np.full(N_BINS, 1 / N_BINS)
    if len(used) < 2:
        measured, modelled = [], []
    other_days = [
        np.mean([m for j, m in enumerate(measured) if j != i], axis=0) for i in range(len(measured))
    ]
    pairs = list(zip(measured, modelled, other_days, strict=True))
    return Comparison(
        coin=coin,
        side=SIDES[side],
        n_snapshots=len(used),
        n_positions=sum(s.n_positions[side] for s in used),
        n_accounts=len(frozenset().union(*(s.accounts[side] for s in used))),
        r_model=_mean([pearson(m, model) for m, model, _ in pairs]),
        r_other_days=_mean([pearson(m, other) for m, _, other in pairs]),
        w1_model=_mean([wasserstein_bp(m, model) for m, model, _ in pairs]),
        w1_uniform=_mean([wasserstein_bp(m, uniform) for m, _, _ in pairs]),
        w1_other_days=_mean([wasserstein_bp(m, other) for m, _, other in pairs]),
    )


def table(rows: Sequence[Comparison]) -> str:
    """Return the comparisons as text, with what they are worth."""
    lines = [
        f"measured (Hyperliquid) against modelled (Binance): ±{REACH:.0%}, bins of {BIN:.1%}",
        f"{'':10}{'snap-':>6}{'posi-':>7}{'ac-':>7}{'Pearson':>16}{'Wasserstein-1, bp':>27}",
        f"{'coin side':10}{'shots':>6}{'tions':>7}{'counts':>7}"
        + "".join(f"{name:>8}" for name in ("model", "others"))
        + "".join(f"{name:>9}" for name in ("model", "uniform", "others")),
    ]
    for row in rows:
        r = (row.r_model, row.r_other_days)
        w1 = (row.w1_model, row.w1_uniform, row.w1_other_days)
        lines.append(
            f"{row.coin:5}{row.side:5}{row.n_snapshots:6}{row.n_positions:7}{row.n_accounts:7}"
            + "".join(f"{'–' if value is None else format(value, '+.2f'):>8}" for value in r)
            + "".join(f"{'–' if value is None else format(value, '.0f'):>9}" for value in w1)
        )
    return "\n".join([*lines, CAVEAT])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _unit(profile: np.ndarray) -> np.ndarray:
    return profile / profile.sum()
