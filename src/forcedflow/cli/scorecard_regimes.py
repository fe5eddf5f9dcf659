"""``forcedflow scorecard regimes``: what followed each regime, beside moments alike.

In:  instruments and a span; or ``--trial``, simulated markets.   Out: rows of the product
     ``regimes``: of the perpetual with all its tables, and of its spot bars alone.
Heavy imports live inside the functions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import iso_time, parse_time
from forcedflow.cli.scorecard import record_inputs, report_progress
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.evaluate.regime_card import Scope
    from forcedflow.evaluate.regime_trial import Trial
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.instruments import Instrument
    from forcedflow.sandbox.parameters import Scenario
    from forcedflow.store import Lake

SPOT = "spot alone"
"""How rows of spot bars alone are marked."""

MARKETS: tuple[tuple[Scenario, int], ...] = (
    *(("crowded-longs", seed) for seed in range(1, 9)),
    *(("crowded-shorts", seed) for seed in range(1, 9)),
    *(("both-sides", seed) for seed in (1, 2)),
)
"""Scenario and seed of each simulated market."""

TRADERS, DAYS, SCORED_DAYS = 20_000, 120, 80
"""Size of a simulated market, days simulated, and the last of them that are scored. [d]"""

_DAY_MS = 86_400_000
# A month for thresholds and a week for what is looked at within it.
_WARM_DAYS = 40

_NOTE = (
    "Each beginning beside up to twenty moments alike: hour of the week, decile of expected "
    "volatility, and where named the decile of a further figure. Volatility is the log of realised "
    "over expected; skew and speed are taken the way of the crowd's forced closing. A gain above "
    "zero is what is said of the regime."
)
TRIAL_NOTE = f"SIMULATED markets with crowds, and with both sides full. {_NOTE}"

_Market = tuple["Scope", tuple["Trial", ...]]


def score_regimes(
    held: Lake | None,
    instruments: Sequence[Instrument],
    from_: str | None,
    to: str | None,
    data: dict[str, Any],
    *,
    trial: bool,
) -> tuple[list[Row], str]:
    """Return rows and what they are in words; what they rest on goes into ``data``.

    Raises
    ------
    UsageError
        If a span is stated for simulated markets, or none for recorded ones.
    """
    if trial:
        if from_ is not None or to is not None:
            raise UsageError(
                "the simulated trial has its own days\nhint: leave out --from and --to"
            )
        return _trial_rows(held, data), TRIAL_NOTE
    if held is None:
        raise UsageError("regimes of a market need a lake\nhint: --lake PATH")
    if from_ is None or to is None:
        raise UsageError(
            "regimes are scored over a span\nhint: --from 2023-06-22 --to 2026-03-15, or --trial"
        )
    from_ms, to_ms = parse_time(from_), parse_time(to)
    if from_ms >= to_ms:
        raise UsageError("the scored span must end after it begins\nhint: a later --to")
    note = f"Scored {iso_time(from_ms)} to {iso_time(to_ms)}. {_NOTE}"
    return _symbol_rows(held, instruments, from_ms, to_ms, data), note


def _symbol_rows(
    held: Lake,
    instruments: Sequence[Instrument],
    from_ms: int,
    to_ms: int,
    data: dict[str, Any],
) -> list[Row]:
    markets: list[_Market] = []
    for spot in (False, True):
        for instrument in instruments:
            symbol = f"{instrument.base}/{instrument.quote}" if spot else instrument.symbol
            report_progress(f"{instrument.venue} {symbol}")
            try:
                markets.append(_market(held, instrument, from_ms, to_ms, data, spot=spot))
            except NoDataError as error:
                _record_missing(data, symbol, str(error))
    return _rows(markets, data)


def _market(
    held: Lake,
    instrument: Instrument,
    from_ms: int,
    to_ms: int,
    data: dict[str, Any],
    *,
    spot: bool,
) -> _Market:
    from forcedflow.asof.features import read_feature_inputs
    from forcedflow.evaluate.regime_card import Scope
    from forcedflow.evaluate.regime_trial import hold_trials, spot_alone
    from forcedflow.features.registry import build_features

    start_ms = (from_ms // _DAY_MS - _WARM_DAYS) * _DAY_MS
    inputs = read_feature_inputs(held, instrument, start_ms, to_ms)
    symbol, part = instrument.symbol, ""
    if spot:
        inputs, symbol, part = spot_alone(inputs), f"{instrument.base}/{instrument.quote}", SPOT
    table = build_features(inputs, start_ms=start_ms)
    frames = {name: frame for name, frame in inputs.tables().items() if not frame.is_empty()}
    if spot:
        frames = {"spot klines": inputs.trade_klines}
    record_inputs(data, symbol, frames, simulated=inputs.simulated)
    scope = Scope(symbol, instrument.venue, tuple(frames), part)
    return scope, hold_trials(table, from_ms, to_ms)


def _rows(markets: Sequence[_Market], data: dict[str, Any]) -> list[Row]:
    """Rows of every market, and of all of a kind together where there are several."""
    from dataclasses import replace

    from forcedflow.evaluate.regime_card import regime_rows

    groups: list[tuple[Scope, list[tuple[Trial, ...]]]] = [
        (scope, [trials]) for scope, trials in markets
    ]
    for part in ("", SPOT):
        own = [market for market in markets if market[0].part == part]
        if len(own) > 1:
            pooled = replace(own[0][0], symbol="pooled")
            groups.append((pooled, [trials for _, trials in own]))
    rows: list[Row] = []
    for scope, group in groups:
        found, missing = regime_rows(group, scope)
        rows += found
        for one in missing:
            _record_missing(data, one.symbol, one.why)
    return rows


def _trial_rows(held: Lake | None, data: dict[str, Any]) -> list[Row]:
    """Rows of the simulated markets, remembered beside a lake where there is one."""
    from forcedflow.cli.scorecard_memory import memory_key, remembered
    from forcedflow.sandbox.parameters import parameters

    conditions = {
        "markets": [list(market) for market in MARKETS],
        "traders": TRADERS,
        "days": DAYS,
        "scored_days": SCORED_DAYS,
    }
    data["simulated"].append("SIM/USDT:USDT")
    data["trial"] = conditions
    digests = [parameters(scenario).digest() for scenario, _ in MARKETS]
    key = memory_key({"product": "regimes", **conditions, "parameters": digests})

    def score() -> tuple[list[Row], list[Any]]:
        told: dict[str, Any] = {"missing": []}
        rows = _rows([_simulated(i) for i in range(len(MARKETS))], told)
        pooled = [row for row in rows if row.symbol == "pooled"]
        return pooled, [one for one in told["missing"] if one["symbol"] == "pooled"]

    rows, missing = score() if held is None else remembered(held, key, score)
    data["missing"] += missing
    return rows


def _simulated(place: int) -> _Market:
    from forcedflow.asof.features import read_features
    from forcedflow.evaluate.regime_card import Scope
    from forcedflow.evaluate.regime_trial import hold_trials, laid_apart
    from forcedflow.evaluate.signal_trial import record_market

    scenario, seed = MARKETS[place]
    report_progress(f"{place + 1} of {len(MARKETS)}: {scenario}, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="forcedflow-regimes-") as folder:
        recorded = record_market(Path(folder), scenario, seed, TRADERS, DAYS)
        table = read_features(recorded.lake, recorded.instrument, recorded.at_ms, DAYS)
    inputs = tuple(name for name, age in table.input_age_ms.items() if age is not None)
    scope = Scope(f"SIM {scenario} {seed}", recorded.instrument.venue, inputs)
    from_ms = recorded.at_ms - SCORED_DAYS * _DAY_MS
    return scope, laid_apart(hold_trials(table, from_ms, recorded.at_ms), place)


def _record_missing(data: dict[str, Any], symbol: str, why: str) -> None:
    data["missing"].append({"symbol": symbol, "why": why.split("\n", maxsplit=1)[0]})
