"""Coinalyze: hourly CSV of Binance's perpetual, and stored replies of its API.

In:  start times in seconds or text; sizes in coins.   Out: declared tables.
Pure: no I/O, no clock, no global state.

Liquidations come in coins; their dollars are coins times the bar's close, for want of the price of
each. A reply does not say whether it was asked for in coins or in dollars, so that is an option.

References
----------
.. [1] Coinalyze API, "OHLCV / Open Interest / Liquidation / Long-Short Ratio History";
   api.coinalyze.net/v1/doc, shapes as documented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from forcedflow.errors import DamagedFileError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.importers.bars import PRICES, bar_end, interval_ms, refuse_impossible
from forcedflow.venues.importers.columns import Field, read_columns
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.parsed import Parsed, rows, settle
from forcedflow.venues.importers.symbols import instrument_in_file
from forcedflow.venues.importers.totals import liquidation_rows
from forcedflow.venues.importers.vendor_file import frame_of_records, read_csv, read_json

_PRECEDENCE = 4  # below the venue's own archive and candles, above vendors that only resell value
_VENUES = {"A": "binance", "6": "bybit", "3": "okx"}
_RATIO_DELAY_MS = 5 * MINUTE_MS


def read_coinalyze(path: Path, data: bytes, options: ImportOptions) -> Parsed:
    """Return the rows of one file.

    Parameters
    ----------
    path : Path
        Where the file is.
    data : bytes
        The hourly CSV (``ts`` is the start of the bar, ``coin`` a perpetual of Binance), or a JSON
        reply ``[{"symbol": "BTCUSDT_PERP.A", "history": [{"t": seconds, ...}]}]``.
    options : ImportOptions
        For replies: ``dataset`` where open interest and funding look alike, ``volume_units`` for
        open interest and liquidations, ``rate_unit`` for funding, ``interval`` where one bar does
        not tell, ``venue`` for exchange codes that are not known.

    Returns
    -------
    Parsed
        Rows of klines, open_interest, long_short_ratio, liquidation_totals and funding.

    Raises
    ------
    DamagedFileError
        If a value is not what its column declares.
    UsageError
        If the file needs an option to say what it is about.
    """
    file = str(path)
    if path.suffix.lower() == ".json":
        return _replies(path, read_json(file, data), options)
    raw = read_csv(file, data)
    frames: dict[str, list[pl.DataFrame]] = {}
    fields = [
        Field("ts", "time"),
        Field("coin", "text"),
        *PRICES,
        Field("volume", unsigned=True),
        Field("buy_volume", unsigned=True),
        Field("trades", "count", required=False, unsigned=True),
        Field("oi_close", required=False, unsigned=True),
        Field("ls_ratio", required=False, unsigned=True),
        Field("liq_long_coins", required=False, unsigned=True),
        Field("liq_short_coins", required=False, unsigned=True),
        Field("liq_row_present", "flag"),
    ]
    table = read_columns(file, raw, fields)
    refuse_impossible(file, table)
    for bars in table.partition_by("coin", maintain_order=True):
        instrument = instrument_in_file(file, "coin", str(bars["coin"][0]), "binance")
        length = interval_ms(file, path.name, options, bars["ts"])
        for name, parts in _hourly(bars, instrument, length).items():
            frames.setdefault(name, []).extend(parts)
    return settle(file, frames)


def _hourly(
    bars: pl.DataFrame, instrument: Instrument, length: int
) -> dict[str, list[pl.DataFrame]]:
    closed = bars.filter(
        pl.col("liq_row_present")
        & pl.col("liq_long_coins").is_not_null()
        & pl.col("liq_short_coins").is_not_null()
    )
    coins = (pl.col("liq_long_coins"), pl.col("liq_short_coins"))
    return {
        "klines": [
            _klines(
                bars.rename({"ts": "start"}),
                instrument,
                length,
                volume=pl.col("volume"),
                taker_buy_volume=pl.col("buy_volume"),
                trade_count=pl.col("trades"),
            )
        ],
        "open_interest": [
            rows(
                bars.filter(pl.col("oi_close").is_not_null()),
                venue=instrument.venue,
                symbol=instrument.symbol,
                event_time=bar_end("ts", length),
                source="coinalyze",
                precedence=_PRECEDENCE,
                open_interest=pl.col("oi_close"),
            )
        ],
        "long_short_ratio": [_ratio(bars, "ts", "ls_ratio", instrument, length)],
        "liquidation_totals": liquidation_rows(
            closed,
            venue=instrument.venue,
            symbol=instrument.symbol,
            event_time=bar_end("ts", length),
            interval_ms=length,
            source="coinalyze",
            precedence=_PRECEDENCE,
            usd=(coins[0] * pl.col("close"), coins[1] * pl.col("close")),
            coins=coins,
        ),
    }


def _replies(path: Path, document: Any, options: ImportOptions) -> Parsed:
    file = str(path)
    if not isinstance(document, list):
        raise DamagedFileError(file, 'is no reply; expected [{"symbol": ..., "history": [...]}]')
    frames: dict[str, list[pl.DataFrame]] = {}
    for number, entry in enumerate(document, start=1):
        if not isinstance(entry, Mapping) or not {"symbol", "history"} <= set(entry):
            raise DamagedFileError(file, "has no symbol and history", row=number)
        raw = frame_of_records(file, entry["history"])
        if raw.is_empty():
            continue
        instrument = _instrument(file, str(entry["symbol"]), options)
        name, frame = _history(file, path, raw, instrument, options)
        frames.setdefault(name, []).extend(frame)
    return settle(file, frames)


def _instrument(file: str, text: str, options: ImportOptions) -> Instrument:
    """Split ``BTCUSDT_PERP.A``: pair, whether perpetual, exchange code."""
    name, _, code = text.partition(".")
    venue = options.venue or _VENUES.get(code)
    if venue is None:
        raise UsageError(f"{file}: exchange code {code!r} is not known\nhint: --venue bybit")
    matched = re.fullmatch(r"([A-Z0-9]+?)(USDT|USDC|USD)(_PERP)?", name)
    if matched is None:
        raise DamagedFileError(
            file, f"{text!r} is no symbol of a perpetual or pair", field="symbol"
        )
    base, quote, perpetual = matched.groups()
    if perpetual is None and options.market is None:
        raise UsageError(
            f"{file}: {text} does not say spot or perpetual\nhint: --market perp (or spot)"
        )
    if options.market == "spot":
        return Instrument(venue, base, quote, None)
    return Instrument(venue, base, quote, base if quote == "USD" else quote)


def _history(
    file: str, path: Path, raw: pl.DataFrame, instrument: Instrument, options: ImportOptions
) -> tuple[str, list[pl.DataFrame]]:
    start = read_columns(file, raw, [Field("t", "time")])["t"]
    length = interval_ms(file, path.name, options, start)
    keys = set(raw.columns)
    if {"o", "h", "l", "c", "v"} <= keys:
        return "klines", [_ohlcv(file, raw, instrument, length)]
    if "r" in keys:
        table = read_columns(file, raw, [Field("t", "time"), Field("r", unsigned=True)])
        return "long_short_ratio", [_ratio(table, "t", "r", instrument, length)]
    if {"o", "h", "l", "c"} <= keys:
        return _open_interest_or_funding(file, raw, instrument, length, options)
    if {"l", "s"} <= keys:
        return "liquidation_totals", _liquidations(file, raw, instrument, length, options)
    raise DamagedFileError(file, f"keys are those of no known history: {', '.join(raw.columns)}")


def _ohlcv(file: str, raw: pl.DataFrame, instrument: Instrument, length: int) -> pl.DataFrame:
    names = {"t": "start", "o": "open", "h": "high", "l": "low", "c": "close"}
    if instrument.kind == "inverse":
        raise UsageError(f"{file}: volume of {instrument.symbol} is in contracts and is not read")
    table = read_columns(
        file,
        raw.rename(names),
        [
            Field("start", "time"),
            *PRICES,
            Field("v", unsigned=True),
            Field("bv", required=False, unsigned=True),
            Field("tx", "count", required=False, unsigned=True),
        ],
    )
    refuse_impossible(file, table)
    return _klines(
        table,
        instrument,
        length,
        volume=pl.col("v"),
        taker_buy_volume=pl.col("bv"),
        trade_count=pl.col("tx"),
    )


def _klines(
    table: pl.DataFrame, instrument: Instrument, length: int, **volumes: pl.Expr
) -> pl.DataFrame:
    return rows(
        table,
        venue=instrument.venue,
        symbol=instrument.symbol,
        event_time=bar_end("start", length),
        source="coinalyze",
        precedence=_PRECEDENCE,
        price_type="spot" if instrument.kind == "spot" else "last",
        interval_ms=length,
        **{price.name: pl.col(price.name) for price in PRICES},
        **volumes,
    )


def _ratio(
    table: pl.DataFrame, start: str, ratio: str, instrument: Instrument, length: int
) -> pl.DataFrame:
    return rows(
        table.filter(pl.col(ratio).is_not_null()),
        venue=instrument.venue,
        symbol=instrument.symbol,
        event_time=bar_end(start, length),
        available_time=bar_end(start, length + _RATIO_DELAY_MS),
        source="coinalyze",
        precedence=_PRECEDENCE,
        kind="accounts",
        interval_ms=length,
        ratio=pl.col(ratio),
    )


def _open_interest_or_funding(
    file: str, raw: pl.DataFrame, instrument: Instrument, length: int, options: ImportOptions
) -> tuple[str, list[pl.DataFrame]]:
    table = read_columns(file, raw, [Field("t", "time"), Field("c")])
    columns: dict[str, pl.Expr]
    match options.dataset:
        case "open_interest":
            unit = options.volume_unit(instrument.venue)
            if unit not in {"coins", "quote"}:
                raise _unit_needed(file, instrument.venue, "open interest")
            column = "open_interest" if unit == "coins" else "open_interest_usd"
            columns = {column: pl.col("c")}
        case "funding":
            if options.rate_unit is None:
                raise UsageError(
                    f"{file}: a reply does not say the unit of its rates\n"
                    "hint: --rate-unit percent (or fraction)"
                )
            scale = 0.01 if options.rate_unit == "percent" else 1.0
            columns = {"kind": pl.lit("predicted"), "funding_rate": pl.col("c") * scale}
        case _:
            raise UsageError(
                f"{file}: holds o, h, l, c, which open interest and funding share\n"
                "hint: --dataset open_interest (or funding)"
            )
    frame = rows(
        table,
        venue=instrument.venue,
        symbol=instrument.symbol,
        event_time=bar_end("t", length),
        source="coinalyze",
        precedence=_PRECEDENCE,
        available_time=None,
        **columns,
    )
    return str(options.dataset), [frame]


def _liquidations(
    file: str, raw: pl.DataFrame, instrument: Instrument, length: int, options: ImportOptions
) -> list[pl.DataFrame]:
    if options.volume_unit(instrument.venue) != "quote":
        # Coins alone cannot be valued: a reply of liquidations holds no price.
        raise UsageError(
            f"{file}: liquidations are read in dollars only\n"
            f"hint: ask for convert_to_usd=true, then --volume-unit {instrument.venue}=quote"
        )
    fields = [Field("t", "time"), Field("l", unsigned=True), Field("s", unsigned=True)]
    return liquidation_rows(
        read_columns(file, raw, fields),
        venue=instrument.venue,
        symbol=instrument.symbol,
        event_time=bar_end("t", length),
        interval_ms=length,
        source="coinalyze",
        precedence=_PRECEDENCE,
        usd=(pl.col("l"), pl.col("s")),
    )


def _unit_needed(file: str, venue: str, what: str) -> UsageError:
    return UsageError(
        f"{file}: a reply does not say the unit of its {what}\n"
        f"hint: --volume-unit {venue}=coins (or quote, if asked for with convert_to_usd=true)"
    )
