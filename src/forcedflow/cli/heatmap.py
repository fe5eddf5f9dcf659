"""``forcedflow heatmap``: how much would be force-closed at every price, over time.

In:  a symbol, a venue, a range, a moment.   Out: a picture, text for the terminal, or data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from forcedflow.cli.options import (
    choose_instrument,
    console,
    iso_time,
    open_lake,
    parse_duration,
    parse_moment,
    print_json,
    warn,
)
from forcedflow.cli.workers import HERE, Spread, Workers, counting
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.cli.heatmap_folder import Drawing
    from forcedflow.instruments import Instrument
    from forcedflow.liquidation_map import LiquidationMap
    from forcedflow.store import Lake
    from forcedflow.zones import Zone

Format: TypeAlias = Literal["png", "json", "coinglass", "pine", "csv"]
_BY_ENDING: dict[str, Format] = {".png": "png", ".json": "json", ".pine": "pine", ".csv": "csv"}


def run(
    symbol: str,
    *,
    venue: str = "binance",
    range_: Annotated[str, Parameter(name="--range")] = "7d",
    at: str | None = None,
    model: str | None = None,
    lake: Path | None = None,
    out: Path | None = None,
    format_: Annotated[Format | None, Parameter(name="--format")] = None,
    out_dir: Path | None = None,
    json: bool = False,
    spread: Spread = HERE,
) -> int:
    """Draw how much would be force-closed at every price, over time.

    Parameters
    ----------
    symbol
        BTC, BTCUSDT or BTC/USDT:USDT; with --out-dir several joined by commas, or all.
    venue
        Venue of the contract; with --out-dir several joined by commas.
    range_
        Span to show before the last bar: 12h, 24h, 3d, 7d, 30d, 90d, 180d or 1y, or any other.
    at
        Show exactly what was known then, such as 2026-02-06T00:00Z; now by default.
    model
        prior, calibrated, or the file of a trained map, also of another venue; by default what was
        trained by then, else the prior.
    lake
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    out
        File to write; its ending decides the format (.png .json .csv .pine).
    format_
        png, json, coinglass (its JSON shape), pine or csv (levels for TradingView).
    out_dir
        Folder to write one file per market to, in the format of --format or else png; --json then
        prints what was written. Who works is said by --executor.
    json
        Print the picture as JSON: one byte a cell in base64, with its header.
    """
    if out_dir is not None:
        if out is not None:
            raise UsageError("one file, or a folder of them\nhint: leave out --out")
        drawn = _Drawn(symbol, venue, at, range_, model, format_ or "png")
        return _write_folder(drawn, lake, out_dir, spread, json=json)
    if spread.elsewhere:
        raise UsageError("one picture is one piece of work\nhint: --out-dir FOLDER draws many")
    from forcedflow.answers.model import read_map

    wanted = _format(out, format_, json=json)
    at_ms, span_ms = parse_moment(at), parse_duration(range_)
    held = open_lake(lake)
    instrument = choose_instrument(held, symbol, venue)
    mapped = read_map(held, instrument, at_ms, model, picture_span_ms=span_ms)
    zones = mapped.zones()
    if wanted is None:
        _print_picture(mapped, zones)
    elif out is None:
        _print_data(wanted, mapped, zones)
    else:
        try:
            _write(wanted, mapped, zones, out)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        sys.stderr.write(f"wrote {out}\n")
    return 0


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is drawn of each market, as a person stated it."""

    symbols: str
    venues: str
    at: str | None
    span: str
    model: str | None
    format: Format

    def of(self, held: Lake) -> tuple[Drawing, list[Instrument]]:
        from forcedflow.cli.heatmap_folder import Drawing, held_markets

        venues = [name.strip() for name in self.venues.split(",")]
        if self.symbols == "all":
            markets = held_markets(held, venues)
        else:
            markets = [
                choose_instrument(held, name.strip(), venue)
                for venue in venues
                for name in self.symbols.split(",")
            ]
        at_ms, span_ms = parse_moment(self.at), parse_duration(self.span)
        drawing = Drawing(held, at_ms, span_ms, self.model, self.format)
        return drawing, list(dict.fromkeys(markets))


