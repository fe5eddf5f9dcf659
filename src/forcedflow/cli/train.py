"""``forcedflow train``: learn weights from the lake and keep them as a dated artefact.

In:  a product, a symbol, an end of the fit.   Out: a file in the lake; its card as text or JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_duration,
    parse_time,
    print_json,
)

Product: TypeAlias = Literal["map"]


def run(
    product: Product,
    *,
    symbol: str,
    venue: str = "binance",
    fit_to: str,
    horizon: str = "1h",
    lake: Path | None = None,
    json: bool = False,
) -> int:
    """Learn weights from realised liquidations and keep them.

    Parameters
    ----------
    product
        map: which leverages and holding times liquidations came from.
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue whose open interest is used.
    fit_to
        End of the fit, exclusive, such as 2026-01-26; nothing later is read.
    horizon
        Length of the intervals fitted, such as 15m, 1h or 4h.
    lake
        Folder of the lake; the setting by default.
    json
        Print the card as JSON.
    """
    from forcedflow.evaluate.fitted_card import artefact_of, inner_record
    from forcedflow.evaluate.map_fit import fit_map, read_evidence
    from forcedflow.store.artefacts import write_artefact

    fit_to_ms, length_ms = parse_time(fit_to), parse_duration(horizon)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    fitted = fit_map(read_evidence(held, instrument, fit_to_ms, length_ms), fit_to_ms)
    now = iso_time(round(datetime.now(UTC).timestamp() * 1000))
    artefact = artefact_of(fitted, inner_record(fitted), now)
    path = write_artefact(held.root, artefact)
    if json:
        print_json(
            {
                "product": product,
                "artefact": str(path),
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
    screen.print(f"wrote {path}", style="dim", soft_wrap=True)
    return 0
