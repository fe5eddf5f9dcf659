"""``forcedflow train``: learn from the lake and keep what was learned as a dated artefact.

In:  a product, a symbol, an end of the fit.   Out: a file in the lake; its card as text or JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    warn,
)
from forcedflow.cli.workers import HERE, Spread, counting
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.evaluate.forecast_fit import Evidence
    from forcedflow.executors import Executor
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake
    from forcedflow.store.artefacts import MapArtefact

Product: TypeAlias = Literal["map", "forecast"]


def run(
    product: Product,
    *,
    symbol: str,
    venue: str = "binance",
    fit_to: str,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    horizon: str | None = None,
    lake: Path | None = None,
    json: bool = False,
    spread: Spread = HERE,
) -> int:
    """Learn from the lake's past and keep what was learned as a dated file.

    Parameters
    ----------
    product
        map: which leverages and holding times liquidations came from, of one symbol. forecast: how
        likely a cascade begins and how much is closed by force, from several symbols together.
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT, or several joined by commas: one map each, one forecast from
        all of them.
    venue
        Venue whose open interest is used.
    fit_to
        End of the fit, exclusive, such as 2026-01-26; nothing later is read.
    from_
        forecast: first day read; by default the first that open interest is held of, two years
        back at most.
    horizon
        map: length of the intervals fitted, such as 15m, 1h or 4h; 1h by default.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print the card as JSON.
    """
    held = open_lake(lake)
    if product == "forecast":
        if horizon is not None:
            raise UsageError("a forecast has its own horizons\nhint: leave out --horizon")
        from_ms = None if from_ is None else parse_time(from_)
        with spread.start() as executor:
            return _train_forecast(
                held, symbol, venue, parse_time(fit_to), from_ms, executor, json=json
            )
    if from_ is not None:
        raise UsageError("a map reads all that is held\nhint: leave out --from")
    instruments = _named(held, symbol, venue)
    with spread.start() as executor, counting("fitting") as progress:
        fits = executor.map(
            partial(_fitted, held, parse_time(fit_to), parse_duration(horizon or "1h")),
            instruments,
            progress=progress,
        )
        return _keep_maps(held, instruments, fits, horizon or "1h", json=json)


def _fitted(
    held: Lake, fit_to_ms: int, length_ms: int, instrument: Instrument
) -> MapArtefact | NoDataError:
    """Return what was learned of a market, or why nothing could be."""
    from forcedflow.evaluate.fitted_card import artefact_of, inner_record
    from forcedflow.evaluate.map_fit import fit_map, read_evidence

    try:
        fitted = fit_map(read_evidence(held, instrument, fit_to_ms, length_ms), fit_to_ms)
    except NoDataError as error:
        return error
    now = iso_time(round(datetime.now(UTC).timestamp() * 1000))
    return artefact_of(fitted, inner_record(fitted), now)


def _keep_maps(
    held: Lake,
    instruments: Sequence[Instrument],
    fits: Iterable[MapArtefact | NoDataError],
    horizon: str,
    *,
    json: bool,
) -> int:
    """Write each map as it comes, so that an interruption keeps those that are done."""
    from forcedflow.store.artefacts import read_artefact, write_artefact

    documents, failures = [], []
    for instrument, fit in zip(instruments, fits, strict=True):
        if isinstance(fit, NoDataError):
            failures.append(fit)
            if len(instruments) > 1:
                reason = str(fit).split("\n", maxsplit=1)[0]
                warn(f"left out: {instrument.venue} {instrument.symbol}: {reason}")
            continue
        path = write_artefact(held.root, fit)
        where = held.publish(path)
        if json:
            documents.append(_map_document(read_artefact(path), where, horizon))
        else:
            _print_map(fit, path.stem, where)
    if len(failures) == len(instruments):
        raise failures[0]
    if json:
        print_json(documents[0] if len(instruments) == 1 else {"maps": documents})
    return 0


def _map_document(artefact: MapArtefact, where: str, horizon: str) -> dict[str, Any]:
    return {
        "product": "map",
        "artefact": where,
        "symbol": artefact.symbol,
        "venue": artefact.venue,
        "simulated": artefact.simulated,
        "fit_to": iso_time(artefact.fit_to_ms),
        "horizon": horizon,
        "intervals": artefact.n,
        "targets": artefact.targets,
        "level": round(artefact.level, 4),
        "inputs": artefact.inputs,
        "data": artefact.data,
        "card": artefact.card,
    }


def _print_map(artefact: MapArtefact, name: str, where: str) -> None:
    screen = console()
    screen.print(f"{artefact.symbol} · {artefact.venue}   trained map {name}", style="bold")
    for line in artefact.card:
        screen.print(f"· {line}")
    screen.print(f"wrote {where}", style="dim", soft_wrap=True)


def _train_forecast(
    held: Lake,
    symbol: str,
    venue: str,
    fit_to_ms: int,
    from_ms: int | None,
    executor: Executor,
    *,
    json: bool,
) -> int:
    from forcedflow.asof.days import read_days
    from forcedflow.cli.scorecard import report_progress
    from forcedflow.evaluate.forecast_fit import fit_forecast
    from forcedflow.store.forecast_artefact import forecast_folder, read_forecast, write_forecast

    evidence, left_out = [], []
    instruments = _named(held, symbol, venue)
    reads = executor.map(partial(_evidence, held, fit_to_ms, from_ms), instruments)
    for instrument, one in zip(instruments, reads, strict=True):
        report_progress(f"read {instrument.venue} {instrument.symbol}")
        if isinstance(one, str):
            left_out.append({"symbol": instrument.symbol, "reason": one})
        else:
            evidence.append(one)
    if not evidence:
        reasons = "; ".join(row["reason"] for row in left_out)
        raise NoDataError(f"{reasons}\nhint: forcedflow coverage")
    try:
        coins = read_days(held, fit_to_ms)
    except NoDataError:
        coins = []  # the card says that tomorrow's risk was not learned
    now = iso_time(round(datetime.now(UTC).timestamp() * 1000))
    fitted = fit_forecast(evidence, fit_to_ms, now, report_progress, coins)
    path = write_forecast(forecast_folder(held.root), fitted)
    where = held.publish(path)
    artefact = read_forecast(path)
    if json:
        print_json(
            {
                "product": "forecast",
                "artefact": where,
                "simulated": artefact.simulated,
                "fit_to": iso_time(fit_to_ms),
                "markets": artefact.markets,
                "left_out": left_out,
                "scores": artefact.scores,
                "card": artefact.card,
            }
        )
        return 0
    screen = console()
    screen.print(f"trained forecast {artefact.name}", style="bold")
    if artefact.simulated:
        screen.print("SIMULATED: learned on the simulated exchange", style="bold")
    for line in artefact.card:
        screen.print(f"· {line}")
    for row in left_out:
        screen.print(f"left out: {row['reason']}", style="dim")
    screen.print(f"wrote {where}", style="dim", soft_wrap=True)
    return 0


def _evidence(
    held: Lake, fit_to_ms: int, from_ms: int | None, instrument: Instrument
) -> Evidence | str:
    """Return what a forecast learns from a market, or why that is nothing."""
    from forcedflow.evaluate.forecast_fit import read_evidence

    try:
        return read_evidence(held, instrument, fit_to_ms, from_ms)
    except NoDataError as error:
        return str(error).split("\n", maxsplit=1)[0]


def _named(held: Lake, symbols: str, venue: str) -> list[Instrument]:
    """Return the instruments of a list, each once."""
    found = [choose_instrument(held, name.strip(), venue) for name in symbols.split(",")]
    return list(dict.fromkeys(found))
