"""Instruments: one name for a contract on every venue.

In:  what a person typed or a venue sent (``BTC``, ``BTCUSDT``, ``BTC-USDT-SWAP``).
Out: an `Instrument` with the unified (ccxt-style) name and the venue's own.
Pure: no I/O, no clock, no global state.

Unified names: ``BTC/USDT:USDT`` is a linear perpetual settled in USDT, ``BTC/USD:BTC`` an inverse
one settled in BTC, ``BTC/USDT`` the spot pair. A bare coin (``BTC``) is the venue's main linear
perpetual; in the lake it also names series summed over a coin's contracts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from forcedflow.errors import UsageError

ContractKind: TypeAlias = Literal["linear", "inverse", "spot"]

VENUES: tuple[str, ...] = (
    "binance",
    "bybit",
    "okx",
    "gate",
    "kucoin",
    "mexc",
    "bitget",
    "hyperliquid",
    "dydx",
)
"""Venues whose symbol grammar is known. Lake rows may carry others."""

_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD")
_UNIFIED = re.compile(
    r"^(?P<base>[A-Z0-9]+)/(?P<quote>[A-Z0-9]+)(?::(?P<settle>[A-Z0-9]+))?$", re.IGNORECASE
)


class Instrument(msgspec.Struct, frozen=True):
    """One tradable contract of one venue.

    Parameters
    ----------
    venue : str
        Lower-case venue id, such as ``binance``.
    base, quote : str
        Base coin and quote coin.
    settle : str, optional
        Coin that margin and profit are in; ``None`` for spot.
    tick_size : float, optional
        Smallest price step, ``None`` where it was not fetched. [quote per base]
    contract_size : float
        Base coins per contract (linear, spot) or quote units per contract (inverse).
    """

    venue: str
    base: str
    quote: str
    settle: str | None
    tick_size: float | None = None
    contract_size: float = 1.0

    @property
    def kind(self) -> ContractKind:
        """Whether profit is linear in price, inverse, or the pair is spot."""
        if self.settle is None:
            return "spot"
        return "inverse" if self.settle == self.base else "linear"

    @property
    def symbol(self) -> str:
        """Return the unified name."""
        pair = f"{self.base}/{self.quote}"
        return pair if self.settle is None else f"{pair}:{self.settle}"

    @property
    def venue_symbol(self) -> str:
        """Return the venue's own name."""
        return to_venue_symbol(self)


def parse_symbol(text: str, venue: str = "binance") -> Instrument:
    """Return the instrument that a person or a venue means by ``text``.

    Parameters
    ----------
    text : str
        A unified name, the venue's own name, or a bare coin.
    venue : str
        Lower-case venue id.

    Returns
    -------
    Instrument
        Tick and contract size are left at their defaults; the venue's instruments fill them.

    Raises
    ------
    UsageError
        If ``text`` is no name that the venue uses.

    Examples
    --------
    >>> parse_symbol("BTC").symbol, parse_symbol("BTCUSD_PERP").symbol
    ('BTC/USDT:USDT', 'BTC/USD:BTC')
    >>> parse_symbol("ETH-USDT-SWAP", "okx").symbol, parse_symbol("XBTUSDTM", "kucoin").symbol
    ('ETH/USDT:USDT', 'BTC/USDT:USDT')
    """
    name = text.strip()
    # Hyperliquid alone tells kPEPE from KPEPE; no coin of it is all small letters.
    has_case = venue == "hyperliquid"
    if has_case and name.islower():
        name = name.upper()
    if matched := _UNIFIED.match(name):
        base = matched["base"] if has_case else matched["base"].upper()
        settle = matched["settle"]
        return Instrument(venue, base, matched["quote"].upper(), settle and settle.upper())
    if parsed := _from_venue_symbol(name, venue):
        return parsed
    if re.fullmatch(r"[A-Za-z0-9]{1,15}", name):
        # BTCUSDT is what most people write, also of venues that write BTC-USDT-SWAP.
        if not has_case and (parsed := _joined(venue, name.upper())):
            return parsed
        settle = "USDC" if has_case else "USDT"
        return Instrument(venue, name if has_case else name.upper(), settle, settle)
    raise UsageError(
        f"{text!r} is no symbol that {venue} uses\n"
        "hint: write BTC, the venue's own name (BTCUSDT) or the unified one (BTC/USDT:USDT)"
    )


