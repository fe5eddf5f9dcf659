"""Contracts of Binance: which market lists one, and what its quantities are worth.

In:  an `Instrument`, quantities as the venue counts them.   Out: base coins and USD.
Pure: no I/O, no clock, no global state.

USD-M and spot count base coins; COIN-M counts contracts of a fixed number of dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.venues.binance.spec import Market

_MARKETS: dict[str, Market] = {"linear": "um", "inverse": "cm", "spot": "spot"}


@dataclass(frozen=True, slots=True)
class Contract:
    """What parsers need to know of an instrument, computed once.

    Parameters
    ----------
    symbol : str
        Unified symbol.
    name : str
        The venue's symbol.
    market : {"um", "cm", "spot"}
        Where it is listed.
    usd_size : float, optional
        Dollars per contract, of COIN-M only. [USD]
    """

    symbol: str
    name: str
    market: Market
    usd_size: float | None

    @property
    def pair(self) -> str:
        """Return the name of its index, which COIN-M statistics go by."""
        return self.name.removesuffix("_PERP")

    def coins(self, quantity: float, price: float) -> float:
        """Return a quantity in base coins."""
        return quantity if self.usd_size is None else quantity * self.usd_size / price

    def usd(self, quantity: float, price: float) -> float:
        """Return a quantity in quote coins, which count as dollars."""
        return quantity * (price if self.usd_size is None else self.usd_size)

    def levels(self, levels: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
        """Return book levels of (price, quantity) with their quantities in base coins."""
        if self.usd_size is None:
            return levels
        return [(price, quantity * self.usd_size / price) for price, quantity in levels]


def contract_of(instrument: Instrument) -> Contract:
    """Return the contract that an instrument is.

    Raises
    ------
    UsageError
        If it is a COIN-M contract whose size was not fetched: its quantities would be off by as
        much.

    Examples
    --------
    >>> contract = contract_of(Instrument("binance", "BTC", "USD", "BTC", contract_size=100.0))
    >>> contract.name, contract.coins(3, 60_000), contract.usd(3, 60_000)
    ('BTCUSD_PERP', 0.005, 300.0)
    """
    market = _MARKETS[instrument.kind]
    # The venue's sizes are 100 and 10 dollars; 1 is what a name alone leaves.
    if market == "cm" and instrument.contract_size == 1.0:
        raise UsageError(
            f"the contract size of {instrument.symbol} is not known\n"
            "hint: take the instrument from the venue's own list"
        )
    size = instrument.contract_size if market == "cm" else None
    return Contract(instrument.symbol, instrument.venue_symbol, market, size)
