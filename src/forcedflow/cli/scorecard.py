"""``forcedflow scorecard``: how good it was, on data it never saw, beside what would expose it.

In:  a product, symbols, an end of the fit, a scored span.   Out: rows as text, JSON or Markdown.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_duration,
    parse_time,
    print_json,
)
from forcedflow.cli.workers import HERE, Spread, Workers, counting
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from forcedflow.cascade.montecarlo import Spread as SpreadFits
    from forcedflow.evaluate.scorecard import Row
    from forcedflow.executors import Executor, Progress
    from forcedflow.instruments import Instrument
    from forcedflow.liquidation_map import Market
    from forcedflow.store import Lake

Product: TypeAlias = Literal[
    "map", "forecast", "magnet", "cascade", "second-leg", "signals", "regimes"
]
_WEEK_MS = 7 * 86_400_000


def run(
    product: Product,
    *,
    symbol: Annotated[str, Parameter(help="Symbols, joined by commas.")] = "BTC",
    venue: str = "binance",
    fit_to: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    horizon: str | None = None,
    walk: bool = False,
    placebos: bool = False,
    trial: bool = False,
    lake: Path | None = None,
    out: Path | None = None,
    json: bool = False,
    spread: Spread = HERE,
) -> int:
    """Score a product on data it never saw, beside its nulls.

    Parameters
    ----------
    product
        map: expected liquidations. forecast: sizes, tomorrow's risk and when a cascade begins,
        against every opponent. magnet: whether the price is drawn to clusters, no fit needed.
        cascade: what followed a freeze of the ladder, or pushes on simulated markets. signals: what
        followed where one fired, beside moments alike.
        second-leg: what plans stated after an impulse hit a cluster came to, costs included.
        regimes: what followed each kind of market, beside moments alike; of spot bars alone, too.
        The last three leave their record in the lake, which pages and readings quote.
    symbol
        Symbols, joined by commas.
    venue
        Venue whose open interest is used.
    fit_to
        End of the first fit, exclusive, such as 2026-01-26; map and forecast.
    from_
        Start of the scored span; by default the end of the fit, where there is one. cascade: the
        moment of the freeze.
    to
        End of the scored span, exclusive; needed without --trial.
    horizon
        map: length of the scored intervals, 1h by default. magnet: how long the price is
        followed, 24h by default.
    walk
        Fit again every week on all that lies before it; map only.
    placebos
        Also score our map mirrored, permuted by day, a day stale, and with its weights shuffled.
    trial
        forecast, cascade, second-leg, signals and regimes: score on simulated markets; takes
        minutes.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        Also write the table as Markdown to this file.
    json
        Print the scorecard as JSON.
    """
    from forcedflow.evaluate.scorecard import adjust, document, markdown

    asked = _Asked(symbol, venue, fit_to, from_, to, horizon, walk, placebos, trial, lake, spread)
    _refuse(product, asked)
    data: dict[str, Any] = {
        "hashes": {},
        "ranges": {},
        "targets": {},
        "missing": [],
        "simulated": [],
    }
    rows, note = _SCORED_BY[product](asked, data)
    if not rows:
        reasons = "; ".join(f"{m['symbol']}: {m['why']}" for m in data["missing"])
        raise NoDataError(f"nothing to score: {reasons}\nhint: forcedflow coverage")
    scored = adjust(rows)
    if product in {"signals", "regimes"} and not trial:
        _keep_records(product, asked, scored, data)
    venue = "sandbox" if trial else venue
    now = iso_time(datetime.now(UTC).timestamp() * 1000 // 1000 * 1000)
    title = f"{product}, {venue}" + (" — SIMULATED" if data["simulated"] else "")
    if out is not None:
        out.write_text(markdown(scored, title, note), encoding="utf-8")
    if json:
        print_json(document(scored, data, now))
    else:
        _print_rows(scored, title, note)
        for missing in data["missing"]:
            console().print(f"missing: {missing['symbol']}: {missing['why']}", style="dim")
    return 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is scored and how, as a person stated it."""

    symbol: str
    venue: str
    fit_to: str | None
    from_: str | None
    to: str | None
    horizon: str | None
    walk: bool
    placebos: bool
    trial: bool
    lake: Path | None
    spread: Workers

    def instruments(self, held: Lake) -> list[Instrument]:
        return [
            choose_instrument(held, name.strip(), self.venue) for name in self.symbol.split(",")
        ]

    def lake_if_any(self) -> Lake | None:
        """Return the lake; for a simulated trial the one to remember it beside, where there is."""
        try:
            return open_lake(self.lake)
        except NoDataError:
            if self.lake is not None or not self.trial:
                raise
            return None