def to_venue_symbol(instrument: Instrument) -> str:  # noqa: PLR0911 - one return per venue
    """Return the name under which the venue lists ``instrument``.

    Examples
    --------
    >>> [to_venue_symbol(parse_symbol("BTC", v)) for v in ("binance", "okx", "gate", "kucoin")]
    ['BTCUSDT', 'BTC-USDT-SWAP', 'BTC_USDT', 'XBTUSDTM']
    """
    base, quote, spot = instrument.base, instrument.quote, instrument.settle is None
    match instrument.venue:
        case "okx":
            return f"{base}-{quote}" if spot else f"{base}-{quote}-SWAP"
        case "gate":
            return f"{base}_{quote}"
        case "mexc":
            return f"{base}{quote}" if spot else f"{base}_{quote}"
        case "kucoin":
            coin = "XBT" if base == "BTC" else base
            return f"{base}-{quote}" if spot else f"{coin}{quote}M"
        case "hyperliquid":
            return f"{base}/{quote}" if spot else base
        case "dydx":
            return f"{base}-USD"
        case "binance":
            return f"{base}{quote}_PERP" if instrument.kind == "inverse" else f"{base}{quote}"
        case "bybit" | "bitget":
            return f"{base}PERP" if instrument.settle == "USDC" else f"{base}{quote}"
        case _:
            return f"{base}{quote}"


def _from_venue_symbol(name: str, venue: str) -> Instrument | None:
    grammar = _GRAMMARS.get(venue)
    found = grammar(name.upper()) if grammar else None
    # A grammar only splits; what it splits off must be coins.
    return found if found and found.base.isalnum() and found.quote.isalnum() else None


def _perpetual(venue: str, base: str, quote: str) -> Instrument:
    return Instrument(venue, base, quote, base if quote == "USD" else quote)


def _joined(venue: str, name: str) -> Instrument | None:
    """Split ``BTCUSDT``: the longest known quote at the end."""
    for quote in _QUOTES:
        if name.endswith(quote) and len(name) > len(quote):
            return _perpetual(venue, name[: -len(quote)], quote)
    return None


def _binance(name: str) -> Instrument | None:
    coin_margined = re.fullmatch(r"([A-Z0-9]+)USD_PERP", name)
    if coin_margined:
        return _perpetual("binance", coin_margined[1], "USD")
    return _joined("binance", name)


def _perp_in_usdc(venue: str) -> Callable[[str], Instrument | None]:
    """Return the grammar of venues that call ``BTC/USDC:USDC`` ``BTCPERP``."""

    def parse(name: str) -> Instrument | None:
        usdc = re.fullmatch(r"([A-Z0-9]+)PERP", name)
        return Instrument(venue, usdc[1], "USDC", "USDC") if usdc else _joined(venue, name)

    return parse


def _okx(name: str) -> Instrument | None:
    parts = name.split("-")
    if len(parts) == 3 and parts[2] == "SWAP":
        return _perpetual("okx", parts[0], parts[1])
    return Instrument("okx", parts[0], parts[1], None) if len(parts) == 2 else None


def _underscored(venue: str) -> Callable[[str], Instrument | None]:
    def parse(name: str) -> Instrument | None:
        parts = name.split("_")
        return _perpetual(venue, parts[0], parts[1]) if len(parts) == 2 else _joined(venue, name)

    return parse


def _kucoin(name: str) -> Instrument | None:
    if not name.endswith("M"):
        return None
    found = _joined("kucoin", name[:-1])
    if found is None:
        return None
    return _perpetual("kucoin", "BTC" if found.base == "XBT" else found.base, found.quote)


def _dydx(name: str) -> Instrument | None:
    # Prices are in dollars, margin and profit in USDC.
    joined = None if name.endswith("-USD") else _joined("dydx", name)
    if joined is not None and joined.quote not in {"USD", "USDC"}:
        return joined
    base = name.removesuffix("-USD") if joined is None else joined.base
    return Instrument("dydx", base, "USDC", "USDC")


_GRAMMARS: dict[str, Callable[[str], Instrument | None]] = {
    "binance": _binance,
    "bybit": _perp_in_usdc("bybit"),
    "okx": _okx,
    "gate": _underscored("gate"),
    "mexc": _underscored("mexc"),
    "kucoin": _kucoin,
    "bitget": _perp_in_usdc("bitget"),
    "dydx": _dydx,
    "sandbox": lambda name: _joined("sandbox", name),
    "sandbox-sampled": lambda name: _joined("sandbox-sampled", name),
    "sandbox-dark": lambda name: _joined("sandbox-dark", name),
}
