"""``forcedflow heatmap``: how much would be force-closed at every price, over time.

In:  a symbol, a venue, a range, a moment.   Out: a picture, text for the terminal, or data.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from forcedflow.cli.options import (
    console,
    iso_time,
    open_lake,
    parse_duration,
    parse_moment,
    print_json,
)
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.pipeline import LiquidationMap
    from forcedflow.zones import Zone

Format: TypeAlias = Literal["png", "json", "coinglass", "pine", "csv"]
_BY_ENDING: dict[str, Format] = {".png": "png", ".json": "json", ".pine": "pine", ".csv": "csv"}


def run(
    symbol: str,
    *,
    venue: str = "binance",
    range_: Annotated[str, Parameter(name="--range")] = "7d",
    at: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    format_: Annotated[Format | None, Parameter(name="--format")] = None,
    json: bool = False,
) -> int:
    """Draw how much would be force-closed at every price, over time.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT.
    venue
        Venue of the contract.
    range_
        Span to show before the last bar: 12h, 24h, 3d, 7d, 30d, 90d, 180d or 1y, or any other.
    at
        Show exactly what was known then, such as 2026-02-06T00:00Z; now by default.
    lake
        Folder of the lake; the setting by default.
    out
        File to write; its ending decides the format (.png .json .csv .pine).
    format_
        png, json, coinglass (its JSON shape), pine or csv (levels for TradingView).
    json
        Print the picture as JSON: one byte a cell in base64, with its header.
    """
    from forcedflow.asof import read_market
    from forcedflow.instruments import parse_symbol
    from forcedflow.pipeline import build_map

    wanted = _format(out, format_, json=json)
    market = read_market(open_lake(lake), parse_symbol(symbol, venue), parse_moment(at))
    mapped = build_map(market, picture_span_ms=parse_duration(range_))
    zones = mapped.zones()
    if wanted is None:
        _print_picture(mapped, zones)
    elif wanted == "png":
        if out is None:
            raise UsageError("a picture needs a file\nhint: --out heatmap.png")
        from forcedflow.report.heatmap_png import draw_heatmap

        draw_heatmap(mapped, zones, _folder_exists(out))
        sys.stderr.write(f"wrote {out}\n")
    else:
        _write(wanted, mapped, zones, out)
    return 0


def _format(out: Path | None, format_: Format | None, *, json: bool) -> Format | None:
    if format_ is not None:
        return format_
    if json:
        return "json"
    if out is None:
        return None
    if out.suffix not in _BY_ENDING:
        known = " ".join(_BY_ENDING)
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of {known}, or --format")
    return _BY_ENDING[out.suffix]


def _folder_exists(out: Path) -> Path:
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    return out


def _print_picture(mapped: LiquidationMap, zones: list[Zone]) -> None:
    from forcedflow.report.terminal import basis, heading, heat_rows, zone_table

    screen = console()
    screen.print(heading(mapped))
    screen.print(heat_rows(mapped, color=screen.color_system is not None), soft_wrap=True)
    screen.print(zone_table(zones, mapped, width=screen.width))
    screen.print(basis(mapped))


def _write(wanted: Format, mapped: LiquidationMap, zones: list[Zone], out: Path | None) -> None:
    import msgspec

    from forcedflow.integrations.coinglass_shape import coinglass_heatmap
    from forcedflow.integrations.levels import levels_csv, levels_pine

    if wanted == "csv":
        text = levels_csv(zones)
    elif wanted == "pine":
        text = levels_pine(zones, mapped, iso_time(mapped.known_ms))
    else:
        value = coinglass_heatmap(mapped) if wanted == "coinglass" else _as_json(mapped, zones)
        if out is None:
            print_json(value)
            return
        text = msgspec.json.encode(value).decode() + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        _folder_exists(out).write_text(text, encoding="utf-8")
        sys.stderr.write(f"wrote {out}\n")


def _as_json(mapped: LiquidationMap, zones: list[Zone]) -> dict[str, Any]:
    from forcedflow.cli.zones import answer
    from forcedflow.heatmap import encode

    if mapped.heatmap is None:
        raise AssertionError("the map was built with a picture")
    header, cells = encode(mapped.heatmap)
    return {
        **answer(mapped, zones),
        "heatmap": {
            "header": header,
            "cells_base64": b64encode(cells).decode(),
            "candles": mapped.heatmap.candles.tolist(),
        },
    }
