"""``forcedflow scorecard cascade``: what follows a push, on simulated markets and frozen real ones.

In:  with ``--trial`` nothing but a seed; else a lake, a moment to freeze it at and an end.
Out: rows of the product ``cascade``; why a row is missing.
Heavy imports live inside the functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forcedflow.cli.options import iso_time, parse_time
from forcedflow.cli.scorecard import record_inputs, report_progress
from forcedflow.errors import DataError, NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

TRIAL_NOTE = (
    "SIMULATED: emergent cascades of simulated markets with thin books, each beside a push alike. "
    "The shock is told to every rule; ladder, depth and volatility are of published tables, the "
    "mixture of the days before."
)


MOST_MOVES = 24
"""Moves of a symbol that are scored, the largest: each takes some seconds."""

SCAN_NOTE = (
    "Moves of at least 3 % within 4 h, either way, the largest first; the ladder is frozen at the "
    "close before each and sees nothing later. They were chosen by what followed, so nothing here "
    "says how often such a ladder comes without a move. One case each: the interval is of a thin "
    "and of a deep book, 10 and 90 %, or of the map's range; no significance."
)


@dataclass(frozen=True, slots=True)
class Frozen:
    """When the ladder is frozen, and until when it is compared. [UTC ms]"""

    at_ms: int
    to_ms: int

    @property
    def note(self) -> str:
        """Return what the rows are, in words."""
        return (
            f"Frozen at {iso_time(self.at_ms)}, compared until {iso_time(self.to_ms)}; nothing "
            "read after the freeze but what it is compared with. One case each: the interval is of "
            "a thin and of a deep book, 10 and 90 %, or of the map's range; no significance."
        )

    @staticmethod
    def of(from_: str | None, to: str | None) -> Frozen:
        """Return the case as a person stated it.

        Raises
        ------
        UsageError
            If it has no beginning or no end, or ends before it begins.
        """
        if from_ is None or to is None:
            raise UsageError(
                "a frozen case needs its moment and its end\n"
                "hint: --from 2026-02-05T12:00Z --to 2026-02-06T12:00Z, or --trial"
            )
        at_ms, to_ms = parse_time(from_), parse_time(to)
        if at_ms >= to_ms:
            raise UsageError("a frozen case must end after its moment\nhint: a later --to")
        return Frozen(at_ms, to_ms)


def score_cascades(
    held: Lake | None,
    instruments: list[Instrument],
    from_: str | None,
    to: str | None,
    data: dict[str, Any],
    *,
    trial: bool,
) -> tuple[list[Row], str]:
    """Return rows and what they are in words; what they rest on goes into ``data``."""
    if trial:
        if from_ is not None or to is not None:
            raise UsageError(
                "the simulated trial has its own days\nhint: leave out --from and --to"
            )
        return trial_rows(held, data), TRIAL_NOTE
    if held is None:
        raise UsageError("a frozen case needs a lake\nhint: --lake PATH")
    if from_ is None and to is None:
        return _scan(held, instruments, data), SCAN_NOTE
    case = Frozen.of(from_, to)
    return frozen_cases(held, instruments, case, data), case.note


def frozen_cases(
    held: Lake, instruments: list[Instrument], case: Frozen, data: dict[str, Any]
) -> list[Row]:
    """Return rows of every symbol; what they rest on and why one is missing goes into ``data``."""
    rows: list[Row] = []
    for instrument in instruments:
        report_progress(f"{instrument.venue} {instrument.symbol}")
        try:
            rows += _frozen_case(held, instrument, case, data, instrument.symbol)
        except NoDataError as error:
            _record_missing(data, instrument.symbol, str(error))
    return rows


def trial_rows(held: Lake | None, data: dict[str, Any]) -> list[Row]:
    """Return rows of the simulated trial, remembered beside a lake where there is one."""
    from forcedflow.cli.scorecard_memory import memory_key, remembered
    from forcedflow.evaluate import cascade_trial as trial
    from forcedflow.sandbox.parameters import parameters

    conditions = {
        "scenarios": list(trial.SCENARIOS),
        "depth_shares": list(trial.DEPTH_SHARES),
        "seeds": list(trial.SEEDS),
        "traders": trial.TRADERS,
        "days": trial.DAYS,
        "fit_days": trial.FIT_DAYS,
    }
    data["simulated"].append("SIM/USDT:USDT")
    data["trial"] = conditions
    key = memory_key(
        {**conditions, "markets": [parameters(name).digest() for name in trial.SCENARIOS]}
    )

    def score() -> tuple[list[Row], list[Any]]:
        return _scored_trial()

    rows, missing = score() if held is None else remembered(held, key, score)
    data["missing"] += missing
    return rows


def _scored_trial() -> tuple[list[Row], list[Any]]:
    from itertools import product

    from forcedflow.evaluate.cascade_card import Scope, cascade_rows
    from forcedflow.evaluate.cascade_episodes import LONELY
    from forcedflow.evaluate.cascade_trial import (
        DAYS,
        DEPTH_SHARES,
        FIT_DAYS,
        SCENARIOS,
        SEEDS,
        TRADERS,
        hold_trial,
        join_trials,
        record_market,
    )

    markets = list(product(SEEDS, SCENARIOS, DEPTH_SHARES))
    trials = []
    for i, (seed, scenario, depth_share) in enumerate(markets):
        report_progress(f"{i + 1} of {len(markets)}: {scenario}, depth × {depth_share:g}, {seed}")
        recorded = record_market(scenario, seed, TRADERS, DAYS, depth_share)
        trials.append(hold_trial(recorded, FIT_DAYS, i))
    joined = join_trials(trials)
    inputs = ("open_interest", "klines", "funding", "liquidation_totals", "depth_bands")
    scope = Scope("SIM/USDT:USDT", "sandbox", "emergent cascade", inputs)
    lonely = int((joined.episodes.kind == LONELY).sum())
    unmatched = {"symbol": scope.symbol, "why": f"{lonely} cascades have no push alike: in no pair"}
    return list(cascade_rows(joined, scope)), [unmatched] if lonely else []


def _scan(held: Lake, instruments: list[Instrument], data: dict[str, Any]) -> list[Row]:
    """Return rows of every symbol's largest moves; why one has none goes into ``data``."""
    from forcedflow.asof import read_market, read_path_klines
    from forcedflow.cli.options import parse_moment
    from forcedflow.evaluate.cascade_moves import large_moves
    from forcedflow.evaluate.path_only import market_bars
    from forcedflow.units import HOUR_MS

    now_ms = parse_moment(None)
    rows: list[Row] = []
    for instrument in instruments:
        symbol = instrument.symbol
        try:
            market = read_market(held, instrument, now_ms)
            path = read_path_klines(held, instrument, now_ms)
            moves = large_moves(market_bars(market.open_interest, path, HOUR_MS))
        except NoDataError as error:
            _record_missing(data, symbol, str(error))
            continue
        if not moves:
            _record_missing(data, symbol, "not scored: no move of 3 % within 4 h is held")
        if len(moves) > MOST_MOVES:
            rest = len(moves) - MOST_MOVES
            _record_missing(data, symbol, f"{rest} smaller moves of 3 % or more are not scored")
        for i, move in enumerate(moves[:MOST_MOVES]):
            report_progress(f"{instrument.venue} {symbol}: {i + 1} of {len(moves[:MOST_MOVES])}")
            try:
                case = Frozen(move.at_ms, move.to_ms)
                name = f"{symbol} {iso_time(move.at_ms)}"
                rows += _frozen_case(held, instrument, case, data, name)
            except (DataError, NoDataError) as error:
                _record_missing(data, symbol, f"{iso_time(move.at_ms)} not scored: {error}")
    data["missing"] = list({tuple(one.items()): one for one in data["missing"]}.values())
    return rows