def _refuse(product: Product, asked: _Asked) -> None:
    """Refuse what says nothing of a product, before any waiting."""
    if asked.spread.elsewhere and product != "map":
        raise UsageError(
            f"a scorecard of the {product} runs in one process\nhint: leave out --executor"
        )
    if asked.trial and product not in _TRIALS:
        raise UsageError(
            f"--trial is of {', '.join(_TRIALS)} alone\nhint: forcedflow scorecard cascade --trial"
        )
    if product == "forecast" and (asked.walk or asked.placebos):
        raise UsageError(
            "a forecast is refitted every week and stands beside its placebos anyway\n"
            "hint: leave out --walk and --placebos"
        )
    fits = product in {"map", "forecast"}
    if not fits and (asked.fit_to is not None or asked.walk or asked.placebos):
        raise UsageError(
            f"a scorecard of the {product} fits nothing itself, so there is no fit to place\n"
            "hint: leave out --fit-to, --walk and --placebos"
        )
    if product in _TRIALS and asked.horizon is not None:
        raise UsageError(f"{_TRIALS[product]}\nhint: leave out --horizon")


def _score_cascade(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    from forcedflow.cli.scorecard_cascade import score_cascades

    held = asked.lake_if_any()
    instruments = [] if asked.trial or held is None else asked.instruments(held)
    return score_cascades(held, instruments, asked.from_, asked.to, data, trial=asked.trial)


def _score_second_leg(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    from forcedflow.cli.scorecard_second_leg import score

    held = None if asked.trial else open_lake(asked.lake)
    instruments = [] if held is None else asked.instruments(held)
    return score(held, instruments, asked.from_, asked.to, data)


def _score_signals(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    from forcedflow.cli.scorecard_signals import score_signals

    held = asked.lake_if_any()
    instruments = [] if asked.trial or held is None else asked.instruments(held)
    return score_signals(held, instruments, asked.from_, asked.to, data, trial=asked.trial)


def _score_forecast(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    from forcedflow.cli.scorecard_forecast import TRIAL_NOTE, Span, score_forecast, score_trial

    if asked.trial:
        if asked.fit_to is not None or asked.from_ is not None or asked.to is not None:
            raise UsageError(
                "the simulated trial has its own days\nhint: leave out --fit-to, --from and --to"
            )
        return score_trial(asked.lake_if_any(), data), TRIAL_NOTE
    span = Span.of(asked.fit_to, asked.from_, asked.to)
    held = open_lake(asked.lake)
    return score_forecast(held, asked.instruments(held), span, data), span.note


def _score_regimes(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    from forcedflow.cli.scorecard_regimes import score_regimes

    held = asked.lake_if_any()
    instruments = [] if asked.trial or held is None else asked.instruments(held)
    return score_regimes(held, instruments, asked.from_, asked.to, data, trial=asked.trial)


def _score_magnet(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    from forcedflow.cli.scorecard_magnet import Followed, follow_symbols

    followed = Followed.of(asked.from_, _required(asked.to), asked.horizon or "24h")
    held = open_lake(asked.lake)
    return follow_symbols(held, asked.instruments(held), followed, data), followed.note


def _score_map_product(asked: _Asked, data: dict[str, Any]) -> tuple[list[Row], str]:
    horizon = asked.horizon or "1h"
    span = _Span.of(asked.fit_to, asked.from_, asked.to, horizon, walk=asked.walk)
    held = open_lake(asked.lake)
    with asked.spread.start() as executor, counting("scoring") as progress:
        rows = _score_maps(
            held, asked.instruments(held), span, data, executor, progress, placebos=asked.placebos
        )
    note = (
        f"Fitted to {asked.fit_to}, scored {asked.from_ or asked.fit_to} to {asked.to}, "
        f"{_how(span)}; given the path, volume and open interest of each interval."
    )
    return rows, note


_SCORED_BY: dict[Product, Callable[[_Asked, dict[str, Any]], tuple[list[Row], str]]] = {
    "map": _score_map_product,
    "forecast": _score_forecast,
    "magnet": _score_magnet,
    "cascade": _score_cascade,
    "second-leg": _score_second_leg,
    "signals": _score_signals,
    "regimes": _score_regimes,
}

# Products that can be tried on simulated markets, and what their horizon is instead of a choice.
_TRIALS: dict[Product, str] = {
    "forecast": "a forecast is scored over 1, 4, 8 and 24 hours",
    "cascade": "a cascade is followed to --to",
    "second-leg": "a second leg has its own four hours",
    "signals": "signals are scored over 4 and 24 hours",
    "regimes": "every claim has its own horizon",
}


def _keep_records(product: Product, asked: _Asked, scored: list[Row], data: dict[str, Any]) -> None:
    from forcedflow.cli.scorecard_records import keep_regimes
    from forcedflow.cli.scorecard_signals import keep_records

    held = open_lake(asked.lake)
    instruments = asked.instruments(held)
    if product == "signals":
        keep_records(held, scored, instruments, asked.from_, asked.to, data)
    elif asked.from_ is not None and asked.to is not None:
        keep_regimes(held, scored, instruments, asked.from_, asked.to, data)


def _required(to: str | None) -> str:
    if to is None:
        raise UsageError("the scored span needs an end\nhint: --to 2026-03-15")
    return to


class _Span:
    """What is fitted and what is scored. [UTC ms]"""

    def __init__(
        self, fit_to_ms: int, from_ms: int, to_ms: int, length_ms: int, *, walk: bool
    ) -> None:
        if not fit_to_ms <= from_ms < to_ms:
            raise UsageError(
                "the scored span must begin at or after the end of the fit and end later\n"
                "hint: --fit-to 2026-01-26 --from 2026-01-26 --to 2026-03-15"
            )
        self.fit_to_ms, self.from_ms, self.to_ms = fit_to_ms, from_ms, to_ms
        self.length_ms, self.walk = length_ms, walk

    @staticmethod
    def of(
        fit_to: str | None, from_: str | None, to: str | None, horizon: str, *, walk: bool
    ) -> _Span:
        """Return the span as a person stated it."""
        if fit_to is None:
            raise UsageError("a map needs the end of its fit\nhint: --fit-to 2026-01-26")
        return _Span(
            parse_time(fit_to),
            parse_time(from_) if from_ else parse_time(fit_to),
            parse_time(_required(to)),
            parse_duration(horizon),
            walk=walk,
        )

    @property
    def folds(self) -> list[tuple[int, int, int]]:
        """Return (end of the fit, from, to) of each fold."""
        if not self.walk:
            return [(self.fit_to_ms, self.from_ms, self.to_ms)]
        starts = range(self.from_ms, self.to_ms, _WEEK_MS)
        return [
            (
                self.fit_to_ms if start == self.from_ms else start,
                start,
                min(start + _WEEK_MS, self.to_ms),
            )
            for start in starts
        ]


def _score_maps(
    held: Lake,
    instruments: list[Instrument],
    span: _Span,
    data: dict[str, Any],
    executor: Executor,
    progress: Progress | None,
    *,
    placebos: bool,
) -> list[Row]:
    """Rows of every symbol that the lake holds enough of; why not, of the others.

    Of several symbols each is a piece of work, of a single one each of its fits.
    """
    task = partial(_score_symbol, held, span, placebos)
    if len(instruments) == 1:
        scored = [task(instruments[0], executor.map)]
    else:
        scored = list(executor.map(task, instruments, progress=progress))
    rows: list[Row] = []
    for found, told in scored:
        rows += found
        for name, value in told.items():
            if isinstance(value, dict):
                data[name] |= value
            else:
                data[name] += value
    return rows


def _score_symbol(
    held: Lake, span: _Span, placebos: bool, instrument: Instrument, spread: SpreadFits = map
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of one symbol, and what they rest on; or why there are none."""
    report_progress(f"{instrument.venue} {instrument.symbol}")
    told: dict[str, Any] = {
        "hashes": {},
        "ranges": {},
        "targets": {},
        "missing": [],
        "simulated": [],
    }
    try:
        return _map_rows(held, instrument, span, told, spread, placebos=placebos), told
    except NoDataError as error:
        told["missing"].append({"symbol": instrument.symbol, "why": str(error).split("\n")[0]})
        return [], told


def _map_rows(
    held: Lake,
    instrument: Instrument,
    span: _Span,
    data: dict[str, Any],
    spread: SpreadFits,
    *,
    placebos: bool,
) -> list[Row]:
    """Rows of one symbol, remembered or scored; what they rest on goes into ``data``."""
    from forcedflow.asof import (
        read_liquidations,
        read_market,
        read_path_klines,
        read_peer_maps,
    )
    from forcedflow.cli.scorecard_memory import memory_key, remembered
    from forcedflow.evaluate.snapshots import OLDEST_MS
    from forcedflow.tables import is_simulated

    market = read_market(held, instrument, span.to_ms)
    first_ms = int(market.open_interest["event_time"].dt.epoch("ms")[0])
    liquidations, whose = read_liquidations(held, instrument, first_ms, span.to_ms)
    path = read_path_klines(held, instrument, span.to_ms)
    symbol = instrument.symbol
    peers = read_peer_maps(held, instrument, span.from_ms - OLDEST_MS, span.to_ms)
    frames = {"open_interest": market.open_interest, "liquidations": liquidations, "klines": path}
    if peers.height:
        frames["peer_maps"] = peers
    simulated = market.simulated or any(is_simulated(source) for source in peers["source"])
    record_inputs(data, symbol, frames, simulated=simulated)
    data["targets"][symbol] = whose
    # Totals may be what is fitted while prints say where they fell: either may come later.
    prints = held.read(
        "liquidations",
        venue=instrument.venue,
        symbol=symbol,
        start_ms=span.from_ms,
        available_by_ms=span.to_ms,
    )
    key = memory_key(
        {
            "symbol": symbol,
            "venue": instrument.venue,
            "data": data["hashes"][symbol],
            "more": [digest(frame) for frame in (market.trade_klines, market.funding, prints)],
            "brackets": repr(market.schedule),
            "rule": repr(market.rule),
            "span": [span.fit_to_ms, span.from_ms, span.to_ms, span.length_ms, span.walk],
            "placebos": placebos,
        }
    )

    def score() -> tuple[list[Row], list[Any]]:
        missing: dict[str, Any] = {"missing": []}
        rows = _score_map(
            held, market, liquidations, path, peers, whose, span, missing, spread, placebos=placebos
        )
        return rows, missing["missing"]

    rows, missing = remembered(held, key, score)
    data["missing"] += missing
    return rows


def _score_map(
    held: Lake,
    market: Market,
    liquidations: pl.DataFrame,
    path: pl.DataFrame,
    peers: pl.DataFrame,
    whose: str,
    span: _Span,
    data: dict[str, Any],
    spread: SpreadFits,
    *,
    placebos: bool,
) -> list[Row]:
    from forcedflow.cli.scorecard_where import Seen, score_where
    from forcedflow.evaluate.map_card import Scope, joined, map_rows, score_span
    from forcedflow.evaluate.map_trial import hold_trials, prepare
    from forcedflow.evaluate.path_only import scored_bars
    from forcedflow.evaluate.realised import realised_liquidations
    from forcedflow.positions import bin_width, infer_flows, prior_atoms

    instrument = market.instrument
    bars = scored_bars(
        market.open_interest, path, market.trade_klines, market.funding, span.length_ms
    )
    flows = infer_flows(bars).joined()
    atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
    width = bin_width(float(bars.close[0]), instrument.tick_size)
    realised = realised_liquidations(liquidations, span.length_ms)
    prepared = prepare(bars, flows, realised, span.length_ms, atoms, width, placebos=placebos)
    parts, trials = [], []
    report_progress(f"  {len(span.folds)} fits")
    held_trials = hold_trials(prepared, [fold[0] for fold in span.folds], spread)
    for trial, (_, from_ms, to_ms) in zip(held_trials, span.folds, strict=True):
        try:
            parts.append(score_span(trial, from_ms, to_ms))
            trials.append((trial, from_ms, to_ms))
        except NoDataError:
            # A week without a feed is no reason to forget the others.
            if not span.walk:
                raise
    if not parts:
        raise NoDataError("no week of the scored span has liquidations and a path")
    scope = Scope(instrument.symbol, instrument.venue, whose, flows.inputs)
    seen = Seen(market, path, liquidations, peers, bars, flows, atoms, width, span.length_ms)
    where = score_where(held, seen, trials, scope, data)
    return [*map_rows(joined(parts), scope, span.length_ms), *where]


def record_inputs(
    data: dict[str, Any], symbol: str, frames: dict[str, pl.DataFrame], *, simulated: bool
) -> None:
    """Write digests and ranges of what a symbol's rows rest on into ``data``."""
    data["hashes"][symbol] = {name: digest(frame) for name, frame in frames.items()}
    data["ranges"][symbol] = {name: _range(frame) for name, frame in frames.items()}
    if simulated:
        data["simulated"].append(symbol)


def digest(frame: pl.DataFrame) -> str:
    """Return the digest of a frame's bytes."""
    import io

    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def _range(frame: pl.DataFrame) -> list[str]:
    if frame.is_empty():
        return []
    times = frame["event_time"].dt.epoch("ms")
    return [iso_time(int(times.min())), iso_time(int(times.max()))]  # type: ignore[arg-type]


def _how(span: _Span) -> str:
    return "weekly walk forward" if span.walk else "one fit"


def report_progress(text: str) -> None:
    """Say on standard error what is being worked on, to a person alone."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")


def _print_rows(rows: list[Row], title: str, note: str) -> None:
    from rich.table import Table

    from forcedflow.evaluate.scorecard import part_of

    screen = console()
    screen.print(title, style="bold")
    screen.print(note, style="dim")
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("symbol", "side", "metric", "ours", "against", "theirs", "gain", "95 %", "p adj."):
        # On a narrow screen the words give way, never the numbers.
        table.add_column(name, no_wrap=name != "metric", overflow="fold")
    for row in rows:
        low, high = row.ci
        table.add_row(
            row.symbol.split("/")[0],
            row.side,
            row.metric + (f" {part}" if (part := part_of(row)) else ""),
            _cell(row.value),
            row.baseline,
            _cell(row.baseline_value),
            _cell(row.gain, signed=True),
            f"{_cell(low)} … {_cell(high)}",
            _cell(row.p_adj),
        )
    screen.print(table)


def _cell(value: float | None, *, signed: bool = False) -> str:
    if value is None or value != value:  # noqa: PLR0124 - not a number is not itself
        return "–"
    return f"{value:+.3f}" if signed else f"{value:.3f}"
