"""``forcedflow train``: learn from the lake and keep what was learned as a dated artefact.

In:  a product, a symbol, an end of the fit.   Out: a file in the lake; its card as text or JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

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
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.instruments import Instrument
    from forcedflow.store import Lake

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
) -> int:
    """Learn from the lake's past and keep what was learned as a dated file.

    Parameters
    ----------
    product
        map: which leverages and holding times liquidations came from, of one symbol. forecast: how
        likely a cascade begins and how much is closed by force, from several symbols together.
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT; forecast: several, joined by commas.
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
        Folder of the lake; the setting by default.
    json
        Print the card as JSON.
    """
    held = open_lake(lake)
    if product == "forecast":
        if horizon is not None:
            raise UsageError("a forecast has its own horizons\nhint: leave out --horizon")
        from_ms = None if from_ is None else parse_time(from_)
        return _train_forecast(held, symbol, venue, parse_time(fit_to), from_ms, json=json)
    if from_ is not None:
        raise UsageError("a map reads all that is held\nhint: leave out --from")
    return _train_map(held, symbol, venue, fit_to, horizon or "1h", json=json)


def _train_map(
    held: Lake, symbol: str, venue: str, fit_to: str, horizon: str, *, json: bool
) -> int:
    from forcedflow.evaluate.fitted_card import artefact_of, inner_record
    from forcedflow.evaluate.map_fit import fit_map, read_evidence
    from forcedflow.store.artefacts import write_artefact

    fit_to_ms, length_ms = parse_time(fit_to), parse_duration(horizon)
    instrument = choose_instrument(held, symbol, venue)
    fitted = fit_map(read_evidence(held, instrument, fit_to_ms, length_ms), fit_to_ms)
    now = iso_time(round(datetime.now(UTC).timestamp() * 1000))
    artefact = artefact_of(fitted, inner_record(fitted), now)
    path = write_artefact(held.root, artefact)
    where = held.publish(path)
    if json:
        print_json(
            {
                "product": "map",
                "artefact": where,
                "symbol": artefact.symbol,
                "venue": artefact.venue,
                "simulated": artefact.simulated,
                "fit_to": iso_time(fit_to_ms),
                "horizon": horizon,
                "intervals": artefact.n,
                "targets": artefact.targets,
                "level": round(artefact.level, 4),
                "inputs": artefact.inputs,
                "data": artefact.data,
                "card": artefact.card,
            }
        )
        return 0
    screen = console()
    screen.print(f"{artefact.symbol} · {artefact.venue}   trained map {path.stem}", style="bold")
    for line in artefact.card:
        screen.print(f"· {line}")
    screen.print(f"wrote {where}", style="dim", soft_wrap=True)
    return 0


def _train_forecast(
    held: Lake, symbol: str, venue: str, fit_to_ms: int, from_ms: int | None, *, json: bool
) -> int:
    from forcedflow.asof.days import read_days
    from forcedflow.cli.scorecard import report_progress
    from forcedflow.evaluate.forecast_fit import fit_forecast, read_evidence
    from forcedflow.store.forecast_artefact import forecast_folder, read_forecast, write_forecast

    evidence, left_out = [], []
    for instrument in _named(held, symbol, venue):
        report_progress(f"reading {instrument.venue} {instrument.symbol}")
        try:
            evidence.append(read_evidence(held, instrument, fit_to_ms, from_ms))
        except NoDataError as error:
            reason = str(error).split("\n", maxsplit=1)[0]
            left_out.append({"symbol": instrument.symbol, "reason": reason})
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


def _named(held: Lake, symbols: str, venue: str) -> list[Instrument]:
    """Return the instruments of a list, each once."""
    found = [choose_instrument(held, name.strip(), venue) for name in symbols.split(",")]
    return list(dict.fromkeys(found))
