"""Names of Binance's public archive: which market, dataset, symbol and interval a file holds.

In:  a path and what was stated.   Out: an `ArchiveName`.
Pure: the path is only read as text.

The archive writes ``data/{spot|futures/um|futures/cm}/{daily|monthly}/{type}/{SYMBOL}[/{interval}]/
{SYMBOL}-{type|interval}-{date}.zip``. Bars carry their interval in place of their type, so a bar
file outside those folders needs its type and market stated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.importers.options import ImportOptions

VisionMarket: TypeAlias = Literal["spot", "um", "cm"]

BAR_DATASETS = ("klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines")
DATASETS = (*BAR_DATASETS, "metrics", "fundingRate", "bookDepth", "aggTrades")
"""Datasets that are read; the archive has others."""

_NAME = re.compile(
    r"^(?P<symbol>[A-Z0-9]+(?:_[A-Z0-9]+)?)-(?P<what>[A-Za-z0-9]+)"
    r"-(?P<date>\d{4}-\d{2}(?:-\d{2})?)\.(?:zip|csv)$"
)
_INTERVAL = re.compile(r"^(?:\d+[smhdw]|1mo)$")
_DELIVERY = re.compile(r"_\d{6}$")

# Archive symbols always name their quote; no ending of this list ends another one before it.
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD1", "BTC", "ETH", "BNB", "EUR", "TRY")


@dataclass(frozen=True, slots=True)
class ArchiveName:
    """What the name and folders of an archive file say.

    ``interval`` is set for bars only. ``date`` is the day or month as written (``2025-12-01``,
    ``2025-12``). ``delivery`` contracts are futures with an end date.
    """

    symbol: str
    market: VisionMarket
    dataset: str
    interval: str | None
    date: str
    delivery: bool

    @property
    def instrument(self) -> Instrument:
        """Return the perpetual or spot pair that the symbol names.

        Raises
        ------
        UsageError
            If its quote coin is not known.
        """
        if self.market == "cm":
            return parse_symbol(self.symbol, "binance")
        quote = self._quote()
        if quote is None:
            raise UsageError(f"{self.symbol}: its quote coin is none of {', '.join(_QUOTES)}")
        base = self.symbol.removesuffix(quote)
        return Instrument("binance", base, quote, None if self.market == "spot" else quote)

    @property
    def has_known_quote(self) -> bool:
        """Return whether the symbol can be split into base and quote."""
        return self.market == "cm" or self._quote() is not None

    def _quote(self) -> str | None:
        ends = (quote for quote in _QUOTES if self.symbol.endswith(quote))
        return next((quote for quote in ends if len(self.symbol) > len(quote)), None)


def is_archive_name(path: Path) -> bool:
    """Return whether a file's name is of the archive's form and of a dataset that is read."""
    matched = _NAME.match(path.name)
    return matched is not None and (
        matched["what"] in DATASETS or _INTERVAL.match(matched["what"]) is not None
    )


def parse_archive_name(path: Path, options: ImportOptions) -> ArchiveName:
    """Return what a path says about its content.

    Parameters
    ----------
    path : Path
        Path of the file; its folders are those of the archive, or `options` say more.
    options : ImportOptions
        ``market`` and ``dataset`` fill what the path leaves open.

    Returns
    -------
    ArchiveName

    Raises
    ------
    UsageError
        If the name is not of the archive's form, the dataset is not one that is read, or the path
        leaves dataset or market open and no option states it.
    """
    matched = _NAME.match(path.name)
    if matched is None:
        raise UsageError(
            f"{path}: not a file name of Binance's archive\n"
            "hint: keep the archive's own names, such as BTCUSDT-metrics-2025-12-01.zip"
        )
    what, folders = matched["what"], path.parts[:-1]
    interval = what if _INTERVAL.match(what) else None
    dataset = _dataset_of_bars(path, folders, options) if interval else what
    if dataset not in DATASETS:
        raise UsageError(f"{path}: {dataset} is not read\nhint: read are {', '.join(DATASETS)}")
    return ArchiveName(
        symbol=matched["symbol"],
        market=_market(path, folders, matched["symbol"], dataset, options),
        dataset=dataset,
        interval=interval,
        date=matched["date"],
        delivery=_DELIVERY.search(matched["symbol"]) is not None,
    )


def _dataset_of_bars(path: Path, folders: tuple[str, ...], options: ImportOptions) -> str:
    found = [folder for folder in folders if folder in BAR_DATASETS]
    if found:
        return found[-1]
    if options.dataset in BAR_DATASETS:
        return str(options.dataset)
    raise UsageError(
        f"{path}: the path does not say which bars these are\n"
        f"hint: --dataset klines (or {', '.join(BAR_DATASETS[1:])})"
    )


def _market(
    path: Path, folders: tuple[str, ...], symbol: str, dataset: str, options: ImportOptions
) -> VisionMarket:
    for folder in reversed(folders):
        match folder:
            case "spot" | "um" | "cm":
                return folder
            case _:
                continue
    match options.market:
        case "spot" | "um" | "cm" as stated:
            return stated
        case "perp":
            return "cm" if "USD_" in symbol else "um"
        case None:
            pass
    if "USD_" in symbol:
        return "cm"
    # Spot has bars and trades only, so these can be nothing else.
    if dataset not in {"klines", "aggTrades"}:
        return "um"
    raise UsageError(
        f"{path}: the path does not say whether this is spot or a perpetual\n"
        "hint: --market um (USD-M), cm (COIN-M) or spot"
    )
