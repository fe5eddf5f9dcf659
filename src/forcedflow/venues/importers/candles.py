"""Candles: OHLCV of perpetuals and spot pairs in CSV or Parquet.

In:  start times, prices, volumes in the venue's unit.   Out: klines; volume in coins or null.
Pure: no I/O, no clock, no global state.

Times are the *start* of the bar. A volume is worth nothing without its unit, and venues differ:
Binance and Bybit count coins, OKX counts contracts. Where the unit is neither known nor stated,
prices are kept, volume is null, and a warning names the venue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.venues.importers.bars import PRICES, bar_end, interval_ms, refuse_impossible
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions, VolumeUnit
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.symbols import instrument_in_file
from forcedflow.venues.importers.vendor_file import read_frame

_KNOWN_UNITS: dict[str, VolumeUnit] = {"binance": "coins", "bybit": "coins", "okx": "contracts"}

_ALIASES = {
    "timestamp": ("timestamp", "time", "ts", "open_time", "datetime", "date"),
    "venue": ("venue", "exchange"),
    "coin": ("coin", "symbol", "pair"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "v"),
}
_PAIR = re.compile(r"^[A-Z0-9]{2,20}(?:USDT|USDC|FDUSD|USD)$")


@dataclass(frozen=True, slots=True)
class _Series:
    """Bars of one venue and symbol, and how to read their volume."""

    venue: str
    coin: str
    symbol: str
    interval_ms: int
    coins_per_unit: float | None
    unit: VolumeUnit | None


def read_candles(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the bars of one file.

    Parameters
    ----------
    path : Path
        Where the file is; its name tells symbol, market and interval where columns do not.
    data : bytes
        CSV with a header, or Parquet. Columns ``timestamp``, ``open high low close volume`` (or
        ``o h l c v``), and ``venue`` and ``coin`` where it holds several series.
    options : ImportOptions
        ``venue``, ``coin``, ``market`` and ``interval`` where the file does not say; volume units
        and contract sizes per venue.

    Returns
    -------
    Parsed
        Rows of klines: ``last`` for perpetuals, ``spot`` for spot pairs.

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares, or a bar's high or low is impossible.
    UsageError
        If symbol, market or interval can be told from neither file nor options.
    """
    file = str(path)
    warnings: list[str] = []
    raw = _canonical(file, read_frame(path, data))
    if "venue" not in raw.columns:
        if options.venue is None:
            warnings.append(
                f"{file}: names no venue; taken as binance (state another with --venue)"
            )
        raw = raw.with_columns(venue=pl.lit(options.venue or "binance"))
    if "coin" not in raw.columns:
        raw = raw.with_columns(coin=pl.lit(options.coin or _coin_in_name(path)))
    bars = read_columns(
        file,
        raw,
        [
            Field("timestamp", "time"),
            Field("venue", "text"),
            Field("coin", "text"),
            *PRICES,
            Field("volume", required=False, unsigned=True),
        ],
    ).with_columns(pl.col("venue").str.to_lowercase())
    refuse_impossible(file, bars)
    spot = _is_spot(path, options, bars)
    frames = []
    unvalued: dict[str, list[str]] = {}
    for part in bars.partition_by("venue", "coin", maintain_order=True):
        series = _series(file, path, options, part, spot=spot)
        if part["volume"].is_not_null().any() and (told := _volume_warning(series)):
            unvalued.setdefault(told, []).append(series.coin)
        frames.append(_rows(part, series, spot=spot))
    warnings += [
        f"{file}: volume of {', '.join(sorted(coins))} is left out: {told}"
        for told, coins in unvalued.items()
    ]
    return settle(file, {"klines": frames}, warnings)


def _canonical(file: str, raw: pl.DataFrame) -> pl.DataFrame:
    found: dict[str, str] = {}
    for name, aliases in _ALIASES.items():
        matches = [column for column in raw.columns if column.lower() in aliases]
        if len(matches) > 1:
            raise DamagedFileError(
                file, f"has {' and '.join(matches)}; one of them is expected", field=name
            )
        if matches:
            found[matches[0]] = name
    return raw.select(list(found)).rename(found)


def _coin_in_name(path: Path) -> str:
    first = re.split(r"[_.\s]", path.name)[0]
    if _PAIR.match(first):
        return first
    raise UsageError(f"{path}: names no symbol\nhint: --coin BTC")


def _is_spot(path: Path, options: ImportOptions, bars: pl.DataFrame) -> bool:
    if options.market is not None:
        return options.market == "spot"
    words = set(re.split(r"[^a-z]+", path.stem.lower()))
    if "spot" in words:
        return True
    if words & {"perp", "perpetual", "futures", "swap", "um"}:
        return False
    unified = bars["coin"].str.contains("/", literal=True)
    if bars.height and unified.all():
        settled = bars["coin"].str.contains(":", literal=True)
        if settled.all() or not settled.any():
            return not settled.all()
    raise UsageError(f"{path}: does not say spot or perpetual\nhint: --market perp (or spot)")


def _series(
    file: str, path: Path, options: ImportOptions, bars: pl.DataFrame, *, spot: bool
) -> _Series:
    venue, coin = str(bars["venue"][0]), str(bars["coin"][0])
    traded = instrument_in_file(file, "coin", coin, venue, spot=spot)
    unit = options.volume_unit(venue) or _KNOWN_UNITS.get(venue)
    if spot and options.volume_unit(venue) is None and unit == "contracts":
        unit = "coins"  # spot has no contracts
    # Coins in an inverse contract depend on the price of each trade, which a bar does not hold.
    size = options.contract_size(venue, traded.base) if traded.kind != "inverse" else None
    return _Series(
        venue=venue,
        coin=coin,
        symbol=traded.symbol,
        interval_ms=interval_ms(file, path.name, options, bars["timestamp"]),
        coins_per_unit={"coins": 1.0, "contracts": size}.get(str(unit)),
        unit=unit,
    )


def _volume_warning(series: _Series) -> str | None:
    venue = series.venue
    if series.unit is None:
        return f"{venue}'s unit is unknown (state it: --volume-unit {venue}=coins)"
    if series.unit == "contracts" and series.coins_per_unit is None:
        return (
            f"{venue} counts contracts, of unstated size "
            f"(state it: --contract-size {venue}:COIN=SIZE)"
        )
    return None


def _rows(bars: pl.DataFrame, series: _Series, *, spot: bool) -> pl.DataFrame:
    factor, volume = series.coins_per_unit, pl.col("volume")
    return rows(
        bars,
        venue=series.venue,
        symbol=series.symbol,
        event_time=bar_end("timestamp", series.interval_ms),
        source="candles",
        precedence=5,
        price_type="spot" if spot else "last",
        interval_ms=series.interval_ms,
        **{price.name: pl.col(price.name) for price in PRICES},
        volume=pl.lit(None) if factor is None else volume * factor,
        quote_volume=volume if series.unit == "quote" else pl.lit(None),
    )
