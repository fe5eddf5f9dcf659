"""What can go wrong between a venue and the lake, and what is held when it does.

In:  nothing.   Out: the declared matrix, faults × venues, and how tests take a row of it.
Free of sockets: the tests named after a fault bring it about; the page of the matrix is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import pytest

_Test = TypeVar("_Test", bound=Callable[..., object])

VENUES: Final = (
    "binance",
    "bybit",
    "gate",
    "hyperliquid",
    "kucoin",
    "mexc",
    "okx",
    "bitget",
    "dydx",
)

EXACT = "rows exact"


@dataclass(frozen=True, slots=True)
class Fault:
    """One misfortune.

    Parameters
    ----------
    name : str
        What it is called.
    happens : str
        What is done to the messages, in words.
    held : mapping of str to str
        What is promised of the rows, by venue; a venue left out cannot suffer it.
    """

    name: str
    happens: str
    held: Mapping[str, str]


def _everywhere(held: str) -> dict[str, str]:
    return dict.fromkeys(VENUES, held)


_ALL: Final = (
    Fault(
        "normal day",
        "trades, liquidations, bars, open interest, funding and books, in order",
        {
            "binance": f"{EXACT}; linear and inverse in base coins",
            "bybit": f"{EXACT}; linear and inverse in base coins; open interest one-sided",
            "gate": f"{EXACT}; contracts in base coins; sides from orders; open interest one-sided",
            "hyperliquid": f"{EXACT}; open interest one-sided",
            "mexc": f"{EXACT}; contracts in base coins; no liquidations printed",
            "kucoin": f"{EXACT}; contracts in base coins; no liquidations printed",
            "okx": f"{EXACT}; contracts in base coins; open interest one-sided",
            "dydx": f"{EXACT}; liquidations are trades too; open interest one-sided; no books",
            "bitget": f"{EXACT}; liquidations' values in base coins; open interest one-sided",
        },
    ),
    Fault(
        "burst",
        "5,000 frames in one second: liquidations, on Hyperliquid trades and positions",
        {
            "binance": EXACT,
            "bybit": EXACT,
            "gate": EXACT,
            "hyperliquid": f"{EXACT}; positions of every account that traded",
            "mexc": f"{EXACT}: trades, as no liquidations are printed",
            "kucoin": f"{EXACT}: trades, as no liquidations are printed",
            "dydx": EXACT,
            "okx": EXACT,
            "bitget": EXACT,
        },
    ),
    Fault(
        "disconnect mid-burst",
        "the socket is reset half way through; the rest happens while nobody listens",
        {
            "binance": "first half exact; lost liquidations reported as a gap;"
            " trades repaired by REST",
            "bybit": "first half exact; lost liquidations reported as a gap;"
            " trades repaired by REST as far as its last thousand reach, else reported",
            "gate": "first half exact; lost liquidations reported as a gap;"
            " trades repaired by REST",
            "hyperliquid": "first half exact; lost trades reported as a gap",
            "mexc": "first half exact; lost trades reported as a gap, as its last hundred"
            " do not reach so far",
            "kucoin": "first half exact; lost trades reported as a gap, as its last hundred"
            " do not reach so far",
            "dydx": "first half exact; lost trades and the liquidations among them repaired by"
            " REST",
            "okx": "first half exact; lost liquidations reported as a gap, of which the venue"
            " repeats the last; trades repaired by REST as far as a few thousand reach,"
            " else reported",
            "bitget": "first half exact; lost liquidations reported as a gap;"
            " trades repaired by REST",
        },
    ),
    Fault("duplicates", "every frame comes twice", _everywhere(f"{EXACT}; none twice")),
    Fault("reordering", "frames come in another order", _everywhere(EXACT)),
    Fault("empty arrays", "frames that hold no entry", _everywhere(f"{EXACT}; no error")),
    Fault(
        "malformed JSON",
        "torn and senseless frames between good ones",
        _everywhere(f"{EXACT}; the torn ones counted and kept raw"),
    ),
    Fault("unknown fields", "every object has fields of tomorrow", _everywhere(EXACT)),
    Fault("gzip'd frames", "messages come as compressed binary frames", _everywhere(EXACT)),
    Fault(
        "permessage-deflate",
        "the connection compresses its messages, as every fake here does",
        _everywhere(EXACT),
    ),
    Fault(
        "429 with Retry-After",
        "HTTP asks for a pause",
        _everywhere(f"{EXACT}; nothing asked before its time"),
    ),
    Fault(
        "418",
        "HTTP bans the address for longer than we wait",
        _everywhere("reported at once, never asked again before its time; streams go on"),
    ),
    Fault("451", "HTTP refuses the country", _everywhere("reported as blocked; others go on")),
    Fault("403", "HTTP refuses the address", _everywhere("reported as blocked; others go on")),
    Fault(
        "half-open socket",
        "the socket stays open and dead",
        {
            "binance": "made anew; lost liquidations reported as a gap; trades repaired by REST",
            "bybit": "made anew; lost liquidations reported as a gap; trades repaired by REST",
            "gate": "made anew; lost liquidations reported as a gap; trades repaired by REST",
            "hyperliquid": "made anew; lost trades reported as a gap",
            "mexc": "made anew; lost trades reported as a gap",
            "kucoin": "made anew; lost trades reported as a gap",
            "dydx": "made anew; lost trades and the liquidations among them repaired by REST",
            "okx": "made anew; lost liquidations reported as a gap, of which the venue repeats"
            " the last; trades repaired by REST",
            "bitget": "made anew; lost liquidations reported as a gap; trades repaired by REST",
        },
    ),
    Fault(
        "gap in the book",
        "one change of the book never comes",
        {
            "binance": "no false book kept; healed by a REST snapshot",
            "bybit": "no false book kept; healed by a REST snapshot",
            "gate": "no false book kept; healed by a REST snapshot",
            "hyperliquid": f"{EXACT}: each message is the whole book",
            "mexc": "no false book kept; healed by a REST snapshot",
            "kucoin": "no false book kept; healed by a REST snapshot",
            "okx": "no false book kept; healed by a REST snapshot under the changes held",
            "bitget": "no false book kept; healed by a REST snapshot under the changes held,"
            " as far as that reaches",
        },
    ),
)

FAULTS: Final = {fault.name: fault for fault in _ALL}
"""Every fault by name."""


def fault(name: str) -> Callable[[_Test], _Test]:
    """Run a test once for each venue that the fault can befall, as ``venue``."""
    return pytest.mark.parametrize(
        "venue", [pytest.param(v, id=f"{name}-{v}") for v in FAULTS[name].held]
    )
