"""A forecast: ten symbols' year of five-minute data trained on, and all of them told of.

In:  nothing.   Out: `Result` rows; the peer is scikit-learn on the same hours.
Tables are made up: random walks with falls planted in them, every figure known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.measure import Budget, Result, measure, measure_both
from forcedflow.evaluate.forecast_fit import Evidence, fit_forecast
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.forecast.course import lay_sample, lay_samples
from forcedflow.forecast.events import C2
from forcedflow.forecast.kept_timing import KeptTiming, tell_chances
from forcedflow.forecast.rows import HORIZONS_H, lay_rows, names_of, standardise
from forcedflow.forecast.size import OURS, SizeModel, with_past_sizes
from forcedflow.forecast.size_forecast import forecast_sizes
from forcedflow.forecast.sizes import Liquidated
from forcedflow.instruments import parse_symbol
from forcedflow.units import DAY_MS, HOUR_MS

SEED = 20261123
SYMBOLS = ("BTC", "ETH", "SOL", "DOGE", "XRP", "BNB", "ADA", "LTC", "TRX", "SUI")
DAYS, TOLD_DAYS = 365, 62

TRAINED = "training, a year of ten symbols"
TOLD = "all ten told of"

_FAMILIES = ("clock", "volatility", "liquidations", "market", "map")


def made_up(seed: int, days: int) -> tuple[FeatureTable, Liquidated]:
    """Return a year of a market in which contracts close with every fourth day's fall or rise."""
    rng = np.random.default_rng(seed)
    n = days * DAY_MS // STEP_MS
    times = STEP_MS * np.arange(1, n + 1, dtype=np.int64)
    step, closed = 0.0006 * rng.normal(size=n), 0.0003 * rng.normal(size=n)
    for at in rng.integers(0, n - 12, days // 4).tolist():
        step[at : at + 6] += rng.choice([-0.006, 0.006])
        closed[at : at + 6] -= 0.006
    price, contracts = 100 * np.exp(step.cumsum()), 1e6 * np.exp(closed.cumsum())
    change = np.concatenate([np.full(12, np.nan), contracts[12:] / contracts[:-12] - 1])
    names = {name for family in _FAMILIES for name in names_of((family,))}
    columns = {name: rng.normal(size=n) for name in sorted(names)}
    columns |= {f"{name}_30d": rng.random(n) for name in names if name.endswith("_rank")}
    columns |= {
        "price": price,
        "open_interest": contracts,
        "oi_change_1h": change,
        "sigma_day": np.full(n, 0.025),
        "sigma_1h": 0.025 * np.exp(0.3 * rng.normal(size=n)),
        "hour_of_week": ((times // HOUR_MS + 72) % 168).astype(float),
        "liq_long_1h": np.abs(rng.normal(size=n)) * 1e-4,
        "liq_short_1h": np.abs(rng.normal(size=n)) * 1e-4,
    }
    hours = times[times % HOUR_MS == 0]
    usd = np.exp(rng.normal(size=(hours.size, 2))) * 1e5
    table = FeatureTable(times, columns, {}, simulated=True, labels={})
    return table, Liquidated(hours, usd, simulated=True)


def run(budgets: dict[str, Budget], _: int) -> Iterator[Result]:
    """Yield the time of training beside the peer's, and of telling of every market."""
    evidence = []
    for k, symbol in enumerate(SYMBOLS):
        table, liquidated = made_up(SEED + k, DAYS)
        evidence.append(Evidence(parse_symbol(symbol, "binance"), table, liquidated, "made up"))
    fit_to_ms = int(evidence[0].table.times_ms[-1])
    design, label = _peer_rows(evidence)
    trained = []

    def peer(_: object) -> None:
        for k in range(label.shape[1]):
            known = ~np.isnan(label[:, k])
            LogisticRegression(max_iter=200).fit(design[known], label[known, k])

    ours_s, peer_s = measure_both(
        lambda: evidence,
        lambda held: trained.append(fit_forecast(held, fit_to_ms, "benchmark")),
        peer,
        1,
    )
    yield Result(
        group="forecast",
        what=TRAINED,
        size=f"{len(evidence)} × {evidence[0].table.size:,} moments, three events, sizes",
        timing=ours_s,
        n_items=design.shape[0],
        peer="scikit-learn LogisticRegression, one event, no selection",
        peer_s=peer_s.best_s,
        budget=budgets[TRAINED],
    )
    kept = {name: KeptTiming.from_plain(one) for name, one in trained[0].timing.items()}
    sizes = [SizeModel.from_plain(one) for one in trained[0].size[OURS].values()]
    recent = [_recent(one) for one in evidence]

    def tell(_: object) -> None:
        for one in recent:
            instrument, table = one.instrument, one.table
            rows = lay_rows(table, instrument.symbol, instrument.venue)
            samples = lay_samples(table, rows, [timing.rule for timing in kept.values()])
            for timing, sample in zip(kept.values(), samples, strict=True):
                tell_chances(timing, sample, table.at_ms)
            if one.liquidated is not None:
                # As read anew: nothing that was found of it before is at hand.
                liquidated = replace(one.liquidated)
                laid = with_past_sizes(rows, liquidated)
                forecast_sizes(sizes, laid, liquidated)

    yield Result(
        group="forecast",
        what=TOLD,
        size=f"{len(recent)} symbols × {TOLD_DAYS} d, {len(kept)} events, {len(HORIZONS_H)} sizes",
        timing=measure(lambda: None, tell, 3),
        n_items=len(recent),
        budget=budgets[TOLD],
    )


def _recent(one: Evidence) -> Evidence:
    """Return what `forcedflow.asof.forecast.tell` reads of a market."""
    table, held = one.table.tail(TOLD_DAYS * DAY_MS // STEP_MS), one.liquidated
    if held is not None:
        near = held.end_ms >= table.times_ms[0] - DAY_MS
        held = Liquidated(held.end_ms[near], held.usd[near], held.simulated)
    return Evidence(one.instrument, table, held, one.liquidations_of)


def _peer_rows(evidence: list[Evidence]) -> tuple[np.ndarray, np.ndarray]:
    """Return the hours of every market, standardised, and whether a fall began by each horizon."""
    samples = [
        lay_sample(one.table, lay_rows(one.table, one.instrument.symbol, one.instrument.venue), C2)
        for one in evidence
    ]
    standard = standardise([one.course.rows for one in samples], names_of(_FAMILIES))
    design = np.concatenate([standard.apply(one.course.rows) for one in samples])
    return design, np.concatenate([one.labels.within(0) for one in samples])
