"""What a person states about files that do not say it themselves.

In:  options as typed.   Out: a frozen `ImportOptions` and its fingerprint.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import msgspec

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

Market: TypeAlias = Literal["perp", "spot", "um", "cm"]
VolumeUnit: TypeAlias = Literal["coins", "contracts", "quote"]
RateUnit: TypeAlias = Literal["percent", "fraction"]

_INTERVAL_MS = {
    "s": SECOND_MS,
    "m": MINUTE_MS,
    "h": HOUR_MS,
    "d": DAY_MS,
    "w": 7 * DAY_MS,
}


class ImportOptions(msgspec.Struct, frozen=True):
    """What is said on the command line because the file cannot say it.

    Parameters
    ----------
    venue : str, optional
        Lower-case venue id of rows that name none.
    coin : str, optional
        Coin or symbol of rows that name none.
    market : {"perp", "spot", "um", "cm"}, optional
        Market of prices: perpetual or spot; ``um`` and ``cm`` are Binance's USD-M and COIN-M.
    dataset : str, optional
        What a file holds where its name and columns leave it open, such as ``funding``.
    interval : str, optional
        Length of a bar, such as ``1h``.
    table : str, optional
        Declared table of a file that is already in this package's own schema.
    volume_units : tuple of (str, str)
        Unit of volumes, open interest and liquidations per venue: coins, contracts or quote.
    contract_sizes : tuple of (str, str, float)
        Venue, coin and size of one contract. [base coins; USD for inverse contracts]
    rate_unit : {"percent", "fraction"}, optional
        Unit of funding rates where the vendor does not document it.
    """

    venue: str | None = None
    coin: str | None = None
    market: Market | None = None
    dataset: str | None = None
    interval: str | None = None
    table: str | None = None
    volume_units: tuple[tuple[str, VolumeUnit], ...] = ()
    contract_sizes: tuple[tuple[str, str, float], ...] = ()
    rate_unit: RateUnit | None = None

    def volume_unit(self, venue: str) -> VolumeUnit | None:
        """Return the stated unit of ``venue``, or ``None``."""
        return dict(self.volume_units).get(venue)

    def contract_size(self, venue: str, coin: str) -> float | None:
        """Return the stated contract size of ``coin`` on ``venue``, or ``None``."""
        sizes = {(named, base.upper()): size for named, base, size in self.contract_sizes}
        return sizes.get((venue, coin.upper()))

    @property
    def interval_ms(self) -> int | None:
        """Return the stated bar length in milliseconds, or ``None``."""
        return None if self.interval is None else parse_interval(self.interval)

    def fingerprint(self) -> str:
        """Return the same text for the same options: with the content, it names one import."""
        stated = {field: value for field, value in msgspec.structs.asdict(self).items() if value}
        return msgspec.json.encode(stated, order="sorted").decode()


def parse_interval(text: str) -> int:
    """Return the length of a bar in milliseconds.

    Raises
    ------
    UsageError
        If ``text`` is no interval of fixed length.

    Examples
    --------
    >>> parse_interval("5m"), parse_interval("1d")
    (300000, 86400000)
    """
    matched = re.fullmatch(r"([1-9]\d*)([smhdw])", text.strip())
    if matched is None:
        raise UsageError(f"{text!r} is no bar length\nhint: --interval 1h (or 30s, 5m, 1d, 1w)")
    return int(matched[1]) * _INTERVAL_MS[matched[2]]


def parse_volume_unit(text: str) -> tuple[str, VolumeUnit]:
    """Return venue and unit of ``venue=coins|contracts|quote``.

    Raises
    ------
    UsageError
        If ``text`` is not of that form.
    """
    venue, _, unit = text.partition("=")
    match unit.strip():
        case "coins" | "contracts" | "quote" as known if venue.strip():
            return venue.strip().lower(), known
        case _:
            raise UsageError(
                f"{text!r} states no unit\n"
                "hint: --volume-unit kraken=coins (or contracts, or quote for money)"
            )


def parse_contract_size(text: str) -> tuple[str, str, float]:
    """Return venue, coin and size of ``venue:coin=size``.

    Raises
    ------
    UsageError
        If ``text`` is not of that form or the size is not a positive number.
    """
    matched = re.fullmatch(r"\s*([A-Za-z0-9]+):([A-Za-z0-9]+)=([0-9.eE+-]+)\s*", text)
    try:
        size = float(matched[3]) if matched else 0.0
    except ValueError:
        size = 0.0
    if matched is None or not 0.0 < size < float("inf"):
        raise UsageError(f"{text!r} states no contract size\nhint: --contract-size okx:BTC=0.01")
    return matched[1].lower(), matched[2], size