def _write_folder(
    drawn: _Drawn, lake: Path | None, folder: Path, spread: Workers, *, json: bool
) -> int:
    from forcedflow.cli.heatmap_folder import write_all

    if drawn.format == "png":
        picture_writer()  # says now, not in every worker, that it needs the extra
    drawing, markets = drawn.of(open_lake(lake))
    with spread.start() as executor, counting("drawing") as progress:
        written = write_all(drawing, markets, folder, executor, progress)
    missing = [one for one in written if one.path is None]
    if json:
        print_json({"at": iso_time(drawing.at_ms), "markets": [one.row() for one in written]})
    else:
        for one in missing:
            warn(f"left out: {one.instrument.venue} {one.instrument.symbol}: {one.reason}")
        sys.stderr.write(f"wrote {len(written) - len(missing)} files to {folder}\n")
    if len(missing) == len(written):
        raise NoDataError("not one market could be drawn\nhint: forcedflow coverage")
    return 0


def _format(out: Path | None, format_: Format | None, *, json: bool) -> Format | None:
    """Return what to make, before any of it is: a mistake here costs no waiting."""
    stated: Format | None = format_ or ("json" if json else None)
    if out is None:
        if stated == "png":
            raise UsageError("a picture needs a file\nhint: --out heatmap.png")
        return stated
    if not out.parent.is_dir():
        raise UsageError(f"{out}: the folder {out.parent} does not exist")
    if out.is_dir():
        raise UsageError(f"{out} is a folder\nhint: --out {out / 'heatmap.png'}")
    meant = _BY_ENDING.get(out.suffix.lower())
    if stated is None and meant is None:
        known = " ".join(_BY_ENDING)
        raise UsageError(f"{out}: unknown ending {out.suffix!r}\nhint: one of {known}, or --format")
    if stated is not None and (stated == "png") != (meant == "png"):
        raise UsageError(
            f"{out}: {stated} under the ending {out.suffix!r}\n"
            "hint: pictures end in .png and nothing else does"
        )
    return stated or meant


def _print_picture(mapped: LiquidationMap, zones: list[Zone]) -> None:
    from forcedflow.report.terminal import basis, heading, heat_rows, zone_table

    screen = console()
    screen.print(heading(mapped, screen.width))
    screen.print(heat_rows(mapped, color=screen.color_system is not None), soft_wrap=True)
    screen.print(zone_table(zones, mapped, width=screen.width))
    screen.print(basis(mapped))


def _print_data(wanted: Format, mapped: LiquidationMap, zones: list[Zone]) -> None:
    value = value_of(wanted, mapped, zones)
    if isinstance(value, str):
        sys.stdout.write(value)
    else:
        print_json(value)


def _write(wanted: Format, mapped: LiquidationMap, zones: list[Zone], out: Path) -> None:
    from forcedflow.cli.heatmap_folder import file_of

    out.write_bytes(file_of(wanted, mapped, zones))


def picture_writer() -> Callable[[LiquidationMap, list[Zone], Path], None]:
    """Return what draws a PNG, where the extra that it needs is installed.

    Raises
    ------
    UsageError
        If it is not; says how to install it.
    """
    try:
        from forcedflow.report.heatmap_png import draw_heatmap
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise UsageError(
            "pictures need matplotlib\nhint: pip install 'forcedflow[report]'"
        ) from error
    return draw_heatmap


def value_of(wanted: Format, mapped: LiquidationMap, zones: list[Zone]) -> str | dict[str, Any]:
    """Return text as it stands, or a value for JSON."""
    from forcedflow.answers import heatmap
    from forcedflow.integrations.coinglass_shape import coinglass_heatmap
    from forcedflow.integrations.levels import levels_csv, levels_pine

    if wanted == "csv":
        return levels_csv(zones, mapped, iso_time(mapped.known_ms))
    if wanted == "pine":
        return levels_pine(zones, mapped, iso_time(mapped.known_ms))
    return coinglass_heatmap(mapped) if wanted == "coinglass" else heatmap.answer(mapped, zones)