def _frozen_case(
    held: Lake, instrument: Instrument, case: Frozen, data: dict[str, Any], name: str
) -> list[Row]:
    """Return the rows of one case; what they rest on goes into ``data`` under its name."""
    from forcedflow.asof import (
        read_depth,
        read_liquidations,
        read_market,
        read_path_klines,
        read_trained,
    )
    from forcedflow.evaluate.cascade_card import Scope
    from forcedflow.evaluate.cascade_frozen import frozen_rows, measure_fall
    from forcedflow.evaluate.path_only import market_bars
    from forcedflow.evaluate.realised import realised_liquidations
    from forcedflow.pipeline import build_map
    from forcedflow.store.artefacts import newest_artefact
    from forcedflow.units import HOUR_MS

    symbol = instrument.symbol
    market = read_market(held, instrument, case.at_ms)
    found = newest_artefact(
        held.refreshed("artefacts"), "map", instrument.venue, symbol, case.at_ms
    )
    trained = None if found is None else read_trained(found, case.at_ms)
    depths = read_depth(held, instrument, case.at_ms)
    mapped = build_map(market, trained=trained)
    later = read_market(held, instrument, case.to_ms)
    path = read_path_klines(held, instrument, case.to_ms)
    # Totals of the last hour are published after it; what is compared may be later.
    liquidations, whose = read_liquidations(held, instrument, case.at_ms, case.to_ms + HOUR_MS)
    fall = measure_fall(
        mapped.mark,
        case.at_ms,
        case.to_ms,
        market_bars(later.open_interest, path, HOUR_MS),
        realised_liquidations(liquidations, HOUR_MS),
    )
    frames = {
        "open_interest": market.open_interest,
        "mark_klines": market.mark_klines,
        "trade_klines": market.trade_klines,
        "funding": market.funding,
        "liquidations": liquidations,
        "klines_compared": path,
    }
    record_inputs(data, name, frames, simulated=False)
    if mapped.simulated and symbol not in data["simulated"]:
        data["simulated"].append(symbol)
    data["targets"][name] = whose
    data["depth"] = {**data.get("depth", {}), name: [curve.source for curve in depths]}
    if trained is None:
        _record_missing(
            data, symbol, "forced flow not scored: no mixture was fitted to a feed by then"
        )
    _record_missing(
        data, symbol, "end price not scored: the push that was not liquidations is not published"
    )
    scope = Scope(symbol, instrument.venue, f"frozen {iso_time(case.at_ms)}", tuple(frames))
    try:
        return list(frozen_rows(mapped, depths, fall, scope))
    except DataError as error:
        raise NoDataError(str(error)) from error


def _record_missing(data: dict[str, Any], symbol: str, why: str) -> None:
    data["missing"].append({"symbol": symbol, "why": why.split("\n", maxsplit=1)[0]})
